"""What tantivy is asked, compared whole."""

import pytest

from indexer.embedded.requests import MAX_TERMS, TextRequest, text_request, typed_words
from indexer.values import Question

pytestmark = pytest.mark.search


def test_a_question_is_read_whole() -> None:
    """Distinct terms, phrases with their gaps, exclusions and the stated minimum."""
    asked = Question(
        "l'exonération, les exonérations de la CFE", ("caisse de retraite",), ("fonciers",)
    )
    assert text_request(asked) == TextRequest(
        terms=("exoner", "cfe"),
        minimum=1,
        phrases=(((0, "caiss"), (2, "retrait")),),
        excluded=(((0, "fonci"),),),
    )


@pytest.mark.parametrize(
    ("words", "minimum"), [(0, 1), (1, 1), (6, 1), (7, 2), (10, 3), (512, 153)]
)
def test_the_minimum_is_a_share_of_the_terms(words: int, minimum: int) -> None:
    """Thirty percent, rounded down, and at least one."""
    assert text_request(Question(" ".join(f"mot{n}" for n in range(words)))).minimum == minimum


def test_phrases_take_their_place_before_words() -> None:
    """What must or must not stand is kept when terms have to be dropped."""
    many = " ".join(f"mot{n}" for n in range(MAX_TERMS))
    request = text_request(Question(many, ("taxe foncière",), ("ordures",)))
    assert (len(request.terms), len(request.phrases), len(request.excluded)) == (509, 1, 1)
    assert request.terms_dropped
    assert not text_request(Question(many)).terms_dropped


def test_what_is_typed_ends_in_a_beginning() -> None:
    """Whole words, then the beginning of the last one."""
    assert typed_words("L’Exonération de tax") == (("exoneration", "de"), "tax")
    assert typed_words(" *") == ((), "")
