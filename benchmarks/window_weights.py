"""The weights of a window by sets: `python -m benchmarks.window_weights [set …]`.

Sweeps what a document's centroid weighs beside its best passage, and what a hit's nearest hits
weigh in its score, on the search sets of `$QUISAIT_SHARED/eval`, embedded. Each question is
searched once, through `Search`. Prints nDCG@10 of each combination, and what the other sets
choose for each set, among combinations that cost none of them more than .001. Then what the
window takes of a question's time, in milliseconds. `titles:SET` is a set of questions that nearly
are titles of that one's documents (`evaluation.title_questions`). `--values FOLDER` keeps what was
measured of each set, and takes from there what is kept, so that sets may be run one by one.
"""

import argparse
import json
import statistics
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import date
from functools import partial
from itertools import product
from pathlib import Path

import numpy as np

from benchmarks import not_measured
from evaluation.corpora import CORPUS, JudgedQuery, SearchSet, load_search_set
from evaluation.measures import Figure, figure, values
from evaluation.ranker_training import PARAMETERS, TREES
from evaluation.scratch import Bench, Scratch, evaluation_reader, judged_id, open_scratch
from evaluation.title_questions import write_title_set
from indexer.values import SearchAnswer, Vectors
from quisait.settings import EncoderSettings, IndexSettings
from search_api.questions.query import Query
from search_api.ranking.fusion import FusedHit, fuse
from search_api.ranking.ranker import FEATURES, FORMAT, Ranker, Tree
from search_api.ranking.window import (
    SERVED_WEIGHTS,
    WindowWeights,
    fused_window,
    tuned_window,
)
from tests.shared_files import SHARED

SETS = ("search_piaf", "search_vdd_related", "search_cdtn_fiches")
SWEPT = tuple(WindowWeights(*one) for one in product((0.0, 0.5, 0.7), (0.0, 0.1, 0.15, 0.2)))
PLAIN = WindowWeights(0.0, 0.0)
MOST_LOST = 0.001
TITLES, MOST_TITLES = "titles:", 500
MEASURE, CUT = "nDCG@10", 10
TIMED, TRIES = 50, 9

ByQuery = Mapping[str, float]
Swept = Mapping[WindowWeights, ByQuery]
Searched = tuple[JudgedQuery, SearchAnswer, Vectors | None]


def judged_set(name: str, limit: int) -> SearchSet:
    """A set of `$QUISAIT_SHARED/eval`, or the one of questions that nearly are its titles."""
    directory = SHARED / "eval" / name.removeprefix(TITLES)
    if not name.startswith(TITLES):
        return load_search_set(directory, limit)
    with tempfile.TemporaryDirectory(prefix="quisait-titles-") as made:
        documents = load_search_set(directory).documents
        write_title_set(documents, directory / CORPUS, Path(made), MOST_TITLES)
        return replace(load_search_set(Path(made), limit), name=name)


def searched_once(judged: SearchSet, bench: Bench, scratch: Scratch) -> list[Searched]:
    """Each question searched once, as a page does."""

    def ask(query: JudgedQuery) -> Searched:
        hits = scratch.search.hits(Query(query.text, wide=True), evaluation_reader(query))
        return query, hits.found, hits.request.vector

    return bench.each(ask, judged.queries)


def _ids(hits: Sequence[FusedHit]) -> list[str]:
    return [judged_id(hit.document_id) for hit in hits[:CUT]]


def _swept(judged: SearchSet, searched: Sequence[Searched]) -> Swept:
    return {
        weights: values(
            {
                q.id: _ids(fused_window(found, vector, weights=weights))
                for q, found, vector in searched
            },
            judged.judgments,
            [MEASURE],
        )[MEASURE]
        for weights in SWEPT
    }


def _kept(folder: Path | None, judged: SearchSet) -> Swept | None:
    """What was measured before of these questions."""
    if folder is None or not (path := folder / f"{judged.name}.json").is_file():
        return None
    rows = json.loads(path.read_text("utf-8"))
    found = {WindowWeights(*weights): by_query for weights, by_query in rows}
    known = {query.id for query in judged.queries}
    return found if set(found) == set(SWEPT) and known == set(found[PLAIN]) else None


def _keep(folder: Path | None, judged: SearchSet, swept: Swept) -> None:
    if folder is not None:
        folder.mkdir(parents=True, exist_ok=True)
        rows = [[[one.centroid, one.near_hits], dict(found)] for one, found in swept.items()]
        (folder / f"{judged.name}.json").write_text(json.dumps(rows), encoding="utf-8")


def _gain(judged: SearchSet, swept: Swept, weights: WindowWeights) -> Figure:
    plain = swept[PLAIN]
    return figure({q: value - plain[q] for q, value in swept[weights].items()}, judged.queries)


