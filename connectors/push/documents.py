"""Pushed documents as they are stored, and how an item changes the stored one."""

import re
from collections.abc import Collection
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from enum import Enum

import sqlalchemy as sa

from connectors.push.items import (
    PushedItem,
    PushOutcome,
    PushReceipt,
    canonical_json,
    refused_receipt,
)
from connectors.records.schema import AccessLine, DeletedLine, RecordLine

metadata = sa.MetaData()

push_sources = sa.Table(
    "push_sources",
    metadata,
    sa.Column("source", sa.String(200), primary_key=True),
    sa.Column("last_seq", sa.BigInteger, nullable=False),
    sa.Column("applied_seq", sa.BigInteger, nullable=False),
)
"""`last_seq` is taken under the row's lock: what has a higher number was accepted later."""

push_documents = sa.Table(
    "push_documents",
    metadata,
    sa.Column("source", sa.String(200), primary_key=True),
    # Of the id, which is too long for an index where its letters are.
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
)


@dataclass(frozen=True, slots=True)
class PushedDocument:
    """The last word about one document.

    `line` is the record with its present readers, None for a tombstone. `access_seq` is
    the number of the last change of readers of a document that may be kept already.
    `gone` are the names of attachments that it no longer has. `version_digest` is of the
    item that brought `version`, `digest` of the last one, with or without a version.
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
        """The record, None for a tombstone. Raises `pydantic.ValidationError`, a `ValueError`."""
        return None if self.line is None else RecordLine.model_validate_json(self.line)


COLUMNS = (
    push_documents.c.id,
    push_documents.c.seq,
    push_documents.c.access_seq,
    push_documents.c.line,
    push_documents.c.gone,
    push_documents.c.version,
    push_documents.c.version_digest,
    push_documents.c.digest,
)


def document_from_row(row: sa.RowMapping) -> PushedDocument:
    """A row of `COLUMNS` as a value."""
    values = dict(row) | {"gone": tuple(row["gone"])}
    return PushedDocument(**values)


class VersionOrder(Enum):
    """How a version that arrives stands to the one that was last accepted."""

    OLDER = "older"
    EQUAL = "equal"
    NEWER = "newer"


def compare_versions(kept: str, given: str) -> VersionOrder:
    """Integers compare as numbers, ISO 8601 dates as moments (without a zone: UTC).

    Any other two versions that differ have no order: the one that arrives is the newer.
    """
    if kept == given:
        return VersionOrder.EQUAL
    for measure in (_number, _microseconds):
        before, after = measure(kept), measure(given)
        if before is not None and after is not None:
            if before == after:
                return VersionOrder.EQUAL
            return VersionOrder.OLDER if after < before else VersionOrder.NEWER
    return VersionOrder.NEWER


def _number(version: str) -> float | int | None:
    return int(version) if re.fullmatch(r"-?[0-9]{1,40}", version) else None


def _microseconds(version: str) -> float | int | None:
    """Seconds since year 1, exact to the microsecond."""
    if _number(version) is not None:
        return None
    try:
        read = datetime.fromisoformat(version)
    except ValueError:
        return None
    aware = read if read.tzinfo else read.replace(tzinfo=UTC)
    since = aware - datetime(1, 1, 1, tzinfo=UTC)
    return (since.days * 86_400 + since.seconds) * 1_000_000 + since.microseconds


def apply_item(
    before: PushedDocument | None, item: PushedItem, seq: int
) -> tuple[PushReceipt, PushedDocument | None]:
    """The receipt, and the new last word where there is one, under the number `seq`."""
    if before is not None and (receipt := _receipt_if_known(before, item)):
        return receipt, None
    if isinstance(item.line, AccessLine) and (before is None or _record_or_none(before) is None):
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
    """Without these attachments, or (`whole`) a tombstone; None where nothing changes.

    No item is known of what is left, so that the next one is accepted whatever it says.
    """
    record = _record_or_none(before)
    has = {attachment.name for attachment in record.attachments} if record else set()
    lost = has if whole else has & set(attachments)
    if before.line is None or not (whole or lost):
        return None
    left = PushedDocument(before.id, seq, seq, gone=tuple(sorted(lost | set(before.gone))))
    if whole or record is None:
        return left
    kept = [one for one in record.attachments if one.name not in lost]
    return replace(left, line=canonical_json(record.model_copy(update={"attachments": kept})))


def _receipt_if_known(before: PushedDocument, item: PushedItem) -> PushReceipt | None:
    """The receipt of an item that says nothing new, or contradicts its own version."""
    name = item.line.id
    if not item.version:
        again = item.digest == before.digest
        return PushReceipt(name, PushOutcome.UNCHANGED, "same", "déjà reçu") if again else None
    stands = (
        compare_versions(before.version, item.version) if before.version else VersionOrder.NEWER
    )
    if stands is VersionOrder.NEWER:
        return None
    if stands is VersionOrder.OLDER:
        return PushReceipt(
            name, PushOutcome.UNCHANGED, "older", "une version plus récente a été reçue"
        )
    if item.digest == before.version_digest:
        return PushReceipt(name, PushOutcome.UNCHANGED, "same", "cette version a déjà été reçue")
    reason = "cette version a déjà été reçue avec autre chose : donnez-en une plus récente"
    return refused_receipt(name, "conflict", reason, "version")


def _updated(before: PushedDocument, item: PushedItem, seq: int) -> PushedDocument:
    former = _record_or_none(before)
    names = {attachment.name for attachment in former.attachments} if former else set()
    match item.line:
        case RecordLine() as record:
            kept = {attachment.name for attachment in record.attachments}
            gone = tuple(sorted((names | set(before.gone)) - kept))
            new = before.seq == 0
            same = former is not None and former.readers == record.readers
            access_seq = before.access_seq if new or same else seq
            return replace(before, line=canonical_json(record), gone=gone, access_seq=access_seq)
        case DeletedLine(attachments=named):
            gone = tuple(sorted(names | set(before.gone) | set(named)))
            return replace(before, line=None, gone=gone, access_seq=seq)
        case AccessLine(readers=readers):
            assert former is not None  # noqa: S101 - `judged` refuses it
            line = canonical_json(former.model_copy(update={"readers": readers}))
            return replace(before, line=line, access_seq=seq)


def _record_or_none(before: PushedDocument) -> RecordLine | None:
    """The record that is kept; None also where an older release wrote it otherwise."""
    try:
        return before.record()
    except ValueError:
        return None
