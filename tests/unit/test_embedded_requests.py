"""Queries to tantivy, compared as whole texts."""

import pytest

from indexer.embedded.results import MAX_TERMS, text_request
from indexer.parsed_query import BOOSTING_WORDS, ParsedQuery
from indexer.values import Question

pytestmark = pytest.mark.search


def test_a_question_is_read_whole() -> None:
    """Distinct terms, phrases with their gaps, exclusions and the stated minimum."""
    asked = Question(
        "l'exonération, les exonérations de la CFE", ("caisse de retraite",), ("fonciers",)
    )
    assert text_request(asked) == ParsedQuery(
        terms=("exoner", "cfe"),
        minimum=1,
        phrases=(((0, "caiss"), (2, "retraite")),),
        excluded=(((0, "fonci"),),),
        exact=("=exoneration", "=exonerations", "=cfe"),
        pairs=(((0, "exoner"), (2, "exoner")), ((0, "exoner"), (3, "cfe"))),
    )


def test_what_lifts_a_match_is_bounded() -> None:
    """Neighbours that stand far apart lift nothing, nor do the words of a very long question."""
    assert text_request(Question("taxe le la les des salaires")).pairs == ()
    long = text_request(Question(" ".join(f"mot{n}" for n in range(MAX_TERMS))))
    assert (len(long.exact), len(long.pairs)) == (BOOSTING_WORDS, BOOSTING_WORDS - 1)


def test_a_question_without_its_asking_words() -> None:
    """They are dropped where other words are left, and never from a phrase."""
    assert text_request(Question("Comment faire une réclamation ?")).terms == ("reclam",)
    assert text_request(Question("Comment faire ?")).terms == ("comment", "fair")
    assert text_request(Question(phrases=("faire valoir",))).phrases == (
        ((0, "fair"), (1, "valoir")),
    )


@pytest.mark.parametrize(("words", "minimum"), [(0, 1), (1, 1), (9, 1), (10, 2), (15, 3), (512, 5)])
def test_the_minimum_is_a_share_of_the_terms(words: int, minimum: int) -> None:
    """Twenty percent, rounded down, and from one to five."""
    assert text_request(Question(" ".join(f"mot{n}" for n in range(words)))).minimum == minimum


def test_phrases_take_their_place_before_words() -> None:
    """What must or must not stand is kept when terms have to be dropped."""
    many = " ".join(f"mot{n}" for n in range(MAX_TERMS))
    request = text_request(Question(many, ("taxe foncière",), ("ordures",)))
    assert (len(request.terms), len(request.phrases), len(request.excluded)) == (509, 1, 1)
    assert request.terms_dropped
    assert not text_request(Question(many)).terms_dropped
