"""The French analysis, word by word."""

import pytest

from indexer.french.analysis import (
    MAX_WORD_CHARS,
    analyse,
    analyse_query,
    decoded,
    encoded,
    folded_words,
    terms,
)
from indexer.french.stop_words import STOP_WORDS

pytestmark = pytest.mark.search


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("formulaire", "formulaires"),
        ("foncier", "foncière"),
        ("financier", "financières"),
        ("exonération", "exonérer"),
        ("exonération", "exoneration"),
        ("financière", "financiere"),
        ("déclaration", "déclarer"),
        ("comptable", "comptabilité"),
        ("exonération", "l'exonération"),
        ("exonération", "L’Exonération"),
        ("CFE", "cfe"),
        ("CFE", "C.F.E."),
        ("agent", "agent·e·s"),
        ("état", "e\u0301tat"),
        ("cœur", "coeurs"),
    ],
)
def test_forms_of_one_word_meet(one: str, other: str) -> None:
    """Number, gender, verb and noun, accents, elision and dots do not keep words apart."""
    assert terms(one) == terms(other)
    assert len(terms(one)) == 1


@pytest.mark.parametrize("acronym", ["PAS", "TA", "AI", "ES", "SA", "CES"])
def test_acronyms_are_no_stop_words(acronym: str) -> None:
    """An acronym that looks like a function word is found."""
    assert acronym.lower() not in STOP_WORDS
    assert len(terms(acronym)) == 1


def test_short_acronyms_stay_apart() -> None:
    """The stemmer does not shorten what has two letters only."""
    assert terms("ES") != terms("E")


def test_function_words_fall_away_and_leave_their_place() -> None:
    """A phrase keeps its gaps: positions count every word."""
    assert [(t.term, t.position) for t in analyse("la caisse de retraite")] == [
        ("caiss", 1),
        ("retraite", 3),
    ]


def test_offsets_point_at_the_word_without_its_elision() -> None:
    """What is highlighted is the word, not the article in front of it."""
    text = "Pour l’exonération, 😀 voir C.F.E. et l'État"
    assert [text[t.start : t.end] for t in analyse(text)] == [
        "exonération",
        "voir",
        "C.F.E",
        "État",
    ]


def test_form_numbers_come_apart_alike() -> None:
    """A text is found by a form's number and its parts; a question asks for all of it."""
    assert encoded(analyse("2042-C-PRO")) == encoded(analyse("2042 C PRO")) == "2042cpro|2042 c pro"
    assert [term.term for term in analyse_query("2042-c-pro")] == ["2042cpro"]


def test_a_reference_has_its_own_name_in_a_question() -> None:
    """«article» says what the number is, and is not asked for beside it; in a phrase it is."""
    assert [term.term for term in analyse_query("l'article 1407 ter du CGI")] == ["1407ter", "cgi"]
    phrase = analyse_query("article 1407 du CGI", phrase=True)
    assert [(term.term, term.position) for term in phrase] == [
        ("articl", 0),
        ("1407", 1),
        ("cgi", 3),
    ]


def test_capitals_tell_an_acronym_from_a_word() -> None:
    """Where only it stands in capitals; a line in capitals tells nothing."""
    assert encoded(analyse("Taux du PAS, mon CET")) == "taux|=taux _ PAS|pas _ CET|cet"
    assert terms("LE PAS DES AGENTS") == ["pas", "agent"]
    assert [term.term for term in analyse_query("cet")] == ["cet"]
    assert terms("Dans cet article") == ["articl"]
    assert analyse_query("de la", phrase=True) == []


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("cest quoi la cfe", "c'est quoi la CFE"),
        ("jai vu quil paye", "j'ai vu qu'il paye"),
        ("sil faut saisir", "s'il faut saisir"),
    ],
)
def test_little_words_may_lack_their_apostrophe_in_a_question(typed: str, meant: str) -> None:
    assert [one.term for one in analyse_query(typed)] == [one.term for one in analyse_query(meant)]
    assert terms("cest")  # a text keeps the word


def test_a_line_gives_back_its_terms() -> None:
    """Positions and terms come back from an encoded line."""
    line = encoded(analyse("la micro-entreprise du 12 mars 2024"))
    assert list(decoded(line)) == [
        (1, "micro"),
        (1, "=micro"),
        (1, "microentrepris"),
        (2, "entrepris"),
        (2, "=entreprise"),
        (4, "2024-03-12"),
        (4, "12"),
        (5, "mars"),
        (6, "2024"),
    ]


def test_addresses_come_apart() -> None:
    """A host name is found by its parts; a decimal number stays whole."""
    assert terms("www.impots.gouv.fr") == ["www", "impot", "gouv", "fr"]
    assert terms("3,5") == ["3,5"]


def test_folded_words_keep_every_word() -> None:
    """Prefixes are looked for among all words, unstemmed."""
    assert folded_words("L’Exonération de la taxe foncière") == [
        "exoneration",
        "de",
        "la",
        "taxe",
        "fonciere",
    ]


def test_hostile_text_is_read() -> None:
    """A very long word is capped; control characters and lone marks are no words."""
    assert [len(t) for t in terms("x" * 10_000)] == [MAX_WORD_CHARS]
    assert terms("\x00 😀 ' ’ * \" ( \u0301 \ud800") == []
    assert terms("שלום") == ["שלום"]
