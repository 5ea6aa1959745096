"""Sources for the connector contract: a folder and an export."""

import csv
import json
import os
import unicodedata
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

from quisait_connector_kit.memory_seen import MemorySeen
from quisait_export.connector import ExportSource

from connectors.folder.connector import FolderSource
from connectors.ports import Connector
from connectors.snapshot import Snapshot
from connectors.values import (
    Access,
    Contribution,
    ContributorRole,
    Document,
    EvidencePolicy,
    Section,
)


@dataclass
class FolderHarness:
    root: Path
    rules: dict[str, dict[str, str]] = field(default_factory=dict)
    resumable_count: int = 450
    seen: MemorySeen = field(default_factory=MemorySeen)

    def connector(self) -> Connector:
        return Snapshot(FolderSource("t", self.root), self.seen)

    def document_id(self, name: str) -> str:
        return f"t:{name}"

    def _rule(self, name: str, **cells: str) -> None:
        self.rules[name] = cells
        columns = ["pattern", *sorted({c for r in self.rules.values() for c in r} | {"allowed"})]
        with (self.root / "_quisait.csv").open("w", newline="", encoding="utf-8") as table:
            writer = csv.DictWriter(table, columns, restval="")
            writer.writeheader()
            writer.writerows({"pattern": n, **r} for n, r in self.rules.items())

    def add(self, name: str, text: str, allowed: tuple[str, ...]) -> None:
        (self.root / name).write_text(text, encoding="utf-8")
        if self.rules.get(name) != {"allowed": "|".join(allowed)}:
            self._rule(name, allowed="|".join(allowed))

    def set_readers(self, name: str, allowed: tuple[str, ...]) -> None:
        self._rule(name, allowed="|".join(allowed))

    def remove(self, name: str) -> None:
        (self.root / name).unlink()

    def add_invalid_records(self) -> int:
        (self.root / "odd.txt").write_text("x")
        (self.root / "odd.txt.quisait.json").write_text("{")
        (self.root / "bomb.txt").write_text("x")
        (self.root / "bomb.txt.quisait.json").write_text("[" * 100_000)
        os.mkfifo(self.root / "pipe.txt")
        (self.root / "loop").symlink_to(self.root)
        (self.root / "away.txt").symlink_to("/etc/hostname")
        (self.root / "nulle-part.txt").symlink_to("absent")
        return 2

    def add_complete_document(self) -> Document:
        name = unicodedata.normalize("NFD", "été.txt")
        (self.root / name).write_text("corps", encoding="utf-8")
        os.utime(self.root / name, (1e9, 1e9))
        self._rule(
            "été.txt", allowed="everyone|test:group:a", denied="test:agent:x", kind="note",
            space="Cadastre", author="jdupont", entity="DGFiP/DDFiP 22", area="22",
            valid_from="2020-01-01", valid_until="2021-01-01", replaces="ancien.txt",
            part_of="dossier.txt", created="2019-05-04", modified="2019-06-01T10:00:00Z",
            title="L’été", language="br", evidence="none", url="https://f.example/{path}",
        )  # fmt: skip
        return complete_document(
            "t:été.txt",
            sections=(Section("été.txt"), Section("corps")),
            version="5:1000000000000000000",
            url="https://f.example/%C3%A9t%C3%A9.txt",
            label="jdupont",
        )


def complete_document(
    document_id: str, sections: tuple[Section, ...], version: str, url: str, label: str
) -> Document:
    day = date(2019, 5, 4)
    return Document(
        id=document_id, source="t", title="L’été", sections=sections, url=url, kind="note",
        access=Access(frozenset({"everyone", "test:group:a"}), frozenset({"test:agent:x"})),
        language="br", created=datetime(2019, 5, 4, tzinfo=UTC),
        modified=datetime(2019, 6, 1, 10, tzinfo=UTC), valid_from=date(2020, 1, 1),
        valid_until=date(2021, 1, 1), replaces=("t:ancien.txt",), space="Cadastre",
        part_of="t:dossier.txt", entity="DGFiP/DDFiP 22", area="22",
        evidence=EvidencePolicy.NONE, version=version,
        contributions=(
            Contribution("t:jdupont", ContributorRole.AUTHOR, label, 1, day, day, ((2019, 1),)),
        ),
    )  # fmt: skip


