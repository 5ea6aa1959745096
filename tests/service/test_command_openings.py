"""Each command says whether it writes; one that reads changes no row and no file.

It is run with another `register_file` than the service's, as by somebody who looks for a fault.
"""

import hashlib
import json
import logging
import os
import sqlite3
from collections.abc import Iterable, Iterator, Mapping
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pytest
import sqlalchemy as sa
from quisait_lasuite.group_values import GroupMember
from quisait_lasuite.groups import PushedGroups
from quisait_push.tokens import PushTokens
from typer.testing import CliRunner

from quisait.application.database import HEAD, TABLES, connect
from quisait.cli import app, load_all
from quisait.privacy.accesses import access_tables, marks_file
from search_api.audit.sql import audit_entries
from search_api.sign_on.sessions import SessionLimits, SqlPersonalTokens, SqlSessions
from tests.each import each
from tests.postgres_server import database
from tests.service.place import Place, make_place
from tests.service.test_documented_commands import SETTINGS
from tests.service.test_topics_command import LIST

pytestmark = [pytest.mark.sources, pytest.mark.trust]

READER, ANIMATOR = ("--agent", "ag-1"), ("--agent", "ag-2")
REFUSED = 1
"""Exit status of a command whose subject is not there: it has read the database by then."""

READING: Mapping[str, tuple[tuple[str, ...], int]] = {
    "check": ((), 0),
    "sources": ((), 0),
    "search": (("cadastre", *READER), 0),
    "experts": (("cadastre", *READER), 0),
    "profile": (("ag-2", *READER), 0),
    "peers": (("ag-2", *READER), 0),
    "isolation": ((), 0),
    "coverage": ((), 0),
    "topics list": ((), 0),
    "topics show": (("m-geometre", *READER), 0),
    "topics risks": (ANIMATOR, 0),
    "questions reports": ((), 0),
    "mail status": ((), REFUSED),
    "source try": (("folder", "name=autres", "path=notes"), 0),
    "push token list": (("forum",), 0),
    "scans": ((), REFUSED),
    "directory": ((), 0),
    "token": (("ag-1",), 0),
    "sessions list": ((), 0),
    "audit": ((), 0),
    "journal": ((), 0),
    "reindex": (("--check",), 0),
    "expected export": ((), 0),
    "upgrade": (("--dry-run",), 0),
}
"""Commands that only read, with arguments and exit status; they write nothing but the audit log."""

OF_RIGHTS = {
    *("search", "experts", "profile", "peers", "isolation", "coverage", "token"),
    *("topics list", "topics show", "topics risks"),
}
"""Commands that refuse a database that may be an older copy: they show what readers may see."""

WRITING = {
    *("crawl", "run", "serve", "demo", "expertise build", "questions step", "forget"),
    *("backup", "restore", "mail send", "mail receive", "mail resend", "source add"),
    *("push keep-only", "push token add", "push token rotate", "push token revoke"),
    *("directory read", "directory cut", "sessions revoke", "feeds revoke"),
    *("journal purge", "privacy replay", "privacy purge", "expected import"),
}
WITHOUT_STATE = {
    *("init", "try", "connector list", "connector new", "mcp", "privacy report", "size", "tune"),
    *("model export", "schema export"),
    *(f"evaluate {name}" for name in ("search", "experts", "nobody", "cut", "bars", "direct")),
    *(f"evaluate {name}" for name in ("isolation", "knowing", "order", "topics", "answering")),
    *("evaluate quotes", "evaluate answers"),
}
"""Commands that open no state, or ask questions of judged sets with the rights of `search`."""


def leaves(command: Any, name: str) -> Iterator[str]:
    """Yield the names of a command, or of all commands of a group."""
    if not hasattr(command, "commands"):
        yield name
        return
    if command.invoke_without_command:
        yield name
    for part, inner in command.commands.items():
        yield from leaves(inner, f"{name} {part}")


def test_every_command_says_whether_it_writes() -> None:
    """A new command is added to one of these lists; one that reads is then tried here."""
    names = {leaf for name, command in load_all().items() for leaf in leaves(command, name)}
    assert READING.keys() | WRITING | WITHOUT_STATE == names
    assert len(READING) + len(WRITING) + len(WITHOUT_STATE) == len(names)


