"""Train a ranker on judged questions, by folds of groups, and decide whether it may serve.

LambdaMART (Burges, "From RankNet to LambdaRank to LambdaMART: an overview", MSR-TR-2010-82), by
LightGBM. Serving does not need this module: the trees are written to the file that
`quisait_tune.ranker` reads.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

import numpy as np

from evaluation.comparison import Comparison, compare_measures
from evaluation.corpora import JudgedQuery, Judgments, SearchSet
from evaluation.measures import values
from evaluation.scratch import Bench, Scratch, evaluation_reader, judged_id
from indexer.access import Reader
from quisait_tune.ranker import FEATURES, FORMAT, Forest, Ranker, Tree, window_features
from search_api.engine import Search
from search_api.query.query import Query
from search_api.ranking.window import Floats, FusedWindow, fused_window

LEAST_QUESTIONS = 300
"""Least number of judged questions: trained on 100, a ranker lost .012 on search_piaf; trained on
300, no ranker lost (docs/evaluation.md).
"""
FOLDS = 5
LEAST_GROUPS = 10
"""With fewer differing groups, no swap of signs can reach the required p value."""
MOST_BY_CHANCE = 0.05
MEASURE, CUT = "nDCG@10", 10
TREES = 100
MOST_GRADE = 10
"""Highest grade; higher judgments are lowered to it, because gains double with each grade."""
PARAMETERS: Mapping[str, Any] = {
    "objective": "lambdarank",
    "lambdarank_truncation_level": 15,
    "num_leaves": 7,
    "min_data_in_leaf": 50,
    "learning_rate": 0.05,
    # A higher feature never lowers the score, except `near_hits`, which may do either.
    "monotone_constraints": [int(name != "near_hits") for name in FEATURES],
    "seed": 1,
    "deterministic": True,
    "num_threads": 1,
    "verbose": -1,
}
"""Small trees, for few questions; one thread and one seed, so that the file is reproducible."""

LIGHTGBM_MISSING = (
    "Il faut LightGBM pour cela : « pip install lightgbm ir-measures », dans l'environnement de "
    "quisait."
)


@dataclass(frozen=True, slots=True)
class Example:
    """A question with the first hits of its window, by their ids in the judgments.

    `features` (n, features) and `grades` (n,), in the order that is served without a ranker.
    """

    query: JudgedQuery
    ids: tuple[str, ...]
    features: Floats
    grades: Floats


@dataclass(frozen=True, slots=True)
class Trained:
    """A ranker trained on all examples, and the out-of-fold comparison with the served order."""

    ranker: Ranker
    comparison: Comparison

    @property
    def wins(self) -> bool:
        """Whether the ranker is better on unseen questions, beyond chance."""
        return self.comparison.difference > 0 and self.comparison.p_value < MOST_BY_CHANCE


def load_lightgbm() -> Any:
    """Return the library that grows trees. Raises `ValueError` if it cannot be loaded."""
    try:
        import lightgbm
    except (ImportError, OSError) as error:  # OSError: the system lacks libgomp
        raise ValueError(LIGHTGBM_MISSING) from error
    return lightgbm


def refusal(queries: Sequence[JudgedQuery]) -> str:
    """Return why these questions cannot train a ranker, in French; empty if they can."""
    groups = len({query.group for query in queries})
    if len(queries) < LEAST_QUESTIONS:
        return (
            f"{len(queries)} questions jugées : il en faut {LEAST_QUESTIONS} pour régler le "
            "classement sans risque. Rien n'est changé."
        )
    if groups < LEAST_GROUPS:
        return (
            f"Ces {len(queries)} questions n'ont que {groups} groupes de réponses différents : il "
            f"en faut {LEAST_GROUPS} pour vérifier ce que le réglage gagne. Rien n'est changé."
        )
    return ""


def set_examples(judged: SearchSet, bench: Bench, scratch: Scratch) -> list[Example]:
    """Return the examples of an indexed judged set. Raises `IndexUnreachable`."""

    def ask(query: JudgedQuery) -> Example:
        return example(query, scratch.search, evaluation_reader(query), judged.judgments, judged_id)

    return bench.each(ask, judged.queries)


def example(
    query: JudgedQuery,
    search: Search,
    reader: Reader,
    judgments: Judgments,
    name: Callable[[str], str] = str,
) -> Example:
    """Ask a question with a reader's rights. `name` returns the id used in the judgments."""
    asked = search.hits(Query(query.text, wide=True), reader)
    vector, words = asked.request.vector, asked.request.question.words
    hits = fused_window(asked.found, vector, words)
    features = np.zeros((0, len(FEATURES)))
    if vector is not None:
        features = window_features(FusedWindow(hits, asked.found, vector, words, encoder=""))
    ids = tuple(name(hit.document_id) for hit in hits[: max(CUT, len(features))])
    known = judgments[query.id]
    grades = [min(MOST_GRADE, max(0, known.get(one, 0))) for one in ids[: len(features)]]
    return Example(query, ids, features, np.array(grades, dtype=np.float64))


