"""Whom to hold back, and when to say that nobody is known. Read `evaluate_nobody` first."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from functools import partial

from expertise.confidence import NO_BAR, SERVED, Bar
from expertise.find import find_experts
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


@dataclass(frozen=True, slots=True)
class Asked:
    """One question as asked: whether its experts' documents were there, and who came."""

    group: str
    answerable: bool
    candidates: tuple[Judged, ...]


@dataclass(frozen=True, slots=True)
class Point:
    """At a bar. `coverage` is the share of the answerable questions that get an answer.

    Of these answers: `shown` names on average, `right` of them (share), `kept` of the experts
    that no bar would show (share). `false_names`: the share of unanswerable questions that
    get a name nevertheless, `false_shown` how many on average.
    """

    bar: Bar
    coverage: float
    shown: float
    right: float
    kept: float
    false_names: float
    false_shown: float


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
        bar=NO_BAR,
        limit=len(judged.candidates),
    )
    ranked = [one for one in found.candidates if one.agent.id in judged.ranked][:FIRST]
    most = max((one.parts.votes for one in ranked), default=1.0)
    return Asked(
        query.group,
        answerable,
        tuple(
            Judged(one.confidence, one.parts.votes / most, one.agent.id in experts)
            for one in ranked
        ),
    )


def point(asked: Sequence[Asked], bar: Bar) -> Point:
    """What a bar would do."""
    able = [one for one in asked if one.answerable]
    unable = [one for one in asked if not one.answerable]
    shown = [[c for c in one.candidates if c.passes(bar)] for one in able]
    false = [[c for c in one.candidates if c.passes(bar)] for one in unable]
    names = sum(map(len, shown))
    right = sum(c.right for some in shown for c in some)
    return Point(
        bar=bar,
        coverage=sum(map(bool, shown)) / len(able),
        shown=names / len(able),
        right=right / names if names else 0.0,
        kept=right / max(1, sum(c.right for one in able for c in one.candidates)),
        false_names=sum(map(bool, false)) / len(unable),
        false_shown=sum(map(len, false)) / len(unable),
    )


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
    groups = sorted({one.group for one in asked})
    fold = {group: number % FOLDS for number, group in enumerate(groups)}
    return tuple(
        point(
            [one for one in asked if fold[one.group] == number],
            chosen([one for one in asked if fold[one.group] != number]),
        )
        for number in range(min(FOLDS, len(groups)))
    )


def curve_text(name: str, points: Sequence[Point], folds: Sequence[Point]) -> str:
    """A table in Markdown, as it stands in docs/evaluation.md; the served bar is bold."""
    lines = [
        f"| {name}: confidence | answerable answered | names | right | experts kept "
        "| unanswerable named | names |",
        "|---:|---:|---:|---:|---:|---:|---:|",
    ]
    for one in points:
        bar = "none" if one.bar == NO_BAR else f"{one.bar.confidence:.2f}"
        mark = "**" if one.bar == SERVED else ""
        lines.append(_line([bar, *_cells(one)], mark))
    for number, one in enumerate(folds, 1):
        lines.append(_line([f"fold {number}: {one.bar.confidence:.2f}", *_cells(one)], ""))
    return "\n".join(lines)


def _cells(one: Point) -> list[str]:
    values = (one.coverage, one.shown, one.right, one.kept, one.false_names, one.false_shown)
    return [f"{value:.2f}" for value in values]


def _line(cells: Sequence[str], mark: str) -> str:
    return "| " + " | ".join(f"{mark}{cell}{mark}" for cell in cells) + " |"
