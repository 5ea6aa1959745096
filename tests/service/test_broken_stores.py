"""A damaged database or index, or a refused password, is one sentence that says what to do."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.each import each
from tests.postgres_server import REFUSED_USER, USER
from tests.service.place import make_place
from tests.service.test_command_openings import READER, READING, WRITING, Site

pytestmark = [pytest.mark.sources, pytest.mark.trust]

ARGUMENTS = {
    "forget": ("wiki",),
    "backup": ("sauvegarde",),
    "source add": ("folder", "name=autres", "path=notes", "--yes"),
    "push keep-only": ("forum", "quisait.toml"),
    "push token add": ("forum",),
    "push token rotate": ("forum", "x"),
    "push token revoke": ("forum", "x"),
    "directory cut": ("ag-1",),
    "expected import": ("quisait.toml",),
    "sessions revoke": ("--all",),
}
"""Arguments of commands that write."""
ELSEWHERE = {"restore", "demo"}
"""Commands that need an empty installation."""
PUSH = '\n[[sources]]\nname = "forum"\nkind = "push"\n'


def commands() -> list[tuple[str, ...]]:
    """Return every command that opens the state, with arguments."""
    found = [(name, *given) for name, (given, _) in READING.items()]
    for name in sorted(WRITING - ELSEWHERE):
        found.append((name, *ARGUMENTS.get(name, ())))
    return found


@pytest.fixture(scope="module")
def crawled(tmp_path_factory: pytest.TempPathFactory) -> Site:
    place = make_place(tmp_path_factory.mktemp("broken") / "place")
    with (place.folder / "quisait.toml").open("a", encoding="utf-8") as settings:
        settings.write(PUSH)
    site = Site(place, f"sqlite:///{place.folder}/.quisait/state.sqlite")
    assert site.run("crawl", "--accept-deletions")[0] == 0
    return site


@pytest.fixture
def site(crawled: Site, tmp_path: Path) -> Site:
    return Site(crawled.place.copied(tmp_path / "place"), "")


def overwritten(state: Path) -> None:
    state.write_bytes(b"this is no database at all" * 100)


def cut(state: Path) -> None:
    state.write_bytes(state.read_bytes()[:5_000])


def emptied(state: Path) -> None:
    state.write_bytes(b"")


@pytest.mark.parametrize("damage", [overwritten, cut, emptied])
def test_every_command_says_that_the_state_is_damaged(
    site: Site, damage: Callable[[Path], None]
) -> None:
    """Whoever reads the sentence finds the page that says how to put the database back."""
    state = site.place.folder / ".quisait" / "state.sqlite"
    damage(state)
    damaged = state.read_bytes()

    def run(command: tuple[str, ...]) -> None:
        status, output = site.run(command[0], *command[1:])
        assert status == 1, output
        assert "ase d'état" in output, output
        assert "que-faire" in output, output
        assert state.read_bytes() == damaged

    each(((" ".join(command), command) for command in commands()), run)


def test_every_command_says_that_the_password_is_refused(site: Site, postgres: str) -> None:
    """And not that the database is away, nor the password itself."""
    url = f"{postgres.replace(f'//{USER}@', f'//{REFUSED_USER}@')}/postgres"
    refused = site.with_settings(QUISAIT_DATABASE=url, QUISAIT_DATABASE_PASSWORD="s3cret")
    away = site.with_settings(QUISAIT_DATABASE=f"postgresql://{USER}@127.0.0.1:9/none")

    def run(command: tuple[str, ...]) -> None:
        for looking, words in ((refused, "refuse le mot de passe"), (away, "ne répond pas")):
            status, output = looking.run(command[0], *command[1:])
            assert status == 1, output
            assert words in output, output
            assert "s3cret" not in output

    each(((" ".join(command), command) for command in commands()), run)


def absent(index: Path) -> None:
    index.unlink()


def blank(index: Path) -> None:
    index.write_bytes(b"")


def damaged(index: Path) -> None:
    content = index.read_bytes()
    index.write_bytes(b"\xa5" * len(content))


@pytest.mark.parametrize("damage", [absent, blank, damaged])
def test_commands_that_search_say_that_the_index_is_damaged(
    site: Site, damage: Callable[[Path], None]
) -> None:
    """They name the command that rebuilds it; then a crawl fills it again."""
    (index,) = site.place.folder.glob(".quisait/index/*/index.sqlite")
    for beside in index.parent.glob("index.sqlite-*"):
        beside.unlink()
    damage(index)

    def run(command: tuple[str, ...]) -> None:
        status, output = site.run(command[0], *command[1:])
        assert status == 1, output
        assert "reindex --rebuild" in output, output

    names = ("check", "sources", "search", "experts", "reindex")
    tried = [(name, *READING[name][0]) for name in names]
    tried += [("crawl",), ("crawl", "--full"), ("backup", "sauvegarde"), ("privacy purge",)]
    tried += [("reindex",)]
    each(((" ".join(command), command) for command in tried), run)
    found = {one["name"]: one for one in json.loads(site.run("check", "--json")[1])}
    assert not found["index"]["passed"]
    status, output = site.run("reindex", "--rebuild")
    assert status == 0, output
    status, output = site.run("crawl")
    assert status == 0, output
    status, output = site.run("search", "bornage", *READER)
    assert "notes:bornage.txt" in output
    shutil.rmtree(site.place.folder)
