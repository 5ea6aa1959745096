"""Reads, writes and changes access lists.

Lists are read for each query, and written before the documents that name them. If all documents of
a list get the same new readers, the list is rewritten; else the documents move to another list.
"""

import secrets
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from connectors.batches import batches
from connectors.values import Access
from indexer.access import AccessFilter
from indexer.errors import IndexRefused
from indexer.opensearch import access_lists
from indexer.opensearch.access_lists import MOST_READABLE, ListKey, ReadableLists
from indexer.opensearch.alias import Alias
from indexer.opensearch.bulk import forget_line, index_line
from indexer.opensearch.schema import COLUMNS_ALONE, Body, by_ids


@dataclass(frozen=True, slots=True)
class DocumentPlacement:
    """Source, space and access list of an indexed document."""

    source: str
    space: str
    access_list: str


@dataclass(frozen=True, slots=True)
class AccessChangePlan:
    """Writes for changes of access: lists to rewrite, by name, and documents to move to a list."""

    rewritten: Mapping[str, ListKey]
    moved: Mapping[str, ListKey]


def plan(
    changes: Mapping[str, Access],
    placements: Mapping[str, DocumentPlacement],
    sizes: Mapping[str, int],
    held: Mapping[str, Access],
) -> AccessChangePlan:
    """Return the plan: a list is rewritten if all its `sizes[list]` documents get the same access.

    Changes of unindexed documents and changes without effect are left out.
    """
    together: dict[tuple[str, Access], list[str]] = defaultdict(list)
    for document_id, access in changes.items():
        if document_id in placements:
            together[placements[document_id].access_list, access].append(document_id)
    rewritten: dict[str, ListKey] = {}
    moved: dict[str, ListKey] = {}
    for (name, access), document_ids in together.items():
        if held.get(name) == access:
            continue
        keys = {
            document_id: ListKey(
                placements[document_id].source, placements[document_id].space, access
            )
            for document_id in document_ids
        }
        if sizes.get(name) == len(document_ids):
            rewritten[name] = keys[document_ids[0]]
        else:
            moved |= keys
    return AccessChangePlan(rewritten, moved)


def placements_of(document_ids: Sequence[str]) -> Body:
    """Return the request for the placements of documents; it reads columns, without the vectors."""
    return {
        "size": len(document_ids),
        **COLUMNS_ALONE,
        "docvalue_fields": ["source", "space", "access_list"],
        "query": by_ids(document_ids),
        "sort": [{"id": "asc"}],
    }


def read_placements(answer: Body) -> Mapping[str, DocumentPlacement]:
    """Return the placements by document id, without documents that are not indexed."""
    return {
        hit["sort"][0]: DocumentPlacement(
            hit["fields"]["source"][0],
            hit["fields"].get("space", [""])[0],
            hit["fields"]["access_list"][0],
        )
        for hit in answer["hits"]["hits"]
    }


def sizes_of(names: Sequence[str]) -> Body:
    """Return the request for the exact number of documents that name each of these lists."""
    return {
        "size": 0,
        "query": {"terms": {"access_list": list(names)}},
        "aggs": {"lists": {"terms": {"field": "access_list", "size": len(names)}}},
    }


def sizes_in(source: str, names: Sequence[str]) -> Body:
    """Return the request for the number of a source's documents that name each list."""
    body = sizes_of(names)
    return {**body, "query": {"bool": {"filter": [body["query"], {"term": {"source": source}}]}}}


def read_sizes(answer: Body) -> Mapping[str, int]:
    """Return the number of documents that name each list."""
    return {
        bucket["key"]: bucket["doc_count"] for bucket in answer["aggregations"]["lists"]["buckets"]
    }


PAGE = 5_000


@dataclass(frozen=True, slots=True)
class AssignedLists:
    """The name of each key's list; `refused` holds the reasons for keys without a list."""

    names: Mapping[ListKey, str]
    refused: Mapping[ListKey, str]


class AccessLists:
    """The index of access lists. Nothing is cached, so that rights are never stale."""

    def __init__(self, alias: Alias) -> None:
        self.alias = alias

    def readable(self, access: AccessFilter) -> ReadableLists:
        """Return the lists that the filter admits. Raises `IndexRefused` if there are too many."""
        if not access.principals:
            return ReadableLists(access, ())
        return self.read(self.alias.search(access_lists.readable_lists(access)), access)

    def read(self, answer: Body, access: AccessFilter) -> ReadableLists:
        """Read the answer to `readable_lists`.

        Raises `IndexRefused` if there are too many lists.
        """
        if len(answer["hits"]["hits"]) > MOST_READABLE:
            raise IndexRefused(
                f"Ce lecteur relève de plus de {MOST_READABLE} listes d'accès, plus qu'OpenSearch "
                "n'en demande à la fois : donnez des lecteurs propres à moins de documents."
            )
        return ReadableLists(access, access_lists.read_readable(answer, access))

    def join(self, keys: Iterable[ListKey]) -> AssignedLists:
        """Return a list for each key with exactly its readers; missing lists are created."""
        by_digest = {key.digest: key for key in keys}
        names: dict[ListKey, str] = {}
        for page in batches(by_digest, PAGE):
            for hit in self.alias.search(access_lists.joinable_lists(page))["hits"]["hits"]:
                names.setdefault(by_digest[hit["_source"]["joined_by"]], hit["_source"]["name"])
        # A name is never used twice, so that it cannot have its former meaning for some search.
        made = {key: secrets.token_hex(8) for key in by_digest.values() if key not in names}
        failed = self._write(access_lists.new_list(name, key) for key, name in made.items())
        refused = {key: failed[name] for key, name in made.items() if name in failed}
        written = {key: name for key, name in made.items() if name not in failed}
        return AssignedLists(names | written, refused)

    def rewrite(self, lists: Mapping[str, ListKey]) -> Mapping[str, str]:
        """Change the readers of each list in one write; return (name → reason of refusal)."""
        return self._write(
            access_lists.rewritten_list(name, key.source, key.access) for name, key in lists.items()
        )

    def held_by(self, names: Iterable[str]) -> Mapping[str, Access]:
        """Return the access of these lists by name, without missing ones."""
        held: dict[str, Access] = {}
        for page in batches(sorted(names), PAGE):
            answer = self.alias.search(access_lists.named_lists(page))
            held |= access_lists.accesses(answer["hits"]["hits"])
        return held

    def of_source(self, source: str) -> Mapping[str, Access]:
        """Return the access of all lists of a source, by name."""
        return access_lists.accesses(self.alias.each(access_lists.lists_of_source(source)))

    def names(self) -> set[str]:
        """Return the names of all lists."""
        return {hit["sort"][0] for hit in self.alias.each(access_lists.every_list())}

    def forget(self, names: Sequence[str]) -> None:
        """Delete lists that no document names; their names are never used again."""
        if names:
            self.alias.send([forget_line(name) for name in names])

    def _write(self, lists: Iterable[Body]) -> dict[str, str]:
        lines = [index_line(stored["name"], stored["name"], stored) for stored in lists]
        return self.alias.send(lines) if lines else {}
