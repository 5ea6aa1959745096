"""Faulty connectors, each with one fault that the contract must find."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, cast

from connectors.ports import (
    AccessChanged,
    AccessNarrowed,
    Change,
    Checkpoint,
    Connector,
    Delete,
    Listed,
    Listing,
    ListingSource,
    Malformed,
    SupportsRefetch,
    Upsert,
)
from connectors.snapshot import Snapshot
from connectors.values import Access, Document
from quisait_connector_kit.connector_contract import ConnectorHarness


@dataclass
class LyingConnector:
    """A connector whose changes are altered by a fault."""

    true: Connector
    lie: "Lie"

    @property
    def source(self) -> str:
        return self.true.source

    def changes(self, since: str | None) -> Iterator[Change]:
        return self.lie(self.true, since)

    def refetch(self, document_ids: frozenset[str]) -> Iterator[Change]:
        return self.lie(RefetchedDocuments(self.true, document_ids), "")


@dataclass
class RefetchedDocuments:
    """A connector's refetched documents, in the form that a fault alters."""

    true: Connector
    document_ids: frozenset[str]

    @property
    def source(self) -> str:
        return self.true.source

    def changes(self, since: str | None) -> Iterator[Change]:
        assert isinstance(self.true, SupportsRefetch)
        return self.true.refetch(self.document_ids)


Lie = Callable[[Connector, str | None], Iterator[Change]]


class LyingConnectorHarness:
    """A harness with an altered connector; all other methods are those of the true harness."""

    def __init__(self, true: ConnectorHarness, altered: Callable[[Connector], Connector]) -> None:
        self._true, self._altered = true, altered

    def connector(self) -> Connector:
        return self._altered(self._true.connector())

    def __getattr__(self, name: str) -> Any:
        return getattr(self._true, name)


def lying(true: ConnectorHarness, lie: Lie) -> ConnectorHarness:
    """Return a harness whose connector has one fault."""
    altered = LyingConnectorHarness(true, lambda connector: LyingConnector(connector, lie))
    return cast(ConnectorHarness, altered)


@dataclass
class ListedRights:
    """A faulty source whose `rights` returns the readers of its listing, not the current ones."""

    true: Any

    def __getattr__(self, name: str) -> Any:
        return getattr(self.true, name)

    def rights(self, items: Sequence[Listed]) -> dict[str, Access | None]:
        return {one.id: one.access for one in items}


def with_listed_rights(true: ConnectorHarness) -> ConnectorHarness:
    """Return a harness whose source has the fault of `ListedRights`."""

    def altered(connector: Connector) -> Connector:
        assert isinstance(connector, Snapshot)
        return replace(connector, origin=cast(ListingSource, ListedRights(connector.origin)))

    return cast(ConnectorHarness, LyingConnectorHarness(true, altered))


def each(alter: Callable[[Change], Change | None]) -> Lie:
    def lie(true: Connector, since: str | None) -> Iterator[Change]:
        for change in true.changes(since):
            altered = alter(change)
            if altered is not None:
                yield altered

    return lie


def documents(alter: Callable[[Document], Document]) -> Lie:
    return each(lambda c: Upsert(alter(c.document)) if isinstance(c, Upsert) else c)


_read_numbers = iter(range(10**9))


def changes_titles(true: Connector, since: str | None) -> Iterator[Change]:
    reading = next(_read_numbers)
    for change in true.changes(since):
        if isinstance(change, Upsert):
            change = Upsert(replace(change.document, title=f"lecture {reading}"))
        yield change


def forgets_after_checkpoint(true: Connector, since: str | None) -> Iterator[Change]:
    """Skip the first document after a cursor."""
    skipped = since is None
    for change in true.changes(since):
        if isinstance(change, Upsert) and not skipped:
            skipped = True
            continue
        yield change


def withholds_the_last(true: Connector, since: str | None) -> Iterator[Change]:
    """Skip the last document after a cursor."""
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


def _open_to_everyone(document: Document) -> Document:
    return replace(document, access=Access(document.access.allowed | {"everyone"}))


def _without_dates(document: Document) -> Document:
    return replace(document, created=None, modified=None, valid_until=None)


def swallows_reports(change: Change) -> Change | None:
    return None if isinstance(change, Malformed) else change


def stops_at_malformed(true: Connector, since: str | None) -> Iterator[Change]:
    for change in true.changes(since):
        yield change
        if isinstance(change, Malformed):
            yield Checkpoint("")
            return


LIES: tuple[tuple[str, str, Lie], ...] = (
    ("idempotent", "changes titles", changes_titles),
    ("resumes_anywhere", "skips one after a checkpoint", forgets_after_checkpoint),
    ("resumes_anywhere", "starts again", ignores_cursor),
    ("unchanged_yields_nothing", "ignores the cursor", ignores_cursor),
    ("change_arrives", "skips the last", withholds_the_last),
    ("deletion", "never deletes", each(never_deletes)),
    ("deletion", "lists nothing", lists_nothing),
    ("access_change", "keeps former readers", no_access_change),
    ("rights_then_text", "opens to all", documents(_open_to_everyone)),
    ("refetch", "skips the last", withholds_the_last),
    ("no_readers_invented", "opens to all", documents(_open_to_everyone)),
    ("no_readers_invented", "opens to nobody", documents(lambda d: replace(d, access=Access()))),
    ("ids_are_qualified", "bare ids", documents(lambda d: replace(d, id=d.id.partition(":")[2]))),
    ("hostile_records", "swallows reports", each(swallows_reports)),
    ("hostile_records", "stops at the first", stops_at_malformed),
    ("carries_all_fields", "loses dates", documents(_without_dates)),
    ("carries_all_fields", "loses people", documents(lambda d: replace(d, contributions=()))),
)
