"""Which documents of a window replace which. Pure."""

from collections.abc import Mapping, Sequence
from datetime import date

from indexer.marks import Mark


class Succession:
    """The heirs of each document among the marked ones: who replaces it, and those in turn.

    A document replaces from its first day of validity on, and none of a source that is
    trusted more than its own. Documents that replace each other in a circle replace nothing.
    """

    def __init__(self, marks: Mapping[str, Mark], trust: Mapping[str, float], today: date) -> None:
        self._direct: dict[str, set[str]] = {}
        for heir, mark in marks.items():
            for former in mark.replaces:
                if former == heir or former not in marks or not mark.begun(today):
                    continue
                if trust.get(mark.source, 1.0) >= trust.get(marks[former].source, 1.0):
                    self._direct.setdefault(former, set()).add(heir)
        whole = _reached(self._direct, list(marks))
        # Who is among their own heirs is in a circle.
        circling = {former for former, heirs in whole.items() if former in heirs}
        self._heirs = {
            former: frozenset(heirs - circling)
            for former, heirs in whole.items()
            if former not in circling and heirs - circling
        }

    def heirs(self, document_id: str) -> frozenset[str]:
        """All that replace it, directly or through others."""
        return self._heirs.get(document_id, frozenset())

    def related(self, one: str, other: str) -> bool:
        """Whether one of them replaces the other."""
        return one in self.heirs(other) or other in self.heirs(one)

    def depth(self, document_id: str) -> int:
        """How many replace it: more than replace any of its heirs."""
        return len(self.heirs(document_id))

    def lifted(self, scores: Mapping[str, float]) -> dict[str, float]:
        """Each heir at least as high as what it replaces."""
        lifted = dict(scores)
        for former, heirs in self._heirs.items():
            for heir in heirs:
                lifted[heir] = max(lifted[heir], scores[former])
        return lifted


def _reached(direct: Mapping[str, set[str]], names: Sequence[str]) -> dict[str, set[str]]:
    """All that can be reached from each, in bits: a source may name everything everywhere."""
    bits = {name: 1 << place for place, name in enumerate(names)}
    reached = {former: sum(bits[heir] for heir in heirs) for former, heirs in direct.items()}
    for between in direct:
        for former in direct:
            if reached[former] & bits[between]:
                reached[former] |= reached[between]
    return {
        former: {name for name in names if found & bits[name]} for former, found in reached.items()
    }
