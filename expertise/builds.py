"""Builds in the state database: publish writes a new build, then moves the pointer to it."""

import hashlib
import json
import secrets
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from itertools import chain, groupby, repeat
from operator import itemgetter
from typing import Any, Protocol

import sqlalchemy as sa

from expertise.build_rules import BuildRules
from expertise.build_tables import (
    OF_A_BUILD,
    AssignedRecord,
    BuildRecord,
    BuildStamp,
    CellRecord,
    CommunityRecord,
    ProposalRecord,
    Row,
    TopicRecord,
    alone_topics,
    assigned,
    builds,
    cell_record,
    cells,
    communities,
    community_record,
    current,
    document_key,
    members,
    proposal_record,
    proposals,
    rows_of,
    skipped,
    topic_record,
    topics,
)
from expertise.clustering import CommunityKind
from expertise.consent import agents_who_joined
from expertise.corpus import SkippedItem, SkippedKind
from expertise.decisions import SqlCommunityDecisions, SqlTopicDecisions
from expertise.holders import Basis, IsolationScope
from expertise.sql import one_of, write_rows
from expertise.topics import TopicList
from expertise.values import TopicsOf
from indexer import sql
from indexer.moment import once
from indexer.register import NO_REGISTER, Register
from indexer.state import digest, storable

_ROWS_PER_TRANSACTION = 20_000
"""Rows in one transaction, so that crawls and servers can write in between."""
_ID_BYTES = 6
"""Bytes of a build's id: short, since every row and index contains it, and at most three builds
exist at once.
"""


@dataclass(frozen=True, slots=True)
class IsolationQuery:
    """Which isolated holders to return: `departements` and `topic_ids` (None: all).

    Holders are sorted by département, topic and agent; with `by_agent`, by département, agent and
    topic.
    """

    departements: tuple[str, ...] | None = None
    topic_ids: tuple[str, ...] | None = None
    scopes: tuple[IsolationScope, ...] = (
        IsolationScope.DEPARTEMENT,
        IsolationScope.REGION,
        IsolationScope.COUNTRY,
    )
    offset: int = 0
    limit: int = 100
    by_agent: bool = False


TREND_DAYS = 400
"""Number of days for which rows of `alone_topics` are kept: a year, and some weeks to compare with.
"""


@dataclass(frozen=True, slots=True)
class CellPlace:
    """An agent who holds a topic or only declares it, and their département."""

    topic_id: str
    agent_id: str
    departement: str
    declared: bool


class BuildToPublish(Protocol):
    """Port: what `SqlBuilds.publish` needs of a build."""

    @property
    def day(self) -> date:
        """The build's day."""

    @property
    def rules(self) -> BuildRules:
        """The settings that the build was made with."""

    @property
    def documents(self) -> int:
        """Number of documents that every agent may read."""

    @property
    def contributions(self) -> int:
        """Number of contributions to these documents that count."""

    @property
    def contributions_seen(self) -> int:
        """Number of contributions to all documents."""

    def records(self) -> Iterator[BuildRecord]:
        """Yield the records, always in the same order."""


