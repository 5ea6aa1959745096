"""Agents' preferences about themselves: the values, the tables, and the store.

A preference applies from the next answer on, whatever the directory says and however often it is
read again. It never hides a document: what an agent wrote stays visible to those who may read it,
under the name that its source shows.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from enum import StrEnum

import sqlalchemy as sa

from connectors.values import ContactVia
from expertise.names import asked_words
from indexer import sql
from indexer.register import RegisteredStore
from indexer.state import digest, storable


class PreferenceKind(StrEnum):
    """What an agent requests."""

    WITHDRAW = "withdraw"
    REFUSE = "refuse"
    DECLARE = "declare"
    CONTACT = "contact"
    JOIN = "join"
    LEAVE = "leave"
    DISOWN = "disown"
    REMOVED = "removed"
    INVITED = "invited"


OF_OTHERS = frozenset({PreferenceKind.REMOVED, PreferenceKind.INVITED})
"""Kinds that agents can neither request nor take back: an animator's removal, and the day on which
an agent was told of an invitation.
"""
LONGEST_REASON = 300
"""Maximum characters of an animator's reason."""


WHOLE_SERVICE = ""
"""The subject of a withdrawal from the whole service; other withdrawals have a source's name."""


@dataclass(frozen=True, slots=True)
class Preference:
    """A preference of an agent; one row for each (agent, kind, subject).

    `subject` depends on the kind: a source or `WHOLE_SERVICE` (withdraw), a topic's id (refuse,
    declare, removed, and for its community join, leave, invited), a document's id (disown), or
    empty (contact). `said`: the topic's labels, the preferred label first, or the way of contact.
    An animator's decision (removed) has the animator's id (`by`) and a `reason`; `by` is empty once
    that animator's data were purged.
    """

    agent_id: str
    kind: PreferenceKind
    subject: str = ""
    said: tuple[str, ...] = ()
    by: str = ""
    reason: str = ""


@dataclass(frozen=True, slots=True)
class RecordedPreference:
    """A preference in force, and the time from which it applies."""

    preference: Preference
    since: datetime


NARROWER_CONTACTS: dict[ContactVia, tuple[ContactVia, ...]] = {
    ContactVia.DIRECT: tuple(ContactVia),
    ContactVia.SERVICE: (ContactVia.SERVICE, ContactVia.HEAD, ContactVia.NONE),
    ContactVia.HEAD: (ContactVia.HEAD, ContactVia.NONE),
    ContactVia.NONE: (ContactVia.NONE,),
}
"""The ways of contact that an agent may choose, by their entity's way: the same or narrower ones.
"""


metadata = sa.MetaData()

preferences = sa.Table(
    "agent_wishes",
    metadata,
    sa.Column("agent_key", sa.String(64), primary_key=True),
    sa.Column("kind", sa.String(20), primary_key=True),
    sa.Column("subject", sa.String(200), primary_key=True),
    sa.Column("agent_id", sa.Text, nullable=False),
    sa.Column("said", sa.JSON, nullable=False),
    sa.Column("since", sql.Moment, nullable=False),
    sa.Column("decided_by", sa.Text, nullable=False, server_default=""),
    sa.Column("reason", sa.Text, nullable=False, server_default=""),
)
"""For a disowned document, `subject` is the digest of its id, which may be longer; `said` has the
id.
"""

preference_words = sa.Table(
    "agent_wish_words",
    metadata,
    sa.Column("agent_key", sa.String(64), primary_key=True),
    sa.Column("subject", sa.String(200), primary_key=True),
    sa.Column("word", sa.String(200), primary_key=True),
    sa.Index("agent_wish_words_word", "word"),
)
"""The words of declared topics, by which a question finds the agents who declared them."""

absent_agents = sa.Table(
    "agents_missing",
    metadata,
    sa.Column("agent_key", sa.String(64), primary_key=True),
    sa.Column("since", sa.Date, nullable=False),
)
"""Agents with stored preferences who are missing from the directory, and since which day."""


