"""What expected questions cost: size of an embedded index and processor time of a search.

`python -m benchmarks.expected_questions [DOCUMENTS]`: the same documents without and with five
questions each. A question is made of words of a passage, its vector lies near the passage's.
"""

import random
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np

from benchmarks.access_change import DIMENSION
from benchmarks.search_documents import BATCH, NOISE, made_of, stuff
from connectors.batches import batches
from connectors.values import EVERYONE
from indexer.access import Reader, access_filter
from indexer.centroids import quantised
from indexer.embedded.index import EmbeddedIndex
from indexer.encoding.onnx_encoder import OnnxEncoder
from indexer.values import Put, Question, SearchRequest, Vectors
from search_api.ranking.fusion import BUNDLED_MODEL, known_bars
from search_api.ranking.window import fused_window
from tests.model_export import prepared_model

EACH = 5
WORDS = 9
SEARCHES = 200


def expecting(puts: Iterator[Put]) -> Iterator[Put]:
    """Yield the documents with `EACH` questions."""
    draw, drawn = random.Random(1), np.random.default_rng(1)
    for put in puts:
        indexed = put.indexed
        texts: list[str] = []
        near: list[Vectors] = []
        for _ in range(EACH):
            at = draw.randrange(len(indexed.passages))
            words = indexed.passages[at].text.split()
            begin = draw.randrange(max(1, len(words) - WORDS))
            texts.append(" ".join(words[begin : begin + WORDS]))
            noise: Vectors = drawn.standard_normal(DIMENSION, dtype=np.float32)
            moved: Vectors = indexed.vectors[at] + NOISE * noise / np.linalg.norm(noise)
            near.append(moved / np.linalg.norm(moved))
        document = replace(indexed.document, questions=tuple(texts))
        vectors = quantised(np.array(near, dtype=np.float32))
        yield Put(replace(indexed, document=document, question_vectors=vectors))


def measured(folder: Path, puts: Iterator[Put], asked: list[tuple[str, Vectors]]) -> str:
    """Return the size of an index of these documents, and the processor time of a search."""
    index = EmbeddedIndex(folder, len(asked[0][1]))
    for some in batches(puts, BATCH):
        index.write(some)
    size = sum(one.stat().st_size for one in folder.rglob("*") if one.is_file()) / 1e6
    access, bars = access_filter(Reader("bench", frozenset({EVERYONE}))), known_bars(BUNDLED_MODEL)
    times = []
    for text, vector in asked * 2:
        request = SearchRequest(
            access, Question(text), vector, with_attributes=True, cut=bars.cut, counted=True
        )
        began = time.process_time()
        fused_window(index.search(request), vector, text, spread=bars.spread)
        times.append(time.process_time() - began)
    last = times[len(asked) :]  # the first round fills caches
    return f"{size:.0f} MB, {1000 * float(np.median(last)):.1f} ms a search (processor, median)"


def main(documents: int) -> None:
    """Print both lines."""
    encoder = OnnxEncoder(prepared_model())
    made = stuff(documents, encoder)
    texts = [" ".join(one[0].split()[3 : 3 + WORDS]) for one in made.texts[:SEARCHES]]
    asked = list(zip(texts, encoder.queries(texts), strict=True))
    with tempfile.TemporaryDirectory() as name:
        for label, puts in (("without", made_of(made)), ("with five", expecting(made_of(made)))):
            print(f"{label:10} {measured(Path(name) / label, puts, asked)}", flush=True)


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 20_000)
