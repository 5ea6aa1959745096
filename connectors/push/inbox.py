"""The inbox of pushed documents: the latest version of each document, numbered, in SQL.

Read `Inbox.receive` first. Documents stay in the inbox once they are indexed: it is the only
copy of such a source, and a full crawl or a new index needs all of it.
"""

from collections.abc import Callable, Collection, Container, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from hashlib import blake2b

import sqlalchemy as sa

from connectors.push.documents import (
    COLUMNS,
    PushedDocument,
    apply_item,
    document_from_row,
    metadata,
    push_documents,
    push_sources,
    withdraw_document,
)
from connectors.push.items import (
    InboxFull,
    InboxUnreachable,
    PushedItem,
    PushLimits,
    PushOutcome,
    PushReceipt,
    SuiteRules,
    parse_find_item,
    parse_item,
)
from connectors.push.tokens import PushTokens

_KEYS_AT_ONCE = 500
"""Below every database's limit of parameters in one statement."""

CursorOf = Callable[[str], str | None]


@dataclass(frozen=True, slots=True)
class InboxBacklog:
    """How much of a source is accepted and not yet applied, and since when."""

    items: int
    oldest: datetime | None


class Inbox:
    """What was pushed. `cursor_of` gives a source's cursor: what it has passed is applied."""

    def __init__(self, engine: sa.Engine, cursor_of: CursorOf, most_waiting: int) -> None:
        self._engine, self._cursor_of, self._most_waiting = engine, cursor_of, most_waiting
        metadata.create_all(engine)

    def receive(
        self, source: str, items: Sequence[PushedItem | PushReceipt]
    ) -> tuple[PushReceipt, ...]:
        """Accept what can be, in order; what is accepted is durable once this returns.

        Raises `InboxFull` or `InboxUnreachable`: nothing was taken.
        """
        with self._answering():
            applied = position_of(self._cursor_of(source)) or 0
            with self._engine.begin() as connection:
                last = _lock_source(connection, source)
                _note_applied(connection, source, min(applied, last))
                if _backlog(connection, source, 0).items >= self._most_waiting:
                    raise InboxFull
                understood = [item for item in items if isinstance(item, PushedItem)]
                before = _stored_documents(
                    connection, source, [item.line.id for item in understood]
                )
                receipts, after = _apply_all(items, before, last)
                _write(connection, source, after, before.keys())
                if after:
                    last = max(document.seq for document in after)
                    own = push_sources.c.source == source
                    connection.execute(sa.update(push_sources).where(own).values(last_seq=last))
        return receipts

    def waiting(self, source: str) -> InboxBacklog:
        """What is not yet applied. Raises `InboxUnreachable`."""
        with self._answering():
            applied = position_of(self._cursor_of(source)) or 0
            with self._engine.connect() as connection:
                return _backlog(connection, source, applied)

    def forget(self, source: str) -> None:
        """Forget all that a source pushed. Raises `InboxUnreachable`."""
        with self._answering(), self._engine.begin() as connection:
            for table in (push_documents, push_sources):
                connection.execute(sa.delete(table).where(table.c.source == source))

    def withdraw(self, source: str, names: Collection[str]) -> int:
        """Documents and attachments (`record#name`) stay away until they are pushed again.

        For an inbox that was restored: it holds what was deleted or closed since. Whatever is
        pushed of them next is accepted, also under a version that was received before.
        Returns how many records were changed; raises `InboxUnreachable`.
        """
        # An attachment's id goes on from its record's with `#`, which either may hold.
        attached: dict[str, set[str]] = {name: set() for name in names}
        for name in names:
            for place, one in enumerate(name):
                if one == "#":
                    attached.setdefault(name[:place], set()).add(name[place + 1 :])
        with self._answering(), self._engine.begin() as connection:
            if not connection.execute(
                sa.select(push_sources.c.source).where(push_sources.c.source == source)
            ).first():
                return 0
            last = _lock_source(connection, source)
            before = _stored_documents(connection, source, list(attached))
            after: list[PushedDocument] = []
            for name, document in sorted(before.items()):
                seq = last + len(after) + 1
                left = withdraw_document(document, attached[name], seq, whole=name in names)
                if left is not None:
                    after.append(left)
            _write(connection, source, after, before.keys())
            own = push_sources.c.source == source
            seq = last + len(after)
            connection.execute(sa.update(push_sources).where(own).values(last_seq=seq))
        return len(after)

    def last_seq(self, source: str) -> int:
        """The number of the last item that was accepted, 0 for none."""
        query = sa.select(push_sources.c.last_seq).where(push_sources.c.source == source)
        with self._answering(), self._engine.connect() as connection:
            return connection.execute(query).scalar_one_or_none() or 0

    def after(
        self, source: str, seq: int, upto: int, limit: int, *, access: bool = False
    ) -> list[PushedDocument]:
        """The next documents numbered above `seq` and up to `upto`, by number.

        With `access`, by the number of the last change of their readers instead.
        """
        column = push_documents.c.access_seq if access else push_documents.c.seq
        query = sa.select(*COLUMNS).where(
            push_documents.c.source == source, column > seq, column <= upto
        )
        with self._answering(), self._engine.connect() as connection:
            rows = connection.execute(query.order_by(column, push_documents.c.key).limit(limit))
            return [document_from_row(row) for row in rows.mappings()]

    def count_after(self, source: str, seq: int) -> int:
        """How many documents have a number above `seq`."""
        query = sa.select(sa.func.count()).where(
            push_documents.c.source == source, push_documents.c.seq > seq
        )
        with self._answering(), self._engine.connect() as connection:
            return int(connection.execute(query).scalar_one())

    @contextmanager
    def _answering(self) -> Iterator[None]:
        try:
            yield
        except (sa.exc.OperationalError, sa.exc.TimeoutError) as error:
            raise InboxUnreachable from error


