"""Two indexes compared by what a scan tells of each document: ids, hashes and readers."""

from collections.abc import Iterable, Iterator
from itertools import islice
from typing import TypeVar

from indexer.ports import Index
from indexer.values import IndexEntry, Remove

COMPARED = 1_000
"""How many documents are compared at once."""

Item = TypeVar("Item")


def differing(source: Index, target: Index) -> Iterator[tuple[int, list[str]]]:
    """(documents seen, ids of those that `target` lacks, has otherwise or alone); page by page."""
    for name in sorted(source.sources() | target.sources()):
        for entries in pages(source.scan(name), COMPARED):
            there = target.kept([one.document_id for one in entries])
            yield (
                len(entries),
                [one.document_id for one in entries if there.get(one.document_id) != one],
            )
        for entries in pages(target.scan(name), COMPARED):
            here = source.kept([one.document_id for one in entries])
            yield 0, [one.document_id for one in entries if one.document_id not in here]


def withdraw_stale(live: Index, beside: Index) -> None:
    """Remove from `beside` each document of which `live` has another text, or none."""
    for name in sorted(beside.sources()):
        stale: list[str] = []
        for entries in pages(beside.scan(name), COMPARED):
            now = live.kept([one.document_id for one in entries])
            stale += [
                one.document_id
                for one in entries
                if one.document_id not in now or not same_text(one, now[one.document_id])
            ]
        for some in pages(stale, COMPARED):
            beside.write([Remove(document_id) for document_id in some])


def same_text(one: IndexEntry, other: IndexEntry) -> bool:
    """Whether text and record are the same, whoever reads them."""
    return (one.content_hash, one.record_hash) == (other.content_hash, other.record_hash)


def pages(items: Iterable[Item], size: int) -> Iterator[list[Item]]:
    """So many at a time."""
    left = iter(items)
    while page := list(islice(left, size)):
        yield page
