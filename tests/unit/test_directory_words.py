"""The directory's names: what is being typed, what was nearly written, and who never shows."""

from dataclasses import replace
from datetime import date, timedelta

import pytest
import sqlalchemy as sa

from connectors.values import Agent
from expertise.directory import SqlDirectory
from tests.builders import Listed

pytestmark = [pytest.mark.experts, pytest.mark.trust]

TODAY = date(2026, 10, 1)
ANA = Agent("1", "Ana-Maëlle", "Le Goff", office="Guingamp", entity="DGFiP/DDFiP Côtes d’Émeraude")
MARIE = Agent("2", "Marie", "Dupons", office="Saint-Brieuc")
GONE = Agent("3", "Marie", "Partie", departure=TODAY)
LEAVING = Agent("4", "Marie", "Sortante", departure=TODAY + timedelta(days=1))
HIDDEN = Agent("5", "Marie", "Zanzibar", office="Zanzibarville", listed=False)


@pytest.fixture
def book(engine: sa.Engine) -> SqlDirectory:
    book = SqlDirectory(engine)
    book.replace(Listed(ANA, MARIE, GONE, LEAVING, HIDDEN))
    return book


def begun(book: SqlDirectory, typed: str, limit: int = 10) -> list[str]:
    return [agent.name for agent in book.begun(typed, TODAY, limit)]


def near(book: SqlDirectory, word: str) -> list[tuple[str, int]]:
    return [(one.written, one.slips) for one in book.near(word, TODAY)]


def test_names_that_begin_so(book: SqlDirectory) -> None:
    """Given and family names in any order, accents and case aside; only the last word is begun."""
    for typed in ("maell", "GOF", "le gof", "goff le", "Maëlle G", "goff"):
        assert begun(book, typed) == ["Ana-Maëlle Le Goff"], typed
    for typed in ("", "*", "%", "_", "mae le", "aelle", "guingamp", "goffe"):
        assert begun(book, typed) == [], typed


def test_who_left_or_is_not_listed_never_shows(book: SqlDirectory) -> None:
    """Neither as a suggestion nor as a word that a slip leads to."""
    assert begun(book, "mari") == ["Marie Dupons", "Marie Sortante"]
    assert begun(book, "mari", limit=1) == ["Marie Dupons"]
    for word in ("zanzibr", "zanzibar", "zanzibarvile", "parite", "partie"):
        assert near(book, word) == [], word
    book.replace(Listed(replace(ANA, listed=False), MARIE))
    assert begun(book, "goff") == []
    assert near(book, "guigamp") == []


def test_names_and_places_are_near(book: SqlDirectory) -> None:
    """One slip from three letters on; as the directory writes them, areas included."""
    assert near(book, "gof") == [("goff", 1)]
    assert near(book, "guigamp") == [("guingamp", 1)]
    assert near(book, "emerode") == []
    assert near(book, "emeraud") == [("émeraude", 1)]
    assert near(book, "dupon") == [("dupons", 1)]
    assert near(book, "bretagen") == [("bretagne", 1)]
    assert near(book, "xoff") == []


def test_a_word_of_the_directory_is_no_slip(book: SqlDirectory) -> None:
    """It is told with no slip, so that nobody corrects it."""
    assert near(book, "goff")[0] == ("goff", 0)
    assert near(book, "marie")[0] == ("marie", 0)
    assert near(book, "le") == [("le", 0)]
