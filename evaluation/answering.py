"""Fit the model of whether a document answers (`search_api.ranking.answered`).

Each administration is scored by a model that was fitted on the others.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from evaluation.abstention import markdown_row
from evaluation.answers import ExpectedAnswer, Truth
from evaluation.corpora import JudgedQuery
from evaluation.logistic import Floats, LogisticRegression, logistic_regression
from indexer.access import Reader
from search_api.context import AnswerContext
from search_api.query.query import Query
from search_api.ranking.answered import ANY_ANSWERS

BARS = (0.3, ANY_ANSWERS.bar, 0.5)
"""Thresholds of probability, one row of the report each."""


@dataclass(frozen=True, slots=True)
class JudgedPage:
    """Features of a question's result page, and whether a document answers.

    `foreign`: the question is from another domain, so that no document answers it.
    """

    features: tuple[float, ...]
    right: bool
    foreign: bool


def judge_pages(
    foreign: Sequence[JudgedQuery],
    truth: Truth,
    context: AnswerContext,
    reader_of: Callable[[str], Reader],
) -> tuple[JudgedPage, ...]:
    """Ask the questions with judged documents, then the foreign ones, by all agents in turn.

    Pages without features are left out. Raises `IndexUnreachable`.
    """
    pages = []
    agents = [one.agent for one in truth.questions]
    for want in (*truth.questions, *truth.near_misses):
        good = want.documents | want.acceptable_documents
        if good or want.no_documents:
            pages.append(_page(want.text, want.agent, want, context, reader_of))
    for number, query in enumerate(foreign):
        agent = agents[number % len(agents)]
        pages.append(_page(query.text, agent, None, context, reader_of))
    return tuple(one for one in pages if one.features)


def _page(
    text: str,
    agent: str,
    want: ExpectedAnswer | None,
    context: AnswerContext,
    reader_of: Callable[[str], Reader],
) -> JudgedPage:
    search = context.search
    results = search.page(search.hits(Query(text), reader_of(agent)), context.today())
    good = want is not None and bool(want.documents | want.acceptable_documents)
    return JudgedPage(results.features, good, foreign=want is None)


def answering_text(administrations: Mapping[str, Sequence[JudgedPage]]) -> str:
    """Return the report as Markdown; `administrations` maps each name to its judged pages.

    It shows which pages reach each bar, and the weights fitted on all administrations. Raises
    `ValueError` with fewer than two administrations.
    """
    if len(administrations) < 2:
        raise ValueError("Il faut les questions de deux installations au moins.")
    lines = [
        markdown_row(["administration", "bar", "kept", "own", "foreign", "right"], ""),
        markdown_row(["---"] * 6, ""),
    ]
    for name, pages in administrations.items():
        others = [one for other, some in administrations.items() if other != name for one in some]
        likely = _fit(others).probabilities(np.array([one.features for one in pages]))
        lines += [_figures(name, bar, pages, likely) for bar in BARS]
    model = _fit([one for some in administrations.values() for one in some])
    weights = ", ".join(f"{value:.2f}" for value in model.weights)
    lines.append(f"weights {weights}; bias {model.bias:.2f}")
    return "\n".join(lines)


def _fit(pages: Sequence[JudgedPage]) -> LogisticRegression:
    """Fit the model on judged pages; all right pages together weigh as much as all wrong pages."""
    right = np.array([one.right for one in pages], dtype=np.float64)
    counts = np.where(right > 0, 0.5 / right.mean(), 0.5 / (1 - right.mean()))
    return logistic_regression(np.array([one.features for one in pages]), right, counts)


def _figures(name: str, bar: float, pages: Sequence[JudgedPage], likely: Floats) -> str:
    """Return one row: shares of pages that reach the bar, and the share of these that is right.

    The shares are those of the right pages, of the administration's other pages, and of foreign
    pages.
    """
    right = np.array([one.right for one in pages])
    foreign = np.array([one.foreign for one in pages])
    passed = (likely >= bar) | np.array([one.features[0] >= 1 for one in pages])
    own = ~foreign & ~right
    shares = (
        passed[right].mean(),
        passed[own].mean(),
        passed[foreign].mean() if foreign.any() else 0.0,
        right[passed & ~foreign].mean(),
    )
    return markdown_row([name, f"{bar:.2f}", *(f"{one:.2f}" for one in shares)], "")
