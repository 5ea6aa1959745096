"""Evaluate when to answer that nobody is known.

Thresholds on confidence and on the nearest document.
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from enum import Enum
from functools import partial

from evaluation.corpora import ExpertSet, JudgedQuery
from evaluation.scratch import Bench, Scratch, evaluation_reader, open_scratch
from expertise.scoring import NO_THRESHOLD, SERVED_THRESHOLD, Threshold
from expertise.who_knows import find_experts

CANDIDATES_JUDGED = 20
"""So many candidates of a question are judged: what a page can show."""
LEAST_ANSWERED_SHARE = 0.9
"""A bar has to leave this share of the answerable questions their answer."""
CONFIDENCE_STEPS = tuple(step / 4 for step in range(-8, 13))
"""The confidences among which a bar is chosen."""
FOLDS = 5


@dataclass(frozen=True, slots=True)
class JudgedShownCandidate:
    """One candidate of one question: their confidence, their share of the best one's votes."""

    confidence: float
    share: float
    right: bool

    def passes(self, bar: Threshold) -> bool:
        """Whether they would be shown."""
        return self.confidence >= bar.confidence and self.share >= bar.share


class QuestionCase(Enum):
    """As it is; without anything that its experts wrote; or about another set's subjects."""

    ANSWERABLE = "answerable"
    WITHOUT_EXPERTS = "without experts"
    FOREIGN = "foreign"


@dataclass(frozen=True, slots=True)
class QuestionOutcome:
    """One question as asked, and who came.

    `cosine` is that of the nearest document; `has_all_words`: one holds every word asked.
    """

    group: str
    case: QuestionCase
    cosine: float
    has_all_words: bool
    candidates: tuple[JudgedShownCandidate, ...]

    def far(self, bar: float) -> bool:
        """Whether nothing would come near it, were this the encoder's bar."""
        return self.cosine < bar and not self.has_all_words


@dataclass(frozen=True, slots=True)
class NamingRate:
    """The share of some questions that get a name, and how many names on average."""

    share: float
    names: float


@dataclass(frozen=True, slots=True)
class CurvePoint:
    """At a bar. `coverage` is the share of the answerable questions that get an answer.

    Of these answers: `shown` names on average, `right` of them (share), `kept` of the experts
    that no bar would show (share). `unable`: what the questions without their experts get
    nevertheless.
    """

    bar: Threshold
    coverage: float
    shown: float
    right: float
    kept: float
    unable: NamingRate


def evaluate_nobody(
    judged: ExpertSet, bench: Bench, foreign: Sequence[JudgedQuery] = ()
) -> tuple[tuple[QuestionOutcome, ...], str]:
    """Ask each question twice: as it is, and without anything that its experts wrote.

    What they wrote is left out by access, before anything is ranked. The questions that are
    `foreign` to the set are asked once. Also the encoder's name. Raises `IndexUnreachable`
    or `IndexRefused`.
    """
    with open_scratch(bench, judged) as scratch:
        asked = []
        for case, queries in (
            (QuestionCase.ANSWERABLE, judged.queries),
            (QuestionCase.WITHOUT_EXPERTS, judged.queries),
            (QuestionCase.FOREIGN, foreign),
        ):
            asked += bench.each(partial(_ask_question, judged, scratch, case), queries)
        return tuple(question for question in asked if question is not None), scratch.encoder.name


