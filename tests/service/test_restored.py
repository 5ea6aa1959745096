"""A backup is restored for real: what was withdrawn, deleted or closed since stays so."""

import re
import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from expertise.consent import Preference, PreferenceKind
from indexer.state import digest
from quisait.application.assembly import open_application
from quisait.application.sign_on import open_personal_tokens, open_sessions
from quisait.clock import today
from quisait.privacy.register import RegisterUnusable
from quisait.settings import DIRECTORY, load_settings
from quisait.work.crawl import crawl_sources
from search_api.identity.readers import reader_of
from search_api.query.query import Query
from search_api.sign_on.sessions import SqlPersonalTokens, SqlSessions
from tests.service.place import POSTS, Place, export, make_place, post

pytestmark = pytest.mark.trust

CLOSED = post(2, "Le remaniement du cadastre se fait feuille par feuille.", "cyd")
CLOSED["readers"] = {"allowed": ["annuaire:group:fraude"]}


@pytest.fixture(scope="module")
def crawled(tmp_path_factory: pytest.TempPathFactory) -> Place:
    place = make_place(tmp_path_factory.mktemp("restored") / "place")
    place.run("crawl", "--accept-deletions")
    return place


@pytest.fixture
def place(crawled: Place, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Place:
    """Read, and then backed up: database, index and vectors."""
    place = crawled.copied(tmp_path / "place")
    shutil.copytree(place.folder / ".quisait", tmp_path / "backup")
    place.enter(monkeypatch)
    return place


def read_again(place: Place, *posts: dict[str, object]) -> None:
    """The source holds these posts, and is read."""
    if posts:
        (place.folder / "export.jsonl").write_text(export(list(posts)), "utf-8")
    with open_application(load_settings()) as application:
        crawl_sources(application, application.settings.sources, accept_deletions=True, quiet=True)


def live_on(place: Place) -> None:
    """Ana withdraws, a post is deleted, another is closed to most."""
    with open_application(load_settings()) as application:
        application.privacy.consent.ask(Preference("ag-1", PreferenceKind.WITHDRAW))
    read_again(place, POSTS[0], CLOSED)


def found(question: str) -> list[str]:
    """Return Ana's results in a newly opened application."""
    with open_application(load_settings()) as application:
        reader = reader_of("ag-1", application.book, today())
        results = application.search.answer(Query(question), reader, today()).results
        return [one.card.document_id for one in results]


def restore(place: Place, backup: Path, *names: str) -> None:
    for name in names or [one.name for one in backup.iterdir()]:
        target = place.folder / ".quisait" / name
        shutil.rmtree(target) if target.is_dir() else target.unlink(missing_ok=True)
        source = backup / name
        shutil.copytree(source, target) if source.is_dir() else shutil.copy(source, target)


@pytest.mark.parametrize("names", [(), ("index",)], ids=["all", "the index alone"])
def test_a_restored_backup_is_told_what_happened_since(
    place: Place, tmp_path: Path, names: tuple[str, ...]
) -> None:
    """Before anybody is answered, without a command; the sources are then read anew."""
    assert "wiki:3" in found("recettes de l'hôpital")
    live_on(place)
    restore(place, tmp_path / "backup", *names)
    assert "wiki:3" not in found("recettes de l'hôpital")
    assert "wiki:2" not in found("remaniement du cadastre")
    with open_application(load_settings()) as application:
        assert not [one for one in application.book.everyone() if one.id == "ag-1" and one.listed]
    read_again(place)
    assert "wiki:2" not in found("remaniement du cadastre")
    assert "wiki:1" in found("parcelle")
    with open_application(load_settings()) as application:
        assert "wiki:2" in application.index.kept(["wiki:2"]), "for those who may read it"


def test_what_was_revoked_since_is_not_opened_again(place: Place, tmp_path: Path) -> None:
    """A backup holds sessions and tokens that ended since: all of them end."""

    def accesses() -> tuple[SqlSessions, SqlPersonalTokens]:
        sessions, tokens = (
            open_sessions(settings, application.database),
            open_personal_tokens(settings, application.database),
        )
        assert tokens is not None
        return sessions, tokens

    settings = load_settings()
    with open_application(settings) as application:
        sessions, tokens = accesses()
        session_id, token = sessions.begin("ag-1"), tokens.make("ag-1", "tableur", 9)
    shutil.rmtree(tmp_path / "backup")
    shutil.copytree(place.folder / ".quisait", tmp_path / "backup")
    with open_application(settings) as application:
        sessions, tokens = accesses()
        assert sessions.find(session_id) is not None
        sessions.revoke_all("ag-1")
        tokens.revoke_all("ag-1")
    live_on(place)
    restore(place, tmp_path / "backup")
    with open_application(settings) as application:
        sessions, tokens = accesses()
        assert sessions.find(session_id) is None
        assert tokens.agent_id(token) is None


def test_a_directory_of_before_closes_until_it_is_read_again(place: Place, tmp_path: Path) -> None:
    """Who left a group since a copy reads nothing by it; the check says what was emptied."""

    def access_check(status: int = 0) -> dict[str, object]:
        found = {one["name"]: one for one in place.json("check", status=status)}
        return dict(found["accès"])

    assert access_check()["passed"]
    (place.folder / "groupes.csv").write_text(
        "principal,label,members\nannuaire:group:fraude,Fraude,ag-1\n", "utf-8"
    )
    place.run("directory", "--accept-departures")
    restore(place, tmp_path / "backup", "state.sqlite")
    assert found("recettes de l'hôpital") == []
    with open_application(load_settings()) as application:
        assert reader_of("ag-2", application.book, today()).agent_id is None
        assert application.state.run_is_requested(DIRECTORY)
    assert not access_check(status=1)["passed"]
    place.run("crawl", "notes")
    with open_application(load_settings()) as application:
        reader = reader_of("ag-2", application.book, today())
        assert reader.agent_id == "ag-2"
        assert "annuaire:group:fraude" not in reader.principals
    told = access_check()
    assert told["passed"]
    assert "annuaire" in str(told["detail"])


def test_a_wish_taken_back_since_is_not_put_again(place: Place, tmp_path: Path) -> None:
    """The last word counts, in a restored database too."""
    wish = Preference("ag-1", PreferenceKind.WITHDRAW)
    with open_application(load_settings()) as application:
        application.privacy.consent.ask(wish)
    shutil.rmtree(tmp_path / "backup")
    shutil.copytree(place.folder / ".quisait", tmp_path / "backup")
    with open_application(load_settings()) as application:
        application.privacy.consent.take_back(wish)
    restore(place, tmp_path / "backup")
    with open_application(load_settings()) as application:
        assert application.privacy.consent.of("ag-1") == ()


def test_by_command_and_twice_without_harm(place: Place) -> None:
    """If no mark shows that a backup was restored, a person passes its date with `--since`."""
    live_on(place)
    done = place.json("privacy", "replay")
    assert (done["documents"], done["sources"]) == (1, ["wiki"]), "the closed one was kept"
    told = place.run("privacy", "replay", "--since", "2026-01-01").stdout
    assert "0 documents" in told
    assert "quisait crawl --full wiki" in told


def test_a_deleted_documents_vectors_go_too(place: Place) -> None:
    """From the file of kept vectors; those of the others stay."""

    def vectors() -> int:
        with sqlite3.connect(place.folder / ".quisait/vectors.sqlite") as database:
            return int(database.execute("select count(*) from vectors").fetchone()[0])

    before = vectors()
    read_again(place, *POSTS[:2])
    assert vectors() == before - 1


def test_the_register_says_no_more_than_it_must(place: Place) -> None:
    """Ids and wishes, for its owner's eyes alone: no title, no text, no name."""
    live_on(place)
    register = place.folder / "registre.jsonl"
    assert register.stat().st_mode & 0o777 == 0o600
    text = register.read_text("utf-8")
    assert "wiki:3" in text
    assert not [word for word in ("pital", "Message", "Goff", "remaniement") if word in text]


def test_who_left_long_ago_is_forgotten(place: Place) -> None:
    """By rule and by command: only the departure and the withdrawal stay (decision 111)."""
    with open_application(load_settings()) as application:
        application.privacy.consent.ask(Preference("ag-3", PreferenceKind.WITHDRAW))
        tokens = open_personal_tokens(application.settings, application.database)
        assert tokens is not None
        for agent_id in ("ag-3", "ag-1"):
            open_sessions(application.settings, application.database).begin(agent_id)
            tokens.make(agent_id, f"tableur de {agent_id}", 9)
        assert application.book.agent("ag-3") is not None
    assert place.json("privacy", "purge")["agents"] == ["ag-3"]
    with open_application(load_settings()) as application:
        kept = application.book.agent("ag-3")
        assert kept is not None
        assert kept.name == "", "the directory lists the agent, who withdrew"
        assert [one.preference.kind for one in application.privacy.consent.of("ag-3")] == [
            PreferenceKind.WITHDRAW
        ]
        tokens = open_personal_tokens(application.settings, application.database)
        assert tokens is not None
        sessions = open_sessions(application.settings, application.database)
        assert [one.agent_id for one in sessions.of()] == ["ag-1"]
        assert [one.label for one in tokens.of()] == ["tableur de ag-1"]
        assert application.book.agent("ag-1") is not None


def test_a_purge_leaves_no_word_of_a_deleted_note(tmp_path: Path) -> None:
    """In no file that quisait keeps: index, journal of SQLite, vectors, state, register."""
    place = make_place(tmp_path / "place")
    note = place.folder / "notes" / "regie.md"
    note.write_text("# Chronopotamie\n\nLe zanzibaresque verse ses fonds.", "utf-8")
    place.run("crawl")
    assert holding(place.folder, "zanzibaresq", "hronopotam", "regie.md") > {"notes/regie.md"}
    note.unlink()
    place.run("crawl", "--accept-deletions")
    place.run("privacy", "purge")
    assert holding(place.folder, "zanzibaresq", "hronopotam") == set()
    assert place.json("search", "bornage", "--agent", "ag-1")["total"]


def holding(folder: Path, *words: str) -> set[str]:
    """Files below a folder in which one of the words stands."""
    return {
        str(file.relative_to(folder))
        for file in folder.rglob("*")
        if file.is_file() and any(word.encode() in file.read_bytes() for word in words)
    }


def test_what_cannot_be_noted_acts_and_is_noted_later(
    place: Place, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The register's folder is a file: the crawl closes, says so, fails; the next one notes."""
    blocked = place.folder / "volume"
    blocked.write_text("")
    monkeypatch.setenv("QUISAIT_PRIVACY__REGISTER_FILE", "volume/registre.jsonl")
    with pytest.raises(RegisterUnusable):
        found("remaniement du cadastre")  # nothing tells whose access was revoked
    place.run("crawl", "notes", status=0)
    with closing(sqlite3.connect(place.folder / ".quisait/state.sqlite")) as database, database:
        database.execute("update access_marks set number = -number")  # it never could be written
    assert {"wiki:2", "wiki:3"} <= {*found("remaniement du cadastre"), *found("recettes hôpital")}
    (place.folder / "export.jsonl").write_text(export([POSTS[0], CLOSED]), "utf-8")
    assert "registre" in [one["name"] for one in place.json("check", status=1) if not one["passed"]]
    done = place.run("crawl", "wiki", "--accept-deletions", status=1)
    assert "QUISAIT_PRIVACY__REGISTER_FILE" in done.stderr
    assert not {"wiki:2", "wiki:3"} & {*found("remaniement du cadastre"), *found("recettes")}
    blocked.unlink()
    place.run("crawl", "wiki")
    lines = (blocked / "registre.jsonl").read_text("utf-8")
    assert "wiki:2" in lines
    assert "wiki:3" in lines
    restore(place, tmp_path / "backup")
    assert not {"wiki:2", "wiki:3"} & {*found("remaniement du cadastre"), *found("recettes")}


def test_an_unreadable_line_of_the_register_is_told_with_its_number(place: Place) -> None:
    """By every command that opens a application, and by the check, wherever the line stands."""
    register = place.folder / "registre.jsonl"
    whole = register.read_bytes() if register.exists() else b""
    number = whole.count(b"\n") + 1
    register.write_bytes(whole + b"\0" * 40 + b"\n")
    told = place.run("sources", status=1).stderr
    assert re.search(rf"registre\.jsonl .*\b{number}\b", told)
    with register.open("a") as file:
        file.write(
            '{"id": "a", "at": "2026-03-10T09:00:00+00:00", "kind": "gone", "documents": []}\n'
        )
    failed = {one["name"]: one["detail"] for one in place.json("check", status=1)}
    assert str(number) in failed["registre"]


def test_a_damaged_state_database_is_a_sentence(place: Place) -> None:
    """It says to restore the backup; no trace, and nothing of what was asked."""
    (place.folder / ".quisait" / "state.sqlite").write_bytes(b"this is no database at all" * 100)
    for command in (["sources"], ["search", "cadastre", "--agent", "ag-1"], ["audit"]):
        told = place.run(*command, status=1)
        assert "restaurez une sauvegarde" in told.stderr
        assert "Traceback" not in told.stderr + told.stdout
        assert "cadastre" not in told.stderr


def test_whom_no_document_denies_any_more_is_forgotten(place: Place) -> None:
    """By a purge: a digest is kept of somebody for as long as a document denies them."""

    def denied(*principals: str) -> list[str]:
        """What is kept, after the post was read with these denials, asked about, and purged."""
        one = post(9, "Bornage fermé à cyd.", "ana")
        one["readers"] = {"allowed": ["everyone"], "denied": list(principals)}
        read_again(place, one)
        found("bornage")
        place.run("privacy", "purge")
        with sqlite3.connect(place.folder / ".quisait/state.sqlite") as database:
            return [row[0] for row in database.execute("select principal_key from once_known")]

    assert denied("agent:ag-2") == [digest("agent:ag-2")]
    assert denied() == []
