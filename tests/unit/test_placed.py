"""Among equally good documents, those of the place that a question names rank higher."""

import pytest

from expertise.places import place_in
from indexer.values import HitAttributes
from search_api.ranking.fusion import FusedHit
from search_api.ranking.placed import placed

pytestmark = pytest.mark.search


def hit(name: str, score: float) -> FusedHit:
    return FusedHit(name, score, score, 1, score, 1)


HITS = (hit("general", 0.9), hit("area", 0.88), hit("title", 0.86), hit("faraway", 0.3))
MARKS = {
    "general": HitAttributes("wiki", title="Transports exceptionnels", area="58"),
    "area": HitAttributes("wiki", title="Points noirs", area="48"),
    "title": HitAttributes("wiki", title="Convois en Lozère"),
    "faraway": HitAttributes("wiki", title="Cantine", area="48"),
}


def test_a_document_of_the_place_passes_one_that_answers_alike() -> None:
    """By its area or its title; one that hardly answers stays where it was."""
    found = placed(HITS, MARKS, place_in("transports exceptionnels en Lozère"))
    assert [one.document_id for one in found] == ["area", "title", "general", "faraway"]


def test_without_a_place_nothing_moves() -> None:
    assert placed(HITS, MARKS, None) == HITS
    assert placed(HITS, {}, place_in("en Lozère")) == HITS