def _ask_question(
    judged: ExpertSet, scratch: Scratch, case: QuestionCase, query: JudgedQuery
) -> QuestionOutcome | None:
    """None where even the set has no expert for its own question."""
    own = {} if case is QuestionCase.FOREIGN else judged.judgments[query.id]
    experts = {one for one, grade in own.items() if grade > 0}
    if not experts and case is not QuestionCase.FOREIGN:
        return None
    reader = evaluation_reader(query, experts if case is QuestionCase.WITHOUT_EXPERTS else ())
    window = scratch.search.window_of(query.text, reader)
    found = find_experts(
        window,
        query.text,
        scratch.book,
        date.today(),
        reader_id=reader.agent_id,
        threshold=NO_THRESHOLD,
        limit=len(judged.candidates),
    )
    ranked = [candidate for candidate in found.candidates if candidate.agent.id in judged.ranked][
        :CANDIDATES_JUDGED
    ]
    most = max((candidate.parts.votes for candidate in ranked), default=1.0)
    return QuestionOutcome(
        query.group,
        case,
        window.closest,
        scratch.search.has_all_words(query.text, reader),
        tuple(
            JudgedShownCandidate(
                candidate.confidence, candidate.parts.votes / most, candidate.agent.id in experts
            )
            for candidate in ranked
        ),
    )


def curve_point(asked: Sequence[QuestionOutcome], bar: Threshold) -> CurvePoint:
    """What a bar would do."""
    able = [question for question in asked if question.case is QuestionCase.ANSWERABLE]
    shown = [[c for c in question.candidates if c.passes(bar)] for question in able]
    names = sum(map(len, shown))
    right = sum(c.right for some in shown for c in some)
    return CurvePoint(
        bar=bar,
        coverage=sum(map(bool, shown)) / len(able),
        shown=names / len(able),
        right=right / names if names else 0.0,
        kept=right / max(1, sum(c.right for question in able for c in question.candidates)),
        unable=naming_rate(
            [question for question in asked if question.case is QuestionCase.WITHOUT_EXPERTS], bar
        ),
    )


def naming_rate(
    asked: Sequence[QuestionOutcome], bar: Threshold, far: float = -math.inf
) -> NamingRate:
    """Whom these questions get: where the nearest document stands below `far`, nobody."""
    shown = [
        0 if question.far(far) else sum(candidate.passes(bar) for candidate in question.candidates)
        for question in asked
    ]
    return NamingRate(sum(map(bool, shown)) / max(1, len(shown)), sum(shown) / max(1, len(shown)))


def curve(asked: Sequence[QuestionOutcome]) -> tuple[CurvePoint, ...]:
    """Without a bar, then at each confidence beside the served share, the served bar among them."""
    bars = {
        Threshold(step, SERVED_THRESHOLD.share)
        for step in CONFIDENCE_STEPS
        if step * 2 == int(step * 2)
    } | {SERVED_THRESHOLD}
    ordered = sorted(bars, key=lambda bar: bar.confidence)
    return tuple(curve_point(asked, bar) for bar in (NO_THRESHOLD, *ordered))


def choose_confidence(asked: Sequence[QuestionOutcome]) -> Threshold:
    """The highest confidence of `STEPS` that leaves `ANSWERED` of the questions an answer."""
    bars = [Threshold(step, SERVED_THRESHOLD.share) for step in CONFIDENCE_STEPS]
    enough = [bar for bar in bars if curve_point(asked, bar).coverage >= LEAST_ANSWERED_SHARE]
    return enough[-1] if enough else bars[0]


def out_of_fold(asked: Sequence[QuestionOutcome]) -> tuple[CurvePoint, ...]:
    """Each fold of groups at the bar that the others choose."""
    return tuple(curve_point(kept, choose_confidence(others)) for kept, others in folds(asked))


def folds(
    asked: Sequence[QuestionOutcome],
) -> Iterator[tuple[list[QuestionOutcome], list[QuestionOutcome]]]:
    """Each fold of groups of the set's own questions, and the others."""
    own = [question for question in asked if question.case is not QuestionCase.FOREIGN]
    groups = sorted({question.group for question in own})
    fold = {group: number % FOLDS for number, group in enumerate(groups)}
    for number in range(min(FOLDS, len(groups))):
        kept = [question for question in own if fold[question.group] == number]
        yield kept, [question for question in own if fold[question.group] != number]


