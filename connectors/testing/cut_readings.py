"""A source read again and again while it changes, each reading killed somewhere."""

from collections.abc import Callable
from random import Random

from connectors.ports import Checkpoint, Connector
from connectors.testing.connector_contract import IndexedDocuments, apply


def read_with_cuts(
    connector: Callable[[], Connector], change: Callable[[Random], None], seed: int, rounds: int
) -> None:
    """Raises AssertionError if what is kept in the end is not what the source holds.

    What was read after the last checkpoint may have been kept, and is read again.
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
