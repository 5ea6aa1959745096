"""The stored form of a build: records, database tables, and the conversion between them."""

import json
import zlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any, TypeAlias, overload

import sqlalchemy as sa

from connectors.batches import batches
from expertise.clustering import CommunityKind
from expertise.corpus import SkippedItem
from expertise.holders import Basis, IsolationScope
from expertise.topics import Topic, TopicKind
from indexer import sql
from indexer.state import digest, storable

DOCUMENT_KEY_CHARS = 24
HASH_PREFIX_CHARS = 12
"""Characters of a record hash that are stored, to detect that a document has changed."""


@dataclass(frozen=True, slots=True)
class CellEvidence:
    """A document that counts for a cell, and the account that contributed to it.

    `weight` is confidence times the contribution's weight, times `AGREED` if the directory agrees;
    `mark` is the beginning of the document's record hash.
    """

    document_id: str
    account: str
    weight: float
    mark: str


@dataclass(frozen=True, slots=True)
class EvidenceColumns(Sequence[CellEvidence]):
    """The evidence of a cell, strongest first, in columns, as it is written and read.

    A `CellEvidence` is made only when it is asked for: of millions of rows written, few are read.
    """

    document_ids: tuple[str, ...] = ()
    accounts: tuple[str, ...] = ()
    weights: tuple[float, ...] = ()
    marks: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.document_ids)

    @overload
    def __getitem__(self, place: int) -> CellEvidence: ...
    @overload
    def __getitem__(self, place: slice) -> "EvidenceColumns": ...
    def __getitem__(self, place: int | slice) -> "CellEvidence | EvidenceColumns":
        if isinstance(place, slice):
            return EvidenceColumns(
                self.document_ids[place],
                self.accounts[place],
                self.weights[place],
                self.marks[place],
            )
        return CellEvidence(
            self.document_ids[place], self.accounts[place], self.weights[place], self.marks[place]
        )


NO_EVIDENCE = EvidenceColumns()


@dataclass(frozen=True, slots=True)
class CellRecord:
    """An agent who holds, or declares, a topic.

    `departement` is where the agent was in post at the build; `nearest` are the ids of the nearest
    other holders, for agents who are alone in an area; `evidence` contains all documents, strongest
    first.
    """

    topic_id: str
    agent_id: str
    departement: str
    basis: Basis
    strength: float
    scope: IsolationScope
    nearest: tuple[str, ...]
    evidence: EvidenceColumns


@dataclass(frozen=True, slots=True)
class TopicSight:
    """The part of a topic's people that the build sees; see `expertise.isolation.SightShares`.

    `share` is from 0 to 1. `enough` is true if an agent may be called alone on the topic.
    """

    share: float
    enough: bool


@dataclass(frozen=True, slots=True)
class TopicRecord:
    """A topic of the list, with ids of its first documents and of its unanswered questions."""

    topic: Topic
    documents: tuple[str, ...]
    questions: tuple[str, ...]
    sight: TopicSight | None = None


ASSIGNED_AT_ONCE = 10_000
"""Documents in one record: a record per document would be too many."""


@dataclass(frozen=True, slots=True)
class AssignedRecord:
    """The topics of documents with contributors, each as the JSON of `assigned_text`.

    A record contains `ASSIGNED_AT_ONCE` documents by key; the last record contains fewer.
    """

    keys: tuple[str, ...]
    topics: tuple[str, ...]


def assigned_records(pairs: Iterable[tuple[str, str]]) -> Iterator[AssignedRecord]:
    """Yield the (key, topics) of all documents as records."""
    for batch in batches(pairs, ASSIGNED_AT_ONCE):
        yield AssignedRecord(*zip(*batch, strict=True))


def document_key(document_id: str) -> str:
    """Return the key of a document: 96 bits of its id's digest."""
    return digest(document_id)[:DOCUMENT_KEY_CHARS]


@dataclass(frozen=True, slots=True)
class CommunityRecord:
    """A community with the ids of its topics and members."""

    number: int
    kind: CommunityKind
    topics: tuple[str, ...]
    members: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ProposalRecord:
    """A cluster of documents that no topic covers: (id, mark) pairs, and its terms.

    Each term comes with the indices of the documents that have it.
    """

    number: int
    documents: tuple[tuple[str, str], ...]
    terms: tuple[tuple[str, tuple[int, ...]], ...]

    @property
    def id(self) -> str:
        """A digest of the documents' ids."""
        return digest("\n".join(sorted(id_ for id_, _ in self.documents)))[:12]


