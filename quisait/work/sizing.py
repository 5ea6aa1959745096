"""What machines an index of so many documents takes: computed from a few measured figures. Pure."""

import math
from dataclasses import dataclass

from indexer.quantisation import WHOLE_VECTORS, Quantisation
from quisait.application.engines import MOST_PASSAGES

GIB = 2**30
FLOAT32_BYTES = 4
DAY_S = 86_400

GRAPH_BYTES = 128
"""Neighbours of a vector in Lucene's lowest layer: 2 x 16 of them, 4 bytes each at most."""
CORRECTION_BYTES = 4
"""Beside a small vector, whose numbers have a byte each: what Lucene corrects its score by."""
MOST_HEAP_GIB = 31
"""Java's heap stays below 32 GiB, where its pointers have 4 bytes; half of a node's memory is left
to files (OpenSearch's own advice)."""
MOST_SHARD_GIB = 30
"""OpenSearch advises 10 to 30 GiB a shard where one searches more than one writes."""
LEAST_NODES = 3
"""So that a majority is left when a node is gone."""


EMBEDDED_BYTES, OPENSEARCH_BYTES = 7_500, 11_000
"""On disk, for a passage of about 930 characters and its vector of `DIMENSION` numbers, on each
engine: `python -m benchmarks.million`."""
ENCODED_PER_S = 20.0
"""Passages, by one core: `python -m benchmarks.sizing`."""
PASSAGES, DIMENSION, NODE_GIB, REPLICAS = 3.0, 384, 64, 1
"""Where nothing else is asked."""


@dataclass(frozen=True, slots=True)
class SizingQuestion:
    """How many documents, of so many passages each, and what there is to hold them.

    `dimension` of the vectors; `node_gib` of memory a node; `replicas` beside the first copy (0 or
    more); `encoded_per_s` passages. All others above 0. `quantisation` is of OpenSearch alone.
    """

    documents: int
    passages_per_document: float = PASSAGES
    dimension: int = DIMENSION
    node_gib: int = NODE_GIB
    replicas: int = REPLICAS
    encoded_per_s: float = ENCODED_PER_S
    quantisation: Quantisation = WHOLE_VECTORS


@dataclass(frozen=True, slots=True)
class SizingAnswer:
    """What it takes: `vectors_gib` and `disk_gib` are of one copy.

    `shards` is 0 on the embedded engine, which has none.
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


def sized(asked: SizingQuestion) -> SizingAnswer:
    """The embedded engine as far as it is made for it, then OpenSearch.

    Nodes: vectors and their graphs, of all copies, in the memory that heaps leave to files; a
    search that reads them from disk takes many times as long. Three at least where there are
    copies. Shards: of a size that OpenSearch advises, and one a node, so that each has work.
    """
    passages = math.ceil(asked.documents * asked.passages_per_document)
    vector_bytes = FLOAT32_BYTES * asked.dimension
    embedded = passages <= MOST_PASSAGES
    # Other vectors take other bytes: what was measured has 384 numbers.
    each = EMBEDDED_BYTES if embedded else OPENSEARCH_BYTES
    each += vector_bytes - FLOAT32_BYTES * DIMENSION
    disk_gib = passages * max(each, vector_bytes) / GIB
    days = passages / asked.encoded_per_s / DAY_S
    if embedded:
        held = passages * vector_bytes / GIB
        return SizingAnswer(asked.documents, passages, "embedded", held, disk_gib, 0, 0, 1, days)
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
    )
