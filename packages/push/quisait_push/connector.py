"""Read the inbox of a source that pushes, as changes.

`PushConnector.changes` shows the flow. `inbox` stores pushed items.
"""

import random
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from quisait_export.documents import RecordContext, documents_of
from quisait_export.schema import AttachmentLine, RecordLine, attachment_id, possible_records

from connectors.batches import batches
from connectors.files import UnsafePath
from connectors.ports import (
    AccessNarrowed,
    Change,
    Checkpoint,
    ContentStale,
    Delete,
    Malformed,
    RecordVanished,
    SourceUnreachable,
    Upsert,
)
from connectors.readers import access_of
from connectors.values import Document
from quisait_push.documents import PushedDocument
from quisait_push.inbox import Inbox, position_of
from quisait_push.items import InboxUnreachable

if TYPE_CHECKING:  # it imports the HTTP client
    from quisait_push.files import PushedFiles

CHECKPOINT_DOCUMENTS = 200
_ROWS_AT_ONCE = 16
"""Number of rows read at once: few, since each may have the maximum size of a document."""


@dataclass(frozen=True, slots=True)
class PushConnector:
    """Yields the changes in one source's inbox, by number; the cursor is the last number.

    Items that are accepted during a crawl wait for the next one. `files` fetches files that were
    pushed by URL; without it, such files are refused.
    """

    source: str
    inbox: Inbox
    files: "PushedFiles | None" = None

    @property
    def _context(self) -> RecordContext:
        # The folder is never read: no record of an inbox names a file.
        return RecordContext(self.source, Path("/nonexistent"), {}, {})

    def changes(self, since: str | None) -> Iterator[Change]:
        """Yield removed readers first, then records and deletions.

        Documents that lost readers or were deleted are closed before any text is processed. Readers
        are only added together with the text that they may read. Raises `SourceUnreachable`.
        """
        with self._reachable():
            upto = self.inbox.last_seq(self.source)
            position = self._position(since, upto)
            for document in self._documents(position, upto, access=True):
                yield from self._narrow(document)
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
        records = set(document_ids)
        for name in document_ids:
            records |= {record for record, _ in possible_records(name)}
        own = f"{self.source}:"
        names = sorted(one.removeprefix(own) for one in records if one.startswith(own))
        # Files that always fail stop the requests to their server: try others first each time.
        random.shuffle(names)
        with self._reachable():
            for some in batches(names, _ROWS_AT_ONCE):
                found = self.inbox.stored(self.source, some)
                for document in (found[name] for name in some if name in found):
                    for change in self._changes_of(document):
                        if isinstance(change, Upsert) and change.document.id in document_ids:
                            yield change

    def count_pending(self, since: str | None) -> int | None:
        """Return the number of documents that wait to be indexed."""
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
        """Return the cursor's number, or 0 if it is not a cursor of this inbox."""
        position = position_of(since) or 0
        return position if position <= upto else 0

    def _documents(self, seq: int, upto: int, *, access: bool = False) -> Iterator[PushedDocument]:
        while page := self.inbox.after(self.source, seq, upto, _ROWS_AT_ONCE, access=access):
            yield from page
            seq = page[-1].access_seq if access else page[-1].seq

    def _narrow(self, document: PushedDocument) -> Iterator[Change]:
        """Remove from the indexed text the readers that the current version does not have."""
        own_id = self._context.qualified(document.id)
        record = document.record()
        if record is None:
            yield ContentStale(own_id)
        else:
            access = access_of(record.readers)
            yield AccessNarrowed(own_id, access)
            for attachment in record.attachments:
                yield AccessNarrowed(attachment_id(own_id, attachment.name), access)
        for name in document.gone:
            yield ContentStale(attachment_id(own_id, name))

    def _fetcher(
        self, document: PushedDocument, attachment: AttachmentLine, record: RecordLine
    ) -> Callable[[], bytes]:
        """Return a function that reads a file. Raises `UnsafePath` if the URL is not allowed."""
        files = self.files
        if files is None or attachment.size is None or not files.admits(attachment):
            raise UnsafePath("son adresse n'est pas sur un hôte que « file_hosts » nomme")

        def read() -> bytes:
            content = files.read(attachment, record.modified)
            with self._reachable():
                now = self.inbox.stored(self.source, [document.id]).get(document.id)
            # The readers are those of this state: a newer state may have fewer readers.
            if now is None or now.seq != document.seq:
                raise RecordVanished(
                    "Une version plus récente a été reçue : elle sera lue ensuite."
                )
            return content

        return read

    def _changes_of(self, document: PushedDocument) -> Iterator[Change]:
        own_id = self._context.qualified(document.id)
        record = document.record()
        if document.line is None:
            yield Delete(own_id)
        elif record is None:
            reason = "reçu par une version d'avant, qui l'écrivait autrement : poussez-le à nouveau"
            yield Malformed(own_id, reason, own_id)
            yield ContentStale(own_id)
        else:
            context = replace(self._context, fetcher=partial(self._fetcher, document))
            for found in documents_of(record, context, own_id):
                if isinstance(found, Document):
                    yield Upsert(found)
                    continue
                yield found
                if found.document_id:
                    yield ContentStale(found.document_id)
        for name in document.gone:
            yield Delete(attachment_id(own_id, name))
