"""Which documents of a window, or beside one, replace which. Pure."""

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import date
from functools import cached_property

from indexer.marks import Mark


class Succession:
    """The heirs of each document among the marked ones: who replaces it, and those in turn.

    A document replaces from its first day of validity on, and none of another source
    unless its own is trusted more (`trust`, 1 where a source is not named). Documents that
    replace each other in a circle replace nothing.
    """

    def __init__(self, marks: Mapping[str, Mark], trust: Mapping[str, float], today: date) -> None:
        self._names = list(marks)
        self._direct: dict[str, set[str]] = {}
        for heir, mark in marks.items():
            for former in mark.replaces:
                if former == heir or former not in marks or not mark.begun(today):
                    continue
                if _may_replace(mark.source, marks[former].source, trust):
                    self._direct.setdefault(former, set()).add(heir)
        self._circling = _circling(self._direct)

    def replaces(self, heir: str, former: str) -> bool:
        """Whether one replaces the other directly."""
        return heir in self._direct.get(former, ()) and self._circling.isdisjoint((heir, former))

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

    @cached_property
    def _heirs(self) -> dict[str, frozenset[str]]:
        whole = _reached(self._direct, self._names)
        return {
            former: frozenset(heirs - self._circling)
            for former, heirs in whole.items()
            if former not in self._circling and heirs - self._circling
        }


def _may_replace(heir: str, former: str, trust: Mapping[str, float]) -> bool:
    """Of two sources: equal trust is not enough, or each could repeal the other's."""
    return heir == former or trust.get(heir, 1.0) > trust.get(former, 1.0)


def _circling(direct: Mapping[str, set[str]]) -> frozenset[str]:
    """Who is among their own heirs."""
    replacing = set().union(*direct.values())
    both = [former for former in direct if former in replacing]
    if not both:
        return frozenset()
    from scipy import sparse  # here: few windows need it, and a command's start would pay it
    from scipy.sparse.csgraph import connected_components

    place = {name: number for number, name in enumerate(both)}
    edges = [(place[a], place[b]) for a in both for b in direct[a] if b in place]
    rows, columns = zip(*edges, strict=True) if edges else ((), ())
    size = (len(both), len(both))
    graph = sparse.coo_array(([1] * len(edges), (rows, columns)), shape=size).tocsr()
    _, labels = connected_components(graph, directed=True, connection="strong")
    alike = Counter(labels)
    return frozenset(name for name, label in zip(both, labels, strict=True) if alike[label] > 1)


def _reached(direct: Mapping[str, set[str]], names: Sequence[str]) -> dict[str, set[str]]:
    """All that can be reached from each, in bits: a source may name everything everywhere."""
    if not direct:
        return {}
    bits = {name: 1 << place for place, name in enumerate(names)}
    reached = {former: sum(bits[heir] for heir in heirs) for former, heirs in direct.items()}
    for between in direct:
        for former in direct:
            if reached[former] & bits[between]:
                reached[former] |= reached[between]
    return {
        former: {name for name in names if found & bits[name]} for former, found in reached.items()
    }