COMPLETE_LINE: dict[str, Any] = {
    "type": "page", "id": "été", "title": "L’été", "author": "jdupont", "text": "corps",
    "readers": {"allowed": ["everyone", "test:group:a"], "denied": ["test:agent:x"]},
    "space": "Cadastre", "url": "https://f.example/e", "kind": "note", "language": "br",
    "created": "2019-05-04", "modified": "2019-06-01T10:00:00Z",
    "valid_from": "2020-01-01", "valid_until": "2021-01-01", "replaces": ["ancien.txt"],
    "part_of": "dossier.txt", "entity": "DGFiP/DDFiP 22", "area": "22",
    "evidence": "none", "sections": [{"text": "suite", "heading": "II", "page": 2}],
}  # fmt: skip
COMPLETE_SECTIONS = (
    Section("corps", author="t:jdupont"),
    Section("suite", heading="II", page=2),
)
"""A record's line with every field, and the sections that it gives."""


@dataclass
class ExportHarness:
    """An export in a folder. `complete`: it is rewritten at each change, like a nightly dump."""

    root: Path
    complete: bool
    records: dict[str, dict[str, Any]] = field(default_factory=dict)
    extra: list[bytes] = field(default_factory=list)
    resumable_count: int = 450
    seen: MemorySeen = field(default_factory=MemorySeen)

    def connector(self) -> Connector:
        self._file()
        return Snapshot(ExportSource("t", self.root), self.seen)

    def document_id(self, name: str) -> str:
        return f"t:{name}"

    def _file(self) -> Path:
        path = self.root / "a.jsonl"
        if not path.exists():
            header = {"type": "header", "version": 1, "complete": self.complete}
            path.write_text(json.dumps(header) + "\n")
        return path

    def _put(self, line: dict[str, Any]) -> None:
        if not self.complete:
            with self._file().open("a") as opened:
                opened.write(json.dumps(line) + "\n")
            return
        if line["type"] == "deleted":
            del self.records[line["id"]]
        elif line["type"] == "access":
            self.records[line["id"]]["readers"] = line["readers"]
        else:
            self.records[line["id"]] = line
        self._file().unlink()
        with self._file().open("ab") as opened:
            for record in (*self.extra, *self.records.values()):
                raw = record if isinstance(record, bytes) else json.dumps(record).encode()
                opened.write(raw + b"\n")

    def add(self, name: str, text: str, allowed: tuple[str, ...]) -> None:
        line = {"type": "post", "id": name, "title": name, "text": text, "author": "a"}
        self._put(line | ({"readers": {"allowed": allowed}} if allowed else {}))

    def set_readers(self, name: str, allowed: tuple[str, ...]) -> None:
        self._put({"type": "access", "id": name, "readers": {"allowed": allowed}})

    def remove(self, name: str) -> None:
        self._put({"type": "deleted", "id": name})

    def add_invalid_records(self) -> int:
        hostile = [
            b"\xff\xfe\x00", b"[" * 100_000, b"{", b"null", b"[]", b'"text"', b"\0" * 50,
            b'{"type":"post"}', b'{"type":"no","id":"n"}', b'{"type":"post","id":"\\ud800"}',
            b'{"type":"post","id":"p","title":"t","readers":{"allowed":["tous"]}}',
            b'{"type":"post","id":"q","title":"t","created":"hier"}',
            b'{"type":"post","id":"r","title":"t","attachments":[{"name":"f","path":"../x"}]}',
            b'{"a":' * 50_000,
        ]  # fmt: skip
        self.extra += hostile
        with self._file().open("ab") as opened:
            opened.write(b"\n".join(hostile) + b"\n")
        return len(hostile)

    def add_complete_document(self) -> Document:
        self._put({"type": "account", "id": "jdupont", "name": "Jeanne Dupont"})
        self._put(COMPLETE_LINE)
        return complete_document(
            "t:été", COMPLETE_SECTIONS, "", "https://f.example/e", "Jeanne Dupont"
        )