class SqlBuilds:
    """Writes builds and reads the current one; SQLite or PostgreSQL."""

    def __init__(self, engine: sa.Engine, register: Register = NO_REGISTER) -> None:
        self._engine = engine
        self.decisions = SqlTopicDecisions(engine)
        self.community_decisions = SqlCommunityDecisions(engine, register)

    def publish(self, build: BuildToPublish, listed: TopicList) -> BuildStamp:
        """Write a build beside the current build, then make it the current build.

        After a failure the current build stays in place, and the next publication deletes the rows
        written. The previous build is kept for answers that still read it. Only one process may
        publish at a time.
        """
        former = self._current_id()
        self._forget_all_but(former)
        build_id = secrets.token_hex(_ID_BYTES)
        digest = self._write(build, build_id)
        stamp = BuildStamp(
            build_id,
            build.day,
            digest,
            listed.digest,
            build.rules.least_strength,
            build.documents,
            build.contributions,
            build.contributions_seen,
        )
        with self._engine.begin() as connection:
            row = {name: getattr(stamp, name) for name in builds.columns.keys()}  # noqa: SIM118
            connection.execute(sa.insert(builds), row)
            self._note_alone(connection, build_id, build.day)
            connection.execute(sa.delete(current))
            connection.execute(sa.insert(current), {"place": 1, "build_id": build_id})
        return stamp

    def _note_alone(self, connection: sa.Connection, build_id: str, day: date) -> None:
        """Store the topics that one agent alone holds, in place of those of the same day."""
        held = cells.c.build_id == build_id
        alone = (
            sa.select(cells.c.topic_id)
            .where(held, cells.c.basis != Basis.DECLARED.value)
            .group_by(cells.c.topic_id)
            .having(sa.func.count() == 1)
        )
        topic_ids = ["", *connection.execute(alone).scalars()]
        oldest = day - timedelta(days=TREND_DAYS)
        old = (alone_topics.c.day == day) | (alone_topics.c.day < oldest)
        connection.execute(sa.delete(alone_topics).where(old))
        connection.execute(
            sa.insert(alone_topics), [{"day": day, "topic_id": id_} for id_ in topic_ids]
        )

    def alone_by_day(self) -> Mapping[date, frozenset[str]]:
        """Return the ids of topics that only one agent held, by day of a build, oldest first."""
        query = sa.select(alone_topics.c.day, alone_topics.c.topic_id).order_by(alone_topics.c.day)
        topics_by_day: dict[date, set[str]] = {}
        for day, topic_id in sql.rows(self._engine, query):
            topics_by_day.setdefault(day, set()).add(topic_id)
        return {day: frozenset(ids - {""}) for day, ids in topics_by_day.items()}

    def current(self) -> BuildStamp | None:
        """Return the current build, or None before the first."""
        query = sa.select(builds).join(current, current.c.build_id == builds.c.id)

        def read() -> BuildStamp | None:
            row = sql.first(self._engine, query)
            return None if row is None else BuildStamp(**row)

        return once(self._engine, "current build", read)

    def topics(self, build_id: str) -> tuple[TopicRecord, ...]:
        """Return every topic, sorted by id."""
        query = sa.select(topics).where(topics.c.build_id == build_id).order_by(topics.c.id)
        return tuple(map(topic_record, sql.mappings(self._engine, query)))

    def changed_topics(self, former_id: str, build_id: str) -> tuple[str, ...]:
        """Return the ids of topics whose holders or isolated agents differ between two builds.

        An empty `former_id` stands for no build. Empty if a build's rows were deleted already.
        """

        def holders(id_: str) -> sa.Select[tuple[Any, ...]]:
            held = (cells.c.build_id == id_) & (cells.c.basis != Basis.DECLARED.value)
            return sa.select(cells.c.topic_id, cells.c.agent_key, cells.c.scope).where(held)

        before, after = holders(former_id), holders(build_id)
        with self._engine.connect() as connection:
            build_ids = set(connection.execute(sa.select(builds.c.id)).scalars()) | {""}
            if not {former_id, build_id} <= build_ids:
                return ()
            changed: set[str] = set()
            for difference in (sa.except_(before, after), sa.except_(after, before)):
                changed.update(
                    connection.execute(sa.select(difference.subquery().c.topic_id)).scalars()
                )
        return tuple(sorted(changed))

    def cells_of(self, build_id: str, agent_ids: Sequence[str]) -> tuple[CellRecord, ...]:
        """Return the cells of a few agents, sorted by topic."""
        query = (
            sa.select(cells)
            .where(cells.c.build_id == build_id, cells.c.agent_key.in_(map(digest, agent_ids)))
            .order_by(cells.c.topic_id, cells.c.agent_id)
        )
        subject = ("cells of agents", build_id, tuple(agent_ids))
        return once(self._engine, subject, lambda: self._cells(query))

    def cells_between(
        self, build_id: str, agent_ids: Iterable[str], topic_ids: Iterable[str]
    ) -> tuple[CellRecord, ...]:
        """Return the cells of these agents on these topics."""
        with self._engine.connect() as connection:
            query = sa.select(cells).where(
                cells.c.build_id == build_id,
                one_of(connection, cells.c.agent_key, {digest(name) for name in agent_ids}),
                one_of(connection, cells.c.topic_id, set(topic_ids)),
            )
            ordered = query.order_by(cells.c.topic_id, cells.c.agent_id)
            return tuple(map(cell_record, connection.execute(ordered).mappings()))

    def sample(
        self,
        build_id: str,
        topic_ids: Sequence[str],
        most: int,
        departements: Sequence[str] | None = None,
        *,
        each_departement: bool = True,
    ) -> tuple[CellRecord, ...]:
        """Return at most `most` cells of each topic and basis (and département)."""
        parts = [cells.c.topic_id, cells.c.basis]
        if each_departement:
            parts.append(cells.c.departement)
        numbered = sa.func.row_number().over(partition_by=parts, order_by=cells.c.agent_id)
        place = numbered.label("place")
        inner = sa.select(cells, place).where(
            cells.c.build_id == build_id, cells.c.topic_id.in_(list(topic_ids))
        )
        if departements is not None:
            inner = inner.where(cells.c.departement.in_(list(departements)))
        rows = inner.subquery()
        query = (
            sa.select(*(rows.c[column.name] for column in cells.c))
            .where(rows.c.place <= most)
            .order_by(rows.c.topic_id, rows.c.departement, rows.c.agent_id)
        )
        return self._cells(query)

    def places(self, build_id: str, topic_ids: Sequence[str], most: int) -> tuple[CellPlace, ...]:
        """Return at most `most` agents who hold or declare these topics, holders first."""
        declared = cells.c.basis == Basis.DECLARED.value
        query = (
            sa.select(cells.c.topic_id, cells.c.agent_id, cells.c.departement, declared)
            .where(cells.c.build_id == build_id, cells.c.topic_id.in_(list(topic_ids)))
            .order_by(declared, cells.c.topic_id, cells.c.agent_id)
            .limit(most)
        )
        return tuple(
            CellPlace(row[0], row[1], row[2], declared=bool(row[3]))
            for row in sql.rows(self._engine, query)
        )

    def isolated_cells(self, build_id: str, request: IsolationQuery) -> tuple[CellRecord, ...]:
        """Return one page of the cells of isolated holders."""
        query = sa.select(cells).where(
            cells.c.build_id == build_id,
            cells.c.scope.in_([scope.value for scope in request.scopes]),
        )
        if request.departements is not None:
            query = query.where(cells.c.departement.in_(request.departements))
        if request.topic_ids is not None:
            query = query.where(cells.c.topic_id.in_(request.topic_ids))
        order = [cells.c.topic_id, cells.c.agent_id]
        order = order[::-1] if request.by_agent else order
        return self._cells(
            query.order_by(cells.c.departement, *order).offset(request.offset).limit(request.limit)
        )

    def communities(
        self,
        build_id: str,
        *,
        agent_id: str | None = None,
        kind: CommunityKind | None = None,
        most: int | None = 100,
    ) -> tuple[CommunityRecord, ...]:
        """Return communities by number: of one agent, of one kind, or all.

        At most `most` are returned, all for None.
        """
        query = sa.select(communities).where(communities.c.build_id == build_id)
        if kind is not None:
            query = query.where(communities.c.kind == kind.value)
        if agent_id is not None:
            query = query.join(
                members,
                (members.c.build_id == build_id) & (members.c.number == communities.c.number),
            ).where(members.c.agent_key == digest(agent_id))
        chosen = query.order_by(communities.c.number).limit(most).subquery()
        of_it = (members.c.build_id == build_id) & (members.c.number == chosen.c.number)
        joined = sa.select(chosen, members.c.agent_id.label("member")).outerjoin(members, of_it)
        rows = sql.mappings(self._engine, joined.order_by(chosen.c.number, members.c.agent_id))
        return tuple(
            community_record(first, [row["member"] for row in (first, *others) if row["member"]])
            for _, (first, *others) in groupby(rows, key=itemgetter("number"))
        )

    def joined(self, topic_ids: Sequence[str]) -> tuple[str, ...]:
        """Return the ids of agents who joined the community of one of these topics, by id."""
        return agents_who_joined(self._engine, topic_ids)

    def proposals(self, build_id: str) -> tuple[ProposalRecord, ...]:
        """Return the topics that the build proposes, by number."""
        query = sa.select(proposals).where(proposals.c.build_id == build_id)
        rows = sql.mappings(self._engine, query.order_by(proposals.c.number))
        return tuple(map(proposal_record, rows))

    def skipped(self, build_id: str) -> tuple[SkippedItem, ...]:
        """Return the items that the build skipped, by kind and id."""
        query = sa.select(skipped).where(skipped.c.build_id == build_id)
        return sql.values(self._engine, SkippedItem, query.order_by(skipped.c.number))

    def topics_of(self, build_id: str, document_ids: Iterable[str]) -> TopicsOf:
        """Return the topics of these documents; documents without a topic are left out."""
        by_key = {document_key(document_id): document_id for document_id in document_ids}
        with self._engine.connect() as connection:
            query = sa.select(assigned.c.document_key, assigned.c.topics).where(
                assigned.c.build_id == build_id, one_of(connection, assigned.c.document_key, by_key)
            )
            rows = connection.execute(query).all()
        # Parsed as one text: parsing each row takes longer than the query.
        about = json.loads(f"[{','.join(text for _, text in rows)}]")
        return {
            by_key[key]: [(id_, sure) for id_, sure in pairs]
            for (key, _), pairs in zip(rows, about, strict=True)
        }

    def _cells(self, query: sa.Select[tuple[object, ...]]) -> tuple[CellRecord, ...]:
        return tuple(map(cell_record, sql.mappings(self._engine, query)))

    def _current_id(self) -> str | None:
        return sql.scalar(self._engine, sa.select(current.c.build_id))

    def _forget_all_but(self, build_id: str | None) -> None:
        for table in OF_A_BUILD:
            # Two conditions instead of `!=`: each is a range of the key.
            for others in (
                table.c.build_id < (build_id or ""),
                table.c.build_id > (build_id or ""),
            ):
                while self._forget_some(table, others):
                    pass
        sql.execute(self._engine, sa.delete(builds).where(builds.c.id != (build_id or "")))

    def _forget_some(self, table: sa.Table, others: sa.ColumnElement[bool]) -> bool:
        """Delete rows in one transaction, and return whether to call again.

        SQLite deletes at most `_ROWS_PER_TRANSACTION` rows. PostgreSQL deletes all of them: nobody
        waits for it, and each further search would pass over the rows deleted before.
        """
        delete = sa.delete(table).where(others)
        with self._engine.begin() as connection:
            if connection.dialect.name != "sqlite":
                connection.execute(delete)
                return False
            key = list(table.primary_key)
            batch = sa.select(*key).where(others).limit(_ROWS_PER_TRANSACTION)
            delete = sa.delete(table).where(sa.tuple_(*key).in_(batch))
            return connection.execute(delete).rowcount > 0

    def _write(self, build: BuildToPublish, build_id: str) -> str:
        """Write every row, and return the digest of the rows written."""
        waiting = _WaitingRows(build_id, hashlib.sha256(build.day.isoformat().encode()))
        for record in build.records():
            waiting.add(record)
            if waiting.count >= _ROWS_PER_TRANSACTION:
                waiting.write(self._engine)
        waiting.write(self._engine)
        return waiting.digest.hexdigest()


