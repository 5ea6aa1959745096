"""What the servers that tests start have in common: a folder, and their end."""

import atexit
import shutil
import subprocess
import tempfile
from pathlib import Path

PATIENCE_S = 10
_MEMORY = Path("/dev/shm")  # noqa: S108 - where a folder of our own is made


def scratch_folder(name: str) -> Path:
    """A folder of a server's own until the tests end, in memory where that is one.

    Its path is short, as those of sockets have to be, and another account may be let in.
    """
    where = _MEMORY if _MEMORY.is_dir() else None
    folder = Path(tempfile.mkdtemp(prefix=f"quisait-{name}-", dir=where))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return folder


def end(process: "subprocess.Popen[bytes]") -> None:
    """Ask a process to end; it is killed where it does not in time."""
    process.terminate()
    try:
        process.wait(timeout=PATIENCE_S)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
