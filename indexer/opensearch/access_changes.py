"""Changes of access: whole lists are rewritten, parts of them move to another list."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from connectors.values import Access
from indexer.opensearch.access_lists import ListKey
from indexer.opensearch.schema import COLUMNS_ALONE, Body, engine_id


@dataclass(frozen=True, slots=True)
class Standing:
    """Where a kept document stands."""

    source: str
    space: str
    access_list: str


@dataclass(frozen=True, slots=True)
class Plan:
    """What to write: lists by name that get other readers, documents that change lists."""

    rewritten: Mapping[str, ListKey]
    moved: Mapping[str, ListKey]


def plan(
    changes: Mapping[str, Access],
    standing: Mapping[str, Standing],
    sizes: Mapping[str, int],
    held: Mapping[str, Access],
) -> Plan:
    """Rewrite a list where all `sizes[list]` documents of it get the same new readers.

    A change of a document that is not kept, or that changes nothing, is left out.
    """
    together: dict[tuple[str, Access], list[str]] = defaultdict(list)
    for document_id, access in changes.items():
        if document_id in standing:
            together[standing[document_id].access_list, access].append(document_id)
    rewritten: dict[str, ListKey] = {}
    moved: dict[str, ListKey] = {}
    for (name, access), document_ids in together.items():
        if held.get(name) == access:
            continue
        keys = {
            document_id: ListKey(standing[document_id].source, standing[document_id].space, access)
            for document_id in document_ids
        }
        if sizes.get(name) == len(document_ids):
            rewritten[name] = keys[document_ids[0]]
        else:
            moved |= keys
    return Plan(rewritten, moved)


def standing_of(document_ids: Sequence[str]) -> Body:
    """Ask where these documents stand, from columns: vectors stay on disk."""
    return {
        "size": len(document_ids),
        **COLUMNS_ALONE,
        "docvalue_fields": ["source", "space", "access_list"],
        "query": {"ids": {"values": [engine_id(id_) for id_ in document_ids]}},
        "sort": [{"id": "asc"}],
    }


def read_standing(answer: Body) -> Mapping[str, Standing]:
    """Read where documents stand, by id; those not kept are left out."""
    return {
        hit["sort"][0]: Standing(
            hit["fields"]["source"][0],
            hit["fields"].get("space", [""])[0],
            hit["fields"]["access_list"][0],
        )
        for hit in answer["hits"]["hits"]
    }


def sizes_of(names: Sequence[str]) -> Body:
    """Ask how many documents name each of these lists: every one is counted, exactly."""
    return {
        "size": 0,
        "query": {"terms": {"access_list": list(names)}},
        "aggs": {"lists": {"terms": {"field": "access_list", "size": len(names)}}},
    }


def sizes_in(source: str, names: Sequence[str]) -> Body:
    """Ask the same of the documents of one source."""
    body = sizes_of(names)
    return {**body, "query": {"bool": {"filter": [body["query"], {"term": {"source": source}}]}}}


def read_sizes(answer: Body) -> Mapping[str, int]:
    """Read how many documents name each list."""
    return {
        bucket["key"]: bucket["doc_count"] for bucket in answer["aggregations"]["lists"]["buckets"]
    }
