"""The register of deletions where its file cannot be written: nothing is lost, nothing waits."""

import os
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa
from quisait_mail.storage import SqlMail
from quisait_mail.values import MailPreferences
from quisait_push.connector import PushConnector
from quisait_push.inbox import Inbox
from quisait_push.items import PushOutcome, parse_item

from connectors.ports import Upsert
from connectors.values import Access
from expertise.consent import Preference, PreferenceKind, SqlConsent
from expertise.decisions import CommunityDecision, SqlCommunityDecisions, Verdict
from expertise.directory import set_cut
from expertise.directory_tables import cut_agents
from indexer.embedded.index import EmbeddedIndex
from indexer.live_index import EncoderRecord
from indexer.logged_index import DeletionLoggingIndex
from indexer.state import State, cursors, digest
from indexer.values import PutAccess
from quisait.application.database import connect, migrate
from quisait.application.sources import source_stores
from quisait.privacy.register import (
    DatabaseRegisterMark,
    FileRegister,
    FileRegisterMark,
    PendingLines,
    RegisterUnusable,
)
from quisait.privacy.replay import ReplayReport, replay, replay_on_copy, replay_where_older
from quisait.privacy.retention import register_warning
from quisait.settings import QUESTIONS_SOURCE, Settings
from quisait.work.backup import Manifest
from quisait.work.restore import _register_since
from search_api.following.storage import FollowKind, SqlFollowing
from search_api.questions.storage import SqlQuestions
from search_api.questions.tables import hidden_texts
from search_api.questions.values import AskedQuestion, GivenAnswer
from search_api.verification.storage import SqlVerifications, Verification
from tests.builders import ENCODER, put

pytestmark = pytest.mark.trust

NOW = datetime(2026, 3, 10, 9, tzinfo=UTC)
RETREAT = Preference("ag-1", PreferenceKind.WITHDRAW)


@pytest.fixture
def register(engine: sa.Engine, tmp_path: Path) -> FileRegister:
    """In a folder that is a file, until `give_back`: root meets that too."""
    (tmp_path / "volume").write_text("")
    marks = (DatabaseRegisterMark(engine), FileRegisterMark(tmp_path / "index" / "register.mark"))
    path = tmp_path / "volume" / "registre.jsonl"
    return FileRegister(path, marks, lambda: NOW, 30, PendingLines(engine))


def give_back(register: FileRegister) -> None:
    register.path.parent.unlink()
    register.path.parent.mkdir()


def kinds(register: FileRegister) -> list[str]:
    return [line["kind"] for line in register.lines()]


def test_what_cannot_be_written_waits_and_is_written_in_its_order(register: FileRegister) -> None:
    """Before the next line, once each; no line waits then."""
    register.note("gone", documents=["wiki:1"])
    register.note("closed", documents=["wiki:2"])
    assert (kinds(register), register.waiting()) == ([], 2)
    give_back(register)
    register.note("purged", agent="ag-3")
    assert (kinds(register), register.waiting()) == (["gone", "closed", "purged"], 0)
    assert {mark.read() for mark in register.marks} == {register.last()}
    register.note("gone", documents=["wiki:4"])
    assert kinds(register) == ["gone", "closed", "purged", "gone"]


def test_a_wish_acts_at_once_and_says_that_it_is_not_noted(
    register: FileRegister, engine: sa.Engine
) -> None:
    """Of its agent alone; it is said no more once it is written."""
    consent = SqlConsent(engine, lambda: NOW, register)
    consent.ask(RETREAT)
    assert [one.preference for one in consent.of("ag-1")] == [RETREAT]
    assert (consent.noted("ag-1"), consent.noted("ag-2")) == (False, True)
    give_back(register)
    assert register.complete() == 0
    assert consent.noted("ag-1")
    assert kinds(register) == ["wish"]


