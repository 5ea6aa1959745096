"""Compare indexing with its most expensive step: `python -m benchmarks.indexing [part…]`.

`encoder`: passages per second of the whole pipeline on each engine, and of the encoder alone on the
same passages in the same run, with engines in turn; on a busy machine the shares of processor time
are more reliable than the rates. `extraction`: files per second through a Tika server, and of the
bare server with as many parallel requests; also with passages cut in the source's order, and with
the whole pipeline. `memory`: resident memory at every tenth of many documents, made of real texts
with vectors that cost nothing.
"""

import json
import random
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from itertools import product
from pathlib import Path
from statistics import median
from urllib.parse import quote

import numpy as np
import sqlalchemy as sa
import urllib3

from benchmarks import not_measured
from benchmarks.access_change import engine, unit_vectors
from connectors.ports import Change, Checkpoint, Listing, Upsert
from connectors.values import EVERYONE, Access, Content, Document, Section
from indexer.crawl.batches import PREFETCH_THREADS, prefetched, prepare
from indexer.crawl.pipeline import CrawlDependencies, CrawlReport, crawl
from indexer.encoding.onnx_encoder import OnnxEncoder
from indexer.errors import ExtractionFailed
from indexer.extraction.tika_server import TikaServerExtractor
from indexer.passages import cut, passage_text
from indexer.ports import Encoder, Extractor, Index
from indexer.state import State
from indexer.values import Extracted, Vectors
from quisait.application.database import migrate
from tests.engines import ensure_tika
from tests.every_file import shared_files
from tests.model_export import prepared_model
from tests.shared_files import SHARED

ENGINES, PARTS = ["embedded", "opensearch"], ["encoder", "extraction", "memory"]
SOURCE = "bench"
OPEN = Access(frozenset({EVERYONE}))
CORPUS = "eval/search_cdtn_fiches/corpus.jsonl"
DIMENSION = 384
ENCODED_DOCUMENTS = 400
"""Enough documents for the creation of the index not to matter."""
RUNS, STEPS = 5, 10
MANY, CHECKPOINT_EVERY = 100_000, 1_000


class Costless:
    """An encoder of random directions, so that only the other steps are measured."""

    name, dimension = "costless", DIMENSION

    def __init__(self) -> None:
        self._draw = np.random.default_rng(0)

    def passages(self, texts: Sequence[str]) -> Vectors:
        """Return float32 (n, d)."""
        return unit_vectors(self._draw, len(texts))

    def queries(self, texts: Sequence[str]) -> Vectors:
        """Return float32 (n, d)."""
        return self.passages(texts)

    def beginning(self, text: str) -> str:
        """Return the whole text."""
        return text


class NoFiles:
    """An extractor that is never called."""

    max_bytes = 0

    def extract(self, content: bytes, filename: str, media_type: str | None) -> Extracted:
        """Fail: the documents have no files."""
        raise AssertionError(filename)


class Given:
    """A connector that yields given documents, with checkpoints."""

    source = SOURCE

    def __init__(self, documents: Iterable[Document]) -> None:
        self._documents = documents

    def changes(self, since: str | None) -> Iterator[Change]:
        """Yield every document, then their listing."""
        ids = []
        for number, document in enumerate(self._documents, 1):
            ids.append(document.id)
            yield Upsert(document)
            if number % CHECKPOINT_EVERY == 0:
                yield Checkpoint(str(number))
        yield Listing(frozenset(ids))


def real_texts() -> list[tuple[str, str]]:
    """Return (title, text) of the corpus, in its order."""
    lines = map(json.loads, (SHARED / CORPUS).read_text("utf-8").splitlines())
    return [(line["title"], line["text"]) for line in lines]


def document(number: int, title: str, text: str) -> Document:
    """Return a document of one section that every agent may read."""
    return Document(f"{SOURCE}:{number}", SOURCE, title, OPEN, (Section(text),))


