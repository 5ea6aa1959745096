"""What is missing from the index of one source, kept true while a crawl goes on."""

import logging
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass, field

from indexer.ports import Failures
from indexer.state import reference_of
from indexer.values import UnreadPart

log = logging.getLogger(__name__)

BETWEEN = " ▸ "
"""Between a document's id and the path of the attachment that is missing from it."""
TRIES = 3
"""So often an ordinary crawl asks again for what may have been bad luck."""
_BAD_LUCK = ("timed_out", "vanished")


@dataclass(slots=True)
class OpenFailures:
    """The open failures of `source`: of documents, of their attachments, of records."""

    failures: Failures
    source: str
    _open: set[str] = field(init=False)
    _anew: set[str] = field(default_factory=set)
    _parts: dict[str, set[str]] = field(init=False)

    def __post_init__(self) -> None:
        self._open = set(self.failures.keys(self.source))
        self._parts = defaultdict(set)
        for key in self._open:
            self._remember_part(key)

    def record(self, key: str, kind: str, reason: str) -> None:
        """A document, attachment or record is missing."""
        fields = {"source": self.source, "reference": reference_of(key), "failure": kind}
        log.warning("record failed", extra=fields)
        self.failures.record(self.source, key, kind, reason)
        self._open.add(key)
        self._anew.add(key)
        self._remember_part(key)

    def replace_parts(self, document_id: str, unread: Iterable[UnreadPart]) -> None:
        """The document was read: this is missing from it, and nothing else."""
        missing = {_part_key(document_id, part.path): part for part in unread}
        for key in self._of(document_id) - missing.keys():
            self._resolve(key)
        for key, part in missing.items():
            self.record(key, part.failure, part.reason)

    def mend(self, document_id: str) -> None:
        """Nothing of that document is missing any more."""
        self.replace_parts(document_id, ())

    def forget_parts(self, document_id: str) -> None:
        """The document goes as a whole, for the reason that is recorded of it."""
        for key in self._of(document_id) - {document_id}:
            self._resolve(key)

    def forget_beyond(self, held: Callable[[str], bool]) -> None:
        """What the source holds no more is not missing. Places of records stay.

        `held` says of a document's id whether it exists, or may exist.
        """
        for key in [key for key in self._open if key.startswith(f"{self.source}:")]:
            if not held(key) and not held(_document(key)):
                self._resolve(key)

    def forget_older(self) -> None:
        """The source was read whole: what did not fail anew is mended."""
        for key in sorted(self._open - self._anew):
            self._resolve(key)

    def due(self) -> frozenset[str]:
        """The documents to be asked for again, if their source does not bring them itself."""
        return self.failures.due(self.source, _BAD_LUCK, TRIES)

    def count_try(self, document_ids: Collection[str]) -> None:
        """They were asked for again, and their source answered."""
        self.failures.count_try(self.source, document_ids)

    def begin_anew(self, document_id: str) -> None:
        """A new version of the document came: tries of the former one do not count for it."""
        if document_id in self._open:
            self.failures.begin_anew(self.source, document_id)

    def among(self, document_ids: Collection[str]) -> frozenset[str]:
        """Those of them that are missing now."""
        return frozenset(self._open.intersection(document_ids))

    def _of(self, document_id: str) -> set[str]:
        return {document_id, *self._parts.get(document_id, ())}

    def _remember_part(self, key: str) -> None:
        if BETWEEN in key:
            self._parts[_document(key)].add(key)

    def _resolve(self, key: str) -> None:
        if key in self._open:
            self.failures.resolve(self.source, key)
            self._open.discard(key)
            self._parts[_document(key)].discard(key)


def _part_key(document_id: str, path: str) -> str:
    return f"{document_id}{BETWEEN}{path}" if path else document_id


def _document(key: str) -> str:
    return key.partition(BETWEEN)[0]
