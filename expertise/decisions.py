"""Decisions of community managers on proposed topics and communities, stored beside the builds."""

import json
import uuid
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date
from enum import StrEnum

import sqlalchemy as sa

from connectors.ports import Malformed
from expertise.topics import Topic, TopicList, check_topics
from indexer import sql
from indexer.register import NO_REGISTER, Register
from indexer.state import digest, row_of

metadata = sa.MetaData()

decisions = sa.Table(
    "topic_decisions",
    metadata,
    sa.Column("id", sa.String(32), primary_key=True),
    sa.Column("verdict", sa.String(20), nullable=False),
    sa.Column("label", sa.Text, nullable=False),
    sa.Column("topic_id", sa.String(200), nullable=False),
    sa.Column("documents", sa.Text, nullable=False),
    sa.Column("terms", sa.Text, nullable=False),
    sa.Column("day", sa.Date, nullable=False),
)

DISCOVERED_PREFIX = "decouvert:"
"""Prefix of the ids of topics that were discovered and accepted."""


class Verdict(StrEnum):
    """The decision on a proposal."""

    ACCEPTED = "accepted"
    MERGED = "merged"
    REFUSED = "refused"


@dataclass(frozen=True, slots=True)
class TopicDecision:
    """A decision on a proposed topic.

    `label` is the name of the accepted topic, or a further name of the topic `topic_id` into which
    it was merged; both are empty for a refusal. `marked` are the documents (id, mark) and `terms`
    the words of the proposal. The audit log, not this record, names the community manager.
    """

    id: str
    verdict: Verdict
    label: str
    topic_id: str
    marked: frozenset[tuple[str, str]]
    terms: frozenset[str]
    day: date

    @property
    def documents(self) -> frozenset[str]:
        """The ids of the proposal's documents."""
        return frozenset(id_ for id_, _ in self.marked)

    def is_about(self, documents: frozenset[str], terms: frozenset[str]) -> bool:
        """Return whether a cluster is the decided proposal, even if it has changed.

        They must share half of the smaller one's documents, or half of its terms and at least two.
        """
        same_words = len(self.terms & terms) > 1 and _half_shared(self.terms, terms)
        return _half_shared(self.documents, documents) or same_words


def _half_shared(terms: frozenset[str], other: frozenset[str]) -> bool:
    smaller = min(len(terms), len(other))
    return smaller > 0 and 2 * len(terms & other) >= smaller


class SqlTopicDecisions:
    """Decisions in the state database; SQLite or PostgreSQL."""

    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine

    def all(self) -> tuple[TopicDecision, ...]:
        """Return every decision, newest first."""
        query = sa.select(decisions).order_by(decisions.c.day.desc(), decisions.c.id)
        return tuple(map(_decision, sql.mappings(self._engine, query)))

    def keep(
        self,
        verdict: Verdict,
        marked: frozenset[tuple[str, str]],
        terms: frozenset[str],
        day: date,
        *,
        label: str = "",
        topic_id: str = "",
    ) -> TopicDecision:
        """Store a decision. An accepted topic gets an id of its own."""
        id_ = uuid.uuid4().hex
        if verdict is Verdict.ACCEPTED:
            topic_id = DISCOVERED_PREFIX + id_[:12]
        made = TopicDecision(id_, verdict, label, topic_id, marked, terms, day)
        row = {
            "id": id_,
            "verdict": verdict.value,
            "label": label,
            "topic_id": topic_id,
            "documents": json.dumps(sorted(marked)),
            "terms": json.dumps(sorted(terms), ensure_ascii=False),
            "day": day,
        }
        sql.execute(self._engine, sa.insert(decisions).values(row))
        return made

    def forget(self, decision_id: str) -> bool:
        """Delete a decision, so that the cluster may be proposed again; False if there is none."""
        return (
            sql.execute(self._engine, sa.delete(decisions).where(decisions.c.id == decision_id)) > 0
        )


def _decision(row: sa.RowMapping) -> TopicDecision:
    lists = {"marked": json.loads(row["documents"]), "terms": json.loads(row["terms"])}
    return sql.value(TopicDecision, row, **lists)


def apply_decisions(listed: TopicList, made: Sequence[TopicDecision]) -> TopicList:
    """Return the organisation's list with the accepted topics and labels; its own labels win.

    A decided label that the list has by now, and a label merged into a topic that no longer exists,
    are reported as malformed.
    """
    oldest_first = made[::-1]
    accepted = [decision for decision in oldest_first if decision.verdict is Verdict.ACCEPTED]
    topics = [*listed.topics, *(Topic(decision.topic_id, decision.label) for decision in accepted)]
    names: dict[str, list[str]] = defaultdict(list)
    for decision in oldest_first:
        if decision.verdict is Verdict.MERGED:
            names[decision.topic_id].append(decision.label)
    gone = names.keys() - {topic.id for topic in topics}
    checked = check_topics(
        (
            f"sujet décidé « {topic.label} »"
            if topic.id.startswith(DISCOVERED_PREFIX)
            else "liste",
            replace(topic, alt_labels=(*topic.alt_labels, *names.get(topic.id, ()))),
        )
        for topic in topics
    )
    faults = [
        Malformed(f"sujet décidé « {label} »", "le sujet auquel il a été réuni n'existe plus")
        for topic_id in sorted(gone)
        for label in names[topic_id]
    ]
    return TopicList(checked.topics, (*listed.malformed, *faults, *checked.malformed))


community_metadata = sa.MetaData()

community_decisions = sa.Table(
    "community_decisions",
    community_metadata,
    sa.Column("topic_key", sa.String(64), primary_key=True),
    sa.Column("topic_id", sa.Text, nullable=False),
    sa.Column("verdict", sa.String(20), nullable=False),
    sa.Column("day", sa.Date, nullable=False),
)


@dataclass(frozen=True, slots=True)
class CommunityDecision:
    """A decision on the community of a topic. Only the audit log names the community manager."""

    topic_id: str
    verdict: Verdict
    day: date


class SqlCommunityDecisions:
    """Decisions on communities in the state database: SQLite or PostgreSQL.

    Each is also written to the register: otherwise a restored database would open communities that
    were closed since.
    """

    def __init__(self, engine: sa.Engine, register: Register = NO_REGISTER) -> None:
        self._engine, self._register = engine, register

    def all(self) -> dict[str, CommunityDecision]:
        """Return every decision, by the topic's id."""
        made = sql.values(self._engine, CommunityDecision, sa.select(community_decisions))
        return {decision.topic_id: decision for decision in made}

    def keep(self, made: CommunityDecision) -> None:
        """Store a decision; it replaces the former decision on the topic."""
        accepted = made.verdict is Verdict.ACCEPTED
        self._register.note("community", topic=made.topic_id, accepted=accepted)
        row = row_of(community_decisions, made, topic_key=digest(made.topic_id))
        sql.put_alone(self._engine, community_decisions, row)

    def forget(self, topic_id: str) -> bool:
        """Delete a decision; return False if there was none."""
        self._register.note("community", topic=topic_id, accepted=False)
        gone = sa.delete(community_decisions).where(
            community_decisions.c.topic_key == digest(topic_id)
        )
        return sql.execute(self._engine, gone) > 0
