"""How OpenSearch may store vectors, and what it finds then.

`[TESTS_OPENSEARCH=VERSION] python -m benchmarks.quantisation [--vectors FILE] [--count N]`

First, vectors out of `_source` (`index.knn.derived_source.enabled`): of 40 documents of 1 to 300
passages, half of which change their readers, how many have other vectors afterwards than were
written, and the bytes of all on disk. Then, for vectors kept whole and in 7 bits (the engine keeps
both, and searches the small ones): recall at k against exact search, as ranked, and rescored with
the exact vectors among twice as many; the mebibytes that a search reads, and those on disk.

`FILE` is a cache of vectors (`quisait evaluate --cache`); without it clustered ones are made: N
vectors around N / 50 directions.
"""

import argparse
import sqlite3
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from statistics import median
from unittest.mock import patch
from uuid import uuid4

import numpy as np
from opensearchpy import OpenSearch

from connectors.values import Access
from indexer.opensearch import index as adapter
from indexer.opensearch.schema import Body, index_body
from indexer.values import PutAccess, Vectors
from tests.builders import ENCODER, put
from tests.opensearch_index import client, fresh_index

DIMENSION = 384
DOCUMENTS, PASSAGES = 40, (1, 2, 149, 150, 300)
QUESTIONS = 200
DEPTHS = (10, 100)
WIDER = 2
AT_ONCE = 1_000
MEBI = 1 << 20
FLOAT = "32 bits"
ENCODERS: dict[str, Body] = {
    FLOAT: {},
    "7 bits": {"parameters": {"encoder": {"name": "sq", "parameters": {"bits": 7}}}},
}
"""1 bit is left out: 3.5.0 refuses it, and 3.6.0 ends at the first search for want of a native
library, which the artifact that quisait's kit brings does not have."""


def wrong_vectors(derived: bool) -> tuple[int, int]:
    """(documents whose vectors are not those that were written, bytes on disk)."""

    def declared(dimension: int, shards: int = 1, replicas: int | None = None) -> Body:
        body = index_body(dimension, shards, replicas)
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
    """Float32 (count, DIMENSION), rows of length 1."""
    draw = np.random.default_rng(7)
    middles = draw.standard_normal((max(count // 50, 1), DIMENSION))
    vectors = middles[draw.integers(len(middles), size=count)]
    vectors = vectors + 0.6 * draw.standard_normal((count, DIMENSION))
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    made: Vectors = (vectors / lengths).astype(np.float32)
    return made


def cached(path: Path, count: int) -> Vectors:
    """As many distinct passages' vectors of a cache, float32 (n, DIMENSION), drawn by chance."""
    with sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro", uri=True) as database:
        rows = database.execute(
            "select vector from vectors where length(vector) = ? and encoder like '%/passage' "
            "order by text_hash limit ?",
            (4 * DIMENSION, count),
        )
        return np.stack([np.frombuffer(row[0], np.float32) for row in rows])


@contextmanager
def filled(engine: OpenSearch, encoder: Body, vectors: Vectors) -> Iterator[str]:
    """The name of an index of these vectors in one segment, gone afterwards."""
    name = f"test-{uuid4().hex}"
    method = {"name": "hnsw", "engine": "lucene", "space_type": "cosinesimil", **encoder}
    vector = {"type": "knn_vector", "dimension": DIMENSION, "method": method}
    body = {
        "settings": {"index": {"knn": True, "knn.derived_source.enabled": False}},
        "mappings": {"properties": {"vector": vector, "number": {"type": "integer"}}},
    }
    engine.indices.create(index=name, body=body)
    try:
        for start in range(0, len(vectors), AT_ONCE):
            lines: list[Body] = []
            for place, row in enumerate(vectors[start : start + AT_ONCE], start):
                lines += ({"index": {}}, {"number": place, "vector": row.tolist()})
            engine.bulk(index=name, body=lines)
        merged = {"max_num_segments": 1, "request_timeout": 600}
        engine.indices.forcemerge(index=name, params=merged)
        engine.indices.flush(index=name)
        engine.indices.refresh(index=name)
        yield name
    finally:
        engine.indices.delete(index=name)


def nearest(engine: OpenSearch, name: str, question: Vectors, depth: int) -> list[int]:
    """The places of the nearest by the engine, best first."""
    asked = {"vector": question.tolist(), "k": depth}
    body = {
        "size": depth,
        "stored_fields": "_none_",
        "docvalue_fields": ["number"],
        "query": {"knn": {"vector": asked}},
    }
    hits = engine.search(index=name, body=body)["hits"]["hits"]
    return [hit["fields"]["number"][0] for hit in hits]


def mebibytes(engine: OpenSearch, name: str) -> tuple[float, float]:
    """(what a search reads: graph and the vectors that it compares, all on disk)."""
    stats = engine.indices.stats(
        index=name, metric="store,segments", params={"include_segment_file_sizes": "true"}
    )["_all"]["primaries"]
    sizes = {kind: one["size_in_bytes"] for kind, one in stats["segments"]["file_sizes"].items()}
    compared = sizes.get("veq") or sizes.get("vec", 0)
    return (compared + sizes.get("vex", 0)) / MEBI, stats["store"]["size_in_bytes"] / MEBI


def measure(engine: OpenSearch, label: str, vectors: Vectors, questions: Vectors) -> None:
    """Print one line for each depth."""
    similar = questions @ vectors.T
    with filled(engine, ENCODERS[label], vectors) as name:
        read, disk = mebibytes(engine, name)
        for depth in DEPTHS:
            plain, rescored, taken = [], [], []
            for question, own in zip(questions, similar, strict=True):
                exact = set(np.argsort(-own)[:depth].tolist())
                begun = time.perf_counter()
                got = nearest(engine, name, question, depth)
                taken.append((time.perf_counter() - begun) * 1000)
                wide = nearest(engine, name, question, WIDER * depth)
                best = sorted(wide, key=lambda place: -own[place])[:depth]
                plain.append(len(exact.intersection(got)) / depth)
                rescored.append(len(exact.intersection(best)) / depth)
            print(
                f"{label}, k = {depth}: recall {np.mean(plain):.4f}, rescored "
                f"{np.mean(rescored):.4f}, p50 {median(taken):.1f} ms, a search reads "
                f"{read:.1f} MiB, disk {disk:.1f} MiB",
                flush=True,
            )


def main(arguments: Sequence[str] | None = None) -> None:
    """Print every figure."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--vectors", type=Path)
    parser.add_argument("--count", type=int, default=20_000)
    asked = parser.parse_args(arguments)
    engine = client()
    print(f"OpenSearch {engine.info()['version']['number']}", flush=True)
    for derived in (False, True):
        wrong, size = wrong_vectors(derived)
        print(f"derived_source {derived}: {wrong} of {DOCUMENTS} documents wrong, {size} bytes")
    count = asked.count + QUESTIONS
    drawn = cached(asked.vectors, count) if asked.vectors else clustered(count)
    vectors, questions = drawn[QUESTIONS:], drawn[:QUESTIONS]
    print(f"{len(vectors)} vectors, {'of a cache' if asked.vectors else 'made'}", flush=True)
    for label in ENCODERS:
        measure(engine, label, vectors, questions)


if __name__ == "__main__":
    main()
