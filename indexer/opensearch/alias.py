"""One alias on the engine: made with its first use, searched, written to and refreshed."""

import time
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from typing import Any

from opensearchpy import OpenSearch
from opensearchpy.exceptions import ConflictError, RequestError

from indexer.errors import IndexRefused, IndexUnreachable
from indexer.opensearch.answers import whole
from indexer.opensearch.bulk import BulkAction, WriteFence, chunks, send
from indexer.opensearch.client import engine_faults, refuse
from indexer.opensearch.schema import Body

LET_GO_S = 120.0
MERGE_S = 3_600


class Alias:
    """What stands behind one alias (`{name}-000001` at first), and how it is spoken to.

    Every method raises `IndexUnreachable` or `IndexRefused`.
    """

    def __init__(self, client: OpenSearch, name: str, back_off_s: float) -> None:
        self._client, self._name, self._back_off_s = client, name, back_off_s
        self._fence = WriteFence(client, name)

    def ensure(self, index_body: Body) -> None:
        """Make index and alias where there are none; refuse an index of another schema."""
        with engine_faults():
            if not self._client.indices.exists_alias(name=self._name):
                self._create(index_body)
            mappings = self._client.indices.get_mapping(index=self._name)
        wanted = index_body["mappings"]["_meta"]
        for index, kept in mappings.items():
            meta = kept["mappings"].get("_meta", {})
            if any(meta.get(name) != value for name, value in wanted.items()):
                raise IndexRefused(
                    f"L'index {index} a été fait pour un autre schéma ou encodeur ({meta}). "
                    "Lancez « quisait reindex »."
                )

    def _create(self, index_body: Body) -> None:
        try:
            self._client.indices.create(
                index=f"{self._name}-000001", body={**index_body, "aliases": {self._name: {}}}
            )
        except RequestError as fault:
            # Another process made it in between.
            if fault.error != "resource_already_exists_exception":
                raise

    def marks(self) -> Mapping[str, Any]:
        """What the index's mapping says of itself (`_meta`)."""
        with engine_faults():
            mappings = self._client.indices.get_mapping(index=self._name)
        return {
            name: value
            for kept in mappings.values()
            for name, value in kept["mappings"].get("_meta", {}).items()
        }

    def mark(self, name: str, value: str) -> None:
        """Say one thing more of itself."""
        marks = {**self.marks(), name: value}
        with engine_faults():
            self._client.indices.put_mapping(index=self._name, body={"_meta": marks})

    def replace(self, hit: Body, source: Body) -> None:
        """Keep something else in a hit's place, unless somebody has written to it since.

        The hit must have been asked for with `seq_no_primary_term`.
        """
        with engine_faults(), suppress(ConflictError):
            self._client.index(
                index=self._name,
                id=hit["_id"],
                body=source,
                if_seq_no=hit["_seq_no"],
                if_primary_term=hit["_primary_term"],
            )

    def search(self, body: Body) -> Body:
        """Give the whole answer to one request."""
        with engine_faults():
            answer: Body = self._client.search(
                index=self._name, body=body, allow_partial_search_results=False
            )
        return whole(answer)

    def search_many(self, bodies: Sequence[Body]) -> list[Body]:
        """Give the whole answers to several requests in one round trip."""
        header = {"index": self._name, "allow_partial_search_results": False}
        with engine_faults():
            answer = self._client.msearch(body=[line for body in bodies for line in (header, body)])
        for part in answer["responses"]:
            if "error" in part:
                refuse(part["status"], part["error"]["type"])
        return [whole(part) for part in answer["responses"]]

    def send(self, lines: Iterable[BulkAction]) -> dict[str, str]:
        """Send every line, and make what was taken seen; gives (subject → reason refused)."""
        failed: dict[str, str] = {}
        for chunk in chunks(lines):
            failed |= send(self._client, self._fence, chunk, self._back_off_s)
        self.refresh()
        return failed

    def flush(self) -> None:
        """What was sent before, by whatever writer, is seen by now, or never will be."""
        self._fence.begin()
        self.refresh()

    def expunge(self) -> None:
        """Merge the segments that hold deleted documents, and empty the journal of writes.

        The engine keeps what was deleted until all copies have it, which it finds out every
        half a minute: that is waited for. By itself it merges only what has many deletions.
        """
        with engine_faults():
            indices = self._client.indices
            indices.put_settings(
                index=self._name, body={"index.merge.policy.expunge_deletes_allowed": "0"}
            )
            reached = max(numbers["max_seq_no"] for numbers, _ in self._copies())
            deadline = time.monotonic() + LET_GO_S
            while any(needed <= reached for _, needed in self._copies()):
                if time.monotonic() > deadline:
                    raise IndexUnreachable(
                        "OpenSearch retient encore ce qui a été supprimé : vérifiez l'état de ses "
                        "copies, puis relancez."
                    )
                time.sleep(1)
            indices.flush(index=self._name, params={"force": "true"})
            merged = indices.forcemerge(
                index=self._name,
                params={"only_expunge_deletes": "true", "request_timeout": MERGE_S},
            )
        whole(merged)
        self.refresh()

    def _copies(self) -> list[tuple[Mapping[str, int], int]]:
        """(sequence numbers, the first write that is still retained) of each copy of a shard."""
        stats = self._client.indices.stats(index=self._name, params={"level": "shards"})
        return [
            (
                copy["seq_no"],
                min(
                    (lease["retaining_seq_no"] for lease in copy["retention_leases"]["leases"]),
                    default=copy["seq_no"]["max_seq_no"] + 1,
                ),
            )
            for index in stats["indices"].values()
            for copies in index["shards"].values()
            for copy in copies
        ]

    def refresh(self) -> None:
        """Make all that was written seen by the next search."""
        with engine_faults():
            whole({"_shards": self._client.indices.refresh(index=self._name)["_shards"]})
