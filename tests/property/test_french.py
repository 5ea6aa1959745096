"""The French analysis, on any text."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from indexer.french.analysis import analyse, analyse_query, decoded, encoded, fold, terms

pytestmark = pytest.mark.search

WRITTEN = st.text(
    alphabet=st.sampled_from("aeéèœlLRdn°ºst 0123456789-.,'’*/@%€·()_|=\n\u00a0\u202f\u00ad‑–")
)
"""What references, elisions and inclusive forms are made of, in any order."""


@given(st.one_of(st.text(), WRITTEN))
def test_every_term_stands_in_its_text(text: str) -> None:
    """In reading order, within the text, and no term breaks a line of terms."""
    found = analyse(text)
    for term in found:
        assert 0 <= term.start < term.end <= len(text)
        assert all(one and not set(one[1:]) & set(" |\n") for one in term.all)
    assert [term.position for term in found] == sorted(term.position for term in found)


@given(st.one_of(st.text(), WRITTEN))
def test_a_line_holds_what_the_text_says(text: str) -> None:
    """Each term comes back at its place."""
    found = analyse(text)
    said = {(term.position, one) for term in found for one in term.all}
    assert set(decoded(encoded(found))) == said


@given(WRITTEN)
def test_a_question_asks_for_what_its_own_text_says(text: str) -> None:
    """A text, asked, finds itself."""
    said = {one for term in analyse(text) for one in term.all}
    wanted = {term.term for term in analyse_query(text)}
    assert wanted <= said or not terms(text)


def test_a_folded_text_keeps_its_words_apart() -> None:
    """A single sign that Unicode decomposes into a phrase stays one word."""
    assert fold("où\u00a0çà et\nlà") == "ou ca et\nla"
    assert fold("\ufdfb").isalpha()


@given(st.from_regex(r"[a-zéèêàâîïôûç]{1,12}", fullmatch=True))
def test_accents_never_part_a_word(word: str) -> None:
    """A word with its accents and without them has the same terms, stop words aside."""
    with_accents, without = terms(word), terms(fold(word))
    assert with_accents == without or not with_accents or not without
