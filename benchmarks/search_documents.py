"""Make the documents of `benchmarks.search`, and fill both engines with them."""

import hashlib
import json
import random
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import lru_cache
from multiprocessing import get_context
from pathlib import Path
from unittest import mock
from uuid import uuid4

import numpy as np
from opensearchpy import OpenSearch

from benchmarks.access_change import DIMENSION
from benchmarks.indexing import real_texts
from connectors.values import EVERYONE, Access, Document, Section
from indexer.embedded import rows
from indexer.embedded.index import EmbeddedIndex
from indexer.embedded.store import FORMAT as EMBEDDED_FORMAT
from indexer.french.analysis import analyse
from indexer.french.signature import analysis_signature
from indexer.opensearch import schema
from indexer.opensearch.index import OpenSearchIndex
from indexer.passages import cut, passage_text
from indexer.ports import Encoder, Index
from indexer.values import IndexedDocument, Passage, Put, Vectors
from tests.opensearch_index import client

SOURCE = "bench"
REAL_PASSAGES, ORDERS = 400, 10
"""Number of real passages, and number of orders of each passage's sentences."""
GROUPS = 50
OPEN_SHARE = 0.7
NOISE = 0.5
"""Length of the noise added to a real vector of length 1: about 27 degrees away."""
BATCH = 2_000
CACHE = Path(".cache/search")


@dataclass(frozen=True, slots=True)
class Stuff:
    """The inputs of `count` documents: passages in `ORDERS` orders, and a vector per passage."""

    count: int
    texts: tuple[tuple[str, ...], ...]
    vectors: Vectors

    @property
    def recipe(self) -> str:
        """A digest that is equal for documents made and analysed in the same way."""
        parts = [Path(__file__).read_text("utf-8"), analysis_signature(), EMBEDDED_FORMAT]
        parts += [json.dumps(schema.index_body(DIMENSION)), json.dumps(self.texts)]
        return f"{self.count}-{hashlib.sha256(chr(0).join(parts).encode()).hexdigest()[:12]}"


def stuff(count: int, encoder: Encoder) -> Stuff:
    """Return real passages with their vectors."""
    draw = random.Random(0)
    real = [
        (title, passage)
        for title, text in real_texts()[: REAL_PASSAGES // 2]
        for passage in cut((Section(text),), title)
    ][:REAL_PASSAGES]
    vectors = encoder.passages([passage_text(title, passage) for title, passage in real])
    sentences = [passage.text.split(". ") for _, passage in real]
    orders = (tuple(_drawn(draw, sentence) for _ in range(ORDERS)) for sentence in sentences)
    return Stuff(count, tuple(orders), vectors)


def _drawn(draw: random.Random, sentences: Sequence[str]) -> str:
    return ". ".join(draw.sample(sentences, len(sentences)))


def made_of(made: Stuff) -> Iterator[Put]:
    """Yield documents of one to four passages, near their vectors, for everyone or for a group."""
    draw, drawn = random.Random(0), np.random.default_rng(0)
    titles = [title for title, _ in real_texts()]
    for number in range(made.count):
        chosen = draw.choices(range(len(made.texts)), k=draw.randint(1, 4))
        texts = tuple(Passage(draw.choice(made.texts[one])) for one in chosen)
        noise = drawn.standard_normal((len(chosen), DIMENSION)).astype(np.float32)
        moved = made.vectors[chosen] + NOISE * noise / np.linalg.norm(noise, axis=1, keepdims=True)
        near: Vectors = moved / np.linalg.norm(moved, axis=1, keepdims=True)
        group = f"ldap:group:{draw.randrange(GROUPS)}"
        access = Access(frozenset({EVERYONE if draw.random() < OPEN_SHARE else group}))
        title = f"{draw.choice(titles)} {number}"
        kept = Document(f"{SOURCE}:{number}", SOURCE, title, access, space=group)
        yield Put(IndexedDocument(kept, texts, near.astype(np.float32), str(number), str(number)))


@dataclass(frozen=True, slots=True)
class Places:
    """The folder of the embedded engine and the alias on OpenSearch."""

    folder: Path
    alias: str

    def opened(self, engine: str, opensearch: OpenSearch) -> Index:
        """Return the engine's index."""
        if engine == "opensearch":
            return OpenSearchIndex(opensearch, self.alias, DIMENSION)
        return EmbeddedIndex(self.folder, DIMENSION)

    def emptied(self, engine: str, opensearch: OpenSearch) -> None:
        """Delete the engine's index."""
        if engine == "opensearch":
            opensearch.indices.delete(index=f"{self.alias}-*", ignore_unavailable=True)
        else:
            shutil.rmtree(self.folder, ignore_errors=True)


@contextmanager
def filled(made: Stuff, engines: Sequence[str], *, keep: bool) -> Iterator[Places]:
    """Fill the engines in parallel, with one process per engine.

    `keep`: reuse an earlier run's indexes, and leave them for a later run, the folder under
    `.cache/` and the index on OpenSearch.
    """
    with ExitStack() as stack:
        if keep:
            places = Places(CACHE / made.recipe, f"bench-{made.recipe}")
        else:
            folder = stack.enter_context(tempfile.TemporaryDirectory())
            places = Places(Path(folder) / "index", f"bench-{uuid4().hex}")
            for engine in engines:
                stack.callback(places.emptied, engine, client())
        with ProcessPoolExecutor(len(engines), mp_context=get_context("spawn")) as pool:
            for filling in [pool.submit(fill, made, engine, places) for engine in engines]:
                filling.result()
        yield places


def fill(made: Stuff, engine: str, places: Places) -> None:
    """Write in batches unless all documents are there; each distinct text is analysed once."""
    opensearch = client()
    index = places.opened(engine, opensearch)
    kept = index.count(SOURCE)
    if kept == made.count:
        return
    if kept:  # of an interrupted run
        places.emptied(engine, opensearch)
        index = places.opened(engine, opensearch)
    known = lru_cache(maxsize=2 * REAL_PASSAGES * ORDERS)(analyse)
    with mock.patch.object(schema, "analyse", known), mock.patch.object(rows, "analyse", known):
        batch: list[Put] = []
        for number, document in enumerate(made_of(made), 1):
            batch.append(document)
            if len(batch) == BATCH or number == made.count:
                assert not index.write(batch).failed  # noqa: S101 a refused write is not usable
                batch = []
