"""Whom to hold back, and when to say that nobody is known. Read `evaluate_nobody` first."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from enum import Enum
from functools import partial

from expertise.confidence import NO_BAR, SERVED, Bar
from expertise.find import find_experts
from expertise.values import Window
from indexer.access import Reader
from quisait.evaluation.corpora import ExpertSet, JudgedQuery
from quisait.evaluation.scratch import Bench, Scratch, open_scratch
from quisait.evaluation.source import reader_of

FIRST = 20
"""So many candidates of a question are judged: what a page can show."""
ANSWERED = 0.9
"""A bar has to leave this share of the answerable questions their answer."""
STEPS = tuple(step / 4 for step in range(-8, 13))
"""The confidences among which a bar is chosen."""
FOLDS = 5


@dataclass(frozen=True, slots=True)
class Judged:
    """One candidate of one question: their confidence, their share of the best one's votes."""

    confidence: float
    share: float
    right: bool

    def passes(self, bar: Bar) -> bool:
        """Whether they would be shown."""
        return self.confidence >= bar.confidence and self.share >= bar.share


class Case(Enum):
    """As it is; without anything that its experts wrote; or about another set's subjects."""

    ANSWERABLE = "answerable"
    WITHOUT_EXPERTS = "without experts"
    FOREIGN = "foreign"


@dataclass(frozen=True, slots=True)
class Asked:
    """One question as asked, and who came.

    `cosine` is that of the nearest document; `said`: one has all the question's words.
    """

    group: str
    case: Case
    cosine: float
    said: bool
    candidates: tuple[Judged, ...]

    def far(self, bar: float) -> bool:
        """Whether nothing would come near it, were this the encoder's bar."""
        return self.cosine < bar and not self.said


@dataclass(frozen=True, slots=True)
class Named:
    """The share of some questions that get a name, and how many names on average."""

    share: float
    names: float


@dataclass(frozen=True, slots=True)
class Point:
    """At a bar. `coverage` is the share of the answerable questions that get an answer.

    Of these answers: `shown` names on average, `right` of them (share), `kept` of the experts
    that no bar would show (share). `unable`: what the questions without their experts get
    nevertheless.
    """

    bar: Bar
    coverage: float
    shown: float
    right: float
    kept: float
    unable: Named


def evaluate_nobody(
    judged: ExpertSet, bench: Bench, foreign: Sequence[JudgedQuery] = ()
) -> tuple[tuple[Asked, ...], str]:
    """Ask each question twice: as it is, and without anything that its experts wrote.

    What they wrote is left out by access, before anything is ranked. The questions that are
    `foreign` to the set are asked once. Also the encoder's name. Raises `IndexUnreachable`
    or `IndexRefused`.
    """
    with open_scratch(bench, judged) as scratch:
        asked = []
        for case, queries in (
            (Case.ANSWERABLE, judged.queries),
            (Case.WITHOUT_EXPERTS, judged.queries),
            (Case.FOREIGN, foreign),
        ):
            asked += bench.each(partial(_ask, judged, scratch, case), queries)
        return tuple(one for one in asked if one is not None), scratch.encoder.name


def _ask(judged: ExpertSet, scratch: Scratch, case: Case, query: JudgedQuery) -> Asked | None:
    """None where even the set has no expert for its own question."""
    own = {} if case is Case.FOREIGN else judged.judgments[query.id]
    experts = {one for one, grade in own.items() if grade > 0}
    if not experts and case is not Case.FOREIGN:
        return None
    reader = reader_of(query, experts if case is Case.WITHOUT_EXPERTS else ())
    window = scratch.search.window(query.text, reader)
    found = find_experts(
        query.text,
        reader,
        _Ranked(window),
        scratch.book,
        date.today(),
        bar=NO_BAR,
        limit=len(judged.candidates),
    )
    ranked = [one for one in found.candidates if one.agent.id in judged.ranked][:FIRST]
    most = max((one.parts.votes for one in ranked), default=1.0)
    return Asked(
        query.group,
        case,
        window.closest,
        scratch.search.says_all(query.text, reader),
        tuple(
            Judged(one.confidence, one.parts.votes / most, one.agent.id in experts)
            for one in ranked
        ),
    )


