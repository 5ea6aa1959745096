"""What a crawl keeps count of.

Documents missing from the index, and deletions that need a confirmation.

Documents that vanish from a source, or can no longer be read, in too great a number are kept
until an administrator confirms their removal. A deletion that the source states is not held.
"""

import logging
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass, field

from indexer.errors import DeletionsHeld
from indexer.ports import Failures
from indexer.state import reference_of
from indexer.values import UnreadPart

GUARD_SHARE = 0.2
"""The share of a source that may vanish in one run without a confirmation."""
GUARD_FLOOR = 10
"""So many may vanish from a small source, where a share says little; but never all of several."""


@dataclass(slots=True)
class DeletionGuard:
    """Counts, over one run of a source, the deletions let through and those withheld.

    `share` lies between 0 and 1; at 1 every deletion passes.
    """

    source: str
    kept_at_start: int
    share: float
    let_go: int = 0
    withheld: int = 0

    def lets_go(self, going: int) -> bool:
        """Whether `going` more documents may be deleted; what may not is counted as withheld."""
        gone = self.let_go + self.withheld + going
        emptied = gone >= self.kept_at_start > 1
        many = gone > max(GUARD_FLOOR, self.share * self.kept_at_start)
        if going and self.share < 1 and (emptied or many):
            self.withheld += going
            return False
        self.let_go += going
        return True

    def check(self) -> None:
        """Raises `DeletionsHeld` where any deletion was withheld."""
        if self.withheld:
            raise DeletionsHeld(self.source, self.let_go + self.withheld, self.kept_at_start)


log = logging.getLogger(__name__)

BETWEEN = " ▸ "
"""Between a document's id and the path of the attachment that is missing from it."""
TRIES = 3
"""So often an ordinary crawl asks again for what may have been bad luck."""
_TRANSIENT = ("timed_out", "vanished")


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
        return self.failures.due(self.source, _TRANSIENT, TRIES)

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
