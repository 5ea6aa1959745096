"""What every connector must hold to. Each check raises AssertionError where it does not.

A `Stage` is a small source that a check may change; its connector is made anew for each
reading, as each crawl does.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from typing import Protocol

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
    SubtreeHidden,
    SupportsRefetch,
    Upsert,
)
from connectors.values import Access, Document, Section

Kept = dict[str, Document]


class Stage(Protocol):
    """A source under test. Names are those that a check gives its documents."""

    many: int
    """So many documents are read with three checkpoints and more."""

    def connector(self) -> Connector: ...

    def document_id(self, name: str) -> str:
        """The id under which the source has a document that was added."""

    def add(self, name: str, text: str, allowed: tuple[str, ...]) -> None:
        """Add a document, or change its text."""

    def restrict(self, name: str, allowed: tuple[str, ...]) -> None:
        """Change who may read it, and nothing else."""

    def remove(self, name: str) -> None: ...

    def spoil(self) -> int:
        """Add records that cannot be understood; how many."""

    def carry_everything(self) -> Document:
        """Add one document that uses every field; what is expected of it."""


EVERYONE = ("everyone",)


def fill(stage: Stage, count: int = 5) -> None:
    for number in range(count):
        stage.add(f"d{number:03}.txt", f"texte {number}", ("test:group:a",) if number else EVERYONE)


def read(stage: Stage, since: str | None = None) -> list[Change]:
    return list(stage.connector().changes(since))


def last_cursor(changes: Iterable[Change]) -> str:
    cursors = [change.cursor for change in changes if isinstance(change, Checkpoint)]
    assert cursors, "no checkpoint"
    return cursors[-1]


def plain(document: Document) -> Document:
    """The document with its file's bytes in a section, so that two readings compare."""
    if document.content is None:
        return document
    body = document.content.read().decode("utf-8", "replace")
    return replace(
        document, content=None, sections=(Section(document.content.filename), Section(body))
    )


def plain_change(change: Change) -> Change:
    return Upsert(plain(change.document)) if isinstance(change, Upsert) else change


def apply(changes: Iterable[Change], kept: Kept | None = None) -> Kept:
    """What is kept after these changes."""
    kept = dict(kept or {})
    stale: set[str] = set()
    for change in changes:
        match change:
            case Upsert(document):
                stale.discard(document.id)
                kept[document.id] = plain(document)
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
    """Who reads a kept document after a change: nobody a stale one."""
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


def check_idempotent(stage: Stage) -> None:
    """Two full readings of an unchanged source say the same, in the same order."""
    fill(stage)
    first, second = read(stage), read(stage)
    # A cursor is the source's own affair, and may tell the time.
    said = [
        [Checkpoint("") if isinstance(c, Checkpoint) else plain_change(c) for c in changes]
        for changes in (first, second)
    ]
    assert said[0] == said[1]
    assert len(apply(first)) == 5


def check_resumes_anywhere(stage: Stage) -> None:
    """From each checkpoint, the rest follows and the same is kept in the end."""
    fill(stage, stage.many)
    changes = read(stage)
    whole = apply(changes)
    assert len(whole) == stage.many
    places = [i for i, change in enumerate(changes) if isinstance(change, Checkpoint)]
    assert len(places) >= 3
    for place in places:
        checkpoint = changes[place]
        assert isinstance(checkpoint, Checkpoint)
        done = apply(changes[: place + 1])
        rest = read(stage, checkpoint.cursor)
        assert apply(rest, done) == whole
        again = {c.document.id for c in rest if isinstance(c, Upsert)} & done.keys()
        assert not again, "what stands before a checkpoint came again"


def check_unchanged_yields_nothing(stage: Stage) -> None:
    """Asked again after the last checkpoint, an unchanged source yields no document."""
    fill(stage)
    rest = read(stage, last_cursor(read(stage)))
    assert not [c for c in rest if isinstance(c, Upsert | AccessChanged | Delete)]


def check_change_arrives(stage: Stage) -> None:
    """A changed text and a new document arrive after the last checkpoint."""
    fill(stage)
    first = read(stage)
    before = apply(first)
    stage.add("d001.txt", "un texte tout autre", EVERYONE)
    stage.add("new.txt", "nouveau", EVERYONE)
    kept = apply(read(stage, last_cursor(first)), before)
    assert "un texte tout autre" in kept[stage.document_id("d001.txt")].sections[-1].text
    assert stage.document_id("new.txt") in kept


