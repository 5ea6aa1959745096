"""Excerpts: whole sentences, around what answers."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from search_api.ranking.results import excerpt, excerpt_span

pytestmark = pytest.mark.pages

FIRST = "L'exonération, cf. art. 1407 du CGI, vise les locaux vacants."
SECOND = "Elle se demande avant le 31 décembre."
THIRD = "Le foncier bâti en relève aussi, sur demande du propriétaire."
TEXT = f"{FIRST} {SECOND} {THIRD}"


def _marks(text: str, *words: str) -> list[tuple[int, int]]:
    return sorted((text.index(word), text.index(word) + len(word)) for word in words)


@pytest.mark.parametrize(
    ("words", "length", "shown"),
    [
        (("foncier",), 70, THIRD),
        (("1407",), 70, FIRST),
        (("demande", "foncier"), 110, f"{SECOND} {THIRD}"),
        ((), 70, FIRST),
        (("foncier",), 500, TEXT),
    ],
)
def test_whole_sentences_that_say_most(words: tuple[str, ...], length: int, shown: str) -> None:
    """Abbreviations end no sentence; without marks the text's beginning is shown."""
    start, end = excerpt_span(TEXT, _marks(TEXT, *words), length)
    assert TEXT[start:end] == shown


def test_what_is_left_out_shows() -> None:
    """«…» on the side where text is missing, and marks are marked."""
    pieces = excerpt(TEXT, _marks(TEXT, "demande"), 40)
    assert [piece.text for piece in pieces if piece.marked] == ["demande"]
    assert "".join(piece.text for piece in pieces) == f"… {SECOND} …"


def test_a_sentence_too_long_is_cut_between_words() -> None:
    """Around its mark."""
    text = f"Court. {'mot ' * 200}cible{' mot' * 200}."
    start, end = excerpt_span(text, _marks(text, "cible"), 100)
    assert "cible" in text[start:end]
    assert end - start <= 100
    assert not text[start - 1].strip()


@given(st.text(max_size=400), st.lists(st.tuples(st.integers(0, 400), st.integers(0, 400))))
def test_any_text_gives_an_excerpt(text: str, marks: list[tuple[int, int]]) -> None:
    """Within the text and the length; pieces say the text, in order."""
    start, end = excerpt_span(text, marks, 80)
    assert 0 <= start <= end <= len(text)
    assert end - start <= 80
    assert "".join(piece.text for piece in excerpt(text, marks, 80)).strip("… ") in text
