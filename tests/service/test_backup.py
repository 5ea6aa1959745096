"""`quisait backup` and `restore`: the same answers elsewhere, nothing back that had gone."""

import multiprocessing
import os
import random
import shutil
import sqlite3
import time
from collections.abc import Iterator, Mapping
from functools import cache
from multiprocessing.connection import Connection
from pathlib import Path
from threading import Event, Thread
from unittest.mock import patch

import pytest
from quisait_lasuite.group_values import GroupMember, MembersAdded
from quisait_lasuite.groups import PushedGroups
from quisait_push.tokens import PushTokens

from connectors.ports import SourceError
from expertise.consent import Preference, PreferenceKind
from quisait.application import engines
from quisait.application.assembly import open_application
from quisait.application.sign_on import open_sessions
from quisait.clock import today
from quisait.settings import load_settings
from quisait.settings.files import RANKER_FILE
from quisait.work.backup import BackupUnusable, back_up, read_manifest
from quisait.work.crawl import crawl_sources
from quisait.work.restore import restore
from search_api.identity.readers import reader_of
from search_api.query.query import Query
from tests.opensearch_index import engine_settings
from tests.postgres_server import database
from tests.service.place import POSTS, Place, export, make_place, post

pytestmark = pytest.mark.trust

QUESTIONS = ("recettes de l'hôpital", "remaniement du cadastre", "bornage parcelle", "carrousel")
CLOSED = post(2, "Le remaniement du cadastre se fait feuille par feuille.", "cyd")
CLOSED["readers"] = {"allowed": ["annuaire:group:fraude"]}
KILLS = 6


@pytest.fixture(scope="module")
def crawled(tmp_path_factory: pytest.TempPathFactory) -> Place:
    place = make_place(tmp_path_factory.mktemp("backed-up") / "place")
    place.run("crawl", "--accept-deletions")
    return place


@pytest.fixture(scope="module", autouse=True)
def one_encoder() -> Iterator[None]:
    """The real encoder, opened once for all houses of this module."""
    with patch.object(engines, "open_encoder", cache(engines.open_encoder)):
        yield


