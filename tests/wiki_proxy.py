"""A door before the wiki that can be made to misbehave: slow down, lie, hang, cut, lead astray."""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from urllib.parse import parse_qsl, urlsplit

import httpx

from tests.http_server import Handler, serving

Asked = Mapping[str, str]
"""The parameters of a request; `path` is its path."""


@dataclass(frozen=True)
class Said:
    """What the door answers in the wiki's place; `promised` bytes more than it gives."""

    body: bytes = b""
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    promised: int = 0
    hangs_s: float = 0.0
    trickles: bool = False


Fault = Callable[[Asked], Said | None]


@dataclass
class Door:
    """The wiki as seen through the door; `fault` says what goes wrong, None: nothing."""

    url: str
    fault: Fault = lambda asked: None
    asked: list[Asked] = field(default_factory=list)


class Doorkeeper(Handler):
    """Answers in the wiki's place, or asks the wiki."""

    protocol_version = "HTTP/1.1"
    methods = ("GET", "POST")
    door: Door
    wiki_url: str
    cookies: Sequence[str] = ()

    def answer(self) -> None:
        body = self.read()
        address = urlsplit(self.path)
        asked = dict(parse_qsl(address.query)) | dict(parse_qsl(body.decode()))
        asked["path"] = address.path
        self.door.asked.append(asked)
        said = self.door.fault(asked)
        self._say(said if said is not None else self._from_the_wiki(body))

    def _from_the_wiki(self, body: bytes) -> Said:
        kept = {n: v for n, v in self.headers.items() if n in ("Cookie", "Content-Type")}
        answer = httpx.request(
            self.command, self.wiki_url.rstrip("/") + self.path, content=body, headers=kept,
            trust_env=False, timeout=60,
        )  # fmt: skip
        told = ("Content-Type", "Retry-After", "X-Database-Lag")
        self.cookies = answer.headers.get_list("Set-Cookie")
        headers = {name: answer.headers[name] for name in told if name in answer.headers}
        return Said(answer.content, answer.status_code, headers)

    def _say(self, said: Said) -> None:
        time.sleep(said.hangs_s)
        self.send_response(said.status)
        for name, value in said.headers.items():
            self.send_header(name, value)
        for cookie in self.cookies:
            self.send_header("Set-Cookie", cookie)
        self.send_header("Content-Length", str(len(said.body) + said.promised))
        self.send_header("Connection", "close")
        self.end_headers()
        pieces = [bytes([byte]) for byte in said.body] if said.trickles else [said.body]
        for piece in pieces:
            time.sleep(0.05 if said.trickles else 0)
            self.wfile.write(piece)

    def handle(self) -> None:
        with suppress(OSError):  # the reader had enough
            super().handle()


@contextmanager
def door_before(wiki_url: str) -> Iterator[Door]:
    """A door on a port of its own."""
    door = Door("")
    keeper = type("Keeper", (Doorkeeper,), {"door": door, "wiki_url": wiki_url})
    with serving(keeper) as origin:
        door.url = f"{origin}/"
        yield door
