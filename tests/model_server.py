"""A server with the OpenAI chat API that records requests and gives wrong answers on demand."""

import contextlib
import json
import re
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from tests.http_server import Handler, serving

PASSAGE = re.compile(r"<<(\w+) passage (\d+)>>\n(.*)\n([\s\S]*?)\n<<\1 fin>>")


def event(text: str, reason: str | None = None) -> bytes:
    """One event of a stream."""
    choice = {"index": 0, "delta": {"content": text}, "finish_reason": reason}
    return f"data: {json.dumps({'choices': [choice]})}\n\n".encode()


def streamed(text: str) -> Iterator[bytes]:
    """An honest stream of a text, a few characters at a time."""
    yield from (event(text[at : at + 7]) for at in range(0, len(text), 7))
    yield event("", "stop")
    yield b"data: [DONE]\n\n"


@dataclass(slots=True)
class ModelServer:
    """Chooses the first sentence of each passage, until a test says otherwise.

    `answer` returns the body's pieces from the request; `hang` keeps the line open after them.
    """

    url: str = ""
    answer: Callable[[str], Iterator[bytes]] = lambda asked: streamed(chosen(asked))
    status: int = 200
    kind: str = "text/event-stream"
    headers: dict[str, str] = field(default_factory=dict)
    hang: bool = False
    asked: list[dict[str, Any]] = field(default_factory=list)
    sent: list[str] = field(default_factory=list)
    over: threading.Event = field(default_factory=threading.Event)
    left: threading.Event = field(default_factory=threading.Event)

    @property
    def texts(self) -> list[str]:
        """The content of all messages of each request."""
        return ["\n".join(one["content"] for one in body["messages"]) for body in self.asked]

    def says(self, *texts: str) -> None:
        """Answer each next request with the next of these texts, and the last one from then on."""
        left = list(texts)
        self.answer = lambda asked: streamed(left.pop(0) if len(left) > 1 else left[0])


def passages_in(asked: str) -> list[tuple[int, str]]:
    """(number, text) of each passage of a request."""
    return [(int(number), text) for _, number, _, text in PASSAGE.findall(asked)]


def chosen(asked: str) -> str:
    """The number of the first sentence of each passage; 0 without any."""
    numbers = [
        match[1] for _, text in passages_in(asked) if (match := re.match(r"\[(\d+)\]", text))
    ]
    return ", ".join(numbers[:6]) or "0"


@contextmanager
def model_server() -> Iterator[ModelServer]:
    """One that answers on a free port of loopback; gone after use."""
    one = ModelServer()

    class Answers(Handler):
        methods = ("POST",)

        def answer(self) -> None:
            read = self.read()
            one.sent.append(f"{self.path}\n{self.headers}\n{read.decode()}")
            one.asked.append(json.loads(read))
            self.send_response(one.status)
            self.send_header("Content-Type", one.kind)
            for name, value in one.headers.items():
                self.send_header(name, value)
            self.end_headers()
            with contextlib.suppress(OSError):
                for piece in one.answer(one.texts[-1]):
                    self.wfile.write(piece)
                    self.wfile.flush()
                while one.hang and not one.over.wait(0.05):
                    self.wfile.write(b": ping\n\n")
                return
            one.left.set()

    with serving(Answers) as origin:
        one.url = f"{origin}/v1"
        try:
            yield one
        finally:
            one.over.set()
