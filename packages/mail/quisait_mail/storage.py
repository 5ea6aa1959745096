"""The outbox and agents' choices of mail, in the state's database: SQLite or PostgreSQL.

A message is `waiting`, is claimed by one sender under a lease, becomes `sending` before the server
may accept it, and `sent` afterwards. If a sender dies before `sending`, another sender takes the
message. If the sender dies later, the message becomes doubtful and is not sent again automatically,
because a mail cannot be taken back, and its news is also shown on a page. Each reason for a mail is
queued once.
"""

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import uuid4

import sqlalchemy as sa

from indexer import sql
from indexer.register import NO_REGISTER, Clock, Register
from indexer.state import digest, row_of
from quisait_mail.links import UnsubscribeLinks
from quisait_mail.shown_mails import ShownMails
from quisait_mail.values import (
    DigestPace,
    KeptMail,
    MailAddition,
    MailKind,
    MailPreferences,
    MailRules,
    MailState,
    QueueCounts,
    QueuedMail,
)
from search_api.questions.tables import asked_agents, asked_questions, given_answers
from search_api.questions.values import RequestState

LEASE = timedelta(minutes=5)
"""Time for which a sender reserves a message. It is longer than the timeouts of the mail server."""
FIRST_RETRY = timedelta(minutes=5)
"""Delay of the first retry after a temporary refusal; doubled for each further retry."""
MOST_ATTEMPTS = 8
"""Maximum number of attempts. Delays double from five minutes on, so that the last attempt is about
ten hours after the first.
"""
_DAY = timedelta(days=1)
RECENT = timedelta(days=7)
"""Older events are not sent by mail any more."""
ANSWERED_PER_WEEK = 5
"""Maximum number of mails about answers to one agent in seven days: one per working day. Mails
about questions need no limit, because agents receive a limited number of questions.
"""
KEPT = timedelta(days=30)
"""How long an ended message is kept, so that it is not queued again; longer than `RECENT`."""

metadata = sa.MetaData()

mail_preferences = sa.Table(
    "mail_preferences",
    metadata,
    sa.Column("agent_key", sa.String(64), primary_key=True),
    sa.Column("agent_id", sa.Text, nullable=False),
    sa.Column("asked", sa.Boolean, nullable=False),
    sa.Column("answered", sa.Boolean, nullable=False),
    sa.Column("digest", sa.String(20), nullable=False),
    sa.Column("chosen", sql.Moment, nullable=False),
    sa.Column("digested", sql.Moment, nullable=False),
    sa.Column("refused", sql.Moment),
    sa.Column("refused_key", sa.String(64), nullable=False),
    sa.Column("invited", sa.Boolean, nullable=False, server_default=sa.true()),
)
"""`digested`: end of the last digest's period. `refused_key`: a hash of the refused address."""

mail_queue = sa.Table(
    "mail_queue",
    metadata,
    sa.Column("id", sa.String(32), primary_key=True),
    sa.Column("message_id", sa.Text, nullable=False),
    sa.Column("agent_key", sa.String(64), nullable=False),
    sa.Column("agent_id", sa.Text, nullable=False),
    sa.Column("kind", sa.String(20), nullable=False),
    sa.Column("subject", sa.String(64), nullable=False),
    sa.Column("queued", sql.Moment, nullable=False),
    sa.Column("begins", sql.Moment),
    sa.Column("due", sql.Moment, nullable=False),
    sa.Column("state", sa.String(20), nullable=False),
    sa.Column("attempts", sa.Integer, nullable=False),
    sa.Column("lease", sql.Moment),
    sa.Column("holder", sa.String(32), nullable=False),
    sa.Column("code", sa.Integer),
    sa.Column("changed", sql.Moment, nullable=False),
    sa.UniqueConstraint("agent_key", "kind", "subject", name="mail_queue_once"),
    sa.Index("mail_queue_due", "state", "due"),
    info={sql.MAY_BE_WITHDRAWN: True},
)
"""`code`: the reply code with which the server refused."""

_ENDED = (MailState.SENT, MailState.DROPPED, MailState.REFUSED, MailState.FAILED)


@dataclass(frozen=True, slots=True)
class _Reason:
    """The reason for a message, and its recipient."""

    agent_id: str
    kind: MailKind
    subject: str
    begins: datetime | None = None


