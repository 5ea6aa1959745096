"""Agents' wishes in the state's database, and what is told of each change of them."""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Protocol

import sqlalchemy as sa

from expertise.consent import Kept, Kind, Wish
from expertise.consent_tables import metadata, wish_words, wishes
from expertise.names import asked_words
from indexer.state import digest, storable

_OTHER = {Kind.REFUSE: Kind.DECLARE, Kind.DECLARE: Kind.REFUSE}


class Register(Protocol):
    """Where each change is written too, so that a restored database can be told of it."""

    def wished(self, wish: Wish, moment: datetime, *, in_force: bool) -> None:
        """Kept once this returns."""
        ...

    def noted(self, agent_id: str) -> bool:
        """Whether all that was written of an agent stands where a restoration finds it."""
        ...


class SqlConsent:
    """The `Consent` of the application."""

    def __init__(
        self, engine: sa.Engine, now: Callable[[], datetime], register: Register | None = None
    ) -> None:
        self._engine, self._now, self._register = engine, now, register
        metadata.create_all(engine)

    def of(self, agent_id: str) -> Sequence[Kept]:
        """See `Consent`; by kind, then subject."""
        query = sa.select(wishes).where(wishes.c.agent_key == digest(agent_id))
        with self._engine.connect() as connection:
            rows = connection.execute(query.order_by(wishes.c.kind, wishes.c.subject)).mappings()
            return tuple(_kept(row) for row in rows)

    def ask(self, wish: Wish) -> None:
        """See `Consent`."""
        moment = self._now()
        self._tell(wish, moment, in_force=True)
        self.put(wish, moment)

    def take_back(self, wish: Wish) -> None:
        """See `Consent`."""
        self._tell(wish, self._now(), in_force=False)
        self.remove(wish)

    def noted(self, agent_id: str) -> bool:
        """See `Consent`."""
        return self._register is None or self._register.noted(agent_id)

    def put(self, wish: Wish, moment: datetime) -> None:
        """Put in force without telling the register: what it tells is put so."""
        with self._engine.begin() as connection:
            for kind in {wish.kind, _OTHER.get(wish.kind, wish.kind)}:
                _remove(connection, wish.agent_id, kind, wish.subject)
            connection.execute(sa.insert(wishes).values(_row(wish, moment)))
            if wish.kind is Kind.DECLARE and wish.said:
                words = [
                    {"agent_key": digest(wish.agent_id), "subject": wish.subject, "word": word}
                    for word in sorted({word[:200] for word in asked_words(wish.said[0])})
                ]
                if words:
                    connection.execute(sa.insert(wish_words), words)

    def remove(self, wish: Wish) -> None:
        """Undo without telling the register."""
        with self._engine.begin() as connection:
            _remove(connection, wish.agent_id, wish.kind, wish.subject)

    def forget(self, agent_id: str) -> int:
        """Delete all that an agent asked: how many wishes."""
        mine = digest(agent_id)
        with self._engine.begin() as connection:
            connection.execute(sa.delete(wish_words).where(wish_words.c.agent_key == mine))
            gone = sa.delete(wishes).where(wishes.c.agent_key == mine)
            return connection.execute(gone).rowcount

    def counts(self) -> dict[Kind, int]:
        """How many wishes of each kind are in force."""
        query = sa.select(wishes.c.kind, sa.func.count()).group_by(wishes.c.kind)
        with self._engine.connect() as connection:
            return {Kind(kind): number for kind, number in connection.execute(query)}

    def _tell(self, wish: Wish, moment: datetime, *, in_force: bool) -> None:
        if self._register is not None:
            self._register.wished(wish, moment, in_force=in_force)


def _remove(connection: sa.Connection, agent_id: str, kind: Kind, subject: str) -> None:
    mine = (wishes.c.agent_key == digest(agent_id)) & (wishes.c.subject == subject)
    connection.execute(sa.delete(wishes).where(mine, wishes.c.kind == kind.value))
    if kind is Kind.DECLARE:
        words = wish_words.c.agent_key == digest(agent_id)
        connection.execute(sa.delete(wish_words).where(words, wish_words.c.subject == subject))


def _row(wish: Wish, moment: datetime) -> dict[str, object]:
    return {
        "agent_key": digest(wish.agent_id),
        "agent_id": storable(wish.agent_id),
        "kind": wish.kind.value,
        "subject": wish.subject,
        "said": list(wish.said),
        "since": moment,
    }


def _kept(row: sa.RowMapping) -> Kept:
    since: datetime = row["since"]
    wish = Wish(row["agent_id"], Kind(row["kind"]), row["subject"], tuple(row["said"]))
    return Kept(wish, since.replace(tzinfo=since.tzinfo or UTC))
