"""The fused window, arranged: trust, freshness, validity, succession, copies. Pure.

Everything here is read from hits of this reader alone, so that nothing which they may not
read can move a document, and from one window, so that order is the same on every page.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from enum import StrEnum
from functools import lru_cache
from typing import NamedTuple

from indexer.marks import Mark
from indexer.twins import bands, in_common, same_text
from indexer.values import WINDOW
from search_api.ranking.fusion import FusedHit
from search_api.ranking.succession import Succession

_DAY_S = 86_400.0


@dataclass(frozen=True, slots=True)
class Preferences:
    """What an administrator prefers; conventions, since no judged set has dates.

    `trust` multiplies the scores of a source (1 where it is not named). A document of
    today gains the share `freshness` of its score, half of that after `half_life_days`,
    one without a date nothing. One that is no longer in force keeps `past_share`.
    """

    trust: Mapping[str, float] = field(default_factory=dict)
    freshness: float = 0.05
    half_life_days: float = 1095.0
    past_share: float = 0.7


class Effect(StrEnum):
    """What moved a document, beside the question."""

    RECENT = "recent"
    TRUSTED = "trusted"
    DISTRUSTED = "distrusted"
    EXPIRED = "expired"
    REPLACED = "replaced"
    SUCCEEDS = "succeeds"


class Placed(NamedTuple):
    """A result of the window: its hit with the score that places it, and its copies, best first."""

    hit: FusedHit
    copies: tuple[str, ...] = ()
    effects: tuple[Effect, ...] = ()


@dataclass(frozen=True, slots=True)
class _Weighed:
    """The hits in their order, with what moved each, and who replaces whom."""

    hits: tuple[FusedHit, ...]
    effects: Mapping[str, tuple[Effect, ...]]
    succession: Succession


def arranged(
    hits: Sequence[FusedHit],
    marks: Mapping[str, Mark],
    preferences: Preferences,
    today: date,
    window: int = WINDOW,
) -> tuple[Placed, ...]:
    """The first `window` results, best first, ties by id; a hit without a mark stays as it is.

    A document that another one of the window replaces stands right below it at best; the
    successor takes the better place of the two. Copies are one result.
    """
    found = _weighed(hits, marks, preferences, today)
    heads = grouped(found.hits, marks, found.succession)[:window]
    return tuple(
        Placed(hit, copies, found.effects.get(hit.document_id, ())) for hit, copies in heads
    )


def each_in_order(
    hits: Sequence[FusedHit], marks: Mapping[str, Mark], preferences: Preferences, today: date
) -> tuple[FusedHit, ...]:
    """The same order of every document, copies too, each in its own place."""
    return _weighed(hits, marks, preferences, today).hits[:WINDOW]


def _weighed(
    hits: Sequence[FusedHit], marks: Mapping[str, Mark], preferences: Preferences, today: date
) -> _Weighed:
    """Trust and freshness first, then succession lifts, then what is over sinks."""
    known = {hit.document_id: marks[hit.document_id] for hit in hits if hit.document_id in marks}
    weighed = {hit.document_id: hit.score for hit in hits}
    effects: dict[str, list[Effect]] = defaultdict(list)
    for document_id, mark in known.items():
        factor = preferences.trust.get(mark.source, 1.0)
        gain = preferences.freshness * _youth(mark, preferences.half_life_days, today)
        weighed[document_id] *= factor * (1 + gain)
        if factor != 1.0:
            effects[document_id].append(Effect.TRUSTED if factor > 1 else Effect.DISTRUSTED)
        if gain > preferences.freshness / 2:
            effects[document_id].append(Effect.RECENT)
    succession = Succession(known, preferences.trust, today)
    scores = succession.lifted(weighed)
    for document_id, mark in known.items():
        expired, replaced = mark.past(today), bool(succession.heirs(document_id))
        if expired or replaced:
            scores[document_id] *= preferences.past_share
        if expired:
            effects[document_id].append(Effect.EXPIRED)
        if replaced:
            effects[document_id].append(Effect.REPLACED)
        if scores[document_id] > weighed[document_id]:
            effects[document_id].append(Effect.SUCCEEDS)
    ids = [hit.document_id for hit in hits]
    rows = [
        (-scores[id_], succession.depth(id_), id_, hit) for id_, hit in zip(ids, hits, strict=True)
    ]
    ordered = tuple(hit.scored(-below) for below, _, _, hit in sorted(rows))
    told = {document_id: tuple(some) for document_id, some in effects.items()}
    return _Weighed(ordered, told, succession)


def in_their_order(
    hits: Sequence[FusedHit],
    marks: Mapping[str, Mark],
    preferences: Preferences,
    today: date,
) -> tuple[Placed, ...]:
    """A ranking by date: only copies come together, beneath the newest of them."""
    succession = Succession(marks, preferences.trust, today)
    return tuple(Placed(hit, copies) for hit, copies in grouped(hits, marks, succession))


def grouped(
    ordered: Sequence[FusedHit], marks: Mapping[str, Mark], succession: Succession
) -> list[tuple[FusedHit, tuple[str, ...]]]:
    """Each hit with its copies: beneath the first before it that it is one of; no chains."""
    signed = [marks[hit.document_id].twins if hit.document_id in marks else b"" for hit in ordered]
    heads: dict[tuple[int, bytes], list[str]] = {}
    copies: dict[str, list[str]] = {}
    beneath: set[str] = set()
    for at in in_common(signed):
        document_id = ordered[at].document_id
        keys, seen = bands(signed[at]), set[str]()
        for head in (head for key in keys for head in heads.get(key, ()) if head not in seen):
            seen.add(head)
            is_copy = _copies(marks[head], marks[document_id])
            if is_copy and not succession.related(head, document_id):
                copies.setdefault(head, []).append(document_id)
                beneath.add(document_id)
                break
        else:
            for key in keys:
                heads.setdefault(key, []).append(document_id)
    return [
        (hit, tuple(copies.get(hit.document_id, ())))
        for hit in ordered
        if hit.document_id not in beneath
    ]


def _copies(one: Mark, other: Mark) -> bool:
    """The same text, and no two different validities."""
    return (
        _no_other(one.valid_from, other.valid_from)
        and _no_other(one.valid_until, other.valid_until)
        and same_text(one.twins, other.twins)
    )


def _no_other(day: str | None, other: str | None) -> bool:
    return not day or not other or day == other


def _youth(mark: Mark, half_life_days: float, today: date) -> float:
    """1 for what is of today (or later), halved with each half-life; 0 without a date."""
    if mark.dated is None:
        return 0.0
    days = max(0.0, (_begun(today) - mark.dated) / _DAY_S)
    return float(2.0 ** (-days / half_life_days))


@lru_cache(maxsize=2)
def _begun(day: date) -> float:
    """When a day begins, in seconds since the epoch."""
    return datetime(day.year, day.month, day.day, tzinfo=UTC).timestamp()
