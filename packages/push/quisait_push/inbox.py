"""The inbox of pushed documents: the latest version of each document, numbered, in SQL.

Read `Inbox.receive` first. Documents stay in the inbox once they are indexed: it is the only
copy of such a source, and a full crawl or a new index needs all of it.
"""

from collections.abc import Callable, Collection, Container, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from hashlib import blake2b

import sqlalchemy as sa
from quisait_export.schema import DeletedLine, RecordLine, attachment_id, possible_records

from connectors.batches import batches
from connectors.values import assume_utc
from quisait_push.documents import (
    COLUMNS,
    PushedDocument,
    apply_item,
    document_from_row,
    push_documents,
    push_sources,
    push_tags,
    reachable,
    withdraw_document,
)
from quisait_push.items import (
    InboxFull,
    PushedItem,
    PushLimits,
    PushOutcome,
    PushReceipt,
    parse_item,
)
from quisait_push.tokens import PushTokens

_KEYS_AT_ONCE = 500
"""Keys in one statement: fewer than every database's maximum number of parameters."""

CursorOf = Callable[[str], str | None]


@dataclass(frozen=True, slots=True)
class InboxBacklog:
    """The number of accepted items of a source that are not indexed yet, and the oldest's date."""

    items: int
    oldest: datetime | None


class Inbox:
    """Stores pushed documents. Items before a source's cursor (`cursor_of`) are indexed."""

    def __init__(self, engine: sa.Engine, cursor_of: CursorOf, max_waiting: int) -> None:
        self._engine, self._cursor_of, self._max_waiting = engine, cursor_of, max_waiting

    def receive(
        self, source: str, items: Sequence[PushedItem | PushReceipt]
    ) -> tuple[PushReceipt, ...]:
        """Accept valid items in order; they are durable when this returns.

        Raises `InboxFull` or `InboxUnreachable` if nothing was accepted.
        """
        with reachable():
            applied = position_of(self._cursor_of(source)) or 0
            with self._engine.begin() as connection:
                last = _lock_source(connection, source)
                _note_applied(connection, source, min(applied, last))
                if _backlog(connection, source, 0).items >= self._max_waiting:
                    raise InboxFull
                ids = [item.line.id for item in items if isinstance(item, PushedItem)]
                before = _stored_documents(connection, source, ids)
                receipts, after = _apply_all(items, before, last)
                _write(connection, source, after, before.keys())
                for item, receipt in zip(items, receipts, strict=True):
                    if isinstance(item, PushedItem) and receipt.outcome is not PushOutcome.REFUSED:
                        _write_tags(connection, source, item)
        return receipts

    def tagged(
        self, source: str, tags: Collection[str], *, attachments: bool = True
    ) -> tuple[str, ...]:
        """Return ids of the documents and attachments with one of these tags, in order.

        Raises `InboxUnreachable`.
        """
        found: set[str] = set()
        with reachable(), self._engine.connect() as connection:
            for some in batches(sorted(set(tags)), _KEYS_AT_ONCE):
                query = sa.select(push_tags.c.id).where(
                    push_tags.c.source == source, push_tags.c.tag.in_(some)
                )
                if not attachments:
                    query = query.where(push_tags.c.key == push_tags.c.record)
                found.update(connection.execute(query).scalars())
        return tuple(sorted(found))

    def backlog(self, source: str) -> InboxBacklog:
        """Return the items that are not indexed yet. Raises `InboxUnreachable`."""
        with reachable():
            applied = position_of(self._cursor_of(source)) or 0
            with self._engine.connect() as connection:
                return _backlog(connection, source, applied)

    def forget(self, source: str) -> None:
        """Delete everything that a source pushed. Raises `InboxUnreachable`."""
        with reachable(), self._engine.begin() as connection:
            for table in (push_documents, push_sources, push_tags):
                connection.execute(sa.delete(table).where(table.c.source == source))

    def standing(self, source: str) -> dict[str, datetime]:
        """Return the documents that are not deleted, by id, with their last change (UTC).

        Raises `InboxUnreachable`.
        """
        query = sa.select(push_documents.c.id, push_documents.c.received).where(
            push_documents.c.source == source, push_documents.c.line.is_not(None)
        )
        with reachable(), self._engine.connect() as connection:
            return {name: assume_utc(received) for name, received in connection.execute(query)}

    def delete(self, source: str, ids: Sequence[str]) -> None:
        """Delete documents as if their application had. Raises as `receive` does."""
        for part in batches(ids, _KEYS_AT_ONCE):
            self.receive(
                source, [PushedItem(DeletedLine(type="deleted", id=name)) for name in part]
            )

    def withdraw(self, source: str, names: Collection[str]) -> int:
        """Remove documents and attachments (`record#name`) until they are pushed again.

        Needed after the inbox was restored from a backup, which may contain documents that were
        deleted or closed since. The next item about them is accepted, even with a version that was
        received before. Returns the number of changed records. Raises `InboxUnreachable`.
        """
        attached: dict[str, set[str]] = {name: set() for name in names}
        for name in names:
            for record_id, attachment in possible_records(name):
                attached.setdefault(record_id, set()).add(attachment)
        with reachable(), self._engine.begin() as connection:
            own = push_sources.c.source == source
            if not connection.execute(sa.select(push_sources.c.source).where(own)).first():
                return 0
            last = _lock_source(connection, source)
            before = _stored_documents(connection, source, list(attached))
            after: list[PushedDocument] = []
            for name, document in sorted(before.items()):
                seq = last + len(after) + 1
                changed = withdraw_document(document, attached[name], seq, whole=name in names)
                if changed is not None:
                    after.append(changed)
            _write(connection, source, after, before.keys())
        return len(after)

    def last_seq(self, source: str) -> int:
        """Return the number of the last accepted item, or 0 if there is none."""
        query = sa.select(push_sources.c.last_seq).where(push_sources.c.source == source)
        with reachable(), self._engine.connect() as connection:
            return connection.execute(query).scalar_one_or_none() or 0

    def after(
        self, source: str, seq: int, upto: int, limit: int, *, access: bool = False
    ) -> list[PushedDocument]:
        """Return at most `limit` documents with a number above `seq` and up to `upto`, by number.

        With `access`, the number is that of the last change of their readers.
        """
        column = push_documents.c.access_seq if access else push_documents.c.seq
        query = sa.select(*COLUMNS).where(
            push_documents.c.source == source, column > seq, column <= upto
        )
        with reachable(), self._engine.connect() as connection:
            rows = connection.execute(query.order_by(column, push_documents.c.key).limit(limit))
            return [document_from_row(row) for row in rows.mappings()]

    def stored(self, source: str, ids: Sequence[str]) -> dict[str, PushedDocument]:
        """Return these documents as they are now; unknown ids are left out.

        Raises `InboxUnreachable`.
        """
        with reachable(), self._engine.connect() as connection:
            return _stored_documents(connection, source, ids)

    def count_after(self, source: str, seq: int) -> int:
        """Return how many documents have a number above `seq`."""
        query = sa.select(sa.func.count()).where(
            push_documents.c.source == source, push_documents.c.seq > seq
        )
        with reachable(), self._engine.connect() as connection:
            return int(connection.execute(query).scalar_one())


