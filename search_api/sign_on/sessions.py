"""Sessions and personal tokens of agents, and the cookies of sessions and sign-on attempts."""

import base64
import hashlib
import hmac
import secrets
from collections.abc import Callable, Collection
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING

import sqlalchemy as sa

from indexer import sql
from indexer.state import digest

if TYPE_CHECKING:
    # Every command imports the tables below; these imports would cost it a second.
    from fastapi import Request, Response

    from search_api.sign_on.signed_tokens import ProviderLogout, ProviderSession

ATTEMPT_LIFE_S = 600
"""Time that a person has to sign on at the provider, in seconds."""
_MAX_BACK_BYTES = 1_500


@dataclass(frozen=True, slots=True)
class SignOnAttempt:
    """A sign-on attempt: its public id, the browser's secret, its start, the path to return to."""

    id: str
    secret: str
    begun_s: int
    back: str

    @property
    def state(self) -> str:
        """The `state` that the provider's answer must carry: `id.proof`, 66 characters."""
        return f"{self.id}.{self._derived('state')}"

    @property
    def nonce(self) -> str:
        """The `nonce` that the ID token must carry, 43 characters."""
        return self._derived("nonce")

    @property
    def verifier(self) -> str:
        """PKCE code verifier (RFC 7636), 43 characters."""
        return self._derived("verifier")

    def _derived(self, purpose: str) -> str:
        made = hmac.new(self.secret.encode(), purpose.encode(), hashlib.sha256).digest()
        return base64.urlsafe_b64encode(made).rstrip(b"=").decode()

    def cookie(self) -> str:
        """Return the value of the browser's cookie."""
        back = base64.urlsafe_b64encode(self.back.encode()).decode()
        return f"{self.secret}.{self.begun_s}.{back}"


def begin_attempt(back: str, now_s: int) -> SignOnAttempt:
    """Return a new attempt. `back`: a path of this site, replaced by `/` if it is very long."""
    kept = back if len(back.encode()) <= _MAX_BACK_BYTES else "/"
    return SignOnAttempt(secrets.token_urlsafe(16), secrets.token_urlsafe(32), now_s, kept)


def attempt_id(state: str) -> str:
    """Return the id of the attempt that a `state` belongs to."""
    return state.partition(".")[0]


def returned_attempt(state: str, cookie: str, now_s: int) -> SignOnAttempt | None:
    """Return the attempt that this browser began and `state` belongs to, or None."""
    secret, _, rest = cookie.partition(".")
    begun, _, back = rest.partition(".")
    try:
        path = base64.urlsafe_b64decode(back.encode()).decode()
        one = SignOnAttempt(attempt_id(state), secret, int(begun), path)
    except ValueError:
        return None
    if len(secret) < 32 or not hmac.compare_digest(one.state.encode(), state.encode()):
        return None
    return one if 0 <= now_s - one.begun_s <= ATTEMPT_LIFE_S else None


_MAX_ATTEMPTS = 8
"""Maximum number of attempt cookies in one browser; further attempts delete the oldest cookies."""


@dataclass(frozen=True, slots=True)
class SignOnCookies:
    """Sets, reads and deletes cookies. `secure`: the site uses https (RFC 6265bis, `__Host-`)."""

    secure: bool

    @property
    def session(self) -> str:
        """Name of the session's cookie."""
        return self._named("quisait_session")

    def _named(self, name: str) -> str:
        return f"__Host-{name}" if self.secure else name

    def _attempts(self) -> str:
        return self._named("quisait_sign_on_")

    def session_of(self, request: "Request") -> str:
        """Return the session id that the browser sent, or an empty text."""
        return request.cookies.get(self.session, "")

    def begin_session(self, response: "Response", session_id: str) -> None:
        """Set the session's cookie until the browser closes; the server may end it earlier."""
        self._set(response, self.session, session_id)

    def end_session(self, response: "Response") -> None:
        """Delete the session's cookie."""
        self._delete(response, self.session)

    def begin_attempt(self, request: "Request", response: "Response", one: SignOnAttempt) -> None:
        """Set the cookie of an attempt, and delete the oldest cookies above `_MAX_ATTEMPTS`."""
        before = [name for name in request.cookies if name.startswith(self._attempts())]
        for name in before[: max(0, len(before) - _MAX_ATTEMPTS + 1)]:
            self._delete(response, name)
        self._set(response, self._attempts() + one.id, one.cookie(), ATTEMPT_LIFE_S)

    def attempt_of(self, request: "Request", attempt: str) -> str:
        """Return the cookie of an attempt, or an empty text."""
        return request.cookies.get(self._attempts() + attempt, "")

    def end_attempt(self, request: "Request", response: "Response", attempt: str) -> None:
        """Delete the cookie of an attempt, if sent: an attempt is answered only once."""
        if (name := self._attempts() + attempt) in request.cookies:
            self._delete(response, name)

    def _set(self, response: "Response", name: str, value: str, life_s: int | None = None) -> None:
        response.set_cookie(
            name, value, max_age=life_s, secure=self.secure, httponly=True, samesite="lax"
        )

    def _delete(self, response: "Response", name: str) -> None:
        response.delete_cookie(name, secure=self.secure, httponly=True, samesite="lax")


