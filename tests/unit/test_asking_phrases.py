"""Phrases that ask for help are no part of a question's subject."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from search_api.query.apostrophes import with_apostrophes
from search_api.query.asking_phrases import subject_of, without_asking

pytestmark = pytest.mark.search


@pytest.mark.parametrize(
    ("typed", "subject"),
    [
        ("Je cherche quelqu'un qui s'y connaît en bornage", "en bornage"),
        ("Un collègue pourrait-il m'aider sur le sujet suivant : bornage ?", "bornage ?"),
        ("URGENT besoin d’un renseignement bornage", "bornage"),
        ("à qui m'adresser pour un bornage ?", "bornage ?"),
        ("je cherche un référent régies", "référent régies"),
        ("bornage à Castres, qui contacter ?", "bornage à Castres"),
        ("quelqu'un en Normandie pour les faillites ?", "en Normandie pour les faillites ?"),
    ],
)
def test_the_subject_is_left(typed: str, subject: str) -> None:
    """With the little words before it, which may announce a place."""
    assert without_asking(typed) == subject


@pytest.mark.parametrize(
    "typed",
    [
        "",
        "qui sait ?",
        "contacter",
        "aide sociale",
        "crédit d'impôt recherche",
        "collègue malade",
        "expert comptable",
        '"qui sait" bornage',
        "« je cherche » limprimante",
        "je cherche un plan -bornage",
        "qui connaît limprimante auteur:Dupont",
    ],
)
def test_what_asks_nobody_or_has_an_operator_is_left_as_it_was_typed(typed: str) -> None:
    assert subject_of(typed) == typed


WORDS = st.sampled_from(
    ["je", "cherche", "quelqu'un", "qui", "sait", "en", "à", "bornage", "un", "collègue", "?", ":"]
)


@given(st.lists(WORDS, max_size=8).map(" ".join) | st.text(max_size=60))
def test_a_part_of_the_text_is_left(typed: str) -> None:
    """Nothing is added, nothing becomes empty, and what is left asks no more."""
    left = without_asking(typed)
    assert left in typed
    assert bool(left) == bool(typed)
    assert without_asking(left) == left


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("jai un problème avec limprimante", "jai un problème avec l'imprimante"),
        ("lagent refuse daccepter", "l'agent refuse d'accepter"),
        ("taxe damenagement", "taxe d'amenagement"),
        ("géomètre à lorient", "géomètre à lorient"),
        ("nantes, sirène, sarah", "nantes, sirène, sarah"),
        ("SIE, cfe", "SIE, cfe"),
    ],
)
def test_a_word_gets_the_apostrophe_that_it_lacks(typed: str, meant: str) -> None:
    """French words, places and acronyms stay."""
    assert with_apostrophes(typed) == meant


def test_the_subject_of_a_hurried_question_is_left() -> None:
    """Without greeting, apostrophes, or anything that only asks for help."""
    assert subject_of("bonjour, qui peut maider avec limprimante svp").strip() == "l'imprimante"
