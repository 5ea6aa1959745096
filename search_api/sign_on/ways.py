"""The ways to say who asks, tried in order; the first that a request uses decides alone.

A token that is not believed is nobody: it never falls back on a cookie of somebody else's.
"""

from collections.abc import Callable, Sequence
from datetime import date

from fastapi import Request

from indexer.access import Reader
from search_api.identity.identify import TOKEN_COOKIE
from search_api.identity.readers import Agents, reader_of
from search_api.identity.tokens import Tokens
from search_api.problems import Problem
from search_api.sign_on.cookies import Cookies
from search_api.sign_on.errors import ProviderUnreachable
from search_api.sign_on.identified import Identified, Way
from search_api.sign_on.personal_tokens import PREFIX, SqlPersonalTokens
from search_api.sign_on.sessions import SqlSessions
from search_api.sign_on.signed_header import SignedHeader

Identify = Callable[[Request], Identified | None]
"""None: the request says nothing in this way."""


def bearer(
    tokens: Tokens, personal: SqlPersonalTokens | None, now_s: Callable[[], int]
) -> Identify:
    """`Authorization: Bearer …`, with a personal token or one that `quisait token` signed."""

    def identify(request: Request) -> Identified | None:
        scheme, _, token = request.headers.get("authorization", "").strip().partition(" ")
        if scheme.lower() != "bearer":
            return None
        token = token.strip()
        if token.startswith(PREFIX):
            agent_id = personal.agent_id(token) if personal else None
            return Identified(agent_id, Way.PERSONAL_TOKEN)
        return Identified(tokens.agent_id(token, now_s()), Way.SIGNED_TOKEN)

    return identify


def signed_header(header: SignedHeader) -> Identify:
    """What the reverse proxy signed; keys out of reach are a problem 503."""

    def identify(request: Request) -> Identified | None:
        sent = request.headers.getlist(header.rules.name)
        if not sent:
            return None
        try:
            # Two of them: one may have slipped past the proxy.
            agent_id = header.agent_id(sent[0].strip()) if len(sent) == 1 else None
        except ProviderUnreachable as error:
            raise Problem(503, str(error), code="provider_unreachable") from None
        return Identified(agent_id, Way.SIGNED_HEADER)

    return identify


def session_cookie(sessions: SqlSessions, cookies: Cookies) -> Identify:
    """The session that the browser's cookie names; one that ended says nothing."""

    def identify(request: Request) -> Identified | None:
        session_id = cookies.session_of(request)
        session = sessions.find(session_id) if session_id else None
        return Identified(session.agent_id, Way.SESSION, session) if session else None

    return identify


def token_cookie(tokens: Tokens, now_s: Callable[[], int]) -> Identify:
    """A signed token in a cookie, as whatever authenticates in front may set it."""

    def identify(request: Request) -> Identified | None:
        token = request.cookies.get(TOKEN_COOKIE, "").strip()
        if not token:
            return None
        return Identified(tokens.agent_id(token, now_s()), Way.SIGNED_TOKEN)

    return identify


class IdentifiedReaders:
    """The reader of a request, found once for each."""

    def __init__(self, ways: Sequence[Identify], agents: Agents, today: Callable[[], date]) -> None:
        self._ways, self._agents, self._today = tuple(ways), agents, today

    def __call__(self, request: Request) -> Reader:
        """Who is named, in post today; else nobody. Raises `Problem` 503 as the ways do."""
        found: Reader | None = getattr(request.state, "reader", None)
        if found is None:
            who = next(filter(None, (way(request) for way in self._ways)), None)
            found = reader_of(who.agent_id if who else None, self._agents, self._today())
            request.state.reader = found
            request.state.identified = who if found.agent_id is not None else None
        return found
