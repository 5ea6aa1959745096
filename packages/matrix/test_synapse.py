"""Rooms of a real Synapse as a source: from the settings to a found conversation, and who reads."""

import json
from pathlib import Path
from typing import Any

import pytest
from quisait_connector_kit.connector_contract import IndexedDocuments, apply, last_cursor
from quisait_matrix.connector import MatrixConnector
from quisait_matrix.options import MatrixOptions

from connectors.http_limits import HttpLimits
from connectors.ports import (
    Change,
    Checkpoint,
    Listing,
    Malformed,
    SourceRefused,
    SourceUnreachable,
)
from connectors.values import Access, ContributorRole
from tests.matrix_server import MatrixAccount, ensure_matrix
from tests.service.place import Place, make_place
from tests.service.running import running, wait_until

pytestmark = [pytest.mark.sources, pytest.mark.trust]


def rooms_of(reader: MatrixAccount, **options: object) -> MatrixConnector:
    said = MatrixOptions.model_validate({"url": reader.server.url} | options)
    return MatrixConnector("t", said, reader.token, limits=HttpLimits(rate_per_s=0))


def read(
    reader: MatrixAccount, former: tuple[IndexedDocuments, str] | None = None, **options: object
) -> tuple[IndexedDocuments, str, list[Change]]:
    """Return the indexed documents after a reading, its cursor and its reports."""
    kept, cursor = former or ({}, None)
    changes = list(rooms_of(reader, **options).changes(cursor))
    return apply(changes, kept), last_cursor(changes), changes


def readers(kept: IndexedDocuments) -> dict[str, set[str]]:
    """The names of the accounts that read each document, by how its text begins."""
    return {
        document.sections[0].text: {one.rpartition(":")[2] for one in document.access.allowed}
        for document in kept.values()
    }


def name(account: MatrixAccount) -> str:
    return account.user_id[1:].partition(":")[0]


def test_from_the_settings_to_a_found_conversation(tmp_path: Path) -> None:
    """Invited, tried, read, found by members alone; its answerer is among who knows."""
    matrix = ensure_matrix()
    reader = matrix.account("lecteur")
    ana, ben, cyd = (matrix.account(f"ag-{number}") for number in (1, 2, 3))
    open_room = ana.create("Cadastre du Finistère", reader, ben, cyd)
    ben.join(open_room)
    asked = ben.say(open_room, "Comment borner une parcelle enclavée en tourbière ?")
    ana.say(open_room, "Le bornage en tourbière demande un géomètre du cadastre.", reply=asked)
    ana.create("Secret", reader, ben, cyd, encrypted=True)
    options = {"url": matrix.url, "evidence": "yes"}
    source = {"name": "tchap", "kind": "matrix", "join": ["uid"], "options": options}
    (tmp_path / "jeton").write_text(f"{reader.token}\n", "utf-8")
    (tmp_path / "jeton").chmod(0o600)
    source["password_file"] = str(tmp_path / "jeton")
    place = make_place(tmp_path / "place", QUISAIT_SOURCES=json.dumps([source]))
    checked = place.run("check").stdout
    assert "chiffré" in checked
    assert "en clair" in checked
    (tried,) = place.json("try", "tchap")["documents"]
    assert tried["allowed"] == ["tchap:account:ag-1", "tchap:account:ag-2"]
    place.run("crawl", "tchap")
    question = "bornage d'une parcelle en tourbière"

    def found(agent: str) -> list[str]:
        answer = place.json("search", question, "--agent", agent)
        return [one["title"] for one in answer["documents"]]

    assert found("ag-2")[0].startswith("Cadastre du Finistère : Comment borner")
    known = place.json("experts", question, "--agent", "ag-2")["candidates"]
    assert [one["agent"]["id"] for one in known] == ["ag-1"]
    ben.leave(open_room)
    place.run("crawl", "tchap")
    assert found("ag-2") == []
    private = ana.create("À deux", reader)
    reader.join(private)
    bot = {"QUISAIT_BOT__SOURCE": "tchap", "QUISAIT_SIGN_ON__ADDRESS": "https://qui-sait.test"}

    def is_answered() -> bool:
        """Asked again until `quisait run` listens: what was said before is not for it."""
        ana.say(private, "bornage en tourbière")
        said = [one["content"].get("body", "") for one in ana.messages(private)]
        return any("https://qui-sait.test/documents/tchap:" in one for one in said)

    with running(Place(place.folder, {**place.environment, **bot}), "--no-crawl"):
        wait_until(is_answered, every_s=1.0)


