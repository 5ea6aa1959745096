"""Connectors that lie, each in one way that the contract must catch."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace

from connectors.ports import (
    AccessChanged,
    AccessNarrowed,
    Change,
    Checkpoint,
    Connector,
    Delete,
    Listing,
    Malformed,
    SupportsRefetch,
    Upsert,
)
from connectors.values import Access, Document
from tests.contract.connector_contract import Stage


@dataclass
class LyingConnector:
    """A true connector, whose changes a lie may alter."""

    true: Connector
    lie: "Lie"

    @property
    def source(self) -> str:
        return self.true.source

    def changes(self, since: str | None) -> Iterator[Change]:
        return self.lie(self.true, since)

    def refetch(self, document_ids: frozenset[str]) -> Iterator[Change]:
        return self.lie(AskedAgain(self.true, document_ids), "")


@dataclass
class AskedAgain:
    """Single documents of a connector, as a lie takes them."""

    true: Connector
    document_ids: frozenset[str]

    @property
    def source(self) -> str:
        return self.true.source

    def changes(self, since: str | None) -> Iterator[Change]:
        assert isinstance(self.true, SupportsRefetch)
        return self.true.refetch(self.document_ids)


Lie = Callable[[Connector, str | None], Iterator[Change]]


@dataclass
class LyingStage:
    """A true stage, whose connector lies."""

    true: Stage
    lie: Lie
    add: Callable[[str, str, tuple[str, ...]], None] = field(init=False)
    many: int = field(init=False)

    def __post_init__(self) -> None:
        self.add = self.true.add
        self.many = self.true.many

    def connector(self) -> Connector:
        return LyingConnector(self.true.connector(), self.lie)

    def document_id(self, name: str) -> str:
        return self.true.document_id(name)

    def restrict(self, name: str, allowed: tuple[str, ...]) -> None:
        self.true.restrict(name, allowed)

    def remove(self, name: str) -> None:
        self.true.remove(name)

    def spoil(self) -> int:
        return self.true.spoil()

    def carry_everything(self) -> Document:
        return self.true.carry_everything()


def each(alter: Callable[[Change], Change | None]) -> Lie:
    def lie(true: Connector, since: str | None) -> Iterator[Change]:
        for change in true.changes(since):
            altered = alter(change)
            if altered is not None:
                yield altered

    return lie


def documents(alter: Callable[[Document], Document]) -> Lie:
    return each(lambda c: Upsert(alter(c.document)) if isinstance(c, Upsert) else c)


_readings = iter(range(10**9))


def never_the_same(true: Connector, since: str | None) -> Iterator[Change]:
    reading = next(_readings)
    for change in true.changes(since):
        if isinstance(change, Upsert):
            change = Upsert(replace(change.document, title=f"lecture {reading}"))
        yield change


def forgets_after_checkpoint(true: Connector, since: str | None) -> Iterator[Change]:
    """Resumed, it skips the first document that follows."""
    skipped = since is None
    for change in true.changes(since):
        if isinstance(change, Upsert) and not skipped:
            skipped = True
            continue
        yield change


def withholds_the_last(true: Connector, since: str | None) -> Iterator[Change]:
    """Resumed, it leaves out the last document."""
    changes = list(true.changes(since))
    last = max((i for i, c in enumerate(changes) if isinstance(c, Upsert)), default=-1)
    yield from (c for i, c in enumerate(changes) if since is None or i != last)


def ignores_cursor(true: Connector, since: str | None) -> Iterator[Change]:
    return true.changes(None)


def never_deletes(change: Change) -> Change | None:
    return None if isinstance(change, Delete | Listing) else change


def lists_nothing(true: Connector, since: str | None) -> Iterator[Change]:
    *changes, last = true.changes(since)
    yield from (c for c in changes if not isinstance(c, Listing))
    yield Listing(frozenset())
    yield last


def no_access_change(true: Connector, since: str | None) -> Iterator[Change]:
    for change in true.changes(since):
        readers_alone = isinstance(change, AccessChanged | AccessNarrowed)
        if readers_alone or (since and isinstance(change, Upsert)):
            continue
        yield change


def _open_to_all(document: Document) -> Document:
    return replace(document, access=Access(document.access.allowed | {"everyone"}))


def _without_dates(document: Document) -> Document:
    return replace(document, created=None, valid_until=None)


def swallows_reports(change: Change) -> Change | None:
    return None if isinstance(change, Malformed) else change


def stops_at_malformed(true: Connector, since: str | None) -> Iterator[Change]:
    for change in true.changes(since):
        yield change
        if isinstance(change, Malformed):
            yield Checkpoint("")
            return


LIES: tuple[tuple[str, str, Lie], ...] = (
    ("idempotent", "says something else each time", never_the_same),
    ("resumes_anywhere", "forgets after a checkpoint", forgets_after_checkpoint),
    ("resumes_anywhere", "begins anew", ignores_cursor),
    ("unchanged_yields_nothing", "ignores the cursor", ignores_cursor),
    ("change_arrives", "withholds the last", withholds_the_last),
    ("deletion", "never deletes", each(never_deletes)),
    ("deletion", "lists nothing", lists_nothing),
    ("access_change", "keeps the former readers", no_access_change),
    ("read_again", "withholds the last", withholds_the_last),
    ("no_readers_invented", "opens to all", documents(_open_to_all)),
    ("no_readers_invented", "opens to nobody", documents(lambda d: replace(d, access=Access()))),
    (
        "ids_are_qualified",
        "bare ids",
        documents(lambda d: replace(d, id=d.id.partition(":")[2])),
    ),
    ("hostile_records", "swallows reports", each(swallows_reports)),
    ("hostile_records", "stops at the first", stops_at_malformed),
    ("carries_all_fields", "loses dates", documents(_without_dates)),
    ("carries_all_fields", "loses people", documents(lambda d: replace(d, contributions=()))),
)
