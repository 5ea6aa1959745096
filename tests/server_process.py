"""Code shared by the servers that tests start: their folder, start and end."""

import atexit
import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

PATIENCE_S = 10
START_TIMEOUT_S = 180
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


def begun(command: Sequence[str], log: Path, **options: Any) -> "subprocess.Popen[bytes]":
    """Start a process that writes what it says to a file."""
    with log.open("ab") as output:
        return subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            **options,
        )


def wait_for(
    process: "subprocess.Popen[bytes]",
    log: Path,
    ready: Callable[[], object],
    missing: Callable[[str], Exception],
) -> None:
    """Wait until `ready` neither fails nor says False; raise with the log's end else."""
    deadline = time.monotonic() + START_TIMEOUT_S
    failed: Exception | None = None
    while process.poll() is None and time.monotonic() < deadline:
        try:
            if ready() is not False:
                return
        except Exception as error:  # noqa: BLE001 - it is not ready yet, whatever it says
            failed = error
        time.sleep(0.05)
    said = log.read_text("utf-8", "replace")[-2000:]
    raise missing(f"{log.name} did not start:\n{said}") from failed
