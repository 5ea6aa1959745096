"""A small real server of files, as an application that pushes their addresses has one."""

import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


@dataclass(frozen=True, slots=True)
class Given:
    """What a path gives."""

    body: bytes
    media_type: str = "application/pdf"
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass
class FileServer:
    """`given` is what each path gives, 404 for any other.

    `asked` is the path and `Authorization` of each request.
    """

    given: dict[str, Given] = field(default_factory=dict)
    asked: list[tuple[str, str]] = field(default_factory=list)
    port: int = 0

    @property
    def origin(self) -> str:
        """As the settings name it."""
        return f"http://127.0.0.1:{self.port}"


@contextmanager
def served_files() -> Iterator[FileServer]:
    """On loopback, on a port of its own, in this process."""
    files = FileServer()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            files.asked.append((self.path, self.headers.get("Authorization", "")))
            found = files.given.get(self.path, Given(b"", status=404))
            self.send_response(found.status)
            for name, value in found.headers.items():
                self.send_header(name, value)
            self.send_header("Content-Type", found.media_type)
            self.send_header("Content-Length", str(len(found.body)))
            self.end_headers()
            with suppress(OSError):  # who asked had enough
                self.wfile.write(found.body)

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    files.port = server.server_port
    threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    try:
        yield files
    finally:
        server.shutdown()
        server.server_close()
