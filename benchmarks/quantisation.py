"""Recall and size of OpenSearch's vectors, as stored by the product's setting.

`[TESTS_OPENSEARCH=VERSION] python -m benchmarks.quantisation [PASSAGES …] [--vectors FILE] [--kept
"none" "7 bits"] [--intervals]`

First, vectors kept out of `_source` (`index.knn.derived_source.enabled`): of 40 documents of 1 to
300 passages, half of which change their readers, how many have other vectors afterwards, and the
bytes on disk. Then, for 10 000 and 100 000 passages, in indexes made with `[index] quantisation`:
recall at k of documents against exact search, p50 of a search by vector alone, mebibytes of the
graph and of the compared vectors, and on disk. With 7 bits also by oversampling factor
(`requests.OVERSAMPLED`), and without the second ranking.

`FILE` is a cache of vectors (`quisait evaluate --cache`), whose queries are used; without it, N
clustered vectors around N / 50 directions are made. `--intervals` also measures 7 bits with the
interval of values that the engine chooses, which the setting does not allow.
"""

import argparse
import sqlite3
import time
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from statistics import median
from unittest.mock import patch
from uuid import uuid4

import numpy as np
from opensearchpy import OpenSearch

from connectors.values import Access
from indexer.opensearch import index as adapter
from indexer.opensearch import requests
from indexer.opensearch.access_lists import ReadableLists
from indexer.opensearch.schema import SMALL_VECTORS, Body, index_body
from indexer.ports import Index
from indexer.quantisation import SEVEN_BITS, WHOLE_VECTORS
from indexer.values import WINDOW, Put, PutAccess, SearchRequest, Vectors
from quisait.application.engines import open_scratch_index
from quisait.settings import IndexSettings
from tests.builders import ENCODER, asking, put
from tests.engines import ensure_opensearch
from tests.opensearch_index import client, fresh_index

DIMENSION = 384
DOCUMENTS, PASSAGES = 40, (1, 2, 149, 150, 300)
SIZES = (10_000, 100_000)
PER_DOCUMENT = 2
QUESTIONS = 100
DEPTHS = (10, 100, WINDOW)
FACTORS = (1.0, 1.5, 2.0)
AT_ONCE = 500
MEBI = 1 << 20


def wrong_vectors(derived: bool) -> tuple[int, int]:
    """Return (number of documents with other vectors than were written, bytes on disk)."""

    def declared(dimension: int, *others: object) -> Body:
        body = index_body(dimension)
        body["settings"]["index"]["knn.derived_source.enabled"] = derived
        return body

    draw = np.random.default_rng(1)
    writes = [
        put(f"s:{n}", *(f"texte {n}, passage {p}" for p in range(draw.choice(PASSAGES))))
        for n in range(DOCUMENTS)
    ]
    written = {one.indexed.document.id: one.indexed.vectors for one in writes}
    alias = f"test-{uuid4().hex}"
    with (
        patch.object(adapter, "index_body", declared),
        fresh_index(ENCODER.dimension, alias) as index,
    ):
        index.write(writes)
        index.write([PutAccess(id_, Access(frozenset({"g:g:few"}))) for id_ in [*written][::2]])
        client().indices.forcemerge(index=alias, params={"max_num_segments": 1})
        kept = {one.document.id: one.vectors for one in index.documents([*written])}
        stats = client().indices.stats(index=alias, metric="store")
    wrong = sum(
        kept[id_].shape != own.shape or not np.allclose(kept[id_], own, atol=1e-6)
        for id_, own in written.items()
    )
    return wrong, int(stats["_all"]["primaries"]["store"]["size_in_bytes"])


