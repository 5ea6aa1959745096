"""TLS and a password in front of a server, as an administrator sets them up; and who has none."""

import base64
import http.client
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import urlsplit

_KEPT = ("content-type", "content-encoding")
USER, PASSWORD = "lecteur", "mot-de-passe-inavouable"


@dataclass(slots=True)
class Seen:
    """Where it listens, and what it was asked."""

    url: str = ""
    authorized: int = 0
    refused: int = 0
    lines: list[str] = field(default_factory=list)


@contextmanager
def in_front_of(
    upstream: str, certificate: Path | None, *, password: str = PASSWORD, to: str = ""
) -> Iterator[Seen]:
    """Serve `upstream`, by TLS where a certificate is given, to who has the password.

    With `to` every answer is a redirection there, headers and all.
    """
    seen, place = Seen(), urlsplit(upstream)
    expected = "Basic " + base64.b64encode(f"{USER}:{password}".encode()).decode()

    class Relay(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def relay(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            seen.lines.append(f"{self.command} {self.path} {self.headers} {body!r}")
            if to:
                self._say(307, b"", {"Location": f"{to}{self.path}"})
            elif password and self.headers.get("Authorization") != expected:
                seen.refused += 1
                self._say(401, b"Unauthorized", {"WWW-Authenticate": "Basic"})
            else:
                seen.authorized += 1
                self._pass_on(body)

        do_GET = do_PUT = do_POST = do_HEAD = do_DELETE = relay  # noqa: N815

        def _pass_on(self, body: bytes) -> None:
            line = http.client.HTTPConnection(str(place.hostname), place.port, timeout=60)
            headers = {n: v for n, v in self.headers.items() if n.lower() != "authorization"}
            line.request(self.command, self.path, body, headers)
            answer = line.getresponse()
            kept = {n: v for n, v in answer.getheaders() if n.lower() in _KEPT}
            self._say(answer.status, answer.read(), kept)
            line.close()

        def _say(self, status: int, body: bytes, headers: dict[str, str]) -> None:
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(body)

        def log_message(self, *_: object) -> None: ...

    server = ThreadingHTTPServer(("127.0.0.1", 0), Relay)
    server.daemon_threads = True
    if certificate:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate)
        server.socket = context.wrap_socket(
            server.socket, server_side=True, do_handshake_on_connect=False
        )
    seen.url = f"{'https' if certificate else 'http'}://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    try:
        yield seen
    finally:
        server.shutdown()
        server.server_close()
