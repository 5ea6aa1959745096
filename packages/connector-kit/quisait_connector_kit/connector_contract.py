"""The contract of every connector. Each check raises AssertionError if the contract is broken.

A `ConnectorHarness` is a small source that a check may change. Like a crawl, each reading opens a
new connector.
"""

from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import replace
from itertools import pairwise
from typing import Protocol

from connectors.installed import names_in
from connectors.ports import (
    AccessChanged,
    AccessNarrowed,
    Change,
    Checkpoint,
    Connector,
    ContentStale,
    Delete,
    Listing,
    Malformed,
    RecordVanished,
    SourceUnreachable,
    SubtreeHidden,
    SupportsRefetch,
    Upsert,
)
from connectors.values import Access, Document, Section

IndexedDocuments = dict[str, Document]


class ConnectorHarness(Protocol):
    """A source under test. Checks choose the names of its documents."""

    resumable_count: int
    """Number of documents that a crawl needs to yield at least three checkpoints."""

    def connector(self) -> Connector: ...

    def document_id(self, name: str) -> str:
        """Return the id of a document that was added."""

    def add(self, name: str, text: str, allowed: tuple[str, ...]) -> None:
        """Add a document, or change its text."""

    def set_readers(self, name: str, allowed: tuple[str, ...]) -> None:
        """Change the document's readers and nothing else."""

    def remove(self, name: str) -> None: ...

    def add_invalid_records(self) -> int:
        """Add invalid records and return their number."""

    def add_complete_document(self) -> Document:
        """Add a document with every field set and return the expected document."""


EVERYONE, CLOSED = ("everyone",), ("test:group:a",)


def fill(harness: ConnectorHarness, count: int = 5) -> None:
    for number in range(count):
        harness.add(
            f"d{number:03}.txt", f"texte {number}", ("test:group:a",) if number else EVERYONE
        )


def read(harness: ConnectorHarness, since: str | None = None) -> list[Change]:
    return list(harness.connector().changes(since))


def last_cursor(changes: Iterable[Change]) -> str:
    cursors = [change.cursor for change in changes if isinstance(change, Checkpoint)]
    assert cursors, "no checkpoint"
    return cursors[-1]


def with_file_text(document: Document) -> Document:
    """Return the document with its file's bytes in a section, to compare two reads."""
    if document.content is None:
        return document
    body = document.content.read().decode("utf-8", "replace")
    return replace(
        document, content=None, sections=(Section(document.content.filename), Section(body))
    )


def comparable(change: Change) -> Change:
    return Upsert(with_file_text(change.document)) if isinstance(change, Upsert) else change


def apply(changes: Iterable[Change], kept: IndexedDocuments | None = None) -> IndexedDocuments:
    """Return the indexed documents after these changes."""
    kept = dict(kept or {})
    stale: set[str] = set()
    for change in changes:
        match change:
            case Upsert(document):
                stale.discard(document.id)
                try:
                    kept[document.id] = with_file_text(document)
                except RecordVanished:
                    stale.add(document.id)
            case Delete(document_id):
                kept.pop(document_id, None)
            case Listing():
                held = change.membership()
                kept = {i: d for i, d in kept.items() if held(i)}
            case ContentStale(document_id):
                stale.add(document_id)
        kept |= {
            document_id: replace(document, access=access)
            for document_id, document in kept.items()
            if (access := _access_after(change, document, stale)) != document.access
        }
    return kept


def _access_after(change: Change, document: Document, stale: set[str]) -> Access:
    """Return a document's access after a change; nobody may read a stale document."""
    if document.id in stale:
        return Access()
    match change:
        case AccessChanged(document_id, access) if document_id == document.id:
            return access
        case AccessNarrowed(document_id, access) if document_id == document.id:
            return document.access.narrowed_to(access)
        case SubtreeHidden() if change.contains(document.id):
            return Access()
    return document.access


def check_idempotent(harness: ConnectorHarness) -> None:
    """Two full crawls of an unchanged source yield the same changes in the same order."""
    fill(harness)
    first, second = read(harness), read(harness)
    # A cursor is opaque, and may contain the time.
    said = [
        [Checkpoint("") if isinstance(c, Checkpoint) else comparable(c) for c in changes]
        for changes in (first, second)
    ]
    assert said[0] == said[1]
    assert len(apply(first)) == 5


def check_resumes_anywhere(harness: ConnectorHarness) -> None:
    """A crawl that resumes at any checkpoint ends with the same result.

    This also holds for a crawl that was killed just before the next checkpoint.
    """
    fill(harness, harness.resumable_count)
    changes = read(harness)
    whole = apply(changes)
    assert len(whole) == harness.resumable_count
    places = [i for i, change in enumerate(changes) if isinstance(change, Checkpoint)]
    assert len(places) >= 3
    for place, following in pairwise([*places, len(changes)]):
        checkpoint = changes[place]
        assert isinstance(checkpoint, Checkpoint)
        done = apply(changes[: place + 1])
        rest = read(harness, checkpoint.cursor)
        assert apply(rest, done) == whole
        assert apply(rest, apply(changes[:following])) == whole
        again = {c.document.id for c in rest if isinstance(c, Upsert)} & done.keys()
        assert not again, "a document before the checkpoint came again"


def check_unchanged_yields_nothing(harness: ConnectorHarness) -> None:
    """After the last checkpoint, an unchanged source yields no document."""
    fill(harness)
    rest = read(harness, last_cursor(read(harness)))
    assert not [c for c in rest if isinstance(c, Upsert | AccessChanged | Delete)]


