"""Fit the models of the direct answer (`search_api.ranking.direct_answer`).

Each administration is scored by models that were fitted on the others.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from functools import partial
from itertools import pairwise

import numpy as np

from evaluation.abstention import markdown_row
from evaluation.answers import ExpectedAnswer, QuestionForm, Share, Truth, folded
from evaluation.corpora import JudgedQuery
from evaluation.logistic import Floats, LogisticRegression, logistic_regression
from indexer.access import Reader
from search_api.context import AnswerContext
from search_api.query.query import Query
from search_api.ranking.direct_answer import (
    QUOTATION_ANSWERS,
    AnswerFeatures,
    Candidate,
    SentenceFeatures,
    answer_features,
    candidates,
    chosen_sentences,
    has_a_sentence,
    sentences_lack,
)
from search_api.ranking.results import Results
from search_api.search.service import answer_question

BARS = (0.5, 0.6, 0.7, 0.8, QUOTATION_ANSWERS.bar, 0.9)
"""Thresholds of probability, one row of the report each."""
BINS = (0.0, 0.1, 0.3, 0.5, 0.7, 0.9, 1.0)
"""Bounds of the rows of the reliability table."""
WANTED, NONE, NEAR, FOREIGN = "wanted", "none", "near", "foreign"

_row = partial(markdown_row, mark="")


@dataclass(frozen=True, slots=True)
class JudgedPage:
    """The sentences of a question's page, and whether each one answers.

    `kind`: a direct answer is `wanted`; no document answers (`none`), or only a `near` question; or
    the question is `foreign`.
    """

    kind: str
    results: Results
    found: Sequence[Candidate]
    right: Sequence[bool]
    today: date


def judge_sentences(
    foreign: Sequence[JudgedQuery],
    truth: Truth,
    context: AnswerContext,
    reader_of: Callable[[str], Reader],
) -> tuple[JudgedPage, ...]:
    """Ask the questions with known answering words or without an answer, then foreign questions.

    Near misses, twins and controls are among the first.

    Raises `IndexUnreachable`.
    """
    today, agents = context.today(), [one.agent for one in truth.questions]
    asked: list[tuple[str, str, ExpectedAnswer | None]] = [
        (one.text, one.agent, one)
        for one in (*truth.questions, *truth.near_misses)
        if one.direct_texts or one.no_documents
    ]
    asked += [(one.text, agents[n % len(agents)], None) for n, one in enumerate(foreign)]
    pages = []
    for text, agent, want in asked:
        reader, query = reader_of(agent), Query(text)
        answered = answer_question(context, reader, query)
        found = candidates(answered.results, today)
        kind = FOREIGN if want is None else _kind(want)
        right = [want is not None and _answers(one, want) for one in found]
        pages.append(JudgedPage(kind, answered.results, found, right, today))
    return tuple(pages)


def _kind(want: ExpectedAnswer) -> str:
    if want.form is QuestionForm.NEAR:
        return NEAR
    return NONE if want.no_documents else WANTED


def _answers(one: Candidate, want: ExpectedAnswer) -> bool:
    good = one.result.card.document_id in want.documents | want.acceptable_documents
    return good and any(text in folded(one.text) for text in want.direct_texts)


@dataclass(frozen=True, slots=True)
class _Models:
    sentence: LogisticRegression
    quotation: LogisticRegression


def _fit(pages: Sequence[JudgedPage], without: str = "") -> _Models:
    """Fit both models; `without` is the name of a feature to leave out, or empty."""
    pages = [one for one in pages if one.found]
    rows = np.array([one.features for page in pages for one in page.found], dtype=np.float64)
    right = np.array([one for page in pages for one in page.right], dtype=np.float64)
    sentence = _regression(rows, right, SentenceFeatures._fields, without)
    judged = [_quotation(page, sentence) for page in pages]
    rows = np.array([features for features, _, _ in judged], dtype=np.float64)
    right = np.array([answers for _, answers, _ in judged], dtype=np.float64)
    return _Models(sentence, _regression(rows, right, AnswerFeatures._fields, without))


def _regression(
    rows: Floats, right: Floats, names: Sequence[str], without: str
) -> LogisticRegression:
    if without in names:
        rows = rows.copy()
        rows[:, names.index(without)] = 0.0
    return logistic_regression(rows, right, np.ones(len(rows)))


def _quotation(page: JudgedPage, model: LogisticRegression) -> tuple[AnswerFeatures, bool, bool]:
    """Return the quotation's features, whether one of its sentences answers, and whether it may."""
    rows = np.array([one.features for one in page.found], dtype=np.float64)
    likely = model.probabilities(rows).tolist()
    chosen = chosen_sentences(page.found, likely)
    quoted = [id(one) for some in chosen for one in some]
    right = any(yes for one, yes in zip(page.found, page.right, strict=True) if id(one) in quoted)
    question = page.results.question
    allowed = has_a_sentence(chosen[0]) and not sentences_lack(question, chosen[0], page.today)
    return answer_features(page.results, page.found, likely), right, allowed


