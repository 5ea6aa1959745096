"""Locks between processes.

One crawl per source, one reindex per index; they end with their holder.
"""

import fcntl
import logging
import os
import socket
import threading
import time
import zlib
from collections.abc import Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4

import sqlalchemy as sa

from connectors.ports import SourceRefused
from indexer.errors import IndexRefused, LeaseLost
from indexer.leases import Leases

_DEAD = ("Z", "X")
"""A process that has ended and whose parent has not asked yet."""


def new_owner() -> str:
    """A name that no other holder has, of this process on this machine."""
    pid = os.getpid()
    return f"{_machine()}/{pid}/{_start_time(pid)}/{uuid4().hex}"


def is_mine(owner: str) -> bool:
    """Whether the owner is this process."""
    return owner.rpartition("/")[0] == new_owner().rpartition("/")[0]


def has_ended(owner: str) -> bool:
    """Whether the owner was a process of this machine, and is no more.

    False where that cannot be told: on another machine, or where /proc is missing. Then
    its lease ends in its own time.
    """
    machine, pid, born, _ = owner.rsplit("/", 3)
    if machine != _machine() or not born:
        return False
    now_born = _start_time(int(pid))
    return now_born != born and (now_born != "" or not _exists(int(pid)))


def _exists(pid: int) -> bool:
    """Also where /proc hides the processes of others."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return _process_state(pid) not in _DEAD


def _machine() -> str:
    """The machine since it started, and the container: a process's number means nothing beyond."""
    return (
        f"{socket.gethostname()}/{_read_proc('/proc/sys/kernel/random/boot_id')}/{_pid_namespace()}"
    )


def _pid_namespace() -> str:
    try:
        return str(Path("/proc/self/ns/pid").readlink())
    except OSError:
        return ""


def _start_time(pid: int) -> str:
    """When that process began, in ticks since boot: tells it from a later one of its number."""
    fields = _stat_fields(pid)
    return fields[19] if len(fields) > 19 and fields[0] not in _DEAD else ""


def _process_state(pid: int) -> str:
    return next(iter(_stat_fields(pid)), "")


def _stat_fields(pid: int) -> list[str]:
    """What /proc says of a process after its name, its state first (proc(5))."""
    return _read_proc(f"/proc/{pid}/stat").rpartition(")")[2].split()


def _read_proc(path: str) -> str:
    try:
        return Path(path).read_text().strip()
    except OSError:
        return ""


log = logging.getLogger(__name__)

ASKED_AGAIN_EVERY_S = 0.2


class SourceBusy(SourceRefused):
    """Somebody else reads the source now."""


@dataclass(frozen=True, slots=True)
class SourceLease:
    """The lease of a crawl that runs."""

    leases: Leases
    source: str
    owner: str

    def check(self) -> None:
        """Called before each write: make the lease last. Raises `LeaseLost`."""
        if not self.leases.renew(self.source, self.owner):
            raise LeaseLost(
                f"{self.source} : cette lecture est restée arrêtée trop longtemps, et une autre a "
                "pris sa place. Rien de plus n'a été écrit ; l'autre continue."
            )


@contextmanager
def hold_source_lease(leases: Leases, source: str, wait_s: float = 0) -> Iterator[SourceLease]:
    """Hold the source's lease, renewed while the block runs.

    Raises `SourceBusy` where another crawl still holds it after `wait_s`.
    """
    held = SourceLease(leases, source, new_owner())
    deadline = time.monotonic() + wait_s
    while not leases.take(source, held.owner):
        if time.monotonic() >= deadline:
            name = source.removeprefix("@")
            raise SourceBusy(
                f"{name} : une autre lecture de cette source est en cours. Attendez sa fin "
                "(« quisait sources » la montre), puis relancez si besoin."
            )
        time.sleep(ASKED_AGAIN_EVERY_S)
    done = threading.Event()
    heart = threading.Thread(target=_renew, args=(held, done), name=f"lease {source}", daemon=True)
    heart.start()
    try:
        yield held
    finally:
        done.set()
        heart.join()
        # A database that does not answer must not hide why the block ended.
        with suppress(sa.exc.SQLAlchemyError):
            leases.release(source, held.owner)


def _renew(held: SourceLease, done: threading.Event) -> None:
    """Renew until the crawl is done; a lease once lost is not taken back."""
    while not done.wait(held.leases.lease_s / 4):
        try:
            if not held.leases.renew(held.source, held.owner):
                log.warning("lease lost", extra={"source": held.source})
                return
        except sa.exc.SQLAlchemyError as error:
            fields = {"source": held.source, "error": type(error).__name__}
            log.warning("lease not renewed", extra=fields)


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
            return _lock_in_postgresql(self._database, name, shared, wait)
        return _lock_file(self._folder, name, shared, wait)


@contextmanager
def _lock_file(folder: Path, name: str, shared: bool, wait: bool) -> Iterator[None]:
    folder.mkdir(parents=True, exist_ok=True)
    kind = (fcntl.LOCK_SH if shared else fcntl.LOCK_EX) | (0 if wait else fcntl.LOCK_NB)
    with (folder / f"{name}.lock").open("a") as file:
        fcntl.flock(file, kind)
        yield


@contextmanager
def _lock_in_postgresql(database: sa.Engine, name: str, shared: bool, wait: bool) -> Iterator[None]:
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
