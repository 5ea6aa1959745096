"""Size of an index: `python -m benchmarks.sizing [DOCUMENTS …] [embedded|opensearch …]`.

Prints, for each engine and number of documents (made of real paragraphs; vectors cost nothing):
passages, mebibytes on disk, and the resident memory of a process that has answered twenty
questions, its encoder included. The last line gives the encoder's passages per second on this
machine, and per second of processor time, which is the rate of one idle core.
"""

import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import date
from pathlib import Path

import sqlalchemy as sa

from benchmarks import not_measured
from benchmarks.indexing import (
    CORPUS,
    DIMENSION,
    Costless,
    Given,
    NoFiles,
    crawl_parts,
    made_of_real_ones,
    real_texts,
    resident_mib,
)
from connectors.values import EVERYONE
from expertise.directory import SqlDirectory
from indexer.access import Reader
from indexer.crawl.pipeline import crawl
from indexer.embedded.index import EmbeddedIndex
from indexer.encoding.onnx_encoder import OnnxEncoder
from indexer.opensearch.index import OpenSearchIndex
from indexer.ports import Index
from quisait.application.database import migrate
from search_api.engine import Search
from search_api.query.query import Query
from tests.model_export import prepared_model
from tests.opensearch_index import client, fresh_index

SIZES = (1_000, 10_000)
QUESTIONS = 20
ENCODED = 200


@contextmanager
def empty(engine: str, folder: str) -> Iterator[Index]:
    """Yield an empty index of that engine."""
    if engine == "embedded":
        yield EmbeddedIndex(Path(folder), DIMENSION)
    else:
        with fresh_index(DIMENSION, Path(folder).name) as index:
            yield index


def measure(engine: str, documents: int) -> None:
    """Fill an index, and print its size and memory."""
    with tempfile.TemporaryDirectory(prefix="sizing-") as folder, empty(engine, folder) as index:
        begun = time.perf_counter()
        with crawl_parts(index, Costless(), NoFiles()) as parts:
            report = crawl(Given(made_of_real_ones(documents)), parts)
        rate = documents / (time.perf_counter() - begun)
        disk = disk_mib(engine, folder)
        asked = [sys.executable, "-m", "benchmarks.sizing", "ask", engine, folder]
        told = subprocess.run(asked, check=True, capture_output=True, text=True).stdout
        print(
            f"{engine:10}  {documents:8} documents, {report.passages} passages: {disk:8.1f} MiB on "
            f"disk, {float(told):6.0f} MiB in memory, {rate:6.0f} documents/s without encoding",
            flush=True,
        )


def disk_mib(engine: str, folder: str) -> float:
    """Return the size of the index on disk, in MiB."""
    if engine == "embedded":
        size = sum(one.stat().st_size for one in Path(folder).rglob("*") if one.is_file())
    else:
        opensearch = client()
        name = f"{Path(folder).name}-*"
        opensearch.indices.refresh(index=name)
        size = opensearch.indices.stats(index=name)["_all"]["total"]["store"]["size_in_bytes"]
        opensearch.close()
    return size / 2**20


def ask(engine: str, folder: str) -> None:
    """Ask questions, and print the resident memory of this process in MiB."""
    encoder = OnnxEncoder(prepared_model())
    index = (
        EmbeddedIndex(Path(folder), DIMENSION)
        if engine == "embedded"
        else OpenSearchIndex(client(), Path(folder).name, DIMENSION)
    )
    search = Search(index, encoder, SqlDirectory(migrate(sa.create_engine("sqlite://"))))
    reader = Reader("a", frozenset({EVERYONE}))
    for title, _ in real_texts()[:QUESTIONS]:
        search.answer(Query(title), reader, date(2026, 1, 1))
    print(resident_mib())


def encoding_rates() -> tuple[float, float]:
    """Return the serving encoder's passages per second, and per second of processor time."""
    encoder = OnnxEncoder(prepared_model())
    texts = [f"{title}\n{' '.join(text.split()[:180])}" for title, text in real_texts()[:ENCODED]]
    encoder.passages(texts[:8])  # warm up the runtime
    begun, used = time.perf_counter(), time.process_time()
    encoder.passages(texts)
    return len(texts) / (time.perf_counter() - begun), len(texts) / (time.process_time() - used)


def main(asked: Sequence[str]) -> None:
    """Measure the given engines and sizes, or all."""
    if asked and asked[0] == "ask":
        ask(asked[1], asked[2])
        return
    if not_measured("sizing", CORPUS):
        return
    engines = [one for one in ("embedded", "opensearch") if one in asked] or [
        "embedded",
        "opensearch",
    ]
    sizes = [int(one) for one in asked if one.isdigit()] or SIZES
    for engine in engines:
        for documents in sizes:
            measure(engine, documents)
    passed, used = encoding_rates()
    print(f"encoder: {passed:.0f} passages/s, {used:.0f} a second of processor time", flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
