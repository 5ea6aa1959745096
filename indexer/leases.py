"""Who reads a source now: a lease in the database, that ends by itself when its owner dies.

Moments are the database's, in seconds since 1970, so that workers on several machines agree.
A clock that jumps forward ends leases early: who lost one learns it before the next write
(`renew`). One that jumps back would make them last: a lease that ends later than any that
could be given now counts as ended.
"""

from collections.abc import Callable
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.functions import FunctionElement

from indexer.state import metadata

LEASE_S = 60.0
"""How long a lease lasts that nobody renews."""

leases = sa.Table(
    "leases",
    metadata,
    sa.Column("source", sa.String(200), primary_key=True),
    sa.Column("owner", sa.Text, nullable=False),
    sa.Column("until", sa.Double, nullable=False),
)


class database_now(FunctionElement[float]):  # noqa: N801 - reads as a function in a query
    """Seconds since 1970 by the database's own clock."""

    type = sa.Double()
    inherit_cache = True


@compiles(database_now, "sqlite")
def _sqlite_now(*_: Any, **__: Any) -> str:
    return "((julianday('now') - 2440587.5) * 86400.0)"


@compiles(database_now, "postgresql")
def _postgresql_now(*_: Any, **__: Any) -> str:
    return "extract(epoch from clock_timestamp())::double precision"


class Leases:
    """Taken by a compare-and-set, renewed and released by their owner alone.

    `ended` tells of an owner whether it is known to have ended: then nobody waits for
    its lease to end.
    """

    def __init__(
        self,
        engine: sa.Engine,
        ended: Callable[[str], bool] = lambda owner: False,
        lease_s: float = LEASE_S,
    ) -> None:
        self._engine, self._ended, self.lease_s = engine, ended, lease_s
        metadata.create_all(engine, tables=[leases])

    def take(self, source: str, owner: str) -> bool:
        """Whether the owner has the lease now: it was free, or its owner is gone."""
        free = self._free()
        former = self._owner(source, sa.true())
        if former is not None and self._ended(former):
            free = free | (leases.c.owner == former)
        taking = sa.update(leases).where(leases.c.source == source, free)
        try:
            with self._engine.begin() as connection:
                taken = connection.execute(taking.values(owner=owner, until=self._until()))
                if taken.rowcount == 0 and former is None:
                    row = {"source": source, "owner": owner, "until": self._until()}
                    connection.execute(sa.insert(leases).values(**row))
                    return True
                return taken.rowcount == 1
        except sa.exc.IntegrityError:  # somebody else's first row came first
            return False

    def renew(self, source: str, owner: str) -> bool:
        """Whether the lease was still the owner's; then it lasts anew."""
        mine = (leases.c.source == source) & (leases.c.owner == owner)
        with self._engine.begin() as connection:
            kept = connection.execute(sa.update(leases).where(mine).values(until=self._until()))
        return kept.rowcount == 1

    def release(self, source: str, owner: str) -> None:
        """Give the lease back; no effect where it is somebody else's by now."""
        mine = (leases.c.source == source) & (leases.c.owner == owner)
        with self._engine.begin() as connection:
            connection.execute(sa.delete(leases).where(mine))

    def holder(self, source: str) -> str | None:
        """The owner of a lease that holds, or None."""
        owner = self._owner(source, sa.not_(self._free()))
        return None if owner is None or self._ended(owner) else owner

    def _owner(self, source: str, where: sa.ColumnElement[bool]) -> str | None:
        query = sa.select(leases.c.owner).where(leases.c.source == source, where)
        with self._engine.connect() as connection:
            return connection.execute(query).scalar_one_or_none()

    def _until(self) -> sa.ColumnElement[float]:
        return database_now() + self.lease_s

    def _free(self) -> sa.ColumnElement[bool]:
        ended = leases.c.until <= database_now()
        return ended | (leases.c.until > database_now() + 2 * self.lease_s)
