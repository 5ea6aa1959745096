"""Rerank the fused window: trust, freshness, validity, successors, copies. Pure.

Only hits of one reader are used, so that a document which they may not read changes nothing, and
only one window, so that the order is the same on every page.
"""

import math
from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from functools import cached_property, lru_cache

from expertise.votes import FORWARDED
from indexer.near_duplicates import RUN_BYTES, bands, resemblance, same_text, shared_text
from indexer.values import WINDOW, HitAttributes
from search_api.ranking.fusion import FusedHit, RankingEffect


class Successors:
    """The successors of each document: documents that replace it, directly or through others.

    A document replaces others from its first day of validity on. It replaces documents of another
    source only if its own source is trusted more (`trust`, 1 for a source that is not named).
    Documents that replace each other in a circle replace nothing.
    """

    def __init__(
        self, marks: Mapping[str, HitAttributes], trust: Mapping[str, float], today: date
    ) -> None:
        self._names = list(marks)
        self._direct: dict[str, set[str]] = {}
        for successor, mark in marks.items():
            for former in mark.replaces:
                if former == successor or former not in marks or not mark.begun(today):
                    continue
                if _may_replace(mark.source, marks[former].source, trust):
                    self._direct.setdefault(former, set()).add(successor)
        self._circling = _in_circles(self._direct)

    def replaces(self, successor: str, former: str) -> bool:
        """Return whether `successor` replaces `former` directly."""
        return successor in self._direct.get(former, ()) and self._circling.isdisjoint(
            (successor, former)
        )

    def successors(self, document_id: str) -> frozenset[str]:
        """Return all documents that replace it, directly or through others."""
        return self._successors.get(document_id, frozenset())

    def related(self, one: str, other: str) -> bool:
        """Return whether one of two documents replaces the other."""
        return one in self.successors(other) or other in self.successors(one)

    def depth(self, document_id: str) -> int:
        """Return the number of successors: more than any of its successors has."""
        return len(self.successors(document_id))

    def lifted(self, scores: Mapping[str, float]) -> dict[str, float]:
        """Return the scores, with each successor at least as high as the documents it replaces."""
        lifted = dict(scores)
        for former, successors in self._successors.items():
            for successor in successors:
                lifted[successor] = max(lifted[successor], scores[former])
        return lifted

    @cached_property
    def _successors(self) -> dict[str, frozenset[str]]:
        whole = _transitive(self._direct, self._names)
        return {
            former: frozenset(successors - self._circling)
            for former, successors in whole.items()
            if former not in self._circling and successors - self._circling
        }


def _may_replace(successor: str, former: str, trust: Mapping[str, float]) -> bool:
    """Return whether a source may replace; with equal trust, each could repeal the other."""
    return successor == former or trust.get(successor, 1.0) > trust.get(former, 1.0)


def _in_circles(direct: Mapping[str, set[str]]) -> frozenset[str]:
    """Return the documents that are among their own successors."""
    replacing = set().union(*direct.values())
    both = [former for former in direct if former in replacing]
    if not both:
        return frozenset()
    import networkx as nx  # imported here: few windows need it

    links = nx.DiGraph([(former, one) for former in both for one in direct[former]])
    circles = [one for one in nx.strongly_connected_components(links) if len(one) > 1]
    return frozenset().union(*circles)


def _transitive(direct: Mapping[str, set[str]], names: Sequence[str]) -> dict[str, set[str]]:
    """Return all documents reachable from each, in bit sets: a source may name thousands."""
    if not direct:
        return {}
    bits = {name: 1 << place for place, name in enumerate(names)}
    reached = {
        former: sum(bits[successor] for successor in successors)
        for former, successors in direct.items()
    }
    for between in direct:
        for former in direct:
            if reached[former] & bits[between]:
                reached[former] |= reached[between]
    return {
        former: {name for name in names if found & bits[name]} for former, found in reached.items()
    }


_DAY_S = 86_400.0


