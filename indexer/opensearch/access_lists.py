"""Who may read: lists that documents name, kept beside them, and the requests to these.

A change of a document re-indexes its vectors, so a document carries only the name of a
list. A folder whose readers change is then one write, of its list. A document whose list
is not there is read by nobody.
"""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from connectors.values import Access, authority_of
from indexer.access import AccessFilter
from indexer.opensearch.schema import (
    COLUMNS_ALONE,
    FORMAT,
    KEYWORD,
    SAME_AT_ONCE,
    Body,
    copies,
)

MOST_READABLE = 65_536
"""How many lists one reader may read: the most values that the engine's `terms` takes."""

LISTS_PAGE = 5_000


@dataclass(frozen=True, slots=True)
class ListKey:
    """What documents have in common that share a list: a folder has lists of its own."""

    source: str
    space: str
    access: Access

    @property
    def digest(self) -> str:
        """The same for equal keys only (SHA-256 of their JSON)."""
        parts = [self.source, self.space, sorted(self.access.allowed), sorted(self.access.denied)]
        return hashlib.sha256(json.dumps(parts).encode()).hexdigest()


@dataclass(frozen=True, slots=True)
class ReadableLists:
    """The lists that an access filter admits. Made by `AccessLists.readable` and nowhere else."""

    access: AccessFilter
    names: tuple[str, ...]

    def clause_for(self, access: AccessFilter) -> Body:
        """Give the clause of every sub-query; refuses the lists of another reader."""
        if access != self.access:
            raise ValueError("these lists were read for another access filter")
        return {"terms": {"access_list": list(self.names)}}


def lists_index_body(replicas: int | None = None) -> Body:
    """Declare settings and mapping of the index of lists: one shard, one snapshot."""
    return {
        "settings": {
            "index": {
                "number_of_shards": 1,
                **copies(replicas),
                **SAME_AT_ONCE,
                # A reader's lists come in one answer, which no write divides.
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
    """Give a list that documents of that key may join."""
    return {**rewritten_list(name, key.source, key.access), "joined_by": key.digest}


def rewritten_list(name: str, source: str, access: Access) -> Body:
    """Give a list whose readers have changed. No further document joins it.

    A search that learned of its former readers may still be under way; what it can find
    is what they could read, as long as nothing new comes in under the same name.
    """
    return {
        "name": name,
        "source": source,
        "allowed": sorted(access.allowed),
        "denied": sorted(access.denied),
        "denied_authorities": sorted(set(map(authority_of, access.denied))),
    }


def access_clause(access: AccessFilter) -> Body:
    """Translate the access filter: the one place (`AccessFilter` is its reference)."""
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
    """All lists that the filter's clause admits, and one more than can be used.

    The one more is to notice too many. Whom they deny comes with them where that is to be
    known: it is in the same answer, which no write divides.
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
    """Read the names of the lists, without those whose denials name nobody known."""
    denied = {
        hit["sort"][0]: frozenset(hit.get("fields", {}).get("denied", ()))
        for hit in answer["hits"]["hits"]
    }
    strangers = access.strangers(frozenset().union(*denied.values()))
    return tuple(name for name, whom in denied.items() if strangers.isdisjoint(whom))


def joinable_lists(digests: Sequence[str]) -> Body:
    """Lists made for these keys and never rewritten."""
    return {
        "size": MOST_READABLE,
        "_source": ["name", "joined_by"],
        "query": {"terms": {"joined_by": list(digests)}},
        "sort": [{"name": "asc"}],
    }


def named_lists(names: Sequence[str]) -> Body:
    """What these lists hold."""
    return {
        "size": len(names),
        "_source": ["name", "allowed", "denied"],
        "query": {"terms": {"name": list(names)}},
    }


def lists_of_source(source: str, after: str | None = None) -> Body:
    """One page of what the lists of a source hold."""
    return {
        "size": LISTS_PAGE,
        "_source": ["name", "allowed", "denied"],
        "query": {"term": {"source": source}},
        "sort": [{"name": "asc"}],
        **({} if after is None else {"search_after": [after]}),
    }


def every_list(after: str | None = None) -> Body:
    """One page of the names of all lists."""
    return {
        "size": LISTS_PAGE,
        "_source": False,
        "query": {"match_all": {}},
        "sort": [{"name": "asc"}],
        **({} if after is None else {"search_after": [after]}),
    }


def whole_lists(after: str | None = None) -> Body:
    """One page of all lists, each with the number of its last write."""
    return {
        "size": LISTS_PAGE,
        "seq_no_primary_term": True,
        "query": {"match_all": {}},
        "sort": [{"name": "asc"}],
        **({} if after is None else {"search_after": [after]}),
    }


def in_form(kept: Body) -> Body | None:
    """A list with its principals in their form; None where they are so already.

    No further document joins it: it may mean what another list means too.
    """
    access = Access(frozenset(kept["allowed"]), frozenset(kept["denied"]))
    if access.allowed == set(kept["allowed"]) and access.denied == set(kept["denied"]):
        return None
    return rewritten_list(kept["name"], kept["source"], access)


def accesses(answer: Body) -> Mapping[str, Access]:
    """Read what lists hold, by name."""
    rows = [hit["_source"] for hit in answer["hits"]["hits"]]
    return {
        row["name"]: Access(frozenset(row["allowed"]), frozenset(row["denied"])) for row in rows
    }