metadata = sa.MetaData()

sessions = sa.Table(
    "sessions",
    metadata,
    sa.Column("key", sa.String(64), primary_key=True),
    sa.Column("agent_key", sa.String(64), nullable=False, index=True),
    sa.Column("agent_id", sa.Text, nullable=False),
    sa.Column("begun_s", sa.BigInteger, nullable=False),
    sa.Column("seen_s", sa.BigInteger, nullable=False),
    sa.Column("ends_s", sa.BigInteger, nullable=False),
    sa.Column("id_token", sa.Text, nullable=False),
    info={"gives_access": "sessions"},
)
provider_sessions = sa.Table(
    "sessions_at_provider",
    metadata,
    sa.Column("key", sa.String(64), primary_key=True),
    sa.Column("subject_key", sa.String(64), nullable=False, index=True),
    sa.Column("session_key", sa.String(64), nullable=False, index=True),
    info={"gives_access": "sessions"},
)
"""Digests of the provider's session for each session here; empty if the provider gave no id."""
logout_tokens = sa.Table(
    "logout_tokens",
    metadata,
    sa.Column("key", sa.String(64), primary_key=True),
    sa.Column("until_s", sa.BigInteger, nullable=False),
)
"""Digests of accepted logout tokens, kept as long as a token could be sent again."""
personal_tokens = sa.Table(
    "personal_tokens",
    metadata,
    sa.Column("key", sa.String(64), primary_key=True),
    sa.Column("agent_key", sa.String(64), nullable=False, index=True),
    sa.Column("agent_id", sa.Text, nullable=False),
    sa.Column("label", sa.Text, nullable=False),
    sa.Column("made", sa.Date, nullable=False),
    sa.Column("ends_s", sa.BigInteger, nullable=False),
    sa.Column("last_used", sa.Date),
    sa.Column("assistant", sa.Boolean, nullable=False, server_default=sa.false()),
    sa.Column("sources", sa.JSON(none_as_null=True)),
    sa.Column("spaces", sa.JSON(none_as_null=True)),
    info={"gives_access": "personal_tokens"},
)
"""An assistant's token only gives access to the assistants' tools, in `sources` and `spaces`; null
means all.
"""

SHORT_KEY_CHARS = 12
"""Characters of a digest that identify a session or a token in forms."""


MAX_SESSIONS = 20
"""Maximum number of sessions of one agent; a further session ends the oldest."""
SEEN_RESOLUTION_S = 60
"""Resolution of a session's last use, in seconds, so that not every request writes to the database.
"""


@dataclass(frozen=True, slots=True)
class SessionLimits:
    """Idle timeout and maximum age of a session, in seconds."""

    idle_s: float
    absolute_s: float


@dataclass(frozen=True, slots=True)
class Session:
    """A session. Times are seconds since 1970."""

    key: str
    agent_id: str
    begun_s: int
    seen_s: int
    id_token: str

    @property
    def short(self) -> str:
        """Identifier of the session in forms; it gives no access."""
        return self.key[:SHORT_KEY_CHARS]


