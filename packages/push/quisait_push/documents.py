"""Pushed documents as they are stored, and how a pushed item changes the stored document."""

import re
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, fields, replace
from datetime import UTC, datetime, timedelta

import sqlalchemy as sa
from pydantic import ValidationError
from quisait_export.schema import AccessLine, DeletedLine, RecordLine

from connectors.values import assume_utc
from indexer import sql
from quisait_push.items import (
    InboxUnreachable,
    PushedItem,
    PushOutcome,
    PushReceipt,
    canonical_json,
    refused_receipt,
)

metadata = sa.MetaData()

push_sources = sa.Table(
    "push_sources",
    metadata,
    sa.Column("source", sa.String(200), primary_key=True),
    sa.Column("last_seq", sa.BigInteger, nullable=False),
    sa.Column("applied_seq", sa.BigInteger, nullable=False),
    info={sql.MAY_BE_WITHDRAWN: True},
)
"""`last_seq` is incremented under the row's lock, so a higher number was accepted later."""

push_documents = sa.Table(
    "push_documents",
    metadata,
    sa.Column("source", sa.String(200), primary_key=True),
    # A digest of the id, which is too long for an index.
    sa.Column("key", sa.String(64), primary_key=True),
    sa.Column("seq", sa.BigInteger, nullable=False),
    sa.Column("access_seq", sa.BigInteger, nullable=False),
    sa.Column("id", sa.Text, nullable=False),
    sa.Column("line", sa.Text),
    sa.Column("gone", sa.JSON, nullable=False),
    sa.Column("version", sa.String(200), nullable=False),
    sa.Column("version_digest", sa.String(32), nullable=False),
    sa.Column("digest", sa.String(32), nullable=False),
    sa.Column("received", sa.DateTime(timezone=True), nullable=False),
    sa.Index("push_documents_seq", "source", "seq"),
    sa.Index("push_documents_access", "source", "access_seq"),
    info={sql.MAY_BE_WITHDRAWN: True},
)

push_tags = sa.Table(
    "push_tags",
    metadata,
    sa.Column("source", sa.String(200), primary_key=True),
    sa.Column("tag", sa.String(300), primary_key=True),
    sa.Column("key", sa.String(64), primary_key=True),
    sa.Column("record", sa.String(64), nullable=False),
    sa.Column("id", sa.Text, nullable=False),
    sa.Index("push_tags_record", "source", "record"),
    info={sql.MAY_BE_WITHDRAWN: True},
)
"""A row for each tag of a document and of its attachments; `record` is the key of the document."""


@contextmanager
def reachable() -> Iterator[None]:
    """Raise `InboxUnreachable` if the database does not answer during the block."""
    try:
        yield
    except (sa.exc.OperationalError, sa.exc.TimeoutError) as error:
        raise InboxUnreachable from error


@dataclass(frozen=True, slots=True)
class PushedDocument:
    """The latest state of one document.

    `line` is the record with its current readers, or None if the document was deleted. `access_seq`
    is the number of the last item that changed the readers of a document that may be indexed.
    `gone` are the names of attachments that the document no longer has. `version_digest` is the
    digest of the item that set `version`, `digest` the digest of the last item, with or without a
    version.
    """

    id: str
    seq: int = 0
    access_seq: int = 0
    line: str | None = None
    gone: tuple[str, ...] = ()
    version: str = ""
    version_digest: str = ""
    digest: str = ""

    def record(self) -> RecordLine | None:
        """Return the record, or None if it is deleted or stored by an incompatible release."""
        try:
            return RecordLine.model_validate_json(self.line) if self.line else None
        except ValidationError:
            return None


COLUMNS = tuple(push_documents.c[field.name] for field in fields(PushedDocument))


def document_from_row(row: sa.RowMapping) -> PushedDocument:
    """Return a row of `COLUMNS` as a value."""
    values = dict(row) | {"gone": tuple(row["gone"])}
    return PushedDocument(**values)


