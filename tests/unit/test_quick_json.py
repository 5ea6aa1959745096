"""JSON read quickly says what Python's own says."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from indexer.quick_json import loads

pytestmark = pytest.mark.sources

TEXTS = st.text(st.characters(codec=None, exclude_categories=()))
NUMBERS = st.integers() | st.integers(-(10**40), 10**40) | st.floats(allow_nan=False)
VALUES: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | NUMBERS | TEXTS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXTS, inner, max_size=4),
    max_leaves=8,
)


@given(VALUES)
def test_whatever_was_written_comes_back(value: Any) -> None:
    """Whole numbers of any length, and texts that no UTF-8 says."""
    for written in (json.dumps(value), json.dumps(value).encode()):
        again = loads(written)
        assert again == value
        assert repr(again) == repr(json.loads(written))


def test_what_is_no_json_is_refused() -> None:
    with pytest.raises(ValueError, match="Expecting"):
        loads("{")