class SqlMail:
    """The outbox and agents' choices. `domain`: the part of message ids after the @."""

    def __init__(
        self,
        engine: sa.Engine,
        now: Clock,
        domain: str,
        register: Register = NO_REGISTER,
    ) -> None:
        self._engine, self.now, self._domain, self._register = engine, now, domain, register

    def preferences(self, agent_id: str, address: str = "") -> MailPreferences:
        """Return an agent's choices; `refused` is set only if this address was refused."""
        own = mail_preferences.c.agent_key == digest(agent_id)
        row = sql.first(self._engine, sa.select(mail_preferences).where(own))
        if row is None:
            return MailPreferences()
        refused = row["refused"] if row["refused_key"] == _address_key(address) else None
        return sql.value(MailPreferences, row, refused=refused)

    def choose(self, agent_id: str, said: MailPreferences) -> None:
        """Store an agent's choices; a refused address is tried again from now on.

        The register is written first.

        If the pace of the digest changes, its period begins now.
        """
        moment = self.now()
        kinds = (said.asked, said.answered, said.digest, said.invited)
        self._register.note("mail", moment, agent=agent_id, said=kinds)
        row = _preferences_row(agent_id, said, moment)
        with self._engine.begin() as connection:
            own = mail_preferences.c.agent_key == row["agent_key"]
            old = connection.execute(sa.select(mail_preferences).where(own)).mappings().first()
            if old is not None and old["digest"] == row["digest"]:  # keep the current period
                row["digested"] = old["digested"]
            sql.put(connection, mail_preferences, row)

    def kept_of(self, agent_id: str) -> tuple[KeptMail, ...]:
        """Return every kept message to an agent, newest first."""
        queue = mail_queue.c
        own = sa.select(mail_queue).where(queue.agent_key == digest(agent_id))
        return sql.values(self._engine, KeptMail, own.order_by(queue.queued.desc(), queue.id))

    def queue_due(self) -> int:
        """Queue a message for each event for which an agent wants mail; return how many.

        This also queues the messages that were lost in a crash after a question was stored.
        """
        with self._engine.connect() as connection:
            reasons = [*_asked(connection, self.now()), *_answered(connection, self.now())]
            digests = list(_digests(connection, self.now()))
        queued = sum(self._queue(one) for one in reasons)
        return queued + sum(self._queue_digest(*one) for one in digests)

    def queue_invitations(self, invited: Iterable[tuple[str, str]]) -> int:
        """Queue messages for (agent, topic of a community) pairs; return how many.

        Only agents who want such mail get it, at most one message in seven days, which names every
        community that waits for an answer.
        """
        week = mail_queue.c.queued > self.now() - timedelta(days=7)
        kind = mail_queue.c.kind == MailKind.INVITED.value
        count = 0
        for agent_id, topic_id in invited:
            own = sa.select(mail_queue.c.id).where(mail_queue.c.agent_key == digest(agent_id))
            lately = sql.first(self._engine, own.where(kind, week))
            if lately is None and self.preferences(agent_id).invited:
                count += self._queue(_Reason(agent_id, MailKind.INVITED, digest(topic_id)))
        return count

    def claim(self) -> QueuedMail | None:
        """Claim the next message for this caller during `LEASE`; None if no message waits.

        Messages that a dead sender claimed count as waiting again; the message that it was sending
        becomes doubtful.
        """
        moment = self.now()
        queue = mail_queue.c
        dead = queue.lease < moment
        waiting = (queue.state == MailState.WAITING.value) & (queue.due <= moment)
        free = waiting | ((queue.state == MailState.CLAIMED.value) & dead)
        oldest = sa.select(queue.id).where(free).order_by(queue.due, queue.id).limit(1)
        with self._engine.begin() as connection:
            lost = sa.update(mail_queue).where(queue.state == MailState.SENDING.value, dead)
            connection.execute(lost.values(state=MailState.DOUBTFUL.value, changed=moment))
        for _ in range(100):  # other senders may claim the same message
            holder = uuid4().hex
            with self._engine.begin() as connection:
                id_ = connection.execute(oldest).scalar()
                if id_ is None:
                    return None
                claimed = sa.update(mail_queue).where(queue.id == id_, free)
                values = {
                    "state": MailState.CLAIMED.value,
                    "lease": moment + LEASE,
                    "holder": holder,
                    "changed": moment,
                }
                if connection.execute(claimed.values(values)).rowcount:
                    row = connection.execute(sa.select(mail_queue).where(queue.id == id_))
                    return sql.value(QueuedMail, row.mappings().one())
        return None

    def begin_sending(self, one: QueuedMail) -> bool:
        """Mark that the server may accept it from now on; return false if the lease is over."""
        return self._move(one, MailState.CLAIMED, MailState.SENDING, leased=True)

    def sent(self, one: QueuedMail) -> None:
        """Mark that the server accepted the message."""
        self._move(one, MailState.SENDING, MailState.SENT)

    def in_doubt(self, one: QueuedMail) -> None:
        """Mark that the connection broke while the server may have accepted the message."""
        self._move(one, MailState.SENDING, MailState.DOUBTFUL)

    def drop(self, one: QueuedMail) -> None:
        """Mark that the message must not be sent: its reason, right or consent has ended."""
        self._move(one, MailState.CLAIMED, MailState.DROPPED)

    def put_back(self, one: QueuedMail) -> None:
        """Put a message back that the server did not accept, because it did not answer."""
        self._move(one, None, MailState.WAITING)

    def refuse(self, one: QueuedMail, code: int, address: str = "") -> None:
        """Mark that the server refused the message for good, and `address` too if given."""
        state = self._move(one, None, MailState.REFUSED, code=code)
        if state and address:
            with self._engine.begin() as connection:
                self._refuse_address(connection, one.agent_id, address)

    def postpone(self, one: QueuedMail, code: int) -> None:
        """Retry later after a temporary refusal, each time after twice the delay, or fail."""
        attempts = one.attempts + 1
        if attempts >= MOST_ATTEMPTS:
            self._move(one, None, MailState.FAILED, code=code, attempts=attempts)
            return
        due = self.now() + FIRST_RETRY * 2 ** (attempts - 1)
        self._move(one, None, MailState.WAITING, code=code, attempts=attempts, due=due)

    def queued(self, id_: str) -> QueuedMail | None:
        """Return a message of the outbox in any state; None if it is not kept any more."""
        row = sql.first(self._engine, sa.select(mail_queue).where(mail_queue.c.id == id_))
        return sql.value(QueuedMail, row) if row else None

    def bounced(self, one: QueuedMail, code: int, address: str = "") -> bool:
        """Mark an accepted message as refused for good, because it bounced.

        `address` is refused too, if given. Returns false if the bounce is marked already.
        """
        queue = mail_queue.c
        taken = queue.state.in_([MailState.SENT.value, MailState.DOUBTFUL.value])
        back = sa.update(mail_queue).where((queue.id == one.id) & taken)
        values = {"state": MailState.REFUSED.value, "code": code, "changed": self.now()}
        with self._engine.begin() as connection:
            if not connection.execute(back.values(values)).rowcount:
                return False
            if address:
                self._refuse_address(connection, one.agent_id, address)
        return True

    def queue_note(self, agent_id: str, note: str, subject_id: str) -> bool:
        """Queue the outcome of an answer by mail.

        Each outcome is queued once, which stops mail loops.
        """
        return self._queue(_Reason(agent_id, MailKind.RECEIVED, f"{note}:{subject_id}"))

    def sent_since(self, moment: datetime) -> int:
        """Return how many messages all senders handed over since a moment."""
        queue = mail_queue.c
        handed = queue.state.in_([MailState.SENT.value, MailState.SENDING.value])
        count = sa.select(sa.func.count()).select_from(mail_queue).where(handed)
        return int(sql.one(self._engine, count.where(queue.changed > moment)))

    def send_doubtful_again(self) -> int:
        """Queue doubtful messages again under the same message id; return how many."""
        moment = self.now()
        doubtful = mail_queue.c.state == MailState.DOUBTFUL.value
        again = {"state": MailState.WAITING.value, "due": moment, "changed": moment, "lease": None}
        return sql.execute(self._engine, sa.update(mail_queue).where(doubtful).values(again))

    def counts(self) -> QueueCounts:
        """Return counts of the whole outbox and of refused addresses, without names."""
        states = sa.select(mail_queue.c.state, sa.func.count()).group_by(mail_queue.c.state)
        refused = sa.select(sa.func.count()).select_from(mail_preferences)
        with self._engine.connect() as connection:
            found = {MailState(state): n for state, n in connection.execute(states)}
            addresses = connection.execute(refused.where(mail_preferences.c.refused.is_not(None)))
            return QueueCounts(found, int(addresses.scalar_one()))

    def tidy(self) -> int:
        """Delete messages that ended longer than `KEPT` ago; return how many."""
        ended = mail_queue.c.state.in_([one.value for one in _ENDED])
        old = mail_queue.c.changed < self.now() - KEPT
        return sql.execute(self._engine, sa.delete(mail_queue).where(ended, old))

    def _refuse_address(self, connection: sa.Connection, agent_id: str, address: str) -> None:
        own = mail_preferences.c.agent_key == digest(agent_id)
        refused = {"refused": self.now(), "refused_key": _address_key(address)}
        changed = sa.update(mail_preferences).where(own).values(refused)
        if not connection.execute(changed).rowcount:  # the agent chose nothing yet
            row = _preferences_row(agent_id, MailPreferences(), self.now())
            connection.execute(sa.insert(mail_preferences).values({**row, **refused}))

    def _queue(self, reason: _Reason) -> bool:
        try:
            sql.execute(self._engine, sa.insert(mail_queue).values(self._row(reason)))
        except sa.exc.IntegrityError:  # another process queued it at the same moment
            return False
        return True

    def _queue_digest(self, reason: _Reason, moment: datetime) -> bool:
        """Queue a digest and end its period in one step; return false if another process did."""
        own = mail_preferences.c.agent_key == digest(reason.agent_id)
        own &= mail_preferences.c.digested == reason.begins
        ended = sa.update(mail_preferences).where(own).values(digested=moment)
        try:
            with self._engine.begin() as connection:
                if not connection.execute(ended).rowcount:
                    return False
                row = {**self._row(reason), "queued": moment}
                connection.execute(sa.insert(mail_queue).values(row))
        except sa.exc.IntegrityError:
            return False
        return True

    def _row(self, reason: _Reason) -> dict[str, object]:
        id_, moment = uuid4().hex, self.now()
        return row_of(
            mail_queue,
            reason,
            id=id_,
            message_id=f"<{id_}@{self._domain}>",
            state=MailState.WAITING,
            attempts=0,
            holder="",
            queued=moment,
            due=moment,
            changed=moment,
        )

    def _move(
        self,
        one: QueuedMail,
        before: MailState | None,
        after: MailState,
        *,
        leased: bool = False,
        **values: object,
    ) -> bool:
        """Change the state of a message that this sender holds.

        If `before` is None, the message may be claimed or sending.
        """
        moment, queue = self.now(), mail_queue.c
        states = [before] if before else [MailState.CLAIMED, MailState.SENDING]
        mine = (queue.id == one.id) & (queue.holder == one.holder)
        mine &= queue.state.in_([state.value for state in states])
        if leased:
            mine &= queue.lease > moment
        moved = sa.update(mail_queue).where(mine)
        with self._engine.begin() as connection:
            changed = moved.values(state=after.value, changed=moment, **values)
            return bool(connection.execute(changed).rowcount)


