"""The export reader's particulars."""

import json
import os
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from quisait_connector_kit.connector_contract import apply
from quisait_connector_kit.memory_seen import MemorySeen
from quisait_export.connector import ExportSource
from quisait_export.schema import json_schema

from connectors.ports import (
    Change,
    Checkpoint,
    Delete,
    Listing,
    Malformed,
    SourceRefused,
    SourceUnreachable,
    Upsert,
)
from connectors.snapshot import Snapshot
from connectors.values import (
    MAX_PRINCIPALS,
    MAX_REPLACED,
    Access,
    Contribution,
    ContributorRole,
    Document,
    EvidencePolicy,
)

pytestmark = pytest.mark.sources

HEADER = {"type": "header", "version": 1}
THREAD: dict[str, Any] = {
    "type": "thread", "id": "t1", "title": "Bornage", "author": "q", "text": "Qui sait ?",
    "created": "2020-01-02T08:00:00", "space": "cad",
    "answers": [
        {"author": "r", "text": "Peut-être", "created": "2020-02-01T00:00:00+01:00",
         "thanks": 2},
        {"author": "r", "text": "Sûrement", "created": "2021-03-01T00:00:00Z", "accepted": True},
    ],
    "comments": [{"author": "q", "text": "Merci", "created": "2021-03-02"}],
    "contributors": [
        {"account": "m", "role": "reviewer", "count": 3, "first": "2020-05-01",
         "last": "2021-05-01"},
        {"account": "n", "role": "editor", "volume": 0},
        {"account": "o", "role": "editor", "volume": 120},
        {"account": "o", "role": "editor", "volume": 106},
    ],
}  # fmt: skip
SPACE = {"type": "space", "id": "cad", "title": "Cadastre", "evidence": "none",
         "readers": {"allowed": ["w:group:cad"], "denied": ["agent:x"]}}  # fmt: skip


def write(path: Path, *lines: dict[str, Any] | bytes) -> Path:
    raw = [line if isinstance(line, bytes) else json.dumps(line).encode() for line in lines]
    path.write_bytes(b"".join(line + b"\n" for line in raw))
    return path


SEEN = MemorySeen()


def read(path: Path, since: str | None = None) -> list[Change]:
    return list(Snapshot(ExportSource("w", path), SEEN).changes(since))


def documents(changes: list[Change]) -> dict[str, Document]:
    return {c.document.id: c.document for c in changes if isinstance(c, Upsert)}


def cursor(changes: list[Change]) -> str:
    last = changes[-1]
    assert isinstance(last, Checkpoint)
    return last.cursor


def test_thread_maps_to_sections_and_contributions(tmp_path: Path) -> None:
    """Question first, then answers and comments; one row per account and role."""
    account = {"type": "account", "id": "r", "name": "Rose"}
    path = write(tmp_path / "e.jsonl", HEADER, SPACE, THREAD, account)
    thread = documents(read(path))["w:t1"]
    assert [(s.text, s.author) for s in thread.sections] == [
        ("Qui sait ?", "w:q"), ("Peut-être", "w:r"), ("Sûrement", "w:r"), ("Merci", "w:q"),
    ]  # fmt: skip
    q1, q2, a, b = date(2020, 1, 2), date(2021, 3, 2), date(2020, 2, 1), date(2021, 3, 1)
    m1, m2 = date(2020, 5, 1), date(2021, 5, 1)
    assert thread.contributions == (
        Contribution("w:m", ContributorRole.REVIEWER, "", 3, m1, m2, ((2020, 1), (2021, 2))),
        Contribution("w:n", ContributorRole.EDITOR, "", 1, volume=0),
        Contribution("w:o", ContributorRole.EDITOR, "", 2, volume=226),
        Contribution("w:q", ContributorRole.ASKER, "", 1, q1, q1, ((2020, 1),)),
        Contribution("w:q", ContributorRole.COMMENTER, "", 1, q2, q2, ((2021, 1),)),
        Contribution("w:r", ContributorRole.ACCEPTED_ANSWERER, "Rose", 1, b, b, ((2021, 1),)),
        Contribution("w:r", ContributorRole.ANSWERER, "Rose", 1, a, a, ((2020, 1),), thanks=2),
    )
    assert thread.access == Access(frozenset({"w:group:cad"}), frozenset({"agent:x"}))
    assert (thread.space, thread.evidence) == ("Cadastre", EvidencePolicy.NONE)
    assert thread.modified == datetime(2021, 5, 1, tzinfo=UTC)