class SqlSessions:
    """Creates, finds and ends sessions."""

    def __init__(self, engine: sa.Engine, limits: SessionLimits, now_s: Callable[[], int]) -> None:
        self._engine, self._limits, self._now_s = engine, limits, now_s

    def begin(
        self,
        agent_id: str,
        id_token: str = "",
        instead_of: str = "",
        provider_session: "ProviderSession | None" = None,
    ) -> str:
        """Create a session and return its id; the session `instead_of` ends.

        If the provider ends `provider_session`, this session ends too.
        """
        session_id, now_s = secrets.token_urlsafe(32), self._now_s()
        with self._engine.begin() as connection:
            connection.execute(sa.delete(sessions).where(self._over(now_s)))
            connection.execute(sa.delete(sessions).where(sessions.c.key == digest(instead_of)))
            _end_oldest(connection, agent_id, MAX_SESSIONS - 1)
            row = {
                "key": digest(session_id),
                "agent_key": digest(agent_id),
                "agent_id": agent_id,
                "begun_s": now_s,
                "seen_s": now_s,
                "ends_s": now_s + int(self._limits.absolute_s),
                "id_token": id_token,
            }
            connection.execute(sa.insert(sessions).values(row))
            _record_provider_session(connection, digest(session_id), provider_session)
        return session_id

    def find(self, session_id: str) -> Session | None:
        """Return the session with an id and mark it as used; None if it is unknown or has ended."""
        key, now_s = digest(session_id), self._now_s()
        alive = sa.select(sessions).where(sessions.c.key == key, ~self._over(now_s))
        row = sql.first(self._engine, alive)
        if row is None:
            return None
        if row["seen_s"] <= now_s - SEEN_RESOLUTION_S:
            used = sa.update(sessions).where(sessions.c.key == key)
            sql.execute(self._engine, used.values(seen_s=now_s))
        return sql.value(Session, row)

    def end(self, session_id: str) -> None:
        """End a session."""
        sql.execute(self._engine, sa.delete(sessions).where(sessions.c.key == digest(session_id)))

    def log_out(self, logout: "ProviderLogout") -> int | None:
        """End the sessions that the provider ended; return how many, None for a repeated token."""
        ended, now_s = logout.ended, self._now_s()
        matches = [
            column == _provider_digest(ended.issuer, name)
            for column, name in (
                (provider_sessions.c.subject_key, ended.subject),
                (provider_sessions.c.session_key, ended.session),
            )
            if name
        ]
        seen = {"key": _provider_digest(ended.issuer, logout.token_id), "until_s": logout.until_s}
        try:
            with self._engine.begin() as connection:
                connection.execute(sa.delete(logout_tokens).where(logout_tokens.c.until_s < now_s))
                connection.execute(sa.insert(logout_tokens).values(seen))
                keys = sa.select(provider_sessions.c.key).where(*matches)
                done = connection.execute(sa.delete(sessions).where(sessions.c.key.in_(keys)))
        except sa.exc.IntegrityError:
            return None
        return done.rowcount

    def of(self, agent_id: str = "") -> tuple[Session, ...]:
        """Return the open sessions of an agent, or all without an agent, latest use first."""
        query = sa.select(sessions).where(~self._over(self._now_s()))
        if agent_id:
            query = query.where(sessions.c.agent_key == digest(agent_id))
        order = (sessions.c.seen_s.desc(), sessions.c.key)
        return sql.values(self._engine, Session, query.order_by(*order))

    def revoke(self, agent_id: str, short: str) -> bool:
        """End one session of an agent; return whether it existed."""
        mine = sessions.c.agent_key == digest(agent_id)
        named = sa.func.substr(sessions.c.key, 1, SHORT_KEY_CHARS) == short
        return sql.execute(self._engine, sa.delete(sessions).where(mine, named)) > 0

    def revoke_all(self, agent_id: str = "", but: str = "") -> int:
        """End the sessions of an agent, or all, except the session with the key `but`.

        Return how many.
        """
        query = sa.delete(sessions).where(sessions.c.key != but)
        if agent_id:
            query = query.where(sessions.c.agent_key == digest(agent_id))
        return sql.execute(self._engine, query)

    def _over(self, now_s: int) -> sa.ColumnElement[bool]:
        idle = sessions.c.seen_s <= now_s - int(self._limits.idle_s)
        return sa.or_(sessions.c.ends_s <= now_s, idle)


def _end_oldest(connection: sa.Connection, agent_id: str, most: int) -> None:
    mine = sa.select(sessions.c.key).where(sessions.c.agent_key == digest(agent_id))
    keys = connection.execute(mine.order_by(sessions.c.seen_s.desc())).scalars().all()[most:]
    if keys:
        connection.execute(sa.delete(sessions).where(sessions.c.key.in_(keys)))


def _record_provider_session(
    connection: sa.Connection, key: str, provider_session: "ProviderSession | None"
) -> None:
    """Record the provider's session for a new session; delete records of ended sessions."""
    open_still = sa.select(sessions.c.key)
    connection.execute(
        sa.delete(provider_sessions).where(provider_sessions.c.key.not_in(open_still))
    )
    if provider_session:
        subject, session = (
            _provider_digest(provider_session.issuer, one)
            for one in (provider_session.subject, provider_session.session)
        )
        row = {"key": key, "subject_key": subject, "session_key": session}
        connection.execute(sa.insert(provider_sessions).values(row))


def _provider_digest(issuer: str, name: str) -> str:
    return digest(f"{issuer}\n{name}") if name else ""


PREFIX = "qsp_"
"""Prefix that distinguishes personal tokens from signed ones, and lets secret scanners find them.
"""
MAX_TOKENS = 20
"""Maximum number of tokens of one agent."""
MAX_LABEL_CHARS = 80
"""Maximum length of a token's label, in characters."""
DAY_S = 86_400


class TooManyTokens(ValueError):
    """Raised when an agent already has `MAX_TOKENS` tokens."""


