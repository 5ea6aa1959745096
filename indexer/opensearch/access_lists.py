"""Access lists: who may read the documents that name a list, and requests to their index.

Because a change of a document re-indexes its vectors, a document only has the name of a list. If
the readers of a folder change, only its list is written. Nobody can read a document whose list is
missing.
"""

import hashlib
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from connectors.values import Access, authority_of
from indexer.access import AccessFilter
from indexer.opensearch.schema import COLUMNS_ALONE, FORMAT, KEYWORD, SAME_AT_ONCE, Body, copies

MOST_READABLE = 65_536
"""Maximum number of lists that one reader may read: the limit of the engine's `terms`."""

LISTS_PAGE = 5_000


@dataclass(frozen=True, slots=True)
class ListKey:
    """The source, space and access that all documents of a list share."""

    source: str
    space: str
    access: Access

    @property
    def digest(self) -> str:
        """A hash that identifies the key (SHA-256 of its JSON)."""
        parts = [self.source, self.space, sorted(self.access.allowed), sorted(self.access.denied)]
        return hashlib.sha256(json.dumps(parts).encode()).hexdigest()


@dataclass(frozen=True, slots=True)
class ReadableLists:
    """The lists that an access filter admits. Only `AccessLists` makes them."""

    access: AccessFilter
    names: tuple[str, ...]

    def clause_for(self, access: AccessFilter) -> Body:
        """Return the clause of every sub-query. Raises `ValueError` for another reader's filter."""
        if access != self.access:
            raise ValueError("these lists were read for another access filter")
        readable = {"terms": {"access_list": list(self.names)}}
        if access.spaces is None:
            return readable
        return {"bool": {"filter": [readable, {"terms": {"space": sorted(access.spaces)}}]}}


def lists_index_body(replicas: int | None = None) -> Body:
    """Return settings and mapping of the index of access lists.

    It has one shard, so that a search sees all lists as of one moment.
    """
    return {
        "settings": {
            "index": {
                "number_of_shards": 1,
                **copies(replicas),
                **SAME_AT_ONCE,
                # A reader's lists come in one answer, so that no write comes in between.
                "max_result_window": MOST_READABLE + 1,
            }
        },
        "mappings": {
            "dynamic": "strict",
            "_meta": {"format": FORMAT},
            "properties": {
                "name": KEYWORD,
                "source": KEYWORD,
                "allowed": KEYWORD,
                "denied": KEYWORD,
                "denied_authorities": KEYWORD,
                "joined_by": KEYWORD,
            },
        },
    }


def new_list(name: str, key: ListKey) -> Body:
    """Return a list that other documents with the same key may join."""
    return {**rewritten_list(name, key.source, key.access), "joined_by": key.digest}


def rewritten_list(name: str, source: str, access: Access) -> Body:
    """Return a list whose readers have changed. No other document may join it.

    A search may still use the list for its former readers. As long as no new document gets the
    list, it finds only documents that they could read.
    """
    return {
        "name": name,
        "source": source,
        "allowed": sorted(access.allowed),
        "denied": sorted(access.denied),
        "denied_authorities": sorted(set(map(authority_of, access.denied))),
    }


def access_clause(access: AccessFilter) -> Body:
    """Translate the access filter; no other function does (`AccessFilter` is the reference)."""
    principals = sorted(access.principals)
    held = [] if access.sources is None else [{"terms": {"source": sorted(access.sources)}}]
    return {
        "bool": {
            "filter": [{"terms": {"allowed": principals}}, *held],
            "must_not": [
                {"terms": {"denied": principals}},
                {"terms": {"denied_authorities": sorted(access.unanswered)}},
            ],
        }
    }


def readable_lists(access: AccessFilter) -> Body:
    """Return the request for the lists that the filter admits, with one more to detect too many.

    If the filter checks denied principals, they are in the same answer, so that no write can happen
    in between.
    """
    return {
        "size": MOST_READABLE + 1,
        **COLUMNS_ALONE,
        **({"docvalue_fields": ["denied"]} if access.known else {}),
        "track_total_hits": False,
        "query": access_clause(access),
        "sort": [{"name": "asc"}],
    }


def read_readable(answer: Body, access: AccessFilter) -> tuple[str, ...]:
    """Return the names of the lists, without those that deny an unknown principal."""
    denied = {
        hit["sort"][0]: frozenset(hit.get("fields", {}).get("denied", ()))
        for hit in answer["hits"]["hits"]
    }
    strangers = access.strangers(frozenset().union(*denied.values()))
    return tuple(name for name, whom in denied.items() if strangers.isdisjoint(whom))


def joinable_lists(digests: Sequence[str]) -> Body:
    """Return the request for lists that were created for these keys and never rewritten."""
    return {
        "size": MOST_READABLE,
        "_source": ["name", "joined_by"],
        "query": {"terms": {"joined_by": list(digests)}},
        "sort": [{"name": "asc"}],
    }


def named_lists(names: Sequence[str]) -> Body:
    """Return the request for the access of these lists."""
    return {
        "size": len(names),
        "_source": ["name", "allowed", "denied"],
        "query": {"terms": {"name": list(names)}},
    }


def lists_of_source(source: str) -> Body:
    """Return the request for a source's lists, for `Alias.each`."""
    return {
        "size": LISTS_PAGE,
        "_source": ["name", "allowed", "denied"],
        "query": {"term": {"source": source}},
        "sort": [{"name": "asc"}],
    }


def every_list() -> Body:
    """Return the request for the names of all lists, for `Alias.each`."""
    return {
        "size": LISTS_PAGE,
        "_source": False,
        "query": {"match_all": {}},
        "sort": [{"name": "asc"}],
    }


def accesses(hits: Iterable[Body]) -> dict[str, Access]:
    """Return the access of each list by name."""
    rows = [hit["_source"] for hit in hits]
    return {
        row["name"]: Access(frozenset(row["allowed"]), frozenset(row["denied"])) for row in rows
    }
