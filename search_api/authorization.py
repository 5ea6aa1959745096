"""Identification of readers, and requirements of routes: a role, or a person with a browser.

The methods of identification are tried in order. The first method that a request uses decides: no
later method is tried. An invalid token identifies nobody: it never falls back on another person's
cookie.

`require(Role.ANIMATOR)` is a dependency on a role; each access by a role is written to the audit
log first. `not_by_personal_token` refuses programs with a personal token.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from fastapi import Depends, Request

from indexer.access import Reader
from search_api.context import RoleHolder, note_refusal, open_by_role
from search_api.identity.identification import (
    Identification,
    IdentificationMethod,
    by_personal_token,
    identification_of,
)
from search_api.identity.principals import Role
from search_api.identity.readers import ReaderDirectory, reader_of
from search_api.identity.tokens import TOKEN_COOKIE, SignedTokens, bearer_token
from search_api.parameters import NamedReader
from search_api.problems import Problem
from search_api.services import services_of
from search_api.sign_on.errors import NotAnAgent, ProviderUnreachable
from search_api.sign_on.identification import SignedHeader
from search_api.sign_on.sessions import PREFIX, SignOnCookies, SqlPersonalTokens, SqlSessions

Identify = Callable[[Request], Identification | None]
"""Reads one method of identification from a request; returns None if the request does not use it.
"""


def bearer(
    tokens: SignedTokens, personal: SqlPersonalTokens | None, now_s: Callable[[], int]
) -> Identify:
    """Identify by `Authorization: Bearer …`: a personal token, or a token of `quisait token`."""

    def identify(request: Request) -> Identification | None:
        token = bearer_token(request)
        if token is None:
            return None
        if token.startswith(PREFIX):
            agent_id = personal.agent_id(token) if personal else None
            return Identification(agent_id, IdentificationMethod.PERSONAL_TOKEN)
        return Identification(tokens.agent_id(token, now_s()), IdentificationMethod.SIGNED_TOKEN)

    return identify


def signed_header(header: SignedHeader) -> Identify:
    """Identify by the header that the proxy signs; raise a problem 503 without its keys."""

    def identify(request: Request) -> Identification | None:
        sent = request.headers.getlist(header.rules.name)
        if not sent:
            return None
        try:
            # One of two headers may come from the sender instead of the proxy.
            agent_id = header.agent_id(sent[0].strip()) if len(sent) == 1 else None
        except NotAnAgent as error:
            request.state.not_an_agent = str(error)
            agent_id = None
        except ProviderUnreachable as error:
            raise Problem(503, str(error), code="provider_unreachable") from None
        return Identification(agent_id, IdentificationMethod.SIGNED_HEADER)

    return identify


def session_cookie(sessions: SqlSessions, cookies: SignOnCookies) -> Identify:
    """Identify by the session of the browser's cookie; an ended session identifies nobody."""

    def identify(request: Request) -> Identification | None:
        session_id = cookies.session_of(request)
        session = sessions.find(session_id) if session_id else None
        if session is None:
            return None
        return Identification(session.agent_id, IdentificationMethod.SESSION, session.key)

    return identify


def token_cookie(tokens: SignedTokens, now_s: Callable[[], int]) -> Identify:
    """Identify by a signed token in a cookie, which a proxy may set."""

    def identify(request: Request) -> Identification | None:
        token = request.cookies.get(TOKEN_COOKIE, "").strip()
        if not token:
            return None
        return Identification(tokens.agent_id(token, now_s()), IdentificationMethod.SIGNED_TOKEN)

    return identify


class IdentifiedReaders:
    """Finds the reader of a request, once per request."""

    def __init__(
        self, methods: Sequence[Identify], agents: ReaderDirectory, today: Callable[[], date]
    ) -> None:
        self._methods, self._agents, self._today = tuple(methods), agents, today

    def __call__(self, request: Request) -> Reader:
        """Return the identified reader if they are an agent in post, else a reader without an id.

        Raises a problem 503 if keys cannot be fetched.
        """
        found: Reader | None = getattr(request.state, "reader", None)
        if found is None:
            who = next(filter(None, (identify(request) for identify in self._methods)), None)
            found = reader_of(who.agent_id if who else None, self._agents, self._today())
            request.state.reader = found
            request.state.identified = who if found.agent_id is not None else None
        return found


def not_by_personal_token(request: Request, reader: NamedReader) -> None:
    """Raise a problem 403 for a personal token: a dependency of routes for persons only.

    So a stolen token can neither show nor change the data that is stored about its agent.
    """
    if by_personal_token(request):
        raise Problem(
            403,
            "Un jeton personnel ne donne pas accès à vos données : connectez-vous dans un "
            "navigateur.",
            code="in_person",
        )


IN_PERSON = [Depends(not_by_personal_token)]
"""Dependencies of routes for persons only."""


IN_PERSON_ONLY = "Un jeton personnel n’ouvre pas ce qu’un rôle ouvre : connectez-vous."


@dataclass(frozen=True, slots=True)
class RoleRequired:
    """Dependency on a role. `subject`: the path parameter with the id of the thing that is read."""

    role: Role
    subject: str = ""

    def __call__(self, request: Request, reader: NamedReader) -> RoleHolder:
        """Write the access to the audit log and return the holder of the role.

        Raises a problem: 401 for an unknown reader, 403 for a personal token; and the errors of
        `open_by_role`.
        """
        services = services_of(request)
        access = f"{request.method} {getattr(request.scope.get('route'), 'path', '')}"
        who = identification_of(request)
        if who and who.method is IdentificationMethod.PERSONAL_TOKEN:
            note_refusal(services, reader, self.role, access)
            raise Problem(403, IN_PERSON_ONLY, code="in_person")
        named = request.path_params.get(self.subject, "") if self.subject else ""
        subject = f"{self.subject}:{named}" if named else ""
        return open_by_role(services, reader, self.role, access, subject)


def require(role: Role, subject: str = "") -> Any:
    """Return a dependency on a role; see `RoleRequired`."""
    return Depends(RoleRequired(role, subject))
