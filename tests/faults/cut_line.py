"""A line to the engine that can be cut: a TCP relay on loopback whose faults a test chooses."""

import contextlib
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Literal
from urllib.parse import urlsplit

Fault = Literal["none", "refuse", "hang", "half", "garbage"]
_CHUNK = 65_536
_GARBAGE = b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: 14\r\n\r\n<html>502</htm"


class CutLine:
    """Passes bytes on until told otherwise; `after_requests` more requests pass first.

    `refuse` closes at once, `hang` takes the request and never answers, `half` gives the
    first half of the first piece of an answer, `garbage` answers without asking.
    """

    def __init__(self, url: str) -> None:
        address = urlsplit(url)
        self._engine = (str(address.hostname), int(address.port or 80))
        self._listening = socket.create_server(("127.0.0.1", 0))
        self._open: list[socket.socket] = []
        self._fault: Fault = "none"
        self._passing = 0
        self._over = threading.Event()
        threading.Thread(target=self._accept, daemon=True).start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._listening.getsockname()[1]}"

    def fail(self, fault: Fault, after_requests: int = 0) -> None:
        self._passing, self._fault = after_requests, fault
        if not after_requests:
            self._hang_up()

    def mend(self) -> None:
        self._fault = "none"
        self._hang_up()

    def close(self) -> None:
        self._over.set()
        self._listening.close()
        self._hang_up()

    def _hang_up(self) -> None:
        for line in self._open:
            with contextlib.suppress(OSError):
                line.shutdown(socket.SHUT_RDWR)
        self._open.clear()

    def _accept(self) -> None:
        while not self._over.is_set():
            with contextlib.suppress(OSError):
                client, _ = self._listening.accept()
                self._open.append(client)
                threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client: socket.socket) -> None:
        with client, contextlib.suppress(OSError), socket.create_connection(self._engine) as engine:
            self._open.append(engine)
            asking = threading.Thread(target=self._pass_on, args=(client, engine, self._asked))
            asking.start()
            self._pass_on(engine, client, self._answered)
            asking.join()

    def _pass_on(
        self, source: socket.socket, target: socket.socket, seen: Callable[[bytes], bytes | None]
    ) -> None:
        with contextlib.suppress(OSError):
            while piece := source.recv(_CHUNK):
                passed = seen(piece)
                if passed is None:
                    break
                target.sendall(passed)
        for line in (source, target):
            with contextlib.suppress(OSError):
                line.shutdown(socket.SHUT_RDWR)

    def _asked(self, piece: bytes) -> bytes | None:
        begins = piece.split(b" ", 1)[0] in (b"GET", b"POST", b"PUT", b"HEAD", b"DELETE")
        if self._fault == "none" or not begins:
            return piece
        self._passing -= 1
        if self._passing >= 0:
            return piece
        if self._fault == "refuse":
            return None
        if self._fault == "hang":
            self._over.wait(30)
            return None
        return piece

    def _answered(self, piece: bytes) -> bytes | None:
        if self._fault == "none" or self._passing >= 0:
            return piece
        if self._fault == "garbage":
            return _GARBAGE
        return piece[: len(piece) // 2]


@contextmanager
def cut_line(url: str) -> Iterator[CutLine]:
    """A relay to that engine, closed afterwards."""
    line = CutLine(url)
    try:
        yield line
    finally:
        line.close()
