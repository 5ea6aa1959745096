"""Records which index the stored cursors describe.

A cursor tells how far a source was read into one index. It does not tell how far the source was
read into another index, such as one in another engine, folder or alias: some changes could be
missing there for ever. The sources are therefore read in full into such an index before anybody
searches it.
"""

from collections.abc import Callable, Collection
from contextlib import suppress

import sqlalchemy as sa

from indexer import sql
from indexer.state import OF_CURSORS, cursors, failures, rows_of, source_indexes

UNNAMED = ""
"""The index id in rows of a restored backup or of an earlier version, until an index is opened."""
ANOTHER = "?"
"""The index id for unnamed rows if the first index that is written to is empty."""
_columns = source_indexes.c


class DescribedIndexes:
    """Stores, for each source, which index its cursor, failures and documents ahead describe."""

    def __init__(self, engine: sa.Engine, *, read_only: bool = False) -> None:
        """With `read_only`, ids given to unnamed rows are only remembered by this object."""
        self._engine, self._read_only = engine, read_only
        self._unnamed_are = UNNAMED

    def claim(self, source: str, index: str, is_empty: Callable[[], bool]) -> bool:
        """Make the source's cursor, failures and documents ahead describe only this index.

        Call it before a source is read into an index, and before anything else is written there.
        Rows that describe another index are deleted, so that the source is read in full. `is_empty`
        returns whether the index holds nothing of the source. Returns whether the source has to be
        read in full before the index may be searched.
        """
        whole_by_index = self._rows(source)
        if set(whole_by_index) == {index}:
            return not whole_by_index[index]
        whole = whole_by_index.get(
            index, not whole_by_index and not self._has_cursor(source) and is_empty()
        )
        with self._engine.begin() as connection:
            if index not in whole_by_index:
                _forget(connection, source)
            others = (_columns.source == source) & (_columns.index_id != index)
            connection.execute(sa.delete(source_indexes).where(others))
        if index not in whole_by_index:
            row = {"source": source, "index_id": index, "whole": whole}
            with suppress(sa.exc.IntegrityError):
                sql.execute(self._engine, sa.insert(source_indexes).values(row))
        return not whole

    def note_removal(self, source: str, index: str, is_empty: Callable[[], bool]) -> None:
        """Note that documents of the source are about to be removed from this index.

        The other indexes still contain these documents, so the source must be read into them in
        full before they are searched. If the cursor describes this index, it no longer describes
        any other index. If it does not, and this index contains nothing of the source, the source's
        cursor is deleted. If it does not, but this index contains documents of the source, nothing
        changes, because the source has to be read in full into this index anyway.
        """
        whole_by_index = self._rows(source)
        if index in whole_by_index:
            self.claim(source, index, is_empty)
        elif whole_by_index and is_empty():
            with self._engine.begin() as connection:
                _forget(connection, source)
                mine = sa.update(source_indexes).where(_columns.source == source)
                connection.execute(mine.values(whole=False))

    def describes(self, source: str, index: str) -> bool:
        """Return whether the source's cursor describes this index."""
        return index in self._rows(source)

    def finish(self, source: str, index: str) -> None:
        """Note that the source was read to its end since it was claimed for this index."""
        mine = (_columns.source == source) & (_columns.index_id == index)
        sql.execute(self._engine, sa.update(source_indexes).where(mine).values(whole=True))

    def unread(
        self, sources: Collection[str], index: str, is_empty: Callable[[str], bool]
    ) -> frozenset[str]:
        """Return the sources that must be read in full before the index may be searched.

        `is_empty` returns whether the index holds nothing of a source.
        """
        query = sa.select(source_indexes).where(_columns.source.in_(sorted(sources)))
        rows = sql.rows(self._engine, query)
        known = {row.source for row in rows}
        whole = {row.source for row in rows if self._id(row.index_id) == index and row.whole}
        return frozenset(
            source
            for source in sources
            if source not in whole and (source in known or not is_empty(source))
        )

    def carry(self, former: str, index: str, but: Collection[str] = ()) -> None:
        """Make the cursors that describe `former` also describe `index`, its copy.

        Sources in `but` are left out, because they have to be read in full. The next `claim` of
        either index drops the rows of the other.
        """
        with self._engine.begin() as connection:
            self._delete(connection, index)
            described = connection.execute(
                sa.select(source_indexes).where(_columns.index_id == former)
            ).all()
            rows = [
                {"source": row.source, "index_id": index, "whole": row.whole}
                for row in described
                if row.source not in but
            ]
            if rows:
                connection.execute(sa.insert(source_indexes), rows)

    def bind(self, sources: Collection[str], index: str) -> None:
        """Note that these sources were read in full into this index, which is not live yet."""
        rows = [{"source": name, "index_id": index, "whole": True} for name in sorted(sources)]
        with self._engine.begin() as connection:
            self._delete(connection, index)
            unnamed = _columns.source.in_(sorted(sources)) & (_columns.index_id == UNNAMED)
            connection.execute(sa.delete(source_indexes).where(unnamed))
            if rows:
                connection.execute(sa.insert(source_indexes), rows)

    def has_unnamed(self) -> bool:
        """Return whether some rows have no index id yet."""
        if self._unnamed_are != UNNAMED:
            return False
        query = sa.select(_columns.source).where(_columns.index_id == UNNAMED).limit(1)
        return sql.first(self._engine, query) is not None

    def name_unnamed(self, index: str) -> None:
        """Give this index id to the rows without an index id."""
        if self._read_only:
            self._unnamed_are = index
            return
        unnamed = sa.update(source_indexes).where(_columns.index_id == UNNAMED)
        sql.execute(self._engine, unnamed.values(index_id=index))

    def _id(self, stored: str) -> str:
        return self._unnamed_are if stored == UNNAMED else stored

    @staticmethod
    def leave_unnamed(connection: sa.Connection, index: str) -> None:
        """Prepare a backup's copy: delete rows of other indexes, and the id in remaining rows."""
        others = _columns.index_id != index
        connection.execute(sa.delete(source_indexes).where(others))
        connection.execute(sa.update(source_indexes).values(index_id=UNNAMED))

    def _delete(self, connection: sa.Connection, index: str) -> None:
        connection.execute(sa.delete(source_indexes).where(_columns.index_id == index))

    def _rows(self, source: str) -> dict[str, bool]:
        """Return, by id, the indexes that the source's rows describe, and whether each is whole."""
        query = sa.select(source_indexes).where(_columns.source == source)
        return {self._id(row.index_id): row.whole for row in sql.rows(self._engine, query)}

    def _has_cursor(self, source: str) -> bool:
        query = sa.select(cursors.c.source).where(rows_of(cursors, source)).limit(1)
        return sql.first(self._engine, query) is not None


def _forget(connection: sa.Connection, source: str) -> None:
    """Delete the source's cursor, documents ahead and failures, so that it is read in full."""
    for table in (*OF_CURSORS, failures):
        connection.execute(sa.delete(table).where(rows_of(table, source)))
