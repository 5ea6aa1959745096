"""Raise documents of the place that a question names. Pure."""

from collections.abc import Mapping, Sequence

from expertise.places import AskedPlace
from indexer.french.analysis import analyse_query
from indexer.values import HitAttributes
from search_api.ranking.fusion import FusedHit
from search_api.ranking.titles import title_terms

PLACE_WEIGHT = 0.1
"""Share of its score that a document of the place gains."""


def placed(
    hits: Sequence[FusedHit], attributes: Mapping[str, HitAttributes], place: AskedPlace | None
) -> tuple[FusedHit, ...]:
    """Return the hits, best first, after documents of the place gained a share of their score.

    A document belongs to a place if its area lies there, or if its title names it.
    """
    if place is None:
        return tuple(hits)
    said = [frozenset(term.term for term in analyse_query(one)) for one in place.parts]

    def is_there(hit: FusedHit) -> bool:
        mark = attributes.get(hit.document_id)
        if mark is None:
            return False
        if mark.area in place.departements:
            return True
        title = frozenset().union(*title_terms(mark.title))
        return any(words and words <= title for words in said)

    again = [
        hit._replace(score=hit.score * (1 + PLACE_WEIGHT)) if is_there(hit) else hit for hit in hits
    ]
    return tuple(sorted(again, key=lambda hit: (-hit.score, hit.document_id)))
