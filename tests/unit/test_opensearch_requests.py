"""Requests to OpenSearch, compared as a whole: every sub-query has the access filter."""

import json
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from opensearchpy import OpenSearch

from indexer.access import AccessFilter
from indexer.opensearch.access_lists import ReadableLists, access_clause, readable_lists
from indexer.opensearch.alias import Alias
from indexer.opensearch.bulk import chunks, last_words, move_line, put_line, remove_line
from indexer.opensearch.contents import scanned
from indexer.opensearch.requests import (
    OVERSAMPLED,
    same_copies,
    searches,
    shown_documents,
    suggested_titles,
)
from indexer.opensearch.schema import COLUMNS_ALONE, Body, engine_id
from indexer.parsed_query import EXACT_WEIGHT, PAIR_WEIGHT
from indexer.quantisation import SEVEN_BITS
from indexer.values import Put, PutAccess, Question, Remove, SearchRequest, ShowRequest
from tests.builders import allowed, put

pytestmark = pytest.mark.search

READER = AccessFilter(frozenset({"agent:a", "everyone"}), frozenset({"wiki"}))
ADMITTED = {
    "bool": {
        "filter": [{"terms": {"allowed": ["agent:a", "everyone"]}}],
        "must_not": [
            {"terms": {"denied": ["agent:a", "everyone"]}},
            {"terms": {"denied_authorities": ["wiki"]}},
        ],
    }
}
LISTS = ReadableLists(READER, ("l1", "l2"))
ACCESS = {"terms": {"access_list": ["l1", "l2"]}}
VECTOR = np.array([1.0, 0.0], dtype=np.float32)


FIELDS = ("title_terms", "text", "question_terms")


def anywhere(term: str) -> dict[str, dict[str, object]]:
    return {"bool": {"should": [{"term": {field: {"value": term}}} for field in FIELDS]}}


def side_by_side(places: str) -> dict[str, dict[str, object]]:
    return {"bool": {"should": [{"match_phrase": {field: {"query": places}}} for field in FIELDS]}}


def lifting(found: dict[str, dict[str, object]], weight: float) -> dict[str, object]:
    return {"bool": {**found["bool"], "boost": weight}}


def nearest(k: int, access_and_filters: list[object]) -> dict[str, Any]:
    binding = {
        "filter": [*access_and_filters, side_by_side("plan bleu")],
        "must_not": [anywhere("x")],
    }
    asked = {"vector": [1.0, 0.0], "k": k, "filter": {"bool": binding}}
    return {
        "nested": {
            "path": "passages",
            "score_mode": "max",
            "query": {"knn": {"passages.vector": asked}},
        }
    }


def test_the_access_filter_has_one_translation() -> None:
    """Allowed by one, denied by none, and by no authority that did not answer."""
    assert access_clause(READER) == ADMITTED
    held = access_clause(READER.within(frozenset({"wiki", "notes"})))["bool"]
    assert held["filter"] == [
        *ADMITTED["bool"]["filter"],
        {"terms": {"source": ["notes", "wiki"]}},
    ]
    assert held["must_not"] == ADMITTED["bool"]["must_not"]


def test_all_readable_lists_are_asked_for_at_once() -> None:
    """One snapshot, by name, and one more than the engine's `terms` takes."""
    assert readable_lists(READER) == {
        "size": 65_537,
        "stored_fields": "_none_",
        "track_total_hits": False,
        "query": ADMITTED,
        "sort": [{"name": "asc"}],
    }


def test_a_reader_without_lists_reads_nothing() -> None:
    """The clause stands there all the same, and no document satisfies it."""
    assert ReadableLists(READER, ()).clause_for(READER) == {"terms": {"access_list": []}}


def test_the_lists_of_another_reader_are_refused() -> None:
    """No request is built with them."""
    other = AccessFilter(frozenset({"agent:b"}), frozenset())
    with pytest.raises(ValueError, match="another access filter"):
        searches(SearchRequest(other, Question("a")), LISTS)
    with pytest.raises(ValueError, match="another access filter"):
        shown_documents(ShowRequest(other, ("wiki:1",), Question()), LISTS)
    with pytest.raises(ValueError, match="another access filter"):
        suggested_titles(other, LISTS, "a")


