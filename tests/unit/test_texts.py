"""Plural forms, and names that bring no markup into a page."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.values import ContributorRole
from search_api.templating import voice
from search_api.wording import plural

pytestmark = pytest.mark.pages


@given(st.sampled_from([ContributorRole.ASKER, ContributorRole.ANSWERER]), st.text(max_size=40))
def test_a_name_becomes_no_markup(role: ContributorRole, name: str) -> None:
    """Whatever somebody is called: it is escaped within the sentence around it."""
    assert not {"<", ">", '"', "'", "\u202e"} & set(voice(role, f"<b>\u202e{name}"))


def test_zero_and_one_are_singular() -> None:
    """As in French; thousands are held together, other values stand as they are."""
    said = [plural("{num} sujet", "{num} sujets", number) for number in (0, 1, 2, 12_345)]
    assert said == ["0 sujet", "1 sujet", "2 sujets", "12\u202f345 sujets"]
    assert plural("{num} de {name}", "{num} de {name}", 1, name="{num}") == "1 de {num}"