def agents_with_words(agent_words: sa.Table, words: Sequence[str]) -> sa.Select[tuple[str]]:
    """Return the query for agents whose entry or declared topics have all these words."""
    words_of_agents = sa.union(
        sa.select(agent_words.c.agent_key, agent_words.c.word).where(agent_words.c.word.in_(words)),
        sa.select(preference_words.c.agent_key, preference_words.c.word).where(
            preference_words.c.word.in_(words)
        ),
    ).subquery()
    counted = sa.select(words_of_agents.c.agent_key).group_by(words_of_agents.c.agent_key)
    return counted.having(sa.func.count() == len(words))


OPPOSITES = {
    PreferenceKind.REFUSE: PreferenceKind.DECLARE,
    PreferenceKind.DECLARE: PreferenceKind.REFUSE,
    PreferenceKind.JOIN: PreferenceKind.LEAVE,
    PreferenceKind.LEAVE: PreferenceKind.JOIN,
}
"""Kinds that exclude each other: asking for one ends the other on the same subject."""


def agents_who_joined(engine: sa.Engine, topic_ids: Sequence[str]) -> tuple[str, ...]:
    """Return the ids of agents who joined the community of one of these topics."""
    query = sa.select(preferences.c.agent_id).where(
        preferences.c.kind == PreferenceKind.JOIN.value, preferences.c.subject.in_(topic_ids)
    )
    return tuple(sorted(sql.scalars(engine, query)))


def forget_animator(connection: sa.Connection, agent_id: str) -> None:
    """Keep an animator's decisions about others, without the animator's id."""
    theirs = sa.update(preferences).where(preferences.c.decided_by == storable(agent_id))
    connection.execute(theirs.values(decided_by=""))


