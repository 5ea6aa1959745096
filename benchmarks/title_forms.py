"""What a title that says the question could count: `python -m benchmarks.title_forms [set …]`.

Adds to each hit of the window a weight times a form of two shares: of its title's words, how many
the question has, and of the question's words, how many its title has. Prints nDCG@10 without, and
what each form and weight adds (± standard error, by groups), embedded. What serves
(`search_api.ranking.titles`) is bold.
"""

import argparse
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from benchmarks import not_measured
from benchmarks.window_weights import (
    CUT,
    MEASURE,
    SETS,
    TITLES,
    Searched,
    judged_set,
    searched_once,
)
from evaluation.corpora import SearchSet
from evaluation.measures import Run, figure, values
from evaluation.scratch import Bench, judged_id, open_scratch
from quisait.settings import EncoderSettings, IndexSettings
from search_api.ranking.ranker import FEATURES, Floats
from search_api.ranking.titles import LEAST_SHARE, TITLE_WEIGHT, said, standing_out
from search_api.ranking.window import fused_window, window_features

SERVED = "the same, above the sixth best"
WEIGHTS = (0.05, 0.1, 0.2)


def _product(title: Floats, question: Floats) -> Floats:
    return title * question


FORMS: dict[str, Callable[[Floats, Floats], Floats]] = {
    "product of both shares": _product,
    f"their harmonic mean above {LEAST_SHARE:g}": said,
    SERVED: standing_out,
}


def runs_of(searched: Sequence[Searched]) -> dict[tuple[str, float], Run]:
    """By form and weight; the window without titles under weight 0."""
    found: dict[tuple[str, float], dict[str, list[str]]] = {}
    for query, answer, vector in searched:
        hits = fused_window(answer, vector)
        ids = [judged_id(hit.document_id) for hit in hits]
        found.setdefault(("none", 0.0), {})[query.id] = ids[:CUT]
        if vector is None:
            continue
        features = window_features(hits, answer, vector, query.text)
        title, question = (
            features[:, FEATURES.index(name)] for name in ("title_asked", "question_titled")
        )
        scores = np.array([hit.score for hit in hits[: len(features)]])
        for name, form in FORMS.items():
            for weight in WEIGHTS:
                order = np.argsort(-(scores + weight * form(title, question)), kind="stable")
                found.setdefault((name, weight), {})[query.id] = [ids[at] for at in order[:CUT]]
    return dict(found)


def column(judged: SearchSet, searched: Sequence[Searched]) -> list[str]:
    """A cell for each form and weight, nDCG@10 without titles first."""
    measured = {
        key: values(run, judged.judgments, [MEASURE])[MEASURE]
        for key, run in runs_of(searched).items()
    }
    served = measured.pop(("none", 0.0))
    cells = [f"{sum(served.values()) / len(served):.4f}"]
    for found in measured.values():
        change = figure({q: found[q] - served[q] for q in found}, judged.queries)
        cells.append(f"{change.mean:+.4f} ± {change.standard_error:.4f}")
    return cells


def table(names: Sequence[str], columns: Sequence[Sequence[str]]) -> str:
    """In Markdown, as it stands in docs/evaluation.md."""
    rows = [("none", 0.0), *((name, weight) for name in FORMS for weight in WEIGHTS)]
    lines = ["| form | weight | " + " | ".join(names) + " |", "|---|---:|" + "---:|" * len(names)]
    for number, (name, weight) in enumerate(rows):
        cells = [name, f"{weight:g}", *(cells[number] for cells in columns)]
        if (name, weight) == (SERVED, TITLE_WEIGHT):
            cells = [f"**{cell}**" for cell in cells]
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines)


def main() -> None:
    """Ask and print."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.title_forms")
    parser.add_argument("sets", nargs="*", default=[f"{TITLES}search_vdd_related", *SETS])
    parser.add_argument("--limit", type=int, default=0)
    parser.add_argument("--cache", type=Path, default=Path(".cache/evaluation"))
    parser.add_argument("--prepared", default="")
    asked = parser.parse_args()
    if not_measured("title_forms", *(f"eval/{name.removeprefix(TITLES)}" for name in asked.sets)):
        return
    encoder = EncoderSettings.model_validate({"prepared": asked.prepared})
    bench = Bench(IndexSettings(engine="embedded"), encoder, asked.cache, quiet=True)
    columns = []
    for name in asked.sets:
        judged = judged_set(name, asked.limit)
        with open_scratch(bench, judged) as scratch:
            columns.append(column(judged, searched_once(judged, bench, scratch)))
    print(table(asked.sets, columns))


if __name__ == "__main__":
    main()
