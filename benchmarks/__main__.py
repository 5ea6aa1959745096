"""Print every figure of the development sets: `python -m benchmarks [embedded|opensearch]`.

Reads `$QUISAIT_SHARED/eval`; vectors are cached between runs.
"""

import sys
from pathlib import Path

from benchmarks import (
    access_change,
    analysis,
    expertise_build,
    formats,
    not_measured,
    search,
    sources,
)
from evaluation.corpora import load_expert_set, load_search_set
from evaluation.rankings import evaluate_experts, evaluate_search
from evaluation.reports import Report, report_text
from evaluation.scratch import Bench
from evaluation.voting_models import VotingModel
from quisait.settings import EncoderSettings, IndexSettings
from search_api.engine import Retriever
from tests.model_export import prepared_model
from tests.shared_files import SHARED

SEARCH_SETS = ("search_piaf", "search_vdd_related", "search_cdtn_fiches")
EXPERT_SETS = (
    ("expert_vdd_contacts", "queries.jsonl", "qrels.tsv"),
    ("expert_dblp", "queries.jsonl", "qrels.tsv"),
    ("expert_dblp", "queries_topic.jsonl", "qrels_topic.tsv"),
)
CACHE = Path(".cache/evaluation")


def relevance(engine: str) -> None:
    """Print the relevance figures of every set on one engine."""
    encoder = EncoderSettings.model_validate({"kind": "onnx", "model": str(prepared_model())})
    index = IndexSettings.model_validate({"engine": engine})
    bench = Bench(index, encoder, CACHE, workers=2)
    for name in SEARCH_SETS:
        if not_measured(name, f"eval/{name}"):
            continue
        judged = load_search_set(SHARED / "eval" / name)
        tell(engine, evaluate_search(judged, bench, list(Retriever)))
    for name, queries, qrels in EXPERT_SETS:
        if not_measured(name, f"eval/{name}"):
            continue
        experts = load_expert_set(SHARED / "eval" / name, queries, qrels)
        tell(engine, evaluate_experts(experts, bench, [VotingModel.SERVED]))


def tell(engine: str, report: Report) -> None:
    """Print the figures of one set."""
    print(f"\n[{engine}]\n{report_text(report)}", flush=True)


def main(engines: list[str]) -> None:
    """Measure relevance, searches, analysis, access changes, formats, sources and builds."""
    for engine in engines:
        relevance(engine)
    search.main(engines)
    analysis.main([])
    access_change.main(engines)
    formats.main([])
    sources.main([])
    # Ten million documents take half an hour: `python -m benchmarks.expertise_build` measures them.
    expertise_build.main(list(expertise_build.SIZES[:-1]))


if __name__ == "__main__":
    main(sys.argv[1:] or ["embedded", "opensearch"])
