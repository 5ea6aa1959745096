"""Locks between processes: one run per source, one reindex per index.

With PostgreSQL they are advisory locks of a session, which workers on several machines share
(postgresql.org/docs/current/explicit-locking.html). With SQLite everything runs on one machine, and
files are locked (`flock`). The system releases both kinds of locks when their holder dies, however
it dies, and no clock is involved.
"""

import logging
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, nullcontext, suppress
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path

import sqlalchemy as sa

from connectors.ports import SourceRefused
from indexer.errors import IndexRefused, LockLost
from quisait.settings.files import locked_file

log = logging.getLogger(__name__)

IDLE_S = 60.0
"""Number of idle seconds after which PostgreSQL ends a session that holds a source's lock, so that
a machine that was cut off or suspended releases its sources.
"""
RETRY_EVERY_S = 0.2

GATE, TURN, REINDEX = "index-writes", "index-turn", "index-reindex"


class SourceBusy(SourceRefused):
    """Another process is reading the source."""


class Locks:
    """The named locks of one installation, in its database or as files in its folder."""

    def __init__(self, database: sa.Engine, folder: Path, idle_s: float = IDLE_S) -> None:
        self._database, self._folder, self.idle_s = database, folder, idle_s
        self._on_postgresql = database.dialect.name == "postgresql"
        self._held_here: set[str] = set()

    @contextmanager
    def hold(self, name: str, *, shared: bool = False, wait: bool = True) -> Iterator[None]:
        """Hold a lock during the block, exclusively or `shared`.

        Raises `BlockingIOError` if `wait` is false and another holder has it.
        """
        with ExitStack() as stack:
            if self._on_postgresql:
                session = stack.enter_context(_session(self._database))
                stack.enter_context(_advisory_lock(session, name, shared=shared, wait=wait))
            else:
                stack.enter_context(locked_file(self._path(name), shared=shared, wait=wait))
            yield

    @contextmanager
    def hold_long(self, name: str) -> Iterator[Callable[[], bool]]:
        """Hold an exclusive lock for minutes; yield a function that tells if it is still held.

        Raises `BlockingIOError` if another process or thread holds it.
        """
        with ExitStack() as stack:
            if self._on_postgresql:
                session = stack.enter_context(_session(self._database, self.idle_s))
                stack.enter_context(_advisory_lock(session, name, wait=False, watched=True))
                still_held = stack.enter_context(_kept_alive(session, name, self.idle_s / 4))
            else:
                place = stack.enter_context(locked_file(self._path(name), wait=False))
                still_held = place.is_at_path
            self._held_here.add(name)
            stack.callback(self._held_here.discard, name)
            yield still_held

    def source_is_held(self, source: str) -> bool:
        """Return whether a process holds the lock of a source or of a task; False if unreadable."""
        name = _of_source(source)
        if self._on_postgresql:
            with self._database.connect() as connection:
                return bool(connection.execute(_HOLDERS, _key_halves(name)).scalar())
        path = self._path(name)
        if not path.exists():
            return False
        try:
            with locked_file(path, shared=True, wait=False):
                return False
        except BlockingIOError:
            return True
        except OSError:  # the lock cannot be taken here; reading the source reports that
            return False

    def source_is_held_here(self, source: str) -> bool:
        """Return whether this process holds the lock of a source or of a task."""
        return _of_source(source) in self._held_here

    def _path(self, name: str) -> Path:
        return self._folder / f"{name}.lock"


@dataclass(frozen=True, slots=True)
class SourceLock:
    """A source's lock, held by a run."""

    source: str
    is_held: Callable[[], bool]

    def check(self) -> None:
        """Raise `LockLost` if the lock was lost; called before each write."""
        if not self.is_held():
            raise LockLost(
                f"{self.source} : cette lecture a perdu son verrou (arrêt prolongé, ou base d'état "
                "coupée), et une autre a pu prendre sa place. Rien de plus n'a été écrit."
            )


@contextmanager
def hold_source_lock(locks: Locks, source: str, wait_s: float = 0) -> Iterator[SourceLock]:
    """Hold the source's lock during the block.

    Raises `SourceBusy` if another process still holds it after `wait_s`.
    """
    deadline = time.monotonic() + wait_s
    with ExitStack() as stack:
        while True:
            try:
                is_held = stack.enter_context(locks.hold_long(_of_source(source)))
                break
            except BlockingIOError:
                if time.monotonic() >= deadline:
                    name = source.removeprefix("@")
                    raise SourceBusy(
                        f"{name} : une autre lecture de cette source est en cours. Attendez sa fin "
                        "(« quisait sources » la montre), puis relancez si besoin."
                    ) from None
                time.sleep(RETRY_EVERY_S)
        yield SourceLock(source, is_held)


