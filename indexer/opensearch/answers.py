"""Converts the engine's answers to values."""

from binascii import a2b_base64
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from connectors.values import Access
from indexer.cards import card_of
from indexer.highlighting import highlights
from indexer.opensearch.client import UnavailableNow
from indexer.opensearch.requests import Searches
from indexer.opensearch.schema import Body, hit_attributes_of
from indexer.relevance import information
from indexer.suggestions import best_titles
from indexer.values import (
    UNDATED,
    Card,
    DocumentText,
    FacetValue,
    IndexEntry,
    Passage,
    SearchAnswer,
    SearchHit,
    SearchRequest,
    ShownDocument,
    ShownPassage,
    Suggestion,
)


def whole(answer: Body) -> Body:
    """Return the answer. Raises `UnavailableNow` if a shard failed or was late."""
    if answer.get("timed_out") or answer["_shards"]["failed"]:
        raise UnavailableNow("Une partie de l'index n'a pas répondu : réessayez plus tard.")
    return answer


def search_answer(
    searches: Searches, lexical: Body | None, vector: Body | None, counts: Body | None
) -> SearchAnswer:
    """Combine the answers of one `_msearch`."""
    # Documents in both rankings are read once.
    parts = [part["hits"]["hits"] for part in (lexical, vector) if part]
    hits = {hit["sort"][1]: hit for part in parts for hit in part}
    return SearchAnswer(
        lexical=_ranked(lexical, _seconds if searches.newest_first else float),
        vector=_ranked(vector, _cosine),
        **(counted(counts) if counts else {"total": 0, "facets": {}}),
        attributes={
            id_: hit_attributes_of(
                fields["mark"][0],
                "".join(fields.get("title_begun", ())),
                "".join(fields.get("area", ())),
            )
            for id_, hit in hits.items()
            if (fields := hit.get("fields"))
        },
        terms_dropped=searches.terms_dropped,
    )


def shares(weights: Body, aside: int) -> tuple[float, ...]:
    """Return the share of information of each part of the question among readable documents.

    The last `aside` parts do not count (`indexer.relevance.aside_parts`).
    """
    buckets = weights.get("aggregations", {}).get("parts", {}).get("buckets", {})
    counts = [buckets[str(number)]["doc_count"] for number in range(len(buckets))]
    return information(counts, weights["hits"]["total"]["value"], aside)


def close(answer: SearchAnswer, request: SearchRequest) -> tuple[str, ...]:
    """Return the ids of the first W vector hits that reach the cosine of the cut."""
    least = request.cut.cosine if request.cut else -1.0
    nearest = answer.vector[: request.window]
    return tuple(hit.document_id for hit in nearest if hit.score >= least)


def document_shares(answer: Body) -> dict[str, float]:
    """Return, from the answer to `members_of`, each document's share of the information."""
    return {str(hit["sort"][0]): float(hit["_score"]) for hit in answer["hits"]["hits"]}


def counted(counts: Body) -> dict[str, Any]:
    """Return total and facets as fields of a `SearchAnswer`."""
    facets = counts.get("aggregations", {})
    return {
        "total": counts["hits"]["total"]["value"],
        "facets": {name: _facet(facet) for name, facet in facets.items()},
    }


def _ranked(answer: Body | None, score: Callable[[float], float]) -> tuple[SearchHit, ...]:
    """Return the hits from their sort keys (score or date, id), without reading their source."""
    keys = (hit["sort"] for hit in answer["hits"]["hits"]) if answer else ()
    return tuple(SearchHit(document_id, score(key)) for key, document_id in keys)


def _cosine(score: float) -> float:
    """Return the cosine of the engine's score, (1 + cosine) / 2, rounded as on the other engine."""
    return round(2 * score - 1, 6)


def _seconds(milliseconds: float) -> float:
    """Return seconds since the epoch: the score in an order by date."""
    return max(milliseconds / 1000, UNDATED)


def _facet(facet: Body) -> tuple[FacetValue, ...]:
    return tuple(FacetValue(bucket["key"], bucket["doc_count"]) for bucket in facet["buckets"])


def card(encoded: str) -> Card:
    """Return the card in a document's column `card`, which is in base64."""
    # The engine omits the padding in columns; more padding than needed is ignored.
    return card_of(a2b_base64(encoded + "==").decode())


def cards(answer: Body) -> list[Card]:
    """Return the cards of documents that the reader may read, from their column."""
    return [_card(hit) for hit in answer["hits"]["hits"]]


def _card(hit: Body) -> Card:
    return card(hit["fields"]["card"][0])


def shown(
    answer: Body, wanted: frozenset[str], successors: Body | None = None
) -> Mapping[str, ShownDocument]:
    """Return the card and passages to show of each document that the reader may read, by id.

    `wanted` are the terms to highlight; `successors` is the answer with the documents that replace
    them.
    """
    replacing = cards(successors) if successors else []
    documents = {}
    for hit in answer["hits"]["hits"]:
        own = _card(hit)
        best = hit["inner_hits"]["passages"]["hits"]["hits"] if "inner_hits" in hit else ()
        documents[own.document_id] = ShownDocument(
            own,
            tuple(_passage(row, wanted) for row in best),
            tuple(successor for successor in replacing if own.document_id in successor.replaces),
        )
    return documents


def document_text(answer: Body) -> DocumentText | None:
    """Return a document's text; None if it is not indexed or the reader may not read it."""
    for hit in answer["hits"]["hits"]:
        rows = hit["_source"].get("passages", ())
        inside = hit["inner_hits"]["passages"]["hits"]["hits"]
        first = np.array(inside[0]["_source"]["vector"], np.float32) if inside else None
        return DocumentText(_card(hit), tuple(map(_passage_of, rows)), first)
    return None


def _passage_of(row: Body) -> Passage:
    return Passage(row["text"], row["heading"], row["author"], row["page"], row["path"])


def _passage(hit: Body, wanted: frozenset[str]) -> ShownPassage:
    passage = _passage_of(hit["_source"])
    return ShownPassage(passage, hit["_score"], highlights(passage.text, wanted))


def suggestions(answer: Body, prefix: str, limit: int) -> tuple[Suggestion, ...]:
    """Return the best titles: exact prefixes first, then short titles."""
    titles = [(hit["fields"]["title_begun"][0], hit["sort"][1]) for hit in answer["hits"]["hits"]]
    return best_titles(titles, prefix, limit)


def list_of(hit: Body) -> str:
    """Return the access list in a row of a scan."""
    return str(hit["fields"]["access_list"][0])


def entry_of(hit: Body, held: Mapping[str, Access]) -> IndexEntry:
    """Return the entry in a row of a scan; nobody can read a document whose list is missing."""
    columns = hit.get("fields", {})
    return IndexEntry(
        document_id=hit["sort"][0],
        content_hash=columns.get("content_hash", [""])[0],
        record_hash=columns.get("record_hash", [""])[0],
        access=held.get(list_of(hit), Access()),
    )