def test_history_visibility_narrows_the_members() -> None:
    """Who joined later reads what was shared, not what only those present may read."""
    matrix = ensure_matrix()
    reader, first, invited, late = matrix.accounts(4)
    for visibility in ("shared", "invited", "joined"):
        room = first.create("Salon", reader, visibility=visibility)
        reader.join(room)
        first.say(room, f"{visibility} avant")
        first.invite(room, invited)
        first.say(room, f"{visibility} entre")
        invited.join(room)
        first.invite(room, late)
        late.join(room)
        late.ask("PUT", f"profile/{late.user_id}/displayname", {"displayname": "Zoé"})
        first.say(room, f"{visibility} après")
    kept, cursor, _ = read(reader)
    one, two, three = map(name, (first, invited, late))
    expected = {
        "shared avant": {one, two, three},
        "shared entre": {one, two, three},
        "invited avant": {one},
        "invited entre": {one, two},
        "joined avant": {one},
        "joined entre": {one},
    } | {f"{visibility} après": {one, two, three} for visibility in ("shared", "invited", "joined")}
    assert readers(kept) == {text: {f"{who}" for who in whom} for text, whom in expected.items()}

    # A visibility that is narrower from now on holds for what was said before as well.
    shared = next(d.id for d in kept.values() if d.sections[0].text == "shared avant")
    room = shared.removeprefix("t:").partition("/")[0]
    first.set_state(room, "m.room.history_visibility", history_visibility="joined")
    kept, _, _ = read(reader, (kept, cursor))
    assert readers(kept)["shared avant"] == {one}
    assert readers(kept)["shared après"] == {one, two, three}


def test_a_member_who_leaves_and_a_reader_who_is_put_out() -> None:
    """Both are seen in one reading; what the account may not see any more is gone."""
    matrix = ensure_matrix()
    reader, first, second, third = matrix.accounts(4)
    room, other = (first.create(f"Salon {n}", reader, second, third) for n in range(2))
    for one in (room, other):
        second.join(one)
        first.say(one, f"note {one}")
    kept, cursor, _ = read(reader)
    assert readers(kept)[f"note {room}"] == {name(first), name(second)}
    second.leave(room)
    kept, cursor, _ = read(reader, (kept, cursor))
    assert readers(kept)[f"note {room}"] == {name(first)}
    assert readers(kept)[f"note {other}"] == {name(first), name(second)}
    first.kick(other, reader)
    kept, cursor, _ = read(reader, (kept, cursor))
    assert list(readers(kept)) == [f"note {room}"]
    first.set_state(room, "m.room.encryption", algorithm="m.megolm.v1.aes-sha2")
    kept, cursor, changes = read(reader, (kept, cursor))
    assert not kept
    _, _, changes = read(reader)
    assert [one.where for one in changes if isinstance(one, Malformed)] == [f"salon {room}"]


def test_readable_by_anybody_is_what_the_settings_say() -> None:
    """Without a word in the settings its members alone read; never more than they say."""
    matrix = ensure_matrix()
    reader, first, second = matrix.accounts(3)
    room = first.create("Ouvert", reader, second, visibility="world_readable")
    first.say(room, "ouvert")
    members = {f"t:account:{name(first)}"}
    (document,) = read(reader)[0].values()
    assert document.access.allowed == members
    kept, cursor, _ = read(reader, open_rooms={room: ["everyone"]})
    assert [one.access.allowed for one in kept.values()] == [{"everyone"}]
    first.set_state(room, "m.room.history_visibility", history_visibility="shared")
    kept, cursor, _ = read(reader, (kept, cursor), open_rooms={room: ["everyone"]})
    assert [one.access.allowed for one in kept.values()] == [members]
    kept, _, _ = read(reader, (kept, cursor), open_rooms={room: ["annuaire:group:a"]})
    assert [one.access for one in kept.values()] == [Access()]


def test_texts_follow_edits_redactions_and_replies() -> None:
    """One conversation by reply or thread; what is edited or redacted is seen in one reading."""
    matrix = ensure_matrix()
    reader, asker, expert = matrix.accounts(3)
    room = asker.create("Aide", reader, expert)
    expert.join(room)
    asked = asker.say(room, "Qui sait ?")
    answer = expert.say(room, "Moi.", reply=asked)
    alone = asker.say(room, "Le guichet ferme à 16 h.")
    untouched = asker.say(room, "Le guichet est au premier étage.")
    kept, cursor, _ = read(reader)
    assert len(kept) == 3
    threaded = asker.say(room, "Merci, et pour 2025 ?", thread=answer)
    asker.react(room, answer, "❤️")
    expert.edit(room, answer, "Moi, depuis 2020.")
    expert.edit(room, alone, "Un autre ne change rien.")  # not its author
    kept, cursor, changes = read(reader, (kept, cursor))
    first = kept[f"t:{room}/{asked}"]
    texts = ["Qui sait ?", "Moi, depuis 2020.", "Merci, et pour 2025 ?"]
    assert [one.text for one in first.sections] == texts
    assert kept[f"t:{room}/{alone}"].sections[0].text == "Le guichet ferme à 16 h."
    (thanked,) = (c for c in first.contributions if c.role is ContributorRole.ANSWERER)
    assert thanked.thanks == 1
    assert not any(untouched in repr(one) for one in changes), "it did not change"
    asker.redact(room, untouched)
    expert.redact(room, answer)
    asker.redact(room, alone)
    kept, cursor, _ = read(reader, (kept, cursor))
    assert f"t:{room}/{alone}" not in kept
    assert "Moi" not in repr(kept)
    assert kept[f"t:{room}/{asked}"].sections[0].text == "Qui sait ?"
    asker.redact(room, threaded)
    kept, _, _ = read(reader, (kept, cursor))
    assert [one.sections[0].text for one in kept.values()] == ["Qui sait ?"]


