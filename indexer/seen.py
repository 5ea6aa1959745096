"""Rows of `connectors.snapshot.SeenItems` in SQLite or PostgreSQL."""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Set
from dataclasses import dataclass

import sqlalchemy as sa

from connectors.digests import hash_of
from connectors.snapshot import SeenRow
from indexer import sql
from indexer.state import seen, storable

_KEY_BYTES = 16
_HIGHEST = b""
"""The key of the row that stores the highest step so far."""
_AT_ONCE = 500
"""Number of rows in one statement: below the parameter limit of every database."""
_columns = seen.c


@dataclass(frozen=True, slots=True)
class SqlSeen:
    """Stores the rows of one source. `check` raises if this process may no longer write them.

    Each method is one transaction.
    """

    engine: sa.Engine
    name: str
    check: Callable[[], None] = lambda: None

    def begin(self, step: int | None) -> int:
        """See `SeenItems.begin`."""
        self.check()
        newer = self._others() if step is None else self._others() & (_columns.step > step)
        highest = sa.select(_columns.step).where(self._mine() & (_columns.key == _HIGHEST))
        with self.engine.begin() as connection:
            last = connection.execute(highest).scalar_one_or_none() or 0
            if step is None or last > step:
                connection.execute(sa.delete(seen).where(newer))
        return max(last, step or 0)

    def rows(self, document_ids: Collection[str]) -> Mapping[str, SeenRow]:
        """See `SeenItems.rows`."""
        ids = {_key(document_id): document_id for document_id in document_ids}
        query = sa.select(_columns.key, _columns.version, _columns.access)
        rows = sql.rows(self.engine, query.where(self._of(ids)))
        return {ids[key]: SeenRow(version, access) for key, version, access in rows}

    def put(self, step: int, rows: Mapping[str, SeenRow]) -> None:
        """See `SeenItems.put`."""
        self.check()
        stored = {
            _key(document_id): (storable(document_id), *row) for document_id, row in rows.items()
        }
        stored[_HIGHEST] = ("", b"", b"")
        names = ("document_id", "version", "access")
        made = [
            {"source": self.name, "key": key, "step": step, **dict(zip(names, row, strict=True))}
            for key, row in stored.items()
        ]
        with self.engine.begin() as connection:
            connection.execute(sa.delete(seen).where(self._of(stored)))
            connection.execute(sa.insert(seen), made)

    def forget(self, document_ids: Collection[str]) -> None:
        """See `SeenItems.forget`."""
        sql.execute(self.engine, sa.delete(seen).where(self._of(map(_key, document_ids))))

    def forget_below(self, root: str) -> None:
        """See `SeenItems.forget_below`. SQLite compares without case: more rows may be deleted."""
        root, named = storable(root), _columns.document_id
        below = (named == root) | named.startswith(f"{root}/", autoescape=True)
        if root.endswith(":"):
            below |= named.startswith(root, autoescape=True)
        sql.execute(self.engine, sa.delete(seen).where(self._others() & below))

    def count(self) -> int:
        """See `SeenItems.count`."""
        query = sa.select(sa.func.count()).select_from(seen).where(self._others())
        return sql.one(self.engine, query)

    def others(self, document_ids: Set[str]) -> Iterator[list[str]]:
        """See `SeenItems.others`; rows may be deleted while it yields."""
        odd = {
            storable(document_id)
            for document_id in document_ids
            if storable(document_id) != document_id
        }
        last = _HIGHEST
        query = sa.select(_columns.key, _columns.document_id).order_by(_columns.key)
        while True:
            page = query.where(self._mine() & (_columns.key > last)).limit(_AT_ONCE)
            rows = sql.rows(self.engine, page)
            if not rows:
                return
            last = rows[-1].key
            missing = [
                row.document_id
                for row in rows
                if row.document_id not in document_ids and row.document_id not in odd
            ]
            if missing:
                yield missing

    def _mine(self) -> sa.ColumnElement[bool]:
        return _columns.source == self.name

    def _others(self) -> sa.ColumnElement[bool]:
        return self._mine() & (_columns.key != _HIGHEST)

    def _of(self, keys: Iterable[bytes]) -> sa.ColumnElement[bool]:
        return self._mine() & _columns.key.in_(list(keys))


def _key(document_id: str) -> bytes:
    """Return the key of a document.

    Ids with one storable text share a key, and are read each time.
    """
    return hash_of(storable(document_id))[:_KEY_BYTES]
