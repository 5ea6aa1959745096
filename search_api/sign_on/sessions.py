"""Sessions of agents who signed on, and their cookies."""

import base64
import hashlib
import hmac
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING

import sqlalchemy as sa

from indexer.state import digest

if TYPE_CHECKING:
    # The tables are read by each command: these take it a second to import.
    from fastapi import Request, Response

    from search_api.sign_on.verification import ProviderLogout, ProviderSession

ATTEMPT_LIFE_S = 600
"""How long a person may take to sign on at the provider."""
_MAX_BACK_BYTES = 1_500


@dataclass(frozen=True, slots=True)
class SignOnAttempt:
    """An attempt: its public id, the browser's secret, when it began, where to return."""

    id: str
    secret: str
    begun_s: int
    back: str

    @property
    def state(self) -> str:
        """The `state` that the answer must have: `id.proof`, 66 characters."""
        return f"{self.id}.{self._derived('state')}"

    @property
    def nonce(self) -> str:
        """The `nonce` that the ID token must have, 43 characters."""
        return self._derived("nonce")

    @property
    def verifier(self) -> str:
        """PKCE's code verifier (RFC 7636), 43 characters."""
        return self._derived("verifier")

    def _derived(self, purpose: str) -> str:
        made = hmac.new(self.secret.encode(), purpose.encode(), hashlib.sha256).digest()
        return base64.urlsafe_b64encode(made).rstrip(b"=").decode()

    def cookie(self) -> str:
        """The value of the browser's cookie."""
        back = base64.urlsafe_b64encode(self.back.encode()).decode()
        return f"{self.secret}.{self.begun_s}.{back}"


def begin_attempt(back: str, now_s: int) -> SignOnAttempt:
    """A new attempt. `back` is a path of this site; a very long one is replaced by `/`."""
    kept = back if len(back.encode()) <= _MAX_BACK_BYTES else "/"
    return SignOnAttempt(secrets.token_urlsafe(16), secrets.token_urlsafe(32), now_s, kept)


def attempt_id(state: str) -> str:
    """The id of the attempt that a `state` belongs to."""
    return state.partition(".")[0]


def returned_attempt(state: str, cookie: str, now_s: int) -> SignOnAttempt | None:
    """The attempt that this browser began and that `state` belongs to, else None."""
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
"""Cookies of attempts in one browser; beyond them the first ones are deleted."""


@dataclass(frozen=True, slots=True)
class SignOnCookies:
    """`secure`: readers reach this site over https (RFC 6265bis, `__Host-`)."""

    secure: bool

    @property
    def session(self) -> str:
        """The name of the session's cookie."""
        return self._named("quisait_session")

    def _named(self, name: str) -> str:
        return f"__Host-{name}" if self.secure else name

    def _attempts(self) -> str:
        return self._named("quisait_sign_on_")

    def session_of(self, request: "Request") -> str:
        """The session id that the browser sends, or an empty text."""
        return request.cookies.get(self.session, "")

    def begin_session(self, response: "Response", session_id: str) -> None:
        """Set the session's cookie, until the browser is closed; the server may end it before."""
        self._set(response, self.session, session_id)

    def end_session(self, response: "Response") -> None:
        """Delete the session's cookie."""
        self._delete(response, self.session)

    def begin_attempt(self, request: "Request", response: "Response", one: SignOnAttempt) -> None:
        """Set the cookie of an attempt; of many that never ended, the first are deleted."""
        before = [name for name in request.cookies if name.startswith(self._attempts())]
        for name in before[: max(0, len(before) - _MAX_ATTEMPTS + 1)]:
            self._delete(response, name)
        self._set(response, self._attempts() + one.id, one.cookie(), ATTEMPT_LIFE_S)

    def attempt_of(self, request: "Request", attempt: str) -> str:
        """The cookie of an attempt, or an empty text."""
        return request.cookies.get(self._attempts() + attempt, "")

    def end_attempt(self, request: "Request", response: "Response", attempt: str) -> None:
        """Delete the cookie of an attempt, where the browser sent it: it is answered once."""
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
"""The provider's session of each of ours, by digests; empty where it gave no name."""
logout_tokens = sa.Table(
    "logout_tokens",
    metadata,
    sa.Column("key", sa.String(64), primary_key=True),
    sa.Column("until_s", sa.BigInteger, nullable=False),
)
"""Logout tokens that were accepted, kept as long as one could be sent again."""
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
    info={"gives_access": "personal_tokens"},
)

SHORT_KEY_CHARS = 12
"""Characters of a digest by which a form names a session or a token."""


MAX_SESSIONS = 20
"""Sessions of one agent; one more ends the oldest."""
SEEN_RESOLUTION_S = 60
"""A session's last use is stored with this resolution, so that not every request writes."""


@dataclass(frozen=True, slots=True)
class SessionLimits:
    """How long a session lives unused, and at most, in seconds."""

    idle_s: float
    absolute_s: float