class SqlConsent(RegisteredStore):
    """Stores agents' preferences. Each change applies from the next answer on."""

    def of(self, agent_id: str) -> Sequence[RecordedPreference]:
        """Return the preferences of one agent in force, sorted by kind, then subject."""
        query = sa.select(preferences).where(preferences.c.agent_key == digest(agent_id))
        rows = sql.mappings(self._engine, query.order_by(preferences.c.kind, preferences.c.subject))
        return tuple(_recorded(row) for row in rows)

    def ask(self, wish: Preference) -> None:
        """Put a preference in force.

        It replaces the opposite preference: a topic is refused or declared, a community joined or
        left.
        """
        moment = self.now()
        self._tell(wish, moment, in_force=True)
        self.put(wish, moment)

    def take_back(self, wish: Preference) -> None:
        """Remove a preference; no effect if it is not in force."""
        self._tell(wish, self.now(), in_force=False)
        self.remove(wish)

    def note_invitation(self, agent_id: str, topic_id: str, labels: tuple[str, ...]) -> None:
        """Store the day on which an agent first read that a topic's community invites them.

        It is not written to the register: a restored database that lacks it tells the agent again.
        """
        preference = Preference(agent_id, PreferenceKind.INVITED, topic_id, labels)
        if not self.has(preference):
            self.put(preference, self.now())

    def noted(self, agent_id: str) -> bool:
        """Return whether the register contains every preference of this agent."""
        return self._register.noted(agent_id)

    def removals(self) -> Sequence[RecordedPreference]:
        """Return the animators' decisions in force, newest first."""
        query = sa.select(preferences).where(preferences.c.kind == PreferenceKind.REMOVED.value)
        query = query.order_by(preferences.c.since.desc(), preferences.c.agent_key)
        return tuple(map(_recorded, sql.mappings(self._engine, query)))

    def has(self, wish: Preference) -> bool:
        """Return whether a preference of this agent, kind and subject is in force."""
        wanted = (wish.kind, wish.subject)
        return any(
            (recorded.preference.kind, recorded.preference.subject) == wanted
            for recorded in self.of(wish.agent_id)
        )

    def has_withdrawn(self, agent_id: str) -> bool:
        """Return whether an agent withdrew from the whole service."""
        return self.has(Preference(agent_id, PreferenceKind.WITHDRAW, WHOLE_SERVICE))

    def put(self, wish: Preference, moment: datetime) -> None:
        """Put a preference in force without writing to the register, to replay changes from it."""
        with self._engine.begin() as connection:
            for kind in {wish.kind, OPPOSITES.get(wish.kind, wish.kind)}:
                _remove(connection, replace(wish, kind=kind))
            connection.execute(sa.insert(preferences).values(_row(wish, moment)))
            if wish.kind is PreferenceKind.DECLARE and wish.said:
                words = [
                    {"agent_key": digest(wish.agent_id), "subject": wish.subject, "word": word}
                    for word in sorted({word[:200] for word in asked_words(wish.said[0])})
                ]
                if words:
                    connection.execute(sa.insert(preference_words), words)

    def remove(self, wish: Preference) -> None:
        """Remove a preference without writing to the register."""
        with self._engine.begin() as connection:
            _remove(connection, wish)

    def forget(self, agent_id: str) -> int:
        """Delete all preferences of an agent, and return their number."""
        mine = digest(agent_id)
        with self._engine.begin() as connection:
            connection.execute(
                sa.delete(preference_words).where(preference_words.c.agent_key == mine)
            )
            gone = sa.delete(preferences).where(preferences.c.agent_key == mine)
            return connection.execute(gone).rowcount

    def counts(self) -> dict[PreferenceKind, int]:
        """Return the number of preferences of each kind in force."""
        query = sa.select(preferences.c.kind, sa.func.count()).group_by(preferences.c.kind)
        return {PreferenceKind(kind): number for kind, number in sql.rows(self._engine, query)}

    def _tell(self, wish: Preference, moment: datetime, *, in_force: bool) -> None:
        """Note a change in the register, without an animator's reason, which is personal."""
        fields = {"agent": wish.agent_id, "wish": wish.kind, "subject": wish.subject}
        by = {"by": wish.by} if wish.by else {}
        self._register.note("wish", moment, **fields, said=wish.said, in_force=in_force, **by)


def _remove(connection: sa.Connection, wish: Preference) -> None:
    mine, subject = preferences.c.agent_key == digest(wish.agent_id), _stored_subject(wish)
    connection.execute(
        sa.delete(preferences).where(
            mine, preferences.c.subject == subject, preferences.c.kind == wish.kind.value
        )
    )
    if wish.kind is PreferenceKind.DECLARE:
        words = preference_words.c.agent_key == digest(wish.agent_id)
        connection.execute(
            sa.delete(preference_words).where(words, preference_words.c.subject == subject)
        )


def _stored_subject(wish: Preference) -> str:
    return digest(wish.subject) if wish.kind is PreferenceKind.DISOWN else wish.subject


def _row(wish: Preference, moment: datetime) -> dict[str, object]:
    return {
        "agent_key": digest(wish.agent_id),
        "agent_id": storable(wish.agent_id),
        "kind": wish.kind.value,
        "subject": _stored_subject(wish),
        "said": [wish.subject] if wish.kind is PreferenceKind.DISOWN else list(wish.said),
        "since": moment,
        "decided_by": storable(wish.by),
        "reason": storable(wish.reason),
    }


def _recorded(row: sa.RowMapping) -> RecordedPreference:
    since: datetime = row["since"]
    kind, words = PreferenceKind(row["kind"]), tuple(row["said"])
    # The id of a document is in `said`: see `preferences`.
    subject, words = (words[0], ()) if kind is PreferenceKind.DISOWN else (row["subject"], words)
    by, reason = row["decided_by"], row["reason"]
    wish = Preference(row["agent_id"], kind, subject, words, by, reason)
    return RecordedPreference(wish, since.replace(tzinfo=since.tzinfo or UTC))
