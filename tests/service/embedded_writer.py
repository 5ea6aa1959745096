"""A child process that writes batches into an embedded index and says what was acknowledged.

`python -m tests.service.embedded_writer FOLDER BATCHES [WHERE-TO-DIE BATCH]`
"""

import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from indexer.embedded import store
from indexer.embedded.index import EmbeddedIndex
from indexer.embedded.store import Store
from indexer.embedded.text import TextIndex
from indexer.values import PutAccess, Remove, Write
from tests.builders import ENCODER, allowed, put

DEATHS: dict[str, tuple[object, str]] = {
    "inside the SQLite transaction": (store, "_insert"),
    "between the SQLite commit and tantivy's": (TextIndex, "replay"),
    "between tantivy's commit and its record": (Store, "mark_applied"),
}


def batch(number: int) -> list[Write]:
    """Ten new documents; of the batch before, one is removed and one is closed."""
    writes: list[Write] = [
        put(f"wiki:{number}-{n}", f"cadastre lot{number} piece{n}") for n in range(10)
    ]
    if number:
        writes.append(Remove(f"wiki:{number - 1}-0"))
        writes.append(PutAccess(f"wiki:{number - 1}-1", allowed("agent:z")))
    return writes


def _die(*_: Any, **__: Any) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def main(folder: str, batches: str, death: str = "", dying: str = "-1") -> None:
    """Write batch after batch; each acknowledged one is a line of the output."""
    index = EmbeddedIndex(Path(folder), ENCODER.dimension)
    for number in range(int(batches)):
        if number == int(dying):
            owner, step = DEATHS[death]
            replaced: Callable[..., None] = _die
            setattr(owner, step, replaced)
        index.write(batch(number))
        sys.stdout.write(f"{number}\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main(*sys.argv[1:])
