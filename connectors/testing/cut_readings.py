"""Read a source that changes, and stop each reading at a random change."""

from collections.abc import Callable
from random import Random

from connectors.ports import Checkpoint, Connector
from connectors.testing.connector_contract import IndexedDocuments, apply


def read_with_cuts(
    connector: Callable[[], Connector], change: Callable[[Random], None], seed: int, rounds: int
) -> None:
    """Check that a source read in interrupted pieces ends with the same documents as one full read.

    A cut reading may keep changes after its last checkpoint; the next reading yields them again.
    Raises AssertionError if the final documents differ.
    """
    draw = Random(seed)  # noqa: S311 - reproducible
    kept: IndexedDocuments = {}
    cursor: str | None = None
    for number in range(rounds):
        change(draw)
        changes = []
        last = number == rounds - 1
        most = draw.choice((1, 3, 10, 30, 100))
        for found in connector().changes(cursor):
            changes.append(found)
            if isinstance(found, Checkpoint):
                kept = apply(changes, kept)
                changes, cursor = [], found.cursor
            if not last and draw.random() < 1 / most:
                break
        kept = apply(changes, kept)
    assert kept == apply(connector().changes(None))