def doubt_restored_mail(database: sa.Engine) -> None:
    """Mark waiting messages of a restored outbox as doubtful: they may have been sent since."""
    waiting = mail_queue.c.state.in_(
        [MailState.WAITING.value, MailState.CLAIMED.value, MailState.SENDING.value]
    )
    doubted = sa.update(mail_queue).where(waiting).values(state=MailState.DOUBTFUL.value)
    sql.execute(database, doubted)


def _preferences_row(agent_id: str, said: MailPreferences, moment: datetime) -> dict[str, object]:
    return row_of(
        mail_preferences,
        said,
        agent_id=agent_id,
        chosen=moment,
        digested=moment,
        refused=None,
        refused_key="",
    )


def _asked(connection: sa.Connection, moment: datetime) -> Iterator[_Reason]:
    """Yield a reason for each request that waits for an agent who wants mail about it."""
    asked, said = asked_agents.c, mail_preferences.c
    query = (
        sa.select(asked.agent_id, asked.question_id)
        .outerjoin(mail_preferences, said.agent_key == asked.agent_key)
        .where(_wanted(said.asked), asked.state == RequestState.WAITING.value)
        .where(asked.asked > moment - RECENT)
        .where(~_queued_before(asked.agent_key, MailKind.ASKED, asked.question_id))
        .order_by(asked.asked)
    )
    for agent_id, question_id in connection.execute(query):
        yield _Reason(agent_id, MailKind.ASKED, question_id)