@dataclass(frozen=True, slots=True)
class Session:
    """One session. Times are seconds since 1970."""

    key: str
    agent_id: str
    begun_s: int
    seen_s: int
    id_token: str

    @property
    def short(self) -> str:
        """The name of the session in forms; it gives no access."""
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

        The provider may end `provider_session`, and this session with it.
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
        """The session of an id, marked as used now; None where there is none, or it has ended."""
        key, now_s = digest(session_id), self._now_s()
        alive = sa.select(sessions).where(sessions.c.key == key, ~self._over(now_s))
        with self._engine.connect() as connection:
            row = connection.execute(alive).mappings().one_or_none()
        if row is None:
            return None
        if row["seen_s"] <= now_s - SEEN_RESOLUTION_S:
            with self._engine.begin() as connection:
                used = sa.update(sessions).where(sessions.c.key == key)
                connection.execute(used.values(seen_s=now_s))
        return _session(row)

    def end(self, session_id: str) -> None:
        """End a session."""
        with self._engine.begin() as connection:
            connection.execute(sa.delete(sessions).where(sessions.c.key == digest(session_id)))

    def log_out(self, logout: "ProviderLogout") -> int | None:
        """End the sessions that the provider ended: how many. None for a token seen before."""
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
        """An agent's open sessions, latest use first; everybody's where no agent is named."""
        query = sa.select(sessions).where(~self._over(self._now_s()))
        if agent_id:
            query = query.where(sessions.c.agent_key == digest(agent_id))
        order = (sessions.c.seen_s.desc(), sessions.c.key)
        with self._engine.connect() as connection:
            rows = connection.execute(query.order_by(*order)).mappings().all()
        return tuple(_session(row) for row in rows)

    def revoke(self, agent_id: str, short: str) -> bool:
        """End one of an agent's sessions; whether there was one."""
        mine = sessions.c.agent_key == digest(agent_id)
        named = sa.func.substr(sessions.c.key, 1, SHORT_KEY_CHARS) == short
        with self._engine.begin() as connection:
            return connection.execute(sa.delete(sessions).where(mine, named)).rowcount > 0

    def revoke_all(self, agent_id: str = "", but: str = "") -> int:
        """End an agent's sessions, or everybody's, except the one with the key `but`: how many."""
        query = sa.delete(sessions).where(sessions.c.key != but)
        if agent_id:
            query = query.where(sessions.c.agent_key == digest(agent_id))
        with self._engine.begin() as connection:
            return connection.execute(query).rowcount

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
    """Record the provider's session of ours, and delete the records of ended ones."""
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


def _session(row: sa.RowMapping) -> Session:
    return Session(row["key"], row["agent_id"], row["begun_s"], row["seen_s"], row["id_token"])


PREFIX = "qsp_"
"""Distinguishes a personal token from a signed one, and lets secret scanners find it."""
MAX_TOKENS = 20
"""Tokens of one agent."""
MAX_LABEL_CHARS = 80
"""Characters of a token's name."""
DAY_S = 86_400


class TooManyTokens(ValueError):
    """The agent has `MAX_TOKENS` already."""


@dataclass(frozen=True, slots=True)
class PersonalToken:
    """What is stored of a token, less the token itself."""

    short: str
    agent_id: str
    label: str
    made: date
    ends: date
    last_used: date | None


class SqlPersonalTokens:
    """Makes, finds and revokes personal tokens; none lives longer than `most_days`."""

    def __init__(self, engine: sa.Engine, most_days: int, now_s: Callable[[], int]) -> None:
        self._engine, self.most_days, self._now_s = engine, most_days, now_s

    def make(self, agent_id: str, label: str, days: int) -> str:
        """A new token, which is not stored. Raises `ValueError` for a bad lifetime or label."""
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
            }
            connection.execute(sa.insert(personal_tokens).values(row))
        return token

    def agent_id(self, token: str) -> str | None:
        """The agent of a valid token, else None; the day of its use is stored."""
        key, now_s = digest(token), self._now_s()
        mine = personal_tokens.c.key == key
        query = sa.select(personal_tokens).where(mine, personal_tokens.c.ends_s > now_s)
        with self._engine.connect() as connection:
            row = connection.execute(query).mappings().one_or_none()
        if row is None:
            return None
        if row["last_used"] != _day(now_s):
            with self._engine.begin() as connection:
                used = sa.update(personal_tokens).where(mine)
                connection.execute(used.values(last_used=_day(now_s)))
        return str(row["agent_id"])

    def of(self, agent_id: str = "") -> tuple[PersonalToken, ...]:
        """An agent's valid tokens, oldest first; everybody's where no agent is named."""
        query = sa.select(personal_tokens).where(personal_tokens.c.ends_s > self._now_s())
        if agent_id:
            query = query.where(personal_tokens.c.agent_key == digest(agent_id))
        order = (personal_tokens.c.made, personal_tokens.c.label, personal_tokens.c.key)
        with self._engine.connect() as connection:
            rows = connection.execute(query.order_by(*order)).mappings().all()
        return tuple(_token(row) for row in rows)

    def revoke(self, agent_id: str, short: str) -> bool:
        """Revoke one of an agent's tokens; whether there was one."""
        mine = personal_tokens.c.agent_key == digest(agent_id)
        named = sa.func.substr(personal_tokens.c.key, 1, SHORT_KEY_CHARS) == short
        with self._engine.begin() as connection:
            return connection.execute(sa.delete(personal_tokens).where(mine, named)).rowcount > 0

    def revoke_all(self, agent_id: str = "") -> int:
        """Revoke an agent's tokens, or everybody's: how many."""
        query = sa.delete(personal_tokens)
        if agent_id:
            query = query.where(personal_tokens.c.agent_key == digest(agent_id))
        with self._engine.begin() as connection:
            return connection.execute(query).rowcount


def _day(now_s: int) -> date:
    return datetime.fromtimestamp(now_s, UTC).date()


def _token(row: sa.RowMapping) -> PersonalToken:
    return PersonalToken(
        row["key"][:SHORT_KEY_CHARS],
        row["agent_id"],
        row["label"],
        row["made"],
        _day(row["ends_s"]),
        row["last_used"],
    )