def train(examples: Sequence[Example], judgments: Judgments, encoder: str, today: date) -> Trained:
    """Train by folds, then on everything. Raises `ValueError` if LightGBM is missing."""
    queries = [one.query for one in examples]
    groups = {group: n % FOLDS for n, group in enumerate(sorted({one.group for one in queries}))}
    runs: dict[str, list[str]] = {}
    for fold in range(FOLDS):
        kept = [one for one in examples if groups[one.query.group] == fold]
        others = [one for one in examples if groups[one.query.group] != fold]
        forest = Forest.of(grown(others))
        runs |= {one.query.id: ranked_ids(one, forest) for one in kept}
    served = {one.query.id: list(one.ids[:CUT]) for one in examples}
    comparison = compare_measures(
        values(runs, judgments, [MEASURE]), values(served, judgments, [MEASURE]), queries
    )[MEASURE]
    ranker = Ranker(
        format=FORMAT,
        encoder=encoder,
        features=FEATURES,
        made=today,
        questions=len(examples),
        groups=len(groups),
        before=round(comparison.before, 6),
        after=round(comparison.after, 6),
        p_value=round(comparison.p_value, 6),
        trees=grown(examples),
    )
    return Trained(ranker, comparison)


def ranked_ids(one: Example, forest: Forest) -> list[str]:
    """Return the first ids in the order of these trees."""
    scores = forest.scores(one.features).tolist()
    order = sorted(range(len(scores)), key=lambda at: -scores[at])
    return [one.ids[at] for at in order[:CUT]] if order else list(one.ids[:CUT])


def grown(examples: Sequence[Example]) -> tuple[Tree, ...]:
    """Return trees trained on the examples, without those that have no relevant hit."""
    lightgbm = load_lightgbm()
    telling = [one for one in examples if one.grades.any() and len(one.grades) > 1]
    if not telling:
        return (Tree(feature=(0,), threshold=(0.0,), left=(0,), right=(0,), value=(0.0,)),)
    data = lightgbm.Dataset(
        np.concatenate([one.features for one in telling]),
        np.concatenate([one.grades for one in telling]),
        group=[len(one.grades) for one in telling],
    )
    model = lightgbm.train(dict(PARAMETERS), data, TREES).dump_model()
    return tuple(tree_of(one["tree_structure"]) for one in model["tree_info"])


def tree_of(root: Mapping[str, Any]) -> Tree:
    """Convert a tree dumped by LightGBM to columns."""
    nodes: list[Mapping[str, Any]] = [root]
    children: list[tuple[int, int]] = []
    for node in nodes:  # the list grows during the loop
        if "leaf_value" in node and "split_feature" not in node:
            children.append((0, 0))
        else:
            children.append((len(nodes), len(nodes) + 1))
            nodes += [node["left_child"], node["right_child"]]
    return Tree(
        feature=tuple(node.get("split_feature", 0) for node in nodes),
        threshold=tuple(node.get("threshold", 0.0) for node in nodes),
        left=tuple(left for left, _ in children),
        right=tuple(right for _, right in children),
        value=tuple(
            0.0 if left else node["leaf_value"]
            for node, (left, _) in zip(nodes, children, strict=True)
        ),
    )
