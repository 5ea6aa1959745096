"""Sign-on from the settings: provider, sessions, signed header, personal tokens."""

import sqlalchemy as sa

from quisait.application.oidc import open_keys, open_provider
from quisait.clock import now_s, today
from quisait.settings import Settings
from quisait.settings.types import seconds_of
from search_api.authorization import (
    IdentifiedReaders,
    bearer,
    session_cookie,
    signed_header,
    token_cookie,
)
from search_api.identity.readers import ReaderDirectory
from search_api.identity.tokens import SignedTokens
from search_api.sign_on.cookies import SignOnCookies
from search_api.sign_on.identification import (
    AgentRule,
    SignedHeader,
    SignedHeaderRules,
    SignOn,
    SignOnDirectory,
)
from search_api.sign_on.sessions import SessionLimits, SqlPersonalTokens, SqlSessions


def open_sign_on(settings: Settings, database: sa.Engine, known: SignOnDirectory) -> SignOn | None:
    """What the routes need, None where nobody signs on. Raises `ValueError` without an address."""
    if not settings.has_sign_on:
        return None
    asked = settings.sign_on
    return SignOn(
        address=asked.address,
        provider=open_provider(settings),
        sessions=open_sessions(settings, database),
        tokens=open_personal_tokens(settings, database),
        cookies=SignOnCookies(secure=asked.address.startswith("https://")),
        rule=agent_rule(settings),
        known=known,
        whom_to_ask=asked.whom_to_ask,
        now_s=now_s,
        today=today,
    )


def open_readers(
    settings: Settings, sign_on: SignOn, agents: ReaderDirectory, tokens: SignedTokens
) -> IdentifiedReaders:
    """The ways to say who asks, in the order in which they are believed."""
    ways = [bearer(tokens, sign_on.tokens, now_s)]
    if settings.signed_header.name:
        ways.append(signed_header(open_signed_header(settings, sign_on)))
    if sign_on.provider:
        ways.append(session_cookie(sign_on.sessions, sign_on.cookies))
    ways.append(token_cookie(tokens, now_s))
    return IdentifiedReaders(ways, agents, today)


def open_sessions(settings: Settings, database: sa.Engine) -> SqlSessions:
    """The sessions in the state's database, under the settings' limits."""
    asked = settings.sign_on
    limits = SessionLimits(seconds_of(asked.idle), seconds_of(asked.absolute))
    return SqlSessions(database, limits, now_s)


def open_personal_tokens(settings: Settings, database: sa.Engine) -> SqlPersonalTokens | None:
    """None where the settings allow none."""
    days = settings.sign_on.token_days
    return SqlPersonalTokens(database, days, now_s) if days else None


def agent_rule(settings: Settings) -> AgentRule:
    """Which agent the claims name."""
    asked = settings.sign_on
    return AgentRule(
        asked.claim,
        asked.agent_by,
        asked.account_source,
        {name: frozenset(values) for name, values in asked.accepted.items()},
        asked.email_trusted,
    )


def open_signed_header(settings: Settings, sign_on: SignOn) -> SignedHeader:
    """Raises `ValueError` where the file of its keys cannot be read."""
    asked = settings.signed_header
    rules = SignedHeaderRules(
        asked.name, asked.issuer, asked.audience, tuple(asked.algorithms), asked.skew_s
    )
    keys = open_keys(settings)
    return SignedHeader(rules, keys, sign_on.rule, sign_on.known, now_s, today)
