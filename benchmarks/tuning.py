"""The ranking's weights by folds: `python -m benchmarks.tuning [--folds 5] [set …]`.

Sweeps what the word as written adds, what neighbours side by side add, and the share of
words in the fusion, on the search sets of `$QUISAIT_SHARED/eval`. Groups of questions
that share judgments fall whole into one fold (by a hash of their name). For each fold
the weights with the best mean over the sets, on all other folds, answer it: that is the
out-of-fold figure, which the choice cannot flatter. Beside it stand the weights that
serve, and those that are best on everything.

Asks the embedded engine's own parts: a document's score is its words' plus a weight times
what lifts it, so three searches of a question give every combination.
"""

import argparse
import hashlib
import math
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from itertools import product
from pathlib import Path

import numpy as np
import sqlalchemy as sa
from numpy.typing import NDArray

from benchmarks import not_measured
from evaluation.corpora import SearchSet, load_search_set
from evaluation.measures import Figure, figure
from evaluation.scratch import VECTORS, JudgedSource, NoFiles, judged_id
from indexer.crawl.pipeline import CrawlDependencies, crawl
from indexer.embedded.catalogue import SnapshotCache
from indexer.embedded.index import EmbeddedIndex
from indexer.embedded.results import text_request
from indexer.embedded.store import Store
from indexer.embedded.text import TextIndex
from indexer.parsed_query import EXACT_WEIGHT, PAIR_WEIGHT, AnalyzedQuery
from indexer.ports import Encoder
from indexer.state import State
from indexer.values import WINDOW
from quisait.application.database import migrate
from quisait.application.engines import open_cached_encoder
from quisait.settings import EncoderSettings
from search_api.questions.query import read_question
from search_api.ranking.fusion import LEXICAL_WEIGHT
from tests.model_export import prepared_model
from tests.shared_files import SHARED

SETS = ("search_piaf", "search_vdd_related", "search_cdtn_fiches")
CACHE = Path(".cache/evaluation")
EXACT = (0.0, 0.25, 0.5, 0.75, 1.0)
PAIRS = (0.0, 0.35, 0.7, 1.0, 1.4)
SHARES = (0.3, 0.4, 0.5, 0.6, 0.7)
CUT = 10
DISCOUNTS = 1 / np.log2(np.arange(2, CUT + 2))

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Weights:
    """One combination of the sweep."""

    exact: float
    pairs: float
    share: float

    def __str__(self) -> str:
        return f"exact {self.exact}, pairs {self.pairs}, words {self.share}"


SERVING = Weights(EXACT_WEIGHT, PAIR_WEIGHT, LEXICAL_WEIGHT)
SWEPT = tuple(Weights(*one) for one in product(EXACT, PAIRS, SHARES))


@dataclass(frozen=True, slots=True)
class Scored:
    """One question over all documents, ascending by id: three lexical parts, cosines, gains."""

    words: Floats
    exact: Floats
    pairs: Floats
    near: Floats
    gains: Floats


@contextmanager
def indexed(judged: SearchSet, encoder: Encoder) -> Iterator[tuple[TextIndex, SnapshotCache]]:
    """The set in an embedded index, which is gone afterwards."""
    with tempfile.TemporaryDirectory(prefix="quisait-tuning-") as name:
        folder = Path(name)
        database = migrate(sa.create_engine(f"sqlite:///{folder / 'state.sqlite'}"))
        state = State(database)
        index = EmbeddedIndex(folder / "index", encoder.dimension)
        shop = CrawlDependencies(NoFiles(), encoder, index, state, state)
        report = crawl(JudgedSource(judged.documents, judged.queries), shop)
        if report.put != len(judged.documents):
            raise SystemExit(f"{judged.name}: not every document was indexed")
        store = Store(folder / "index" / "index.sqlite", encoder.dimension)
        yield TextIndex(folder / "index", store), SnapshotCache(store, encoder.dimension)
        database.dispose()


def scored(judged: SearchSet, encoder: Encoder) -> list[Scored]:
    """Every question of a set."""
    with indexed(judged, encoder) as (text, memory):
        catalogue = memory.current()
        order = np.argsort(np.array(catalogue.ids))
        ids = [judged_id(catalogue.ids[slot]) for slot in order]

        def lexical(asked: AnalyzedQuery) -> Floats:
            values = np.zeros(len(ids))
            if asked.scores:
                rows, found = text.matches(asked)
                slots, known = catalogue.slots(rows)
                values[slots[known]] = np.maximum(found[known], 1e-9)
            return values[order]

        answers = []
        for query in judged.queries:
            question = read_question(query.text)
            asked = text_request(question)
            bare = replace(asked, exact=(), pairs=())
            words = lexical(bare)
            vector = encoder.queries([question.words])[0]
            judgments = judged.judgments[query.id]
            answers.append(
                Scored(
                    words,
                    (lexical(replace(bare, exact=asked.exact)) - words) / EXACT_WEIGHT,
                    (lexical(replace(bare, pairs=asked.pairs)) - words) / PAIR_WEIGHT,
                    catalogue.vectors.similarities(vector)[order],
                    np.array([float(judgments.get(id_, 0)) for id_ in ids]),
                )
            )
        return answers


