"""Locks between processes: one run per source, one reindex per index.

With PostgreSQL for the state, they are advisory locks of a session, which workers on several
machines share (postgresql.org/docs/current/explicit-locking.html). With SQLite everything is
on one machine, and files are locked (`flock`). The system releases both when their holder
dies, however it dies. No clock takes part.
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

from connectors.parts import Part
from connectors.ports import SourceRefused
from indexer.errors import IndexRefused, LockLost
from quisait.settings.files import locked_file

log = logging.getLogger(__name__)

IDLE_S = 60.0
"""PostgreSQL ends a session that holds a source's lock and says nothing for so long: a machine
that was cut off or suspended releases its sources."""
RETRY_EVERY_S = 0.2

GATE, TURN, REINDEX = "index-writes", "index-turn", "index-reindex"


class SourceBusy(SourceRefused):
    """Another process reads the source now."""


class Locks:
    """The named locks of one installation: those of its database, or of files in its folder."""

    def __init__(self, database: sa.Engine, folder: Path, idle_s: float = IDLE_S) -> None:
        self._database, self._folder, self.idle_s = database, folder, idle_s
        self._on_postgresql = database.dialect.name == "postgresql"
        self._held_here: set[str] = set()

    @contextmanager
    def hold(self, name: str, *, shared: bool = False, wait: bool = True) -> Iterator[None]:
        """Hold a lock, alone or `shared`. Raises `BlockingIOError` where `wait` is false."""
        with ExitStack() as stack:
            if self._on_postgresql:
                session = stack.enter_context(_session(self._database))
                stack.enter_context(_advisory_lock(session, name, shared=shared, wait=wait))
            else:
                stack.enter_context(locked_file(self._path(name), shared=shared, wait=wait))
            yield

    @contextmanager
    def hold_long(self, name: str, shared: str = "") -> Iterator[Callable[[], bool]]:
        """Hold a lock alone, for minutes; the function tells whether it is still held.

        `shared` names one that is held with others meanwhile. Raises `BlockingIOError` where
        another process, or another thread, holds either.
        """
        with ExitStack() as stack:
            if self._on_postgresql:
                session = stack.enter_context(_session(self._database, self.idle_s))
                if shared:
                    stack.enter_context(
                        _advisory_lock(session, shared, shared=True, wait=False, watched=True)
                    )
                stack.enter_context(_advisory_lock(session, name, wait=False, watched=True))
                still_held = stack.enter_context(_kept_alive(session, name, self.idle_s / 4))
            else:
                if shared:
                    stack.enter_context(locked_file(self._path(shared), shared=True, wait=False))
                path = self._path(name)
                place = stack.enter_context(locked_file(path, wait=False))
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
        except OSError:  # nobody can take it here, and the reading of the source reports that
            return False

    def source_is_held_here(self, source: str) -> bool:
        """Whether this process holds it."""
        return _of_source(source) in self._held_here

    def _path(self, name: str) -> Path:
        return self._folder / f"{name}.lock"


@dataclass(frozen=True, slots=True)
class SourceLock:
    """The lock of a source, held by a run."""

    source: str
    is_held: Callable[[], bool]

    def check(self) -> None:
        """Called before each write. Raises `LockLost`."""
        if not self.is_held():
            raise LockLost(
                f"{self.source} : cette lecture a perdu son verrou (arrêt prolongé, ou base d'état "
                "coupée), et une autre a pu prendre sa place. Rien de plus n'a été écrit."
            )


@contextmanager
def hold_source_lock(locks: Locks, source: str, wait_s: float = 0) -> Iterator[SourceLock]:
    """Hold the source's lock while the block runs.

    Raises `SourceBusy` where another process still holds it after `wait_s`.
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


@contextmanager
def hold_part_lock(locks: Locks, source: str, part: Part) -> Iterator[SourceLock]:
    """Hold one part of a source while the block runs: nobody holds the source alone meanwhile.

    Raises `BlockingIOError` where another process holds the part, or the source.
    """
    name = part_name(source, part)
    with locks.hold_long(_of_source(name), shared=_of_source(source)) as is_held:
        yield SourceLock(f"{source}, partie {part}", is_held)


@contextmanager
def hold_turn_lock(locks: Locks, source: str) -> Iterator[None]:
    """Hold, for a moment, what those who take or end parts of a source wait for."""
    with locks.hold(f"parts-{source}"):
        yield


def part_name(source: str, part: Part) -> str:
    """What a part's lock is held under."""
    return f"{source}@{part.number}-{part.of}"


class WriteGate:
    """Writers of an index enter together, a reindex alone; a second reindex is refused."""

    def __init__(self, database: sa.Engine, folder: Path) -> None:
        self._locks = Locks(database, folder)

    @contextmanager
    def writing(self) -> Iterator[None]:
        """Hold it with other writers."""
        with ExitStack() as stack:
            # Who waits to be alone holds the turn: no stream of writers keeps it out.
            with self._locks.hold(TURN):
                stack.enter_context(self._locks.hold(GATE, shared=True))
            yield

    @contextmanager
    def alone(self) -> Iterator[None]:
        """Hold it alone."""
        with self._locks.hold(TURN), self._locks.hold(GATE):
            yield

    @contextmanager
    def only_reindex(self) -> Iterator[None]:
        """Raises `IndexRefused` where a reindex runs already."""
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
    """A signed number of 64 bits, as PostgreSQL names advisory locks."""
    return int.from_bytes(blake2b(name.encode(), digest_size=8).digest(), signed=True)


def _key_halves(name: str) -> dict[str, int]:
    """The key as `pg_locks` shows it."""
    key = _key(name)
    return {"high": (key >> 32) & 0xFFFFFFFF, "low": key & 0xFFFFFFFF}


@contextmanager
def _session(database: sa.Engine, idle_s: float | None = None) -> Iterator[sa.Connection]:
    """A session of PostgreSQL, which ends once it is idle for `idle_s`."""
    with database.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        if idle_s is not None:
            # Of its own, not of the pool: its lock and its limit end with it.
            connection.detach()
            connection.exec_driver_sql(f"set idle_session_timeout = {round(idle_s * 1000)}")
        yield connection


@contextmanager
def _advisory_lock(
    session: sa.Connection, name: str, *, shared: bool = False, wait: bool, watched: bool = False
) -> Iterator[None]:
    """Raises, at the end, where the session was lost meanwhile, unless the holder watches it."""
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
        # A session goes back to its pool with the locks that it holds. One that has ended holds
        # none, and must not hide why the block ended.
        with suppress(sa.exc.SQLAlchemyError) if quiet else nullcontext():
            session.execute(sa.select(unlock(_key(name))))


@contextmanager
def _kept_alive(session: sa.Connection, name: str, every_s: float) -> Iterator[Callable[[], bool]]:
    """Ask the session something now and then; the function tells whether it answers."""
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