def test_an_index_that_may_be_restored_is_told_what_waited(register: FileRegister) -> None:
    """When quisait opens, its mark stays behind; the database, that kept it, knows it."""
    register.note("gone", documents=["wiki:1"])
    give_back(register)
    assert register.complete(opening=True) == 0
    database, index = register.marks
    assert (database.read(), index.read()) == (register.last(), "")
    assert [line["documents"] for line in register.since(index.read())] == [["wiki:1"]]


def test_a_restored_database_is_not_taken_for_one_that_knows(register: FileRegister) -> None:
    """Its mark is not that of the line before: it stays where it is."""
    give_back(register)
    register.note("gone", documents=["wiki:0"])
    register.marks[0].move("a line of long ago")
    register.path.rename(register.path.with_name("aside"))
    register.path.mkdir()
    register.note("gone", documents=["wiki:1"])
    register.path.rmdir()
    register.path.with_name("aside").rename(register.path)
    assert register.complete(opening=True) == 0
    assert register.marks[0].read() == "a line of long ago"


def test_a_sentence_says_what_waits_and_what_to_do(register: FileRegister) -> None:
    """By its path and its setting; nothing where nothing waits."""
    assert register_warning(register) == ""
    register.note("gone", documents=["wiki:1"])
    told = register_warning(register)
    for word in (": 1.", str(register.path), "[privacy] register_file", "sauvegarde restaurée"):
        assert word in told
    assert "wiki:1" not in told
    give_back(register)
    assert register_warning(register) == ""
    assert kinds(register) == ["gone"]


def test_trying_leaves_nothing(register: FileRegister) -> None:
    """Neither a line nor a file beside; where it cannot be written, a sentence."""
    with pytest.raises(RegisterUnusable, match="register_file"):
        register.try_writing()
    give_back(register)
    register.try_writing()
    assert list(register.path.parent.iterdir()) == []
    assert register.waiting() == 0


def test_a_register_that_cannot_be_read_is_a_sentence(register: FileRegister) -> None:
    """Who cannot read it cannot tell whether the database is a restored one."""
    give_back(register)
    register.path.mkdir()
    for ask in (register.last, lambda: list(register.lines())):
        with pytest.raises(RegisterUnusable):
            ask()


def test_half_a_line_does_not_spoil_the_next(register: FileRegister) -> None:
    """A full disk or a crash cuts one short; what follows is whole, also in an older file."""
    give_back(register)
    register.note("gone", documents=["wiki:1"])
    whole = register.path.read_text("utf-8")
    with register.path.open("a") as file:
        file.write('{"id": "cut", "at": "20')
    register.note("gone", documents=["wiki:2"])
    assert [line["documents"] for line in register.lines()] == [["wiki:1"], ["wiki:2"]]
    last = register.path.read_text("utf-8").splitlines()[-1]
    register.path.write_text(f'{whole}{{"id": "cut", "at": "20{last}\n', "utf-8")
    assert [line["documents"] for line in register.lines()] == [["wiki:1"], ["wiki:2"]]
    assert register.last() == list(register.lines())[-1]["id"]