@pytest.mark.trust
def test_unknown_space_means_nobody(tmp_path: Path) -> None:
    """A record without readers in a space that no line defines is for nobody."""
    path = write(tmp_path / "e.jsonl", HEADER, THREAD)
    assert documents(read(path))["w:t1"].access == Access()


@pytest.mark.trust
def test_new_readers_of_a_space_reach_its_records(tmp_path: Path) -> None:
    """A space line that comes later gives its new readers to records read before."""
    path = write(tmp_path / "e.jsonl", HEADER, SPACE, THREAD)
    first = read(path)
    write(tmp_path / "e.jsonl", HEADER, SPACE, THREAD, SPACE | {"readers": {"allowed": ["w:g:b"]}})
    assert documents(read(path, cursor(first)))["w:t1"].access == Access(frozenset({"w:g:b"}))


def test_a_record_that_replaces_too_much_is_refused(tmp_path: Path) -> None:
    """With a reason and its id; one that replaces as much as may be is read."""
    names = [f"n{number}" for number in range(MAX_REPLACED + 1)]
    path = write(
        tmp_path / "e.jsonl", HEADER, SPACE, THREAD | {"id": "much", "replaces": names[1:]},
        THREAD | {"id": "more", "replaces": names},
    )  # fmt: skip
    changes = read(path)
    assert len(documents(changes)["w:much"].replaces) == MAX_REPLACED
    assert [c.document_id for c in changes if isinstance(c, Malformed)] == ["w:more"]


@pytest.mark.parametrize("which", ["allowed", "denied"])
@pytest.mark.parametrize("kind", ["record", "access", "space"])
def test_too_many_principals_leave_nobody(tmp_path: Path, kind: str, which: str) -> None:
    """As many as may be: understood; one more: nobody reads, and it is reported."""
    names = [f"w:group:{number}" for number in range(MAX_PRINCIPALS + 1)]
    for count, fine in ((MAX_PRINCIPALS, True), (MAX_PRINCIPALS + 1, False)):
        readers = {"allowed": ["everyone"]} | {which: names[:count]}
        lines = {
            "record": [SPACE, THREAD, THREAD | {"readers": readers}],
            "access": [SPACE, THREAD, {"type": "access", "id": "t1", "readers": readers}],
            "space": [SPACE | {"readers": readers}, THREAD],
        }[kind]
        changes = read(write(tmp_path / "e.jsonl", HEADER, *lines))
        kept = apply(changes)
        assert bool(kept["w:t1"].access.allowed if "w:t1" in kept else ()) is fine
        assert fine is not any(isinstance(one, Malformed) for one in changes)


def test_attachments_are_documents_and_go_with_their_record(tmp_path: Path) -> None:
    """An attachment is part of its record; one that is no longer there goes."""
    (tmp_path / "f").mkdir()
    (tmp_path / "f" / "a.txt").write_text("un")
    both = [{"name": "a.txt", "path": "f/a.txt"}, {"name": "b.txt", "base64": "ZGV1eA=="}]
    export = HEADER | {"complete": True}
    path = write(tmp_path / "e.jsonl", export, SPACE, THREAD | {"attachments": both})
    first = read(path)
    kept = documents(first)
    contents = {i: d.content.read() for i, d in kept.items() if d.content}
    assert contents == {"w:t1#a.txt": b"un", "w:t1#b.txt": b"deux"}
    part = kept["w:t1#b.txt"]
    assert (part.part_of, part.access) == ("w:t1", kept["w:t1"].access)
    assert [(c.account, c.role) for c in part.contributions] == [("w:q", ContributorRole.UPLOADER)]
    assert Listing(frozenset(kept)) in first
    with path.open("a") as opened:
        opened.write(json.dumps(THREAD | {"attachments": both[:1]}) + "\n")
    rest = read(path, cursor(first))
    assert [c.document_id for c in rest if isinstance(c, Delete)] == ["w:t1#b.txt"]
    assert Listing(frozenset({"w:t1", "w:t1#a.txt"})) in rest


