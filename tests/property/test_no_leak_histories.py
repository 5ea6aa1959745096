"""No reader is ever shown words of a version whose readers did not include them.

What is drawn is the history of a source: versions of documents with their readers, failures
to read them, deletions, crawls that are complete or break off at any change or write. After
each single write to the index each reader looks at everything that they may read.
"""

import base64
import csv
import json
import os
import re
import shutil
import tempfile
from collections import defaultdict
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

import pytest
import sqlalchemy as sa
from hypothesis import example, given, note
from hypothesis import strategies as st
from quisait_export.connector import ExportSource
from quisait_push.connector import PushConnector
from quisait_push.inbox import Inbox
from quisait_push.items import PushOutcome, parse_item

from connectors.folder.connector import FolderSource
from connectors.ports import Change, Connector, RecordVanished, SourceUnreachable, SupportsRefetch
from connectors.snapshot import Snapshot
from connectors.values import EVERYONE, Access, Section
from indexer.access import Reader, access_filter
from indexer.crawl import pipeline
from indexer.crawl.batches import GUARD_SHARE
from indexer.crawl.pipeline import CrawlDependencies, crawl
from indexer.embedded.index import EmbeddedIndex
from indexer.errors import DeletionsHeld, ExtractionFailed, ExtractorUnreachable
from indexer.ports import Index
from indexer.state import State
from indexer.values import Extracted, Failure, Question, ShowRequest, Write, WriteReport
from quisait.application.database import migrate
from tests.builders import ENCODER, asking
from tests.opensearch_index import fresh_index
from tests.oracle import knowing, may_read
from tests.selection import examples

pytestmark = pytest.mark.trust

A, B, UNKNOWN = "t:group:a", "t:group:b", "u:group:nobody"
ELSEWHERE = frozenset({"elsewhere"})
ACCESSES = (
    Access(frozenset({EVERYONE})),
    Access(frozenset({A})),
    Access(frozenset({B})),
    Access(frozenset({A, B})),
    Access(frozenset({EVERYONE}), frozenset({B})),
    Access(frozenset({EVERYONE}), frozenset({UNKNOWN})),
    Access(),
)
READERS = {
    "nobody's": Reader("n", frozenset({EVERYONE})),
    "a": Reader("a", frozenset({EVERYONE, A})),
    "b": Reader("b", frozenset({EVERYONE, B})),
    "b while t is silent": Reader("b", frozenset({EVERYONE, B}), frozenset({"t"})),
    "a by a token of another source": Reader("a", frozenset({EVERYONE, A}), sources=ELSEWHERE),
    "a by a token of another space": Reader("a", frozenset({EVERYONE, A}), spaces=ELSEWHERE),
}
DOCUMENTS = ("d0", "d1", "d2")
WORD = re.compile(r"(d\d)v(\d+)")
FAULTS = ("", "", "", "vanished", "timed_out", "encrypted", "down", "broken", "lost", "torn")
"""Why a version cannot be read. An export's alone: `broken`, `lost` (an attachment) and `torn`,
a line that does not even say of which document it is."""
EXPORTS_ALONE = ("broken", "lost", "torn")


class Killed(Exception):
    """The crawl ended here."""


@dataclass(frozen=True)
class Version:
    """A version of a document: its text, title and attachment contain `word`."""

    word: str
    access: Access
    fault: str


class History(Protocol):
    """A source whose documents are written, given other readers and deleted."""

    def write(self, name: str, version: Version) -> None: ...

    def restrict(self, name: str, access: Access) -> None: ...

    def delete(self, name: str) -> None: ...

    def connector(self) -> Connector: ...


@dataclass
class FolderHistory:
    root: Path
    rules: dict[str, dict[str, str]] = field(default_factory=dict)
    dates: dict[str, int] = field(default_factory=dict)

    def write(self, name: str, version: Version) -> None:
        """A version that comes back has the date that it had."""
        moment = self.dates.setdefault(version.word, 1_700_000_000 + 10 * len(self.dates))
        path = self.root / f"{name}.txt"
        path.write_text(version.word)
        os.utime(path, (moment, moment))
        self._rule(name, title=version.word)
        self.restrict(name, version.access)

    def restrict(self, name: str, access: Access) -> None:
        allowed = "|".join(sorted(access.allowed)) or "nobody"
        self._rule(name, allowed=allowed, denied="|".join(sorted(access.denied)))

    def delete(self, name: str) -> None:
        (self.root / f"{name}.txt").unlink()

    def connector(self) -> Connector:
        return Snapshot(FolderSource("s", self.root))

    def _rule(self, name: str, **cells: str) -> None:
        self.rules[name] = self.rules.get(name, {}) | cells
        with (self.root / "_quisait.csv").open("w", newline="") as table:
            rows = csv.DictWriter(table, ["pattern", "allowed", "denied", "title"], restval="")
            rows.writeheader()
            rows.writerows({"pattern": f"{n}.txt", **rule} for n, rule in self.rules.items())