def test_a_search_is_two_rankings_and_counts() -> None:
    """Rights, filters, phrases and exclusions stand in each sub-query."""
    question = Question("l'impôt de la commune", phrases=("plan bleu",), excluded=("x",))
    filters = {"kind": ("page", "mail")}
    asked = searches(
        SearchRequest(READER, question, VECTOR, filters=filters, window=10, facets=("kind",)),
        LISTS,
    )
    narrowing: list[object] = [ACCESS, {"terms": {"kind": ["page", "mail"]}}]
    terms = [anywhere("impot"), anywhere("commun")]
    lifts = [
        lifting(anywhere("=impot"), EXACT_WEIGHT),
        lifting(anywhere("=commune"), EXACT_WEIGHT),
        lifting(side_by_side("impot _ _ commun"), PAIR_WEIGHT),
    ]
    lexical = {
        "bool": {
            "must": [
                side_by_side("plan bleu"),
                {"bool": {"should": terms, "minimum_should_match": 1}},
            ],
            "should": lifts,
            "filter": narrowing,
            "must_not": [anywhere("x")],
        }
    }
    ranking = {
        "size": 10,
        "stored_fields": "_none_",
        "track_total_hits": False,
        "sort": [{"_score": "desc"}, {"id": "asc"}],
    }
    assert asked.lexical == {**ranking, "query": lexical}
    assert asked.vector == {**ranking, "query": nearest(110, narrowing)}
    assert asked.counts == {
        "size": 0,
        "track_total_hits": True,
        "query": {"bool": {"should": [lexical, nearest(10, narrowing)], "minimum_should_match": 1}},
        "aggs": {"kind": {"terms": {"field": "kind", "size": 50, "shard_size": 10_000}}},
    }
    assert not asked.terms_dropped


def test_over_several_shards_the_nearest_are_counted_once_they_are_known() -> None:
    """Each shard has so many nearest: only W of all belong to the total."""
    request = SearchRequest(READER, Question("impôt"), VECTOR, window=10, facets=("kind",))
    one, several = searches(request, LISTS), searches(request, LISTS, shards=3)
    assert one.counts is not None
    assert not one.counted_after
    assert (several.counts, several.counted_after) == (None, True)
    by_words = searches(replace(request, vector=None), LISTS, shards=3)
    assert by_words.counts is not None
    assert not searches(replace(request, counted=False), LISTS, shards=3).counted_after


def test_what_small_vectors_find_is_scored_by_whole_ones() -> None:
    """More are sought, under the same filter, and each of their passages is scored exactly."""
    question = Question("", phrases=("plan bleu",), excluded=("x",))
    request = SearchRequest(READER, question, VECTOR, window=10, facets=("kind",))
    whole, small = searches(request, LISTS), searches(request, LISTS, quantisation=SEVEN_BITS)
    assert whole.vector is not None
    assert small.vector is not None
    sought = nearest(round(OVERSAMPLED * 110), [ACCESS])["nested"]
    sought["query"]["knn"]["passages.vector"]["expand_nested_docs"] = True
    exact = {
        "query": sought["query"],
        "script": {
            "lang": "knn",
            "source": "knn_score",
            "params": {
                "field": "passages.vector",
                "query_value": [1.0, 0.0],
                "space_type": "cosinesimil",
            },
        },
    }
    query = {"nested": {**sought, "query": {"script_score": exact}}}
    assert small.vector == {**whole.vector, "query": query}
    assert small.lexical == whole.lexical
    assert (small.counts, small.counted_after) == (None, True)


def test_a_question_asks_the_same_copies_each_time() -> None:
    """By what stands in it; the engine keeps names that begin with a line for itself."""
    first, again, other = map(same_copies, (Question("impôt"), Question("impôt"), Question("taxe")))
    assert first == again != other
    assert not first["preference"].startswith("_")
    assert same_copies(Question("\ud800"))


def test_an_empty_question_lists_the_newest_that_the_reader_may_read() -> None:
    """Everything, under the filter, by date and then by id."""
    asked = searches(SearchRequest(READER, Question(), window=10, facets=()), LISTS)
    everything = {
        "bool": {"must": [{"match_all": {}}], "should": [], "filter": [ACCESS], "must_not": []}
    }
    assert asked.lexical == {
        "size": 10,
        **COLUMNS_ALONE,
        "track_total_hits": False,
        "query": everything,
        "sort": [{"dated": {"order": "desc", "missing": "_last"}}, {"id": "asc"}],
    }
    assert asked.vector is None


