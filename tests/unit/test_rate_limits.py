"""Token buckets: so many at once, refilled evenly, each asker on their own account."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from search_api import limits
from search_api.limits import RateLimiter, RequesterKind, address_key
from tests.builders import Seconds

pytestmark = pytest.mark.trust


@given(
    most=st.integers(1, 50),
    steps=st.lists(st.tuples(st.floats(0, 5), st.sampled_from("ab")), max_size=300),
)
def test_never_more_than_is_granted(most: int, steps: list[tuple[float, str]]) -> None:
    """In any time at most a bucket and its refill, for each; waiting as told is always enough."""
    clock = Seconds(0.0)
    limited = RateLimiter({RequesterKind.READER: most}, clock)
    granted = {"a": 0, "b": 0}
    for passed_s, who in steps:
        clock.now_s += passed_s
        if wait_s := limited.take(RequesterKind.READER, who):
            later_s = clock.now_s + wait_s + 1e-6
            left, at = limited._buckets[RequesterKind.READER, who]
            assert left + (later_s - at) * most / 60 >= 1
        else:
            granted[who] += 1
    assert max(granted.values()) <= most + clock.now_s * most / 60 + 1e-6


def test_giving_back() -> None:
    """It undoes a take, and fills nothing beyond its brim."""
    limited = RateLimiter({RequesterKind.ADDRESS: 1}, Seconds(0.0))
    assert limited.take(RequesterKind.ADDRESS, "x") == 0
    limited.give_back(RequesterKind.ADDRESS, "x")
    limited.give_back(RequesterKind.ADDRESS, "x")
    assert [limited.take(RequesterKind.ADDRESS, "x") for _ in range(2)] == [0, 60]


def test_no_bound_is_no_account() -> None:
    """Zero grants all, and keeps nothing."""
    free = RateLimiter({RequesterKind.READER: 0})
    assert not any(free.take(RequesterKind.READER, "x") for _ in range(1000))
    assert not free._buckets


def test_memory_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever comes from many addresses makes it forget, not grow."""
    monkeypatch.setattr(limits, "MAX_BUCKETS", 10)
    limited = RateLimiter({RequesterKind.ADDRESS: 5}, Seconds(0.0))
    for number in range(100):
        limited.take(RequesterKind.ADDRESS, str(number))
    assert len(limited._buckets) == 10


@pytest.mark.parametrize(
    ("host", "key"),
    [
        ("192.0.2.1", "192.0.2.1"),
        ("2001:db8:1:2:3::4", "2001:db8:1:2::/64"),
        ("::ffff:192.0.2.1", "192.0.2.1"),
        ("testclient", "testclient"),
        ("", ""),
    ],
)
def test_an_address_is_its_subscribers(host: str, key: str) -> None:
    """The whole /64 of IPv6 is one subscriber's."""
    assert address_key(host) == key