@dataclass(frozen=True, slots=True)
class _Ranked:
    """A window that was already asked for."""

    only: Window

    def window(self, topic: str, reader: Reader) -> Window:
        return self.only


def point(asked: Sequence[Asked], bar: Bar) -> Point:
    """What a bar would do."""
    able = [one for one in asked if one.case is Case.ANSWERABLE]
    shown = [[c for c in one.candidates if c.passes(bar)] for one in able]
    names = sum(map(len, shown))
    right = sum(c.right for some in shown for c in some)
    return Point(
        bar=bar,
        coverage=sum(map(bool, shown)) / len(able),
        shown=names / len(able),
        right=right / names if names else 0.0,
        kept=right / max(1, sum(c.right for one in able for c in one.candidates)),
        unable=named([one for one in asked if one.case is Case.WITHOUT_EXPERTS], bar),
    )


def named(asked: Sequence[Asked], bar: Bar, far: float = -math.inf) -> Named:
    """Whom these questions get: where the nearest document stands below `far`, nobody."""
    shown = [
        0 if one.far(far) else sum(candidate.passes(bar) for candidate in one.candidates)
        for one in asked
    ]
    return Named(sum(map(bool, shown)) / max(1, len(shown)), sum(shown) / max(1, len(shown)))


def curve(asked: Sequence[Asked]) -> tuple[Point, ...]:
    """Without a bar, then at each confidence beside the served share, the served bar among them."""
    bars = {Bar(step, SERVED.share) for step in STEPS if step * 2 == int(step * 2)} | {SERVED}
    ordered = sorted(bars, key=lambda bar: bar.confidence)
    return tuple(point(asked, bar) for bar in (NO_BAR, *ordered))


def chosen(asked: Sequence[Asked]) -> Bar:
    """The highest confidence of `STEPS` that leaves `ANSWERED` of the questions an answer."""
    bars = [Bar(step, SERVED.share) for step in STEPS]
    enough = [bar for bar in bars if point(asked, bar).coverage >= ANSWERED]
    return enough[-1] if enough else bars[0]


def out_of_fold(asked: Sequence[Asked]) -> tuple[Point, ...]:
    """Each fold of groups at the bar that the others choose."""
    return tuple(point(kept, chosen(others)) for kept, others in folds(asked))


def folds(asked: Sequence[Asked]) -> Iterator[tuple[list[Asked], list[Asked]]]:
    """Each fold of groups of the set's own questions, and the others."""
    own = [one for one in asked if one.case is not Case.FOREIGN]
    groups = sorted({one.group for one in own})
    fold = {group: number % FOLDS for number, group in enumerate(groups)}
    for number in range(min(FOLDS, len(groups))):
        kept = [one for one in own if fold[one.group] == number]
        yield kept, [one for one in own if fold[one.group] != number]


def curve_text(name: str, points: Sequence[Point], held_out: Sequence[Point]) -> str:
    """A table in Markdown, as it stands in docs/evaluation.md; the served bar is bold."""
    lines = [
        f"| {name}: confidence | answerable answered | names | right | experts kept "
        "| unanswerable named | names |",
        "|---:|---:|---:|---:|---:|---:|---:|",
    ]
    for one in points:
        bar = "none" if one.bar == NO_BAR else f"{one.bar.confidence:.2f}"
        mark = "**" if one.bar == SERVED else ""
        lines.append(line([bar, *_cells(one)], mark))
    for number, one in enumerate(held_out, 1):
        lines.append(line([f"fold {number}: {one.bar.confidence:.2f}", *_cells(one)], ""))
    return "\n".join(lines)


def _cells(one: Point) -> list[str]:
    values = (one.coverage, one.shown, one.right, one.kept, one.unable.share, one.unable.names)
    return [f"{value:.2f}" for value in values]


def line(cells: Sequence[str], mark: str) -> str:
    """A row of a table in Markdown, each cell between two marks."""
    return "| " + " | ".join(f"{mark}{cell}{mark}" for cell in cells) + " |"
