"""A line to a server that gives so many bytes of its answers, and then is cut or falls silent."""

import contextlib
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field


@dataclass
class Relay:
    """Whoever asks at `port`; `most_bytes` pass, over all connections; `hangs` or is cut then."""

    target_port: int
    host: str = "127.0.0.1"
    most_bytes: int | None = None
    hangs: bool = False
    passed: int = 0
    _over: threading.Event = field(default_factory=threading.Event)
    _listening: socket.socket = field(
        default_factory=lambda: socket.create_server(("127.0.0.1", 0))
    )

    @property
    def port(self) -> int:
        return int(self._listening.getsockname()[1])

    def serve(self) -> None:
        while not self._over.is_set():
            with contextlib.suppress(OSError):
                client, _ = self._listening.accept()
                threading.Thread(target=self._relay, args=(client,), daemon=True).start()

    def close(self) -> None:
        self._over.set()
        self._listening.close()

    def _relay(self, client: socket.socket) -> None:
        with (
            contextlib.suppress(OSError),
            client,
            socket.create_connection((self.host, self.target_port)) as server,
        ):
            asking = threading.Thread(target=self._ask, args=(client, server), daemon=True)
            asking.start()
            while piece := server.recv(4096):
                if self.most_bytes is not None:
                    piece = piece[: self.most_bytes - self.passed]
                self.passed += len(piece)
                if piece:
                    client.sendall(piece)
                if self.passed == self.most_bytes:
                    if self.hangs:
                        self._over.wait(30)
                    # Not only closed: the other thread still waits on it.
                    client.shutdown(socket.SHUT_RDWR)
                    return

    def _ask(self, client: socket.socket, server: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while piece := client.recv(4096):
                server.sendall(piece)


@contextmanager
def relay(target_port: int, host: str = "127.0.0.1") -> Iterator[Relay]:
    """A relay on a port of its own, closed afterwards."""
    line = Relay(target_port, host)
    threading.Thread(target=line.serve, daemon=True).start()
    try:
        yield line
    finally:
        line.close()