def ndcgs(one: Scored) -> list[float]:
    """nDCG@10 with the weights that serve, then with each of `SWEPT`, in its order."""
    near = _normalised(one.near)
    found = [_ndcg(one, _normalised(_lexical(one, SERVING)), near, SERVING.share)]
    for exact, pairs in product(EXACT, PAIRS):
        words = _normalised(_lexical(one, Weights(exact, pairs, 0)))
        found += [_ndcg(one, words, near, share) for share in SHARES]
    return found


def _lexical(one: Scored, weights: Weights) -> Floats:
    lifted = np.round(one.words + weights.exact * one.exact + weights.pairs * one.pairs, 4)
    return np.where(one.words > 0, lifted, -np.inf)


def _ndcg(one: Scored, words: Floats, near: Floats, share: float) -> float:
    """As trec_eval has it, of the window that `search_api.ranking.fusion` would make."""
    if not words.any():
        share = 0.0
    window = np.flatnonzero((words > 0) | (near > 0))
    fused = share * words[window] + (1 - share) * near[window]
    best = window[np.argsort(-fused, kind="stable")[:CUT]]
    ideal = np.sort(one.gains)[::-1][:CUT]
    gained = one.gains[best] @ DISCOUNTS[: len(best)]
    return float(gained / (ideal @ DISCOUNTS[: len(ideal)]))


def _normalised(scores: Floats) -> Floats:
    """From 0 to 1 among the first W (ties by id), 0 outside."""
    known = np.flatnonzero(np.isfinite(scores))
    first = known[np.argsort(-scores[known], kind="stable")[:WINDOW]]
    parts = np.zeros(len(scores))
    if len(first):
        low, high = scores[first[-1]], scores[first[0]]
        parts[first] = (scores[first] - low) / (high - low) if high > low else 1.0
    return parts


def fold_of(group: str, folds: int) -> int:
    """The same for all questions of a group, today and tomorrow."""
    return int.from_bytes(hashlib.sha256(group.encode()).digest()[:4]) % folds


def main() -> None:
    """Sweep, choose by folds, and print."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.tuning")
    parser.add_argument("sets", nargs="*", default=list(SETS))
    parser.add_argument("--folds", type=int, default=5)
    asked = parser.parse_args()
    if not_measured("tuning", *(f"eval/{name}" for name in asked.sets)):
        return
    settings = EncoderSettings.model_validate({"kind": "onnx", "model": str(prepared_model())})
    tables: list[Floats] = []
    sets = [load_search_set(SHARED / "eval" / name) for name in asked.sets]
    with open_cached_encoder(settings, CACHE / VECTORS, keep_queries=True) as encoder:
        for judged in sets:
            answers = scored(judged, encoder)
            tables.append(np.array([ndcgs(answer) for answer in answers]).T)
            print(f"{judged.name}: {len(answers)} questions, {len(SWEPT)} combinations", flush=True)
    folds = [
        np.array([fold_of(query.group, asked.folds) for query in judged.queries]) for judged in sets
    ]
    print(fold_table(sets, tables, folds, asked.folds))


def fold_table(
    sets: Sequence[SearchSet],
    tables: Sequence[Floats],
    folds: Sequence[NDArray[np.int64]],
    count: int,
) -> str:
    """nDCG@10 in a table; row 0 of each table is what serves, the others are `SWEPT`."""
    best = _best(tables, [np.ones(len(one), dtype=np.bool_) for one in folds])
    chosen = [_best(tables, [one != fold for one in folds]) for fold in range(count)]
    lines = [f"serving: {SERVING}", f"best on everything: {SWEPT[best - 1]}"]
    lines += [f"without fold {fold}: {SWEPT[index - 1]}" for fold, index in enumerate(chosen)]
    lines.append("| set | serving | in-fold | out-of-fold | out-of-fold - serving |")
    lines.append("|---|---|---|---|---|")
    gains = []
    for judged, table, fold in zip(sets, tables, folds, strict=True):
        outside = np.array([table[chosen[f], n] for n, f in enumerate(fold)])
        gains.append(gain := _figure(judged, outside - table[0]))
        lines.append(
            f"| {judged.name} | {table[0].mean():.4f} | {table[best].mean():.4f} | "
            f"{outside.mean():.4f} | {gain.mean:+.4f} ± {gain.standard_error:.4f} |"
        )
    mean = sum(gain.mean for gain in gains) / len(gains)
    error = math.hypot(*(gain.standard_error for gain in gains)) / len(gains)
    lines.append(f"mean of the sets, out-of-fold - serving: {mean:+.4f} ± {error:.4f}")
    return "\n".join(lines)


def _best(tables: Sequence[Floats], kept: Sequence[NDArray[np.bool_]]) -> int:
    """The row with the best mean over sets, each a mean over its kept questions."""
    means = [table[1:, mask].mean(axis=1) for table, mask in zip(tables, kept, strict=True)]
    return 1 + int(np.argmax(np.mean(means, axis=0)))


def _figure(judged: SearchSet, values: Floats) -> Figure:
    by_query = {query.id: float(v) for query, v in zip(judged.queries, values, strict=True)}
    return figure(by_query, judged.queries)


if __name__ == "__main__":
    main()
