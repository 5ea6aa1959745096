"""Evaluate when to answer that nobody is known.

Thresholds on confidence and on the nearest document, and the degrees that are served.
"""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from enum import Enum
from functools import partial

from evaluation.corpora import ExpertSet, JudgedQuery
from evaluation.scratch import Bench, Scratch, evaluation_reader, open_scratch
from expertise.values import Candidate, Degree
from expertise.who_knows import NEAR_ODDS, NO_BAR, find_experts

CANDIDATES_JUDGED = 20
"""So many candidates of a question are judged: what a page can show."""
LEAST_ANSWERED_SHARE = 0.9
"""A bar has to leave this share of the answerable questions their answer."""
CONFIDENCE_STEPS = tuple(step / 4 for step in range(-16, 13))
"""The confidences among which a bar is chosen."""
SHOWN_STEPS = tuple(step / 2 for step in range(-8, 5))
"""The confidences that a table shows."""
FOLDS = 5


@dataclass(frozen=True, slots=True)
class JudgedShownCandidate:
    """One candidate of one question; `confidence` is in log-odds."""

    confidence: float
    right: bool
    degree: Degree = Degree.NEAR

    def passes(self, bar: float) -> bool:
        """Whether they would be shown."""
        return self.confidence >= bar


class QuestionCase(Enum):
    """A question as it is, without what its experts wrote, unanswered, or of another set.

    `UNANSWERED`: one that really was asked, and that nobody answered.
    """

    ANSWERABLE = "answerable"
    WITHOUT_EXPERTS = "without experts"
    UNANSWERED = "unanswered"
    FOREIGN = "foreign"


