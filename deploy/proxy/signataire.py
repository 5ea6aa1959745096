"""Signs, for a reverse proxy that authenticated an agent, the header that quisait trusts.

nginx asks at a Unix socket with the agent's name in `X-Utilisateur`, and gets the signed token back
in `X-Agent`. Only this program's account and group may open the socket: give it nginx's group, and
nobody else's, since who opens the socket can sign for any agent. Apache starts this program itself
(`--map`, its RewriteMap), writes a name per line and reads a token per line. Run with the Python of
quisait, which has joserfc (docs/connexion.md).
"""

import argparse
import os
import sys
import time
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from socketserver import ThreadingMixIn, UnixStreamServer

from joserfc import jwt
from joserfc.jwk import ECKey

LIFE_S = 60
"""How long a token is valid; a request needs it for a moment."""


def token(key: ECKey, issuer: str, audience: str, agent: str) -> str:
    """Return the token that names an agent, signed by ES256."""
    now = int(time.time())
    claims = {"iss": issuer, "aud": audience, "uid": agent, "iat": now, "exp": now + LIFE_S}
    return jwt.encode({"alg": "ES256"}, claims, key)


class Signer(BaseHTTPRequestHandler):
    """Answers 204 with the token, or 401 where the proxy names nobody."""

    key: ECKey
    issuer: str
    audience: str

    def do_GET(self) -> None:
        """Sign for the agent that the proxy authenticated."""
        named = self.headers.get_all("X-Utilisateur") or []
        agent = named[0].strip() if len(named) == 1 else ""
        self.send_response(HTTPStatus.NO_CONTENT if agent else HTTPStatus.UNAUTHORIZED)
        if agent:
            self.send_header("X-Agent", token(self.key, self.issuer, self.audience, agent))
        self.end_headers()

    def address_string(self) -> str:
        """The name of the peer, which a Unix socket has not."""
        return "relais"

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - http.server's name
        """Log nothing: a line would name an agent at each request."""


class SignerServer(ThreadingMixIn, UnixStreamServer):
    """Answers several requests at once."""

    daemon_threads = True


def answer_lines() -> None:
    """Answer each line, an agent's name, with the token; `NULL` for a line that names nobody."""
    for line in sys.stdin:
        agent = line.strip()
        signed = token(Signer.key, Signer.issuer, Signer.audience, agent) if agent else "NULL"
        sys.stdout.write(f"{signed}\n")
        sys.stdout.flush()


def main() -> None:
    """Answer until the process is ended, or until Apache closes its end."""
    parser = argparse.ArgumentParser(description="Signe l'en-tête d'un relais qui authentifie.")
    way = parser.add_mutually_exclusive_group(required=True)
    way.add_argument("--socket", type=Path, help="socket Unix, au seul relais")
    way.add_argument("--map", action="store_true", help="pour RewriteMap d'Apache")
    parser.add_argument("--key", type=Path, required=True, help="clé privée EC P-256 (PEM)")
    parser.add_argument("--issuer", required=True, help="[signed_header] issuer")
    parser.add_argument("--audience", default="quisait", help="[signed_header] audience")
    given = parser.parse_args()
    Signer.key = ECKey.import_key(given.key.read_text("utf-8"))
    Signer.issuer, Signer.audience = given.issuer, given.audience
    if given.map:
        answer_lines()
        return
    given.socket.unlink(missing_ok=True)
    os.umask(0o117)  # its group, the proxy's, may connect, and nobody else
    with SignerServer(str(given.socket), Signer) as server:
        server.serve_forever()


if __name__ == "__main__":
    main()
