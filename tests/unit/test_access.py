"""The access filter: who reads what, and that a doubt never opens anything."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.values import EVERYONE, Access, authority_of
from indexer.access import NOBODY, AccessFilter, Reader, access_filter

pytestmark = pytest.mark.trust

MINE, GROUP, OTHER = "agent:a", "wiki:group:cadastre", "wiki:group:fraude"


def filter_of(*principals: str, unanswered: tuple[str, ...] = ()) -> AccessFilter:
    return access_filter(Reader("a", frozenset(principals), frozenset(unanswered)))


@pytest.mark.parametrize(
    ("allowed", "denied", "unanswered", "admitted"),
    [
        # Nothing allowed, nobody reads.
        ((), (), (), False),
        ((), (OTHER,), (), False),
        # One allowed principal is enough, and it must be the reader's.
        ((MINE,), (), (), True),
        ((EVERYONE,), (), (), True),
        ((OTHER, GROUP), (), (), True),
        ((OTHER,), (), (), False),
        # A denial of the reader wins over any permission; another's denial does not matter.
        ((EVERYONE, MINE), (GROUP,), (), False),
        ((MINE,), (MINE,), (), False),
        ((MINE,), (EVERYONE,), (), False),
        ((MINE,), (OTHER,), (), True),
        # An authority that did not answer: its denials close, its permissions open nothing.
        ((MINE,), (OTHER,), ("wiki",), False),
        ((MINE,), ("ldap:group:x",), ("wiki",), True),
        ((GROUP,), (), ("wiki",), False),
        ((GROUP, MINE), (), ("wiki",), True),
        ((EVERYONE,), ("wiki:user:b",), ("ldap", "wiki"), False),
        # Principals are compared whole, never across authorities nor by their beginning.
        (("ldap:group:cadastre",), (), (), False),
        (("wiki:group",), (), (), False),
        (("WIKI:group:cadastre",), (), (), False),
        (("wiki:group:cadastre ",), (), (), False),
    ],
)
def test_who_is_admitted(
    allowed: tuple[str, ...],
    denied: tuple[str, ...],
    unanswered: tuple[str, ...],
    admitted: bool,
) -> None:
    """The truth table of a reader with `everyone`, their own principal and one group."""
    reading = filter_of(EVERYONE, MINE, GROUP, unanswered=unanswered)
    assert reading.admits(Access(frozenset(allowed), frozenset(denied))) is admitted


PRINCIPALS = st.sampled_from(
    [EVERYONE, MINE, "agent:b", GROUP, OTHER, "ldap:group:cadastre", "ldap:group:fraude"]
)
SETS = st.frozensets(PRINCIPALS)
AUTHORITIES = st.frozensets(st.sampled_from(["agent", "wiki", "ldap", "everyone"]))
READERS = st.builds(Reader, st.sampled_from([None, "a"]), SETS, AUTHORITIES)
ACCESSES = st.builds(Access, SETS, SETS)


@given(READERS, ACCESSES, PRINCIPALS)
def test_one_more_denial_never_widens(reader: Reader, access: Access, denial: str) -> None:
    """Whoever reads with the denial reads without it."""
    reading = access_filter(reader)
    if reading.admits(Access(access.allowed, access.denied | {denial})):
        assert reading.admits(access)


@given(READERS, ACCESSES, AUTHORITIES)
def test_one_more_silent_authority_never_widens(
    reader: Reader, access: Access, silent: frozenset[str]
) -> None:
    """Whoever reads while an authority is silent reads when it answers the same."""
    doubting = Reader(reader.agent_id, reader.principals, reader.unanswered | silent)
    if access_filter(doubting).admits(access):
        assert access_filter(reader).admits(access)


@given(READERS, ACCESSES, PRINCIPALS)
def test_one_more_permission_never_narrows(reader: Reader, access: Access, more: str) -> None:
    """And opens the document to nobody who does not hold it."""
    reading = access_filter(reader)
    wider = Access(access.allowed | {more}, access.denied)
    if reading.admits(access):
        assert reading.admits(wider)
    elif more not in reader.principals:
        assert not reading.admits(wider)


@given(ACCESSES, SETS, AUTHORITIES)
def test_nobody_reads_nothing(
    access: Access, principals: frozenset[str], silent: frozenset[str]
) -> None:
    """Without an agent no principal counts, not even `everyone`."""
    assert not access_filter(NOBODY).admits(access)
    assert not access_filter(Reader(None, principals, silent)).admits(access)


@given(READERS, SETS)
def test_an_empty_list_of_readers_means_nobody(reader: Reader, denied: frozenset[str]) -> None:
    """Whoever asks, whatever is denied."""
    assert not access_filter(reader).admits(Access(frozenset(), denied))


@given(READERS)
def test_a_filter_holds_answered_principals_of_the_reader_only(reader: Reader) -> None:
    """It invents no principal, and keeps none that a silent authority vouches for."""
    reading = access_filter(reader)
    assert reading.principals <= reader.principals
    assert reading.unanswered == reader.unanswered
    assert not reading.unanswered & {authority_of(one) for one in reading.principals}


NAMES = st.frozensets(st.sampled_from(["wiki", "notes", "share"]))


@given(st.lists(NAMES, min_size=1, max_size=3))
def test_limits_of_sources_only_narrow(limits: list[frozenset[str]]) -> None:
    """Each further limit counts beside those before; without one every source is reached."""
    reading = access_filter(NOBODY)
    assert reading.reaches("wiki", "")
    for sources in limits:
        reading = reading.within(sources)
    for source in ("wiki", "notes", "share"):
        assert reading.reaches(source, "") is all(source in sources for sources in limits)


def test_an_authority_that_did_not_answer_is_known_however_it_is_written() -> None:
    """Names are compared in one normal form, like principals."""
    composed, decomposed = "\u00e9tat", "e\u0301tat"
    reading = filter_of(EVERYONE, f"{composed}:group:a", unanswered=(decomposed,))
    assert reading.principals == {EVERYONE}
    assert not reading.admits(Access(frozenset({EVERYONE}), frozenset({f"{composed}:group:b"})))
