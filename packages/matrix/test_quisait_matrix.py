"""Matrix events, accounts and readers without a server: whatever another server may send."""

import json
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from quisait_matrix.accounts import AccountNames
from quisait_matrix.client import MatrixClient
from quisait_matrix.conversations import Timeline
from quisait_matrix.cursor import MatrixCursor, read_cursor
from quisait_matrix.events import (
    EventType,
    MalformedEventError,
    Relation,
    RoomEvent,
    parse_event,
    without_quotation,
)
from quisait_matrix.rooms import LEVELS, RoomState, level_of, room_readers, room_state

from connectors.http_host import HttpHost
from connectors.http_limits import HttpLimits
from connectors.ports import SourceUnreachable
from tests.http_server import Handler, serving

pytestmark = [pytest.mark.sources, pytest.mark.trust]

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                ["body", "msgtype", "event_id", "rel_type", "m.relates_to", "key", "a"]
            ),
            inner,
            max_size=4,
        )
    ),
    max_leaves=12,
)
EVENTS = st.fixed_dictionaries(
    {"type": st.sampled_from(EventType) | JSON, "event_id": st.just("$e") | JSON},
    optional={
        name: JSON | st.just({"msgtype": "m.text", "body": "x", "m.relates_to": {}})
        for name in ("content", "sender", "unsigned", "origin_server_ts", "redacts", "state_key")
    },
)


@given(EVENTS)
def test_any_event_is_read_left_out_or_malformed(raw: dict[str, Any]) -> None:
    """No other error; and a room of such events has conversations, or none."""
    event = None
    with suppress(MalformedEventError):
        event = parse_event(raw)
    if event is not None:
        assert event.id.startswith("$")
        list(Timeline([event]).conversations())


@given(st.lists(EVENTS, max_size=4))
def test_any_state_is_a_room(events: list[dict[str, Any]]) -> None:
    state = room_state("!r", events)
    assert 0 <= state.level < len(LEVELS)


@pytest.mark.parametrize(
    ("user", "account"),
    [
        ("@ana:a.test", "t:ana"),
        ("@ana:b.test", "t:@ana:b.test"),
        ("@ana:a.test:8448", "t:@ana:a.test:8448"),
        ("@jean.dupont-finances.gouv.fr:a.test", "t:jean.dupont@finances.gouv.fr"),
        ("@x-dgfip-finances.gouv.fr:a.test", "t:@x-dgfip-finances.gouv.fr:a.test"),
        ("@-finances.gouv.fr:a.test", "t:-finances.gouv.fr"),
        ("@:a.test", "t:@:a.test"),
        ("ana", "t:ana"),
    ],
)
def test_accounts_have_short_names_on_stated_servers(user: str, account: str) -> None:
    """Elsewhere, and where two addresses are possible, no rule gives the name to an agent."""
    domains = frozenset({"finances.gouv.fr", "dgfip-finances.gouv.fr"})
    assert AccountNames("t", frozenset({"a.test"}), domains).account(user) == account


STEPS = st.lists(
    st.tuples(st.sampled_from(["join", "invite", "leave", "say"]), st.sampled_from("ab"))
    | st.tuples(st.just("visibility"), st.sampled_from(LEVELS)),
    max_size=14,
)


@given(STEPS, st.integers(0, 14))
def test_readers_of_a_part_are_never_more_than_matrix_admits(
    steps: list[tuple[str, str]], skipped: int
) -> None:
    """Against a plain simulation of each user's rights, event by event.

    Only the later part of the timeline is read, as for a conversation that changed.
    """
    memberships = dict.fromkeys("ab", "leave")
    level = "shared"
    events: list[RoomEvent] = []
    admitted: list[set[str]] = []
    for step, what in steps:
        number = len(events)
        if step == "visibility":
            event = RoomEvent(f"${number}", EventType.VISIBILITY, "@o", value=what, former=level)
            level = what
        elif step == "say":
            event = RoomEvent(f"${number}", EventType.MESSAGE, "@o", text="x")
        else:
            former = memberships[what]
            event = RoomEvent(
                f"${number}", EventType.MEMBER, what, state_key=what, value=step, former=former
            )
            memberships[what] = step
        events.append(event)
        admitted.append({u for u in "ab" if _sees(level, memberships[u])})
    joined = frozenset(u for u in "ab" if memberships[u] == "join")
    state = RoomState("!r", joined=joined, level=level_of(level))
    part = events[skipped:]
    readers = room_readers(state, part)
    for position, event in enumerate(part):
        if event.type is EventType.MESSAGE:
            later = admitted[skipped + position :]
            # `shared` admits who joins later; the others only who was there.
            may = set().union(*later) if _level(events, skipped + position) >= 2 else later[0]
            assert readers.members([position]) <= may & joined


def test_member_who_left_since_the_state_was_asked_reads_no_later_message() -> None:
    """The state and the timeline are two requests; a message may be written between them."""
    state = RoomState("!r", joined=frozenset("ab"), level=level_of("shared"))
    left = RoomEvent("$0", EventType.MEMBER, "b", state_key="b", value="leave", former="join")
    part = [left, RoomEvent("$1", EventType.MESSAGE, "a", text="x")]
    assert room_readers(state, part).members([1]) == {"a"}


def _sees(level: str, membership: str) -> bool:
    return membership == "join" or (membership == "invite" and level == "invited")


def _level(events: list[RoomEvent], position: int) -> int:
    said = [e.value for e in events[:position] if e.type is EventType.VISIBILITY]
    return level_of(said[-1] if said else "shared")