@dataclass(frozen=True, slots=True)
class RankingPreferences:
    """The administrator's preferences; conventions, since no judged set has dates.

    `trust` multiplies the scores of a source (1 if it is not named). A document of today gains the
    share `freshness` of its score, half of that after `half_life_days`; a document without a date
    gains nothing. A document no longer in force keeps the share `past_share`.
    """

    trust: Mapping[str, float] = field(default_factory=dict)
    freshness: float = 0.05
    half_life_days: float = 1095.0
    past_share: float = 0.7


def reranked(
    hits: Sequence[FusedHit],
    marks: Mapping[str, HitAttributes],
    preferences: RankingPreferences,
    today: date,
    window: int = WINDOW,
    pinned: Collection[str] = (),
) -> tuple[FusedHit, ...]:
    """Return the first `window` results, best first, ties by id; unmarked hits keep their score.

    A document that another one of the window replaces comes below its successor, which takes the
    better place of the two. Copies form one result. The `pinned` documents come before all others.
    """
    ordered, succession = _weighted(hits, marks, preferences, today, pinned)
    return group_copies(ordered, marks, succession)[:window]


def reranked_documents(
    hits: Sequence[FusedHit],
    marks: Mapping[str, HitAttributes],
    preferences: RankingPreferences,
    today: date,
) -> tuple[FusedHit, ...]:
    """Return every document in the order of `reranked`, copies in their own places."""
    return _weighted(hits, marks, preferences, today)[0][:WINDOW]


def _weighted(
    hits: Sequence[FusedHit],
    marks: Mapping[str, HitAttributes],
    preferences: RankingPreferences,
    today: date,
    pinned: Collection[str] = (),
) -> tuple[tuple[FusedHit, ...], Successors]:
    """Apply trust and freshness, lift successors, then lower expired and replaced documents.

    The `pinned` documents come before all others, with their own scores.

    Returns the hits in their order, with the effects on each, and the successors.
    """
    known = {hit.document_id: marks[hit.document_id] for hit in hits if hit.document_id in marks}
    weighed = {hit.document_id: hit.score for hit in hits}
    effects = defaultdict[str, list[RankingEffect]](list)
    effects |= {id_: [RankingEffect.PINNED] for id_ in pinned}
    recent = preferences.freshness * _least_recent(preferences.half_life_days)
    for document_id, mark in known.items():
        factor = preferences.trust.get(mark.source, 1.0)
        gain = preferences.freshness * _freshness(mark, preferences.half_life_days, today)
        weighed[document_id] *= factor * (1 + gain)
        if factor != 1.0:
            effects[document_id].append(
                RankingEffect.TRUSTED if factor > 1 else RankingEffect.DISTRUSTED
            )
        if gain > recent:
            effects[document_id].append(RankingEffect.RECENT)
    succession = Successors(known, preferences.trust, today)
    scores = succession.lifted(weighed)
    for document_id, mark in known.items():
        expired, replaced = mark.past(today), bool(succession.successors(document_id))
        if expired or replaced:
            scores[document_id] *= preferences.past_share
        if expired:
            effects[document_id].append(RankingEffect.EXPIRED)
        if replaced:
            effects[document_id].append(RankingEffect.REPLACED)
        if scores[document_id] > weighed[document_id]:
            effects[document_id].append(RankingEffect.SUCCEEDS)
    _lower_forwards(scores, known)
    ids = [hit.document_id for hit in hits]
    rows = [
        (id_ not in pinned, -scores[id_], succession.depth(id_), id_, hit)
        for id_, hit in zip(ids, hits, strict=True)
    ]
    ordered = tuple(
        hit._replace(score=-below, effects=tuple(effects.get(id_, ())))
        for _, below, _, id_, hit in sorted(rows)
    )
    return ordered, succession


FORWARD_RESEMBLANCE = 0.3
"""Least resemblance of a forwarded text and its original: about a half on the documents of `ddt`,
where two rewritten versions of a note resemble each other by less than a fifth.
"""

