"""Compute the machines for an index of a given size from a few measured figures."""

import math
from dataclasses import dataclass

from indexer.quantisation import WHOLE_VECTORS, Quantisation
from quisait.application.engines import MOST_PASSAGES

GIB = 2**30
FLOAT32_BYTES = 4
DAY_S = 86_400

GRAPH_BYTES = 128
"""Bytes for a vector's neighbours in Lucene's lowest layer: at most 2 x 16 of 4 bytes each."""
CORRECTION_BYTES = 4
"""Bytes of the score correction that Lucene stores beside a vector of one byte per number."""
MOST_HEAP_GIB = 31
"""Maximum heap of Java: below 32 GiB, its pointers have 4 bytes. Half of a node's memory is left to
files, as OpenSearch advises.
"""
MOST_SHARD_GIB = 30
"""Maximum size of a shard. OpenSearch advises 10 to 30 GiB if searches are more frequent than
writes.
"""
LEAST_NODES = 3
"""Minimum number of nodes, so that a majority remains if one node is lost."""


EMBEDDED_BYTES, OPENSEARCH_BYTES = 7_500, 11_000
"""Bytes on disk for a passage of about 930 characters and its vector of `DIMENSION` numbers, on
each engine (`python -m benchmarks.million`).
"""
ENCODED_PER_S = 20.0
"""Passages encoded per second by one core (`python -m benchmarks.sizing`)."""
EXTRACTED_PER_S = 5.0
"""Files whose text one core extracts per second (`python -m benchmarks.indexing extraction`)."""
PASSAGES, DIMENSION, NODE_GIB, REPLICAS = 3.0, 384, 64, 1
"""Default values of a `SizingQuestion`."""


@dataclass(frozen=True, slots=True)
class SizingQuestion:
    """Number of documents, passages per document, and the machines' capacity.

    `dimension` is the dimension of the vectors, `node_gib` the memory of a node, `replicas` the
    number of additional copies (0 or more), `encoded_per_s` the encoding rate in passages per
    second, `extracted_per_s` that of extraction in files per second, a document being one file.
    All values except `replicas` are above 0. `quantisation` applies only to OpenSearch.
    """

    documents: int
    passages_per_document: float = PASSAGES
    dimension: int = DIMENSION
    node_gib: int = NODE_GIB
    replicas: int = REPLICAS
    encoded_per_s: float = ENCODED_PER_S
    quantisation: Quantisation = WHOLE_VECTORS
    extracted_per_s: float = EXTRACTED_PER_S


@dataclass(frozen=True, slots=True)
class SizingAnswer:
    """The machines and the time needed. `vectors_gib` and `disk_gib` are for one copy.

    `shards` is 0 for the embedded engine, which has none.
    """

    documents: int
    passages: int
    engine: str
    vectors_gib: float
    disk_gib: float
    shards: int
    replicas: int
    nodes: int
    encoding_days: float
    extraction_days: float


def sized(asked: SizingQuestion) -> SizingAnswer:
    """Choose the embedded engine up to its limit, then OpenSearch.

    The number of nodes is chosen so that the vectors and graphs of all copies fit in the memory
    that heaps leave to files, because a search that reads them from disk takes many times as long.
    With additional copies there are at least three nodes. The shards have the size that OpenSearch
    advises, and there is at least one per node, so that each node has work.
    """
    passages = math.ceil(asked.documents * asked.passages_per_document)
    vector_bytes = FLOAT32_BYTES * asked.dimension
    embedded = passages <= MOST_PASSAGES
    # The measured figures are for 384 dimensions: correct them for other vectors.
    each = EMBEDDED_BYTES if embedded else OPENSEARCH_BYTES
    each += vector_bytes - FLOAT32_BYTES * DIMENSION
    disk_gib = passages * max(each, vector_bytes) / GIB
    days = passages / asked.encoded_per_s / DAY_S
    extraction = asked.documents / asked.extracted_per_s / DAY_S
    if embedded:
        held = passages * vector_bytes / GIB
        return SizingAnswer(
            asked.documents, passages, "embedded", held, disk_gib, 0, 0, 1, days, extraction
        )
    compared = vector_bytes
    if asked.quantisation != WHOLE_VECTORS:
        compared = asked.dimension + CORRECTION_BYTES
        disk_gib += passages * compared / GIB
    held = passages * (compared + GRAPH_BYTES) / GIB
    files_gib = asked.node_gib - min(asked.node_gib / 2, MOST_HEAP_GIB)
    least = LEAST_NODES if asked.replicas else 1
    nodes = max(least, math.ceil(held * (1 + asked.replicas) / files_gib))
    few = math.ceil(disk_gib / MOST_SHARD_GIB)
    shards = few if nodes == least else max(few, math.ceil(nodes / (1 + asked.replicas)))
    return SizingAnswer(
        asked.documents,
        passages,
        "opensearch",
        held,
        disk_gib,
        shards,
        asked.replicas,
        nodes,
        days,
        extraction,
    )
