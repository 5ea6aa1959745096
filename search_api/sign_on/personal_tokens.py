"""Personal access tokens: a program acts for its agent, with no right that they have not."""

import secrets
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime

import sqlalchemy as sa

from indexer.state import digest
from search_api.sign_on.tables import SHORT, metadata, personal_tokens

PREFIX = "qsp_"
"""By which a token is told from a signed one, and found by a search for leaked secrets."""
MOST = 20
"""Tokens of one agent."""
LABEL = 80
"""Characters of a token's name."""
DAY_S = 86_400


class TooManyTokens(ValueError):
    """The agent has `MOST` already."""


@dataclass(frozen=True, slots=True)
class PersonalToken:
    """A token as its agent sees it again: all but the token. `last_used` is a day."""

    short: str
    agent_id: str
    label: str
    made: date
    ends: date
    last_used: date | None


class SqlPersonalTokens:
    """Makes, reads and revokes them. `most_days` bounds their life."""

    def __init__(self, engine: sa.Engine, most_days: int, now_s: Callable[[], int]) -> None:
        self._engine, self.most_days, self._now_s = engine, most_days, now_s
        metadata.create_all(engine)

    def make(self, agent_id: str, label: str, days: int) -> str:
        """A new token, shown this once. Raises `ValueError` for a life or a name out of bounds."""
        label = label.strip()
        if not 1 <= days <= self.most_days or not 1 <= len(label) <= LABEL:
            raise ValueError("a token's days or label are out of bounds")
        token, now_s, agent_key = (
            PREFIX + secrets.token_urlsafe(32),
            self._now_s(),
            digest(agent_id),
        )
        mine = personal_tokens.c.agent_key == agent_key
        with self._engine.begin() as connection:
            over = personal_tokens.c.ends_s <= now_s
            connection.execute(sa.delete(personal_tokens).where(over))
            counted = sa.select(sa.func.count()).select_from(personal_tokens).where(mine)
            if connection.execute(counted).scalar_one() >= MOST:
                raise TooManyTokens(MOST)
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
        """Whose it is, if it is one and not over; its day of use is noted."""
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
        """Those not over, oldest first; of everybody where no agent is named."""
        query = sa.select(personal_tokens).where(personal_tokens.c.ends_s > self._now_s())
        if agent_id:
            query = query.where(personal_tokens.c.agent_key == digest(agent_id))
        order = (personal_tokens.c.made, personal_tokens.c.label, personal_tokens.c.key)
        with self._engine.connect() as connection:
            rows = connection.execute(query.order_by(*order)).mappings().all()
        return tuple(_token(row) for row in rows)

    def revoke(self, agent_id: str, short: str) -> bool:
        """End one of an agent's own; whether there was one."""
        mine = personal_tokens.c.agent_key == digest(agent_id)
        named = sa.func.substr(personal_tokens.c.key, 1, SHORT) == short
        with self._engine.begin() as connection:
            return connection.execute(sa.delete(personal_tokens).where(mine, named)).rowcount > 0

    def revoke_all(self, agent_id: str = "") -> int:
        """End an agent's, or everybody's: how many."""
        query = sa.delete(personal_tokens)
        if agent_id:
            query = query.where(personal_tokens.c.agent_key == digest(agent_id))
        with self._engine.begin() as connection:
            return connection.execute(query).rowcount


def _day(now_s: int) -> date:
    return datetime.fromtimestamp(now_s, UTC).date()


def _token(row: sa.RowMapping) -> PersonalToken:
    return PersonalToken(
        row["key"][:SHORT],
        row["agent_id"],
        row["label"],
        row["made"],
        _day(row["ends_s"]),
        row["last_used"],
    )
