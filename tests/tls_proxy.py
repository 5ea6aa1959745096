"""TLS and a password in front of a server, as an administrator sets them up; and who has none."""

import base64
import http.client
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

from tests.http_server import Handler, serving

_KEPT = ("content-type", "content-encoding")
USER, PASSWORD = "lecteur", "mot-de-passe-inavouable"


@dataclass(slots=True)
class Seen:
    """The proxy's port, and the requests that it received."""

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

    class Relay(Handler):
        protocol_version = "HTTP/1.1"
        methods = ("GET", "PUT", "POST", "HEAD", "DELETE")

        def answer(self) -> None:
            body = self.read()
            seen.lines.append(f"{self.command} {self.path} {self.headers} {body!r}")
            if to:
                self.say(307, b"", {"Location": f"{to}{self.path}"})
            elif password and self.headers.get("Authorization") != expected:
                seen.refused += 1
                self.say(401, b"Unauthorized", {"WWW-Authenticate": "Basic"})
            else:
                seen.authorized += 1
                self._pass_on(body)

        def _pass_on(self, body: bytes) -> None:
            line = http.client.HTTPConnection(str(place.hostname), place.port, timeout=60)
            headers = {n: v for n, v in self.headers.items() if n.lower() != "authorization"}
            line.request(self.command, self.path, body, headers)
            answer = line.getresponse()
            kept = {n: v for n, v in answer.getheaders() if n.lower() in _KEPT}
            self.say(answer.status, answer.read(), kept)
            line.close()

    with serving(Relay, certificate=certificate) as seen.url:
        yield seen