def check_deletion(stage: Stage) -> None:
    """What is removed goes, by tombstone or listing, and nothing else does."""
    fill(stage)
    first = read(stage)
    before = apply(first)
    left = {stage.document_id(f"d{n:03}.txt") for n in (0, 1, 3, 4)}
    stage.remove("d002.txt")
    kept = apply(read(stage, last_cursor(first)), before)
    assert kept.keys() == left
    assert apply(read(stage)).keys() == kept.keys()


def check_access_change(stage: Stage) -> None:
    """New readers alone come as an access change, or as a document that is else the same."""
    fill(stage)
    first = read(stage)
    before = apply(first)
    stage.restrict("d000.txt", ("test:group:b",))
    rest = read(stage, last_cursor(first))
    after = apply(rest, before)
    document_id = stage.document_id("d000.txt")
    assert after[document_id].access == Access(frozenset({"test:group:b"}))
    assert {i: replace(d, access=Access()) for i, d in after.items()} == {
        i: replace(d, access=Access()) for i, d in before.items()
    }
    assert {i: d.access for i, d in after.items() if i != document_id} == {
        i: d.access for i, d in before.items() if i != document_id
    }


def check_read_again(stage: Stage) -> None:
    """Single documents are asked for again: each comes as a full reading has it."""
    fill(stage)
    stage.remove("d004.txt")
    whole = apply(read(stage))
    wanted = frozenset(stage.document_id(f"d{n:03}.txt") for n in (1, 3, 4))
    connector = stage.connector()
    assert isinstance(connector, SupportsRefetch)
    changes = list(connector.refetch(wanted))
    asked = {i: d for i, d in whole.items() if i in wanted}
    assert len(asked) == 2
    assert {c.document.id: plain(c.document) for c in changes if isinstance(c, Upsert)} == asked
    assert not [c for c in changes if isinstance(c, Checkpoint | Listing)]


def check_no_readers_invented(stage: Stage) -> None:
    """Where the source names no reader, nobody reads; where it names some, those do."""
    stage.add("silent.txt", "sans lecteurs", ())
    stage.add("open.txt", "ouvert", EVERYONE)
    kept = apply(read(stage))
    assert kept[stage.document_id("silent.txt")].access.allowed == frozenset()
    assert kept[stage.document_id("open.txt")].access.allowed == {"everyone"}


def check_ids_are_qualified(stage: Stage) -> None:
    """Every id, reference and account carries the source's name in front."""
    fill(stage)
    stage.carry_everything()
    source = stage.connector().source
    for change in read(stage):
        names: list[str] = []
        match change:
            case Upsert(document):
                assert document.source == source
                names = [document.id, *document.replaces, *filter(None, [document.part_of])]
                names += [c.account for c in document.contributions]
                names += [s.author for s in document.sections if s.author]
            case (
                AccessChanged(document_id)
                | AccessNarrowed(document_id)
                | ContentStale(document_id)
                | Delete(document_id)
            ):
                names = [document_id]
            case Listing(document_ids, unlisted):
                names = [*document_ids, *unlisted]
            case SubtreeHidden(root):
                names = [root]
            case Malformed(document_id=str(document_id)):
                names = [document_id]
        assert all(name.startswith(f"{source}:") for name in names)


def check_hostile_records(stage: Stage) -> None:
    """What cannot be understood is counted, each with its place; the rest arrives."""
    fill(stage)
    spoiled = stage.spoil()
    stage.add("after.txt", "la suite", EVERYONE)
    changes = read(stage)
    reports = [c for c in changes if isinstance(c, Malformed)]
    assert len(reports) >= spoiled
    assert all(report.where and report.reason for report in reports)
    added = [*(f"d{n:03}.txt" for n in range(5)), "after.txt"]
    assert set(map(stage.document_id, added)) <= apply(changes).keys()


def check_carries_all_fields(stage: Stage) -> None:
    """Every field that the glossary gives a document arrives as the source says it."""
    expected = stage.carry_everything()
    kept = apply(read(stage))
    assert kept[expected.id] == expected


@dataclass(frozen=True)
class Check:
    name: str
    run: Callable[[Stage], None]


CHECKS = tuple(
    Check(run.__name__.removeprefix("check_"), run)
    for run in (
        check_idempotent,
        check_resumes_anywhere,
        check_unchanged_yields_nothing,
        check_change_arrives,
        check_deletion,
        check_access_change,
        check_read_again,
        check_no_readers_invented,
        check_ids_are_qualified,
        check_hostile_records,
        check_carries_all_fields,
    )
)