def contents(path: Path) -> bytes:
    """Return a file's bytes; the rows of an SQLite file, which the last reader may move in it."""
    if path.suffix != ".sqlite":
        return path.read_bytes()
    with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as database:
        return "\n".join(database.iterdump()).encode()


@dataclass(frozen=True, slots=True)
class Site:
    """A small administration whose database gives accesses of every kind."""

    place: Place
    url: str

    def run(self, name: str, *arguments: str) -> tuple[int, str]:
        """Run a command in this process; return its exit status and all that it printed."""
        handlers, level = logging.getLogger().handlers[:], logging.getLogger().level
        environment = {**self.place.environment}
        before = Path.cwd()
        os.chdir(self.place.folder)
        try:
            with patch.dict(os.environ, environment):
                done = CliRunner().invoke(app, [*name.split(), *arguments])
        finally:
            os.chdir(before)
            logging.getLogger().handlers[:], logging.getLogger().level = handlers, level
        unexpected = done.exception and not isinstance(done.exception, SystemExit)
        assert not unexpected, f"{type(done.exception).__name__}: {done.exception}"
        return done.exit_code, done.output

    def rows(self) -> dict[str, list[str]]:
        """Return every row of every table."""
        engine = connect(self.url)
        tables = [table for tables in TABLES for table in tables.sorted_tables]
        with engine.connect() as connection:
            found = {
                table.name: sorted(map(repr, connection.execute(sa.select(table)).all()))
                for table in tables
            }
        engine.dispose()
        return found

    def files(self) -> dict[str, str]:
        """Return the digest of each file's contents, without SQLite's passing files and state."""
        return {
            str(path.relative_to(self.place.folder)): hashlib.sha256(contents(path)).hexdigest()
            for path in sorted(self.place.folder.rglob("*"))
            if path.is_file()
            and not path.name.endswith(("-wal", "-shm", ".lock"))
            and not path.name.startswith("state.sqlite")
        }

    def with_settings(self, **environment: str) -> "Site":
        return replace(self, place=self.place.with_settings(**environment))


@contextmanager
def unchanged(site: Site) -> Iterator[None]:
    """Assert that the block changes no file and no row, except that it may extend the audit."""
    rows, files = site.rows(), site.files()
    yield
    after = site.rows()
    audit = audit_entries.name
    assert set(rows.pop(audit)) <= set(after.pop(audit))
    assert after == rows
    assert site.files() == files


def give_accesses(url: str) -> None:
    engine = connect(url)
    SqlSessions(engine, SessionLimits(1e9, 1e9), lambda: 1_000).begin("ag-1")
    SqlPersonalTokens(engine, 90, lambda: 1_000).make("ag-1", "tableur", 9)
    PushTokens(engine).add("forum", "Forum")
    PushedGroups(engine).create("forum", "secret", "", [GroupMember("ana")])
    with engine.connect() as connection:
        for table in access_tables(TABLES, "directory")[:1]:
            assert connection.execute(sa.select(table)).all()
    engine.dispose()


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def site(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Site]:
    """Return an administration that was read and built, whose register knows a deletion."""
    with ExitStack() as stack:
        place = make_place(tmp_path_factory.mktemp("openings") / "place")
        folder = place.folder
        url = f"sqlite:///{folder}/.quisait/state.sqlite"
        if request.param == "postgresql":
            url = stack.enter_context(database(request.getfixturevalue("postgres")))
            place = place.with_settings(QUISAIT_DATABASE=url)
        with (folder / "quisait.toml").open("a", encoding="utf-8") as settings:
            settings.write(SETTINGS)
        (folder / "sujets.csv").write_text(LIST.replace("bancal,,,,\n", ""), "utf-8")
        made = Site(place, url)
        for command in (["crawl"], ["expertise", "build"], ["search", "bornage", *READER]):
            status, output = made.run(command[0], *command[1:])
            assert status == 0, output
        (folder / "notes" / "regie.md").unlink()
        assert made.run("crawl", "notes", "--accept-deletions")[0] == 0
        assert made.run("journal")[0] == 0
        give_accesses(url)
        yield made


