"""Field operators and dates as people write them."""

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from search_api.query.query import QueryPartKind, operators_in, read_day

pytestmark = pytest.mark.search


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("auteur:Dupont taxe", [(QueryPartKind.AUTHOR, "Dupont")]),
        ("AUTEUR : Dupont", [(QueryPartKind.AUTHOR, "Dupont")]),
        ('entité:"SIP Guingamp" x', [(QueryPartKind.ENTITY, "SIP Guingamp")]),
        ("entite:sip type:note", [(QueryPartKind.ENTITY, "sip"), (QueryPartKind.KIND, "note")]),
        (
            "source:wiki espace:fiscalité",
            [(QueryPartKind.SOURCE, "wiki"), (QueryPartKind.SPACE, "fiscalité")],
        ),
        ("après:12 mars 2024 taxe", [(QueryPartKind.SINCE, "12 mars 2024")]),
        (
            'apres:"mars 2024" avant:2025',
            [(QueryPartKind.SINCE, "mars 2024"), (QueryPartKind.BEFORE, "2025")],
        ),
        ("avant:12/03/2024", [(QueryPartKind.BEFORE, "12/03/2024")]),
        ("auteur:mai 2024", [(QueryPartKind.AUTHOR, "mai")]),
        ('"note auteur:x"', []),
        ("l'auteur:x -type:note", []),
        ('auteur: auteur:"" auteur:" "', [(QueryPartKind.AUTHOR, "auteur:")]),
        ("titre:x", []),
    ],
)
def test_operators_are_found(text: str, found: list[tuple[QueryPartKind, str]]) -> None:
    """With or without accents, quotes and spaces; never within quotes or a word."""
    assert [(one.field, one.value) for one in operators_in(text)] == found


@pytest.mark.parametrize(
    ("written", "day"),
    [
        ("2024", date(2024, 1, 1)),
        ("2024-03", date(2024, 3, 1)),
        ("2024-3-9", date(2024, 3, 9)),
        ("2024-03-12", date(2024, 3, 12)),
        ("12/03/2024", date(2024, 3, 12)),
        ("03/2024", date(2024, 3, 1)),
        ("12.03.2024", date(2024, 3, 12)),
        ("12 mars 2024", date(2024, 3, 12)),
        ("1er Août 2024", date(2024, 8, 1)),
        ("fevr. 2024", date(2024, 2, 1)),
        ("31/02/2024", None),
        ("0000", None),
        ("mardi 2024", None),
        ("hier", None),
        ("", None),
    ],
)
def test_dates_are_read(written: str, day: date | None) -> None:
    """The first day of what is written; what is no date is none."""
    assert read_day(written) == day


@given(st.text(max_size=80) | st.text(alphabet='auteravnièsy:12/- "', max_size=60))
def test_operators_stand_where_they_say(text: str) -> None:
    """In order, apart from each other, each with a value; nothing raises."""
    end = 0
    for one in operators_in(text):
        assert end <= one.start < one.end <= len(text)
        assert one.value in text[one.start : one.end]
        assert one.value.strip()
        read_day(one.value)
        end = one.end