@dataclass(frozen=True, slots=True)
class SkippedRecord:
    """An item that the build skipped."""

    number: int
    item: SkippedItem


BuildRecord: TypeAlias = (
    TopicRecord | CellRecord | CommunityRecord | ProposalRecord | AssignedRecord | SkippedRecord
)


@dataclass(frozen=True, slots=True)
class BuildStamp:
    """A published build: its day, digests and counts.

    `least_strength` is the threshold for holders; `documents` and `contributions` count documents
    that every agent may read, `contributions_seen` counts the contributions to all documents.
    """

    id: str
    day: date
    digest: str
    topics_digest: str
    least_strength: float
    documents: int
    contributions: int
    contributions_seen: int


metadata = sa.MetaData()

_BUILD = sa.String(32)
_ID = sa.String(200)
# An agent's id may be too long for an index, so its digest is the key.
_KEY = sa.String(64)

builds = sa.Table(
    "expertise_builds",
    metadata,
    sa.Column("id", _BUILD, primary_key=True),
    sa.Column("day", sa.Date, nullable=False),
    sa.Column("digest", sa.String(64), nullable=False),
    sa.Column("topics_digest", sa.String(64), nullable=False),
    sa.Column("least_strength", sa.Float, nullable=False),
    sa.Column("documents", sa.Integer, nullable=False),
    sa.Column("contributions", sa.Integer, nullable=False),
    sa.Column("contributions_seen", sa.Integer, nullable=False),
)
# The id of the current build: one row, or no row before the first build.
current = sa.Table(
    "expertise_current",
    metadata,
    sa.Column("place", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("build_id", _BUILD, nullable=False),
)
topics = sa.Table(
    "expertise_topics",
    metadata,
    sa.Column("build_id", _BUILD, primary_key=True),
    sa.Column("id", _ID, primary_key=True),
    sa.Column("label", sa.Text, nullable=False),
    sa.Column("kind", sa.String(20), nullable=False),
    sa.Column("lists", sa.Text, nullable=False),
)
cells = sa.Table(
    "expertise_cells",
    metadata,
    sa.Column("build_id", _BUILD, primary_key=True),
    sa.Column("topic_id", _ID, primary_key=True),
    sa.Column("agent_key", _KEY, primary_key=True),
    sa.Column("agent_id", sa.Text, nullable=False),
    sa.Column("departement", sa.String(20), nullable=False),
    sa.Column("basis", sa.String(20), nullable=False),
    sa.Column("strength", sa.Float, nullable=False),
    sa.Column("scope", sa.String(20), nullable=False),
    sa.Column("nearest", sa.Text, nullable=False),
    sa.Column("proofs", sa.LargeBinary, nullable=False),
    sa.Index("expertise_cells_by_agent", "build_id", "agent_key"),
    sa.Index("expertise_cells_alone", "build_id", "scope", "departement"),
)
communities = sa.Table(
    "expertise_communities",
    metadata,
    sa.Column("build_id", _BUILD, primary_key=True),
    sa.Column("number", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("kind", sa.String(20), nullable=False),
    sa.Column("topics", sa.Text, nullable=False),
)
members = sa.Table(
    "expertise_members",
    metadata,
    sa.Column("build_id", _BUILD, primary_key=True),
    sa.Column("number", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("agent_key", _KEY, primary_key=True),
    sa.Column("agent_id", sa.Text, nullable=False),
    sa.Index("expertise_members_by_agent", "build_id", "agent_key"),
)
proposals = sa.Table(
    "expertise_proposals",
    metadata,
    sa.Column("build_id", _BUILD, primary_key=True),
    sa.Column("number", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("documents", sa.Text, nullable=False),
    sa.Column("terms", sa.Text, nullable=False),
)
# The table has a row for each document, so the key is short and the rows are stored in its order.
assigned = sa.Table(
    "expertise_assigned",
    metadata,
    sa.Column("build_id", _BUILD, primary_key=True),
    sa.Column("document_key", sa.String(DOCUMENT_KEY_CHARS), primary_key=True),
    sa.Column("topics", sa.Text, nullable=False),
    sqlite_with_rowid=False,
)
skipped = sa.Table(
    "expertise_left_out",
    metadata,
    sa.Column("build_id", _BUILD, primary_key=True),
    sa.Column("number", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("part", sa.String(20), nullable=False),
    sa.Column("id", sa.Text, nullable=False),
    sa.Column("reason", sa.Text, nullable=False),
)
alone_topics = sa.Table(
    "expertise_alone_topics",
    metadata,
    sa.Column("day", sa.Date, primary_key=True),
    sa.Column("topic_id", _ID, primary_key=True),
)
"""Topics that only one agent held on a day, with an empty id for each day of a build. The rows
outlive their builds, and never name the agent.
"""

OF_A_BUILD = (topics, cells, communities, members, proposals, assigned, skipped)
"""The tables whose rows are deleted with their build."""

Row = dict[str, Any]


def topic_row(record: TopicRecord) -> Row:
    """Return a topic's row."""
    topic = record.topic
    lists = [topic.alt_labels, topic.broader, record.documents, record.questions]
    lists.append((record.sight.share, record.sight.enough) if record.sight else ())  # type: ignore[arg-type]
    lists.append((topic.definition, topic.theme))
    return {
        "id": topic.id,
        "label": topic.label,
        "kind": topic.kind.value,
        "lists": json.dumps(lists, ensure_ascii=False),
    }


def topic_record(row: sa.RowMapping) -> TopicRecord:
    """Return a topic from its row; earlier builds stored neither its sight nor its definition."""
    alt, broader, documents, questions, *later = map(tuple, json.loads(row["lists"]))
    sight, defined = (*later, (), ())[:2]
    topic = Topic(row["id"], row["label"], alt, broader, TopicKind(row["kind"]), *defined)
    return TopicRecord(topic, documents, questions, TopicSight(*sight) if sight else None)


def cell_row(record: CellRecord) -> Row:
    """Return a cell's row; its evidence is compressed."""
    proofs = record.evidence
    columns = (proofs.document_ids, proofs.accounts, proofs.weights, proofs.marks)
    return {
        "topic_id": record.topic_id,
        "agent_key": digest(record.agent_id),
        "agent_id": record.agent_id,
        "departement": record.departement,
        "basis": record.basis.value,
        "strength": record.strength,
        "scope": record.scope.value,
        "nearest": json.dumps(record.nearest),
        "proofs": zlib.compress(json.dumps(columns).encode(), 1) if proofs else b"",
    }


def cell_record(row: sa.RowMapping) -> CellRecord:
    """Return a cell from its row."""
    columns = json.loads(zlib.decompress(row["proofs"])) if row["proofs"] else ()
    evidence = EvidenceColumns(*map(tuple, columns))
    return sql.value(CellRecord, row, nearest=json.loads(row["nearest"]), evidence=evidence)


def community_row(record: CommunityRecord) -> Row:
    """Return a community's row, without its members."""
    return {
        "number": record.number,
        "kind": record.kind.value,
        "topics": json.dumps(record.topics, ensure_ascii=False),
    }


def member_rows(record: CommunityRecord) -> list[Row]:
    """Return the rows of a community's members."""
    return [
        {"number": record.number, "agent_key": digest(agent_id), "agent_id": agent_id}
        for agent_id in record.members
    ]


def community_record(row: sa.RowMapping, members: Sequence[str]) -> CommunityRecord:
    """Return a community with these members from its row."""
    return sql.value(CommunityRecord, row, topics=json.loads(row["topics"]), members=members)


compact_json = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode


def assigned_text(topics: Sequence[tuple[str, float]]) -> str:
    """Return the topics of a document as JSON: (id, confidence from 0 to 1 in hundredths)."""
    return compact_json(topics)


def proposal_row(record: ProposalRecord) -> Row:
    """Return a proposed topic's row."""
    return {
        "number": record.number,
        "documents": json.dumps(record.documents),
        "terms": json.dumps(record.terms, ensure_ascii=False),
    }


def proposal_record(row: sa.RowMapping) -> ProposalRecord:
    """Return a proposed topic from its row."""
    lists = {name: json.loads(row[name]) for name in ("documents", "terms")}
    return sql.value(ProposalRecord, row, **lists)


def skipped_row(record: SkippedRecord) -> Row:
    """Return a skipped item's row."""
    item = record.item
    return {
        "number": record.number,
        "part": item.part.value,
        "id": storable(item.id),
        "reason": storable(item.reason),
    }


def rows_of(
    record: TopicRecord | CellRecord | CommunityRecord | ProposalRecord | SkippedRecord,
) -> Iterator[tuple[sa.Table, Row]]:
    """Yield the rows of a record, each with its table."""
    if isinstance(record, TopicRecord):
        yield topics, topic_row(record)
    elif isinstance(record, CellRecord):
        yield cells, cell_row(record)
    elif isinstance(record, ProposalRecord):
        yield proposals, proposal_row(record)
    elif isinstance(record, SkippedRecord):
        yield skipped, skipped_row(record)
    else:
        yield communities, community_row(record)
        for row in member_rows(record):
            yield members, row