@dataclass(frozen=True, slots=True)
class PersonalToken:
    """The stored data of a personal token; the token itself is not stored.

    `assistant`: the token only gives access to the tools of assistants. `sources` and `spaces`
    limit the documents that it can read; None means no limit.
    """

    short: str
    agent_id: str
    label: str
    made: date
    ends: date
    last_used: date | None
    assistant: bool = False
    sources: frozenset[str] | None = None
    spaces: frozenset[str] | None = None


class SqlPersonalTokens:
    """Makes, finds and revokes personal tokens, which live at most `most_days` days."""

    def __init__(self, engine: sa.Engine, most_days: int, now_s: Callable[[], int]) -> None:
        self._engine, self.most_days, self._now_s = engine, most_days, now_s

    def make(
        self,
        agent_id: str,
        label: str,
        days: int,
        *,
        assistant: bool = False,
        sources: Collection[str] = (),
        spaces: Collection[str] = (),
    ) -> str:
        """Make a token and return it; only its digest is stored.

        `sources` and `spaces` limit an assistant's token; empty means no limit. Raises `ValueError`
        for a bad lifetime or label, and `TooManyTokens`.
        """
        label = label.strip()
        if not 1 <= days <= self.most_days or not 1 <= len(label) <= MAX_LABEL_CHARS:
            raise ValueError("a token's days or label are out of bounds")
        token, agent_key = PREFIX + secrets.token_urlsafe(32), digest(agent_id)
        now_s = self._now_s()
        mine = personal_tokens.c.agent_key == agent_key
        with self._engine.begin() as connection:
            over = personal_tokens.c.ends_s <= now_s
            connection.execute(sa.delete(personal_tokens).where(over))
            counted = sa.select(sa.func.count()).select_from(personal_tokens).where(mine)
            if connection.execute(counted).scalar_one() >= MAX_TOKENS:
                raise TooManyTokens(MAX_TOKENS)
            row = {
                "key": digest(token),
                "agent_key": agent_key,
                "agent_id": agent_id,
                "label": label,
                "made": _day(now_s),
                "ends_s": now_s + days * DAY_S,
                "assistant": assistant,
                "sources": sorted(sources) if assistant and sources else None,
                "spaces": sorted(spaces) if assistant and spaces else None,
            }
            connection.execute(sa.insert(personal_tokens).values(row))
        return token

    def agent_id(self, token: str) -> str | None:
        """Return the agent of a valid token, unless it is an assistant's token; else None."""
        found = self.find(token)
        return found.agent_id if found and not found.assistant else None

    def find(self, token: str) -> PersonalToken | None:
        """Return a valid token of any kind and store the day of its use; None if it is invalid."""
        key, now_s = digest(token), self._now_s()
        mine = personal_tokens.c.key == key
        query = sa.select(personal_tokens).where(mine, personal_tokens.c.ends_s > now_s)
        row = sql.first(self._engine, query)
        if row is None:
            return None
        if row["last_used"] != _day(now_s):
            used = sa.update(personal_tokens).where(mine)
            sql.execute(self._engine, used.values(last_used=_day(now_s)))
        return _token(row)

    def of(self, agent_id: str = "") -> tuple[PersonalToken, ...]:
        """Return the valid tokens of an agent, or all without an agent, oldest first."""
        query = sa.select(personal_tokens).where(personal_tokens.c.ends_s > self._now_s())
        if agent_id:
            query = query.where(personal_tokens.c.agent_key == digest(agent_id))
        order = (personal_tokens.c.made, personal_tokens.c.label, personal_tokens.c.key)
        rows = sql.mappings(self._engine, query.order_by(*order))
        return tuple(_token(row) for row in rows)

    def revoke(self, agent_id: str, short: str) -> bool:
        """Revoke one token of an agent; return whether it existed."""
        mine = personal_tokens.c.agent_key == digest(agent_id)
        named = sa.func.substr(personal_tokens.c.key, 1, SHORT_KEY_CHARS) == short
        return sql.execute(self._engine, sa.delete(personal_tokens).where(mine, named)) > 0

    def revoke_all(self, agent_id: str = "") -> int:
        """Revoke the tokens of an agent, or all tokens; return how many."""
        query = sa.delete(personal_tokens)
        if agent_id:
            query = query.where(personal_tokens.c.agent_key == digest(agent_id))
        return sql.execute(self._engine, query)


def _day(now_s: int) -> date:
    return datetime.fromtimestamp(now_s, UTC).date()


def _token(row: sa.RowMapping) -> PersonalToken:
    others = {"short": row["key"][:SHORT_KEY_CHARS], "ends": _day(row["ends_s"])}
    return sql.value(PersonalToken, row, **others)