FORWARDS_READ = 20
"""Number of forwarded messages that are compared with the other documents of a window."""


def _lower_forwards(scores: dict[str, float], known: Mapping[str, HitAttributes]) -> None:
    """Score a forwarded message below the document of the window that it forwards."""
    forwards = [id_ for id_, mark in known.items() if FORWARDED.match(mark.title)]
    for forward in sorted(forwards, key=lambda id_: -scores[id_])[:FORWARDS_READ]:
        text = known[forward].text_signature
        originals = [
            scores[id_]
            for id_, mark in known.items()
            if id_ not in forwards
            and scores[id_] < scores[forward]
            and resemblance(text[:RUN_BYTES], mark.text_signature[:RUN_BYTES])
            >= FORWARD_RESEMBLANCE
        ]
        if originals:
            scores[forward] = math.nextafter(min(originals), -math.inf)


def grouped_by_date(
    hits: Sequence[FusedHit],
    marks: Mapping[str, HitAttributes],
    preferences: RankingPreferences,
    today: date,
) -> tuple[FusedHit, ...]:
    """Return a ranking by date, in which copies are grouped below the newest of them."""
    succession = Successors(marks, preferences.trust, today)
    return group_copies(hits, marks, succession)


def group_copies(
    ordered: Sequence[FusedHit], marks: Mapping[str, HitAttributes], succession: Successors
) -> tuple[FusedHit, ...]:
    """Return the hits that are not copies of others, each with its copies.

    A hit is grouped with the first hit before it of which it is a copy; copies of copies do not
    count.
    """
    signed = [
        marks[hit.document_id].text_signature if hit.document_id in marks else b""
        for hit in ordered
    ]
    heads: dict[tuple[int, bytes], list[str]] = {}
    copies: dict[str, list[str]] = {}
    beneath: set[str] = set()
    for at in shared_text(signed):
        document_id = ordered[at].document_id
        keys, seen = bands(signed[at]), set[str]()
        for head in (head for key in keys for head in heads.get(key, ()) if head not in seen):
            seen.add(head)
            is_copy = _are_copies(marks[head], marks[document_id])
            if is_copy and not succession.related(head, document_id):
                copies.setdefault(head, []).append(document_id)
                beneath.add(document_id)
                break
        else:
            for key in keys:
                heads.setdefault(key, []).append(document_id)
    return tuple(
        hit._replace(copies=tuple(copies.get(hit.document_id, ())))
        for hit in ordered
        if hit.document_id not in beneath
    )


def _are_copies(one: HitAttributes, other: HitAttributes) -> bool:
    """Return whether the texts are the same and no validity dates differ."""
    return (
        _compatible(one.valid_from, other.valid_from)
        and _compatible(one.valid_until, other.valid_until)
        and same_text(one.text_signature, other.text_signature)
    )


def _compatible(day: str | None, other: str | None) -> bool:
    return not day or not other or day == other


RECENT_DAYS = 365.0
"""Largest age called recent, unless the half-life in the settings is shorter."""


def _least_recent(half_life_days: float) -> float:
    """Return the freshness of a document at the largest age called recent."""
    return round(float(2.0 ** -min(1.0, RECENT_DAYS / half_life_days)), 6)


def _freshness(mark: HitAttributes, half_life_days: float, today: date) -> float:
    """Return 1 for today (or later), halved with each half-life; 0 without a date.

    It is rounded: the last digits of powers differ between processors.
    """
    if mark.dated is None:
        return 0.0
    days = max(0.0, (_start_of_day(today) - mark.dated) / _DAY_S)
    return round(float(2.0 ** (-days / half_life_days)), 6)


@lru_cache(maxsize=2)
def _start_of_day(day: date) -> float:
    """Return the beginning of a day, in seconds since the epoch."""
    return datetime(day.year, day.month, day.day, tzinfo=UTC).timestamp()