def _answered(connection: sa.Connection, moment: datetime) -> Iterator[_Reason]:
    """Yield a reason for each new answer of others to questions of an agent who wants mail.

    There is at most one reason per question and day, so that many answers to a question do not
    cause many mails, and `ANSWERED_PER_WEEK` reasons per agent in seven days. Further answers wait
    as long as they are recent.
    """
    asked, given, said = asked_questions.c, given_answers.c, mail_preferences.c
    queue, earlier = mail_queue.c, given_answers.alias()
    told = (
        sa.select(queue.id)
        .join(earlier, earlier.c.id == queue.subject)
        .where(queue.agent_key == asked.agent_key, queue.kind == MailKind.ANSWERED.value)
        .where(earlier.c.question_id == asked.id, queue.queued > moment - _DAY)
    )
    query = (
        sa.select(asked.agent_id, given.id, asked.id)
        .join(asked_questions, asked.id == given.question_id)
        .outerjoin(mail_preferences, said.agent_key == asked.agent_key)
        .where(_wanted(said.answered), ~asked.deleted, given.agent_key != asked.agent_key)
        .where(given.created > moment - RECENT)
        .where(said.chosen.is_(None) | (given.created > said.chosen))
        .where(~_queued_before(asked.agent_key, MailKind.ANSWERED, given.id))
        .where(~sa.exists(told.correlate(asked_questions)))
        .order_by(given.created)
    )
    told_lately = _recent_answer_mails(connection, moment)
    seen: set[str] = set()
    for agent_id, answer_id, question_id in connection.execute(query):
        if question_id not in seen and told_lately[digest(agent_id)] < ANSWERED_PER_WEEK:
            told_lately[digest(agent_id)] += 1
            yield _Reason(agent_id, MailKind.ANSWERED, answer_id)
        seen.add(question_id)


