"""Sessions in the state's database: an opaque random id, of which only the digest is kept."""

import secrets
from collections.abc import Callable
from dataclasses import dataclass

import sqlalchemy as sa

from indexer.state import digest
from search_api.sign_on.back_channel import AtProvider, Logout
from search_api.sign_on.tables import SHORT, at_provider, logout_tokens, metadata, sessions

MOST = 20
"""Sessions of one agent; the next one ends the oldest."""
NOTED_EVERY_S = 60
"""A session's last use is known to so many seconds: not every request writes."""


@dataclass(frozen=True, slots=True)
class SessionLimits:
    """How long a session lives without being used, and in all, in seconds."""

    idle_s: float
    absolute_s: float


@dataclass(frozen=True, slots=True)
class Session:
    """One session. `short` names it to its agent; moments are seconds since 1970."""

    key: str
    agent_id: str
    begun_s: int
    seen_s: int
    id_token: str

    @property
    def short(self) -> str:
        """What a person names it by; it opens nothing."""
        return self.key[:SHORT]


class SqlSessions:
    """Begins, finds and ends sessions."""

    def __init__(self, engine: sa.Engine, limits: SessionLimits, now_s: Callable[[], int]) -> None:
        self._engine, self._limits, self._now_s = engine, limits, now_s
        metadata.create_all(engine)

    def begin(
        self,
        agent_id: str,
        id_token: str = "",
        instead_of: str = "",
        whose: AtProvider | None = None,
    ) -> str:
        """A new session's id, never one that the browser brought: that one ends.

        `whose` it is at the provider, which may end it from there.
        """
        session_id, now_s = secrets.token_urlsafe(32), self._now_s()
        with self._engine.begin() as connection:
            connection.execute(sa.delete(sessions).where(self._over(now_s)))
            connection.execute(sa.delete(sessions).where(sessions.c.key == digest(instead_of)))
            _leave(connection, agent_id, MOST - 1)
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
            _note_whose(connection, digest(session_id), whose)
        return session_id

    def find(self, session_id: str) -> Session | None:
        """The session of an id, which counts as used now; None where there is none any more."""
        key, now_s = digest(session_id), self._now_s()
        alive = sa.select(sessions).where(sessions.c.key == key, ~self._over(now_s))
        with self._engine.connect() as connection:
            row = connection.execute(alive).mappings().one_or_none()
        if row is None:
            return None
        if row["seen_s"] <= now_s - NOTED_EVERY_S:
            with self._engine.begin() as connection:
                used = sa.update(sessions).where(sessions.c.key == key)
                connection.execute(used.values(seen_s=now_s))
        return _session(row)

    def end(self, session_id: str) -> None:
        """At once, and for good."""
        with self._engine.begin() as connection:
            connection.execute(sa.delete(sessions).where(sessions.c.key == digest(session_id)))

    def log_out(self, logout: Logout) -> int | None:
        """End what the provider ended: how many. None for a logout token that was shown before."""
        whose, now_s = logout.whose, self._now_s()
        theirs = [
            column == _at(whose.issuer, name)
            for column, name in (
                (at_provider.c.subject_key, whose.subject),
                (at_provider.c.session_key, whose.session),
            )
            if name
        ]
        seen = {"key": _at(whose.issuer, logout.token_id), "until_s": logout.until_s}
        try:
            with self._engine.begin() as connection:
                connection.execute(sa.delete(logout_tokens).where(logout_tokens.c.until_s < now_s))
                connection.execute(sa.insert(logout_tokens).values(seen))
                keys = sa.select(at_provider.c.key).where(*theirs)
                done = connection.execute(sa.delete(sessions).where(sessions.c.key.in_(keys)))
        except sa.exc.IntegrityError:
            return None
        return done.rowcount

    def of(self, agent_id: str = "") -> tuple[Session, ...]:
        """Those that are open, latest use first; of everybody where no agent is named."""
        query = sa.select(sessions).where(~self._over(self._now_s()))
        if agent_id:
            query = query.where(sessions.c.agent_key == digest(agent_id))
        order = (sessions.c.seen_s.desc(), sessions.c.key)
        with self._engine.connect() as connection:
            rows = connection.execute(query.order_by(*order)).mappings().all()
        return tuple(_session(row) for row in rows)

    def revoke(self, agent_id: str, short: str) -> bool:
        """End one of an agent's own; whether there was one."""
        mine = sessions.c.agent_key == digest(agent_id)
        named = sa.func.substr(sessions.c.key, 1, SHORT) == short
        with self._engine.begin() as connection:
            return connection.execute(sa.delete(sessions).where(mine, named)).rowcount > 0

    def revoke_all(self, agent_id: str = "", but: str = "") -> int:
        """End an agent's, or everybody's; `but` is the key of one that stays. How many ended."""
        query = sa.delete(sessions).where(sessions.c.key != but)
        if agent_id:
            query = query.where(sessions.c.agent_key == digest(agent_id))
        with self._engine.begin() as connection:
            return connection.execute(query).rowcount

    def _over(self, now_s: int) -> sa.ColumnElement[bool]:
        idle = sessions.c.seen_s <= now_s - int(self._limits.idle_s)
        return sa.or_(sessions.c.ends_s <= now_s, idle)


def _leave(connection: sa.Connection, agent_id: str, most: int) -> None:
    mine = sa.select(sessions.c.key).where(sessions.c.agent_key == digest(agent_id))
    keys = connection.execute(mine.order_by(sessions.c.seen_s.desc())).scalars().all()[most:]
    if keys:
        connection.execute(sa.delete(sessions).where(sessions.c.key.in_(keys)))


def _note_whose(connection: sa.Connection, key: str, whose: AtProvider | None) -> None:
    """And forget whose those were that are over."""
    open_still = sa.select(sessions.c.key)
    connection.execute(sa.delete(at_provider).where(at_provider.c.key.not_in(open_still)))
    if whose:
        subject, session = (_at(whose.issuer, one) for one in (whose.subject, whose.session))
        row = {"key": key, "subject_key": subject, "session_key": session}
        connection.execute(sa.insert(at_provider).values(row))


def _at(issuer: str, name: str) -> str:
    return digest(f"{issuer}\n{name}") if name else ""


def _session(row: sa.RowMapping) -> Session:
    return Session(row["key"], row["agent_id"], row["begun_s"], row["seen_s"], row["id_token"])