def _took(searched: Sequence[Searched]) -> str:
    """The window, in a learned order too, and the bare fusion: medians of each question's best."""
    served, bare, tuned, ranker = [], [], [], _some_ranker()
    for query, found, vector in searched[:TIMED]:
        most = len(found.lexical) + len(found.vector)
        served.append(_best_ms(partial(fused_window, found, vector, query.text)))
        tuned.append(_best_ms(partial(tuned_window, found, vector, query.text, ranker)))
        bare.append(_best_ms(partial(fuse, found.lexical, found.vector, most)))
    whole, learned, plain = map(statistics.median, (served, tuned, bare))
    return (
        f"window {whole:.2f} ms, in a learned order {learned:.2f} ms, fusion alone {plain:.2f} ms"
    )


def _some_ranker() -> Ranker:
    """As large as those that `quisait tune` makes, its trees as deep as they can be."""
    drawn, inner = np.random.default_rng(1), PARAMETERS["num_leaves"] - 1
    leaves = (0,) * (inner + 1)
    grown = tuple(
        Tree(
            feature=(*drawn.integers(0, len(FEATURES), inner).tolist(), *leaves),
            threshold=(*drawn.random(inner).tolist(), *leaves),
            left=(*range(inner, 2 * inner), *leaves),
            right=(*range(1, inner), 2 * inner, *leaves),
            value=(*(0.0,) * inner, *drawn.random(inner + 1).tolist()),
        )
        for _ in range(TREES)
    )
    return Ranker(
        format=FORMAT,
        encoder="",
        features=FEATURES,
        made=date.min,
        questions=0,
        groups=0,
        before=0.0,
        after=0.0,
        p_value=1.0,
        trees=grown,
    )


def _best_ms(call: Callable[[], object]) -> float:
    """Of several tries, so that what else a machine does counts little."""
    took = []
    for _ in range(TRIES):
        begun = time.perf_counter()
        call()
        took.append(time.perf_counter() - begun)
    return 1000 * min(took)


def _table(sets: Sequence[SearchSet], swept: Mapping[str, Swept]) -> str:
    """Each combination's gain over plain fusion, then what each set is served by the others."""
    names = [judged.name for judged in sets]
    gains = {
        weights: [_gain(judged, swept[judged.name], weights) for judged in sets]
        for weights in SWEPT
    }
    lines = [
        "| centroid | near hits | " + " | ".join(names) + " |",
        "|---:|---:|" + "---:|" * len(names),
    ]
    plain = [statistics.mean(swept[name][PLAIN].values()) for name in names]
    lines.append("| 0 | 0 | " + " | ".join(f"{value:.4f}" for value in plain) + " |")
    for weights in SWEPT[1:]:
        bold = "**" if weights == SERVED_WEIGHTS else ""
        cells = [f"{one.mean:+.4f} ± {one.standard_error:.4f}" for one in gains[weights]]
        cells = [f"{weights.centroid:g}", f"{weights.near_hits:g}", *cells]
        lines.append("| " + " | ".join(f"{bold}{cell}{bold}" for cell in cells) + " |")
    for number, name in enumerate(names if len(names) > 1 else ()):
        others = {
            weights: [one.mean for at, one in enumerate(found) if at != number]
            for weights, found in gains.items()
        }
        allowed = [weights for weights, found in others.items() if min(found) >= -MOST_LOST]
        chosen = max(allowed, key=lambda weights: sum(others[weights]))
        gain = gains[chosen][number]
        lines.append(
            f"{name} by the others: centroid {chosen.centroid:g}, near hits {chosen.near_hits:g}: "
            f"{gain.mean:+.4f} ± {gain.standard_error:.4f}"
        )
    return "\n".join(lines)


def main() -> None:
    """Search, sweep and print."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.window_weights")
    parser.add_argument("sets", nargs="*", default=list(SETS))
    parser.add_argument("--limit", type=int, default=0)
    parser.add_argument("--cache", type=Path, default=Path(".cache/evaluation"))
    parser.add_argument("--prepared", default="")
    parser.add_argument("--values", type=Path)
    asked = parser.parse_args()
    if not_measured(
        "window_weights", *(f"eval/{name.removeprefix(TITLES)}" for name in asked.sets)
    ):
        return
    encoder = EncoderSettings.model_validate({"prepared": asked.prepared})
    bench = Bench(IndexSettings(engine="embedded"), encoder, asked.cache, workers=2, quiet=True)
    sets = [judged_set(name, asked.limit) for name in asked.sets]
    swept: dict[str, Swept] = {}
    for judged in sets:
        if kept := _kept(asked.values, judged):
            swept[judged.name] = kept
            continue
        with open_scratch(bench, judged) as scratch:
            searched = searched_once(judged, bench, scratch)
        swept[judged.name] = _swept(judged, searched)
        _keep(asked.values, judged, swept[judged.name])
        print(f"{judged.name}: {len(searched)} questions; {_took(searched)}", flush=True)
    print(_table(sets, swept))


if __name__ == "__main__":
    main()
