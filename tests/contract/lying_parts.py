"""Faulty divisions of a source, each with one fault that the contract must find."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import cast

from connectors.parts import WHOLE, Divisible, Part
from connectors.ports import (
    AccessChanged,
    AccessNarrowed,
    Change,
    Connector,
    Delete,
    Listing,
    Malformed,
    Upsert,
)
from connectors.testing.connector_contract import ConnectorHarness
from connectors.testing.lying_connectors import LyingConnectorHarness
from connectors.values import EVERYONE, Access

PartLie = Callable[[Divisible, Part, str | None], Iterator[Change]]


@dataclass
class LyingDivision:
    """A connector whose parts a fault alters; read whole, it tells the truth."""

    true: Divisible
    lie: PartLie
    part: Part = WHOLE

    @property
    def source(self) -> str:
        return self.true.source

    def of_part(self, part: Part) -> Connector:
        return replace(self, part=part)

    def changes(self, since: str | None) -> Iterator[Change]:
        if self.part == WHOLE:
            return self.true.changes(since)
        return self.lie(self.true, self.part, since)


def lying(true: ConnectorHarness, lie: PartLie) -> ConnectorHarness:
    def divided(whole: Connector) -> Connector:
        assert isinstance(whole, Divisible)
        return LyingDivision(whole, lie)

    return cast(ConnectorHarness, LyingConnectorHarness(true, divided))


def of_each(alter: Callable[[Part, Change], Change | None]) -> PartLie:
    def lie(true: Divisible, part: Part, since: str | None) -> Iterator[Change]:
        altered = (alter(part, change) for change in true.of_part(part).changes(since))
        return (change for change in altered if change is not None)

    return lie


def overlaps(true: Divisible, part: Part, since: str | None) -> Iterator[Change]:
    """Each part is the whole."""
    return true.changes(since)


def misses(true: Divisible, part: Part, since: str | None) -> Iterator[Change]:
    """One part is never read: each part is read as if there were one part more."""
    return true.of_part(Part(part.number, part.of + 1)).changes(since)


def moves_with_the_cursor(true: Divisible, part: Part, since: str | None) -> Iterator[Change]:
    """The next part's documents, once there is a cursor."""
    number = part.number if since is None else part.number % part.of + 1
    return true.of_part(Part(number, part.of)).changes(since)


def forgets_its_cursor(true: Divisible, part: Part, since: str | None) -> Iterator[Change]:
    return true.of_part(part).changes(None)


def first_keeps_readers(part: Part, change: Change) -> Change | None:
    """Changes of readers, and deletions, are told by no part but the last."""
    told = isinstance(change, AccessChanged | AccessNarrowed | Delete | Listing)
    return None if told and part.number < part.of else change


def opens_to_all(part: Part, change: Change) -> Change:
    if part.number == 1 and isinstance(change, Upsert):
        return Upsert(replace(change.document, access=Access(frozenset({EVERYONE}))))
    return change


def last_keeps_silent(part: Part, change: Change) -> Change | None:
    return None if isinstance(change, Malformed) else change


PART_LIES: tuple[tuple[str, str, PartLie], ...] = (
    ("together_they_are_the_whole", "parts overlap", overlaps),
    ("together_they_are_the_whole", "parts miss", misses),
    ("a_part_speaks_of_its_own", "parts overlap", overlaps),
    ("changes_reach_their_part", "parts miss", misses),
    ("changes_reach_their_part", "keeps what is gone", of_each(first_keeps_readers)),
    ("parts_do_not_change_with_the_cursor", "documents change parts", moves_with_the_cursor),
    ("parts_do_not_change_with_the_cursor", "forgets its cursor", forgets_its_cursor),
    ("readers_are_those_of_the_whole", "one part opens", of_each(opens_to_all)),
    ("reports_are_those_of_the_whole", "swallows reports", of_each(last_keeps_silent)),
)