def _advance(stored: str, given: str) -> int:
    """Return a number above 0 if the given version is newer, below 0 if it is older, else 0.

    Integers are compared as numbers, and ISO 8601 dates as moments (UTC without a zone). Any other
    two different versions have no order; the given version then counts as newer.
    """
    if stored == given:
        return 0
    for measure in (_number, _microseconds):
        before, after = measure(stored), measure(given)
        if before is not None and after is not None:
            return after - before
    return 1


def _number(version: str) -> int | None:
    return int(version) if re.fullmatch(r"-?[0-9]{1,40}", version) else None


def _microseconds(version: str) -> int | None:
    """Return the microseconds since year 1, or None for a version that is not a date."""
    if _number(version) is not None:
        return None
    try:
        moment = assume_utc(datetime.fromisoformat(version))
    except ValueError:
        return None
    return (moment - datetime(1, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1)


def apply_item(
    before: PushedDocument | None, item: PushedItem, seq: int
) -> tuple[PushReceipt, PushedDocument | None]:
    """Return an item's receipt, and the document's new state numbered `seq`; None if unchanged."""
    if before is not None and (receipt := _receipt_if_known(before, item)):
        return receipt, None
    if isinstance(item.line, AccessLine) and (before is None or before.record() is None):
        reason = "document inconnu, ou supprimé : poussez-le d'abord"
        return refused_receipt(item.line.id, "unknown", reason), None
    after = _updated(before or PushedDocument(item.line.id), item, seq)
    if item.version:
        after = replace(after, version=item.version, version_digest=item.digest)
    return PushReceipt(item.line.id, PushOutcome.ACCEPTED), replace(
        after, seq=seq, digest=item.digest
    )


def withdraw_document(
    before: PushedDocument, attachments: Collection[str], seq: int, *, whole: bool
) -> PushedDocument | None:
    """Return the document without these attachments, or deleted (`whole`); None if unchanged.

    The result has no version or digest, so that any next item is accepted.
    """
    record = before.record()
    names = _attachment_names(record)
    removed = names if whole else names & set(attachments)
    if before.line is None or not (whole or removed):
        return None
    after = PushedDocument(before.id, seq, seq, gone=tuple(sorted(removed | set(before.gone))))
    if whole or record is None:
        return after
    left = [attachment for attachment in record.attachments if attachment.name not in removed]
    return replace(after, line=canonical_json(record.model_copy(update={"attachments": left})))


def _receipt_if_known(before: PushedDocument, item: PushedItem) -> PushReceipt | None:
    """Return the receipt of an item that changes nothing or conflicts in version, else None."""
    name = item.line.id
    if not item.version:
        same = item.digest == before.digest
        return PushReceipt(name, PushOutcome.UNCHANGED, "same", "déjà reçu") if same else None
    advance = _advance(before.version, item.version) if before.version else 1
    if advance > 0:
        return None
    if advance < 0:
        reason = "une version plus récente a été reçue"
        return PushReceipt(name, PushOutcome.UNCHANGED, "older", reason)
    if item.digest == before.version_digest:
        return PushReceipt(name, PushOutcome.UNCHANGED, "same", "cette version a déjà été reçue")
    reason = "cette version a déjà été reçue avec autre chose : donnez-en une plus récente"
    return refused_receipt(name, "conflict", reason, "version")


def _updated(before: PushedDocument, item: PushedItem, seq: int) -> PushedDocument:
    former = before.record()
    removable = _attachment_names(former) | set(before.gone)
    match item.line:
        case RecordLine() as record:
            gone = tuple(sorted(removable - _attachment_names(record)))
            new = before.seq == 0
            same = former is not None and former.readers == record.readers
            access_seq = before.access_seq if new or same else seq
            return replace(before, line=canonical_json(record), gone=gone, access_seq=access_seq)
        case DeletedLine(attachments=named):
            gone = tuple(sorted(removable | set(named)))
            return replace(before, line=None, gone=gone, access_seq=seq)
        case AccessLine(readers=readers):
            assert former is not None  # noqa: S101 - `apply_item` refuses it
            line = canonical_json(former.model_copy(update={"readers": readers}))
            return replace(before, line=line, access_seq=seq)


def _attachment_names(record: RecordLine | None) -> set[str]:
    return {attachment.name for attachment in record.attachments} if record else set()
