"""A source that pushes: what its applications sent to the inbox, as changes.

`PushConnector.changes` shows the flow. `inbox` stores what was sent.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from connectors.ports import (
    AccessNarrowed,
    Change,
    Checkpoint,
    ContentStale,
    Delete,
    Malformed,
    SourceUnreachable,
    Upsert,
)
from connectors.push.documents import PushedDocument
from connectors.push.inbox import Inbox, position_of
from connectors.push.items import InboxUnreachable
from connectors.records.documents import RecordContext, access_of, documents_of
from connectors.records.schema import RecordLine, attachment_id
from connectors.values import Document

CHECKPOINT_DOCUMENTS = 200
_ROWS_AT_ONCE = 16
"""Few: each may be as large as a document may be."""


@dataclass(frozen=True, slots=True)
class PushConnector:
    """The changes of one source's inbox, by their numbers; the cursor is the last of them.

    What is accepted during a reading waits for the next one.
    """

    source: str
    inbox: Inbox
    _setting: RecordContext = field(init=False)

    def __post_init__(self) -> None:
        # No record of an inbox names a file: the folder is never looked into.
        object.__setattr__(
            self, "_setting", RecordContext(self.source, Path("/nonexistent"), {}, {})
        )

    def changes(self, since: str | None) -> Iterator[Change]:
        """Yield narrowed readers first, then records and tombstones.

        A document that lost readers, or was deleted, is closed before the text of any
        other is worked on. Readers are only added with the text that they may read.
        Raises `SourceUnreachable`.
        """
        with self._reachable():
            upto = self.inbox.last_seq(self.source)
            position = self._position(since, upto)
            for document in self._documents(position, upto, access=True):
                yield from self._closed(document)
            marked = position
            for count, document in enumerate(self._documents(position, upto), start=1):
                yield from self._changes_of(document)
                position = document.seq
                if count % CHECKPOINT_DOCUMENTS == 0:
                    marked = position
                    yield Checkpoint(str(position))
        if position != marked or since is None:
            yield Checkpoint(str(position))

    def refetch(self, document_ids: frozenset[str]) -> Iterator[Change]:
        """Yield these documents as the inbox has them. Raises `SourceUnreachable`."""
        # An attachment's id goes on from its record's with `#`, which either may hold.
        records = set(document_ids)
        for name in document_ids:
            records.update(name[:place] for place, one in enumerate(name) if one == "#")
        with self._reachable():
            for document in self._documents(0, self.inbox.last_seq(self.source)):
                if self._setting.qualified(document.id) in records:
                    for change in self._changes_of(document):
                        if isinstance(change, Upsert) and change.document.id in document_ids:
                            yield change

    def count_pending(self, since: str | None) -> int | None:
        """How many documents wait to be applied."""
        try:
            return self.inbox.count_after(
                self.source, self._position(since, self.inbox.last_seq(self.source))
            )
        except InboxUnreachable:
            return None

    @contextmanager
    def _reachable(self) -> Iterator[None]:
        try:
            yield
        except InboxUnreachable as error:
            raise SourceUnreachable(
                f"{self.source} : la base d'état ne répond pas. Vérifiez « database », puis "
                "relancez."
            ) from error

    def _position(self, since: str | None, upto: int) -> int:
        """What the cursor has passed; nothing where it is not one of this inbox."""
        position = position_of(since) or 0
        return position if position <= upto else 0

    def _documents(self, seq: int, upto: int, *, access: bool = False) -> Iterator[PushedDocument]:
        while page := self.inbox.after(self.source, seq, upto, _ROWS_AT_ONCE, access=access):
            yield from page
            seq = page[-1].access_seq if access else page[-1].seq

    def _closed(self, document: PushedDocument) -> Iterator[Change]:
        """What is kept already has no reader whom its present version does not have."""
        record = _record_or_none(document)
        for name in _document_names(document, record):
            kept = self._setting.qualified(name)
            yield AccessNarrowed(kept, access_of(record.readers)) if record else ContentStale(kept)
        for name in document.gone:
            yield ContentStale(self._setting.qualified(attachment_id(document.id, name)))

    def _changes_of(self, document: PushedDocument) -> Iterator[Change]:
        own_id = self._setting.qualified(document.id)
        record = _record_or_none(document)
        if document.line is None:
            yield Delete(own_id)
        elif record is None:
            reason = "reçu par une version d'avant, qui l'écrivait autrement : poussez-le à nouveau"
            yield Malformed(own_id, reason, own_id)
            yield ContentStale(own_id)
        else:
            for one in documents_of(record, self._setting, own_id):
                if isinstance(one, Document):
                    yield Upsert(one)
                    continue
                yield one
                if one.document_id:
                    yield ContentStale(one.document_id)
        for name in document.gone:
            yield Delete(self._setting.qualified(attachment_id(document.id, name)))


def _record_or_none(document: PushedDocument) -> RecordLine | None:
    try:
        return document.record()
    except ValueError:
        return None


def _document_names(document: PushedDocument, record: RecordLine | None) -> Iterator[str]:
    yield document.id
    for attachment in record.attachments if record else ():
        yield attachment_id(document.id, attachment.name)
