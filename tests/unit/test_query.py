"""Whatever is typed is read forgivingly: there is no query that is an error."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from indexer.values import Question
from search_api.query.query import (
    PREFIX_CHARACTERS,
    QUERY_CHARACTERS,
    read_prefix,
    read_question,
    was_shortened,
    without_quotes,
)

pytestmark = pytest.mark.search

ANY_TEXT = st.text(alphabet=st.characters(), max_size=300) | st.text(
    alphabet='"«»“”„-*()OUR: \t\n\0\u200f\u00a0\u00ad\ud800aé', max_size=60
)


@pytest.mark.parametrize(
    ("typed", "question"),
    [
        ("taxe foncière", Question("taxe foncière")),
        ('"taxe foncière" 2024', Question("2024", ("taxe foncière",))),
        ("« taxe foncière » 2024", Question("2024", ("taxe foncière",))),
        ("“taxe foncière” „cadastre”", Question("", ("taxe foncière", "cadastre"))),
        ("taxe -habitation", Question("taxe", (), ("habitation",))),
        ('taxe -"sur les salaires"', Question("taxe", (), ("sur les salaires",))),
        ("taxe - habitation", Question("taxe - habitation")),
        ("2042-C-PRO", Question("2042-C-PRO")),
        ("-2042-C-PRO cadre", Question("cadre", (), ("2042-C-PRO",))),
        ("-aujourd’hui", Question("", (), ("aujourd’hui",))),
        ('taxe "foncière', Question("taxe foncière")),
        ('"', Question()),
        ('""', Question()),
        ('"" "  "', Question()),
        ('6" de diamètre', Question("6 de diamètre")),
        ("", Question()),
        (" \t\n ", Question()),
        ("exo* ?", Question("exo* ?")),
        ("a AND (b c) NOT d:e^2 ~ \\", Question("a AND (b c) NOT d:e^2 ~ \\")),
        ("taxe (foncière OU habitation)", Question("taxe", any_of=(("foncière", "habitation"),))),
        ('"a b" OR "c d" OU e x', Question("x", any_of=(("a b", "c d", "e"),))),
        ("(permis de construire OU plan)", Question(any_of=(("permis de construire", "plan"),))),
        ('"x OU y" z', Question("z", ("x OU y",))),
        ("(a OU (b OU c))", Question("(a OU )", any_of=(("b", "c"),))),
        ("a ou b", Question("a ou b")),
        ("a OU", Question("a OU")),
        ("OU a OU a", Question("OU a OU a")),
        ("-a OU b", Question("OU b", (), ("a",))),
        ("🏠 impôts 🇫🇷", Question("🏠 impôts 🇫🇷")),
        ("مرحبا بالعالم", Question("مرحبا بالعالم")),
        ("ta\0xe", Question("ta xe")),
        ("taxe\u00a0:\u202fimpôt", Question("taxe : impôt")),
        ("e\u0301tat", Question("état")),
    ],
)
def test_a_query_splits_into_words_phrases_and_exclusions(typed: str, question: Question) -> None:
    """Quotes of any kind, hyphens inside words, lone quotes and signs of other engines."""
    assert read_question(typed) == question


@pytest.mark.parametrize("unseen", ["\u00ad", "\u200b", "\u2060", "\ufeff"])
def test_what_nobody_sees_splits_no_word(unseen: str) -> None:
    """A word copied with its soft hyphen is that word, as it is in an indexed text."""
    assert read_question(f"exo{unseen}nération") == Question("exonération")
    assert read_prefix(f"exo{unseen}né") == "exoné"


def test_a_quote_of_one_phrase_does_not_reach_into_the_next_line() -> None:
    """Two phrases stay two, with what stands between them."""
    assert read_question('"un deux" trois "quatre"') == Question("trois", ("un deux", "quatre"))


def test_a_long_query_is_cut_and_the_answer_may_say_so() -> None:
    """Ten thousand characters are read up to the limit; at the limit nothing is left out."""
    long = "impôt " * 1666 + "fin."
    assert len(long) == 10_000
    assert len(read_question(long).text) <= QUERY_CHARACTERS
    assert was_shortened(long)
    assert not was_shortened("a" * QUERY_CHARACTERS)
    assert was_shortened("a" * (QUERY_CHARACTERS + 1))
    assert not was_shortened("a" + " " * 10_000)


@given(ANY_TEXT)
def test_reading_never_raises(typed: str) -> None:
    """Any text becomes a question in which nothing is empty, invisible or untrimmed."""
    question = read_question(typed)
    alternatives = [phrase for group in question.any_of for phrase in group]
    for words in (question.text, *question.phrases, *question.excluded, *alternatives):
        assert words == words.strip()
        assert words.isprintable()
        words.encode()
        assert '"' not in words
    assert all(question.phrases)
    assert all(question.excluded)
    assert all(alternatives)
    assert all(len(group) > 1 for group in question.any_of)
    assert question.empty == (question == Question())


@given(ANY_TEXT)
def test_a_prefix_is_short_and_visible(typed: str) -> None:
    """Suggestions are asked with a title's length of visible characters."""
    prefix = read_prefix(typed)
    assert len(prefix) <= PREFIX_CHARACTERS
    assert prefix.isprintable()


@given(st.lists(st.text(alphabet="abcéè", min_size=1, max_size=8), min_size=1, max_size=5))
def test_a_phrase_is_found_as_it_was_quoted(words: list[str]) -> None:
    """Straight quotes, guillemets and curly quotes ask for the same phrase."""
    phrase = " ".join(words)
    expected = Question("", (phrase,))
    for opening, closing in (('"', '"'), ("« ", " »"), ("“", "”"), ("«\u202f", "\u202f»")):
        assert read_question(f"{opening}{phrase}{closing}") == expected


@pytest.mark.parametrize(
    ("typed", "question"),
    [
        ("Que veut dire « quitus » sur un acte de vente ?", ()),
        ("Un usager écrit : « je n'ai rien reçu », que lui dire ?", ()),
        ("« mise en demeure » notaire", ("mise en demeure",)),
        ('Qui connaît la "mise en demeure" de payer ?', ("mise en demeure",)),
    ],
)
def test_guillemets_quote_in_a_sentence_and_ask_for_a_phrase_elsewhere(
    typed: str, question: tuple[str, ...]
) -> None:
    """Straight quotes always ask for a phrase."""
    assert read_question(typed).phrases == question


def test_quotes_are_taken_out_of_a_query_but_for_what_it_excludes() -> None:
    """As a search is tried again that found nothing."""
    assert without_quotes('abc "x y" -"z w"') == 'abc x y -"z w"'