def position_of(cursor: str | None) -> int | None:
    """The number that a cursor stands for, None for one that is no number."""
    known = cursor is not None and cursor.isascii() and cursor.isdigit() and len(cursor) < 19
    return int(cursor) if known and cursor else None


def _lock_source(connection: sa.Connection, source: str) -> int:
    """Lock the source's row until the transaction ends; the last number that was given.

    Numbers become visible in their order: a reading that has seen one misses none below.
    """
    own = push_sources.c.source == source
    lock = sa.update(push_sources).where(own).values(last_seq=push_sources.c.last_seq)
    if connection.execute(lock).rowcount == 0:
        try:
            with connection.begin_nested():
                first = {"source": source, "last_seq": 0, "applied_seq": 0}
                connection.execute(sa.insert(push_sources).values(**first))
        except sa.exc.IntegrityError:  # somebody else's first push, a moment ago
            connection.execute(lock)
    query = sa.select(push_sources.c.last_seq).where(own)
    return int(connection.execute(query).scalar_one())


def _note_applied(connection: sa.Connection, source: str, seq: int) -> None:
    """What was once applied stays so: a full reading begins its cursor anew."""
    behind = (push_sources.c.source == source) & (push_sources.c.applied_seq < seq)
    connection.execute(sa.update(push_sources).where(behind).values(applied_seq=seq))


def _backlog(connection: sa.Connection, source: str, at_least: int) -> InboxBacklog:
    """`at_least` so much is known to be applied, whatever was noted of it."""
    noted = sa.select(push_sources.c.applied_seq).where(push_sources.c.source == source)
    applied = max(connection.execute(noted).scalar_one_or_none() or 0, at_least)
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
    for start in range(0, len(keys), _KEYS_AT_ONCE):
        query = sa.select(*COLUMNS).where(
            push_documents.c.source == source,
            push_documents.c.key.in_(keys[start : start + _KEYS_AT_ONCE]),
        )
        rows = connection.execute(query).mappings()
        found |= {row["id"]: document_from_row(row) for row in rows}
    return found


def _apply_all(
    items: Sequence[PushedItem | PushReceipt], before: dict[str, PushedDocument], last: int
) -> tuple[tuple[PushReceipt, ...], list[PushedDocument]]:
    """Each item in its turn: a later one of the same request sees what an earlier one made."""
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
    now = datetime.now(UTC)
    rows = [_row(document, source, now) for document in after]
    old = [row | {"own_key": row["key"]} for row in rows if row["id"] in known]
    new = [row for row in rows if row["id"] not in known]
    own = (push_documents.c.source == source) & (push_documents.c.key == sa.bindparam("own_key"))
    if old:
        connection.execute(sa.update(push_documents).where(own), old)
    if new:
        connection.execute(sa.insert(push_documents), new)


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
    """`sources` are those of the settings that push, each with its rules for La Suite."""

    def __init__(
        self,
        inbox: Inbox,
        tokens: PushTokens,
        sources: Mapping[str, SuiteRules],
        limits: PushLimits,
    ) -> None:
        self._inbox, self._tokens, self._sources = inbox, tokens, sources
        self.limits = limits

    def source_of(self, token: str) -> str | None:
        """The source that a token opens; None for no token of a source of the settings.

        Raises `InboxUnreachable`.
        """
        try:
            source = self._tokens.source_of(token)
        except (sa.exc.OperationalError, sa.exc.TimeoutError) as error:
            raise InboxUnreachable from error
        return source if source in self._sources else None

    def receive(self, source: str, items: Sequence[object]) -> tuple[PushReceipt, ...]:
        """Take in records, tombstones and new readers. Raises `InboxFull`, `InboxUnreachable`."""
        most = self.limits.document_bytes
        return self._inbox.receive(source, [parse_item(item, most) for item in items])

    def receive_find(self, source: str, items: Sequence[object]) -> tuple[PushReceipt, ...]:
        """The same for documents as find takes them."""
        rules, most = self._sources[source], self.limits.document_bytes
        understood = [parse_find_item(item, source, rules, most) for item in items]
        return self._inbox.receive(source, understood)

    def delete(self, source: str, ids: Sequence[str]) -> tuple[PushReceipt, ...]:
        """Take in tombstones alone; an id that is none is refused by its receipt."""
        most = self.limits.document_bytes
        lines = [parse_item({"type": "deleted", "id": name}, most) for name in ids]
        return self._inbox.receive(source, lines)
