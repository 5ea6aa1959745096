"""Requests with their answers.

What is kept, whoever may read it, and readable words near another one.

The engine's suggesters see every document. Near words come from ordinary queries under the access
filter; `constant_score` tries all near words of the engine's dictionary, so that those
of unreadable documents take no place.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

from connectors.values import Access
from indexer.access import AccessFilter
from indexer.cards import document_of
from indexer.french.analysis import EXACT, analyse_query
from indexer.opensearch.access_lists import ReadableLists
from indexer.opensearch.answers import card
from indexer.opensearch.schema import COLUMNS_ALONE, Body, engine_id
from indexer.suggestions import NEAR_DOCUMENTS, NearWord, near_in, nearest
from indexer.values import IndexedDocument, Passage

WHOLE_PAGE = 32
"""How many whole documents one request asks for: vectors as text take some 5 kB a passage."""

MOST_SOURCES = 10_000
SCAN_PAGE = 5_000


_KEPT_COLUMNS = ["content_hash", "record_hash", "access_list"]


def kept_documents(document_ids: Sequence[str]) -> Body:
    """What is kept of these documents, read from columns: vectors stay on disk."""
    return {
        "size": len(document_ids),
        **COLUMNS_ALONE,
        "docvalue_fields": _KEPT_COLUMNS,
        "query": {"ids": {"values": [engine_id(id_) for id_ in document_ids]}},
        "sort": [{"id": "asc"}],
    }


def counted(source: str) -> Body:
    """How many documents are kept of a source: documents, not their passages."""
    return {"size": 0, "track_total_hits": True, "query": {"term": {"source": source}}}


def scanned(source: str, after: str | None = None) -> Body:
    """One page of everything kept of a source, read from columns: vectors stay on disk."""
    return {
        "size": SCAN_PAGE,
        **COLUMNS_ALONE,
        "docvalue_fields": _KEPT_COLUMNS,
        "query": {"term": {"source": source}},
        "sort": [{"id": "asc"}],
        **({} if after is None else {"search_after": [after]}),
    }


def sources_kept() -> Body:
    """Ask for the sources of which documents are kept."""
    return {"size": 0, "aggs": {"sources": {"terms": {"field": "source", "size": MOST_SOURCES}}}}


def read_sources(answer: Body) -> frozenset[str]:
    """Read the names of the sources."""
    return frozenset(bucket["key"] for bucket in answer["aggregations"]["sources"]["buckets"])


def signed_by(account_keys: Sequence[str]) -> Body:
    """Ask which of these accounts, by their keys, contributed to a document."""
    hashed = {"field": "account_hash", "include": list(account_keys), "size": len(account_keys)}
    return {
        "size": 0,
        "query": {"terms": {"account_hash": list(account_keys)}},
        "aggs": {"signed": {"terms": hashed}},
    }


def read_signed(answer: Body) -> frozenset[str]:
    """Read the keys of accounts that contributed."""
    return frozenset(bucket["key"] for bucket in answer["aggregations"]["signed"]["buckets"])


def whole_documents(document_ids: Sequence[str]) -> Body:
    """Ask for all that is kept of these documents."""
    return {
        "size": len(document_ids),
        "query": {"ids": {"values": [engine_id(id_) for id_ in document_ids]}},
        "sort": [{"id": "asc"}],
    }


def lists_named(answer: Body) -> set[str]:
    """Read which access lists the documents name."""
    return {hit["_source"]["access_list"] for hit in answer["hits"]["hits"]}


def read_whole(
    answer: Body, held: Mapping[str, Access], dimension: int
) -> tuple[IndexedDocument, ...]:
    """Read whole documents; one whose list is missing is read by nobody."""
    return tuple(
        _whole(hit["_source"], held.get(hit["_source"]["access_list"], Access()), dimension)
        for hit in answer["hits"]["hits"]
    )


def _whole(source: Body, access: Access, dimension: int) -> IndexedDocument:
    rows = source.get("passages", ())
    vectors = np.array([row["vector"] for row in rows], np.float32)
    return IndexedDocument(
        document=replace(document_of(card(source), access), version=source.get("version", "")),
        passages=tuple(
            Passage(row["text"], row["heading"], row["author"], row["page"], row["path"])
            for row in rows
        ),
        vectors=vectors.reshape(-1, dimension),
        content_hash=source.get("content_hash", ""),
        record_hash=source.get("record_hash", ""),
    )


_FIELDS = ("title_terms", "text")


def word_request(access: AccessFilter, lists: ReadableLists, word: str) -> Body:
    """Whether a readable document has the word, in any of its forms."""
    terms = sorted({found.term for found in analyse_query(word)})
    forms = [{"terms": {field: terms}} for field in _FIELDS]
    return {
        "size": 0,
        "track_total_hits": 1,
        "query": {
            "bool": {"filter": [lists.clause_for(access), {"bool": {"should": forms}}]},
        },
    }


def word_found(answer: Body) -> bool:
    """Read the answer to `standing`."""
    return bool(answer["hits"]["total"]["value"])


def near_documents(access: AccessFilter, lists: ReadableLists, word: str, slips: int) -> Body:
    """Readable documents with a near word, the first by id, each with its first such passage."""
    inside = {
        "nested": {
            "path": "passages",
            "query": _fuzzy("passages.terms", EXACT + word, slips, len(EXACT)),
            "inner_hits": {"size": 1, "_source": ["passages.text"]},
        }
    }
    anywhere = {"bool": {"should": [_fuzzy("title_words", word, slips), inside]}}
    return {
        "size": NEAR_DOCUMENTS,
        "_source": ["title"],
        "track_total_hits": False,
        "query": {"bool": {"filter": [lists.clause_for(access), anywhere]}},
        "sort": [{"id": "asc"}],
    }


def _fuzzy(field: str, word: str, slips: int, prefix: int = 0) -> Body:
    wanted = {
        "value": word,
        "fuzziness": slips,
        "prefix_length": prefix,
        "rewrite": "constant_score",
    }
    return {"fuzzy": {field: wanted}}


def near(answer: Body, word: str, slips: int) -> tuple[NearWord, ...]:
    """Read the answer to `near_documents`."""
    return nearest(word, (_near_in(hit, word, slips) for hit in answer["hits"]["hits"]), slips)


def _near_in(hit: Body, word: str, slips: int) -> Mapping[str, str]:
    passages = hit["inner_hits"]["passages"]["hits"]["hits"]
    texts = [*(row["_source"]["text"] for row in passages), hit["_source"].get("title", "")]
    found: dict[str, str] = {}
    for text in texts:
        found |= near_in(text, word, slips)
    return found