def _recent_answer_mails(connection: sa.Connection, moment: datetime) -> Counter[str]:
    """Return the number of mails about answers in seven days, by the agent's key."""
    queue = mail_queue.c
    query = (
        sa.select(queue.agent_key, sa.func.count())
        .where(queue.kind == MailKind.ANSWERED.value, queue.queued > moment - timedelta(days=7))
        .where(queue.state != MailState.DROPPED.value)
        .group_by(queue.agent_key)
    )
    return Counter({row[0]: row[1] for row in connection.execute(query)})


def _wanted(said: sa.ColumnElement[bool]) -> sa.ColumnElement[bool]:
    """Return the condition that an agent wants a kind of mail, which is true without a choice."""
    return sa.func.coalesce(said, sa.true())


def _digests(connection: sa.Connection, moment: datetime) -> Iterator[tuple[_Reason, datetime]]:
    """Yield (reason, end of its period) for each agent whose digest period is over."""
    said = mail_preferences.c
    for pace in DigestPace:
        if pace.period is None:
            continue
        due = (said.digest == pace.value) & (said.digested <= moment - pace.period)
        query = sa.select(said.agent_id, said.digested).where(due)
        for agent_id, digested in connection.execute(query):
            day = moment.date().isoformat()
            yield _Reason(agent_id, MailKind.DIGEST, day, digested), moment


def _queued_before(
    agent_key: sa.ColumnElement[str], kind: MailKind, subject: sa.ColumnElement[str]
) -> sa.ColumnElement[bool]:
    queue = mail_queue.c
    same = sa.select(queue.id).where(
        queue.agent_key == agent_key, queue.kind == kind.value, queue.subject == subject
    )
    return sa.exists(same.correlate_except(mail_queue))


def _address_key(address: str) -> str:
    return digest(address) if address else ""


@dataclass(frozen=True, slots=True)
class Mailing:
    """Dependencies of mail to agents.

    `additions`: what installed features add to mail. `shown` is None unless the demo shows its
    mails on a page.
    """

    store: SqlMail
    rules: MailRules
    links: UnsubscribeLinks
    additions: tuple[MailAddition, ...] = ()
    shown: ShownMails | None = None
