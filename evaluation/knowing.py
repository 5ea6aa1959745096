"""Fit the model of who knows (`expertise.knowing`) on administrations with written truth.

Each administration is scored by a model that was fitted on the others.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import cycle, pairwise

import numpy as np
from numpy.typing import NDArray

from evaluation.abstention import markdown_row
from evaluation.answers import ExpectedAnswer, Share, Truth
from evaluation.logistic import Floats, LogisticRegression, logistic_regression
from expertise.knowing import BARE_CARD, CARD, FURTHER_CARD, Features
from expertise.who_knows import NO_BAR
from indexer.access import Reader
from search_api.context import AnswerContext
from search_api.people.service import MOST_CARDS
from search_api.query.query import Query
from search_api.search.service import who_may_know

CANDIDATES = 12
"""Maximum number of candidates of a question by documents; the model learns from these."""
NOBODY_WEIGHT = 1.5
"""Weight of a question that nobody can answer, since they are few; other questions have weight 1.
"""
BINS = (0.0, 0.1, 0.3, 0.5, 0.75, 0.9, 1.0)
"""Bounds of the rows of the reliability table."""
TRIED_BARS = (0.1, CARD, 0.3, 0.4, 0.5)
"""Least probabilities of the first card for which the report counts cards."""
TRIED_FURTHER_BARS = (0.3, 0.4, 0.5, FURTHER_CARD, 0.75)
"""Least probabilities of a further card for which the report counts right people."""


@dataclass(frozen=True, slots=True)
class AskedQuestion:
    """A question with its candidates.

    `ids` of the candidates; `features` with shape (candidates, features); `right`: whether the
    truth names each candidate. `documents_answer`: a readable document is expected to answer.
    """

    expected: ExpectedAnswer
    ids: tuple[str, ...]
    features: Floats
    right: NDArray[np.bool_]
    documents_answer: bool


@dataclass(frozen=True, slots=True)
class AskedAdministration:
    """The questions asked of one administration: its `own`, and those of others (`foreign`)."""

    own: tuple[AskedQuestion, ...]
    foreign: tuple[AskedQuestion, ...]


def ask_own_and_foreign(
    truths: Sequence[Truth],
    truth: Truth,
    context: AnswerContext,
    reader_of: Callable[[str], Reader],
) -> AskedAdministration:
    """Ask an administration its own questions and those of the other `truths`.

    Nobody there can answer a question of another administration; the agents of the administration's
    own questions ask them in turn. Raises `IndexUnreachable`.
    """
    others = [want for other in truths if other != truth for want in other.questions]
    agents = cycle(want.agent for want in truth.questions)
    foreign = [
        replace(want, agent=agent, nobody=True, right=frozenset(), acceptable=frozenset())
        for want, agent in zip(others, agents, strict=False)
    ]
    return AskedAdministration(
        ask_all(truth.questions, context, reader_of), ask_all(foreign, context, reader_of)
    )


def ask_all(
    questions: Iterable[ExpectedAnswer], context: AnswerContext, reader_of: Callable[[str], Reader]
) -> tuple[AskedQuestion, ...]:
    """Return the candidates for each question, except for questions that name a person or service.

    Raises `IndexUnreachable`.
    """
    asked = []
    for want in questions:
        reader = reader_of(want.agent)
        found = who_may_know(context, reader, Query(want.text), limit=CANDIDATES, least=NO_BAR)
        if found.matches.people or found.matches.services:
            continue
        experts = found.experts
        each = {one.agent.id: one for one in (*experts.ranked, *experts.stated)}
        told = {id_: one for id_, one in each.items() if one.parts.features}
        rows = [one.parts.features for one in told.values()]
        asked.append(
            AskedQuestion(
                want,
                tuple(told),
                np.array(rows, dtype=np.float64).reshape(len(rows), len(Features._fields)),
                np.array([id_ in want.experts for id_ in told], dtype=bool),
                found.results.answered,
            )
        )
    return tuple(asked)


def fit(asked: Sequence[AskedQuestion], without: str = "") -> LogisticRegression:
    """Fit the model of who knows on judged questions, without the feature named `without`."""
    rows = np.concatenate([one.features for one in asked]).copy()
    right = np.concatenate([one.right for one in asked]).astype(np.float64)
    counts = np.concatenate(
        [np.full(len(one.ids), NOBODY_WEIGHT if one.expected.nobody else 1.0) for one in asked]
    )
    if without:
        rows[:, Features._fields.index(without)] = 0.0
    return logistic_regression(rows, right, counts)


def cards(
    one: AskedQuestion,
    model: LogisticRegression,
    bar: float = CARD,
    further_bar: float = FURTHER_CARD,
) -> tuple[str, ...]:
    """Return the ids of the agents who would be shown as experts, the likeliest first.

    `bar`: least probability of the first card if documents answer; `further_bar`: of the others.
    """
    if not one.ids:
        return ()
    likely = model.probabilities(one.features)
    order = np.argsort(-likely, kind="stable")
    bars = (bar, further_bar) if one.documents_answer else (BARE_CARD, BARE_CARD)
    first = likely[order[0]] >= bars[0]
    further = [n for n in order[1:MOST_CARDS] if likely[n] >= bars[1]]
    return tuple(one.ids[n] for n in (order[0], *further)) if first else ()


def knowing_text(asked: Mapping[str, AskedAdministration]) -> str:
    """Return the report as Markdown; `asked` maps the name of each administration to its questions.

    It has the figures of each administration, with all features and without each; the figures for
    other bars; the reliability of the probabilities; and the weights fitted on all administrations.
    Raises `ValueError` with fewer than two administrations.
    """
    administrations = {name: one.own for name, one in asked.items()}
    if len(administrations) < 2:
        raise ValueError("Il faut les questions de deux installations au moins.")
    names = ("", *Features._fields)
    folds = {
        (name, without): fit(
            [one for other, some in administrations.items() if other != name for one in some],
            without,
        )
        for name in administrations
        for without in names
    }
    lines = [
        _row(
            [
                "without",
                *(
                    f"{name}: right / silent / wrong / named though nobody"
                    for name in administrations
                ),
            ]
        ),
        _row(["---"] * (1 + len(administrations))),
    ]
    for without in names:
        cells = [_figures(some, folds[name, without]) for name, some in administrations.items()]
        lines.append(_row([without or "nothing", *cells]))
    models = {name: folds[name, ""] for name in administrations}
    lines += ["", *_bars(asked, models), "", *_further_bars(administrations, models)]
    lines += [
        "",
        _row(["probability", "candidates", "mean", "right"]),
        _row(["---"] * 4),
    ]
    lines += _reliability(administrations, models)
    whole = fit([one for some in administrations.values() for one in some])
    weights = zip(Features._fields, whole.weights, strict=True)
    lines += ["", ", ".join(f"{name}={value:.1f}" for name, value in weights)]
    lines.append(f"bias={whole.bias:.1f}")
    return "\n".join(lines)


def _figures(asked: Sequence[AskedQuestion], model: LogisticRegression) -> str:
    return _Counts().add(asked, model).cell()


@dataclass(frozen=True, slots=True)
class _Counts:
    """Shares of questions whose first card is right, without card, and with a wrong card.

    `named`: the share of the questions that nobody can answer for which somebody has a card.
    """

    right: Share = field(default_factory=Share)
    silent: Share = field(default_factory=Share)
    wrong: Share = field(default_factory=Share)
    named: Share = field(default_factory=Share)

    def add(
        self, asked: Sequence[AskedQuestion], model: LogisticRegression, bar: float = CARD
    ) -> "_Counts":
        """Count questions, and return the counts."""
        for one in asked:
            shown, want = cards(one, model, bar), one.expected
            if want.nobody:
                self.named.add(bool(shown))
            elif want.experts:
                self.right.add(bool(shown) and shown[0] in want.experts)
                self.silent.add(not shown)
                self.wrong.add(bool(want.wrong & set(shown)))
        return self

    def cell(self) -> str:
        return f"{self.right} / {self.silent} / {self.wrong} / {self.named}"


def _bars(
    asked: Mapping[str, AskedAdministration], models: Mapping[str, LogisticRegression]
) -> list[str]:
    """Return the rows of the table of bars, which adds up the administrations.

    Each administration is scored by the model in `models` that was not fitted on it.
    """
    head = "right / silent / wrong / named though nobody"
    lines = [_row(["bar", head, "named for another administration's question"]), _row(["---"] * 3)]
    for bar in TRIED_BARS:
        own, foreign = _Counts(), _Counts()
        for name, one in asked.items():
            own.add(one.own, models[name], bar)
            foreign.add(one.foreign, models[name], bar)
        lines.append(_row([f"{bar:.2f}", own.cell(), str(foreign.named)]))
    return lines


def _further_bars(
    administrations: Mapping[str, Sequence[AskedQuestion]], models: Mapping[str, LogisticRegression]
) -> list[str]:
    """Return the rows of the table that counts further cards, for several bars.

    Each administration is scored by the model in `models` that was not fitted on it.
    """
    lines = [_row(["bar of a further card", "right people among further cards"]), _row(["---"] * 2)]
    for bar in TRIED_FURTHER_BARS:
        right = Share()
        for name, some in administrations.items():
            for one in some:
                if one.expected.experts:
                    for id_ in cards(one, models[name], further_bar=bar)[1:]:
                        right.add(id_ in one.expected.experts)
        lines.append(_row([f"{bar:.2f}", str(right)]))
    return lines


def _reliability(
    administrations: Mapping[str, Sequence[AskedQuestion]], models: Mapping[str, LogisticRegression]
) -> list[str]:
    """Return the rows of the reliability table.

    They count the likeliest candidates of each question, by the model in `models` that was not
    fitted on its administration.
    """
    likely, right = [], []
    for name, some in administrations.items():
        for one in some:
            found = models[name].probabilities(one.features)
            for n in np.argsort(-found, kind="stable")[:MOST_CARDS]:
                likely.append(float(found[n]))
                right.append(bool(one.right[n]))
    told, hits = np.array(likely), np.array(right)
    lines = []
    for low, high in pairwise(BINS):
        inside = (told >= low) & ((told < high) | (high == BINS[-1]))
        if inside.any():
            lines.append(
                _row(
                    [
                        f"{low:.2f}–{high:.2f}",
                        str(int(inside.sum())),
                        f"{told[inside].mean():.2f}",
                        f"{hits[inside].mean():.2f}",
                    ]
                )
            )
    return lines


def _row(cells: Sequence[str]) -> str:
    return markdown_row(cells, "")