@contextmanager
def crawl_parts(
    index: Index, encoder: Encoder, extractor: Extractor
) -> Iterator[CrawlDependencies]:
    """Yield the parts of a crawl; its state is deleted after the block."""
    with tempfile.TemporaryDirectory() as folder:
        database = migrate(sa.create_engine(f"sqlite:///{folder}/state.sqlite"))
        state = State(database)
        yield CrawlDependencies(extractor, encoder, index, state, state)
        database.dispose()


def seconds_to_crawl(
    name: str, documents: Iterable[Document], encoder: Encoder, extractor: Extractor
) -> tuple[float, CrawlReport]:
    """Return the seconds of one crawl into an empty index of that engine, and its report."""
    with engine(name) as index, crawl_parts(index, encoder, extractor) as parts:
        begun = time.perf_counter()
        report = crawl(Given(documents), parts)
        return time.perf_counter() - begun, report


def beside_the_encoder(engines: Sequence[str]) -> None:
    """Print the rates of pipeline and encoder, one after the other in each round."""
    encoder = OnnxEncoder(prepared_model())
    documents = [
        document(number, title, text)
        for number, (title, text) in enumerate(real_texts()[:ENCODED_DOCUMENTS])
    ]
    texts = [
        passage_text(one.title, passage)
        for one in documents
        for passage in cut(one.sections, one.title)
    ]
    encoder.passages(texts[:8])  # warm up the runtime
    shares: dict[str, list[tuple[float, float]]] = {name: [] for name in engines}
    for _, name in product(range(RUNS), engines):
        begun, used = time.perf_counter(), time.process_time()
        encoder.passages(texts)
        alone, alone_used = time.perf_counter() - begun, time.process_time() - used
        used = time.process_time()
        whole, report = seconds_to_crawl(name, documents, encoder, NoFiles())
        whole_used = time.process_time() - used
        assert report.passages == len(texts)  # noqa: S101 rates need equal passages
        shares[name].append((alone / whole, alone_used / whole_used))
        print(
            f"{name:10}  {len(texts)} passages: encoder alone {len(texts) / alone:6.1f}/s, "
            f"pipeline {len(texts) / whole:6.1f}/s, ratio {alone / whole:.3f}",
            flush=True,
        )
    for name, found in shares.items():
        rates, used_shares = zip(*found, strict=True)
        print(
            f"{name:10}  median ratio {median(rates):.3f}; of this process's processor time, "
            f"{median(used_shares):.3f} is the encoder's",
            flush=True,
        )


def beside_the_extractor(engines: Sequence[str]) -> None:
    """Print the rates of the bare Tika server, of extraction, and of the whole pipeline."""
    url = ensure_tika()
    files = [path for path in shared_files().values() if path.stat().st_size < 2_000_000]
    documents = [
        Document(f"{SOURCE}:{n}", SOURCE, "", OPEN, content=Content(path.name, path.read_bytes))
        for n, path in enumerate(files)
    ]
    extractor = TikaServerExtractor(url)
    bare(url, files)
    bare(url, files)  # twice: the server warms up slowly
    shares: dict[str, list[float]] = {"extraction": [], "preparation": []}
    for _ in range(RUNS):
        alone = bare(url, files)
        took = {
            "extraction": seconds_to_extract(files, extractor),
            "preparation": seconds_to_prepare(documents, extractor),
        }
        print(f"{len(files)} files: bare Tika {len(files) / alone:6.1f}/s", end="")
        for part, seconds in took.items():
            shares[part].append(alone / seconds)
            print(f", {part} {len(files) / seconds:6.1f}/s, ratio {alone / seconds:.3f}", end="")
        print(flush=True)
    for part, found in shares.items():
        print(f"{part}: median ratio {median(found):.3f}", flush=True)
    for name in engines:
        whole, _ = seconds_to_crawl(name, documents, Costless(), extractor)
        print(f"{name:10}  into the index, encoding apart: {len(files) / whole:6.1f}/s", flush=True)