def test_a_disk_that_fills_up_leaves_the_file_as_it_was(
    register: FileRegister, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A line that is written in part is taken back, and waits."""
    give_back(register)
    register.note("gone", documents=["wiki:1"])
    before = register.path.read_bytes()
    write = os.write

    def full(place: int, content: bytes) -> int:
        if len(content) < 20:
            raise OSError(28, "No space left on device")
        return write(place, content[: len(content) - 10])

    monkeypatch.setattr(os, "write", full)
    register.note("gone", documents=["wiki:2"])
    assert register.path.read_bytes() == before
    monkeypatch.undo()
    assert register.complete() == 0
    assert [line["documents"] for line in register.lines()] == [["wiki:1"], ["wiki:2"]]


def test_what_waits_in_a_restored_database_is_not_the_last_word(
    register: FileRegister, engine: sa.Engine, tmp_path: Path
) -> None:
    """It was backed up while lines waited; they were written since, and taken back since."""
    consent = SqlConsent(engine, lambda: NOW, register)
    consent.ask(RETREAT)
    consent.take_back(RETREAT)
    waiting = PendingLines(engine)
    backup = [line for _, line in waiting.all()]
    give_back(register)
    consent.ask(RETREAT)
    before = list(register.lines())
    assert [line["in_force"] for line in before] == [True, False, True]

    for line in backup:
        waiting.add(line)
    consent.remove(RETREAT)
    register.marks[0].move("")
    assert register.complete(opening=True) == 0
    assert register.path.read_text("utf-8").count("\n") == len(before)
    index = EmbeddedIndex(tmp_path / "index", ENCODER.dimension)
    replay_where_older(register, engine, consent, index, b"key", source_stores(engine))
    assert [one.preference for one in consent.of("ag-1")] == [RETREAT]


def test_a_line_that_was_written_twice_counts_where_it_stands_first(
    register: FileRegister,
) -> None:
    """An older quisait repeated what had waited: what lies between is told all the same."""
    give_back(register)
    register.note("gone", documents=["wiki:1"])
    first = register.path.read_text("utf-8")
    register.note("gone", documents=["wiki:2"])
    with register.path.open("a") as file:
        file.write(first)
    one, two = register.lines()
    assert [one["documents"], two["documents"]] == [["wiki:1"], ["wiki:2"]]
    assert register.since(one["id"]) == [two]


@pytest.mark.parametrize("restored", ["database", "index", "copy"])
def test_a_restored_inbox_publishes_nothing_that_was_deleted_or_closed_since(
    register: FileRegister, engine: sa.Engine, tmp_path: Path, restored: str
) -> None:
    """What was pushed stays away until it is pushed again; an inbox of today is left as it is."""
    give_back(register)
    inbox = Inbox(engine, lambda _: None, 100)

    def push(name: str, **more: object) -> PushOutcome:
        line = {"type": "post", "id": name, "title": name, "text": name, "version": 3}
        line |= {"readers": {"allowed": ["everyone"]}, **more}
        (receipt,) = inbox.receive("docs", [parse_item(line, 10_000)])
        return receipt.outcome

    def upserted() -> set[str]:
        changes = PushConnector("docs", inbox).changes(None)
        return {one.document.id for one in changes if isinstance(one, Upsert)}

    one, two = ({"name": name, "base64": "dW4="} for name in ("un", "deux"))
    for name in ("deleted", "closed", "kept#2"):
        push(name)
    push("parts", attachments=[one, two])
    before = {"docs:deleted", "docs:closed", "docs:kept#2", "docs:parts"}
    before |= {"docs:parts#un", "docs:parts#deux"}
    assert upserted() == before
    register.note("gone", documents=["docs:deleted", "docs:parts#un", "docs:kept", "wiki:1"])
    register.note("closed", documents=["docs:closed"])
    register.marks[restored == "index"].move("")
    index = EmbeddedIndex(tmp_path / "index", ENCODER.dimension)
    consent, stores = SqlConsent(engine, lambda: NOW, register), source_stores(engine)
    if restored == "copy":
        replay_on_copy(list(register.lines()), engine, consent, index, b"key", stores)
    else:
        replay_where_older(register, engine, consent, index, b"key", stores)
    if restored == "index":
        assert upserted() == before
        return
    assert upserted() == {"docs:kept#2", "docs:parts", "docs:parts#deux"}
    assert inbox.last_seq("wiki") == 0
    assert push("deleted") is PushOutcome.ACCEPTED
    assert push("parts", attachments=[one, two]) is PushOutcome.ACCEPTED
    assert upserted() == before - {"docs:closed"}


def test_each_kind_of_line_acts_on_a_restored_database(
    register: FileRegister, engine: sa.Engine, tmp_path: Path
) -> None:
    """What agents chose, who was cut or purged, what is gone; its sources are read anew."""
    give_back(register)
    today = NOW.date()
    mail, said = SqlMail(engine, lambda: NOW, ""), SqlVerifications(engine)
    index = EmbeddedIndex(tmp_path / "index", ENCODER.dimension)
    documents = ["wiki:1", "wiki:2", "notes:1", "share:1"]
    index.write([put(one, "Le bornage") for one in documents])
    for source in ("wiki", "notes", "share", QUESTIONS_SOURCE):
        State(engine).save(source, "7")
    for document in ("wiki:1", "wiki:2"):
        said.say(Verification(document, "hash", "ag-1", today, right=True))
    mail.choose("ag-3", MailPreferences(asked=False))
    set_cut(engine, "ag-5", today)
    before = SqlFollowing(engine, lambda: NOW - timedelta(days=1))
    for agent_id in ("ag-1", "ag-2"):
        before.follow(agent_id, FollowKind.TOPIC, "cadastre")
    consent = SqlConsent(engine, lambda: NOW, register)
    consent.ask(Preference("ag-1", PreferenceKind.WITHDRAW, "wiki"))
    consent.ask(Preference("ag-2", PreferenceKind.WITHDRAW))
    register.note("mail", NOW, agent="ag-1", said=[False, True, "off", True])
    register.note("verification", agent="ag-1", document="wiki:1")
    register.note("cut", agent="ag-4", cut=True)
    register.note("cut", agent="ag-5", cut=False)
    register.note("purged", agent="ag-3")
    register.note("gone", documents=["wiki:1", "wiki:unread"])
    register.note("closed", documents=["notes:1"])
    done = replay(list(register.lines()), engine, consent, index, b"key")
    assert done == ReplayReport(9, 2, documents=2, purged=1, sources=("notes", "wiki"))
    assert [len(before.of(one).follows) for one in ("ag-1", "ag-2")] == [1, 0]
    assert set(index.kept(documents)) == {"wiki:2", "share:1"}
    assert [one for one in ("ag-1", "ag-3") if not mail.preferences(one).asked] == ["ag-1"]
    assert set(said.said(documents)) == {"wiki:2"}
    with engine.connect() as connection:
        cut = connection.execute(sa.select(cut_agents.c.key, cut_agents.c.day)).all()
        read = connection.execute(sa.select(cursors.c.source)).scalars().all()
    assert cut == [(digest("ag-4"), today)]
    assert read == ["share"]


CORRECTED, HIDDEN, SHOWN, SHOWN_OTHER = "corrected", "hidden", "shown", "shown as it was not"


@pytest.mark.parametrize("answer_id", ["", "a"], ids=["question", "answer"])
@pytest.mark.parametrize(
    ("before", "lines", "after"),
    [
        ("", [CORRECTED], ("", True)),
        ("", [HIDDEN], ("", False)),
        ("", [HIDDEN, SHOWN], None),
        ("", [HIDDEN, SHOWN_OTHER], ("", False)),
        ("", [SHOWN_OTHER], None),
        ("", [CORRECTED, HIDDEN, SHOWN], None),
        ("", [CORRECTED, SHOWN_OTHER], ("", True)),
        ("", [HIDDEN, SHOWN, CORRECTED], ("", True)),
        ("moderated", [HIDDEN], ("Diffamation.", False)),
        ("moderated", [SHOWN], None),
        ("moderated", [CORRECTED], ("Diffamation.", False)),
        ("outdated", [HIDDEN], ("", False)),
    ],
)
def test_what_was_decided_about_a_text_holds_for_a_former_one(
    register: FileRegister,
    engine: sa.Engine,
    tmp_path: Path,
    answer_id: str,
    before: str,
    lines: list[str],
    after: tuple[str, bool] | None,
) -> None:
    """The reason and whether it is a former text; None where all its readers see it."""
    give_back(register)
    questions = SqlQuestions(engine, lambda: NOW)
    asked = AskedQuestion("q", "ag-5", "Où ?", "", NOW, NOW, topic_id="cadastre")
    assert questions.ask(asked, 5, NOW - timedelta(days=1))
    given = GivenAnswer("a", "q", "ag-1", "Là.", NOW)
    assert questions.answer(given)
    text_digest = given.text_digest if answer_id else asked.text_digest
    if before == "moderated":
        questions.moderation.hide("q", answer_id, "Diffamation.")
    elif before:
        questions.moderation.hide_outdated("q", answer_id)
    for number, line in enumerate(lines, 1):
        moment, this = NOW + timedelta(hours=number), {"question": "q", "answer": answer_id}
        if line == CORRECTED:
            register.note("corrected", moment, **this)
        elif line == HIDDEN:
            register.note("hidden", moment, **this, hidden=True)
        else:
            shown = text_digest if line == SHOWN else "x"
            register.note("hidden", moment, **this, text=shown, hidden=False)
    index = EmbeddedIndex(tmp_path / "index", ENCODER.dimension)
    consent = SqlConsent(engine, lambda: NOW, register)
    replay(list(register.lines()), engine, consent, index, b"key")
    with engine.connect() as connection:
        hidden = connection.execute(sa.select(hidden_texts.c.reason, hidden_texts.c.outdated)).all()
    assert hidden == ([after] if after else [])


def test_a_register_is_replayed_once(
    register: FileRegister, engine: sa.Engine, tmp_path: Path
) -> None:
    """Nothing is, where there is no line or all is known."""
    give_back(register)
    index = EmbeddedIndex(tmp_path / "index", ENCODER.dimension)
    consent = SqlConsent(engine, lambda: NOW, register)

    def opened() -> ReplayReport:
        return replay_where_older(register, engine, consent, index, b"key", source_stores(engine))

    assert opened() == ReplayReport()
    register.note("gone", documents=["wiki:1"])
    assert opened() == ReplayReport()
    register.marks[1].move("")
    assert opened() == ReplayReport(1, sources=("wiki",))
    State(engine).save(QUESTIONS_SOURCE, "7")
    assert opened() == ReplayReport()
    assert State(engine).load(QUESTIONS_SOURCE) == "7", "questions are not read anew either"


def test_a_community_that_is_accepted_no_more_is_not_opened_again(
    register: FileRegister, engine: sa.Engine, tmp_path: Path
) -> None:
    """Its members would read what is limited to it; another one stays as it is."""
    give_back(register)
    decisions = SqlCommunityDecisions(engine, register)
    for topic_id in ("cadastre", "regies", "bornage"):
        decisions.keep(CommunityDecision(topic_id, Verdict.ACCEPTED, NOW.date()))
    former = SqlCommunityDecisions(engine)
    known = register.last()
    decisions.keep(CommunityDecision("regies", Verdict.REFUSED, NOW.date()))
    assert decisions.forget("bornage")
    for topic_id in ("regies", "bornage"):
        former.keep(CommunityDecision(topic_id, Verdict.ACCEPTED, NOW.date()))
    register.marks[0].move(known)
    index = EmbeddedIndex(tmp_path / "index", ENCODER.dimension)
    consent = SqlConsent(engine, lambda: NOW, register)
    replay_where_older(register, engine, consent, index, b"key", source_stores(engine))
    accepted = {one.topic_id for one in former.all().values() if one.verdict is Verdict.ACCEPTED}
    assert accepted == {"cadastre"}


@pytest.mark.parametrize("damage", [b"\0" * 40, b"{}", b"[1]", b"\xff", b""])
def test_a_line_that_cannot_be_read_is_a_sentence(register: FileRegister, damage: bytes) -> None:
    """With the file and the line's number; what is to be noted waits where it must be read."""
    give_back(register)
    register.note("gone", documents=["wiki:1"])
    last = register.path.read_bytes()
    register.path.write_bytes(last + damage + b"\n")
    told = rf"{register.path} .* la ligne 2 est illisible"
    for ask in (register.last, lambda: list(register.lines())):
        with pytest.raises(RegisterUnusable, match=told):
            ask()
    register.path.write_bytes(last + damage + b"\n" + last)
    with pytest.raises(RegisterUnusable, match=told):
        register.since("")
    mark = register.marks[0]
    assert isinstance(mark, DatabaseRegisterMark)
    waiting = PendingLines(mark.engine)
    waiting.add({"id": "before", "at": NOW.isoformat(), "kind": "gone", "documents": ["wiki:2"]})
    register.note("gone", documents=["wiki:3"])
    assert register.waiting() == 2


def test_a_restoration_replays_all_that_agents_asked_shortly_before(tmp_path: Path) -> None:
    """The register has it before the database: a backup of that moment may lack it."""
    path = tmp_path / "registre.jsonl"
    written = FileRegister(path, (), lambda: NOW, 90)
    this = {"question": "q" * 32, "answer": ""}
    written.note("hidden", NOW, **this, hidden=True)
    written.note("corrected", NOW, **this)
    written.note("follow", NOW, agent="ag-1", follow="topic", subject="cadastre")
    written.note("mail", NOW, agent="ag-1", said=[False, False, "off", False])
    written.note("verification", agent="ag-1", document="wiki:1")
    written.note("gone", documents=["wiki:2"])
    earlier = NOW - timedelta(hours=2)
    written.note("follow", earlier, agent="ag-1", follow="topic", subject="regies")
    written.note("favourite", NOW, agent="ag-1", subject=None)
    line = list(written.lines())[-1]["id"]
    encoder = EncoderRecord("", 0)
    manifest = Manifest(0, "", "", "", NOW.isoformat(), line, encoder, 0, {}, {})
    settings = Settings.model_validate({"privacy": {"register_file": str(path)}})
    found = _register_since(settings, manifest, None, lost=False).lines
    assert [one["kind"] for one in found] == [
        "hidden",
        "corrected",
        "follow",
        "mail",
        "verification",
        "favourite",
    ]


def test_only_who_can_no_longer_read_is_noted_as_closed(
    register: FileRegister, tmp_path: Path
) -> None:
    """More readers, or fewer denials, take nothing from anybody: a backup may show what it has."""
    give_back(register)
    ana, ben = "annuaire:agent:ana", "annuaire:agent:ben"
    index = DeletionLoggingIndex(
        EmbeddedIndex(tmp_path / "index", ENCODER.dimension), register, lambda _: None
    )
    index.write([put("wiki:1", "Le cadastre", access=Access(frozenset({ana})))])
    noted = []
    for access in (
        Access(frozenset({ana, ben})),
        Access(frozenset({ana, ben}), frozenset({ben})),
        Access(frozenset({ana, ben})),
        Access(frozenset({ben})),
    ):
        before = len(kinds(register))
        index.write([PutAccess("wiki:1", access)])
        noted.append(kinds(register)[before:])
    assert noted == [[], ["closed"], [], ["closed"]]


def test_corrections_of_who_knows_hold_in_a_restored_database(
    register: FileRegister, engine: sa.Engine, tmp_path: Path
) -> None:
    """A document that is not theirs, and an animator's removal, whose reason is not noted."""
    give_back(register)
    restored = migrate(connect(f"sqlite:///{tmp_path / 'restored.sqlite'}"))
    known, consent = SqlConsent(restored, lambda: NOW), SqlConsent(engine, lambda: NOW, register)
    document = "wiki:" + "x" * 1_000
    disowned = Preference("ag-1", PreferenceKind.DISOWN, document)
    removals = [
        Preference("ag-2", PreferenceKind.REMOVED, topic, ("cadastre",), "ag-9", "mutée")
        for topic in ("before", "since", "undone")
    ]
    known.put(removals[0], NOW)
    for wish in (disowned, *removals):
        consent.ask(wish)
    consent.take_back(removals[2])
    assert "mut" not in register.path.read_text("utf-8")
    index = EmbeddedIndex(tmp_path / "index", ENCODER.dimension)
    replay(list(register.lines()), restored, known, index, b"key")
    assert [one.preference for one in known.of("ag-1")] == [disowned]
    told = {one.preference.subject: one.preference.reason for one in known.of("ag-2")}
    assert told == {"before": "mutée", "since": ""}
    assert {one.preference.by for one in known.of("ag-2")} == {"ag-9"}
    restored.dispose()
