"""Rows of a listing source in memory, for tests that read from any earlier cursor."""

from collections.abc import Collection, Iterator, Mapping, Set

from connectors.ports import is_under
from connectors.snapshot import SeenRow


class MemorySeen:
    """Adapter of `SeenItems` that remembers the rows at each checkpoint.

    A reading may begin at any former cursor, as if nothing had been stored since.
    """

    def __init__(self) -> None:
        self._rows: dict[str, SeenRow] = {}
        self._step = 0
        self._former: dict[int, dict[str, SeenRow]] = {}

    def begin(self, step: int | None) -> int:
        """See `SeenItems.begin`; each reading has numbers of its own."""
        self._former[self._step] = self._rows
        self._rows = dict(self._former.get(step or 0, {}))
        self._step = max(self._former) + 1
        return self._step

    def rows(self, document_ids: Collection[str]) -> Mapping[str, SeenRow]:
        """See `SeenItems.rows`."""
        return {one: self._rows[one] for one in document_ids if one in self._rows}

    def put(self, step: int, rows: Mapping[str, SeenRow]) -> None:
        """See `SeenItems.put`."""
        if step != self._step:
            self._former[self._step] = dict(self._rows)
        self._step = step
        self._rows |= rows

    def forget(self, document_ids: Collection[str]) -> None:
        """See `SeenItems.forget`."""
        for one in document_ids:
            self._rows.pop(one, None)

    def forget_below(self, root: str) -> None:
        """See `SeenItems.forget_below`."""
        self.forget([one for one in self._rows if is_under(one, {root})])

    def count(self) -> int:
        """See `SeenItems.count`."""
        return len(self._rows)

    def others(self, document_ids: Set[str]) -> Iterator[list[str]]:
        """See `SeenItems.others`."""
        if vanished := [one for one in self._rows if one not in document_ids]:
            yield vanished
