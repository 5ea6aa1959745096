"""Who holds a lease: a process of a machine, so that a dead one is known for dead at once."""

import os
import socket
from pathlib import Path
from uuid import uuid4

_DEAD = ("Z", "X")
"""A process that has ended and whose parent has not asked yet."""


def new_owner() -> str:
    """A name that no other holder has, of this process on this machine."""
    pid = os.getpid()
    return f"{_machine()}/{pid}/{_born(pid)}/{uuid4().hex}"


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
    now_born = _born(int(pid))
    return now_born != born and (now_born != "" or not _exists(int(pid)))


def _exists(pid: int) -> bool:
    """Also where /proc hides the processes of others."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return _state(pid) not in _DEAD


def _machine() -> str:
    """The machine since it started, and the container: a process's number means nothing beyond."""
    return f"{socket.gethostname()}/{_read('/proc/sys/kernel/random/boot_id')}/{_processes()}"


def _processes() -> str:
    try:
        return str(Path("/proc/self/ns/pid").readlink())
    except OSError:
        return ""


def _born(pid: int) -> str:
    """When that process began, in ticks since boot: tells it from a later one of its number."""
    fields = _fields(pid)
    return fields[19] if len(fields) > 19 and fields[0] not in _DEAD else ""


def _state(pid: int) -> str:
    return next(iter(_fields(pid)), "")


def _fields(pid: int) -> list[str]:
    """What /proc says of a process after its name, its state first (proc(5))."""
    return _read(f"/proc/{pid}/stat").rpartition(")")[2].split()


def _read(path: str) -> str:
    try:
        return Path(path).read_text().strip()
    except OSError:
        return ""
