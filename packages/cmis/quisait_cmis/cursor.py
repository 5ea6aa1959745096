"""The cursor of a repository: twenty bytes per document, however long its path."""

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
"""Bytes of each digest. A state is compared with one other state only, a path with all paths."""


class DocumentMarks(NamedTuple):
    """Digests of a document's description and of its access, as last yielded."""

    state: bytes
    access: bytes


UNKNOWN = DocumentMarks(bytes(_STATE), bytes(_ACCESS))
"""The marks of a document that was not read; they differ from every digest."""


@dataclass(frozen=True, slots=True)
class CmisCursor:
    """The state of a repository at the last reading: `documents` by a digest of their path.

    `log` is the token of the change log up to which `documents` is valid, `walked` is when the last
    complete walk began, `settings` is a digest of the settings that decide the readers. All three
    are empty until a walk has ended.
    """

    documents: Mapping[bytes, DocumentMarks] = field(default_factory=dict)
    log: str = ""
    walked: str = ""
    settings: str = ""

    def text(self) -> str:
        """Return the cursor as text, to be stored."""
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
        """Return when the last complete walk began, with time zone, or None."""
        try:
            moment = datetime.fromisoformat(self.walked)
        except ValueError:
            return None
        return moment if moment.tzinfo else None


def read_cursor(text: str | None) -> CmisCursor:
    """Parse a cursor; return an empty cursor if the text is not in this form."""
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
    """Return the digest that identifies a document by its path."""
    return digests.hash_of(path)[:_KEY]


def state_mark(described: str) -> bytes:
    """Return a digest of a document's description, which excludes its readers."""
    return digests.digest_of([described], _STATE)


def access_mark(allowed: frozenset[str], denied: frozenset[str]) -> bytes:
    """Return a digest of a document's readers."""
    return digests.digest_of([*sorted(allowed), "", *sorted(denied)], _ACCESS)