def seconds_to_extract(files: Sequence[Path], extractor: Extractor) -> float:
    """Return the seconds until every file is read or failed, with `PREFETCH_THREADS` threads."""

    def read(path: Path) -> None:
        with suppress(ExtractionFailed):
            extractor.extract(path.read_bytes(), path.name, None)

    with ThreadPoolExecutor(PREFETCH_THREADS) as hands:
        begun = time.perf_counter()
        list(hands.map(read, files))
        return time.perf_counter() - begun


def seconds_to_prepare(documents: Sequence[Document], extractor: Extractor) -> float:
    """Return the seconds until every document is ready to be encoded, or has failed."""
    begun = time.perf_counter()
    upserts = (Upsert(one) for one in documents)
    with prefetched(upserts, lambda one: prepare(one, extractor)) as turns:
        for _, awaited in turns:
            with suppress(ExtractionFailed):
                awaited()
    return time.perf_counter() - begun


def bare(url: str, files: Sequence[Path]) -> float:
    """Return the seconds of the bare server for every file, with `PREFETCH_THREADS` threads."""
    with (
        urllib3.PoolManager(maxsize=PREFETCH_THREADS) as client,
        ThreadPoolExecutor(PREFETCH_THREADS) as hands,
    ):

        def ask(path: Path) -> int:
            name = quote(path.name, safe="")
            headers = {
                "Accept": "application/json",
                "Content-Disposition": f"attachment; filename*=UTF-8''{name}",
                "X-Tika-OCRskipOcr": "true",
                "X-Tika-PDFOcrStrategy": "no_ocr",
            }
            answer = client.request(
                "PUT", f"{url}/rmeta/xml", body=path.read_bytes(), headers=headers
            )
            return answer.status

        begun = time.perf_counter()
        list(hands.map(ask, files))
        return time.perf_counter() - begun


def over_many(engines: Sequence[str], many: int) -> None:
    """Print the resident memory and the rate at every tenth of the documents."""
    for name in engines:
        documents = watched(name, made_of_real_ones(many), many // STEPS)
        seconds_to_crawl(name, documents, Costless(), NoFiles())


def watched(name: str, documents: Iterable[Document], every: int) -> Iterator[Document]:
    """Yield the documents; print progress and memory after every `every` documents."""
    begun = time.perf_counter()
    for number, one in enumerate(documents, 1):
        yield one
        if number % every == 0:
            rate = number / (time.perf_counter() - begun)
            print(
                f"{name:10}  {number:7} documents: {resident_mib():6.0f} MiB, "
                f"{rate:6.0f} documents/s",
                flush=True,
            )


def made_of_real_ones(many: int) -> Iterator[Document]:
    """Yield documents of three paragraphs drawn from the corpus."""
    texts = real_texts()
    draw = random.Random(0)
    paragraphs = [p for _, text in texts for p in text.split("\n") if len(p) > 200]
    for number in range(many):
        title, _ = draw.choice(texts)
        yield document(number, f"{title} {number}", "\n\n".join(draw.choices(paragraphs, k=3)))


def resident_mib() -> float:
    """Return the resident memory of this process in MiB."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * 4096 / 2**20


def main(asked: Sequence[str]) -> None:
    """Measure the given parts, or all."""
    if not_measured("indexing", CORPUS, "documents"):
        return
    engines = [name for name in ENGINES if name in asked] or ENGINES
    parts = [part for part in PARTS if part in asked] or PARTS
    numbers = [int(argument) for argument in asked if argument.isdigit()]
    if "encoder" in parts:
        beside_the_encoder(engines)
    if "extraction" in parts:
        beside_the_extractor(engines)
    if "memory" in parts:
        over_many(engines, numbers[0] if numbers else MANY)


if __name__ == "__main__":
    main(sys.argv[1:])