@pytest.fixture
def place(crawled: Place, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Place:
    place = crawled.copied(tmp_path / "place")
    place.enter(monkeypatch)
    return place


def elsewhere(place: Place, name: str, monkeypatch: pytest.MonkeyPatch, **settings: str) -> Place:
    """Another machine with the same sources and settings, and nothing of quisait's yet."""
    other = Place(place.folder.parent / name, {**place.environment, **settings})
    kept = shutil.ignore_patterns(".quisait", "registre*")
    shutil.copytree(place.folder, other.folder, ignore=kept)
    other.enter(monkeypatch)
    return other


def backed_up(target: Path) -> Path:
    with open_application(load_settings()) as application:
        back_up(application, target)
    return target


def answers() -> dict[tuple[str, str], list[str]]:
    """Return the answers to each agent's questions in a newly opened application."""
    found = {}
    with open_application(load_settings()) as application:
        for agent_id in ("ag-1", "ag-2"):
            reader = reader_of(agent_id, application.book, today())
            for question in QUESTIONS:
                results = application.search.answer(Query(question), reader, today()).results
                found[agent_id, question] = [one.card.document_id for one in results]
    return found


def ids(found: Mapping[tuple[str, str], list[str]], agent_id: str = "ag-1") -> set[str]:
    return {id_ for (who, _), listed in found.items() if who == agent_id for id_ in listed}


def live_on(place: Place) -> None:
    """Ana withdraws, a post is deleted, another is closed to most."""
    with open_application(load_settings()) as application:
        application.privacy.consent.ask(Preference("ag-1", PreferenceKind.WITHDRAW))
    (place.folder / "export.jsonl").write_text(export([POSTS[0], CLOSED]), "utf-8")
    crawl_again()


def crawl_again() -> None:
    with open_application(load_settings()) as application:
        crawl_sources(application, application.settings.sources, accept_deletions=True, quiet=True)


def shown(agent_id: str) -> bool:
    with open_application(load_settings()) as application:
        return any(one.id == agent_id and one.listed for one in application.book.everyone())


@pytest.fixture
def servers(postgres: str) -> Iterator[dict[str, str]]:
    """The settings of an OpenSearch and a PostgreSQL, both without anything of ours."""
    with database(postgres) as url, engine_settings() as index:
        yield index | {"QUISAIT_DATABASE": url}


def test_there_and_back_over_both_engines_and_databases(
    place: Place, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, servers: dict[str, str]
) -> None:
    """Each answers as the first did, with its cursors: the next reading has nothing to write."""
    with open_application(load_settings()) as application:
        open_sessions(application.settings, application.database).begin("ag-1")
        application.privacy.consent.ask(Preference("ag-2", PreferenceKind.WITHDRAW, "notes"))
        (begun,) = [run.started for run in application.state.runs_of("wiki")]
    asked = answers()
    learned = place.folder / ".quisait" / RANKER_FILE
    learned.write_text("{}", "utf-8")
    assert {"wiki:2", "wiki:3", "notes:bornage.txt"} <= ids(asked)
    assert "notes:secret.txt" in ids(asked, "ag-2") - ids(asked)
    register = place.folder / "registre.jsonl"
    for name, settings in (("large", servers), ("small", {})):
        backup = backed_up(tmp_path / f"backup-{name}")
        for variable in servers:
            monkeypatch.delenv(variable, raising=False)
        other = elsewhere(place, name, monkeypatch, **settings)
        done = restore(load_settings(), backup, register_file=register)
        register = other.folder / "registre.jsonl"
        assert (done.documents, done.left_out, done.agents) == (6, 0, 3)
        assert (other.folder / ".quisait" / RANKER_FILE).read_text("utf-8") == "{}"
        assert answers() == asked
        with open_application(load_settings()) as application:
            assert application.state.load("wiki")
            assert application.state.run_is_requested("wiki"), "a text may have been replaced"
            assert open_sessions(application.settings, application.database).of() == ()
            (kept,) = application.privacy.consent.of("ag-2")
            assert kept.preference.subject == "notes"
            *_, first = application.state.runs_of("wiki")
            assert first.started == begun, "whatever the zone of the server"
            written = crawl_sources(application, application.settings.sources, quiet=True)
            assert [one.report and one.report.changed for one in written] == [0, 0]


def test_what_went_since_does_not_come_back(
    place: Place, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Told by the register of the old machine; its texts do not even reach the new files."""
    backup = backed_up(tmp_path / "backup")
    live_on(place)
    register = place.folder / "registre.jsonl"
    other = elsewhere(place, "other", monkeypatch)
    with pytest.raises(BackupUnusable, match="--register FICHIER"):
        restore(load_settings(), backup)
    assert not (other.folder / ".quisait" / "state.sqlite").exists()
    done = other.json("restore", str(backup), "--register", str(register))
    assert (done["left_out"], done["wishes"], done["sources"]) == (2, 1, ["wiki"])
    assert not {"wiki:2", "wiki:3"} & ids(answers())
    assert not shown("ag-1")
    kept = b"".join(one.read_bytes() for one in other.folder.glob(".quisait/**/index.sqlite*"))
    assert b"bornage" in kept
    assert b"recettes de l" not in kept
    crawl_again()
    assert "wiki:2" in ids(answers(), "ag-2") - ids(answers())
    with pytest.raises(BackupUnusable, match="n'est pas vide"):
        restore(load_settings(), backup)


def test_an_older_register_is_not_taken_for_this_one(
    place: Place, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It ends before the backup: what came after it is not known."""
    live_on(place)
    older = shutil.copy(place.folder / "registre.jsonl", tmp_path / "older.jsonl")
    backup = backed_up(tmp_path / "backup")
    elsewhere(place, "other", monkeypatch)
    with pytest.raises(BackupUnusable, match="ne connaît pas"):
        restore(load_settings(), backup, register_file=Path(older))


def test_without_a_register_all_is_closed_until_confirmed(
    place: Place, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nobody reads and nobody is named; a reading opens what the source still has."""
    backup = backed_up(tmp_path / "backup")
    live_on(place)
    elsewhere(place, "other", monkeypatch)
    done = restore(load_settings(), backup, register_lost=True)
    assert done.closed
    assert ids(answers()) == ids(answers(), "ag-2") == set()
    assert not any(shown(agent_id) for agent_id in ("ag-1", "ag-2", "ag-3"))
    crawl_again()
    assert {"wiki:1", "notes:bornage.txt"} <= ids(answers())
    assert not {"wiki:2", "wiki:3"} & ids(answers())
    assert not shown("ag-1")


def test_rights_are_those_of_the_directory_of_today(
    place: Place, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who left a group since the backup reads nothing by it; a silent directory stops it all."""
    backup = backed_up(tmp_path / "backup")
    other = elsewhere(place, "other", monkeypatch)
    register = place.folder / "registre.jsonl"
    groups = other.folder / "groupes.csv"
    groups.write_text("principal,label,members\nannuaire:group:fraude,Fraude,ag-3\n", "utf-8")
    (other.folder / "agents.csv").rename(other.folder / "away")
    with pytest.raises(SourceError, match=r"agents\.csv ne peut être lu"):
        restore(load_settings(), backup, register_file=register)
    assert not (other.folder / ".quisait" / "restoring").exists()
    (other.folder / "away").rename(other.folder / "agents.csv")
    restore(load_settings(), backup)
    assert "notes:secret.txt" not in ids(answers(), "ag-2")


def test_a_backup_beside_crawls_is_of_one_moment(
    place: Place, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Posts come and go meanwhile: what a restored cursor knows, the restored index has."""
    stop = Event()

    def crawl_on() -> None:
        turn = 0
        while not stop.is_set():
            turn += 1
            posts = [*POSTS, *(post(10 + n, f"Le bornage {n} {turn}.", "ana") for n in range(turn))]
            (place.folder / "export.jsonl").write_text(export(posts), "utf-8")
            crawl_again()

    with open_application(load_settings()) as application:
        crawling = Thread(target=crawl_on)
        crawling.start()
        try:
            for number in range(4):
                time.sleep(0.3)
                back_up(application, tmp_path / f"backup-{number}")
        finally:
            stop.set()
            crawling.join()
    for number in (1, 3):
        elsewhere(place, f"other-{number}", monkeypatch)
        restore(
            load_settings(),
            tmp_path / f"backup-{number}",
            register_file=place.folder / "registre.jsonl",
        )
        (load_settings_folder() / "export.jsonl").write_text(export(POSTS), "utf-8")
        crawl_again()
        with open_application(load_settings()) as application:
            kept = {entry.document_id for entry in application.index.scan("wiki")}
        assert kept == {"wiki:1", "wiki:2", "wiki:3"}, "what its source deleted is gone"


def load_settings_folder() -> Path:
    return Path(os.environ["QUISAIT_FILE"]).parent


def test_a_backup_has_no_secret_and_shows_a_change(
    place: Place, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its settings read as those that made it; a changed byte, or a missing file, is refused."""
    monkeypatch.setenv("QUISAIT_LDAP__PASSWORD", "motdepasse-ldap")
    with open_application(load_settings()) as application:
        token = PushTokens(application.database).add("forum", "Le forum")
        member = MembersAdded((GroupMember("membre-pousse"),))
        PushedGroups(application.database).change("forum", "groupe", [member], make=True)
    backup = backed_up(tmp_path / "backup")
    settings = load_settings()
    whole = b"".join(path.read_bytes() for path in backup.rglob("*") if path.is_file())
    for secret in (
        *(b"motdepasse-ldap", b"k" * 32, token.split("_")[1].encode()),
        b"membre-pousse",  # who left since must not read again
    ):
        assert secret not in whole
    assert [oct(path.stat().st_mode & 0o777) for path in (backup, backup / "manifest.json")] == [
        "0o700",
        "0o600",
    ]
    monkeypatch.setenv("QUISAIT_FILE", str(backup / "quisait.toml"))
    assert load_settings() == settings
    with pytest.raises(BackupUnusable):
        backed_up(backup)
    with sqlite3.connect(backup / "documents.sqlite") as written:
        written.execute("DELETE FROM access")
    with pytest.raises(BackupUnusable, match="ont changé"):
        read_manifest(backup)
    (backup / "manifest.json").unlink()
    with pytest.raises(BackupUnusable, match="n'est pas une sauvegarde"):
        read_manifest(backup)


def _child(variables: dict[str, str], backup: str, register: str, ready: Connection) -> None:
    """In a process of its own: a backup, or where a register is given, a restoration."""
    os.environ.update(variables)
    if register:
        ready.send(True)
        restore(load_settings(), Path(backup), register_file=Path(register))
        return
    with open_application(load_settings()) as application:
        ready.send(True)
        back_up(application, Path(backup))


def killed_after(delay_s: float | None, backup: Path, register: str = "") -> float:
    """Seconds that it took to its end, where no kill is asked for."""
    children = multiprocessing.get_context("forkserver")
    children.set_forkserver_preload([__name__])
    variables = {key: value for key, value in os.environ.items() if key.startswith("QUISAIT_")}
    here, there = children.Pipe()
    child = children.Process(target=_child, args=(variables, str(backup), register, there))
    child.start()
    assert here.recv()
    begun = time.monotonic()
    child.join(delay_s)
    taken_s = time.monotonic() - begun
    child.kill()
    child.join()
    assert child.exitcode == 0 or delay_s is not None
    return taken_s


def test_killed_at_any_moment_nothing_is_half(
    place: Place, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No half a backup has the name; a half restoration answers nobody, and is done again."""
    posts = [post(n, f"Le bornage numéro {n} du cadastre. " * 20, "ana") for n in range(1, 50)]
    (place.folder / "export.jsonl").write_text(export(posts), "utf-8")
    crawl_again()
    asked, draw = answers(), random.Random(5)
    whole_s, halves = killed_after(None, tmp_path / "timed"), 0
    for number in range(KILLS // 2):
        target = tmp_path / f"killed-{number}"
        killed_after(draw.uniform(0, 0.8) * whole_s, target)
        if target.exists():
            assert read_manifest(target).documents == len(posts) + 3
        else:
            halves += 1
    backup = backed_up(tmp_path / "timed-too")
    backed_up(tmp_path / "killed")
    register = str(place.folder / "registre.jsonl")
    elsewhere(place, "whole", monkeypatch)
    whole_s = killed_after(None, backup, register)
    for number in range(KILLS):
        other = elsewhere(place, f"other-{number}", monkeypatch)
        killed_after(draw.uniform(0, 0.8) * whole_s, backup, register)
        if (other.folder / ".quisait" / "restoring").exists():
            halves += 1
            with (
                pytest.raises(ValueError, match="restauration"),
                open_application(load_settings()),
            ):
                pass
        _restored(backup, register)
        assert answers() == asked
    assert halves >= 2, "too few were killed before their end to say anything"


def _restored(backup: Path, register: str) -> None:
    """Done again where it was not finished; it says so where it was."""
    try:
        restore(load_settings(), backup, register_file=Path(register))
    except BackupUnusable as told:
        finished = "était finie" in str(told) or "n'est pas vide" in str(told)
        if not finished:
            raise