def clustered(count: int) -> Vectors:
    """Return clustered vectors, float32 (count, DIMENSION), rows of length 1."""
    draw = np.random.default_rng(7)
    middles = draw.standard_normal((max(count // 50, 1), DIMENSION))
    vectors = middles[draw.integers(len(middles), size=count)]
    vectors = vectors + 0.6 * draw.standard_normal((count, DIMENSION))
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    made: Vectors = (vectors / lengths).astype(np.float32)
    return made


def cached(path: Path, kind: str, count: int) -> Vectors:
    """Return up to `count` vectors of distinct texts of a cache, float32 (n, DIMENSION).

    They are ordered by text hash, so effectively drawn at random. `kind` is "passage" or "query".
    """
    with closing(sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro", uri=True)) as database:
        rows = database.execute(
            "select vector from vectors where length(vector) = ? and encoder like ? "
            "order by text_hash limit ?",
            (4 * DIMENSION, f"%/{kind}", count),
        )
        return np.stack([np.frombuffer(row[0], np.float32) for row in rows])


def writes(vectors: Vectors) -> Iterator[Put]:
    """Yield documents of `PER_DOCUMENT` passages each, with these vectors in order."""
    texts = tuple(f"passage {number}" for number in range(PER_DOCUMENT))
    for place in range(len(vectors) // PER_DOCUMENT):
        own = vectors[place * PER_DOCUMENT : (place + 1) * PER_DOCUMENT]
        written = put(f"s:{place:07}", *texts)
        yield replace(written, indexed=replace(written.indexed, vectors=own))


def fill(index: Index, vectors: Vectors) -> None:
    """Write all vectors in batches."""
    some: list[Put] = []
    for write in writes(vectors):
        some.append(write)
        if len(some) == AT_ONCE:
            index.write(some)
            some = []
    index.write(some)


def mebibytes(engine: OpenSearch, pattern: str) -> tuple[float, float]:
    """Merge into one segment; return the MiB of (graph and compared vectors, all on disk)."""
    merged = {"max_num_segments": 1, "request_timeout": 600}
    engine.indices.forcemerge(index=pattern, params=merged)
    engine.indices.flush(index=pattern)
    engine.indices.refresh(index=pattern)
    stats = engine.indices.stats(
        index=pattern, metric="store,segments", params={"include_segment_file_sizes": "true"}
    )["_all"]["primaries"]
    sizes = {kind: one["size_in_bytes"] for kind, one in stats["segments"]["file_sizes"].items()}
    compared = sizes.get("veq") or sizes.get("vec", 0)
    return (compared + sizes.get("vex", 0)) / MEBI, stats["store"]["size_in_bytes"] / MEBI


def print_recall(label: str, index: Index, similar: Vectors, questions: Vectors) -> None:
    """Print recall at each depth, and the time of a search. `similar` is (questions, n)."""
    taken: list[float] = []
    found: dict[int, list[float]] = {depth: [] for depth in DEPTHS}
    for question, own in zip(questions, similar, strict=True):
        exact = np.argsort(-own, kind="stable").tolist()
        begun = time.perf_counter()
        answer = index.search(asking(vector=question, lexical=False, counted=False))
        taken.append((time.perf_counter() - begun) * 1000)
        got = [int(hit.document_id.partition(":")[2]) for hit in answer.vector]
        for depth in DEPTHS:
            found[depth].append(len({*exact[:depth]} & {*got[:depth]}) / depth)
    recalls = ", ".join(f"@{depth} {np.mean(found[depth]):.4f}" for depth in DEPTHS)
    print(f"  {label}: recall {recalls}, p50 {median(taken):.1f} ms", flush=True)


def small_vectors_alone(
    request: SearchRequest, lists: ReadableLists, *_: object
) -> requests.Searches:
    """Search like in an index of whole vectors, without the second ranking."""
    return SEARCHES(request, lists)


SEARCHES = requests.searches


def measure(kept: str, vectors: Vectors, questions: Vectors) -> None:
    """Print recall, times and sizes of an index made with a setting."""
    engine, alias = client(), f"test-{uuid4().hex}"
    settings = IndexSettings.model_validate(
        {
            "engine": "opensearch",
            "url": ensure_opensearch(),
            "alias": alias,
            "quantisation": kept,
        }
    )
    count = len(vectors) // PER_DOCUMENT
    similar = (questions @ vectors[: count * PER_DOCUMENT].T).reshape(-1, count, PER_DOCUMENT)
    nearest = similar.max(axis=2)
    with open_scratch_index(settings, Path(), DIMENSION) as index:
        begun = time.monotonic()
        fill(index, vectors)
        written_s = time.monotonic() - begun
        read, disk = mebibytes(engine, f"{alias}-*")
        print(
            f"{kept}: {len(vectors)} passages written in {written_s:.0f} s; a search compares "
            f"vectors in {read:.1f} MiB, disk {disk:.1f} MiB",
            flush=True,
        )
        print_recall("as it is served", index, nearest, questions)
        if kept == WHOLE_VECTORS:
            return
        for factor in FACTORS:
            with patch.object(requests, "OVERSAMPLED", factor):
                print_recall(f"sought {factor} times", index, nearest, questions)
        with patch.object(requests, "searches", small_vectors_alone):
            print_recall("not ranked again", index, nearest, questions)


def main(arguments: Sequence[str] | None = None) -> None:
    """Print every figure."""
    parser = argparse.ArgumentParser()
    parser.add_argument("sizes", type=int, nargs="*", default=SIZES)
    parser.add_argument("--vectors", type=Path)
    parser.add_argument("--kept", nargs="+", default=[WHOLE_VECTORS, SEVEN_BITS])
    parser.add_argument("--intervals", action="store_true")
    asked = parser.parse_args(arguments)
    print(f"OpenSearch {client().info()['version']['number']}", flush=True)
    for derived in (False, True):
        wrong, size = wrong_vectors(derived)
        print(f"derived_source {derived}: {wrong} of {DOCUMENTS} documents wrong, {size} bytes")
    for size in asked.sizes:
        if asked.vectors:
            vectors = cached(asked.vectors, "passage", size)
            questions = cached(asked.vectors, "query", QUESTIONS)
        else:
            drawn = clustered(size + QUESTIONS)
            vectors, questions = drawn[QUESTIONS:], drawn[:QUESTIONS]
        print(f"{len(vectors)} vectors, {'of a cache' if asked.vectors else 'made'}", flush=True)
        for kept in asked.kept:
            measure(kept, vectors, questions)
        if asked.intervals:
            print("the interval that the engine takes by itself:")
            with patch.dict(SMALL_VECTORS, {"parameters": {"bits": 7}}):
                measure(SEVEN_BITS, vectors, questions)


if __name__ == "__main__":
    main()