def _judged(pages: Sequence[JudgedPage], models: _Models) -> list[tuple[str, float, bool]]:
    """Return (kind, probability, whether right) of each page's quotation.

    The probability is 0 without sentences, and for those that lack what is asked for.
    """
    judged = []
    for page in pages:
        if page.found:
            features, right, allowed = _quotation(page, models.sentence)
            row = np.array([features], dtype=np.float64)
            likely = float(models.quotation.probabilities(row)[0]) if allowed else 0.0
            judged.append((page.kind, likely, right))
        else:
            judged.append((page.kind, 0.0, False))
    return judged


def quotes_text(administrations: Mapping[str, Sequence[JudgedPage]]) -> str:
    """Return the report as Markdown; `administrations` maps each name to its judged pages.

    It has what each bar shows, with all features and without each at the served bar; the
    reliability of the probabilities; and the weights fitted on all administrations. Raises
    `ValueError` with fewer than two administrations.
    """
    if len(administrations) < 2:
        raise ValueError("Il faut les questions de deux installations au moins.")

    def folds(without: str = "") -> dict[str, list[tuple[str, float, bool]]]:
        return {
            name: _judged(
                pages,
                _fit(
                    [p for o, some in administrations.items() if o != name for p in some], without
                ),
            )
            for name, pages in administrations.items()
        }

    served = folds()
    head = [
        f"{name}: shown / right of these / though none / near / foreign" for name in administrations
    ]
    lines = [_row(["bar", *head]), _row(["---"] * (1 + len(head)))]
    lines += [
        _row([f"{bar:.2f}", *(_figures(one, bar) for one in served.values())]) for bar in BARS
    ]
    lines += ["", _row(["without", *head]), _row(["---"] * (1 + len(head)))]
    for name in dict.fromkeys((*SentenceFeatures._fields, *AnswerFeatures._fields)):
        cells = [_figures(one, QUOTATION_ANSWERS.bar) for one in folds(name).values()]
        lines.append(_row([name, *cells]))
    lines += ["", _row(["probability", "quotations", "mean", "right"]), _row(["---"] * 4)]
    lines += _reliability([pair for some in served.values() for pair in some])
    models = _fit([page for some in administrations.values() for page in some])
    for title, model in (("sentence", models.sentence), ("quotation", models.quotation)):
        weights = ", ".join(f"{value:.2f}" for value in model.weights)
        lines += ["", f"{title}: weights {weights}; bias {model.bias:.2f}"]
    return "\n".join(lines)


def _figures(judged: Sequence[tuple[str, float, bool]], bar: float) -> str:
    shown, right = {kind: Share() for kind in (WANTED, NONE, NEAR, FOREIGN)}, Share()
    for kind, likely, answers in judged:
        shown[kind].add(likely >= bar)
        if kind == WANTED and likely >= bar:
            right.add(answers)
    return " / ".join(map(str, (shown[WANTED], right, shown[NONE], shown[NEAR], shown[FOREIGN])))


def _reliability(judged: Sequence[tuple[str, float, bool]]) -> list[str]:
    told = np.array([likely for _, likely, _ in judged])
    right = np.array([answers for _, _, answers in judged])
    lines = []
    for low, high in pairwise(BINS):
        inside = (told >= low) & ((told < high) | (high == BINS[-1])) & (told > 0)
        if inside.any():
            mean, share = told[inside].mean(), right[inside].mean()
            count = str(int(inside.sum()))
            lines.append(_row([f"{low:.2f}–{high:.2f}", count, f"{mean:.2f}", f"{share:.2f}"]))
    return lines
