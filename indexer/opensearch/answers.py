"""The engine's answers, read into values."""

from binascii import a2b_base64
from collections.abc import Callable, Iterator, Mapping
from datetime import date, datetime
from typing import Any

import numpy as np

from connectors.values import ROLES_BY_NAME, Access, Contribution
from indexer.cards import card_of
from indexer.highlighting import highlights
from indexer.opensearch.client import UnavailableNow
from indexer.opensearch.requests import Searches
from indexer.opensearch.schema import Body, hit_attributes_of
from indexer.relevance import information
from indexer.suggestions import best_titles
from indexer.values import (
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

UNDATED = -62_135_596_800.0
"""The score of a document without dates among the newest: the year 1 (seconds, epoch)."""


def whole(answer: Body) -> Body:
    """Give the answer, if every shard gave its part in time; raises `UnavailableNow`."""
    if answer.get("timed_out") or answer["_shards"]["failed"]:
        raise UnavailableNow("Une partie de l'index n'a pas répondu : réessayez plus tard.")
    return answer


def search_answer(
    asked: Searches, lexical: Body | None, vector: Body | None, counts: Body | None
) -> SearchAnswer:
    """Put the parts of one `_msearch` together."""
    # What both rankings found is read once.
    parts = [part["hits"]["hits"] for part in (lexical, vector) if part]
    hits = {hit["sort"][1]: hit for part in parts for hit in part}
    return SearchAnswer(
        lexical=_ranked(lexical, _seconds if asked.newest_first else float),
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
        terms_dropped=asked.terms_dropped,
    )


def shares(weights: Body, aside: int) -> tuple[float, ...]:
    """What each part of the question weighs among what the reader may read.

    The last `aside` parts are set aside.
    """
    buckets = weights.get("aggregations", {}).get("parts", {}).get("buckets", {})
    counts = [buckets[str(number)]["doc_count"] for number in range(len(buckets))]
    return information(counts, weights["hits"]["total"]["value"], aside)


def close(found: SearchAnswer, request: SearchRequest) -> tuple[str, ...]:
    """The ids of the first W by vector that are near enough."""
    least = request.cut.cosine if request.cut else -1.0
    nearest = found.vector[: request.window]
    return tuple(hit.document_id for hit in nearest if hit.score >= least)


def said(answer: Body) -> dict[str, float]:
    """Read the answer to `members_of`: each document's share of the question's information."""
    return {str(hit["sort"][0]): float(hit["_score"]) for hit in answer["hits"]["hits"]}


def counted(counts: Body) -> dict[str, Any]:
    """Total and facets, as a `SearchAnswer` names them."""
    facets = counts.get("aggregations", {})
    return {
        "total": counts["hits"]["total"]["value"],
        "facets": {name: _facet(found) for name, found in facets.items()},
    }


def _ranked(answer: Body | None, score: Callable[[float], float]) -> tuple[SearchHit, ...]:
    """Each hit carries its sort keys, by what it is ranked and its id, which spares its source."""
    keys = (hit["sort"] for hit in answer["hits"]["hits"]) if answer else ()
    return tuple(SearchHit(document_id, score(key)) for key, document_id in keys)


def _cosine(score: float) -> float:
    """From the engine's (1 + cosine) / 2."""
    return 2 * score - 1


def _seconds(milliseconds: float) -> float:
    """Since the epoch: the score of what is ranked by its date."""
    return max(milliseconds / 1000, UNDATED)


def _facet(found: Body) -> tuple[FacetValue, ...]:
    return tuple(FacetValue(bucket["key"], bucket["doc_count"]) for bucket in found["buckets"])


def card(source: Body) -> Card:
    """Read a document without its text."""
    return Card(
        document_id=source["id"],
        source=source["source"],
        **{
            name: source.get(name, "")
            for name in ("title", "url", "kind", "language", "space", "part_of", "entity", "area")
        },
        created=_moment(source, "created"),
        modified=_moment(source, "modified"),
        valid_from=source.get("valid_from"),
        valid_until=source.get("valid_until"),
        replaces=tuple(source.get("replaces", ())),
        evidence=source["evidence"],
        contributions=tuple(map(_contribution, source.get("contributions", ()))),
        signed=source.get("signed", True),
    )


def _contribution(row: Body) -> Contribution:
    return Contribution(
        account=row["account"],
        role=ROLES_BY_NAME[row["role"]],
        label=row["label"],
        count=int(row["count"]),  # beyond 64 bits it is read as a float
        first=date.fromisoformat(row["first"]) if row["first"] else None,
        last=date.fromisoformat(row["last"]) if row["last"] else None,
        years=tuple((year, int(count)) for year, count in row["years"]),
        thanks=row.get("thanks", 0),
        volume=row.get("volume"),
    )


def _moment(source: Body, name: str) -> datetime | None:
    return datetime.fromisoformat(source[name]) if name in source else None


def cards(answer: Body) -> Iterator[Card]:
    """Read the cards of documents that the reader may read, from their column."""
    for hit in answer["hits"]["hits"]:
        # The engine leaves the padding out.
        yield card_of(a2b_base64(hit["fields"]["card"][0] + "==").decode())


def shown(
    answer: Body, wanted: frozenset[str], successors: Body | None = None
) -> Mapping[str, ShownDocument]:
    """Read what is to be shown of each document that the reader may read, by id.

    `wanted` are the terms to highlight; `successors` answers what replaces them.
    """
    replacing = [card(hit["_source"]) for hit in successors["hits"]["hits"]] if successors else []
    found = {}
    for hit in answer["hits"]["hits"]:
        own = card(hit["_source"])
        best = hit["inner_hits"]["passages"]["hits"]["hits"] if "inner_hits" in hit else ()
        found[own.document_id] = ShownDocument(
            own,
            tuple(_passage(row, wanted) for row in best),
            tuple(one for one in replacing if own.document_id in one.replaces),
        )
    return found


def document_text(answer: Body) -> DocumentText | None:
    """Read a whole text; None where the reader may not read it, or there is none."""
    for hit in answer["hits"]["hits"]:
        rows = hit["_source"].get("passages", ())
        inside = hit["inner_hits"]["passages"]["hits"]["hits"]
        first = np.array(inside[0]["_source"]["vector"], np.float32) if inside else None
        return DocumentText(card(hit["_source"]), tuple(map(_passage_of, rows)), first)
    return None


def _passage_of(row: Body) -> Passage:
    return Passage(row["text"], row["heading"], row["author"], row["page"], row["path"])


def _passage(hit: Body, wanted: frozenset[str]) -> ShownPassage:
    passage = _passage_of(hit["_source"])
    return ShownPassage(passage, hit["_score"], highlights(passage.text, wanted))


def suggestions(answer: Body, prefix: str, limit: int) -> tuple[Suggestion, ...]:
    """Titles: those that begin with what is typed first, short ones before long ones."""
    found = [(hit["fields"]["title_begun"][0], hit["sort"][1]) for hit in answer["hits"]["hits"]]
    return best_titles(found, prefix, limit)


def list_of(hit: Body) -> str:
    """Read the access list of one row of a scan."""
    return str(hit["fields"]["access_list"][0])


def kept(hit: Body, held: Mapping[str, Access]) -> IndexEntry:
    """Read one row of a scan; a document whose list is missing is read by nobody."""
    columns = hit.get("fields", {})
    return IndexEntry(
        document_id=hit["sort"][0],
        content_hash=columns.get("content_hash", [""])[0],
        record_hash=columns.get("record_hash", [""])[0],
        access=held.get(list_of(hit), Access()),
    )
