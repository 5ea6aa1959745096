"""The indexes on OpenSearch: each index has its own alias, and two more aliases are pointers.

`{alias}` points to the live index, `{alias}-next` to the index that a reindex fills. Pointers are
created, moved and deleted in one call each. The access lists of an index have its own alias
(`…-access`), so that documents and lists are replaced together.
"""

import hashlib
import json
import re
import secrets
import threading
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any

from opensearchpy import OpenSearch
from opensearchpy.exceptions import NotFoundError, RequestError

from connectors.batches import batches
from indexer.errors import IndexRefused, IndexUnreachable
from indexer.french.signature import analysis_signature
from indexer.live_index import EncoderRecord, IndexSpec, NamedIndex, Pointers
from indexer.opensearch.client import engine_faults
from indexer.opensearch.index import OpenSearchIndex
from indexer.opensearch.schema import FORMAT, index_body
from indexer.quantisation import WHOLE_VECTORS, IndexLayout, Quantisation
from indexer.values import IndexedDocument

DELETED = "Cet index vient d'être supprimé : recommencez."
SALVAGED_AT_ONCE = 100
FIRST = "first"
"""Identifier of the first index, which is always named `{alias}-000001`: of several processes that
start at once, only one can create it.
"""


class OpenSearchStorage:
    """The `IndexStorage` on OpenSearch."""

    def __init__(
        self,
        client: OpenSearch,
        alias: str,
        *,
        shards: int = 1,
        replicas: int | None = None,
        quantisation: Quantisation = WHOLE_VECTORS,
    ) -> None:
        """`shards` and `quantisation` only apply to indexes that are created.

        `replicas` applies to all (None: the engine decides).
        """
        self._client, self._alias = client, alias
        self._shards, self._replicas, self._quantisation = shards, replicas, quantisation
        self._opened: dict[str, OpenSearchIndex] = {}
        self._specs: dict[str, IndexSpec] = {}
        self._opening = threading.Lock()

    def spec(self, encoder: EncoderRecord) -> IndexSpec:
        """Return the spec of the indexes that this code creates, with a hash of the schema."""
        body = index_body(dimension=1)  # the spec already holds the encoder
        analysis, fields = body["settings"]["index"]["analysis"], body["mappings"]["properties"]
        declared = json.dumps([analysis, fields, analysis_signature()], sort_keys=True)
        digest = hashlib.sha256(declared.encode()).hexdigest()
        return IndexSpec(encoder, digest[:16], str(FORMAT), self._shards, self._quantisation)

    def pointers(self) -> Pointers | None:
        """Return both pointers from one answer of the cluster."""
        pointing = [self._alias, f"{self._alias}-next"]
        with engine_faults():
            # If one alias is missing, the 404 still describes the other one.
            aliases = self._client.indices.get_alias(name=",".join(pointing), ignore=404)
        by_alias = {
            alias: index
            for index, held in aliases.items()
            if isinstance(held, dict)
            for alias in held.get("aliases", ())
        }
        live, beside = (by_alias.get(alias) for alias in pointing)
        if live is None:
            return None
        return Pointers(self._named(live), self._named(beside) if beside else None)

    def index(self, named: NamedIndex) -> OpenSearchIndex:
        """Return an index by its own alias, independent of the pointers."""
        with self._opening:
            if named.name not in self._opened:
                with engine_faults():
                    there = self._client.indices.exists(index=self._index_of(named.name))
                if not there:
                    raise IndexUnreachable(DELETED)
                self._opened[named.name] = OpenSearchIndex(
                    self._client,
                    self._own(named.name),
                    named.spec.encoder.dimension,
                    IndexLayout(named.spec.shards),
                    replicas=self._replicas,
                )
            return self._opened[named.name]

    def identity(self, named: NamedIndex) -> str:
        """Return the id that the engine gave the index; a restored copy has another id.

        Raises `IndexUnreachable` if it was deleted meanwhile.
        """
        with engine_faults():
            settings = self._client.indices.get_settings(
                index=self._index_of(named.name), name="index.uuid", ignore=404
            )
        for index_settings in settings.values():
            if isinstance(index_settings, dict) and "settings" in index_settings:
                return f"opensearch:{index_settings['settings']['index']['uuid']}"
        raise IndexUnreachable(DELETED)

    def create(self, spec: IndexSpec) -> NamedIndex:
        """Create an index with its own alias and its pointer, in one call."""
        pointer, name = self._alias, FIRST
        if self.pointers():
            # A name is never used twice: an opened index cannot turn into another one.
            name = f"{datetime.now(UTC):%Y%m%d%H%M%S}-{secrets.token_hex(2)}"
            pointer = f"{self._alias}-next"
        body = index_body(spec.encoder.dimension, spec.shards, self._replicas, spec.quantisation)
        body["mappings"]["_meta"] |= {
            "analysis": spec.analysis,
            "encoder": asdict(spec.encoder),
            "shards": spec.shards,
            "quantisation": spec.quantisation,
        }
        body["aliases"] = {self._own(name): {}, pointer: {}}
        with engine_faults():
            try:
                self._client.indices.create(index=self._index_of(name), body=body)
            except RequestError as fault:
                # Another process created the first index meanwhile, or (other names are random)
                # the client sent this request twice because its answer did not come.
                if fault.error != "resource_already_exists_exception":
                    raise
        return NamedIndex(name, spec)

    def promote(self) -> None:
        """Move the pointer in one call, then delete indexes without a pointer."""
        pointers = self.pointers()
        if pointers is None or pointers.next is None:
            raise IndexRefused("Il n'y a pas d'index à mettre en service : rien n'a été changé.")
        live, beside = self._index_of(pointers.live.name), self._index_of(pointers.next.name)
        actions = [
            {"remove": {"index": live, "alias": self._alias}},
            {"remove": {"index": beside, "alias": f"{self._alias}-next"}},
            {"add": {"index": beside, "alias": self._alias}},
        ]
        with engine_faults():
            try:
                self._client.indices.update_aliases(body={"actions": actions})
            except NotFoundError:
                # The client sent it twice because its answer did not come; it was applied.
                now = self.pointers()
                if now is None or now.live != pointers.next:
                    raise
        self.clear()

    def drop_next(self) -> None:
        """Delete the next index and its lists; its pointer disappears with it."""
        pointers = self.pointers()
        if pointers is not None and pointers.next is not None:
            name = pointers.next.name
            self._delete([self._index_of(name), self._lists_of(name)])

    def clear(self) -> None:
        """Delete documents and lists of every index without a pointer."""
        pointers = self.pointers()
        if pointers is None:
            return
        with engine_faults():
            aliases = self._client.indices.get_alias(index=f"{self._alias}-*")
        named = {None, *(pointer.name for pointer in (pointers.live, pointers.next) if pointer)}
        self._delete([index for index in aliases if self._name_of(index) not in named])

    def delete_all(self) -> None:
        """Delete all indexes with our names; their pointers disappear with them."""
        with engine_faults():
            aliases = self._client.indices.get_alias(index=f"{self._alias}-*")
        self._delete([index for index in aliases if self._name_of(index) is not None])

    def size_bytes(self, named: NamedIndex) -> int:
        """Return the size of documents and lists on disk, replicas included, in bytes."""
        names = [self._index_of(named.name), self._lists_of(named.name)]
        with engine_faults():
            there = [name for name in names if self._client.indices.exists(index=name)]
            stats = self._client.indices.stats(index=",".join(there), metric="store")
        return int(stats["_all"]["total"]["store"]["size_in_bytes"])

    def salvage(self, named: NamedIndex) -> Iterator[IndexedDocument | None]:
        """Yield the documents of every source; if a read fails, yield None and stop."""
        try:
            index = self.index(named)
            for source in sorted(index.sources()):
                for batch in batches(index.scan(source), SALVAGED_AT_ONCE):
                    yield from index.documents([entry.document_id for entry in batch])
        except (IndexRefused, IndexUnreachable):
            yield None

    def _delete(self, indexes: Iterable[str]) -> None:
        for index in sorted(indexes):
            self._opened.pop(self._name_of(index) or "", None)
            with engine_faults():
                self._client.indices.delete(index=index, ignore_unavailable=True)

    def _named(self, index: str) -> NamedIndex:
        name = self._name_of(index)
        if name is None:
            raise IndexRefused(
                f"L'alias {self._alias} mène à {index}, que quisait n'a pas fait : réglez un "
                "autre [index] alias."
            )
        return NamedIndex(name, self._spec_of(index))

    def _name_of(self, index: str) -> str | None:
        """Return our name for an index of documents or lists; None if the index is not ours."""
        alias, name = re.escape(self._alias), rf"\d{{14}}-[0-9a-f]{{4}}|{FIRST}"
        match = re.fullmatch(rf"{alias}(?:-({name}))?(?:-access)?-000001", index)
        return (match[1] or FIRST) if match else None

    def _spec_of(self, index: str) -> IndexSpec:
        """Return the spec that an index was created with; it never changes."""
        if index not in self._specs:
            with engine_faults():
                answer = self._client.indices.get_mapping(index=index)
            self._specs[index] = _spec(answer[index]["mappings"].get("_meta", {}))
        return self._specs[index]

    def _own(self, name: str) -> str:
        return f"{self._alias}-{name}"

    def _index_of(self, name: str) -> str:
        return f"{self._alias}-000001" if name == FIRST else f"{self._own(name)}-000001"

    def _lists_of(self, name: str) -> str:
        return f"{self._own(name)}-access-000001"


def _spec(meta: Mapping[str, Any]) -> IndexSpec:
    encoder = meta.get("encoder") or {"name": "", "dimension": meta.get("dimension", 0)}
    return IndexSpec(
        EncoderRecord(**encoder),
        meta.get("analysis", ""),
        str(meta.get("format")),
        meta.get("shards", 1),
        meta.get("quantisation", WHOLE_VECTORS),
    )
