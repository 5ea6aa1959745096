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


@pytest.mark.parametrize(
    "preamble",
    [
        "Cette note remplace celle du 12 février 2019.",
        "Ce mémo remplace mon courriel de septembre 2021.",
        "Seuils des personnes âgées\nLa présente note annule et remplace celle de 2019.",
        "Note du 3 mars 2024.",
        "Mise à jour le 03/05/2024.",
        "Cette fiche s'adresse aux agents des SIP.",
        "Destinataires : chefs de service.",
        "Cette version remplace celle de janvier 2019 :",
    ],
)
def test_no_excerpt_begins_with_a_preamble(preamble: str) -> None:
    """What a document replaces, its date and its addressees: left out where an answer follows."""
    answer = "L’âge : plus de 75 ans au 1er janvier."
    text = f"{preamble} {answer} {'Une autre phrase, plus longue. ' * 20}"
    at, begins = text.index("75 ans"), text.index(answer)
    in_title = [(0, 6)] if "\n" in preamble else []
    for marks in ([], [(at, at + 6)], [(begins, begins + 5)], in_title):
        start, _ = excerpt_span(text, marks)
        assert text[start:].startswith(answer)
    assert excerpt_span(preamble, []) == (0, len(preamble))
    only_there = [(len(preamble) - 4, len(preamble) - 1)]
    assert excerpt_span(f"{preamble} {answer}", only_there)[0] == 0


def test_marks_at_the_ends_of_a_sentence_count() -> None:
    """The sentence with both is shown, not the first of the text."""
    said = "Bornage contradictoire ici."
    text = f"{'Un début qui ne dit rien de tout cela. ' * 4}{said}{' La suite est longue.' * 9}"
    at = text.index(said)
    marks = [(0, 2), (at, at + 7), (at + len(said) - 4, at + len(said))]
    assert excerpt_span(text, marks, len(said)) == (at, at + len(said))


@pytest.mark.parametrize(
    "said",
    [
        "Cette note remplace celle de 2019 et porte le plafond à 12 500 €.",
        "Le remplacement dure deux mois.",
        "Un binôme remplace l’absent.",
        "La note est rendue au service le 3 mars 2024.",
        "Du 1er mars 2024 au 3 mai, le guichet est fermé.",
    ],
)
def test_a_sentence_that_tells_more_is_kept(said: str) -> None:
    """A second clause, or another subject than the document."""
    assert excerpt_span(f"{said} Puis vient le reste.", [])[0] == 0