def record(name: str, version: Version) -> dict[str, Any]:
    attachment = {"name": "a.txt", "base64": base64.b64encode(version.word.encode()).decode()}
    if version.fault == "lost":
        attachment = {"name": "a.txt", "path": "absent.txt"}
    return {
        "type": "post",
        "id": name,
        "title": version.word,
        "text": version.word,
        "attachments": [attachment],
        "readers": readers(version.access),
        **({"created": "hier"} if version.fault == "broken" else {}),
    }


def readers(access: Access) -> dict[str, Any]:
    return {"allowed": sorted(access.allowed), "denied": sorted(access.denied)}


@dataclass
class ExportHistory:
    """Lines are appended."""

    root: Path

    def __post_init__(self) -> None:
        self._append({"type": "header", "version": 1})

    def write(self, name: str, version: Version) -> None:
        """Its attachment is a file, replaced where it stands."""
        line = record(name, version)
        if not version.fault:
            (self.root / f"{name}.txt").write_text(version.word)
            line["attachments"] = [{"name": "a.txt", "path": f"{name}.txt"}]
        self._append(line, torn=version.fault == "torn")

    def restrict(self, name: str, access: Access) -> None:
        self._append({"type": "access", "id": name, "readers": readers(access)})

    def delete(self, name: str) -> None:
        self._append({"type": "deleted", "id": name})

    def connector(self) -> Connector:
        return Snapshot(ExportSource("s", self.root))

    def _append(self, line: dict[str, Any], *, torn: bool = False) -> None:
        text = json.dumps(line)
        if torn:
            text = text.replace('"id"', '"di"').rstrip("}")
        with (self.root / "e.jsonl").open("a") as file:
            file.write(f"{text}\n")


