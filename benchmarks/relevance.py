"""Print relevance on every development set: `python -m benchmarks.relevance [ENGINE] [SET …]`.

One Markdown table: nDCG@10 of search sets by words, by vectors and as served; AP of expert sets by
popularity (number of documents) and as served. Reads `$QUISAIT_SHARED/eval`; vectors are cached.
"""

import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

from benchmarks import not_measured
from evaluation.corpora import load_expert_set, load_search_set
from evaluation.measures import Figure
from evaluation.rankings import EXPERTS, POPULARITY, evaluate_experts, evaluate_search
from evaluation.reports import Report
from evaluation.scratch import Bench
from evaluation.voting_models import VotingModel
from quisait.settings import EncoderSettings, IndexSettings
from search_api.engine import Retriever
from tests.model_export import prepared_model
from tests.shared_files import SHARED

CACHE = Path(".cache/evaluation")
ENGINES = ("embedded", "opensearch")
SETS = SHARED / "eval"
TOPIC_QUESTIONS = ("queries_topic.jsonl", "qrels_topic.tsv")
"""Files of a set's questions on topics, beside its questions on titles."""
HEADER = """| set (questions) | measure | words | vectors | popularity | served |
|---|---|---|---|---|---|"""


SEARCH_RUNS = (Retriever.LEXICAL, Retriever.VECTOR, None, Retriever.HYBRID)
EXPERT_RUNS = (None, None, POPULARITY, EXPERTS)


def rows(engine: str, names: list[str]) -> Iterator[str]:
    """Yield a row for each set as it is measured. Raises `IndexUnreachable` or `IndexRefused`."""
    encoder = EncoderSettings.model_validate({"kind": "onnx", "model": str(prepared_model())})
    bench = Bench(IndexSettings.model_validate({"engine": engine}), encoder, CACHE, workers=2)
    for name in names:
        folder = SETS / name
        if name.startswith("search_"):
            report = evaluate_search(load_search_set(folder), bench, list(Retriever))
            yield _row(name, report, "nDCG@10", SEARCH_RUNS)
            continue
        for queries, qrels in (("queries.jsonl", "qrels.tsv"), TOPIC_QUESTIONS):
            if (folder / queries).exists():
                experts = load_expert_set(folder, queries, qrels)
                report = evaluate_experts(experts, bench, [VotingModel.SERVED])
                asked = f"{name}, topics" if queries == TOPIC_QUESTIONS[0] else name
                yield _row(asked, report, "AP", EXPERT_RUNS)


def _row(name: str, report: Report, measure: str, runs: Sequence[str | None]) -> str:
    cells = (_cell(report.rows[run][measure]) if run else "–" for run in runs)
    return f"| {name} ({report.queries}) | {measure} | {' | '.join(cells)} |"


def _cell(figure: Figure) -> str:
    return f"{figure.mean:.3f}".removeprefix("0")


def main(arguments: list[str]) -> None:
    """Print the table of each engine."""
    engines = [argument for argument in arguments if argument in ENGINES] or ["embedded"]
    names = [argument for argument in arguments if argument not in ENGINES]
    if not_measured("relevance", SETS):
        return
    names = names or sorted(path.name for path in SETS.glob("*_*") if (path / "qrels.tsv").exists())
    for engine in engines:
        print(f"\n[{engine}]\n{HEADER}", flush=True)
        for row in rows(engine, names):
            print(row, flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
