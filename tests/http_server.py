"""A small HTTP server of a test's own, in its process and on loopback."""

import ssl
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any


class Handler(BaseHTTPRequestHandler):
    """Answers requests of its `methods`; reads and says in one call each, and prints nothing."""

    methods: tuple[str, ...] = ("GET",)

    def answer(self) -> None:
        raise NotImplementedError

    def _asked(self) -> None:
        self.answer() if self.command in self.methods else self.say(501)

    do_GET = do_HEAD = do_POST = do_PUT = do_DELETE = _asked  # noqa: N815 - named by the library

    def read(self) -> bytes:
        return self.rfile.read(int(self.headers.get("Content-Length") or 0))

    def say(
        self, status: int = 200, body: bytes = b"", headers: Mapping[str, str] | None = None
    ) -> None:
        self.send_response(status)
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        with suppress(OSError):  # who asked had enough
            if self.command != "HEAD":
                self.wfile.write(body)

    def log_message(self, *_: object) -> None: ...


@contextmanager
def serving(
    handler: Callable[..., Any], port: int = 0, certificate: Path | None = None
) -> Iterator[str]:
    """Serve until the block ends; yields the origin. By TLS where a certificate is given."""
    server = ThreadingHTTPServer(("127.0.0.1", port), handler)
    if certificate:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate)
        server.socket = context.wrap_socket(
            server.socket, server_side=True, do_handshake_on_connect=False
        )
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    try:
        yield f"{'https' if certificate else 'http'}://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
