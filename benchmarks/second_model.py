"""What a second model costs: `python -m benchmarks.second_model [ROUNDS]`.

A made cross-encoder, with random weights, of the size of small published ones (6 layers of 384, the
vocabulary of multilingual-e5-small), reads the passages of 20 documents with a question, one
pair after the other as when it serves. As 8-bit and as float graph, and by sentence-transformers;
medians of the rounds in milliseconds for one question, on all cores and on one, and the
processor time. The weights change no cost; of relevance this says nothing.
"""

import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from statistics import median
from typing import Any

from benchmarks.indexing import real_texts
from benchmarks.search import questions
from connectors.values import Section
from indexer.encoding.cross_encoder import OnnxCrossEncoder, SentenceCrossEncoder
from indexer.encoding.export_directory import quantise_dynamic
from indexer.passages import cut, passage_text
from search_api.ranking.second_model import PairScorer
from tests.made_models import with_graph
from tests.model_export import exported_model

DOCUMENTS, ROUNDS = 20, 5
LAYERS, HIDDEN, HEADS, FEED_FORWARD = 6, 384, 12, 1_536


def write_model(folder: Path) -> Path:
    """A BERT with one number to give, in torch's layout, with a real tokenizer."""
    from transformers import AutoModelForSequenceClassification, AutoTokenizer, BertConfig

    named: Any = AutoTokenizer
    tokenizer = named.from_pretrained(str(exported_model()), local_files_only=True)
    config: Any = BertConfig
    made: Any = AutoModelForSequenceClassification
    made.from_config(
        config(
            vocab_size=len(tokenizer),
            hidden_size=HIDDEN,
            num_hidden_layers=LAYERS,
            num_attention_heads=HEADS,
            intermediate_size=FEED_FORWARD,
            num_labels=1,
        )
    ).save_pretrained(str(folder))
    tokenizer.save_pretrained(str(folder))
    return folder


def timed(scorer: PairScorer, asked: Sequence[str], passages: Sequence[str]) -> tuple[float, float]:
    """Milliseconds for a question, on the clock and of processors: medians."""
    clock, used = [], []
    for question in asked:
        begun, worked = time.perf_counter(), time.process_time()
        for passage in passages:
            scorer.score(question, passage)
        clock.append((time.perf_counter() - begun) * 1000)
        used.append((time.process_time() - worked) * 1000)
    return median(clock), median(used)


def main(arguments: Sequence[str]) -> None:
    """Measure and tell."""
    rounds = int(arguments[0]) if arguments else ROUNDS
    asked = questions()[:rounds]
    passages = [
        passage_text(title, cut((Section(text),), title)[0])
        for title, text in real_texts()[:DOCUMENTS]
    ]
    with tempfile.TemporaryDirectory() as name:
        whole = write_model(Path(name) / "torch")
        floats = with_graph(whole, Path(name) / "float")
        small = Path(name) / "int8"
        shutil.copytree(floats, small)
        quantise_dynamic(floats / "onnx/model.onnx", small / "onnx/model_int8.onnx")
        makers: dict[str, Callable[[], PairScorer]] = {
            "8 bits, all cores": lambda: OnnxCrossEncoder(small),
            "8 bits, one core": lambda: OnnxCrossEncoder(small, threads=1),
            "float, all cores": lambda: OnnxCrossEncoder(floats),
            "sentence-transformers": lambda: SentenceCrossEncoder(whole),
        }
        for kind, make in makers.items():
            scorer = make()
            scorer.score("réchauffé", passages[0])
            clock, used = timed(scorer, asked, passages)
            print(
                f"{kind:24} {clock:7.0f} ms a question of {len(passages)} passages, "
                f"{used:7.0f} ms of processors",
                flush=True,
            )


if __name__ == "__main__":
    main(sys.argv[1:])