@dataclass(frozen=True, slots=True)
class QuestionOutcome:
    """One question as asked, and who came.

    `cosine` is that of the nearest document; `has_all_words`: one holds every word asked; `far`:
    what is served says that nothing comes near.
    """

    group: str
    case: QuestionCase
    cosine: float
    has_all_words: bool
    candidates: tuple[JudgedShownCandidate, ...]
    far: bool = False

    def farther_than(self, bar: float) -> bool:
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
    that no bar would show (share). `unable`: by case, what questions get nevertheless that nobody
    can answer.
    """

    bar: float
    coverage: float
    shown: float
    right: float
    kept: float
    unable: Mapping[QuestionCase, NamingRate]


def evaluate_nobody(
    judged: ExpertSet,
    bench: Bench,
    foreign: Sequence[JudgedQuery] = (),
    unanswered: Sequence[JudgedQuery] = (),
) -> tuple[tuple[QuestionOutcome, ...], str]:
    """Ask each question twice: as it is, and without anything that its experts wrote.

    What they wrote is left out by access, before anything is ranked. The questions that are
    `foreign` to the set, and those that were left `unanswered`, are asked once. Also the encoder's
    name. Raises `IndexUnreachable` or `IndexRefused`.
    """
    # A document that an unanswered question was made of is left out as those of the others are.
    asking = replace(judged, queries=(*judged.queries, *unanswered))
    with open_scratch(bench, asking) as scratch:
        asked = []
        for case, queries in (
            (QuestionCase.ANSWERABLE, judged.queries),
            (QuestionCase.WITHOUT_EXPERTS, judged.queries),
            (QuestionCase.UNANSWERED, unanswered),
            (QuestionCase.FOREIGN, foreign),
        ):
            asked += bench.each(partial(_ask_question, judged, scratch, case), queries)
        return tuple(question for question in asked if question is not None), scratch.encoder.name


def _ask_question(
    judged: ExpertSet, scratch: Scratch, case: QuestionCase, query: JudgedQuery
) -> QuestionOutcome | None:
    """None where even the set has no expert for its own question."""
    own = judged.judgments[query.id] if case in _OWN_QUESTIONS else {}
    experts = {one for one, grade in own.items() if grade > 0}
    if not experts and case in _OWN_QUESTIONS:
        return None
    reader = evaluation_reader(query, experts if case is QuestionCase.WITHOUT_EXPERTS else ())
    window = scratch.search.window_of(query.text, reader)

    def found(least: float) -> tuple[Candidate, ...]:
        return find_experts(
            replace(window, far=False),
            query.text,
            scratch.book,
            date.today(),
            reader_id=reader.agent_id,
            least=least,
            limit=len(judged.candidates),
        ).candidates

    ranked = [one for one in found(NO_BAR) if one.agent.id in judged.ranked]
    return QuestionOutcome(
        query.group,
        case,
        window.closest,
        scratch.search.has_all_words(query.text, reader),
        tuple(
            JudgedShownCandidate(
                one.confidence,
                one.agent.id in experts,
                one.degree or Degree.NEAR,
            )
            for one in ranked[:CANDIDATES_JUDGED]
        ),
        window.far,
    )


_OWN_QUESTIONS = {QuestionCase.ANSWERABLE, QuestionCase.WITHOUT_EXPERTS}


def cases_of(asked: Sequence[QuestionOutcome]) -> tuple[QuestionCase, ...]:
    """Those that nobody can answer and that were asked, in their order."""
    found = {question.case for question in asked} - {QuestionCase.ANSWERABLE}
    return tuple(case for case in QuestionCase if case in found)


def curve_point(asked: Sequence[QuestionOutcome], bar: float) -> CurvePoint:
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
        unable={
            case: naming_rate([question for question in asked if question.case is case], bar)
            for case in cases_of(asked)
            if case is not QuestionCase.FOREIGN
        },
    )


def naming_rate(asked: Sequence[QuestionOutcome], bar: float, far: float = -math.inf) -> NamingRate:
    """Whom these questions get: where the nearest document stands below `far`, nobody."""
    shown = [
        0
        if question.farther_than(far)
        else sum(candidate.passes(bar) for candidate in question.candidates)
        for question in asked
    ]
    return NamingRate(sum(map(bool, shown)) / max(1, len(shown)), sum(shown) / max(1, len(shown)))


def curve(asked: Sequence[QuestionOutcome]) -> tuple[CurvePoint, ...]:
    """Without a bar, then at each confidence beside the served share, the served bar among them."""
    return tuple(curve_point(asked, bar) for bar in (NO_BAR, *SHOWN_STEPS))


def choose_confidence(asked: Sequence[QuestionOutcome]) -> float:
    """The highest confidence of `STEPS` that leaves `ANSWERED` of the questions an answer."""
    bars = CONFIDENCE_STEPS
    enough = [bar for bar in bars if curve_point(asked, bar).coverage >= LEAST_ANSWERED_SHARE]
    return enough[-1] if enough else bars[0]


def out_of_fold(asked: Sequence[QuestionOutcome]) -> tuple[CurvePoint, ...]:
    """Each fold of groups at the bar that the others choose, beside all unanswered questions."""
    left = [question for question in asked if question.case is QuestionCase.UNANSWERED]
    return tuple(
        curve_point([*kept, *left], choose_confidence(others)) for kept, others in folds(asked)
    )


def folds(
    asked: Sequence[QuestionOutcome],
) -> Iterator[tuple[list[QuestionOutcome], list[QuestionOutcome]]]:
    """Each fold of groups of the set's own questions, and the others."""
    own = [question for question in asked if question.case in _OWN_QUESTIONS]
    groups = sorted({question.group for question in own})
    fold = {group: number % FOLDS for number, group in enumerate(groups)}
    for number in range(min(FOLDS, len(groups))):
        kept = [question for question in own if fold[question.group] == number]
        yield kept, [question for question in own if fold[question.group] != number]


def curve_text(name: str, points: Sequence[CurvePoint], held_out: Sequence[CurvePoint]) -> str:
    """A table in Markdown, as it stands in docs/evaluation.md; the served bar is bold.

    The last row is the mean of the folds, each at the bar that the others choose.
    """
    cases = [case for case in QuestionCase if case in points[0].unable]
    lines = [
        f"| {name}: confidence | answerable kept | names | right | experts kept "
        + "".join(f"| {case.value} named | names " for case in cases)
        + "|",
        "|---:" * (5 + 2 * len(cases)) + "|",
    ]
    for point in points:
        bar = "none" if math.isinf(point.bar) else f"{point.bar:.2f}"
        mark = "**" if point.bar == max(one for one in SHOWN_STEPS if one <= NEAR_ODDS) else ""
        lines.append(markdown_row([bar, *_cells(_curve_values(point, cases))], mark))
    if held_out:
        bars = [point.bar for point in held_out]
        every = zip(*(_curve_values(point, cases) for point in held_out), strict=True)
        means = [math.fsum(column) / len(held_out) for column in every]
        said = f"out of fold: {min(bars):.2f} to {max(bars):.2f}"
        lines.append(markdown_row([said, *_cells(means)], ""))
    return "\n".join(lines)


