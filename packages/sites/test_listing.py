"""Items that are listed page by page while they come and go."""

from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from quisait_sites.listing import MOST_ITEMS, ItemsPage, whole_listing

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


@given(
    st.lists(st.fixed_dictionaries({"id": st.none() | st.integers() | st.just("a")}), max_size=9)
)
def test_whatever_is_answered_it_ends(items: list[dict[str, Any]]) -> None:
    """An interface that never has all, or far too many, is refused."""
    with suppress(SourceError):
        assert all(one > 0 for one in whole_listing(lambda _: ItemsPage(tuple(items), 300), "x"))
    with pytest.raises(SourceRefused, match="plus de"):
        whole_listing(lambda _: ItemsPage(tuple(items), MOST_ITEMS + 1), "x")
