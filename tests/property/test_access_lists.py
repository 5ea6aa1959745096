"""Access lists of Windows against Windows' own rule, entry by entry (MS-DTYP 2.5.3.2)."""

from collections.abc import Sequence

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from quisait_smb.descriptors import NEEDED, Ace, AceType, file_rights, read_descriptor, read_sid
from quisait_smb.readers import ALL, SidReading, decide

from connectors.values import EVERYONE, Access
from tests.samba_server import ace, descriptor, sid_bytes, sid_text

pytestmark = [pytest.mark.sources, pytest.mark.trust]

OWNER, OWNER_RIGHTS = "S-1-5-21-1-2-3-500", "S-1-3-4"
GROUPS = [f"S-1-5-21-1-2-3-{number}" for number in range(1000, 1004)]
LOCAL = "S-1-5-32-545"
SIDS = [*GROUPS, OWNER, OWNER_RIGHTS, LOCAL, ALL]
MASKS = [0x80000000, 0x10000000, 0x20000000, 0x40000000, NEEDED, 0x1F01FF, 0x1, 0x120088, 0x2, 0]

entries = st.builds(
    Ace,
    st.sampled_from([AceType.ALLOW, AceType.DENY]),
    st.sampled_from(SIDS),
    st.sampled_from(MASKS).map(file_rights),
)
lists = st.lists(entries, max_size=8)
tokens = st.sets(st.sampled_from([*GROUPS, OWNER, LOCAL])).map(
    lambda held: held | {ALL} | ({OWNER_RIGHTS} if OWNER in held else set())
)


def lets_in(aces: Sequence[Ace], token: set[str]) -> bool:
    """Return whether Windows gives the holder of these SIDs all rights to read."""
    missing = NEEDED
    for entry in aces:
        if entry.sid not in token:
            continue
        if entry.allows:
            missing &= ~entry.mask
        elif missing & entry.mask:
            return False
        if not missing:
            return True
    return False


def admits(access: Access, token: set[str]) -> bool:
    """Return whether quisait's rule allows reading, if every SID is a principal."""
    principals = {f"ad:sid:{sid}" for sid in token} | {EVERYONE}
    return bool(access.allowed & principals) and not access.denied & principals


@given(aces=lists, token=tokens)
@settings(max_examples=300)
def test_nobody_reads_what_windows_closes(aces: list[Ace], token: set[str]) -> None:
    """Whatever the order, and masks in pieces; local groups and the owner's rights included."""
    raw = descriptor([ace(one.sid, one.mask, one.kind or 0) for one in aces], OWNER)
    access = SidReading("ad").readers(read_descriptor(raw)).access
    if admits(access, token):
        assert lets_in(aces, token)


@given(aces=lists, token=tokens)
@settings(max_examples=300)
def test_a_usual_list_opens_to_exactly_whom_windows_does(aces: list[Ace], token: set[str]) -> None:
    """Refusals before permissions, each of the whole right to read: nothing is lost, or told."""
    usual = [Ace(one.kind, one.sid, NEEDED) for one in aces if one.sid not in (LOCAL, OWNER_RIGHTS)]
    usual.sort(key=lambda one: one.allows)
    decided = decide(usual)
    access = Access(
        frozenset(f"ad:sid:{sid}" for sid in decided.allowed),
        frozenset(f"ad:sid:{sid}" for sid in decided.denied),
    )
    assert admits(access, token) == lets_in(usual, token)
    assert decided.reasons == ()


@given(aces=lists, token=tokens)
@example(
    aces=[
        Ace(AceType.ALLOW, GROUPS[0], 0x1),
        Ace(AceType.DENY, GROUPS[1], 0x1),
        Ace(AceType.ALLOW, GROUPS[0], NEEDED),
    ],
    token={GROUPS[0], GROUPS[1], ALL},
)
@example(
    aces=[
        Ace(AceType.ALLOW, GROUPS[0], 0x1),
        Ace(AceType.ALLOW, GROUPS[2], 0x80),
        Ace(AceType.DENY, GROUPS[1], 0x81),
        Ace(AceType.ALLOW, GROUPS[0], NEEDED),
    ],
    token={GROUPS[0], GROUPS[1], GROUPS[2], ALL},
)
@settings(max_examples=300)
def test_who_loses_what_windows_opens_is_told(aces: list[Ace], token: set[str]) -> None:
    """Fewer readers than Windows lets in only with a reason, or for whom only SIDs of the
    server let in."""
    known = [one for one in aces if one.sid not in (LOCAL, OWNER_RIGHTS)]
    decided = decide(known)
    denied = not token.isdisjoint(decided.denied)
    if lets_in(known, token) and (denied or token.isdisjoint(decided.allowed)):
        assert decided.reasons


@given(aces=lists, shared=st.sets(st.sampled_from(GROUPS)), token=tokens)
@settings(max_examples=200)
def test_the_share_only_takes_away(aces: list[Ace], shared: set[str], token: set[str]) -> None:
    """Who is let in has passed both the share's rights and the file's."""
    share = Access(frozenset(f"ad:sid:{sid}" for sid in shared))
    raw = read_descriptor(
        descriptor([ace(one.sid, one.mask, one.kind or 0) for one in aces], OWNER)
    )
    if admits(SidReading("ad", {}, share).readers(raw).access, token):
        assert admits(share, token)
        assert admits(SidReading("ad").readers(raw).access, token)


@given(parts=st.lists(st.integers(0, 2**32 - 1), max_size=15), authority=st.integers(0, 2**32 - 1))
def test_a_sid_is_read_as_it_is_written(parts: list[int], authority: int) -> None:
    """Back and forth, whatever its length."""
    text = "-".join(["S-1", str(authority), *map(str, parts)])
    assert read_sid(sid_bytes(text)) == (text, len(sid_bytes(text)))
    assert sid_text(sid_bytes(text)) == text


@given(
    whole=st.lists(entries, max_size=3).map(
        lambda aces: descriptor([ace(one.sid, one.mask) for one in aces], OWNER)
    ),
    at=st.integers(0, 150),
    value=st.integers(0, 255),
    end=st.integers(0, 200),
)
@settings(max_examples=300)
def test_damaged_bytes_are_an_error_or_a_list(whole: bytes, at: int, value: int, end: int) -> None:
    """Cut anywhere or with a changed byte: never another kind of error."""
    damaged = bytearray(whole[:end])
    if at < len(damaged):
        damaged[at] = value
    try:
        read_descriptor(bytes(damaged))
    except ValueError:
        return
