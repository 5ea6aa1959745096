"""The contract of connectors that read a source in parts. Each check raises AssertionError.

What parts give together is what the whole gives; each document comes from the part that holds it.
"""

from collections.abc import Callable
from dataclasses import replace

from connectors.parts import Divisible, Part, parts
from connectors.ports import (
    AccessChanged,
    AccessNarrowed,
    Change,
    ContentStale,
    Delete,
    Listing,
    Malformed,
    Upsert,
)
from connectors.testing.connector_contract import (
    EVERYONE,
    ConnectorHarness,
    IndexedDocuments,
    apply,
    fill,
    last_cursor,
    read,
    with_file_text,
)
from connectors.values import Access

OF = 3
MANY = 12


class Reader:
    """Reads each part from its own cursor into one index, as a crawl in parts does."""

    def __init__(self, harness: ConnectorHarness) -> None:
        self.harness = harness
        self.kept: IndexedDocuments = {}
        self.cursors: dict[Part, str] = {}

    def connector(self, part: Part) -> Divisible:
        whole = self.harness.connector()
        assert isinstance(whole, Divisible)
        divided = whole.of_part(part)
        assert divided.source == whole.source
        return divided  # type: ignore[return-value]

    def read(self, part: Part) -> list[Change]:
        changes = list(self.connector(part).changes(self.cursors.get(part)))
        self.cursors[part] = last_cursor(changes)
        own = {i: d for i, d in self.kept.items() if part.holds(i)}
        others = {i: d for i, d in self.kept.items() if not part.holds(i)}
        self.kept = others | apply(changes, own)
        return changes

    def read_all(self) -> None:
        for part in reversed(parts(OF)):
            self.read(part)


def check_together_they_are_the_whole(harness: ConnectorHarness) -> None:
    """A first reading of all parts gives each document once, with all that the whole gives."""
    fill(harness, MANY)
    reader = Reader(harness)
    came = [
        change.document.id
        for part in parts(OF)
        for change in reader.read(part)
        if isinstance(change, Upsert)
    ]
    assert len(came) == len(set(came)) == MANY
    assert reader.kept == apply(read(harness))


def check_a_part_speaks_of_its_own(harness: ConnectorHarness) -> None:
    """Whatever names a document is about one that the part holds."""
    fill(harness, MANY)
    reader = Reader(harness)
    reader.read_all()
    for number in range(0, MANY, 2):
        harness.remove(f"d{number:03}.txt")
    harness.add("d001.txt", "un autre texte", ("test:group:a",))
    for part in parts(OF):
        for change in reader.read(part):
            names: list[str] = []
            match change:
                case Upsert(document):
                    names = [document.id]
                case (
                    Delete(document_id)
                    | AccessChanged(document_id)
                    | AccessNarrowed(document_id)
                    | ContentStale(document_id)
                    | Malformed(document_id=str(document_id))
                ):
                    names = [document_id]
                case Listing(document_ids):
                    names = list(document_ids)
            assert all(map(part.holds, names))


def check_changes_reach_their_part(harness: ConnectorHarness) -> None:
    """New, changed, removed, with other readers, gone under another name: as the whole gives it."""
    fill(harness, MANY)
    reader = Reader(harness)
    reader.read_all()
    harness.add("d003.txt", "un texte tout autre", ("test:group:a",))
    harness.remove("d004.txt")
    for number in range(6):
        harness.add(f"ailleurs{number}.txt", "texte 4", ("test:group:a",))
    harness.set_readers("d000.txt", ("test:group:b",))
    reader.read_all()
    expected = apply(read(harness))
    assert reader.kept == expected
    assert harness.document_id("d000.txt") in expected
    emptied = [name for name in map(_name, range(1, MANY)) if name != "d004.txt"]
    gone = [name for name in emptied if parts(OF)[0].holds(harness.document_id(name))]
    assert gone
    for name in gone:
        harness.remove(name)
    reader.read_all()
    assert reader.kept == apply(read(harness))


def check_parts_do_not_change_with_the_cursor(harness: ConnectorHarness) -> None:
    """A part that is read again from its cursor, or whole, holds the same documents."""
    fill(harness, MANY)
    reader = Reader(harness)
    reader.read_all()
    for part in parts(OF):
        again = {
            change.document.id
            for change in reader.connector(part).changes(None)
            if isinstance(change, Upsert)
        }
        assert again == {i for i in reader.kept if part.holds(i)}
        rest = list(reader.connector(part).changes(reader.cursors[part]))
        assert not [c for c in rest if isinstance(c, Upsert | AccessChanged | Delete)]
    for number in range(MANY):
        harness.add(_name(number), f"autre texte {number}", ("test:group:a",))
    for part in parts(OF):
        changed = {c.document.id for c in reader.read(part) if isinstance(c, Upsert)}
        assert changed == {i for i in reader.kept if part.holds(i)}


def check_readers_are_those_of_the_whole(harness: ConnectorHarness) -> None:
    """No part opens a document that another one closes."""
    harness.add("muet.txt", "sans lecteurs", ())
    harness.add("ouvert.txt", "ouvert", EVERYONE)
    fill(harness, MANY)
    reader = Reader(harness)
    reader.read_all()
    assert reader.kept[harness.document_id("muet.txt")].access == Access()
    assert {i: d.access for i, d in reader.kept.items()} == {
        i: d.access for i, d in apply(read(harness)).items()
    }


def check_reports_are_those_of_the_whole(harness: ConnectorHarness) -> None:
    """At least one part reports each malformed record, and no part stops at it."""
    fill(harness, MANY)
    harness.add_invalid_records()
    reader = Reader(harness)
    reported = {
        (change.where, change.document_id)
        for part in parts(OF)
        for change in reader.read(part)
        if isinstance(change, Malformed)
    }
    whole = read(harness)
    assert reported == {(c.where, c.document_id) for c in whole if isinstance(c, Malformed)}
    assert {i: with_file_text(replace(d, version="")) for i, d in reader.kept.items()} == {
        i: with_file_text(replace(d, version="")) for i, d in apply(whole).items()
    }


def _name(number: int) -> str:
    return f"d{number:03}.txt"


PART_CHECKS: dict[str, Callable[[ConnectorHarness], None]] = {
    check.__name__.removeprefix("check_"): check
    for check in (
        check_together_they_are_the_whole,
        check_a_part_speaks_of_its_own,
        check_changes_reach_their_part,
        check_parts_do_not_change_with_the_cursor,
        check_readers_are_those_of_the_whole,
        check_reports_are_those_of_the_whole,
    )
}
