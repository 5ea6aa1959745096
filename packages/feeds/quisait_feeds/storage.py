"""Tokens of feeds, one per agent: it opens feeds alone, and only its digest is stored."""

import re
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime

import sqlalchemy as sa

from indexer import sql
from indexer.state import digest

PREFIX = "qsf_"
"""Prefix that distinguishes these tokens from others, and lets secret scanners find them."""
DAY_S = 86_400
_TOKEN = re.compile(PREFIX + r"[A-Za-z0-9_-]{43}")

metadata = sa.MetaData()

feed_tokens = sa.Table(
    "feed_tokens",
    metadata,
    sa.Column("key", sa.String(64), primary_key=True),
    sa.Column("agent_key", sa.String(64), nullable=False, unique=True),
    sa.Column("agent_id", sa.Text, nullable=False),
    sa.Column("made", sa.Date, nullable=False),
    sa.Column("ends_s", sa.BigInteger, nullable=False),
    sa.Column("last_used", sa.Date),
    info={"gives_access": "feed_tokens"},
)


@dataclass(frozen=True, slots=True)
class FeedToken:
    """The stored data of a valid token; the token itself is not stored."""

    agent_id: str
    made: date
    ends: date
    last_used: date | None


class SqlFeedTokens:
    """Makes, finds and revokes the tokens, which live `days` days."""

    def __init__(self, engine: sa.Engine, days: int, now_s: Callable[[], int]) -> None:
        self._engine, self.days, self._now_s = engine, days, now_s

    def make(self, agent_id: str) -> str:
        """Return a new token of the agent; the former token opens nothing from then on."""
        token, now_s = PREFIX + secrets.token_urlsafe(32), self._now_s()
        row = {
            "key": digest(token),
            "agent_key": digest(agent_id),
            "agent_id": agent_id,
            "made": _day(now_s),
            "ends_s": now_s + self.days * DAY_S,
        }
        try:
            self._replace(row)
        except sa.exc.IntegrityError:  # another request made one in the meantime
            self._replace(row)
        return token

    def find(self, token: str) -> FeedToken | None:
        """Return a valid token and store the day of its use; None if it opens nothing."""
        if not _TOKEN.fullmatch(token):
            return None
        found, today = self._first(feed_tokens.c.key == digest(token)), _day(self._now_s())
        if found and found.last_used != today:
            used = sa.update(feed_tokens).where(feed_tokens.c.key == digest(token))
            sql.execute(self._engine, used.values(last_used=today))
        return found

    def of(self, agent_id: str) -> FeedToken | None:
        """Return the agent's valid token; None if they have none."""
        return self._first(feed_tokens.c.agent_key == digest(agent_id))

    def revoke(self, agent_id: str) -> bool:
        """Revoke the agent's token; return whether there was one."""
        mine = feed_tokens.c.agent_key == digest(agent_id)
        return sql.execute(self._engine, sa.delete(feed_tokens).where(mine)) > 0

    def revoke_all(self) -> int:
        """Revoke every token; return how many."""
        return sql.execute(self._engine, sa.delete(feed_tokens))

    def _replace(self, row: dict[str, object]) -> None:
        former = sa.delete(feed_tokens).where(feed_tokens.c.agent_key == row["agent_key"])
        sql.execute(self._engine, former, sa.insert(feed_tokens).values(row))

    def _first(self, which: sa.ColumnElement[bool]) -> FeedToken | None:
        valid = feed_tokens.c.ends_s > self._now_s()
        row = sql.first(self._engine, sa.select(feed_tokens).where(which, valid))
        return sql.value(FeedToken, row, ends=_day(row["ends_s"])) if row else None


def forget_expired(engine: sa.Engine, now_s: int) -> int:
    """Delete the expired tokens; return how many."""
    return sql.execute(engine, sa.delete(feed_tokens).where(feed_tokens.c.ends_s <= now_s))


def _day(now_s: int) -> date:
    return datetime.fromtimestamp(now_s, UTC).date()