@pytest.mark.trust
@pytest.mark.parametrize("path", ["../secret", "/etc/hostname", "link", "pipe", "absent", ".", ""])
def test_attachment_outside_the_folder_is_refused(tmp_path: Path, path: str) -> None:
    """No path and no link leads out of the export's folder; pipes are not waited for."""
    folder = tmp_path / "export"
    folder.mkdir()
    (tmp_path / "secret").write_text("secret")
    (folder / "link").symlink_to(tmp_path / "secret")
    os.mkfifo(folder / "pipe")
    write(folder / "e.jsonl", HEADER, THREAD | {"attachments": [{"name": "x", "path": path}]})
    changes = read(folder)
    assert list(documents(changes)) == ["w:t1"]
    assert [c.document_id for c in changes if isinstance(c, Malformed)] == ["w:t1#x"]


def test_malformed_line_is_named_without_its_text(tmp_path: Path) -> None:
    """The report has file, line and id, and not a word of the line."""
    bad = {"type": "post", "id": "p", "title": "t", "secretfield": "secretvalue"}
    path = write(tmp_path / "e.jsonl", HEADER, bad, b'{"type":"post","id":"z",secretvalue')
    reports = [c for c in read(path) if isinstance(c, Malformed)]
    assert [(r.where, r.document_id) for r in reports] == [
        ("e.jsonl:2", "w:p"), ("e.jsonl:3", "w:z"),
    ]  # fmt: skip
    assert not any("secret" in report.reason for report in reports)


def test_a_listing_holds_malformed_records_and_waits_for_unnamed_ones(tmp_path: Path) -> None:
    """A damaged record is not deleted; where nobody knows which it was, nothing is."""
    export = HEADER | {"complete": True}
    bad = {"type": "post", "id": "p"}
    path = write(tmp_path / "e.jsonl", export, THREAD, bad)
    assert Listing(frozenset({"w:t1", "w:p"})) in read(path)
    path = write(tmp_path / "e.jsonl", export, THREAD, b"\x00\x00")
    assert not [c for c in read(path) if isinstance(c, Listing)]


def test_a_line_still_being_written_is_read_once_whole(tmp_path: Path) -> None:
    """A torn last line is reported, and read again when its rest has come."""
    path = write(tmp_path / "e.jsonl", HEADER)
    raw = json.dumps(THREAD).encode()
    with path.open("ab") as opened:
        opened.write(raw[:50])
    first = read(path)
    with path.open("ab") as opened:
        opened.write(raw[50:])
    second = read(path, cursor(first))
    assert (list(documents(first)), list(documents(second))) == ([], ["w:t1"])
    with path.open("ab") as opened:
        opened.write(b"\n{\n")
    (report,) = [c for c in read(path, cursor(second)) if isinstance(c, Malformed)]
    assert report.where == "e.jsonl:3"


def test_a_replaced_file_is_read_anew(tmp_path: Path) -> None:
    """What stands in it as before is not read again; a cursor of another form reads as none."""
    path = write(tmp_path / "e.jsonl", HEADER, THREAD)
    first = read(path)
    write(path, HEADER, THREAD | {"id": "t2"}, THREAD)
    assert list(documents(read(path, cursor(first)))) == ["w:t2"]
    assert list(documents(read(path, "no cursor"))) == ["w:t2", "w:t1"]


def test_what_cannot_be_read_says_what_to_do(tmp_path: Path) -> None:
    """Missing: try again. Another version or no header: a person has to act. Empty: nothing."""
    with pytest.raises(SourceUnreachable):
        read(tmp_path / "absent.jsonl")
    with pytest.raises(SourceUnreachable):
        read(tmp_path)
    for header in (HEADER | {"version": 2}, THREAD, {"type": "header"}):
        with pytest.raises(SourceRefused):
            read(write(tmp_path / "e.jsonl", header))
    (tmp_path / "e.jsonl").write_bytes(b"")
    assert {type(c) for c in read(tmp_path)} == {Checkpoint}


def test_published_schema_accepts_what_is_read(tmp_path: Path) -> None:
    """Every kind of line validates against the JSON Schema, and wrong ones do not."""
    schema = json_schema()
    jsonschema.Draft202012Validator.check_schema(schema)
    validator = jsonschema.Draft202012Validator(schema)
    deleted = {"type": "deleted", "id": "x"}
    access = {"type": "access", "id": "x", "readers": {"allowed": ["everyone"]}}
    account = {"type": "account", "id": "x", "name": "X"}
    for line in (HEADER, SPACE, THREAD, deleted, access, account):
        validator.validate(line)
    for line in (HEADER | {"version": 2}, deleted | {"more": 1}, {"type": "post", "id": "x"}):
        assert not validator.is_valid(line)
