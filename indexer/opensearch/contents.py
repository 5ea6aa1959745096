"""Requests and answers for the index's contents (without access filter), and for similar words.

The engine's suggesters see every document. Similar words therefore come from ordinary queries with
the access filter; `constant_score` tries all similar words of the engine's dictionary, so that
words of unreadable documents do not displace others.
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
from indexer.opensearch.requests import TEXT_FIELDS
from indexer.opensearch.schema import COLUMNS_ALONE, Body, by_ids, hit_attributes_of
from indexer.suggestions import NEAR_DOCUMENTS, NearWord, near_in, nearest
from indexer.values import IndexedDocument, Passage

WHOLE_PAGE = 32
"""Number of whole documents per request: vectors as text take about 5 kB per passage."""

MOST_SOURCES = 10_000
SCAN_PAGE = 5_000


_KEPT_COLUMNS = ["content_hash", "record_hash", "access_list"]


def kept_documents(document_ids: Sequence[str]) -> Body:
    """Return the request for entries of these documents, from columns, without vectors."""
    return {
        "size": len(document_ids),
        **COLUMNS_ALONE,
        "docvalue_fields": _KEPT_COLUMNS,
        "query": by_ids(document_ids),
        "sort": [{"id": "asc"}],
    }


def counted(source: str) -> Body:
    """Return the request for the number of a source's documents, without their passages."""
    return {"size": 0, "track_total_hits": True, "query": {"term": {"source": source}}}


def scanned(source: str) -> Body:
    """Return the request for a source's entries, for `Alias.each`: columns, without vectors."""
    return {
        "size": SCAN_PAGE,
        **COLUMNS_ALONE,
        "docvalue_fields": _KEPT_COLUMNS,
        "query": {"term": {"source": source}},
        "sort": [{"id": "asc"}],
    }


def sources_kept() -> Body:
    """Return the request for the sources that have indexed documents."""
    return {"size": 0, "aggs": {"sources": {"terms": {"field": "source", "size": MOST_SOURCES}}}}


def read_sources(answer: Body) -> frozenset[str]:
    """Return the names of the sources."""
    return frozenset(bucket["key"] for bucket in answer["aggregations"]["sources"]["buckets"])


def signed_by(account_keys: Sequence[str]) -> Body:
    """Return the request for the keys of accounts that contributed to a document."""
    hashed = {"field": "account_hash", "include": list(account_keys), "size": len(account_keys)}
    return {
        "size": 0,
        "query": {"terms": {"account_hash": list(account_keys)}},
        "aggs": {"signed": {"terms": hashed}},
    }


def read_signed(answer: Body) -> frozenset[str]:
    """Return the keys of accounts that contributed."""
    return frozenset(bucket["key"] for bucket in answer["aggregations"]["signed"]["buckets"])


def whole_documents(document_ids: Sequence[str]) -> Body:
    """Return the request for whole documents."""
    return {
        "size": len(document_ids),
        "query": by_ids(document_ids),
        "sort": [{"id": "asc"}],
    }


def lists_named(answer: Body) -> set[str]:
    """Return the access lists that the documents name."""
    return {hit["_source"]["access_list"] for hit in answer["hits"]["hits"]}


def read_whole(
    answer: Body, held: Mapping[str, Access], dimension: int
) -> tuple[IndexedDocument, ...]:
    """Return whole documents; nobody can read a document whose list is missing."""
    return tuple(
        _whole(hit["_source"], held.get(hit["_source"]["access_list"], Access()), dimension)
        for hit in answer["hits"]["hits"]
    )


def _whole(source: Body, access: Access, dimension: int) -> IndexedDocument:
    rows = source.get("passages", ())
    vectors = np.array([row["vector"] for row in rows], np.float32)
    return IndexedDocument(
        document=replace(
            document_of(card(source["card"]), access), version=source.get("version", "")
        ),
        passages=tuple(
            Passage(row["text"], row["heading"], row["author"], row["page"], row["path"])
            for row in rows
        ),
        vectors=vectors.reshape(-1, dimension),
        content_hash=source.get("content_hash", ""),
        record_hash=source.get("record_hash", ""),
        question_vectors=hit_attributes_of(source["mark"]).questions if "mark" in source else b"",
    )


def word_request(access: AccessFilter, lists: ReadableLists, word: str) -> Body:
    """Return the request that tells whether a readable document has a form of the word."""
    terms = sorted({term.term for term in analyse_query(word)})
    forms = [{"terms": {field: terms}} for field in TEXT_FIELDS]
    return {
        "size": 0,
        "track_total_hits": 1,
        "query": {"bool": {"filter": [lists.clause_for(access), {"bool": {"should": forms}}]}},
    }


def word_found(answer: Body) -> bool:
    """Return whether the answer to `word_request` has a document."""
    return bool(answer["hits"]["total"]["value"])


def near_documents(access: AccessFilter, lists: ReadableLists, word: str, slips: int) -> Body:
    """Return the request for readable documents with a similar word.

    It returns the first documents by id, each with its first passage that matches.
    """
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
    """Return the similar words in the answer to `near_documents`."""
    return nearest(word, (_near_in(hit, word, slips) for hit in answer["hits"]["hits"]), slips)


def _near_in(hit: Body, word: str, slips: int) -> Mapping[str, str]:
    passages = hit["inner_hits"]["passages"]["hits"]["hits"]
    texts = [*(row["_source"]["text"] for row in passages), hit["_source"].get("title", "")]
    near: dict[str, str] = {}
    for text in texts:
        near |= near_in(text, word, slips)
    return near
