"""A pasted mail asks what its question does, and a code's name is not a form's letters."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from indexer.french.analysis import analyse_query
from search_api.questions.pasted_mail import question_of_mail, with_codes_apart

pytestmark = pytest.mark.search

QUESTION = "La mère d'un usager est entrée en EHPAD : doit-elle encore la taxe foncière ?"


@pytest.mark.parametrize("before", ["", "Bonjour,", "Bonjour à tous,\n\n", "Bjr, ", "Madame, "])
@pytest.mark.parametrize(
    "after",
    [
        "",
        "Merci d'avance pour votre aide.",
        "Merci bcp, Pauline",
        "Merci !",
        "Cordialement, Maëlle Le Goff SIP de Guingamp 02 96 00 00 00",
        "Bonne journée\n--\nMaëlle",
        "Bien cordialement > Le 3 juin, C. Dupuis a écrit : > Merci pour votre retour.",
        "Le 3 juin 2026 à 10:00, C. Dupuis a écrit : nous en parlerons à la cantine.",
    ],
)
def test_what_surrounds_a_question_is_left_out(before: str, after: str) -> None:
    """On one line, as a search field has it, or on several."""
    found = question_of_mail(f"{before} {QUESTION} {after}")
    assert [term.term for term in analyse_query(found)] == [
        term.term for term in analyse_query(QUESTION)
    ]


@pytest.mark.parametrize(
    "typed",
    [
        "merci",
        "bonjour",
        "Cordialement",
        "Qui remercier, et comment dire merci à un collègue âgé ?",
    ],
)
def test_what_is_a_question_itself_stays(typed: str) -> None:
    """A short text, and words of a sentence."""
    assert question_of_mail(typed) == typed


@given(st.text(max_size=300))
def test_something_is_left_of_whatever_has_a_word(typed: str) -> None:
    """Nothing is made empty that was not."""
    assert any(map(str.isalnum, typed)) <= bool(question_of_mail(typed).strip())


@pytest.mark.parametrize(
    ("typed", "other"),
    [
        ("article 1390 CGI", "article 1390 du CGI"),
        ("1391 B bis cgi", "1391 B bis du CGI"),
        ("1390 LPF délai", "1390 du LPF délai"),
    ],
)
def test_a_code_stands_apart_from_its_article(typed: str, other: str) -> None:
    """So that both spellings ask for the same terms."""
    wanted = {term.term for term in analyse_query(other)}
    assert {term.term for term in analyse_query(with_codes_apart(typed))} == wanted
    assert with_codes_apart(other) == other


@pytest.mark.parametrize("typed", ["2042 C PRO", "2042-C-PRO", "CGI 1390", "1390", "budget 2024"])
def test_forms_and_numbers_are_left_as_they_are(typed: str) -> None:
    """A form's letters belong to its number."""
    assert with_codes_apart(typed) == typed
