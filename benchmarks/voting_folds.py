"""Which voting constants the expert sets choose, in and out of folds.

Run `python -m benchmarks.voting_folds`.

Each question's window is asked for once, by the code that serves; then every setting of
sharpness, discount and weight of the walk ranks the candidates. A setting is worth the mean,
over the sets, of its AP beside that of the served constants. Folds go by groups that share
judgments: a fold is ranked by the setting that all questions outside it choose, on all sets.
Documents vote by their own scores here, whatever stands near them.
"""

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from itertools import product
from math import fsum
from pathlib import Path

from benchmarks import not_measured
from benchmarks.__main__ import CACHE, EXPERT_SETS
from benchmarks.voting_sets import NO_SMOOTHING
from evaluation.corpora import ExpertSet, JudgedQuery, load_expert_set
from evaluation.measures import Run, figure, values
from evaluation.scratch import Bench, evaluation_reader, open_scratch
from expertise.scoring import walk
from expertise.values import Window
from expertise.votes import (
    SHARPNESS,
    VOLUME_DISCOUNT,
    Vote,
    cast_votes,
    counting_contributions,
    discounted_votes,
)
from quisait.settings import EncoderSettings, IndexSettings
from tests.model_export import prepared_model
from tests.shared_files import SHARED

SHARP = (1.5, 2.0, 2.5, 3.0)
DISCOUNTS = (0.8, 0.9)
WALKS = (0.0, 0.1, 0.2, 0.3)
FOLDS = 5
MEASURES = ("AP", "RR")


@dataclass(frozen=True, slots=True)
class Setting:
    """What a vote's score is raised to, what each further one loses, and the walk's weight."""

    sharpness: float
    discount: float
    walk: float

    def __str__(self) -> str:
        return f"sharpness {self.sharpness}, discount {self.discount}, walk {self.walk}"


SETTINGS = tuple(Setting(*one) for one in product(SHARP, DISCOUNTS, WALKS))
FORMER = Setting(2.0, 0.8, 0.3)
"""What served before folds chose."""

Values = dict[Setting, dict[str, dict[str, float]]]
"""setting → measure → question → value."""


@dataclass(frozen=True, slots=True)
class MeasuredSet:
    """A set with every setting's figures."""

    name: str
    queries: tuple[JudgedQuery, ...]
    found: Values

    def mean(self, setting: Setting, measure: str, queries: Sequence[JudgedQuery]) -> float:
        """Of these questions."""
        return fsum(self.found[setting][measure][query.id] for query in queries) / len(queries)


def measured(name: str, judged: ExpertSet, bench: Bench) -> MeasuredSet:
    """Rank every question's candidates by every setting."""
    with open_scratch(bench, judged) as scratch:

        def ask(query: JudgedQuery) -> dict[Setting, list[str]]:
            window = scratch.search.window_of(query.text, evaluation_reader(query))
            window = NO_SMOOTHING.window(window)
            accounts = {
                row.account
                for document in window.documents
                for row in counting_contributions(document.card)
            }
            owners = {name: agent.id for name, agent in scratch.book.by_account(accounts).items()}
            return _rankings(window, cast_votes(window, date.today(), owners), judged.ranked)

        answers = bench.each(ask, judged.queries)
    runs: dict[Setting, Run] = {
        setting: {
            query.id: each[setting] for query, each in zip(judged.queries, answers, strict=True)
        }
        for setting in SETTINGS
    }
    found = {
        one: {name: dict(by) for name, by in values(run, judged.judgments, MEASURES).items()}
        for one, run in runs.items()
    }
    return MeasuredSet(name, judged.queries, found)


def _rankings(
    window: Window, votes: dict[str, tuple[Vote, ...]], ranked: frozenset[str]
) -> dict[Setting, list[str]]:
    """As `expertise.who_knows` scores: both parts beside the best of them."""
    found = {}
    for sharpness in SHARP:
        visits = walk(window, votes, sharpness=sharpness)
        for discount in DISCOUNTS:
            sums = {
                id_: discounted_votes(
                    [vote for vote in some if vote.weight > 0], sharpness, discount
                )
                for id_, some in votes.items()
            }
            most = max(sums.values(), default=1.0) or 1.0
            for weight in WALKS:
                scores = {
                    id_: (1 - weight) * total / most + weight * visits.get(id_, 0.0)
                    for id_, total in sums.items()
                    if total > 0 and id_ in ranked
                }
                order = sorted(scores, key=lambda id_: (-scores[id_], id_))
                found[Setting(sharpness, discount, weight)] = order
    return found


def chosen(sets: Sequence[MeasuredSet], fold: int | None) -> Setting:
    """The setting that the questions outside a fold choose; of all where it is None."""

    def worth(setting: Setting) -> float:
        shares = []
        for judged_set in sets:
            inside = [
                q for q in judged_set.queries if fold is None or fold_of(judged_set, q) != fold
            ]
            shares.append(
                judged_set.mean(setting, "AP", inside) / judged_set.mean(FORMER, "AP", inside)
            )
        return fsum(shares) / len(shares)

    return max(SETTINGS, key=worth)


def fold_of(measured_set: MeasuredSet, query: JudgedQuery) -> int:
    """Whole groups, dealt out in their order."""
    groups = sorted({each.group for each in measured_set.queries})
    return groups.index(query.group) % FOLDS


def table(sets: Sequence[MeasuredSet]) -> str:
    """In Markdown, as it stands in docs/evaluation.md."""
    best = chosen(sets, None)
    by_fold = [chosen(sets, fold) for fold in range(FOLDS)]
    served = Setting(SHARPNESS, VOLUME_DISCOUNT, _served_walk())
    lines = [
        "| set | served AP / RR | former | chosen on all | out of fold |",
        "|---|---:|---:|---:|---:|",
    ]
    for judged_set in sets:
        outside = {
            measure: {
                q.id: judged_set.found[by_fold[fold_of(judged_set, q)]][measure][q.id]
                for q in judged_set.queries
            }
            for measure in MEASURES
        }
        cells = [
            " / ".join(f"{judged_set.mean(setting, m, judged_set.queries):.3f}" for m in MEASURES)
            for setting in (served, FORMER, best)
        ]
        out = [figure(outside[measure], judged_set.queries) for measure in MEASURES]
        cells.append(" / ".join(f"{f.mean:.3f} ± {f.standard_error:.3f}" for f in out))
        lines.append(f"| {judged_set.name} | {' | '.join(cells)} |")
    lines += ["", f"Served: {served}. Former: {FORMER}. Chosen on all: {best}."]
    lines += [f"Fold {number}: {setting}." for number, setting in enumerate(by_fold, 1)]
    return "\n".join(lines)


def _served_walk() -> float:
    from expertise.who_knows import WALK_WEIGHT

    return WALK_WEIGHT


def main(names: Sequence[str]) -> None:
    """Every expert set, or those named, on the embedded index."""
    encoder = EncoderSettings.model_validate({"kind": "onnx", "model": str(prepared_model())})
    index = IndexSettings.model_validate({"engine": "embedded"})
    bench = Bench(index, encoder, Path(CACHE), workers=2)
    sets = []
    for name, queries, qrels in EXPERT_SETS:
        if (names and name not in names) or not_measured(name, f"eval/{name}"):
            continue
        judged = load_expert_set(SHARED / "eval" / name, queries, qrels)
        set_name = name if queries == "queries.jsonl" else f"{name} ({queries})"
        sets.append(measured(set_name, judged, bench))
    if sets:
        print(table(sets))


if __name__ == "__main__":
    main(sys.argv[1:])
