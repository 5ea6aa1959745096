"""Signed tokens that name an agent, the readers of the demo, and readers with all principals."""

from collections.abc import Callable
from datetime import date

from fastapi import Request
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import OctKey

from connectors.options import LOOPBACK
from indexer.access import NOBODY, Reader
from search_api.identity.readers import Authorities, ReaderDirectory, reader_of

TOKEN_LIFE_S = 8 * 3600
"""Lifetime of a token in seconds: a working day."""


class SignedTokens:
    """Signed tokens (JWT, HS256) that name an agent; `quisait token` makes them.

    Raises `ValueError`, in French, if `key` has fewer than 32 bytes.
    """

    def __init__(self, key: str) -> None:
        if len(key.encode()) < 32:
            raise ValueError(
                "La clé des jetons manque, ou compte moins de 32 octets : réglez [server] "
                "token_key par un fichier de secrets (server__token_key) ou par "
                "QUISAIT_SERVER__TOKEN_KEY (« openssl rand -hex 32 » en fait une)."
            )
        self._key = OctKey.import_key(key)

    def make(self, agent_id: str, now_s: int, life_s: int = TOKEN_LIFE_S) -> str:
        """Return a token for an agent. `now_s` is in seconds since 1970."""
        claims = {"iss": "quisait", "sub": agent_id, "iat": now_s, "exp": now_s + life_s}
        return jwt.encode({"alg": "HS256"}, claims, self._key)

    def agent_id(self, token: str, now_s: int) -> str | None:
        """Return the agent's id in a valid token, else None."""
        try:
            claims = jwt.decode(token, self._key, algorithms=["HS256"]).claims
            rules = jwt.JWTClaimsRegistry(
                now=now_s,
                iss={"essential": True, "value": "quisait"},
                sub={"essential": True},
                exp={"essential": True},
            )
            rules.validate(claims)
        except (JoseError, ValueError):
            return None
        return str(claims["sub"])


DEMO_COOKIE = "quisait_demo_agent"
TOKEN_COOKIE = "quisait_token"  # noqa: S105 - a cookie's name


def bearer_token(request: Request) -> str | None:
    """Return the token in the header `Authorization: Bearer …`, None if there is no such header."""
    scheme, _, token = request.headers.get("authorization", "").strip().partition(" ")
    return token.strip() if scheme.lower() == "bearer" else None


def on_loopback(request: Request) -> bool:
    """Return whether the request comes from this machine."""
    return request.client is not None and request.client.host in LOOPBACK


class DemoReaders:
    """Identifies readers in the demo: a person at this machine chooses which agent they are.

    `agent_of` returns the id of the agent that a signed token names, None for an invalid token.
    """

    def __init__(
        self,
        agents: ReaderDirectory,
        first: str,
        today: Callable[[], date],
        agent_of: Callable[[str], str | None] = lambda _: None,
    ) -> None:
        self._agents, self._first, self._today, self._agent_of = agents, first, today, agent_of

    def __call__(self, request: Request) -> Reader:
        """Return the agent of the request's token or, without a token, the chosen agent.

        The reader is nobody for an invalid token, and for a request from another machine.
        """
        if not on_loopback(request):
            return NOBODY
        chosen, token = request.cookies.get(DEMO_COOKIE, self._first), bearer_token(request)
        agent_id = chosen if token is None else self._agent_of(token)
        return reader_of(agent_id, self._agents, self._today())


class CompletedReaders:
    """Readers identified by `named`, with the principals of every authority."""

    def __init__(self, named: Callable[[Request], Reader], authorities: Authorities) -> None:
        self._named, self._authorities = named, authorities

    def __call__(self, request: Request) -> Reader:
        """Return the reader.

        Their rights are completed once, and stay the same during the request.
        """
        reader = self._named(request)
        known: tuple[Reader, Reader] | None = getattr(request.state, "completed", None)
        if known is None or known[0] != reader:
            known = reader, self._authorities.complete(reader)
            request.state.completed = known
        return known[1]
