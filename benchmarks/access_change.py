"""Cost of a change of access, and its effect on searches: `python -m benchmarks.access_change`.

Prints seconds for each engine; give engines' names to measure only these.
"""

import random
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from statistics import median

import numpy as np

from connectors.values import EVERYONE, Access, Document
from indexer.access import Reader, access_filter
from indexer.embedded.index import EmbeddedIndex
from indexer.ports import Index
from indexer.values import (
    IndexedDocument,
    Passage,
    Put,
    PutAccess,
    Question,
    SearchRequest,
    Vectors,
)
from tests.opensearch_index import fresh_index

DIMENSION = 384
FOLDER = tuple(f"bench:{n}" for n in range(5_000))
PART = FOLDER[:500]
PASSAGES, LONG = 3, 300
SPACES = 200
SEARCHES = 60
WORDS = tuple(f"mot{n}" for n in range(3_000))
OPEN, CLOSED = Access(frozenset({EVERYONE})), Access(frozenset({EVERYONE, "ldap:group:x"}))
READER = access_filter(Reader("a", frozenset({EVERYONE, "agent:a"})))


@contextmanager
def engine(name: str) -> Iterator[Index]:
    """Yield an empty index, deleted after the block."""
    if name == "opensearch":
        with fresh_index(DIMENSION) as index:
            yield index
    else:
        with tempfile.TemporaryDirectory() as folder:
            yield EmbeddedIndex(Path(folder), DIMENSION)


def unit_vectors(draw: np.random.Generator, count: int) -> Vectors:
    """Return vectors of random directions and length 1, float32 (count, DIMENSION)."""
    vectors = draw.standard_normal((count, DIMENSION)).astype(np.float32)
    lengths: Vectors = np.linalg.norm(vectors, axis=1, keepdims=True)
    return vectors / lengths


def document(number: int, document_id: str, space: str, passages: int = PASSAGES) -> Put:
    """Return the write of a document with that many passages of forty words."""
    words = random.Random(number)
    texts = tuple(Passage(" ".join(words.choices(WORDS, k=40))) for _ in range(passages))
    kept = Document(document_id, "bench", title=f"Note {number}", access=OPEN, space=space)
    vectors = unit_vectors(np.random.default_rng(number), passages)
    return Put(IndexedDocument(kept, texts, vectors, str(number), str(number)))


def fill(index: Index) -> None:
    """Write the folder, a long document beside a short one, and documents in many spaces."""
    for start in range(0, len(FOLDER), 500):
        index.write([document(n, FOLDER[n], "folder") for n in range(start, start + 500)])
    index.write([document(1, "bench:long", "shelf", LONG), document(2, "bench:short", "shelf")])
    index.write([document(n, f"bench:s{n}", f"space{n}") for n in range(SPACES)])


def seconds_to_change(index: Index, document_ids: tuple[str, ...], access: Access) -> float:
    """Return the seconds of one write of access lists, until it is visible."""
    begun = time.perf_counter()
    report = index.write([PutAccess(document_id, access) for document_id in document_ids])
    assert not report.failed  # noqa: S101 a refused write has no meaningful time
    return time.perf_counter() - begun


def seconds_to_search(index: Index) -> float:
    """Return the median seconds of a search by three words and a vector, with all facets."""
    words, vectors = random.Random(0), unit_vectors(np.random.default_rng(0), SEARCHES)
    asked = SearchRequest(READER, Question())
    taken = []
    for vector in vectors:
        question = Question(" ".join(words.choices(WORDS, k=3)))
        begun = time.perf_counter()
        index.search(replace(asked, question=question, vector=vector))
        taken.append(time.perf_counter() - begun)
    return median(taken)


def figures(index: Index) -> Iterator[tuple[str, float]]:
    """Yield (label, seconds) of each measurement."""
    fill(index)
    seconds_to_search(index)  # warm up caches and the virtual machine
    yield "search, median", seconds_to_search(index)
    yield f"folder of {len(FOLDER)} documents", seconds_to_change(index, FOLDER, CLOSED)
    yield f"{len(PART)} documents of it", seconds_to_change(index, PART, OPEN)
    long = ("bench:long",)
    yield f"document of {LONG} passages", seconds_to_change(index, long, CLOSED)
    yield f"document of {LONG} passages, again", seconds_to_change(index, long, OPEN)
    yield "search, median, after the changes", seconds_to_search(index)


def main(names: list[str]) -> None:
    """Measure the named engines, or both."""
    for name in names or ["embedded", "opensearch"]:
        with engine(name) as index:
            for what, seconds in figures(index):
                print(f"{name:10}  {what:36} {seconds:8.3f} s", flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
