"""Documents are prepared before their turn, and every change keeps its turn."""

import threading
from collections.abc import Iterator
from itertools import cycle, islice

import pytest

from connectors.ports import Change, Checkpoint, Delete, SourceUnreachable, Upsert
from connectors.values import Document
from indexer.crawl.batches import PREFETCHED_DOCUMENTS, prefetched
from tests.builders import make_document

pytestmark = pytest.mark.sources

CHANGES: list[Change] = [
    Delete("wiki:0"),
    *(Upsert(make_document(f"wiki:{n}")) for n in range(20)),
    Checkpoint("a"),
]


def test_changes_come_in_the_order_of_the_source() -> None:
    """However long each document takes."""
    second = threading.Event()

    def prepare(document: Document) -> str:
        if document.id == "wiki:1":
            second.set()
        elif document.id == "wiki:0":
            assert second.wait(30)  # only if the next is prepared meanwhile
        return document.id

    with prefetched(CHANGES, prepare) as turns:
        given = [
            (change, awaited() if isinstance(change, Upsert) else "") for change, awaited in turns
        ]
    assert [change for change, _ in given] == CHANGES
    assert [name for _, name in given if name] == [f"wiki:{n}" for n in range(20)]


def test_an_error_has_the_turn_of_its_document() -> None:
    """The documents before and after it are not touched."""

    def prepare(document: Document) -> str:
        if document.id == "wiki:3":
            raise ValueError("this one")
        return document.id

    with prefetched(CHANGES[1:5], prepare) as turns:
        *before, (_, broken) = turns
        assert [awaited() for _, awaited in before] == ["wiki:0", "wiki:1", "wiki:2"]
        with pytest.raises(ValueError, match="this one"):
            broken()


def test_a_source_that_breaks_off_is_heard_after_what_it_gave() -> None:
    """Nothing that was yielded before is lost."""

    def source() -> Iterator[Change]:
        yield from CHANGES[:4]
        raise SourceUnreachable("gone")

    seen: list[Change] = []
    with (
        pytest.raises(SourceUnreachable),
        prefetched(source(), lambda document: document.id) as turns,
    ):
        seen.extend(change for change, _ in turns)
    assert seen == CHANGES[:4]


def test_no_more_is_read_ahead_than_stated() -> None:
    """A source of large files does not fill the memory."""
    asked = 0

    def source() -> Iterator[Change]:
        nonlocal asked
        for change in islice(cycle(CHANGES[1:21]), 2 * PREFETCHED_DOCUMENTS):
            asked += 1
            yield change

    with prefetched(source(), lambda document: document.id) as turns:
        next(turns)
        assert asked == PREFETCHED_DOCUMENTS + 1
