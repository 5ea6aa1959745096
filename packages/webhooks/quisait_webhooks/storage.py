"""The outbox of webhooks, in the state's database.

Events are queued from the rows of the database, so that a crash loses no event (the outbox of mail
does the same). Unlike a mail, an event may be sent twice: the receiver ignores an id that it knows
already. The lock of the worker's task lets one process send at a time; therefore events need no
lease.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

import sqlalchemy as sa

from expertise.builds import SqlBuilds
from indexer import sql
from indexer.state import digest
from search_api.questions.tables import asked_questions, given_answers

FIRST_RETRY = timedelta(minutes=1)
"""Delay of the first retry; doubled for each further retry, up to `LONGEST_WAIT`."""
LONGEST_WAIT = timedelta(hours=6)
LAST_ATTEMPT = timedelta(days=3)
"""Time after which an event has its last attempt. No event is lost if the receiver is down for a
weekend.
"""
RECENT = timedelta(days=7)
"""An event is queued only for answers that are younger than this."""
KEPT = timedelta(days=30)
"""How long an ended event is kept, so that it is not queued again; longer than `RECENT`."""

metadata = sa.MetaData()

webhooks = sa.Table(
    "webhooks",
    metadata,
    sa.Column("name", sa.String(100), primary_key=True),
    sa.Column("since", sql.Moment, nullable=False),
    sa.Column("build_id", sa.String(32), nullable=False),
)
"""`since`: no events are queued for earlier answers. `build_id`: the last build whose changes were
queued, empty if there was no build.
"""

webhook_queue = sa.Table(
    "webhook_queue",
    metadata,
    sa.Column("id", sa.String(32), primary_key=True),
    sa.Column("webhook", sa.String(100), nullable=False),
    sa.Column("kind", sa.String(40), nullable=False),
    sa.Column("subject", sa.String(200), nullable=False),
    sa.Column("happened", sql.Moment, nullable=False),
    sa.Column("queued", sql.Moment, nullable=False),
    sa.Column("due", sql.Moment, nullable=False),
    sa.Column("state", sa.String(20), nullable=False),
    sa.Column("attempts", sa.Integer, nullable=False),
    sa.Column("code", sa.Integer),
    sa.Column("changed", sql.Moment, nullable=False),
    sa.Index("webhook_queue_due", "webhook", "state", "happened"),
    info={sql.MAY_BE_WITHDRAWN: True},
)
"""`subject`: the id of the question or topic. `code`: the HTTP status of a refusal, null if the
receiver could not answer.
"""


class WebhookKind(StrEnum):
    """Types of events that webhooks send."""

    ANSWERED = "question.answered"
    TOPIC = "topic.changed"


class WebhookState(StrEnum):
    """State of an event. `failed`: the last of all attempts failed."""

    WAITING = "waiting"
    SENT = "sent"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class WebhookEvent:
    """An event for one receiver. `id` is the same at each attempt."""

    id: str
    webhook: str
    kind: WebhookKind
    subject: str
    happened: datetime
    queued: datetime
    due: datetime
    attempts: int
    code: int | None


@dataclass(frozen=True, slots=True)
class WebhookCounts:
    """Numbers of one receiver's waiting, sent and failed events.

    `failing`: the latest attempt failed. `code`: the HTTP status of the latest attempt, if there
    was one.
    """

    waiting: int
    sent: int
    failed: int
    failing: bool
    code: int | None


class SqlWebhooks:
    """The outbox. Only one process at a time may call `queue_answers` and send."""

    def __init__(self, engine: sa.Engine, now: Callable[[], datetime]) -> None:
        self._engine, self.now = engine, now

    def begin(self, names: Iterable[str], build_id: str) -> None:
        """Add new receivers, and delete receivers that are not named, with their events.

        A new receiver gets no events for earlier answers, nor for changes before this build.
        """
        names = set(names)
        with self._engine.begin() as connection:
            known = set(connection.execute(sa.select(webhooks.c.name)).scalars())
            for name in sorted(names - known):
                row = {"name": name, "since": self.now(), "build_id": build_id}
                connection.execute(sa.insert(webhooks).values(row))
            for table, column in (
                (webhooks, webhooks.c.name),
                (webhook_queue, webhook_queue.c.webhook),
            ):
                connection.execute(sa.delete(table).where(column.not_in(names)))

    def queue_answers(self, name: str) -> int:
        """Queue an event for each recent answer that was not queued yet; return how many."""
        asked, given = asked_questions.c, given_answers.c
        moment = self.now()
        with self._engine.begin() as connection:
            since = connection.execute(
                sa.select(webhooks.c.since).where(webhooks.c.name == name)
            ).scalar_one()
            query = (
                sa.select(given.id, given.question_id, given.created)
                .join(asked_questions, asked.id == given.question_id)
                .where(~asked.deleted, given.created > max(since, moment - RECENT))
            )
            found = {_id(name, row.id): row for row in connection.execute(query)}
            ids = webhook_queue.c.id
            own = sa.select(ids).where(webhook_queue.c.webhook == name)
            queued = set(connection.execute(own).scalars())
            rows = [
                self._row(name, row.id, WebhookKind.ANSWERED, row.question_id, row.created)
                for id_, row in found.items()
                if id_ not in queued
            ]
            if rows:
                connection.execute(sa.insert(webhook_queue), rows)
        return len(rows)

    def queue_topics(self, names: Iterable[str], builds: SqlBuilds) -> int:
        """Queue an event for each topic that the current build changed; return how many.

        Call it also before another build is published, because that deletes the rows of the former
        build. If the rows are deleted already, no events are queued, because the changes are
        unknown.
        """
        stamp = builds.current()
        if stamp is None:
            return 0
        told = dict(sql.rows(self._engine, sa.select(webhooks.c.name, webhooks.c.build_id)))
        changed: dict[str, Sequence[str]] = {stamp.id: ()}
        count = 0
        for name in names:
            former = told.get(name, stamp.id)
            if former not in changed:
                changed[former] = builds.changed_topics(former, stamp.id)
            count += self._queue_changes(name, former, stamp.id, changed[former])
        return count

    def _queue_changes(
        self, name: str, former: str, build_id: str, topic_ids: Sequence[str]
    ) -> int:
        if former == build_id:
            return 0
        own = (webhooks.c.name == name) & (webhooks.c.build_id == former)
        told = sa.update(webhooks).where(own).values(build_id=build_id)
        moment = self.now()
        rows = [
            self._row(name, f"{build_id} {id_}", WebhookKind.TOPIC, id_, moment)
            for id_ in topic_ids
        ]
        with self._engine.begin() as connection:
            if not connection.execute(told).rowcount:  # another process queued them
                return 0
            if rows:
                connection.execute(sa.insert(webhook_queue), rows)
        return len(rows)

    def waiting(self, name: str) -> Iterator[WebhookEvent]:
        """Yield the receiver's waiting events, due or not, in the order in which they happened."""
        queue = webhook_queue.c
        own = (queue.webhook == name) & (queue.state == WebhookState.WAITING.value)
        query = sa.select(webhook_queue).where(own).order_by(queue.happened, queue.id)
        yield from sql.values(self._engine, WebhookEvent, query)

    def sent(self, one: WebhookEvent) -> None:
        """Mark that the receiver took the event."""
        self._change(one, WebhookState.SENT, attempts=one.attempts + 1, code=None)

    def failed(self, one: WebhookEvent, code: int | None) -> None:
        """Plan the next attempt after twice the delay; after the last attempt, mark it as failed.

        `code`: the HTTP status of a refusal, None if the receiver could not answer. If the last
        attempt failed without an answer, all waiting events of this receiver whose last attempt is
        due are marked as failed, too.
        """
        moment = self.now()
        last = one.queued + LAST_ATTEMPT
        state = WebhookState.WAITING if moment < last else WebhookState.FAILED
        delay = min(FIRST_RETRY * 2 ** min(one.attempts, 16), LONGEST_WAIT)
        due = min(moment + delay, last)
        self._change(one, state, attempts=one.attempts + 1, code=code, due=due)
        if code is None and state is WebhookState.FAILED:
            queue = webhook_queue.c
            over = (queue.webhook == one.webhook) & (queue.state == WebhookState.WAITING.value)
            over &= queue.queued <= moment - LAST_ATTEMPT
            ended = {"state": state.value, "attempts": queue.attempts + 1, "changed": moment}
            sql.execute(self._engine, sa.update(webhook_queue).where(over).values(ended))

    def counts(self, name: str) -> WebhookCounts:
        """Return how many events are stored for a receiver, by state, with the latest attempt."""
        queue = webhook_queue.c
        own = queue.webhook == name
        states = sa.select(queue.state, sa.func.count()).where(own).group_by(queue.state)
        tried = sa.select(queue.state, queue.code).where(own, queue.attempts > 0)
        latest = tried.order_by(queue.changed.desc(), queue.happened.desc()).limit(1)
        with self._engine.connect() as connection:
            found = {row[0]: row[1] for row in connection.execute(states)}
            row = connection.execute(latest).one_or_none()
        return WebhookCounts(
            waiting=found.get(WebhookState.WAITING.value, 0),
            sent=found.get(WebhookState.SENT.value, 0),
            failed=found.get(WebhookState.FAILED.value, 0),
            failing=row is not None and row.state != WebhookState.SENT.value,
            code=row.code if row else None,
        )

    def tidy(self) -> None:
        """Delete events that ended longer than `KEPT` ago."""
        queue = webhook_queue.c
        ended = (queue.state != WebhookState.WAITING.value) & (queue.changed < self.now() - KEPT)
        sql.execute(self._engine, sa.delete(webhook_queue).where(ended))

    def _change(self, one: WebhookEvent, state: WebhookState, **values: object) -> None:
        own = sa.update(webhook_queue).where(webhook_queue.c.id == one.id)
        changed = own.values(state=state.value, changed=self.now(), **values)
        sql.execute(self._engine, changed)

    def _row(
        self, name: str, what: str, kind: WebhookKind, subject: str, happened: datetime
    ) -> dict[str, object]:
        moment = self.now()
        return {
            "id": _id(name, what),
            "webhook": name,
            "kind": kind.value,
            "subject": subject,
            "happened": happened,
            "queued": moment,
            "due": moment,
            "state": WebhookState.WAITING.value,
            "attempts": 0,
            "code": None,
            "changed": moment,
        }


def _id(name: str, what: str) -> str:
    """Return an event's id, which stays the same if a restored database queues it again."""
    return digest(f"{name} {what}")[:32]
