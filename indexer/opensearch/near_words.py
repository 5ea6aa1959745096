"""Words written nearly as one that no readable document has: requests, and what they tell.

The engine's suggesters see every document. These are ordinary queries under the access
filter; `constant_score` tries all near words of the engine's dictionary, so that those
of unreadable documents take no place.
"""

from collections.abc import Mapping

from indexer.access import AccessFilter
from indexer.french import EXACT, asked
from indexer.opensearch.access_lists import ReadableLists
from indexer.opensearch.schema import Body
from indexer.spelling import NEAR_DOCUMENTS, NearWord, near_in, nearest

_FIELDS = ("title_terms", "text")


def standing(access: AccessFilter, lists: ReadableLists, word: str) -> Body:
    """Whether a readable document has the word, in any of its forms."""
    terms = sorted({found.term for found in asked(word)})
    forms = [{"terms": {field: terms}} for field in _FIELDS]
    return {
        "size": 0,
        "track_total_hits": 1,
        "query": {
            "bool": {"filter": [lists.clause_for(access), {"bool": {"should": forms}}]},
        },
    }


def stands(answer: Body) -> bool:
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