def test_what_is_no_conversation() -> None:
    """Private talk, programs' notices, what is said to the account and by it, other servers."""
    matrix = ensure_matrix()
    reader, first, second = matrix.accounts(3)
    private = first.create("À deux", reader)
    reader.join(private)
    first.say(private, "entre nous")
    room = first.create("Salon", reader, second)
    reader.join(room)
    reader.say(room, "une réponse du robot")
    said: dict[str, Any] = {"m.mentions": {"user_ids": [reader.user_id]}}
    first.say(room, "une question au robot", **said)
    first.send(room, "m.room.message", {"msgtype": "m.notice", "body": "un programme"})
    first.say(room, "lu")
    kept, _, changes = read(reader)
    assert list(readers(kept)) == ["lu"]
    reasons = [one.reason for one in changes if isinstance(one, Malformed)]
    assert len(reasons) == 1
    third = matrix.account()
    asked = first.create("Invitation", third, second)
    _, _, changes = read(third, invitations_from=["autre.test"])
    assert [one.where for one in changes if isinstance(one, Malformed)] == [f"salon {asked}"]
    assert third.ask("GET", "joined_rooms")["joined_rooms"] == []


def test_who_leaves_is_seen_though_the_reading_before_was_killed() -> None:
    """The server answers from memory what the killed reading asked; that is older."""
    reader, author, staying, leaving = ensure_matrix().accounts(4)
    room = author.create("Salon", reader, staying, leaving)
    for one in (reader, staying, leaving):
        one.join(room)
    author.say(room, "Une note.")
    kept, cursor, _ = read(reader)
    assert readers(kept)["Une note."] == {name(author), name(staying), name(leaving)}
    author.say(room, "Une nouvelle.")
    assert next(rooms_of(reader).changes(cursor))
    leaving.leave(room)
    kept, _, _ = read(reader, (kept, cursor))
    still = {name(author), name(staying)}
    assert readers(kept) == {"Une note.": still, "Une nouvelle.": still}


def test_a_redaction_holds_though_the_reading_is_killed() -> None:
    """After the room with the redaction, before the others: what stands nowhere is not kept."""
    reader, asker, expert = ensure_matrix().accounts(3)
    first, last = sorted(asker.create("Salon", reader, expert) for _ in range(2))
    for room in (first, last):
        reader.join(room)
        expert.join(room)
    asked = asker.say(first, "Qui sait ?")
    answer = expert.say(first, "Moi seul.", reply=asked)
    asker.redact(first, asked)
    kept, cursor, _ = read(reader)
    assert "Moi seul" in repr(kept)
    expert.redact(first, answer)
    asker.say(last, "Une autre nouvelle.")
    done: list[Change] = []
    for change in rooms_of(reader).changes(cursor):
        done.append(change)
        if isinstance(change, Checkpoint):
            break
    kept, cursor = apply(done, kept), last_cursor(done)
    for _ in range(2):
        kept, cursor, _ = read(reader, (kept, cursor))
    assert "Moi seul" not in repr(kept)
    assert "Une autre nouvelle" in repr(kept)


def test_an_invitation_that_was_not_accepted_is_seen_again() -> None:
    """The server tells of it once; here it was not allowed before the settings changed."""
    reader, first, second = ensure_matrix().accounts(3)
    _, cursor, _ = read(reader)
    room = first.create("Salon", reader, second)
    first.say(room, "lu enfin")
    elsewhere = {"invitations_from": ["autre.test"]}
    kept, cursor, _ = read(reader, ({}, cursor), **elsewhere)
    assert not kept
    kept, _, _ = read(reader, (kept, cursor))
    assert "lu enfin" in repr(kept)


def test_what_stands_in_no_room_any_more_is_closed_at_once() -> None:
    """Though its removal should wait for a person: who left the room reads it no more."""
    reader, first, second = ensure_matrix().accounts(3)
    left, kept = (first.create("Salon", reader, second) for _ in range(2))
    for room in (left, kept):
        reader.join(room)
        first.say(room, "dit")
    first.kick(left, reader)
    _, _, changes = read(reader)
    (listing,) = (one for one in changes if isinstance(one, Listing))
    assert listing.is_left_out is not None
    assert listing.is_left_out(f"t:{left}/$dit")
    assert not listing.is_left_out(f"t:{kept}/$dit")


def test_a_token_that_is_refused_and_a_server_that_is_another() -> None:
    """Both say what to do; neither deletes anything."""
    matrix = ensure_matrix()
    reader = matrix.account()
    said = MatrixOptions(url=matrix.url)
    with pytest.raises(SourceRefused, match="password_file"):
        list(MatrixConnector("t", said, "faux").changes(None))
    elsewhere = MatrixOptions(url=f"{matrix.url}ailleurs")
    with pytest.raises((SourceUnreachable, SourceRefused)):
        list(MatrixConnector("t", elsewhere, reader.token).changes(None))
