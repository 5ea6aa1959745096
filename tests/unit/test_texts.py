"""Texts of pages: plural forms, and values that bring no markup with them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from search_api.catalogue.texts import TemplateTexts, ngettext

pytestmark = pytest.mark.pages


@given(st.text(max_size=40), st.text(max_size=40))
def test_neither_text_nor_value_becomes_markup(text: str, value: str) -> None:
    """Whatever is put into a text, and whatever the text."""
    said = TemplateTexts.gettext(f"{text.replace('%', '')}%(name)s", name=value)
    assert not {"<", ">", '"', "'"} & set(said)


def test_zero_and_one_are_singular() -> None:
    """As in French; thousands are held together."""
    said = [ngettext("%(num)s sujet", "%(num)s sujets", number) for number in (0, 1, 2, 12_345)]
    assert said == ["0 sujet", "1 sujet", "2 sujets", "12\u202f345 sujets"]
