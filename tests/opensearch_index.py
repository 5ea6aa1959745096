"""Indexes on the real engine, each under a name of its own and gone after use."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from uuid import uuid4

from opensearchpy import OpenSearch

from indexer.opensearch.index import OpenSearchIndex
from indexer.quantisation import WHOLE_VECTORS, IndexLayout, Quantisation
from tests.engines import OPENSEARCH_URL, ensure_opensearch

EVERYTHING: dict[str, Any] = {"query": {"match_all": {}}}


def client() -> OpenSearch:
    return OpenSearch(ensure_opensearch(), timeout=60)


@contextmanager
def fresh_index(
    dimension: int,
    alias: str = "",
    *,
    shards: int = 1,
    quantisation: Quantisation = WHOLE_VECTORS,
) -> Iterator[OpenSearchIndex]:
    """An empty index; what it made on the engine is removed at the end."""
    alias = alias or f"test-{uuid4().hex}"
    opensearch = client()
    try:
        layout = IndexLayout(shards, quantisation)
        yield OpenSearchIndex(opensearch, alias, dimension, layout, back_off_s=0.01)
    finally:
        opensearch.indices.delete(index=f"{alias}-*", ignore_unavailable=True)
        opensearch.close()


@contextmanager
def engine_settings(engine: str = "opensearch") -> Iterator[dict[str, str]]:
    """A place's environment on that engine; what it made on OpenSearch is removed at the end."""
    alias = f"test-{uuid4().hex}"
    made = {"QUISAIT_INDEX__ENGINE": engine, "QUISAIT_INDEX__ALIAS": alias}
    if engine == "embedded":
        yield made
        return
    try:
        yield made | {"QUISAIT_INDEX__URL": ensure_opensearch()}
    finally:
        opensearch = client()
        opensearch.indices.delete(index=f"{alias}*", ignore_unavailable=True)
        opensearch.close()


def merge(alias: str) -> None:
    """Merge all segments: a merge between two searches changes which neighbours are near."""
    opensearch = client()
    opensearch.indices.forcemerge(index=f"{alias}-*", params={"max_num_segments": 1})
    opensearch.close()


def empty(alias: str) -> None:
    """Delete all documents and lists of the index behind an alias."""
    opensearch = OpenSearch(OPENSEARCH_URL, timeout=60)
    opensearch.delete_by_query(index=f"{alias}-*", body=EVERYTHING, params={"refresh": "true"})
    opensearch.close()
