"""An alias on the engine: created at its first use, searched, written to and refreshed."""

import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import TypeVar

from opensearchpy import OpenSearch
from opensearchpy.exceptions import RequestError

from indexer.errors import IndexRefused, IndexUnreachable
from indexer.opensearch.answers import whole
from indexer.opensearch.bulk import BulkAction, WriteFence, chunks, send
from indexer.opensearch.client import UnavailableNow, engine_faults, has_other_nodes, refuse
from indexer.opensearch.schema import Body, copies

ASKED_AGAIN_AFTER_S = (0.2, 0.4, 0.8, 1.6, 3.2)
"""Pauses before retries, in seconds. If the leading node is gone, the other nodes agree on a new
leader, and on copies of shards, within seconds.
"""
AGREED_S = 10.0
LET_GO_S = 120.0
MERGE_S = 3_600


Answer = TypeVar("Answer")


class Alias:
    """Access to the index behind an alias (`{name}-000001` at first).

    Every method raises `IndexUnreachable` or `IndexRefused`.
    """

    def __init__(self, client: OpenSearch, name: str, back_off_s: float) -> None:
        self._client, self.name, self._back_off_s = client, name, back_off_s
        self._fence = WriteFence(client, name)

    def ensure(self, index_body: Body) -> Body:
        """Create index and alias if they are missing; return the engine's description of the index.

        Raises `IndexRefused` for an index of another schema.
        """
        with engine_faults():
            if not self._client.indices.exists_alias(name=self.name):
                self._create(index_body)
            indexes = self._client.indices.get(index=self.name)
        wanted = index_body["mappings"]["_meta"]
        for index, described in indexes.items():
            meta = described["mappings"].get("_meta", {})
            if any(meta.get(name) != value for name, value in wanted.items()):
                raise IndexRefused(
                    f"L'index {index} a été fait pour un autre schéma ou encodeur ({meta}). "
                    "Lancez « quisait reindex »."
                )
        (described,) = indexes.values()
        return dict(described)

    def keep_copies(self, replicas: int) -> None:
        """Set the number of replicas of each shard; the engine makes them in the background."""
        wanted = copies(replicas)
        with engine_faults():
            settings = self._client.indices.get_settings(index=self.name)
            index_settings = (description["settings"]["index"] for description in settings.values())
            if any(
                int(index["number_of_replicas"]) != replicas
                or index.get("auto_expand_replicas", "false") != wanted["auto_expand_replicas"]
                for index in index_settings
            ):
                self._client.indices.put_settings(index=self.name, body={"index": wanted})

    def _create(self, index_body: Body) -> None:
        try:
            self._client.indices.create(
                index=f"{self.name}-000001", body={**index_body, "aliases": {self.name: {}}}
            )
        except RequestError as fault:
            # Another process created it meanwhile.
            if fault.error != "resource_already_exists_exception":
                raise

    def search(self, body: Body) -> Body:
        """Return the complete answer to a request."""

        def ask() -> Body:
            with engine_faults():
                answer: Body = self._client.search(
                    index=self.name, body=body, allow_partial_search_results=False
                )
            return whole(answer)

        return self._whole_in_time(ask)

    def each(self, body: Body) -> Iterator[Body]:
        """Yield every hit of a sorted request, page by page; the engine keeps no state."""
        page = body
        while hits := self.search(page)["hits"]["hits"]:
            yield from hits
            page = {**body, "search_after": hits[-1]["sort"]}

    def search_many(self, requests: Sequence[tuple[Body, Body]]) -> list[Body]:
        """Return the complete answers to several requests in one round trip.

        Each request is (header, body). The header is added to the header of this alias. It may name
        another index (the index of access lists) or say how to search (`requests.same_copies`,
        `requests.COMMON_SCORES`).
        """
        header = {"index": self.name, "allow_partial_search_results": False}
        lines: list[Body] = []
        for own, body in requests:
            lines += ({**header, **own}, body)

        def ask() -> list[Body]:
            with engine_faults():
                answer = self._client.msearch(body=lines)
            for part in answer["responses"]:
                if "error" in part:
                    refuse(part["status"], part["error"]["type"])
            return [whole(part) for part in answer["responses"]]

        return self._whole_in_time(ask)

    def send(self, lines: Iterable[BulkAction]) -> dict[str, str]:
        """Send every line, and make the writes visible; return (subject → reason of refusal)."""
        failed: dict[str, str] = {}
        for chunk in chunks(lines):
            failed |= send(self._client, self._fence, chunk, self._back_off_s)
        self.refresh()
        return failed

    def flush(self) -> None:
        """Return once earlier writes of all writers are visible, or will never be applied."""
        self._fence.begin()
        self.refresh()

    def expunge(self) -> None:
        """Merge the segments that hold deleted documents, and empty the transaction log.

        The engine keeps deleted documents until all copies have processed the deletion, which it
        checks every half a minute; this method waits for that. Without this method, the engine only
        merges segments with many deletions.
        """
        with engine_faults():
            indices = self._client.indices
            indices.put_settings(
                index=self.name, body={"index.merge.policy.expunge_deletes_allowed": "0"}
            )
            reached: dict[str, int] = {}
            for shard, written, _ in self._copies():
                reached[shard] = max(written, reached.get(shard, -1))
            deadline = time.monotonic() + LET_GO_S
            while any(needed <= reached[shard] for shard, _, needed in self._copies()):
                if time.monotonic() > deadline:
                    raise IndexUnreachable(
                        "OpenSearch retient encore ce qui a été supprimé : vérifiez l'état de ses "
                        "copies, puis relancez."
                    )
                time.sleep(1)
            indices.flush(index=self.name, params={"force": "true"})
            merged = indices.forcemerge(
                index=self.name, params={"only_expunge_deletes": "true", "request_timeout": MERGE_S}
            )
        whole(merged)
        self.refresh()

    def _copies(self) -> list[tuple[str, int, int]]:
        """Return (shard, its last write, first write that is retained) for each copy of a shard."""
        stats = self._client.indices.stats(index=self.name, params={"level": "shards"})
        return [
            (
                f"{name}/{shard}",
                copy["seq_no"]["max_seq_no"],
                min(
                    (lease["retaining_seq_no"] for lease in copy["retention_leases"]["leases"]),
                    default=copy["seq_no"]["max_seq_no"] + 1,
                ),
            )
            for name, index in stats["indices"].items()
            for shard, held in index["shards"].items()
            for copy in held
        ]

    def refresh(self) -> None:
        """Make all earlier writes visible to the next search, whichever copy answers it."""

        def ask() -> Body:
            with engine_faults():
                return whole(self._client.indices.refresh(index=self.name))

        self._whole_in_time(ask)

    def _whole_in_time(self, ask: Callable[[], Answer]) -> Answer:
        """Repeat a request for some seconds if another node or copy may answer."""
        begun = time.monotonic()
        for pause_s in ASKED_AGAIN_AFTER_S if has_other_nodes(self._client) else ():
            try:
                return ask()
            except UnavailableNow:
                if time.monotonic() - begun > AGREED_S:
                    raise
                time.sleep(pause_s)
        return ask()
