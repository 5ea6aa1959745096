"""Haystack's own hybrid pipeline on OpenSearch, run by `benchmarks.search` in another environment.

`python haystack_hybrid.py FOLDER URL WARMING` prints the milliseconds of each question.
"""

import json
import sys
import time
from itertools import islice
from pathlib import Path
from uuid import uuid4

from haystack import Document, Pipeline
from haystack.components.joiners import DocumentJoiner
from haystack_integrations.components.retrievers.opensearch import (
    OpenSearchBM25Retriever,
    OpenSearchEmbeddingRetriever,
)
from haystack_integrations.document_stores.opensearch import OpenSearchDocumentStore

TOP_K, SHOWN = 200, 10
BATCH = 1_000
READER = {"everyone", *(f"ldap:group:{number}" for number in range(5))}


def main(folder: str, url: str, warming: str) -> None:
    """Write the passages, then ask each question once."""
    first = json.loads(next((Path(folder) / "passages.jsonl").open(encoding="utf-8")))
    index = f"bench-haystack-{uuid4().hex}"
    store = OpenSearchDocumentStore(
        hosts=url,
        index=index,
        embedding_dim=len(first["vector"]),
        method={"name": "hnsw", "engine": "lucene", "space_type": "cosinesimil"},
    )
    try:
        with (Path(folder) / "passages.jsonl").open(encoding="utf-8") as file:
            while batch := [json.loads(line) for line in islice(file, BATCH)]:
                store.write_documents(
                    [
                        Document(
                            id=row["id"],
                            content=row["text"],
                            embedding=row["vector"],
                            meta={"allowed": row["allowed"][0]},
                        )
                        for row in batch
                    ]
                )
        print(json.dumps(asked(store, Path(folder), int(warming))))
    finally:
        store._client.indices.delete(index=index)


def asked(store: OpenSearchDocumentStore, folder: Path, warming: int) -> list[float]:
    """Milliseconds of each question after the warming ones."""
    pipeline = Pipeline()
    pipeline.add_component("words", OpenSearchBM25Retriever(document_store=store, top_k=TOP_K))
    pipeline.add_component("near", OpenSearchEmbeddingRetriever(document_store=store, top_k=TOP_K))
    pipeline.add_component(
        "joined", DocumentJoiner(join_mode="reciprocal_rank_fusion", top_k=SHOWN)
    )
    pipeline.connect("words", "joined")
    pipeline.connect("near", "joined")
    filters = {"field": "meta.allowed", "operator": "in", "value": sorted(READER)}
    times = []
    for question in json.loads((folder / "questions.json").read_text("utf-8")):
        begun = time.perf_counter()
        pipeline.run(
            {
                "words": {"query": question["text"], "filters": filters},
                "near": {"query_embedding": question["vector"], "filters": filters},
            }
        )
        times.append((time.perf_counter() - begun) * 1000)
    return times[warming:]


if __name__ == "__main__":
    main(*sys.argv[1:])
