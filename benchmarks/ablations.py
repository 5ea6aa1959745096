"""What each part of the search is worth: `python -m benchmarks.ablations [--limit N] [set …]`.

Asks each question of the search sets of `$QUISAIT_SHARED/eval`, embedded, as a page does, and again
without one part: near hits, the centroid, the word as written, neighbours side by side, all of the
vector, all of the words. Prints nDCG@10 of what serves, what leaving a part out changes (± standard
error, by groups), and the milliseconds that a question takes without it, the encoder's aside.
`titles:SET` as for `benchmarks.window_weights`. One question is asked at a time.
"""

import argparse
import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from unittest.mock import patch

from benchmarks import not_measured
from benchmarks.window_weights import CUT, MEASURE, SETS, TITLES, judged_set
from evaluation.corpora import JudgedQuery, SearchSet
from evaluation.measures import figure, values
from evaluation.scratch import Bench, Scratch, evaluation_reader, judged_id, open_scratch
from indexer.embedded import text
from indexer.values import SearchAnswer, Vectors
from quisait.settings import EncoderSettings, IndexSettings
from search_api.questions.query import Query
from search_api.ranking.fusion import FusedHit
from search_api.ranking.window import SERVED_WEIGHTS, fused_window

Window = Callable[[SearchAnswer, Vectors | None, str], Sequence[FusedHit]]


@dataclass(frozen=True, slots=True)
class Part:
    """What is left out: a weight of `indexer.embedded.text`, or something of the window."""

    name: str
    window: Window = fused_window
    weight: str = ""


PARTS = (
    Part("nothing"),
    Part(
        "near hits",
        lambda found, vector, question: fused_window(
            found, vector, question, replace(SERVED_WEIGHTS, near_hits=0.0)
        ),
    ),
    Part(
        "centroid",
        lambda found, vector, question: fused_window(
            found, vector, question, replace(SERVED_WEIGHTS, centroid=0.0)
        ),
    ),
    Part("titles that say the question", lambda found, vector, _: fused_window(found, vector)),
    Part("the word as written", weight="EXACT_WEIGHT"),
    Part("neighbours side by side", weight="PAIR_WEIGHT"),
    Part(
        "the vector",
        lambda found, _, question: fused_window(replace(found, vector=()), None, question),
    ),
    Part(
        "the words",
        lambda found, vector, question: fused_window(replace(found, lexical=()), vector, question),
    ),
)

SETS_ASKED = (*SETS, f"{TITLES}search_vdd_related")


@dataclass(frozen=True, slots=True)
class Asked:
    """A question's first ids, and what its search and window took."""

    ids: list[str]
    took_ms: float


def _ask(scratch: Scratch, query: JudgedQuery, part: Part) -> Asked:
    reader = evaluation_reader(query)
    scratch.encoder.queries([query.text])  # so that its vector is read from the cache below
    begun = time.perf_counter()
    found = scratch.search.hits(Query(query.text, wide=True), reader)
    hits = part.window(found.found, found.request.vector, found.request.question.words)
    took_ms = 1000 * (time.perf_counter() - begun)
    return Asked([judged_id(hit.document_id) for hit in hits[:CUT]], took_ms)


def _measured(judged: SearchSet, scratch: Scratch, part: Part) -> tuple[Mapping[str, float], float]:
    """By question nDCG@10, and the median of the milliseconds."""
    with ExitStack() as stack:
        if part.weight:
            stack.enter_context(patch.object(text, part.weight, 0.0))
        asked = {query.id: _ask(scratch, query, part) for query in judged.queries}
    run = {name: one.ids for name, one in asked.items()}
    measured = values(run, judged.judgments, [MEASURE])[MEASURE]
    return measured, statistics.median(one.took_ms for one in asked.values())


def _column(judged: SearchSet, bench: Bench) -> list[str]:
    """A cell for each part."""
    cells: list[str] = []
    with open_scratch(bench, judged) as scratch:
        served, took_ms = _measured(judged, scratch, PARTS[0])
        cells.append(f"{statistics.mean(served.values()):.4f} ({took_ms:.0f} ms)")
        for part in PARTS[1:]:
            found, took_ms = _measured(judged, scratch, part)
            change = figure({q: found[q] - served[q] for q in served}, judged.queries)
            cells.append(f"{change.mean:+.4f} ± {change.standard_error:.4f} ({took_ms:.0f} ms)")
    return cells


def main() -> None:
    """Ask and print."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.ablations")
    parser.add_argument("sets", nargs="*", default=list(SETS_ASKED))
    parser.add_argument("--limit", type=int, default=0)
    parser.add_argument("--cache", type=Path, default=Path(".cache/evaluation"))
    parser.add_argument("--prepared", default="")
    asked = parser.parse_args()
    if not_measured("ablations", *(f"eval/{name.removeprefix(TITLES)}" for name in asked.sets)):
        return
    encoder = EncoderSettings.model_validate({"prepared": asked.prepared})
    bench = Bench(IndexSettings(engine="embedded"), encoder, asked.cache, quiet=True)
    sets = [judged_set(name, asked.limit) for name in asked.sets]
    columns = [_column(judged, bench) for judged in sets]
    names = [f"{judged.name} ({len(judged.queries)})" for judged in sets]
    print("| without | " + " | ".join(names) + " |")
    print("|---|" + "---:|" * len(names))
    for number, part in enumerate(PARTS):
        cells = [part.name, *(column[number] for column in columns)]
        print("| " + " | ".join(cells) + " |")


if __name__ == "__main__":
    main()