def test_a_command_that_reads_writes_nothing(site: Site) -> None:
    """With the service's register: it answers, and at most notes in the audit that it did."""

    def run(case: tuple[str, tuple[tuple[str, ...], int]]) -> None:
        name, (arguments, expected) = case
        with unchanged(site):
            status, output = site.run(name, *arguments)
        assert status == expected, output
        assert "base d'état" not in output or name == "check", output

    each(((name, (name, given)) for name, given in READING.items()), run)


def another_register(site: Site, folder: Path, kind: str) -> Site:
    """The site as somebody sees it whose environment names another register."""
    register = folder / "ailleurs" / "registre.jsonl"
    if kind == "of another site":
        register.parent.mkdir()
        line = {"id": "a", "at": "2026-03-10T09:00:00+00:00", "kind": "gone", "documents": []}
        register.write_text(json.dumps(line) + "\n", "utf-8")
        marks_file(register).write_text(json.dumps({"sessions": 900, "directory": 900}), "utf-8")
    if kind == "not writable":
        register.parent.write_text("")
    return site.with_settings(QUISAIT_PRIVACY__REGISTER_FILE=str(register))


def look(site: Site, looking: Site, names: Iterable[str]) -> None:
    """Run these commands with another register; each says so where rights depend on it."""

    def run(name: str) -> None:
        arguments, expected = READING[name]
        with unchanged(site):
            status, output = looking.run(name, *arguments)
        if name in OF_RIGHTS or name == "check":
            assert status == 1
            assert "QUISAIT_PRIVACY__REGISTER_FILE" in output
        else:
            assert status == expected, output

    each(((name, name) for name in names), run)


def test_no_command_that_reads_empties_accesses(site: Site, tmp_path: Path) -> None:
    """None concludes that the database is a copy, or makes a file of the register."""
    look(site, another_register(site, tmp_path, "absent"), READING)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("kind", ["absent", "of another site", "not writable"])
def test_check_says_that_the_register_is_another(site: Site, tmp_path: Path, kind: str) -> None:
    looking = another_register(site, tmp_path, kind)
    before = sorted(tmp_path.rglob("*"))
    look(site, looking, ("check", "search"))
    assert "register_file" in looking.run("sources")[1]
    assert sorted(tmp_path.rglob("*")) == before, "nothing is made there"
    found = {one["name"]: one for one in json.loads(looking.run("check", "--json")[1])}
    assert not found["accès"]["passed"]
    assert "Rien n'a été changé" in found["accès"]["detail"]


@pytest.mark.parametrize("kind", ["absent", "of another site"])
def test_a_command_that_writes_refuses_another_register(
    site: Site, tmp_path: Path, kind: str
) -> None:
    """Only the service may conclude that its database is a copy."""
    looking = another_register(site, tmp_path, kind)
    for command in ("crawl", "directory cut ag-1", "sessions revoke --all", "privacy purge"):
        with unchanged(site):
            status, output = looking.run(command)
        assert status == 1
        assert "QUISAIT_PRIVACY__REGISTER_FILE" in output


def test_a_first_look_makes_nothing(tmp_path: Path) -> None:
    """Before the first crawl, commands read an empty site, and leave no file of an account."""
    place = make_place(tmp_path / "place")
    new = Site(place, "sqlite://")
    files = new.files()
    for name in ("check", "sources", "audit", "sessions list", "upgrade"):
        status, output = new.run(name, *READING[name][0])
        assert status == 0, output
    assert new.files() == files
    assert not (place.folder / ".quisait").exists()


def test_a_command_that_reads_upgrades_no_schema(site: Site) -> None:
    """It names the command that does; nothing is changed."""
    engine = connect(site.url)
    try:
        with engine.begin() as connection:
            connection.exec_driver_sql("update alembic_version set version_num = '0039'")
        with unchanged(site):
            status, output = site.run("sources")
            assert status == 1
            assert "quisait upgrade" in output
    finally:
        with engine.begin() as connection:
            connection.execute(
                sa.text("update alembic_version set version_num = :head"), {"head": HEAD}
            )
        engine.dispose()
