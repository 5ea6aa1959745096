"""From a request to a reader: a signed token, or in the demo the agent that was chosen."""

from collections.abc import Callable
from datetime import date

from fastapi import Request

from indexer.access import NOBODY, Reader
from search_api.identity.authorities import Authorities
from search_api.identity.readers import Agents, reader_of
from search_api.identity.tokens import Tokens

DEMO_COOKIE = "quisait_demo_agent"
TOKEN_COOKIE = "quisait_token"  # noqa: S105 - a cookie's name
_LOOPBACK = frozenset({"127.0.0.1", "::1"})


class TokenReaders:
    """`Authorization: Bearer …`, or the same token in a cookie."""

    def __init__(
        self, tokens: Tokens, agents: Agents, now_s: Callable[[], int], today: Callable[[], date]
    ) -> None:
        self._tokens, self._agents = tokens, agents
        self._now_s, self._today = now_s, today

    def __call__(self, request: Request) -> Reader:
        """The reader that a valid token names, else nobody."""
        scheme, _, token = request.headers.get("authorization", "").partition(" ")
        if scheme.lower() != "bearer":
            token = request.cookies.get(TOKEN_COOKIE, "")
        agent_id = self._tokens.agent_id(token.strip(), self._now_s()) if token else None
        return reader_of(agent_id, self._agents, self._today())


def on_loopback(request: Request) -> bool:
    """Whether the request comes from this very machine."""
    return request.client is not None and request.client.host in _LOOPBACK


class DemoReaders:
    """Any fictional agent, for who sits at this very machine."""

    def __init__(self, agents: Agents, first: str, today: Callable[[], date]) -> None:
        self._agents, self._first, self._today = agents, first, today

    def __call__(self, request: Request) -> Reader:
        """The chosen agent on loopback, else nobody."""
        if not on_loopback(request):
            return NOBODY
        agent_id = request.cookies.get(DEMO_COOKIE, self._first)
        return reader_of(agent_id, self._agents, self._today())


class CompletedReaders:
    """Any other way of naming a reader, with what the authorities say of them."""

    def __init__(self, named: Callable[[Request], Reader], authorities: Authorities) -> None:
        self._named, self._authorities = named, authorities

    def __call__(self, request: Request) -> Reader:
        """The reader, completed once a request: each part of it sees the same rights."""
        reader = self._named(request)
        known: tuple[Reader, Reader] | None = getattr(request.state, "completed", None)
        if known is None or known[0] != reader:
            known = reader, self._authorities.complete(reader)
            request.state.completed = known
        return known[1]
