"""Generations on OpenSearch: each an alias and an index of its own, and three that point.

`{alias}` points at the live generation, `{alias}-filling` and `{alias}-former` at the
other one. Pointers are made, moved and gone with one call each. A generation's access
lists go by its own alias (`…-access`), so that documents and lists change place together.
"""

import hashlib
import json
import re
import secrets
import threading
from collections.abc import Mapping
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any

from opensearchpy import OpenSearch
from opensearchpy.exceptions import RequestError

from indexer.errors import IndexRefused, IndexUnreachable
from indexer.french.signature import analysis_signature
from indexer.generations import EncoderRecord, Generation, Signature, Standing
from indexer.opensearch.client import engine_faults
from indexer.opensearch.index import OpenSearchIndex
from indexer.opensearch.schema import FORMAT, index_body

FIRST = "first"
"""The first generation is `{alias}-000001`: of several processes that make it, one does."""


class OpenSearchGenerations:
    """Adapter of `GenerationWorks`."""

    def __init__(
        self, client: OpenSearch, alias: str, *, shards: int = 1, replicas: int = 0
    ) -> None:
        self._client, self._alias = client, alias
        self._shards, self._replicas = shards, replicas
        self._opened: dict[str, OpenSearchIndex] = {}
        self._made: dict[str, Signature] = {}
        self._opening = threading.Lock()

    def signature(self, encoder: EncoderRecord) -> Signature:
        """What this code makes indexes with: analysis and fields as they are declared."""
        body = index_body(dimension=1)  # the encoder speaks for itself
        analysis, fields = body["settings"]["index"]["analysis"], body["mappings"]["properties"]
        declared = json.dumps([analysis, fields, analysis_signature()], sort_keys=True)
        digest = hashlib.sha256(declared.encode()).hexdigest()
        return Signature(encoder, digest[:16], str(FORMAT))

    def standing(self) -> Standing | None:
        """Read the pointers; one answer of the cluster's state."""
        pointers = [self._alias, f"{self._alias}-filling", f"{self._alias}-former"]
        with engine_faults():
            # One that points at nothing makes it a 404, which tells of the others all the same.
            found = self._client.indices.get_alias(name=",".join(pointers), ignore=404)
        by_pointer = {
            pointer: index
            for index, held in found.items()
            if isinstance(held, dict)
            for pointer in held.get("aliases", ())
        }
        if self._alias not in by_pointer:
            return None
        live, filling, former = (by_pointer.get(pointer) for pointer in pointers)
        assert live is not None  # noqa: S101 - the alias points at it
        return Standing(
            self._generation(live),
            filling and self._generation(filling),
            former and self._generation(former),
        )

    def index(self, generation: Generation) -> OpenSearchIndex:
        """Speak to a generation by its own alias, wherever the pointers stand."""
        with self._opening:
            if generation.name not in self._opened:
                self._opened[generation.name] = self._opened_by_alias(generation)
            return self._opened[generation.name]

    def begin(self, made: Signature) -> Generation:
        """Make an index with its own alias and its pointer, in one call."""
        pointer, name = self._alias, FIRST
        if self.standing():
            # A name is never used twice: what a process has opened cannot become another.
            name = f"{datetime.now(UTC):%Y%m%d%H%M%S}-{secrets.token_hex(2)}"
            pointer = f"{self._alias}-filling"
        body = index_body(made.encoder.dimension, self._shards, self._replicas)
        body["mappings"]["_meta"] |= _meta(made)
        body["aliases"] = {self._own(name): {}, pointer: {}}
        with engine_faults():
            try:
                self._client.indices.create(index=self._index_of(name), body=body)
            except RequestError as fault:
                # Another process made the first one in between.
                if name != FIRST or fault.error != "resource_already_exists_exception":
                    raise
        return Generation(name, made)

    def record(self, made: Signature) -> None:
        """Write into the live index what it was made with."""
        meta = {"format": int(made.format), "dimension": made.encoder.dimension, **_meta(made)}
        with engine_faults():
            self._client.indices.put_mapping(index=self._alias, body={"_meta": meta})

    def swap(self) -> None:
        """Move live and former in one call; nothing is seen of it half done."""
        standing = self._two()
        live, other = self._index_of(standing.live.name), self._index_of(_other(standing).name)
        gone = f"{self._alias}-filling" if standing.filling else f"{self._alias}-former"
        actions = [
            {"remove": {"index": live, "alias": self._alias}},
            {"remove": {"index": other, "alias": gone}},
            {"add": {"index": other, "alias": self._alias}},
            {"add": {"index": live, "alias": f"{self._alias}-former"}},
        ]
        with engine_faults():
            self._client.indices.update_aliases(body={"actions": actions})

    def drop(self) -> None:
        """Delete the other generation's documents and lists; its pointer goes with them."""
        name = _other(self._two()).name
        with engine_faults():
            self._client.indices.delete(index=self._index_of(name))
            self._client.indices.delete(index=self._lists_of(name), ignore_unavailable=True)
        self._opened.pop(name, None)

    def size_bytes(self, generation: Generation) -> int:
        """Size of documents and lists on disk, copies of shards included."""
        names = [
            self._index_of(generation.name),
            *self._lists_of(generation.name).split(","),
        ]
        with engine_faults():
            there = [name for name in names if self._client.indices.exists(index=name)]
            told = self._client.indices.stats(index=",".join(there), metric="store")
        return int(told["_all"]["total"]["store"]["size_in_bytes"])

    def _two(self) -> Standing:
        standing = self.standing()
        if standing is None or standing.other is None:
            raise IndexRefused("Il n'y a qu'une génération de l'index : rien n'a été changé.")
        return standing

    def _opened_by_alias(self, generation: Generation) -> OpenSearchIndex:
        name = generation.name
        with engine_faults():
            if not self._client.indices.exists(index=self._index_of(name)):
                raise IndexUnreachable(
                    "Cette génération de l'index vient d'être supprimée : recommencez."
                )
            if name == FIRST:
                self._give_first_aliases()
        return OpenSearchIndex(
            self._client,
            self._own(name),
            generation.made.encoder.dimension,
            shards=self._shards,
            replicas=self._replicas,
            as_it_is=True,
        )

    def _give_first_aliases(self) -> None:
        """Give an index of the former version aliases of its own, as generations have."""
        old = {f"{self._alias}-000001": "", f"{self._alias}-access-000001": "-access"}
        for index, end in old.items():
            if self._client.indices.exists(index=index):
                self._client.indices.put_alias(index=index, name=f"{self._own(FIRST)}{end}")

    def _generation(self, index: str) -> Generation:
        stem = re.fullmatch(rf"{re.escape(self._alias)}(?:-(.+))?-000001", index)
        if stem is None:
            raise IndexRefused(
                f"L'alias {self._alias} mène à {index}, que quisait n'a pas fait : réglez un "
                "autre [index] alias."
            )
        return Generation(stem[1] or FIRST, self._made_with(index))

    def _made_with(self, index: str) -> Signature:
        """Read what an index was made with; once it is recorded, it never changes."""
        if index not in self._made:
            with engine_faults():
                answer = self._client.indices.get_mapping(index=index)
            made = _signature(answer[index]["mappings"].get("_meta", {}))
            if not made.encoder.name:
                return made
            self._made[index] = made
        return self._made[index]

    def _own(self, name: str) -> str:
        return f"{self._alias}-{name}"

    def _index_of(self, name: str) -> str:
        return f"{self._alias}-000001" if name == FIRST else f"{self._own(name)}-000001"

    def _lists_of(self, name: str) -> str:
        own = f"{self._own(name)}-access-000001"
        return f"{own},{self._alias}-access-000001" if name == FIRST else own


def _other(standing: Standing) -> Generation:
    assert standing.other is not None  # noqa: S101 - `_two` has seen it
    return standing.other


def _meta(made: Signature) -> dict[str, Any]:
    return {"analysis": made.analysis, "encoder": asdict(made.encoder)}


def _signature(meta: Mapping[str, Any]) -> Signature:
    encoder = meta.get("encoder") or {"name": "", "dimension": meta.get("dimension", 0)}
    return Signature(EncoderRecord(**encoder), meta.get("analysis", ""), str(meta.get("format")))
