"""Writers of an index go in together, a reindex alone: locks that end with their holder.

With PostgreSQL for a state, workers on several machines share its advisory locks
(postgresql.org/docs/current/explicit-locking.html). With SQLite all is on one machine,
and its files are locked. Both let go of what a killed process held.
"""

import fcntl
import zlib
from collections.abc import Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from pathlib import Path

import sqlalchemy as sa

from indexer.errors import IndexRefused

GATE, TURN, REINDEX = "index-writes", "index-turn", "index-reindex"


class WriteGate:
    """The gate of one index; `only_reindex` besides keeps a second reindex out."""

    def __init__(self, database: sa.Engine, folder: Path) -> None:
        self._database, self._folder = database, folder
        self._on_postgresql = database.dialect.name == "postgresql"

    @contextmanager
    def writing(self) -> Iterator[None]:
        """Hold it with other writers."""
        with ExitStack() as stack:
            # Who waits to be alone holds the turn: no stream of writers keeps it out.
            with self._held(TURN):
                stack.enter_context(self._held(GATE, shared=True))
            yield

    @contextmanager
    def alone(self) -> Iterator[None]:
        """Hold it alone."""
        with self._held(TURN), self._held(GATE):
            yield

    @contextmanager
    def only_reindex(self) -> Iterator[None]:
        """Raises `IndexRefused` where a reindex runs already."""
        try:
            with self._held(REINDEX, wait=False):
                yield
        except BlockingIOError:
            raise IndexRefused(
                "Une réindexation est en cours : attendez sa fin. Rien n'a été changé."
            ) from None

    def _held(
        self, name: str, *, shared: bool = False, wait: bool = True
    ) -> AbstractContextManager[None]:
        """Raises `BlockingIOError` where it is held and `wait` is false."""
        if self._on_postgresql:
            return _held_in_postgresql(self._database, name, shared, wait)
        return _held_file(self._folder, name, shared, wait)


@contextmanager
def _held_file(folder: Path, name: str, shared: bool, wait: bool) -> Iterator[None]:
    folder.mkdir(parents=True, exist_ok=True)
    kind = (fcntl.LOCK_SH if shared else fcntl.LOCK_EX) | (0 if wait else fcntl.LOCK_NB)
    with (folder / f"{name}.lock").open("a") as file:
        fcntl.flock(file, kind)
        yield


@contextmanager
def _held_in_postgresql(database: sa.Engine, name: str, shared: bool, wait: bool) -> Iterator[None]:
    key = zlib.crc32(name.encode())
    ending = "_shared" if shared else ""
    lock = getattr(sa.func, f"pg_{'' if wait else 'try_'}advisory_lock{ending}")
    unlock = getattr(sa.func, f"pg_advisory_unlock{ending}")
    with database.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        if connection.execute(sa.select(lock(key))).scalar_one() is False:
            raise BlockingIOError(name)
        try:
            yield
        finally:
            # A connection goes back to a pool, with the locks that it holds.
            connection.execute(sa.select(unlock(key)))