def check_change_arrives(harness: ConnectorHarness) -> None:
    """After the last checkpoint, a changed text and a new document arrive."""
    fill(harness)
    first = read(harness)
    before = apply(first)
    harness.add("d001.txt", "un texte tout autre", EVERYONE)
    harness.add("new.txt", "nouveau", EVERYONE)
    kept = apply(read(harness, last_cursor(first)), before)
    assert "un texte tout autre" in kept[harness.document_id("d001.txt")].sections[-1].text
    assert harness.document_id("new.txt") in kept


def check_deletion(harness: ConnectorHarness) -> None:
    """A removed document is deleted, by `Delete` or `Listing`, and no other is."""
    fill(harness)
    first = read(harness)
    before = apply(first)
    left = {harness.document_id(f"d{n:03}.txt") for n in (0, 1, 3, 4)}
    harness.remove("d002.txt")
    kept = apply(read(harness, last_cursor(first)), before)
    assert kept.keys() == left
    assert apply(read(harness)).keys() == kept.keys()


def check_access_change(harness: ConnectorHarness) -> None:
    """Check that a change of readers is reported: alone, or with the unchanged document."""
    fill(harness)
    first = read(harness)
    before = apply(first)
    harness.set_readers("d000.txt", ("test:group:b",))
    rest = read(harness, last_cursor(first))
    after = apply(rest, before)
    document_id = harness.document_id("d000.txt")
    assert after[document_id].access == Access(frozenset({"test:group:b"}))
    assert {i: replace(d, access=Access()) for i, d in after.items()} == {
        i: replace(d, access=Access()) for i, d in before.items()
    }
    assert {i: d.access for i, d in after.items() if i != document_id} == {
        i: d.access for i, d in before.items() if i != document_id
    }


def check_rights_then_text(harness: ConnectorHarness) -> None:
    """A text that was written after a reader lost the right to read it is not shown to this reader.

    The readers are narrowed and the text is changed after the document was listed, and in another
    round after it was read but before its file is. The next crawl shows the text to its readers.
    """
    fill(harness)
    kept: IndexedDocuments = {}
    cursor: str | None = None
    for number, ends_first in enumerate((False, False, True)):
        text = f"texte clos {number}"
        if number:
            harness.add("d000.txt", f"texte ouvert {number}", EVERYONE)
        changes = harness.connector().changes(cursor)
        crawl = list(changes) if ends_first else [next(changes)]
        harness.add("d000.txt", text, CLOSED)
        with suppress(SourceUnreachable):  # a source may notice that it changed
            crawl.extend(changes)
        kept = apply(crawl, kept)
        for document in kept.values():
            assert not _has(document, text) or document.access.allowed <= set(CLOSED)
        cursors = [change.cursor for change in crawl if isinstance(change, Checkpoint)]
        again = read(harness, cursors[-1] if cursors else cursor)
        kept, cursor = apply(again, kept), last_cursor(again)
        closed = kept[harness.document_id("d000.txt")]
        assert _has(closed, text), "the document is missing or out of date"
        assert closed.access == Access(frozenset(CLOSED))


def _has(document: Document, text: str) -> bool:
    return any(text in section.text for section in document.sections)


def check_refetch(harness: ConnectorHarness) -> None:
    """Refetched documents are the same as in a full crawl."""
    fill(harness)
    harness.remove("d004.txt")
    whole = apply(read(harness))
    wanted = frozenset(harness.document_id(f"d{n:03}.txt") for n in (1, 3, 4))
    connector = harness.connector()
    assert isinstance(connector, SupportsRefetch)
    changes = list(connector.refetch(wanted))
    asked = {i: d for i, d in whole.items() if i in wanted}
    assert len(asked) == 2
    assert {
        c.document.id: with_file_text(c.document) for c in changes if isinstance(c, Upsert)
    } == asked
    assert not [c for c in changes if isinstance(c, Checkpoint | Listing)]


def check_no_readers_invented(harness: ConnectorHarness) -> None:
    """Only readers that the source names may read."""
    harness.add("silent.txt", "sans lecteurs", ())
    harness.add("open.txt", "ouvert", EVERYONE)
    kept = apply(read(harness))
    assert kept[harness.document_id("silent.txt")].access.allowed == frozenset()
    assert kept[harness.document_id("open.txt")].access.allowed == {"everyone"}


def check_ids_are_qualified(harness: ConnectorHarness) -> None:
    """Every id, reference and account starts with the source's name."""
    fill(harness)
    harness.add_complete_document()
    source = harness.connector().source
    for change in read(harness):
        if isinstance(change, Upsert):
            assert change.document.source == source
        assert all(name.startswith(f"{source}:") for name in names_in(change))


def check_hostile_records(harness: ConnectorHarness) -> None:
    """Invalid records are reported with their location; all other records are yielded."""
    fill(harness)
    spoiled = harness.add_invalid_records()
    harness.add("after.txt", "la suite", EVERYONE)
    changes = read(harness)
    reports = [c for c in changes if isinstance(c, Malformed)]
    assert len(reports) >= spoiled
    assert all(report.where and report.reason for report in reports)
    added = [*(f"d{n:03}.txt" for n in range(5)), "after.txt"]
    assert set(map(harness.document_id, added)) <= apply(changes).keys()


def check_carries_all_fields(harness: ConnectorHarness) -> None:
    """Every field of a document arrives as the source gives it."""
    expected = harness.add_complete_document()
    kept = apply(read(harness))
    assert kept[expected.id] == expected


CHECKS: dict[str, Callable[[ConnectorHarness], None]] = {
    check.__name__.removeprefix("check_"): check
    for check in (
        check_idempotent,
        check_resumes_anywhere,
        check_unchanged_yields_nothing,
        check_change_arrives,
        check_deletion,
        check_access_change,
        check_rights_then_text,
        check_refetch,
        check_no_readers_invented,
        check_ids_are_qualified,
        check_hostile_records,
        check_carries_all_fields,
    )
}
