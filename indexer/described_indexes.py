"""Which index the kept cursors describe: another one is read in full before anybody asks it.

A cursor says that an index holds what a source gave up to then. Of an index that another engine,
folder or alias holds, or that was replaced, it says nothing: what was closed, deleted or written
in between would be missing there for good.
"""

from collections.abc import Callable, Collection
from contextlib import suppress

import sqlalchemy as sa

from indexer.state import ahead, cursors, failures, rows_of, source_indexes

UNNAMED = ""
"""Before an index has been met: of a restored backup, or of a former version."""
ANOTHER = "?"
"""What unnamed rows describe where the first index that is written to holds nothing."""
_columns = source_indexes.c


class DescribedIndexes:
    """For each source, the index that its kept cursor, failures and documents ahead describe."""

    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine

    def claim(self, source: str, index: str, is_empty: Callable[[], bool]) -> bool:
        """From now on the source's rows describe this index and no other.

        Called before a source is read into an index, and before anything else is written there.
        Rows that describe another index are forgotten: the source is then read in full.
        `is_empty`: whether the index holds nothing of the source. Returns whether it is to be
        read in full before the index may be searched.
        """
        found = self._rows(source)
        if set(found) == {index}:
            return not found[index]
        whole = found.get(index, not found and not self._has_cursor(source) and is_empty())
        with self._engine.begin() as connection:
            if index not in found:
                _forget(connection, source)
            others = (_columns.source == source) & (_columns.index_id != index)
            connection.execute(sa.delete(source_indexes).where(others))
        if index not in found:
            row = {"source": source, "index_id": index, "whole": whole}
            with suppress(sa.exc.IntegrityError), self._engine.begin() as connection:
                connection.execute(sa.insert(source_indexes), row)
        return not whole

    def remove(self, source: str, index: str, is_empty: Callable[[], bool]) -> None:
        """Documents of the source are about to be removed from this index.

        Whatever else the rows describe keeps them: it is to be read in full. An index that they
        do not describe is read in full in any case, and leaves them as they are.
        """
        found = self._rows(source)
        if index in found:
            self.claim(source, index, is_empty)
        elif found and is_empty():
            with self._engine.begin() as connection:
                _forget(connection, source)
                mine = sa.update(source_indexes).where(_columns.source == source)
                connection.execute(mine.values(whole=False))

    def describes(self, source: str, index: str) -> bool:
        """Whether the source's rows describe this index."""
        return index in self._rows(source)

    def finish(self, source: str, index: str) -> None:
        """The source was read to its end since it was claimed for this index."""
        mine = (_columns.source == source) & (_columns.index_id == index)
        with self._engine.begin() as connection:
            connection.execute(sa.update(source_indexes).where(mine).values(whole=True))

    def unread(
        self, sources: Collection[str], index: str, is_empty: Callable[[str], bool]
    ) -> frozenset[str]:
        """Those of these sources that are to be read in full before the index may be searched."""
        query = sa.select(source_indexes).where(_columns.source.in_(sorted(sources)))
        with self._engine.connect() as connection:
            rows = connection.execute(query).all()
        known = {row.source for row in rows}
        whole = {row.source for row in rows if row.index_id == index and row.whole}
        return frozenset(
            source
            for source in sources
            if source not in whole and (source in known or not is_empty(source))
        )

    def carry(self, former: str, index: str, but: Collection[str] = ()) -> None:
        """What describes `former` describes `index` as well, which holds the same.

        The sources `but` are left out. The next `claim` of either leaves that one alone.
        """
        with self._engine.begin() as connection:
            _name(connection, former)
            self._delete(connection, index)
            found = connection.execute(
                sa.select(source_indexes).where(_columns.index_id == former)
            ).all()
            rows = [
                {"source": row.source, "index_id": index, "whole": row.whole}
                for row in found
                if row.source not in but
            ]
            if rows:
                connection.execute(sa.insert(source_indexes), rows)

    def bind(self, sources: Collection[str], index: str) -> None:
        """These sources were read in full into this index, and their cursors describe it too."""
        rows = [{"source": name, "index_id": index, "whole": True} for name in sorted(sources)]
        with self._engine.begin() as connection:
            self._delete(connection, index)
            unnamed = _columns.source.in_(sorted(sources)) & (_columns.index_id == UNNAMED)
            connection.execute(sa.delete(source_indexes).where(unnamed))
            if rows:
                connection.execute(sa.insert(source_indexes), rows)

    def has_unnamed(self) -> bool:
        """Whether some rows describe the index that is met first."""
        query = sa.select(_columns.source).where(_columns.index_id == UNNAMED).limit(1)
        with self._engine.connect() as connection:
            return connection.execute(query).first() is not None

    def name_unnamed(self, index: str) -> None:
        """These rows describe this index."""
        with self._engine.begin() as connection:
            _name(connection, index)

    @staticmethod
    def leave_unnamed(connection: sa.Connection, index: str) -> None:
        """In the copy of a database: what describes this index describes the one met first."""
        others = _columns.index_id != index
        connection.execute(sa.delete(source_indexes).where(others))
        connection.execute(sa.update(source_indexes).values(index_id=UNNAMED))

    def _delete(self, connection: sa.Connection, index: str) -> None:
        connection.execute(sa.delete(source_indexes).where(_columns.index_id == index))

    def _rows(self, source: str) -> dict[str, bool]:
        """Whether each index that the source's rows describe is whole."""
        query = sa.select(source_indexes).where(_columns.source == source)
        with self._engine.connect() as connection:
            return {row.index_id: row.whole for row in connection.execute(query)}

    def _has_cursor(self, source: str) -> bool:
        query = sa.select(cursors.c.source).where(rows_of(cursors, source)).limit(1)
        with self._engine.connect() as connection:
            return connection.execute(query).first() is not None


def _forget(connection: sa.Connection, source: str) -> None:
    """Have the source read in full next time."""
    for table in (cursors, ahead, failures):
        connection.execute(sa.delete(table).where(rows_of(table, source)))


def _name(connection: sa.Connection, index: str) -> None:
    unnamed = sa.update(source_indexes).where(_columns.index_id == UNNAMED)
    connection.execute(unnamed.values(index_id=index))
