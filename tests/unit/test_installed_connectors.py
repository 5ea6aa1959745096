"""Connectors of other packages speak of their own source alone."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from pydantic import BaseModel

from connectors.installed import ConnectorKind, SourcePlace, open_installed
from connectors.ports import Change, Delete, Listing, SourceRefused, Upsert
from connectors.values import Access, Contribution, ContributorRole
from tests.builders import make_document

pytestmark = pytest.mark.trust

OWN = make_document("annales:1")
ELSEWHERE = (Contribution("wiki:claire", ContributorRole.AUTHOR),)


@dataclass
class Saying:
    """A connector of another package that yields one change."""

    change: Change
    source: str = "annales"

    def changes(self, since: str | None) -> Iterator[Change]:
        yield self.change


def read(change: Change) -> list[Change]:
    kind = ConnectorKind("annales", BaseModel, lambda *_: Saying(change))
    place = SourcePlace("annales", Path(), Access(frozenset()), str)
    return list(open_installed("annales", kind, place, None).changes(None))


@pytest.mark.parametrize(
    "change",
    [
        Upsert(replace(OWN, id="wiki:1")),
        Upsert(replace(OWN, source="wiki")),
        Upsert(replace(OWN, contributions=ELSEWHERE)),
        Delete("wiki:1"),
        Delete("annalesbis:1"),
        Listing(frozenset({"annales:1", "wiki:1"})),
    ],
)
def test_another_source_is_refused(change: Change) -> None:
    """Else a package would show, delete or sign what is not its own."""
    with pytest.raises(SourceRefused, match="autre source"):
        read(change)


def test_ones_own_is_read() -> None:
    for change in (Upsert(OWN), Delete("annales:1"), Listing(frozenset({"annales:1"}))):
        assert read(change) == [change]