def position_of(cursor: str | None) -> int | None:
    """Return the number that a cursor contains, or None if it is not a number."""
    valid = cursor is not None and cursor.isascii() and cursor.isdigit() and len(cursor) < 19
    return int(cursor) if valid and cursor else None


def _lock_source(connection: sa.Connection, source: str) -> int:
    """Lock the source's row until the transaction ends; return the last number in use.

    Because of the lock, numbers become visible in order: a crawl that has seen a number has seen
    all lower numbers.
    """
    own = push_sources.c.source == source
    lock = sa.update(push_sources).where(own).values(last_seq=push_sources.c.last_seq)
    if connection.execute(lock).rowcount == 0:
        try:
            with connection.begin_nested():
                first = {"source": source, "last_seq": 0, "applied_seq": 0}
                connection.execute(sa.insert(push_sources).values(**first))
        except sa.exc.IntegrityError:  # inserted by a concurrent first push
            connection.execute(lock)
    query = sa.select(push_sources.c.last_seq).where(own)
    return int(connection.execute(query).scalar_one())


def _note_applied(connection: sa.Connection, source: str, seq: int) -> None:
    """Store the highest number that was indexed, because a full crawl resets the cursor."""
    behind = (push_sources.c.source == source) & (push_sources.c.applied_seq < seq)
    connection.execute(sa.update(push_sources).where(behind).values(applied_seq=seq))


def _backlog(connection: sa.Connection, source: str, at_least: int) -> InboxBacklog:
    """Return the backlog; items up to `at_least` count as indexed, whatever is stored."""
    stored = sa.select(push_sources.c.applied_seq).where(push_sources.c.source == source)
    applied = max(connection.execute(stored).scalar_one_or_none() or 0, at_least)
    query = sa.select(sa.func.count(), sa.func.min(push_documents.c.received)).where(
        push_documents.c.source == source, push_documents.c.seq > applied
    )
    items, oldest = connection.execute(query).one()
    return InboxBacklog(items, oldest)


