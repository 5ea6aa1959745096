"""Evaluate when to answer that nobody is known.

Thresholds on confidence and on the nearest document are varied; the served degrees are measured.
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
from expertise.who_knows import NEAR_ODDS, NO_BAR, PeopleQuestion, find_experts

CANDIDATES_JUDGED = 20
"""Number of candidates of a question that are judged: as many as a page can show."""
LEAST_ANSWERED_SHARE = 0.9
"""Share of the answerable questions that must keep an answer at a bar."""
CONFIDENCE_STEPS = tuple(step / 4 for step in range(-16, 13))
"""Confidences from which a bar is chosen."""
SHOWN_STEPS = tuple(step / 2 for step in range(-8, 5))
"""Confidences shown in a table."""
FOLDS = 5


@dataclass(frozen=True, slots=True)
class JudgedShownCandidate:
    """A candidate of a question; `confidence` is in log-odds."""

    confidence: float
    right: bool
    degree: Degree = Degree.NEAR

    def passes(self, bar: float) -> bool:
        """Return whether the candidate would be shown at this bar."""
        return self.confidence >= bar


class QuestionCase(Enum):
    """How a question is asked: as it is, without its experts' documents, or of another kind.

    `UNANSWERED`: it was really asked, and nobody answered. `FOREIGN`: it belongs to another set.
    """

    ANSWERABLE = "answerable"
    WITHOUT_EXPERTS = "without experts"
    UNANSWERED = "unanswered"
    FOREIGN = "foreign"


@dataclass(frozen=True, slots=True)
class QuestionOutcome:
    """A question as asked, and its candidates.

    `cosine` is the cosine of the nearest document. `has_all_words`: a document holds every word of
    the question. `far`: the product says that no document comes near.
    """

    group: str
    case: QuestionCase
    cosine: float
    has_all_words: bool
    candidates: tuple[JudgedShownCandidate, ...]
    far: bool = False

    def farther_than(self, bar: float) -> bool:
        """Return whether no document would come near if this were the encoder's bar."""
        return self.cosine < bar and not self.has_all_words


@dataclass(frozen=True, slots=True)
class NamingRate:
    """Share of some questions that get a name, and mean number of names."""

    share: float
    names: float


@dataclass(frozen=True, slots=True)
class CurvePoint:
    """Results at a bar. `coverage` is the share of the answerable questions with an answer.

    Over answerable questions: `shown`, mean number of names; `right`, share of names that are
    right; `kept`, share of the experts shown without a bar. `unable`: names given to questions that
    nobody can answer, by case.
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

    What they wrote is left out by access, before ranking. The questions `foreign` to the set, and
    those left `unanswered`, are asked once. Also returns the encoder's name. Raises
    `IndexUnreachable` or `IndexRefused`.
    """
    # The document that an unanswered question was made from is left out, as for the others.
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
    """Ask a question; return None if the set has no expert for its own question."""
    own = judged.judgments[query.id] if case in _OWN_QUESTIONS else {}
    experts = {one for one, grade in own.items() if grade > 0}
    if not experts and case in _OWN_QUESTIONS:
        return None
    reader = evaluation_reader(query, experts if case is QuestionCase.WITHOUT_EXPERTS else ())
    window = scratch.search.window_of(query.text, reader)

    def found(least: float) -> tuple[Candidate, ...]:
        return find_experts(
            replace(window, far=False),
            PeopleQuestion(
                query.text, reader_id=reader.agent_id, limit=len(judged.candidates), least=least
            ),
            scratch.book,
            date.today(),
        ).ranked

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
    """Return the cases, in order, of the asked questions that nobody can answer."""
    found = {question.case for question in asked} - {QuestionCase.ANSWERABLE}
    return tuple(case for case in QuestionCase if case in found)


def curve_point(asked: Sequence[QuestionOutcome], bar: float) -> CurvePoint:
    """Return the results at a bar."""
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
    """Return the rate of names; a question gets no name if its nearest document is below `far`."""
    shown = [
        0
        if question.farther_than(far)
        else sum(candidate.passes(bar) for candidate in question.candidates)
        for question in asked
    ]
    return NamingRate(sum(map(bool, shown)) / max(1, len(shown)), sum(shown) / max(1, len(shown)))


