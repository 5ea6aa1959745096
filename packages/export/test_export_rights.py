"""An export's lines about readers: the last word holds, and nothing opens meanwhile."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from quisait_export.connector import ExportSource
from quisait_export.files import export_files, read_lines
from test_quisait_export import HEADER, THREAD, cursor, documents, read, write

from connectors.ports import (
    AccessChanged,
    AccessNarrowed,
    Change,
    Checkpoint,
    ContentStale,
    Delete,
    Malformed,
    SourceUnreachable,
    Upsert,
)
from connectors.snapshot import Snapshot
from connectors.values import Access

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


def closed(name: str) -> AccessNarrowed:
    return AccessNarrowed(name, Access())


@pytest.mark.parametrize(
    ("later", "access"),
    [
        (RECORD | CELL, FOR_THE_CELL),
        ({"type": "access", "id": "t1", **CELL}, FOR_THE_CELL),
        ({"type": "access", "id": "t1", "readers": {"allowed": ["tous"]}}, Access()),
        ({"type": "deleted", "id": "t1"}, Delete),
        ({"type": "deleted", "id": "t1", "why": "x"}, closed),
        (RECORD | CELL | {"created": "hier"}, closed),
        (RECORD | {"readers": None, "created": "hier"}, closed),
        (RECORD | CELL | {"type": "billet"}, closed),
        (b'{"type":"thread","id":"t1",readers', closed),
    ],
    ids=["record", "access", "unread", "deleted", "undeleted", "date", "spaceless", "type", "torn"],
)
def test_former_readers_are_never_said_again(
    tmp_path: Path, later: dict[str, Any] | bytes, access: Access | Callable[[str], Change]
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
        assert closed("w:t1") in changes
    append(path, RECORD)
    assert said(read(path))["w:t1"][-1] == Access(frozenset({"everyone"}))


def test_a_record_that_is_not_understood_is_not_asked_for_again(tmp_path: Path) -> None:
    """Only its readers are known, until a line brings it again."""
    path = write(tmp_path / "e.jsonl", HEADER, RECORD, RECORD | {"created": "hier"})
    again = list(Snapshot(ExportSource("w", path)).refetch(frozenset({"w:t1", "w:t1#a"})))
    assert [one for one in again if not isinstance(one, Malformed)] == []


def test_an_attachment_that_cannot_be_read_is_stale(tmp_path: Path) -> None:
    """Its former version does not stay under the former readers, nor get the new ones."""
    (tmp_path / "a.txt").write_text("un")
    record = RECORD | {"attachments": [{"name": "a", "path": "a.txt"}]}
    path = write(tmp_path / "e.jsonl", HEADER, record)
    first = read(path)
    (tmp_path / "a.txt").unlink()
    append(path, record | CELL)
    changes = read(path, cursor(first))
    assert ContentStale("w:t1#a") in changes
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


def test_whom_an_access_line_adds_reads_the_attachment_as_it_is(tmp_path: Path) -> None:
    """Replaced where it stands, it is read anew; the text of the record is as it was."""
    (tmp_path / "a.txt").write_text("un, avec les noms")
    record = RECORD | CELL | {"attachments": [{"name": "a", "path": "a.txt"}]}
    path = write(tmp_path / "e.jsonl", HEADER, record)
    first = read(path)
    (tmp_path / "a.txt").write_text("deux, sans les noms")
    append(path, {"type": "access", "id": "t1", **OPEN})
    changes = read(path, cursor(first))
    opened = [c.document for c in changes if isinstance(c, Upsert)]
    assert [c.document_id for c in changes if isinstance(c, AccessChanged)] == ["w:t1"]
    assert {one.id for one in opened} == {"w:t1#a"}
    assert [one.content.read() for one in opened if one.content] == [b"deux, sans les noms"]


def test_an_attachment_is_read_again_with_a_new_export(tmp_path: Path) -> None:
    """Replaced where it stands, it is read when the export is replaced, and not before."""
    (tmp_path / "a.txt").write_text("un")
    record = RECORD | {"attachments": [{"name": "a", "path": "a.txt"}]}
    path = write(tmp_path / "e.jsonl", HEADER, record)
    first = read(path)
    (tmp_path / "a.txt").write_text("deux")
    same = read(path, cursor(first))
    assert documents(same) == {}
    write(tmp_path / "new", HEADER, record).rename(path)
    assert set(documents(read(path, cursor(same)))) == {"w:t1#a"}


def test_a_line_that_names_no_document_may_be_of_any(tmp_path: Path) -> None:
    """After an unreadable line, no line adds readers to a record before it."""
    path = write(tmp_path / "e.jsonl", HEADER, RECORD | CELL)
    first = read(path)
    append(path, b'{"type":"thread","title":', {"type": "access", "id": "t1", **OPEN})
    for changes in (read(path), read(path, cursor(first))):
        given = [access for one in said(changes).values() for access in one]
        assert [one for one in given if "everyone" in one.allowed] == []


def test_readers_of_a_record_that_left_the_files(tmp_path: Path) -> None:
    """An access line is applied only if no line was missed: else the text may have changed."""
    access = {"type": "access", "id": "t1", **OPEN}
    path = write(tmp_path / "1.jsonl", HEADER, RECORD | CELL)
    first = read(tmp_path)
    path.unlink()
    write(tmp_path / "3.jsonl", HEADER, access)
    changes = read(tmp_path, cursor(first))
    assert said(changes) == {}
    assert AccessNarrowed("w:t1", Access(frozenset({"everyone"}))) in changes
    assert [c.document_id for c in changes if isinstance(c, Malformed)] == ["w:t1"]


def test_a_record_with_an_attachments_id_keeps_its_readers(tmp_path: Path) -> None:
    """An access line with id `r` changes the readers of `r`, not of a record with id `r#a`."""
    own = RECORD | CELL | {"id": "r#a", "attachments": []}
    path = write(tmp_path / "e.jsonl", HEADER, RECORD | {"id": "r"}, own)
    first = read(path)
    append(path, {"type": "access", "id": "r", **OPEN})
    for changes in (read(path), read(path, cursor(first))):
        assert set(said(changes).get("w:r#a", [FOR_THE_CELL])[-1:]) == {FOR_THE_CELL}


def test_an_attachment_named_twice_stays_the_first(tmp_path: Path) -> None:
    """The second one is told; it does not close the first."""
    twice = [{"name": "a", "base64": "dW4="}, {"name": "a", "base64": "ZGV1eA=="}]
    changes = read(write(tmp_path / "e.jsonl", HEADER, RECORD | {"attachments": twice}))
    assert [c.document_id for c in changes if isinstance(c, Malformed)] == ["w:t1#a"]
    assert [c for c in changes if isinstance(c, ContentStale)] == []


def test_an_export_that_is_replaced_while_it_is_read_is_not_read_on(tmp_path: Path) -> None:
    """Offsets of lines in the former file are not used in the new file."""
    path = write(tmp_path / "e.jsonl", HEADER, RECORD | CELL)
    changes = Snapshot(ExportSource("w", path)).refetch(frozenset({"w:t1"}))
    other = write(tmp_path / "other", HEADER, RECORD | {"title": "Un autre texte"})
    files = export_files(path)
    other.rename(path)
    with pytest.raises(SourceUnreachable):
        list(read_lines(files[0]))
    assert [c.document.title for c in changes if isinstance(c, Upsert)][:1] == ["Un autre texte"]
