"""Changes in their order, each document prepared by the time its turn comes."""

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from typing import TypeVar

from connectors.changes import Change, Upsert
from connectors.errors import SourceError
from connectors.values import Document

AHEAD = 32
"""How many documents are prepared before their turn: one slow file must not keep idle those
who prepare (`python -m benchmarks.indexing extraction`: 140 files/s with 8, 160 with 32)."""
HANDS = 3
"""How many are prepared at once, as many files are held in memory. Tika's server answered two
as quickly as four on two cores; the third asks while another reads what was answered."""

T = TypeVar("T")
Awaited = Callable[[], T]
"""Gives what was prepared, or raises what preparing raised."""

_Turn = tuple[Change, Future[T] | None]


@contextmanager
def prepared_ahead(
    changes: Iterable[Change], prepare: Callable[[Document], T]
) -> Iterator[Iterator[tuple[Change, Awaited[T]]]]:
    """Give each change with its document as `prepare` made it, in the order of the source.

    An error of the source is raised after everything that came before it had its turn.
    """
    with ThreadPoolExecutor(HANDS, "preparing") as hands:
        try:
            yield _in_turn(changes, prepare, hands)
        finally:
            hands.shutdown(wait=True, cancel_futures=True)


def _in_turn(
    changes: Iterable[Change], prepare: Callable[[Document], T], hands: ThreadPoolExecutor
) -> Iterator[tuple[Change, Awaited[T]]]:
    waiting: deque[_Turn[T]] = deque()
    broken: SourceError | None = None
    source = iter(changes)
    try:
        for change in source:
            work = hands.submit(prepare, change.document) if isinstance(change, Upsert) else None
            waiting.append((change, work))
            if len(waiting) > AHEAD:
                yield _turn(waiting.popleft())
    except SourceError as error:
        broken = error
    yield from map(_turn, waiting)
    if broken:
        raise broken


def _turn(turn: _Turn[T]) -> tuple[Change, Awaited[T]]:
    change, work = turn

    def awaited() -> T:
        if work is None:
            raise TypeError("only a document is prepared")
        return work.result()

    return change, awaited
