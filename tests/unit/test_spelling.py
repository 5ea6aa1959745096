"""Edit distance of two words, and the words of a text that are similar to a word."""

import random

import pytest

from indexer.suggestions import (
    LONGEST_BEGINNING,
    NearWord,
    edit_distance,
    max_edits,
    near_in,
    nearest,
    typed_words,
)

pytestmark = pytest.mark.search


def edits(word: str) -> set[str]:
    """Everything one slip away, made letter by letter."""
    letters = "abé"
    parts = [(word[:at], word[at:]) for at in range(len(word) + 1)]
    return {
        *(before + after[1:] for before, after in parts if after),
        *(before + letter + after for before, after in parts for letter in letters),
        *(before + letter + after[1:] for before, after in parts if after for letter in letters),
        *(b + a[1] + a[0] + a[2:] for b, a in parts if len(a) > 1),
    }


def test_a_slip_is_a_letter_more_less_changed_or_swapped() -> None:
    """All words one slip away have distance 1, and only they."""
    draw = random.Random(1)
    for _ in range(60):
        word = "".join(draw.choices("abé", k=draw.randint(1, 5)))
        near = edits(word) - {word}
        assert {edit_distance(word, other, 2) for other in near} == {1}
        other = "".join(draw.choices("abé", k=draw.randint(1, 6)))
        assert (edit_distance(word, other, 2) == 1) == (other in near)
        assert edit_distance(word, other, 2) == edit_distance(other, word, 2)


def test_far_words_are_not_measured_to_the_end() -> None:
    """Whatever is beyond is one more than was asked for."""
    assert edit_distance("cadastre", "cadastre", 0) == 0
    assert edit_distance("cadastre", "fiscalité", 2) == 3
    assert edit_distance("ca", "cadastre", 1) == 2


def test_short_words_are_given_no_slip() -> None:
    """None under four letters, one under eight, two from there."""
    assert [max_edits("x" * n) for n in (0, 3, 4, 7, 8, 40)] == [0, 0, 1, 1, 2, 2]


def test_a_word_over_forty_letters_has_no_similar_words() -> None:
    """The time to look for them grows with the length; a question may be one long word."""
    assert [max_edits("漢" * n) for n in (41, 2_000)] == [0, 0]


def test_the_last_typed_word_is_a_beginning_of_limited_length() -> None:
    """The limit counts the folded letters: Unicode writes U+FDFA as 15 letters, «한» as 3."""
    assert typed_words("L’Exonération de tax", 9) == ("exoneration", "de", "tax")
    assert typed_words("L’Exonération de tax", 2) == ("exoneration", "de")
    assert typed_words(" *", 9) == ()
    for sign in ("\ufdfa", "한", "a"):
        (beginning,) = typed_words(sign * 150, 9)
        assert len(beginning) == LONGEST_BEGINNING
        assert not any(map(str.isspace, beginning))


def test_near_words_of_a_text_are_as_it_writes_them() -> None:
    """In lower case with their accents; the word itself is none."""
    text = "L’Exonération 2042-exonerations, des exonérés"
    found = {"exoneration": "exonération", "exonerations": "exonerations"}
    assert near_in(text, "exoneratio", 2) == found
    assert near_in(text, "exoneration", 1) == {"exonerations": "exonerations"}


def test_the_best_are_near_then_frequent() -> None:
    """Each document counts once; the way it is most often written is given."""
    read = [
        {"cadastre": "cadastre"},
        {"cadastre": "cadâstre", "cadestre": "cadestre"},
        {"cadastre": "cadastre"},
        {"castre": "castre"},
    ]
    assert nearest("cadstre", read, 1) == (
        NearWord("cadastre", 1, 3),
        NearWord("cadestre", 1, 1),
        NearWord("castre", 1, 1),
    )