def forget_in_builds(connection: sa.Connection, agent_id: str) -> int:
    """Erase an agent from other agents' cells and from skipped items; return the number of rows.

    The agent's own rows are not erased here: the caller finds them by their key.
    """
    named = cells.c.nearest.contains(json.dumps(agent_id), autoescape=True)
    key = list(cells.primary_key)
    rows = connection.execute(sa.select(*key, cells.c.nearest).where(named)).all()
    for *place, nearest in rows:
        others = [other for other in json.loads(nearest) if other != agent_id]
        own = sa.tuple_(*key) == sa.tuple_(*place)
        connection.execute(sa.update(cells).where(own).values(nearest=json.dumps(others)))
    of_agent = (skipped.c.part == SkippedKind.AGENT.value) & (skipped.c.id == storable(agent_id))
    return len(rows) + connection.execute(sa.delete(skipped).where(of_agent)).rowcount


class _WaitingRows:
    """Rows waiting to be written in one transaction, and the digest of every row so far."""

    def __init__(self, build_id: str, digest: "hashlib._Hash") -> None:
        self.digest, self._build_id = digest, build_id
        self._start()

    def _start(self) -> None:
        self.count = 0
        self._names: dict[sa.Table, Sequence[str]] = {}
        self._rows: dict[sa.Table, list[tuple[Any, ...]]] = defaultdict(list)

    def add(self, record: BuildRecord) -> None:
        if isinstance(record, AssignedRecord):
            # One row for each document of the index: rows are made in columns, not one by one.
            both = zip(record.keys, record.topics, strict=True)
            self.digest.update("\0".join([*chain.from_iterable(both), ""]).encode())
            self._names[assigned] = ("build_id", "document_key", "topics")
            self._rows[assigned] += zip(
                repeat(self._build_id), record.keys, record.topics, strict=False
            )
            self.count += len(record.keys)
            return
        for table, row in rows_of(record):
            self.digest.update(_digested(row))
            self._names[table] = ("build_id", *row)
            self._rows[table].append((self._build_id, *row.values()))
            self.count += 1

    def write(self, engine: sa.Engine) -> None:
        with engine.begin() as connection:
            for table, rows in self._rows.items():
                write_rows(connection, table, self._names[table], rows)
        self._start()


def _digested(row: Row) -> bytes:
    """Return a row's bytes for the digest of its build; binary values are not converted."""
    texts = "\0".join([str(value) for value in row.values() if not isinstance(value, bytes)])
    return b"\0".join(
        [texts.encode(), *(value for value in row.values() if isinstance(value, bytes))]
    )
