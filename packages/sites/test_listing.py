"""Items that are listed page by page while they come and go."""

from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError
from quisait_sites.listing import MOST_ITEMS, ItemsPage, whole_listing
from quisait_sites.wagtail import WagtailPage, _Meta
from quisait_sites.wordpress import _joined
from quisait_sites.wordpress_api import WordPressEntry

from connectors.ports import SourceError, SourceRefused, SourceUnreachable

pytestmark = pytest.mark.sources


@given(
    st.sets(st.integers(1, 60), max_size=40),
    st.lists(st.tuples(st.booleans(), st.integers(1, 60)), max_size=12),
    st.integers(2, 7),
    st.integers(1, 3),
)
def test_nothing_that_stays_is_missing(
    begun: set[int], acts: list[tuple[bool, int]], size: int, every: int
) -> None:
    """Though others are deleted and published between two answers, it is listed or nothing is."""
    there, left, asked = set(begun), list(acts), 0
    always = begun - {one for published, one in acts if not published}

    def ask(offset: int) -> ItemsPage:
        nonlocal asked
        asked += 1
        page = sorted(there)[offset : offset + size]
        answer = ItemsPage(tuple({"id": one} for one in page), len(there))
        if left and asked % every == 0:
            published, one = left.pop()
            there.add(one) if published else there.discard(one)
        return answer

    with suppress(SourceUnreachable):
        found = set(whole_listing(ask, "x"))
        assert always <= found
        assert found <= begun | {one for _, one in acts}


@given(st.sets(st.integers(1, 90), max_size=60), st.sets(st.integers(1, 90)), st.integers(1, 9))
def test_items_that_the_interface_hides_hide_no_other(
    there: set[int], hidden: set[int], size: int
) -> None:
    """An answer with fewer items than it could hold is not the last one."""

    def ask(offset: int) -> ItemsPage:
        page = sorted(there)[offset : offset + size]
        shown = tuple({"id": one} for one in page if one not in hidden)
        return ItemsPage(shown, len(there))

    if len(hidden & there) < size:  # no answer is empty
        assert set(whole_listing(ask, "x")) == there - hidden


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.sampled_from(["", "x", "http://[", "2019-05-04"]),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.just("author"), inner),
    max_leaves=5,
)
FIELDS = sorted(
    {*WordPressEntry.model_fields, *WagtailPage.model_fields, *_Meta.model_fields, "_embedded"}
    | {"rendered"}
)
OBJECTS = st.dictionaries(
    st.sampled_from(FIELDS),
    JSON | st.dictionaries(st.sampled_from(FIELDS), JSON, max_size=3),
    max_size=6,
)


@given(OBJECTS)
def test_whatever_an_interface_says_is_understood_or_named(raw: dict[str, Any]) -> None:
    """Nothing else is raised: one page does not end the reading of the others."""
    with suppress(ValidationError):
        item = WordPressEntry.model_validate({"id": 1} | raw)
        assert isinstance(item.plain_title, str)
        assert _joined(item) is None or item.embedded
    with suppress(ValidationError):
        page = WagtailPage.model_validate({"id": 1, "meta": {"type": "x"}} | raw)
        assert page.modified is None or page.modified.tzinfo
        assert not page.path or page.path.startswith("/")


@given(
    st.lists(st.fixed_dictionaries({"id": st.none() | st.integers() | st.just("a")}), max_size=9)
)
def test_whatever_is_answered_it_ends(items: list[dict[str, Any]]) -> None:
    """An interface that never has all, or far too many, is refused."""
    with suppress(SourceError):
        assert all(one > 0 for one in whole_listing(lambda _: ItemsPage(tuple(items), 300), "x"))
    with pytest.raises(SourceRefused, match="plus de"):
        whole_listing(lambda _: ItemsPage(tuple(items), MOST_ITEMS + 1), "x")