def test_a_facet_that_does_not_exist_is_refused() -> None:
    """Nobody probes the access lists by way of a filter."""
    with pytest.raises(ValueError, match="access_list"):
        searches(SearchRequest(READER, Question("a"), filters={"access_list": ("x",)}), LISTS)


def test_documents_are_shown_under_the_filter() -> None:
    """Cards without text, vectors or rights; passages scored by words and by cosine."""
    body = shown_documents(ShowRequest(READER, ("wiki:1",), Question("impôts"), VECTOR, 2), LISTS)
    named = {"ids": {"values": [engine_id("wiki:1")]}}
    wanted = {"term": {"passages.terms": {"value": "impot"}}}
    best = body["query"]["bool"]["should"][0]["nested"]
    assert body["query"]["bool"]["filter"] == [ACCESS, named]
    assert (body["_source"], body["docvalue_fields"]) == (False, ["card"])
    assert best["query"]["bool"]["should"][:2] == [wanted, {"match_all": {"boost": 0}}]
    assert best["query"]["bool"]["should"][2]["script_score"]["script"]["params"] == {
        "field": "passages.vector",
        "query_value": [1.0, 0.0],
        "space_type": "cosinesimil",
    }
    assert best["inner_hits"]["size"] == 2
    cards = shown_documents(ShowRequest(READER, ("wiki:1",), Question("impôts"), None, 0), LISTS)
    assert cards["query"] == {"bool": {"filter": [ACCESS, named], "should": []}}
    assert best["inner_hits"]["_source"] == {"excludes": ["passages.vector", "passages.terms"]}


def test_suggestions_and_scans() -> None:
    """Typed words are folded and filtered by rights; a scan goes on after the last id of a page."""
    body = suggested_titles(READER, LISTS, "Impôt fonc")
    suggested = body["query"]["bool"]["filter"]
    assert (body["stored_fields"], body["docvalue_fields"]) == ("_none_", ["title_begun"])
    begun = {"title_words": {"query": "impot fonc", "operator": "and"}}
    assert suggested == [ACCESS, {"match_bool_prefix": begun}]
    asked: list[Body] = []

    class TwoPages(Alias):
        def search(self, body: Body) -> Body:
            asked.append(body)
            ids = (["wiki:1", "wiki:9"], ["wiki:9a"], [])[len(asked) - 1]
            return {"hits": {"hits": [{"sort": [id_]} for id_ in ids]}}

    alias = TwoPages(OpenSearch(), "quisait", 0)
    seen = [hit["sort"][0] for hit in alias.each(scanned("wiki"))]
    assert seen == ["wiki:1", "wiki:9", "wiki:9a"]
    assert asked[0] == scanned("wiki")
    assert [one["search_after"] for one in asked[1:]] == [["wiki:9"], ["wiki:9a"]]


def test_a_batch_says_one_thing_of_each_document() -> None:
    """Its last word, a change of access joined to what was put before it."""
    writes = last_words(
        [
            put("wiki:1", "a"),
            PutAccess("wiki:1", allowed("agent:z")),
            Remove("wiki:2"),
            PutAccess("wiki:2", allowed("agent:z")),
            put("wiki:3", "a"),
            Remove("wiki:3"),
        ]
    )
    first = writes["wiki:1"]
    assert isinstance(first, Put)
    assert first.indexed.document.access == allowed("agent:z")
    assert writes["wiki:2"] == Remove("wiki:2")
    assert writes["wiki:3"] == Remove("wiki:3")


def test_a_moved_document_gets_another_list_and_nothing_else() -> None:
    """Its text and vectors are not sent."""
    operation, change = map(json.loads, move_line("wiki:1", "l1").encoded.splitlines())
    target = {"_id": engine_id("wiki:1"), "require_alias": True, "retry_on_conflict": 3}
    assert (operation, change) == ({"update": target}, {"doc": {"access_list": "l1"}})


def test_a_request_has_a_bounded_size() -> None:
    """One operation that is larger goes alone."""
    lines = [
        remove_line("wiki:1"),
        put_line(put("wiki:2", "a" * 900).indexed, "l1"),
        remove_line("wiki:3"),
        remove_line("wiki:4"),
    ]
    sizes = [len(chunk) for chunk in chunks(lines, limit_bytes=600)]
    assert sizes == [1, 1, 2]