class WriteGate:
    """A lock of an index that several writers share, or one reindex holds exclusively."""

    def __init__(self, database: sa.Engine, folder: Path) -> None:
        self._locks = Locks(database, folder)

    @contextmanager
    def writing(self) -> Iterator[None]:
        """Hold the gate together with other writers."""
        with ExitStack() as stack:
            # A reindex holds the turn while it waits: a stream of writers cannot keep it out.
            with self._locks.hold(TURN):
                stack.enter_context(self._locks.hold(GATE, shared=True))
            yield

    @contextmanager
    def alone(self) -> Iterator[None]:
        """Hold the gate alone."""
        with self._locks.hold(TURN), self._locks.hold(GATE):
            yield

    @contextmanager
    def only_reindex(self) -> Iterator[None]:
        """Hold the reindex lock. Raises `IndexRefused` if a reindex is running."""
        with ExitStack() as stack:
            try:
                stack.enter_context(self._locks.hold(REINDEX, wait=False))
            except BlockingIOError:
                raise IndexRefused(
                    "Une réindexation est en cours : attendez sa fin. Rien n'a été changé."
                ) from None
            yield


def _of_source(source: str) -> str:
    return f"source-{source}"


_HOLDERS = sa.text(
    "select exists (select 1 from pg_locks where locktype = 'advisory' and granted "
    "and database = (select oid from pg_database where datname = current_database()) "
    "and classid = cast(:high as oid) and objid = cast(:low as oid) and objsubid = 1)"
)


def _key(name: str) -> int:
    """Return a signed 64-bit number for the name, as PostgreSQL numbers advisory locks."""
    return int.from_bytes(blake2b(name.encode(), digest_size=8).digest(), signed=True)


def _key_halves(name: str) -> dict[str, int]:
    """Return the two 32-bit halves of the key, as `pg_locks` shows it."""
    key = _key(name)
    return {"high": (key >> 32) & 0xFFFFFFFF, "low": key & 0xFFFFFFFF}


@contextmanager
def _session(database: sa.Engine, idle_s: float | None = None) -> Iterator[sa.Connection]:
    """Yield a PostgreSQL session, which the server ends once it has been idle for `idle_s`."""
    with database.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        if idle_s is not None:
            # Detached from the pool, so that its lock and its timeout end with it.
            connection.detach()
            connection.exec_driver_sql(f"set idle_session_timeout = {round(idle_s * 1000)}")
        yield connection


@contextmanager
def _advisory_lock(
    session: sa.Connection, name: str, *, shared: bool = False, wait: bool, watched: bool = False
) -> Iterator[None]:
    """Hold an advisory lock of the session. Raises `BlockingIOError` if it is taken and not `wait`.

    Unless `watched`, raises at the end if the session was lost during the block.
    """
    ending = "_shared" if shared else ""
    lock = getattr(sa.func, f"pg_{'' if wait else 'try_'}advisory_lock{ending}")
    unlock = getattr(sa.func, f"pg_advisory_unlock{ending}")
    if session.execute(sa.select(lock(_key(name)))).scalar_one() is False:
        raise BlockingIOError(name)
    quiet = True
    try:
        yield
        quiet = watched
    finally:
        # A session would return to its pool with its locks. A session that has ended holds
        # none, and its error must not hide why the block ended.
        with suppress(sa.exc.SQLAlchemyError) if quiet else nullcontext():
            session.execute(sa.select(unlock(_key(name))))


@contextmanager
def _kept_alive(session: sa.Connection, name: str, every_s: float) -> Iterator[Callable[[], bool]]:
    """Query the session every `every_s` seconds; yield a function that tells if it answers."""
    one_at_a_time, done = threading.Lock(), threading.Event()

    def answers() -> bool:
        with one_at_a_time:
            try:
                session.execute(sa.select(1))
            except sa.exc.SQLAlchemyError:
                return False
            return True

    def ask() -> None:
        while not done.wait(every_s):
            if not answers():
                log.warning("lock lost", extra={"lock": name})
                return

    thread = threading.Thread(target=ask, name=f"lock {name}", daemon=True)
    thread.start()
    try:
        yield answers
    finally:
        done.set()
        thread.join()
