"""The real `quisait reindex`, that waits or dies at a chosen point.

Where it acts `wait`, FOLDER/paused is made there and FOLDER/go awaited; where `die`, the process
kills itself.
"""

import os
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from indexer import reindex
from indexer.embedded.storage import EmbeddedStorage
from indexer.opensearch.storage import OpenSearchStorage
from indexer.state import State
from quisait.cli import app
from quisait.work import reindexing

POINTS: dict[str, list[tuple[object, str, int]]] = {
    "begun": [(EmbeddedStorage, "create", 1), (OpenSearchStorage, "create", 1)],
    "copying": [(reindex.IndexCopy, "copy", 2)],
    "checked": [(reindex, "check_rights", 1), (reindexing, "check_rights", 1)],
    "swapped": [(EmbeddedStorage, "promote", 1), (OpenSearchStorage, "promote", 1)],
    "read once": [(reindexing, "_read", 1)],
    "read again": [(reindexing, "_read", 3)],
    "without cursors": [(State, "forget_cursors", 1)],
}
"""What returns for the n-th time when it happens."""

CHUNK = 4
WAIT_S = 120


def main(where: str, act: str, folder: str) -> None:
    """Run the command with that one step replaced."""
    reindex.COPIED = CHUNK
    happens = _die if act == "die" else lambda: _wait(Path(folder))
    for owner, step, times in POINTS[where]:
        setattr(owner, step, _after(getattr(owner, step), times, happens))
    sys.argv = ["quisait", "reindex"]
    app()


def _after(step: Callable[..., Any], times: int, happens: Callable[[], None]) -> Callable[..., Any]:
    called = 0

    def replaced(*arguments: Any) -> Any:
        nonlocal called
        answer = step(*arguments)
        called += 1
        if called == times:
            happens()
        return answer

    return replaced


def _die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def _wait(folder: Path) -> None:
    (folder / "paused").touch()
    deadline = time.monotonic() + WAIT_S
    while not (folder / "go").exists() and time.monotonic() < deadline:
        time.sleep(0.05)
