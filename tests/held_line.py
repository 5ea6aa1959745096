"""A proxy to the engine that holds requests back and delivers them later on demand."""

import contextlib
import re
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import urlsplit

_PIECE = 65_536
_KEPT_OPEN = re.compile(rb"(?i)\r\nconnection:[^\r]*")
_LENGTH = re.compile(rb"(?i)content-length: *(\d+)")


class HeldLine:
    """Passes whole requests on, one at a time; `hold(n)` keeps the next n bulk requests."""

    def __init__(self, url: str) -> None:
        address = urlsplit(url)
        self._engine = (str(address.hostname), int(address.port or 80))
        self._listening = socket.create_server(("127.0.0.1", 0))
        self._to_hold = 0
        self._held: list[bytes] = []
        self._seen = threading.Condition()
        threading.Thread(target=self._accept, daemon=True).start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._listening.getsockname()[1]}"

    @property
    def held(self) -> int:
        """The number of requests that are held back."""
        return len(self._held)

    def hold(self, requests: int) -> None:
        """Their senders hear nothing, as where the line broke behind them."""
        with self._seen:
            self._to_hold = requests

    def deliver(self) -> list[int]:
        """Send on what is held, in its order; gives the status that each was answered with."""
        with self._seen:
            held, self._held, self._to_hold = self._held, [], 0
        statuses = []
        for request in held:
            answer = self._asked(request)
            assert answer, "the engine said nothing"
            statuses.append(int(answer.split(b" ", 2)[1]))
        return statuses

    def close(self) -> None:
        with contextlib.suppress(OSError):
            self._listening.shutdown(socket.SHUT_RDWR)
        self._listening.close()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                client, _ = self._listening.accept()
                threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client: socket.socket) -> None:
        with client, contextlib.suppress(OSError):
            while request := _message(client):
                if self._holds(request):
                    return  # the line breaks
                client.sendall(self._asked(request))

    def _holds(self, request: bytes) -> bool:
        with self._seen:
            if not self._to_hold or b"/_bulk" not in request.split(b"\r\n", 1)[0]:
                return False
            self._to_hold -= 1
            self._held.append(request)
            return True

    def _asked(self, request: bytes) -> bytes:
        head, _, body = request.partition(b"\r\n\r\n")
        with socket.create_connection(self._engine) as engine:
            engine.sendall(_KEPT_OPEN.sub(b"", head) + b"\r\nConnection: close\r\n\r\n" + body)
            answer = b""
            while piece := engine.recv(_PIECE):
                answer += piece
        return answer


def _message(client: socket.socket) -> bytes:
    """One whole request; empty where there is none."""
    said = b""
    while b"\r\n\r\n" not in said:
        piece = client.recv(_PIECE)
        if not piece:
            return b""
        said += piece
    head, _, body = said.partition(b"\r\n\r\n")
    found = _LENGTH.search(head)
    wanted = int(found[1]) if found else 0
    while len(body) < wanted:
        piece = client.recv(_PIECE)
        if not piece:
            return b""
        body += piece
    return head + b"\r\n\r\n" + body


@contextmanager
def held_line(url: str) -> Iterator[HeldLine]:
    """A line to that engine, closed afterwards."""
    line = HeldLine(url)
    try:
        yield line
    finally:
        line.close()
