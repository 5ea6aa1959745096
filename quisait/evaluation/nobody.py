"""When to say that nobody is known. Read `evaluate_nobody` first."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from functools import partial

from expertise.confidence import LEAST_CONFIDENCE
from expertise.find import Experts, find_experts
from quisait.evaluation.corpora import ExpertSet, JudgedQuery
from quisait.evaluation.scratch import Bench, Scratch, open_scratch
from quisait.evaluation.source import reader_of

COVERAGES = (1.0, 0.95, 0.9, 0.8, 0.7, 0.6, 0.5, 0.4, 0.3, 0.2)
"""Shares of the answerable questions that are answered, in the table."""


@dataclass(frozen=True, slots=True)
class Asked:
    """One question as asked: whether its experts' documents were there, and what came."""

    answerable: bool
    confidence: float
    right: bool


@dataclass(frozen=True, slots=True)
class Point:
    """At a threshold: shares from 0 to 1.

    `coverage` of the answerable questions get an answer; `risk` is the share of wrong
    first names among all answers given, half of the questions being unanswerable;
    `false_names` is the share of unanswerable questions that get a name nevertheless.
    """

    threshold: float
    coverage: float
    risk: float
    false_names: float


def evaluate_nobody(judged: ExpertSet, bench: Bench) -> tuple[Asked, ...]:
    """Ask each question twice: as it is, and without anything that its experts wrote.

    What they wrote is left out by access, before anything is ranked. Raises
    `IndexUnreachable` or `IndexRefused`.
    """
    with open_scratch(bench, judged) as scratch:
        asked = []
        for answerable in (True, False):
            ask = partial(_ask, judged, scratch, answerable)
            asked += bench.each(ask, judged.queries)
    return tuple(one for one in asked if one is not None)


def _ask(judged: ExpertSet, scratch: Scratch, answerable: bool, query: JudgedQuery) -> Asked | None:
    """None where even the set has no expert for the question."""
    experts = {one for one, grade in judged.judgments[query.id].items() if grade > 0}
    if not experts:
        return None
    found = find_experts(
        query.text,
        reader_of(query, () if answerable else experts),
        scratch.search,
        scratch.book,
        date.today(),
        least_confidence=-math.inf,
        limit=1,
    )
    return Asked(answerable, _confidence(found), _first(found) in experts)


def _first(found: Experts) -> str:
    return found.candidates[0].agent.id if found.candidates else ""


def _confidence(found: Experts) -> float:
    return found.confidence if found.candidates else -math.inf


def point(asked: Sequence[Asked], threshold: float) -> Point:
    """What a threshold would do."""
    answered = [one for one in asked if one.confidence >= threshold]
    able = [one for one in asked if one.answerable]
    unable = [one for one in asked if not one.answerable]
    return Point(
        threshold,
        sum(one.answerable for one in answered) / len(able),
        sum(not one.right for one in answered) / len(answered) if answered else 0.0,
        sum(not one.answerable for one in answered) / len(unable),
    )


def curve(asked: Sequence[Asked]) -> tuple[Point, ...]:
    """The points at which so many answerable questions are answered, and the one that serves."""
    able = sorted((one.confidence for one in asked if one.answerable), reverse=True)
    cuts = {able[max(0, round(share * len(able)) - 1)] for share in COVERAGES}
    return tuple(point(asked, cut) for cut in sorted(cuts | {LEAST_CONFIDENCE}))


def curve_text(name: str, points: Sequence[Point]) -> str:
    """A table in Markdown, as it stands in docs/evaluation.md; the served threshold is bold."""
    lines = [
        f"| {name}: threshold | answerable answered | wrong first names | unanswerable named |",
        "|---:|---:|---:|---:|",
    ]
    for one in points:
        cells = [f"{one.threshold:.2f}", f"{one.coverage:.2f}"]
        cells += [f"{one.risk:.2f}", f"{one.false_names:.2f}"]
        mark = "**" if one.threshold == LEAST_CONFIDENCE else ""
        lines.append("| " + " | ".join(f"{mark}{cell}{mark}" for cell in cells) + " |")
    return "\n".join(lines)