def test_replies_that_turn_in_a_circle_end() -> None:
    """Event ids are hashes, but a former room version's are what its server says."""
    circle = [
        RoomEvent("$a", EventType.MESSAGE, "@o", text="a", relation=Relation.REPLY, target="$b"),
        RoomEvent("$b", EventType.MESSAGE, "@o", text="b", relation=Relation.REPLY, target="$a"),
    ]
    said = list(Timeline(circle).conversations())
    assert sorted(m.text for one in said for m in one.messages) == ["a", "b"]


def test_what_the_account_was_asked_by_name_is_no_conversation() -> None:
    """Whoever answers beside it is read; in a thread, the message that it answers is left out."""

    def said(name: str, sender: str, text: str, kind: str = "m.text", **more: Any) -> Any:
        content = {"msgtype": kind, "body": text, **more}
        return parse_event(
            {"type": "m.room.message", "event_id": name, "sender": sender, "content": content}
        )

    def in_thread(root: str, answered: str) -> dict[str, Any]:
        there = {"rel_type": "m.thread", "event_id": root, "m.in_reply_to": {"event_id": answered}}
        return {"m.relates_to": there}

    events = [
        said("$asked", "@ana:a", "@qui-sait le bornage"),
        said("$told", "@bot:a", "• Un titre", "m.notice", **in_thread("$asked", "$asked")),
        said("$beside", "@ben:a", "Moi je sais.", **in_thread("$asked", "$asked")),
        said("$again", "@ana:a", "@qui-sait le cadastre", **in_thread("$asked", "$beside")),
        said("$tells", "@bot:a", "• Un autre", "m.notice", **in_thread("$asked", "$again")),
    ]
    (one,) = Timeline(events, "@bot:a").conversations()
    assert [message.text for message in one.messages] == ["Moi je sais."]


@pytest.mark.parametrize(
    ("text", "own"),
    [
        ("> <@ana:a.test> Qui ?\n> Et où ?\n\nMoi.", "\nMoi."),
        ("> une citation voulue", "> une citation voulue"),
        ("> <@ana:a.test> seule", ""),
        ("Moi.", "Moi."),
    ],
)
def test_quotations_of_older_clients_are_cut(text: str, own: str) -> None:
    assert without_quotation(text) == own


@given(JSON)
def test_a_cursor_of_another_kind_counts_as_none(said: object) -> None:
    assert read_cursor(json.dumps(said), "@a") is None
    kept = MatrixCursor("@a", "r", "s1", "s0", {"!x": None, "!y": "$z"}, "all")
    assert read_cursor(kept.to_json(), "@a") == kept
    assert read_cursor(kept.to_json(), "@b") is None


@pytest.fixture
def answers() -> Iterator[tuple[str, list[tuple[int, bytes]]]]:
    """A server that gives these answers, one after the other."""
    said: list[tuple[int, bytes]] = []

    class Answers(Handler):
        def answer(self) -> None:
            self.say(*said.pop(0))

    with serving(Answers) as origin:
        yield f"{origin}/", said


def test_it_waits_as_long_as_the_server_asks(
    answers: tuple[str, list[tuple[int, bytes]]],
) -> None:
    """`retry_after_ms` of the answer's body, then the answer; not beyond the limit."""
    url, said = answers
    waits: list[float] = []
    limits = HttpLimits(rate_per_s=0, max_wait_s=10)
    client = MatrixClient(HttpHost(url, limits, sleep=waits.append), "jeton")
    said += [(429, b'{"retry_after_ms": 2500}'), (200, b'{"user_id": "@a:b"}')]
    assert client.user_id() == "@a:b"
    assert waits == [2.5]
    said += [(429, b'{"retry_after_ms": 60000}')]
    with pytest.raises(SourceUnreachable, match="rythme"):
        client.user_id()


@pytest.mark.parametrize("wait", [b"0", b"-1", b"1e-9", b"9" * 400, b"[" * 100_000])
def test_a_wait_of_nothing_is_not_taken_at_its_word(
    answers: tuple[str, list[tuple[int, bytes]]], wait: bytes
) -> None:
    """Else the server would be asked without end; what is no number is none."""
    url, said = answers
    said += [(429, b'{"retry_after_ms": ' + wait + b"}")] * 5
    waits: list[float] = []
    host = HttpHost(url, HttpLimits(rate_per_s=0, max_wait_s=3), sleep=waits.append)
    with pytest.raises(SourceUnreachable, match="rythme"):
        MatrixClient(host, "jeton").user_id()
    assert len(waits) <= 3


@pytest.mark.parametrize("body", [b"", b"<html>", b"[]", b'{"user_id": 3}'])
def test_what_is_no_matrix_server_is_named(
    answers: tuple[str, list[tuple[int, bytes]]], body: bytes
) -> None:
    url, said = answers
    said.append((200, body))
    with pytest.raises(SourceUnreachable, match="serveur Matrix"):
        MatrixClient(HttpHost(url, HttpLimits(rate_per_s=0)), "jeton").user_id()


def test_an_answer_nested_without_end_is_no_answer(
    answers: tuple[str, list[tuple[int, bytes]]],
) -> None:
    url, said = answers
    said.append((200, b"[" * 100_000))
    with pytest.raises(SourceUnreachable, match="serveur Matrix"):
        MatrixClient(HttpHost(url, HttpLimits(rate_per_s=0)), "jeton").user_id()
