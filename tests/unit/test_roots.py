"""A source whose local folder is not the one that was read is refused, for every kind."""

import json
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from quisait_connector_kit.memory_seen import MemorySeen

from connectors.ports import Connector, SourceError, SourceRefused, SupportsCheck, SupportsRefetch
from connectors.snapshot import Snapshot
from indexer.state import State
from quisait.application.database import migrate
from quisait.application.sources import on_noted_root, open_source
from quisait.settings.sources import SourceSettings
from tests.git_repository import Work

pytestmark = [pytest.mark.sources, pytest.mark.trust]

MAIL = "From a@b.fr Mon Jan  5 09:00:00 2026\nFrom: a@b.fr\nMessage-ID: <1@b.fr>\n\nUn texte.\n"
LINES = (
    {"type": "header", "version": 1, "complete": True},
    {"type": "post", "id": "a", "title": "a", "text": "Un texte."},
)


def _installed(kind: str, **options: Any) -> SourceSettings:
    return SourceSettings(name="s", kind=kind, allowed=["everyone"], options=options)


def _folder(at: Path) -> tuple[SourceSettings, Path]:
    (at / "a.md").write_text("Un texte.", "utf-8")
    return SourceSettings(name="s", kind="folder", path=str(at), allowed=["everyone"]), at


def _export_folder(at: Path) -> tuple[SourceSettings, Path]:
    (at / "a.jsonl").write_text("\n".join(map(json.dumps, LINES)) + "\n", "utf-8")
    return SourceSettings(name="s", kind="export", path=str(at)), at


def _export_file(at: Path) -> tuple[SourceSettings, Path]:
    _export_folder(at)
    return SourceSettings(name="s", kind="export", path=str(at / "a.jsonl")), at


def _dokuwiki(at: Path) -> SourceSettings:
    for folder in ("data/pages", "data/media", "conf"):
        (at / folder).mkdir(parents=True)
    (at / "data/pages/a.txt").write_text("Un texte.", "utf-8")
    (at / "conf/acl.auth.php").write_text("*\t@ALL\t1\n", "utf-8")
    return _installed("dokuwiki", path=str(at / "data"), rules=str(at / "conf"))


def _git(at: Path) -> tuple[SourceSettings, Path]:
    work = Work(at)
    work.write("a.md", "Un texte.")
    work.push("ana")
    copies = at.parent / "depots"
    return _installed("git", url=str(work.copy), work=str(copies)), work.copy


def _lists(at: Path) -> tuple[SourceSettings, Path]:
    (at / "a.mbox").write_text(MAIL, "utf-8")
    return _installed("lists", lists={"l": {"path": str(at / "a.mbox")}}), at


def _sqlite(at: Path) -> tuple[SourceSettings, Path]:
    with sqlite3.connect(at / "rt.sqlite") as database:
        database.execute("CREATE TABLE Tickets (id INTEGER)")
    return _installed("rt", database=f"sqlite:///{at}/rt.sqlite"), at


KINDS: dict[str, Callable[[Path], tuple[SourceSettings, Path]]] = {
    "folder": _folder,
    "export folder": _export_folder,
    "export file": _export_file,
    "dokuwiki data": lambda at: (_dokuwiki(at), at / "data"),
    "dokuwiki rules": lambda at: (_dokuwiki(at), at / "conf"),
    "git": _git,
    "lists": _lists,
    "database": _sqlite,
}


@pytest.fixture
def state(tmp_path: Path) -> State:
    return State(migrate(sa.create_engine(f"sqlite:///{tmp_path / 'state.sqlite'}")))


def opened(settings: SourceSettings, state: State, *, accept: bool = False) -> Connector:
    return on_noted_root(open_source(settings, None), settings, state, accept=accept)


@pytest.mark.parametrize("change", ["another folder", "a link"])
@pytest.mark.parametrize("kind", KINDS)
def test_root_that_leads_elsewhere_is_refused(
    kind: str, change: str, tmp_path: Path, state: State
) -> None:
    """Even with the same files below it; it is read again once an administrator accepted it."""
    (at := tmp_path / "lu").mkdir()
    settings, root = KINDS[kind](at)
    opened(settings, state)
    aside = root.rename(tmp_path / "avant")
    if change == "a link":
        root.symlink_to(aside)
    else:
        root.mkdir()
        for inner in aside.iterdir():
            inner.rename(root / inner.name)
    connector = opened(settings, state)
    assert isinstance(connector, SupportsCheck)
    assert isinstance(connector, SupportsRefetch)
    for ask in (
        lambda: connector.changes(None),
        lambda: connector.refetch(frozenset({"s:a"})),
        connector.check,
    ):
        with pytest.raises(SourceRefused, match="--accept-root"):
            list(ask())
    if kind != "database":
        assert list(opened(settings, state, accept=True).changes(None))
        assert list(opened(settings, state).changes(None))


@pytest.mark.parametrize("kind", sorted(KINDS.keys() - {"lists"}))
def test_absent_root_deletes_nothing_and_stays_noted(
    kind: str, tmp_path: Path, state: State
) -> None:
    (at := tmp_path / "lu").mkdir()
    settings, root = KINDS[kind](at)
    opened(settings, state)
    root.rename(tmp_path / "avant")
    with pytest.raises(SourceError):
        list(opened(settings, state).changes(None))
    root.mkdir()  # as the empty folder of a disk that is not mounted
    with pytest.raises(SourceError):
        list(opened(settings, state).changes(None))


def test_root_replaced_during_the_listing_deletes_nothing(tmp_path: Path, state: State) -> None:
    (at := tmp_path / "lu").mkdir()
    settings, root = _export_folder(at)
    connector = opened(settings, state)
    assert isinstance(connector, Snapshot)
    changes = Snapshot(connector.origin, MemorySeen()).changes(None)
    next(changes)
    root.rename(tmp_path / "avant")
    with pytest.raises(SourceError):
        list(changes)
