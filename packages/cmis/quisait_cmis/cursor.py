"""The cursor of a repository: twenty bytes for each document, whatever the length of its path."""

import base64
import binascii
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import NamedTuple

from connectors import digests

VERSION = 1
_KEY, _STATE, _ACCESS = 8, 6, 6
"""Bytes of each digest: a state is compared with one other, a path with all."""


class DocumentMarks(NamedTuple):
    """Digests of a document as it is described, and of who reads it, as they were last said."""

    state: bytes
    access: bytes


UNKNOWN = DocumentMarks(bytes(_STATE), bytes(_ACCESS))
"""Of a document that was not read: no digest equals it."""


@dataclass(frozen=True, slots=True)
class CmisCursor:
    """What the last reading saw: `documents` by a digest of their path.

    `log` is the change log's token up to which that holds, `walked` the moment of the last whole
    walk, `settings` a digest of what decides who reads; each is empty until a walk has ended.
    """

    documents: Mapping[bytes, DocumentMarks] = field(default_factory=dict)
    log: str = ""
    walked: str = ""
    settings: str = ""

    def text(self) -> str:
        """As it is kept."""
        packed = b"".join(key + one.state + one.access for key, one in self.documents.items())
        return json.dumps(
            {
                "v": VERSION,
                "documents": base64.b64encode(packed).decode(),
                "log": self.log,
                "walked": self.walked,
                "settings": self.settings,
            }
        )

    def walked_at(self) -> datetime | None:
        """The moment of the last whole walk, with its time zone."""
        try:
            moment = datetime.fromisoformat(self.walked)
        except ValueError:
            return None
        return moment if moment.tzinfo else None


def read_cursor(text: str | None) -> CmisCursor:
    """The cursor of this text; the beginning for one of another form."""
    size = _KEY + _STATE + _ACCESS
    try:
        kept = json.loads(text or "")
        packed = base64.b64decode(kept["documents"], validate=True)
        if kept["v"] != VERSION or len(packed) % size:
            return CmisCursor()
        documents = {
            packed[at : at + _KEY]: DocumentMarks(
                packed[at + _KEY : at + _KEY + _STATE], packed[at + _KEY + _STATE : at + size]
            )
            for at in range(0, len(packed), size)
        }
        said = str(kept["log"]), str(kept["walked"]), str(kept["settings"])
        return CmisCursor(documents, *said)
    except (ValueError, KeyError, TypeError, RecursionError, binascii.Error):
        return CmisCursor()


def path_key(path: str) -> bytes:
    """What a document is known by."""
    return digests.hash_of(path)[:_KEY]


def state_mark(described: str) -> bytes:
    """A digest of all of a document but its readers."""
    return digests.digest_of([described], _STATE)


def access_mark(allowed: frozenset[str], denied: frozenset[str]) -> bytes:
    """A digest of who reads a document."""
    return digests.digest_of([*sorted(allowed), "", *sorted(denied)], _ACCESS)
