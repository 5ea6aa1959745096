"""Passages hold every word of their sections, inside their bounds."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from connectors.values import Section
from indexer.passages import cut, passage_text
from indexer.values import Passage

pytestmark = pytest.mark.search

_WORDS = st.sampled_from(
    ["impôt", "M.", "art.", "12,5", "3.14", "Le", "fin.", "n°", "4", "oui !", "«Bien.»", "a" * 70,
     "\n", "\n\n", "…", "1.", "É.", "\u00a0", "?"]
)  # fmt: skip
_TEXTS = st.lists(_WORDS, max_size=120).map(" ".join)
_SECTIONS = st.lists(
    st.builds(
        Section,
        text=_TEXTS,
        author=st.sampled_from([None, "wiki:a"]),
        page=st.sampled_from([None, 1, 2]),
        path=st.sampled_from(["", "annexe.odt"]),
    ),
    max_size=6,
)


def _letters(text: str) -> str:
    return "".join(text.split())


@settings(max_examples=300, deadline=None)
@given(_SECTIONS, st.integers(4, 60), st.integers(0, 3))
def test_nothing_is_lost_and_bounds_hold(sections: list[Section], words: int, overlap: int) -> None:
    """Each passage has at most `words` words; together they hold the sections in order."""
    passages = cut(sections, "", words, overlap)
    assert all(0 < len(passage.text.split()) <= words for passage in passages)
    origins = [(p.author, p.page, p.path) for p in passages]
    assert set(origins) <= {(s.author, s.page, s.path) for s in sections}
    reached = {0}
    wanted = "".join(_letters(section.text) for section in sections)
    for passage in passages:
        reached = _continued(reached, _letters(passage.text), wanted)
    assert len(wanted) in reached, "a word is lost or out of order"


def _continued(reached: set[int], text: str, wanted: str) -> set[int]:
    """Return the ends in `wanted` after a passage, which may overlap with the previous passage."""
    starts = {start for end in reached for start in range(max(0, end - len(text)), end + 1)}
    return {start + len(text) for start in starts if wanted.startswith(text, start)}


def test_neighbours_overlap_by_whole_sentences() -> None:
    """A passage begins with the last sentences of the one before, within the overlap."""
    text = " ".join(f"La phrase numéro {rank} compte sept mots." for rank in range(40))
    first, second, *_ = cut([Section(text)], "", words=70, overlap=15)
    assert first.text.endswith("La phrase numéro 9 compte sept mots.")
    assert second.text.startswith("La phrase numéro 8 compte sept mots.")


@pytest.mark.parametrize(
    "sentence",
    [
        "Voir l'art. L. 123 du code.",
        "M. Durand et Mme. Petit signent.",
        "La note n°. 12 vaut.",
        "Le taux est de 3.14 pour cent.",
        "Selon les auteurs (Martin et al. 2020) il vaut.",
    ],
)
def test_abbreviations_do_not_end_sentences(sentence: str) -> None:
    """French abbreviations, initials and decimals stay inside their sentence."""
    words = len(sentence.split())
    passages = cut([Section(f"{sentence} Puis une autre phrase suit.")], "", words, overlap=0)
    assert passages[0].text == sentence


def test_pages_authors_and_attachments_are_never_mixed() -> None:
    """However short, sections of different origin stay apart; those of the same are joined."""
    sections = [
        Section("Un.", "A", page=1),
        Section("Deux.", "B", page=1),
        Section("Trois.", page=2),
        Section("Quatre.", page=2, author="wiki:x"),
        Section("Cinq.", path="annexe.odt"),
    ]
    assert cut(sections, "T") == (
        Passage("Un.\n\nB\n\nDeux.", "A", page=1),
        Passage("Trois.", page=2),
        Passage("Quatre.", page=2, author="wiki:x"),
        Passage("Cinq.", path="annexe.odt"),
    )


def test_headings_without_text_are_kept() -> None:
    """Somebody may look for a heading under which nothing stands."""
    assert cut([Section("", "Barème"), Section("", "Annexe", page=2)], "T") == (
        Passage("Barème"),
        Passage("Annexe", page=2),
    )


def test_title_alone_is_a_passage() -> None:
    """A document without text can still be found by its title's vector."""
    assert cut([], "Note de service") == (Passage("Note de service"),)
    assert cut([Section("")], "") == ()


def test_the_encoded_text_says_nothing_twice() -> None:
    """Title, heading and text stand one after the other, once."""
    assert passage_text("T", Passage("texte", "H")) == "T\nH\ntexte"
    assert passage_text("T", Passage("T", "T")) == "T"


def test_time_grows_with_length_only() -> None:
    """A megabyte of any shape is cut; the square of its length would take hours."""
    shapes = ("mot " * 250_000, "a" * 1_000_000, "M. " * 330_000, "\n" * 1_000_000, "?! " * 330_000)
    for shape in shapes:
        cut([Section(shape)], "T")