def curve(asked: Sequence[QuestionOutcome]) -> tuple[CurvePoint, ...]:
    """Return the results without a bar, then at each of `SHOWN_STEPS`."""
    return tuple(curve_point(asked, bar) for bar in (NO_BAR, *SHOWN_STEPS))


def choose_confidence(asked: Sequence[QuestionOutcome]) -> float:
    """Return the highest of `CONFIDENCE_STEPS` that keeps `LEAST_ANSWERED_SHARE` of the answers."""
    bars = CONFIDENCE_STEPS
    enough = [bar for bar in bars if curve_point(asked, bar).coverage >= LEAST_ANSWERED_SHARE]
    return enough[-1] if enough else bars[0]


def out_of_fold(asked: Sequence[QuestionOutcome]) -> tuple[CurvePoint, ...]:
    """Return each fold's results at the bar chosen on the others, with all unanswered questions."""
    left = [question for question in asked if question.case is QuestionCase.UNANSWERED]
    return tuple(
        curve_point([*kept, *left], choose_confidence(others)) for kept, others in folds(asked)
    )


def folds(
    asked: Sequence[QuestionOutcome],
) -> Iterator[tuple[list[QuestionOutcome], list[QuestionOutcome]]]:
    """Yield each fold of groups of the set's own questions, and the other questions."""
    own = [question for question in asked if question.case in _OWN_QUESTIONS]
    groups = sorted({question.group for question in own})
    fold = {group: number % FOLDS for number, group in enumerate(groups)}
    for number in range(min(FOLDS, len(groups))):
        kept = [question for question in own if fold[question.group] == number]
        yield kept, [question for question in own if fold[question.group] != number]


def curve_text(name: str, points: Sequence[CurvePoint], held_out: Sequence[CurvePoint]) -> str:
    """Return a Markdown table as in docs/evaluation.md; the served bar is bold.

    The last row is the mean of the folds, each at the bar chosen on the others.
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
    """Results at a degree or a stronger one, as served: the rate of names by case.

    `right` is the share of right names among those of the answerable questions.
    """

    least: Degree
    right: float
    named: Mapping[QuestionCase, NamingRate]


def degree_points(asked: Sequence[QuestionOutcome]) -> tuple[DegreePoint, ...]:
    """Return the results of each degree, from the strongest to the weakest."""
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
    """Return a Markdown table as in docs/evaluation.md: what readers see."""
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
    """Return a row of a Markdown table, each cell enclosed in `mark`."""
    return "| " + " | ".join(f"{mark}{cell}{mark}" for cell in cells) + " |"


COSINE_STEPS = tuple(step / 200 for step in range(160, 181))
"""Cosines from which a bar is chosen."""
MOST_LOST_SHARE = 0.005
"""Largest share of all answerable questions that may lose their answer at a bar."""


@dataclass(frozen=True, slots=True)
class CosinePoint:
    """Results at a bar: rates of answerable questions, those without experts, and foreign ones."""

    bar: float
    able: NamingRate
    unable: NamingRate
    foreign: NamingRate


def cosine_point(asked: Sequence[QuestionOutcome], bar: float) -> CosinePoint:
    """Return the rates if questions without a near document (`bar`) or all words get no name.

    The bar of confidence is always the served one.
    """
    each = [
        naming_rate([question for question in asked if question.case is case], NEAR_ODDS, bar)
        for case in (QuestionCase.ANSWERABLE, QuestionCase.WITHOUT_EXPERTS, QuestionCase.FOREIGN)
    ]
    return CosinePoint(bar, *each)


def choose_cosine(asked: Sequence[QuestionOutcome]) -> float:
    """Return the highest of `COSINE_STEPS` that loses at most `MOST_LOST_SHARE` of the answers.

    Foreign questions are not needed for this.
    """
    before = cosine_point(asked, -math.inf).able.share
    cheap = [
        bar
        for bar in COSINE_STEPS
        if before - cosine_point(asked, bar).able.share <= MOST_LOST_SHARE
    ]
    return cheap[-1] if cheap else -math.inf


def cosine_text(name: str, asked: Sequence[QuestionOutcome], served: float) -> str:
    """Return a Markdown table as in docs/evaluation.md; the served bar is bold."""
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
