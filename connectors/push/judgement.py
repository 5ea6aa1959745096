"""What one item makes of the last word about its document. Pure."""

from collections.abc import Collection
from dataclasses import replace

from connectors.push.lines import Submitted, refused, stored
from connectors.push.tables import PushedDocument
from connectors.push.values import Outcome, Receipt
from connectors.push.versions import Order, order
from connectors.records.schema import AccessLine, DeletedLine, RecordLine


def judged(
    before: PushedDocument | None, item: Submitted, seq: int
) -> tuple[Receipt, PushedDocument | None]:
    """The receipt, and the new last word where there is one, under the number `seq`."""
    if before is not None and (receipt := _known(before, item)):
        return receipt, None
    if isinstance(item.line, AccessLine) and (before is None or _readable(before) is None):
        reason = "document inconnu, ou supprimé : poussez-le d'abord"
        return refused(item.line.id, "unknown", reason), None
    after = _after(before or PushedDocument(item.line.id), item, seq)
    if item.version:
        after = replace(after, version=item.version, version_digest=item.digest)
    return Receipt(item.line.id, Outcome.ACCEPTED), replace(after, seq=seq, digest=item.digest)


def withdrawn(
    before: PushedDocument, attachments: Collection[str], seq: int, *, whole: bool
) -> PushedDocument | None:
    """Without these attachments, or (`whole`) a tombstone; None where nothing changes.

    No item is known of what is left, so that the next one is accepted whatever it says.
    """
    record = _readable(before)
    has = {attachment.name for attachment in record.attachments} if record else set()
    lost = has if whole else has & set(attachments)
    if before.line is None or not (whole or lost):
        return None
    left = PushedDocument(before.id, seq, seq, gone=tuple(sorted(lost | set(before.gone))))
    if whole or record is None:
        return left
    kept = [one for one in record.attachments if one.name not in lost]
    return replace(left, line=stored(record.model_copy(update={"attachments": kept})))


def _known(before: PushedDocument, item: Submitted) -> Receipt | None:
    """The receipt of an item that says nothing new, or contradicts its own version."""
    name = item.line.id
    if not item.version:
        again = item.digest == before.digest
        return Receipt(name, Outcome.UNCHANGED, "same", "déjà reçu") if again else None
    stands = order(before.version, item.version) if before.version else Order.NEWER
    if stands is Order.NEWER:
        return None
    if stands is Order.OLDER:
        return Receipt(name, Outcome.UNCHANGED, "older", "une version plus récente a été reçue")
    if item.digest == before.version_digest:
        return Receipt(name, Outcome.UNCHANGED, "same", "cette version a déjà été reçue")
    reason = "cette version a déjà été reçue avec autre chose : donnez-en une plus récente"
    return refused(name, "conflict", reason, "version")


def _after(before: PushedDocument, item: Submitted, seq: int) -> PushedDocument:
    former = _readable(before)
    names = {attachment.name for attachment in former.attachments} if former else set()
    match item.line:
        case RecordLine() as record:
            kept = {attachment.name for attachment in record.attachments}
            gone = tuple(sorted((names | set(before.gone)) - kept))
            new = before.seq == 0
            same = former is not None and former.readers == record.readers
            access_seq = before.access_seq if new or same else seq
            return replace(before, line=stored(record), gone=gone, access_seq=access_seq)
        case DeletedLine(attachments=named):
            gone = tuple(sorted(names | set(before.gone) | set(named)))
            return replace(before, line=None, gone=gone, access_seq=seq)
        case AccessLine(readers=readers):
            assert former is not None  # noqa: S101 - `judged` refuses it
            line = stored(former.model_copy(update={"readers": readers}))
            return replace(before, line=line, access_seq=seq)


def _readable(before: PushedDocument) -> RecordLine | None:
    """The record that is kept; None also where an older release wrote it otherwise."""
    try:
        return before.record()
    except ValueError:
        return None