def _stored_documents(
    connection: sa.Connection, source: str, ids: Sequence[str]
) -> dict[str, PushedDocument]:
    keys = sorted({_key(name) for name in ids})
    found: dict[str, PushedDocument] = {}
    for some in batches(keys, _KEYS_AT_ONCE):
        query = sa.select(*COLUMNS).where(
            push_documents.c.source == source, push_documents.c.key.in_(some)
        )
        rows = connection.execute(query).mappings()
        found |= {row["id"]: document_from_row(row) for row in rows}
    return found


def _apply_all(
    items: Sequence[PushedItem | PushReceipt], before: dict[str, PushedDocument], last: int
) -> tuple[tuple[PushReceipt, ...], list[PushedDocument]]:
    """Apply each item in order: a later item sees the state after the earlier items."""
    receipts: list[PushReceipt] = []
    after: dict[str, PushedDocument] = {}
    for item in items:
        if isinstance(item, PushReceipt):
            receipts.append(item)
            continue
        name = item.line.id
        receipt, document = apply_item(after.get(name) or before.get(name), item, last + 1)
        receipts.append(receipt)
        if document is not None and receipt.outcome is PushOutcome.ACCEPTED:
            last += 1
            after[name] = document
    return tuple(receipts), list(after.values())


def _write(
    connection: sa.Connection, source: str, after: Sequence[PushedDocument], known: Container[str]
) -> None:
    """Write these states and their last number; documents in `known` already have a row."""
    if not after:
        return
    now = datetime.now(UTC)
    rows = [_row(document, source, now) for document in after]
    old = [row | {"own_key": row["key"]} for row in rows if row["id"] in known]
    new = [row for row in rows if row["id"] not in known]
    own = (push_documents.c.source == source) & (push_documents.c.key == sa.bindparam("own_key"))
    if old:
        connection.execute(sa.update(push_documents).where(own), old)
    if new:
        connection.execute(sa.insert(push_documents), new)
    last = max(document.seq for document in after)
    own_source = push_sources.c.source == source
    connection.execute(sa.update(push_sources).where(own_source).values(last_seq=last))


def _write_tags(connection: sa.Connection, source: str, item: PushedItem) -> None:
    """Replace the tags of an item's document; a deleted one has none."""
    deleted = isinstance(item.line, DeletedLine)
    if item.tags is None and not deleted:
        return
    record = _key(item.line.id)
    own = (push_tags.c.source == source) & (push_tags.c.record == record)
    connection.execute(sa.delete(push_tags).where(own))
    ids = [item.line.id]
    if isinstance(item.line, RecordLine):
        ids += [attachment_id(item.line.id, one.name) for one in item.line.attachments]
    rows = [
        {"source": source, "tag": tag, "key": _key(name), "record": record, "id": name}
        for tag in item.tags or ()
        for name in ids
    ]
    if rows:
        connection.execute(sa.insert(push_tags), rows)


def _row(document: PushedDocument, source: str, now: datetime) -> dict[str, object]:
    row = asdict(document)
    return row | {
        "source": source,
        "key": _key(document.id),
        "gone": list(document.gone),
        "received": now,
    }


def _key(name: str) -> str:
    return blake2b(name.encode(), digest_size=32).hexdigest()


class PushService:
    """Accepts pushes.

    `file_origins`: the origins (`https://host`, with its port) from which files may be fetched, by
    the name of each configured source that pushes.
    """

    def __init__(
        self,
        inbox: Inbox,
        tokens: PushTokens,
        file_origins: Mapping[str, frozenset[str]],
        limits: PushLimits,
    ) -> None:
        self._inbox, self._tokens, self._file_origins = inbox, tokens, file_origins
        self.limits = limits

    def source_of(self, token: str) -> str | None:
        """Return the configured source that a token gives access to, or None.

        Raises `InboxUnreachable`.
        """
        with reachable():
            source = self._tokens.source_of(token)
        return source if source in self._file_origins else None

    def receive(self, source: str, items: Sequence[object]) -> tuple[PushReceipt, ...]:
        """Receive records, deletions and new readers. Raises `InboxFull`, `InboxUnreachable`."""
        origins, max_bytes = self._file_origins[source], self.limits.document_bytes
        parsed = [parse_item(item, max_bytes, origins) for item in items]
        return self._inbox.receive(source, parsed)

    def delete(self, source: str, ids: Sequence[str]) -> tuple[PushReceipt, ...]:
        """Receive deletions of these ids. Raises as `receive` does."""
        return self.receive(source, [{"type": "deleted", "id": name} for name in ids])