def _curve_values(point: CurvePoint, cases: Sequence[QuestionCase]) -> list[float]:
    rates = [point.unable.get(case, NamingRate(0.0, 0.0)) for case in cases]
    return [
        *(point.coverage, point.shown, point.right, point.kept),
        *(value for rate in rates for value in (rate.share, rate.names)),
    ]


def _cells(values: Sequence[float]) -> list[str]:
    return [f"{value:.2f}" for value in values]


@dataclass(frozen=True, slots=True)
class DegreePoint:
    """At a degree or a stronger one, as served: by case, which questions get a name.

    `right` is the share of the answerable questions' names.
    """

    least: Degree
    right: float
    named: Mapping[QuestionCase, NamingRate]


def degree_points(asked: Sequence[QuestionOutcome]) -> tuple[DegreePoint, ...]:
    """From the strongest degree to whoever is named at all."""
    return tuple(_degree_point(asked, degree) for degree in Degree)


def _degree_point(asked: Sequence[QuestionOutcome], least: Degree) -> DegreePoint:
    order = list(Degree)
    shown: dict[QuestionCase, list[list[JudgedShownCandidate]]] = {
        case: [] for case in (QuestionCase.ANSWERABLE, *cases_of(asked))
    }
    for question in asked:
        shown[question.case].append(
            [
                one
                for one in (() if question.far else question.candidates)
                if one.passes(NEAR_ODDS) and order.index(one.degree) <= order.index(least)
            ]
        )
    able = [one for some in shown[QuestionCase.ANSWERABLE] for one in some]
    return DegreePoint(
        least,
        sum(one.right for one in able) / max(1, len(able)),
        {
            case: NamingRate(
                sum(map(bool, some)) / max(1, len(some)), sum(map(len, some)) / max(1, len(some))
            )
            for case, some in shown.items()
        },
    )


def degrees_text(name: str, asked: Sequence[QuestionOutcome]) -> str:
    """A table in Markdown, as it stands in docs/evaluation.md: what readers see."""
    points = degree_points(asked)
    cases = cases_of(asked)
    lines = [
        f"| {name}: at least | answerable kept | names | right "
        + "".join(f"| {case.value} named | names " for case in cases)
        + "|",
        "|---" + "|---:" * (3 + 2 * len(cases)) + "|",
    ]
    for point in points:
        able = point.named[QuestionCase.ANSWERABLE]
        others = [point.named[case] for case in cases]
        values = [value for rate in others for value in (rate.share, rate.names)]
        cells = _cells([able.share, able.names, point.right, *values])
        lines.append(markdown_row([point.least.value, *cells], ""))
    return "\n".join(lines)


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
        naming_rate([question for question in asked if question.case is case], NEAR_ODDS, bar)
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
        f"| {name}: nearest | answerable kept | names "
        "| without experts named | names | foreign named | names |",
        "|---:|---:|---:|---:|---:|---:|---:|",
    ]
    bars = {bar for bar in COSINE_STEPS if round(bar * 200) % 4 == 0} | {served, -math.inf}
    for bar in sorted(bars):
        threshold = "none" if math.isinf(bar) else f"{bar:.3f}"
        mark = "**" if bar == served else ""
        lines.append(
            markdown_row([threshold, *_cells(_cosine_values(cosine_point(asked, bar)))], mark)
        )
    foreign = [question for question in asked if question.case is QuestionCase.FOREIGN]
    chosen = [(choose_cosine(others), kept) for kept, others in folds(asked)]
    if chosen:
        each = [_cosine_values(cosine_point([*kept, *foreign], bar)) for bar, kept in chosen]
        means = [math.fsum(column) / len(each) for column in zip(*each, strict=True)]
        low, high = min(bar for bar, _ in chosen), max(bar for bar, _ in chosen)
        lines.append(markdown_row([f"out of fold: {low:.3f} to {high:.3f}", *_cells(means)], ""))
    return "\n".join(lines)


def _cosine_values(point: CosinePoint) -> list[float]:
    each = (point.able, point.unable, point.foreign)
    return [value for some in each for value in (some.share, some.names)]
