"""An export's lines about readers: the last word holds, and nothing opens meanwhile."""

import json
from pathlib import Path
from typing import Any

import pytest

from connectors.changes import AccessChanged, Change, Checkpoint, Delete, Stale, Upsert
from connectors.values import Access
from tests.unit.test_export import HEADER, THREAD, cursor, documents, read, write

pytestmark = [pytest.mark.sources, pytest.mark.trust]

OPEN = {"readers": {"allowed": ["everyone"]}}
CELL = {"readers": {"allowed": ["w:group:cell"]}}
FOR_THE_CELL = Access(frozenset({"w:group:cell"}))
RECORD: dict[str, Any] = THREAD | OPEN | {"attachments": [{"name": "a", "base64": "dW4="}]}


def append(path: Path, *lines: dict[str, Any] | bytes) -> None:
    with path.open("ab") as opened:
        for line in lines:
            opened.write((line if isinstance(line, bytes) else json.dumps(line).encode()) + b"\n")


def said(changes: list[Change]) -> dict[str, list[Access]]:
    """Everything that is ever said of each document's readers, in order."""
    found: dict[str, list[Access]] = {}
    for change in changes:
        if isinstance(change, Upsert):
            found.setdefault(change.document.id, []).append(change.document.access)
        elif isinstance(change, AccessChanged):
            found.setdefault(change.document_id, []).append(change.access)
    return found


@pytest.mark.parametrize(
    ("later", "access"),
    [
        (RECORD | CELL, FOR_THE_CELL),
        ({"type": "access", "id": "t1", **CELL}, FOR_THE_CELL),
        ({"type": "access", "id": "t1", "readers": {"allowed": ["tous"]}}, Access()),
        ({"type": "deleted", "id": "t1"}, Delete),
        ({"type": "deleted", "id": "t1", "why": "x"}, Stale),
        (RECORD | CELL | {"created": "hier"}, Stale),
        (RECORD | {"readers": None, "created": "hier"}, Stale),
        (RECORD | CELL | {"type": "billet"}, Stale),
        (b'{"type":"thread","id":"t1",readers', Stale),
    ],
    ids=["record", "access", "unread", "deleted", "undeleted", "date", "spaceless", "type", "torn"],
)
def test_former_readers_are_never_said_again(
    tmp_path: Path, later: dict[str, Any] | bytes, access: Access | type[Delete | Stale]
) -> None:
    """Read from the beginning or on from the cursor, only the last readers are said.

    None are where the last record was not understood: its text was not read.
    """
    path = write(tmp_path / "e.jsonl", HEADER, RECORD)
    first = read(path)
    append(path, later)
    anew, rest = read(path), read(path, cursor(first))
    for changes in (anew, rest):
        for name in ("w:t1", "w:t1#a"):
            if isinstance(access, Access):
                assert set(said(changes)[name]) == {access}
            else:
                assert name not in said(changes)
                assert access(name) in changes


def test_readers_after_a_broken_record_open_no_former_text(tmp_path: Path) -> None:
    """The access line speaks of a text that was never read."""
    broken = RECORD | CELL | {"created": "hier"}
    opened = {"type": "access", "id": "t1", **OPEN}
    path = write(tmp_path / "e.jsonl", HEADER, RECORD | CELL)
    first = read(path)
    append(path, broken, opened)
    for changes in (read(path), read(path, cursor(first))):
        assert said(changes).get("w:t1", []) == []
        assert Stale("w:t1") in changes
    append(path, RECORD)
    assert said(read(path))["w:t1"][-1] == Access(frozenset({"everyone"}))


def test_an_attachment_that_cannot_be_read_is_stale(tmp_path: Path) -> None:
    """Its former version does not stay under the former readers, nor get the new ones."""
    (tmp_path / "a.txt").write_text("un")
    record = RECORD | {"attachments": [{"name": "a", "path": "a.txt"}]}
    path = write(tmp_path / "e.jsonl", HEADER, record)
    first = read(path)
    (tmp_path / "a.txt").unlink()
    append(path, record | CELL)
    changes = read(path, cursor(first))
    assert Stale("w:t1#a") in changes
    assert "w:t1#a" not in said(changes)


def test_a_document_deleted_and_made_anew_is_there(tmp_path: Path) -> None:
    """The tombstone between the two deletes nothing that is there in the end."""
    path = write(tmp_path / "e.jsonl", HEADER, RECORD, {"type": "deleted", "id": "t1"}, RECORD)
    changes = read(path)
    assert set(documents(changes)) == {"w:t1", "w:t1#a"}
    assert not [change for change in changes if isinstance(change, Delete)]


def test_one_attachment_that_was_deleted_does_not_come_back(tmp_path: Path) -> None:
    """Its record is read anew without it."""
    gone = {"type": "deleted", "id": "t1#a"}
    changes = read(write(tmp_path / "e.jsonl", HEADER, RECORD, gone))
    assert set(documents(changes)) == {"w:t1"}
    assert Delete("w:t1#a") in changes


def test_a_line_still_being_written_takes_no_readers_away(tmp_path: Path) -> None:
    """Its rest may bring the same ones."""
    path = write(tmp_path / "e.jsonl", HEADER, RECORD)
    with path.open("ab") as opened:
        opened.write(b'{"type":"thread","id":"t1",')
    changes = read(path)
    assert set(said(changes)["w:t1"]) == {Access(frozenset({"everyone"}))}
    assert isinstance(changes[-1], Checkpoint)