def curve_text(name: str, points: Sequence[CurvePoint], held_out: Sequence[CurvePoint]) -> str:
    """A table in Markdown, as it stands in docs/evaluation.md; the served bar is bold."""
    lines = [
        f"| {name}: confidence | answerable answered | names | right | experts kept "
        "| unanswerable named | names |",
        "|---:|---:|---:|---:|---:|---:|---:|",
    ]
    for point in points:
        bar = "none" if point.bar == NO_THRESHOLD else f"{point.bar.confidence:.2f}"
        mark = "**" if point.bar == SERVED_THRESHOLD else ""
        lines.append(markdown_row([bar, *_curve_cells(point)], mark))
    for number, fold_result in enumerate(held_out, 1):
        lines.append(
            markdown_row(
                [f"fold {number}: {fold_result.bar.confidence:.2f}", *_curve_cells(fold_result)], ""
            )
        )
    return "\n".join(lines)


def _curve_cells(point: CurvePoint) -> list[str]:
    values = (
        point.coverage,
        point.shown,
        point.right,
        point.kept,
        point.unable.share,
        point.unable.names,
    )
    return [f"{value:.2f}" for value in values]


def markdown_row(cells: Sequence[str], mark: str) -> str:
    """A row of a table in Markdown, each cell between two marks."""
    return "| " + " | ".join(f"{mark}{cell}{mark}" for cell in cells) + " |"


COSINE_STEPS = tuple(step / 200 for step in range(160, 181))
"""The cosines among which a bar is chosen."""
MOST_LOST_SHARE = 0.005
"""A bar may cost so many of the answerable questions their answer (share of all)."""


@dataclass(frozen=True, slots=True)
class CosinePoint:
    """At a bar: what answerable questions get, those without their experts, and foreign ones."""

    bar: float
    able: NamingRate
    unable: NamingRate
    foreign: NamingRate


def cosine_point(asked: Sequence[QuestionOutcome], bar: float) -> CosinePoint:
    """Nobody is named where no document comes as near as `bar` nor has all the words.

    The bar of confidence is the served one throughout.
    """
    each = [
        naming_rate(
            [question for question in asked if question.case is case], SERVED_THRESHOLD, bar
        )
        for case in (QuestionCase.ANSWERABLE, QuestionCase.WITHOUT_EXPERTS, QuestionCase.FOREIGN)
    ]
    return CosinePoint(bar, *each)


def choose_cosine(asked: Sequence[QuestionOutcome]) -> float:
    """The highest of `STEPS` that costs no more than `LOST`; none needs a foreign question."""
    before = cosine_point(asked, -math.inf).able.share
    cheap = [
        bar
        for bar in COSINE_STEPS
        if before - cosine_point(asked, bar).able.share <= MOST_LOST_SHARE
    ]
    return cheap[-1] if cheap else -math.inf


def cosine_text(name: str, asked: Sequence[QuestionOutcome], served: float) -> str:
    """A table in Markdown, as it stands in docs/evaluation.md; the served bar is bold."""
    lines = [
        f"| {name}: nearest | answerable answered | names "
        "| without experts named | names | foreign named | names |",
        "|---:|---:|---:|---:|---:|---:|---:|",
    ]
    bars = {bar for bar in COSINE_STEPS if round(bar * 200) % 2 == 0} | {served, -math.inf}
    for bar in sorted(bars):
        threshold = "none" if math.isinf(bar) else f"{bar:.3f}"
        mark = "**" if bar == served else ""
        lines.append(markdown_row([threshold, *_cosine_cells(cosine_point(asked, bar))], mark))
    foreign = [question for question in asked if question.case is QuestionCase.FOREIGN]
    for number, (kept, others) in enumerate(folds(asked), 1):
        bar = choose_cosine(others)
        lines.append(
            markdown_row(
                [f"fold {number}: {bar:.3f}", *_cosine_cells(cosine_point([*kept, *foreign], bar))],
                "",
            )
        )
    return "\n".join(lines)


def _cosine_cells(point: CosinePoint) -> list[str]:
    each = (point.able, point.unable, point.foreign)
    return [f"{value:.2f}" for some in each for value in (some.share, some.names)]
