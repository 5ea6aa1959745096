"""What `quisait check` says of a folder: what nobody can list, and tables not understood."""

import time
from collections.abc import Iterator
from itertools import islice

from connectors.file_patterns import parse_selection
from connectors.folder.walk import UnreadableFolder, walk
from connectors.ports import Malformed
from quisait.checks.references import MOST_LISTED
from quisait.settings import beside_file
from quisait.settings.sources import SourceSettings

LOOKED_S = 10.0
"""How long a check looks through a folder: a large share would take it an hour."""


def folder_faults(source: SourceSettings) -> list[str]:
    """Return what nobody will read, and why, as sentences. Raises `SourceUnreachable`."""
    closed, rules = [], []
    for entry in _looked_at(source):
        if isinstance(entry, UnreadableFolder):
            closed.append(f"{entry.path or '.'} ({entry.reason})")
        else:
            rules.append(f"{entry.where} ({entry.reason})")
    return [*_told("dossiers fermés à ce compte", closed), *_told("règles mal lues", rules)]


def _looked_at(source: SourceSettings) -> Iterator[UnreadableFolder | Malformed]:
    until = time.monotonic() + LOOKED_S
    for entry in walk(beside_file(source.path), parse_selection(source.include, source.exclude)):
        if isinstance(entry, UnreadableFolder | Malformed):
            yield entry
        if time.monotonic() > until:
            return


def _told(what: str, found: list[str]) -> Iterator[str]:
    if found:
        yield f"{what} : {len(found)}, dont {', '.join(islice(found, MOST_LISTED))}"
