"""`quisait check` of one source."""

import errno
import os
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from connectors.ports import Change, SourceRefused
from connectors.tables import TableUnreadable, read_table
from connectors.values import Agent
from quisait.application.sources import open_source
from quisait.checks import people, sources
from quisait.checks.attempt import ToReview
from quisait.settings import Settings
from quisait.settings.sources import SourceSettings

pytestmark = pytest.mark.sources


@dataclass
class Tried:
    """A source that notes what is asked of it."""

    refuses: bool
    source: str = "salle"
    asked: list[str] = field(default_factory=list)

    def changes(self, since: str | None) -> Iterator[Change]:
        self.asked.append("changes")
        yield from ()

    def check(self) -> Iterator[str]:
        self.asked.append("check")
        if self.refuses:
            raise SourceRefused("le compte est fermé")
        yield "un dossier manque"


def test_the_account_is_tried_before_anything_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of an account that is refused, nothing is read."""
    named = SourceSettings(name="salle", kind="folder", path="/nulle/part")
    for refuses, asked in ((False, ["check", "changes"]), (True, ["check"])):
        tried = Tried(refuses)
        monkeypatch.setattr(sources, "open_source", lambda *_, one=tried: one)
        if refuses:
            with pytest.raises(SourceRefused):
                sources.check_source(Settings(), named)
        else:
            with pytest.raises(ToReview, match="un dossier manque"):
                sources.check_source(Settings(), named)
        assert tried.asked == asked


def test_what_a_folder_hides_from_the_account_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A sub-folder that cannot be listed, and a table in another encoding."""
    for name in ("ouvert", "ferme"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "a.txt").write_text("a", "utf-8")
    (tmp_path / "_quisait.csv").write_text("pattern,allowed\n**,everyone\n", "utf-8")
    source = SourceSettings(name="notes", kind="folder", path=str(tmp_path))
    assert sources.check_source(Settings(), source) == f"folder, {tmp_path}"
    (tmp_path / "ouvert" / "_quisait.csv").write_bytes("pattern,author\n*,Zoé\n".encode("latin-1"))
    opening = os.open

    def closed(path: str, flags: int, mode: int = 0o777, *, dir_fd: int | None = None) -> int:
        if path == "ferme":
            raise PermissionError(errno.EACCES, "Permission denied")
        return opening(path, flags, mode, dir_fd=dir_fd)

    monkeypatch.setattr(os, "open", closed)
    with pytest.raises(ToReview, match=r"ferme : .*ouvert/_quisait\.csv : .*UTF-8"):
        sources.check_source(Settings(), source)


def test_an_address_of_several_agents_is_said() -> None:
    """By their ids; who has left counts no more."""
    ana, ben, cyd = (
        Agent(name, "", "", email=mail)
        for name, mail in (("ag-1", "a@x.test"), ("ag-2", "A@x.test "), ("ag-3", "c@x.test"))
    )
    assert people.shared_emails([ana, cyd]) == ""
    assert "ag-1, ag-2" in people.shared_emails([ana, ben, cyd])
    assert people.shared_emails([ana, replace(ben, departure=date(2020, 1, 1))]) == ""


@pytest.mark.parametrize(
    ("kind", "given"),
    [("folder", {"path": "x", "ca_file": "a.pem"}), ("export", {"path": "x", "include": ["*.md"]}),
     ("export", {"path": "x", "file_hosts": {"https://drive.exemple": ""}}),
     ("webdav", {"url": "https://dav.exemple", "include_all": True})],
)  # fmt: skip
def test_a_setting_that_a_kind_does_not_read_is_refused(kind: str, given: dict[str, Any]) -> None:
    """It would be ignored. An installed kind refuses it when its source is opened."""
    (name,) = given.keys() - {"path", "url"}
    with pytest.raises((ValueError, SourceRefused), match=name):
        open_source(SourceSettings(name="docs", kind=kind, **given), None)


@pytest.mark.parametrize(
    ("kind", "options"),
    [("folder", {"path": "x", "include": ["*.md"]}), ("export", {"path": "x"}),
     ("push", {"scim": True}), ("webdav", {"url": "https://dav.exemple/", "rate_per_s": 3}),
     ("mediawiki", {"url": "https://wiki.exemple/api.php", "reader_groups": True})],
)  # fmt: skip
def test_options_of_every_kind_may_be_written_in_either_place(
    kind: str, options: dict[str, Any]
) -> None:
    """In the source's own table or under `options`; written twice, they are refused."""
    above = SourceSettings.model_validate({"name": "docs", "kind": kind, **options})
    below = SourceSettings.model_validate({"name": "docs", "kind": kind, "options": options})
    assert above == below
    assert above.reader_groups is ("reader_groups" in options)
    for name in options:
        with pytest.raises(ValueError, match=f"{name} est écrit deux fois"):
            SourceSettings.model_validate(
                {"name": "docs", "kind": kind, "options": options, name: options[name]}
            )


def test_two_sources_of_one_name_are_named() -> None:
    with pytest.raises(ValueError, match="« notes »"):
        Settings(sources=[SourceSettings(name="notes", kind="folder", path=p) for p in "ab"])


@pytest.mark.parametrize(
    ("header", "named"),
    [("id,couleur", "« couleur »"), ("id,id", "« id »"), ("name", "« id »")],
)
def test_a_column_that_is_wrong_is_named(header: str, named: str) -> None:
    with pytest.raises(TableUnreadable, match=named):
        list(read_table(f"{header}\n1,2\n".encode(), frozenset({"id", "name"}), "id"))