@dataclass
class CompleteExportHistory:
    """Written whole each time: what it does not hold is gone."""

    root: Path
    records: dict[str, dict[str, Any]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._rewrite()

    def write(self, name: str, version: Version) -> None:
        self.records[name] = record(name, version)
        self._rewrite()

    def restrict(self, name: str, access: Access) -> None:
        self.records[name]["readers"] = readers(access)
        self._rewrite()

    def delete(self, name: str) -> None:
        del self.records[name]
        self._rewrite()

    def connector(self) -> Connector:
        return Snapshot(ExportSource("s", self.root))

    def _rewrite(self) -> None:
        lines = [{"type": "header", "version": 1, "complete": True}, *self.records.values()]
        (self.root / "e.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))


class PushHistory:
    def __init__(self, root: Path) -> None:
        self.engine = migrate(sa.create_engine(f"sqlite:///{root / 'inbox.sqlite'}"))
        self.inbox = Inbox(self.engine, lambda source: None, 10_000)

    def write(self, name: str, version: Version) -> None:
        self._push(record(name, version))

    def restrict(self, name: str, access: Access) -> None:
        self._push({"type": "access", "id": name, "readers": readers(access)})

    def delete(self, name: str) -> None:
        self._push({"type": "deleted", "id": name})

    def connector(self) -> Connector:
        return PushConnector("s", self.inbox)

    def _push(self, item: dict[str, Any]) -> None:
        (receipt,) = self.inbox.receive("s", [parse_item(item, 100_000)])
        assert receipt.outcome is not PushOutcome.REFUSED, receipt


HISTORIES = {
    "folder": FolderHistory,
    "export": ExportHistory,
    "complete export": CompleteExportHistory,
    "push": PushHistory,
}


@dataclass
class Extraction:
    """Reads UTF-8; fails for the versions that have a fault."""

    faults: dict[str, str] = field(default_factory=dict)
    max_bytes: int = 1_000

    def extract(self, content: bytes, filename: str, media_type: str | None) -> Extracted:
        fault = self.faults.get(content.decode(), "")
        if fault == "vanished":
            raise RecordVanished("told to")
        if fault == "down":
            raise ExtractorUnreachable("told to")
        if fault in ("timed_out", "encrypted"):
            raise ExtractionFailed(Failure(fault), "told to")
        return Extracted((Section(content.decode()),))


@dataclass(frozen=True)
class Stop:
    """The point at which a crawl stops: before its n-th change, before or after its n-th write."""

    where: str
    count: int


@dataclass
class Broken:
    """A source that stops answering before its n-th change."""

    true: Connector
    count: int

    @property
    def source(self) -> str:
        return self.true.source

    def changes(self, since: str | None) -> Iterator[Change]:
        yield from self._some(self.true.changes(since))

    def refetch(self, document_ids: frozenset[str]) -> Iterator[Change]:
        assert isinstance(self.true, SupportsRefetch)
        return self.true.refetch(document_ids)

    def _some(self, changes: Iterator[Change]) -> Iterator[Change]:
        for number, change in enumerate(changes):
            if number == self.count:
                raise SourceUnreachable("told to")
            yield change


class Watched:
    """The index, looked at by every reader after each write; it may end the crawl."""

    def __init__(self, index: Index, world: "World") -> None:
        self.index, self.world = index, world
        self.stop = Stop("", 0)
        self.writes = 0

    def write(self, batch: Sequence[Write]) -> WriteReport:
        self.writes += 1
        ends = self.writes == self.stop.count
        if ends and self.stop.where == "before write":
            raise Killed
        report = self.index.write(batch)
        self.world.look()
        if ends and self.stop.where == "after write":
            raise Killed
        return report

    def __getattr__(self, name: str) -> Any:
        return getattr(self.index, name)


class World:
    """A source, what is kept of it, and who was ever allowed which version."""

    def __init__(self, history: History, index: Index, folder: Path) -> None:
        self.history, self.index = history, knowing(index, {UNKNOWN})
        self.extraction = Extraction()
        self.state = State(migrate(sa.create_engine(f"sqlite:///{folder / 'state.sqlite'}")))
        self.present: dict[str, Version] = {}
        self.allowed: dict[str, list[Access]] = defaultdict(list)
        self.first: dict[str, str] = {}
        self.seen: set[str] = set()
        self.written = 0
        self.torn = False

    def apply(self, event: tuple[Any, ...]) -> None:
        match event:
            case ("write", str(name), access, fault):
                self.write(name, access, fault)
            case ("restrict", str(name), access) if name in self.present:
                former = self.present[name]
                self.present[name] = Version(former.word, access, former.fault)
                self.allowed[former.word].append(access)
                self.history.restrict(name, access)
            case ("revert", str(name), access) if name in self.first:
                word = self.first[name]
                self.present[name] = Version(word, access, "")
                self.allowed[word].append(access)
                self.history.write(name, self.present[name])
            case ("delete", str(name)) if name in self.present:
                del self.present[name]
                self.history.delete(name)
            case ("mend",):
                self.extraction.faults.clear()
            case ("crawl", full, accept, stop):
                self.crawl(full=full, accept=accept, stop=stop)

    def write(self, name: str, access: Access, fault: str) -> None:
        exported = isinstance(self.history, ExportHistory | CompleteExportHistory)
        if fault in EXPORTS_ALONE and not exported:
            fault = ""
        if fault == "torn" and isinstance(self.history, CompleteExportHistory):
            fault = "broken"
        self.torn |= fault == "torn"
        version = Version(f"{name}v{self.written}", access, fault)
        self.written += 1
        self.first.setdefault(name, version.word)
        self.present[name] = version
        self.allowed[version.word].append(access)
        self.extraction.faults[version.word] = fault
        self.history.write(name, version)

    def crawl(self, *, full: bool, accept: bool, stop: Stop) -> None:
        connector = self.history.connector()
        watched = Watched(self.index, self)
        if stop.where == "before change":
            connector = Broken(connector, stop.count)
        else:
            watched.stop = stop
        dependencies = CrawlDependencies(self.extraction, ENCODER, watched, self.state, self.state)
        with suppress(Killed, SourceUnreachable, ExtractorUnreachable, DeletionsHeld):
            crawl(connector, dependencies, full=full, guard_share=1.0 if accept else GUARD_SHARE)

    def look(self) -> None:
        for reader in READERS:
            for word in self.shown_to(reader):
                permitted = any(self.may_read(reader, access) for access in self.allowed[word])
                assert permitted, f"{reader} is shown {word}, which was never theirs"

    def may_read(self, reader: str, access: Access) -> bool:
        return may_read(READERS[reader], access, "s", "", {UNKNOWN})

    def shown_to(self, reader: str) -> set[str]:
        access = access_filter(READERS[reader])
        ids = tuple(hit.document_id for hit in self.index.search(asking(access=access)).lexical)
        request = ShowRequest(access, ids, Question(), passages=5)
        texts = [
            text
            for shown in self.index.show(request)
            for text in (shown.card.title, *(found.passage.text for found in shown.passages))
        ]
        # Read out by every id that anybody ever found.
        self.seen.update(ids)
        read = [self.index.read(access, document_id) for document_id in sorted(self.seen)]
        for found in filter(None, read):
            texts += [found.card.title, *(passage.text for passage in found.passages)]
        return {match[0] for text in texts for match in WORD.finditer(text)}

    def finish(self) -> None:
        """Nothing is missing either: once all can be read, each reads exactly what is theirs.

        After a torn line, which may be about any document, everything is exported again.
        """
        self.extraction.faults.clear()
        for name, version in list(self.present.items()):
            if self.torn or version.fault in EXPORTS_ALONE:
                self.write(name, version.access, "")
                self.extraction.faults.clear()
        self.crawl(full=True, accept=True, stop=Stop("", 0))
        for reader in READERS:
            theirs = {v.word for v in self.present.values() if self.may_read(reader, v.access)}
            assert self.shown_to(reader) == theirs, reader


names, accesses = st.sampled_from(DOCUMENTS), st.sampled_from(ACCESSES)
stops = st.one_of(
    st.just(Stop("", 0)),
    st.builds(
        Stop, st.sampled_from(("before change", "before write", "after write")), st.integers(1, 6)
    ),
)
crawls = st.tuples(st.just("crawl"), st.booleans(), st.booleans(), stops)
events = st.one_of(
    st.tuples(st.just("write"), names, accesses, st.sampled_from(FAULTS)),
    st.tuples(st.just("restrict"), names, accesses),
    st.tuples(st.just("revert"), names, accesses),
    st.tuples(st.just("delete"), names),
    st.just(("mend",)),
    crawls,
    crawls,
)


ALL, CELL = ACCESSES[0], ACCESSES[1]
WHOLE = ("crawl", False, False, Stop("", 0))


def opened(*names: str, fault: str) -> list[tuple[Any, ...]]:
    """Restricted documents are redacted and opened to all; their new text cannot be read."""
    before = [("write", name, CELL, "") for name in names]
    after = [("write", name, ALL, fault) for name in names]
    return [*before, WHOLE, *after, WHOLE, ("restrict", names[0], ALL), WHOLE]


def tell(kind: str, told: Sequence[tuple[Any, ...]], index: Index, folder: Path) -> None:
    """Let a history happen."""
    note(repr(told))
    source = folder / "source"
    source.mkdir()
    world = World(HISTORIES[kind](source), index, folder)
    for event in told:
        world.apply(event)
    world.finish()


@pytest.fixture(autouse=True)
def one_by_one(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each write is seen by itself: nothing hides in a batch."""
    monkeypatch.setattr(pipeline, "BATCH_PASSAGES", 1)
    monkeypatch.setattr(pipeline, "BATCH_WRITES", 1)
    monkeypatch.setattr(pipeline, "BATCH_ACCESS_CHANGES", 1)


@pytest.mark.parametrize("kind", HISTORIES)
@example(told=opened("d0", fault="timed_out"))
@example(told=opened("d0", fault="vanished"))
@example(told=opened("d0", "d1", fault="encrypted"))
@example(told=opened("d0", fault="broken"))
@example(told=opened("d0", fault="lost"))
@example(told=opened("d0", fault="down"))
@example(told=opened("d0", fault="torn"))
@example(
    told=[
        ("write", "d0", CELL, ""),
        WHOLE,
        ("write", "d0", CELL, ""),
        ("crawl", False, False, Stop("after write", 1)),
        ("revert", "d0", ALL),
        WHOLE,
    ]
)
@examples(15, 200)
@given(told=st.lists(events, min_size=3, max_size=14))
def test_no_version_meets_other_readers(kind: str, told: list[tuple[Any, ...]]) -> None:
    """On the embedded index, whose searches cost little."""
    folder = Path(tempfile.mkdtemp())
    try:
        tell(kind, told, EmbeddedIndex(folder / "index", ENCODER.dimension), folder)
    finally:
        shutil.rmtree(folder)


@pytest.mark.parametrize("kind", HISTORIES)
@examples(5, 20)
@given(told=st.lists(events, min_size=6, max_size=10))
def test_no_version_meets_other_readers_on_opensearch(
    kind: str, told: list[tuple[Any, ...]]
) -> None:
    """The same, over OpenSearch's lists of readers."""
    folder = Path(tempfile.mkdtemp())
    try:
        with fresh_index(ENCODER.dimension) as index:
            tell(kind, told, index, folder)
    finally:
        shutil.rmtree(folder)
