"""What a build is kept as: its records, its tables, and the rows between them."""

import json
import zlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from itertools import islice
from typing import Any, TypeAlias, overload

import sqlalchemy as sa

from expertise.clustering import CommunityKind
from expertise.corpus import SkippedItem, SkippedKind
from expertise.holders import Basis, IsolationScope
from expertise.topics import Topic, TopicKind
from indexer.state import digest, storable

DOCUMENT_KEY_CHARS = 24
HASH_PREFIX_CHARS = 12
"""Characters of a record hash that are stored, to detect that a document has changed."""


@dataclass(frozen=True, slots=True)
class CellEvidence:
    """A document of a cell, and the account that contributed.

    `weight` is from 0 to 1; `mark` is the beginning of the document's record hash.
    """

    document_id: str
    account: str
    weight: float
    mark: str


@dataclass(frozen=True, slots=True)
class EvidenceColumns(Sequence[CellEvidence]):
    """The evidence of a cell, strongest first, by column: it is written and read as that.

    A row is made where it is asked for: of millions written, few are read.
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

    `departement` is where they were in post; `nearest` are the nearest other holders, for agents
    who are alone in an area; `evidence` are all the documents, strongest first.
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
    """How much of a topic's people the build sees; see `expertise.isolation.Sight`.

    `share`, from 0 to 1, of them show. `enough`: so many, and so surely of the topic, that somebody
    may be called alone on it.
    """

    share: float
    enough: bool


@dataclass(frozen=True, slots=True)
class TopicRecord:
    """A topic of the list, with documents to start with and unanswered questions."""

    topic: Topic
    documents: tuple[str, ...]
    questions: tuple[str, ...]
    sight: TopicSight | None = None


ASSIGNED_AT_ONCE = 10_000
"""Documents in one record: there are as many as the index has, and each is two short texts."""


@dataclass(frozen=True, slots=True)
class AssignedRecord:
    """The topics of documents with contributors, each as it is kept: `assigned_text`.

    `ASSIGNED_AT_ONCE` documents by key, and fewer in the last record.
    """

    keys: tuple[str, ...]
    topics: tuple[str, ...]


def assigned_records(some: Iterable[tuple[str, str]]) -> Iterator[AssignedRecord]:
    """Records of the (key, topics) of all documents, by key."""
    rows = iter(some)
    while found := list(islice(rows, ASSIGNED_AT_ONCE)):
        yield AssignedRecord(*zip(*found, strict=True))


def document_key(document_id: str) -> str:
    """The key of a document: 96 bits of its id's digest."""
    return digest(document_id)[:DOCUMENT_KEY_CHARS]


@dataclass(frozen=True, slots=True)
class CommunityRecord:
    """A community: topics and members by id."""

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
    """One thing that the build skipped."""

    number: int
    item: SkippedItem


BuildRecord: TypeAlias = (
    TopicRecord | CellRecord | CommunityRecord | ProposalRecord | AssignedRecord | SkippedRecord
)


@dataclass(frozen=True, slots=True)
class BuildStamp:
    """A published build: its day, digests and counts.

    `least_strength` is the threshold for holders; `documents` and `contributions` count what
    every agent may read, of `contributions_seen`.
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
# An agent's id may be longer than an index takes: its digest stands for it.
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
# One row, or none: which build is read.
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
# There are as many rows as documents: the key is the table's own order, and short.
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
"""Of builds that may be gone: the topics that one agent alone held on their day, or an empty id
for each day; never who."""

OF_A_BUILD = (topics, cells, communities, members, proposals, assigned, skipped)
"""The tables whose rows go with their build."""

Row = dict[str, Any]


def topic_row(record: TopicRecord) -> Row:
    """A topic as it is kept."""
    topic = record.topic
    lists = [topic.alt_labels, topic.broader, record.documents, record.questions]
    if record.sight:
        lists.append((record.sight.share, record.sight.enough))  # type: ignore[arg-type]
    return {
        "id": topic.id,
        "label": topic.label,
        "kind": topic.kind.value,
        "lists": json.dumps(lists, ensure_ascii=False),
    }


def topic_record(row: sa.RowMapping) -> TopicRecord:
    """A topic as it was built; of a build without sight nobody says how much it sees."""
    alt, broader, documents, questions, *sight = map(tuple, json.loads(row["lists"]))
    topic = Topic(row["id"], row["label"], alt, broader, TopicKind(row["kind"]))
    return TopicRecord(topic, documents, questions, *(TopicSight(*one) for one in sight))


def cell_row(record: CellRecord) -> Row:
    """A cell as it is kept; all its document ids, compressed."""
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
    """A cell as it was built."""
    columns = json.loads(zlib.decompress(row["proofs"])) if row["proofs"] else ()
    return CellRecord(
        row["topic_id"],
        row["agent_id"],
        row["departement"],
        Basis(row["basis"]),
        row["strength"],
        IsolationScope(row["scope"]),
        tuple(json.loads(row["nearest"])),
        EvidenceColumns(*map(tuple, columns)),
    )


def community_row(record: CommunityRecord) -> Row:
    """A community as it is kept, without its members."""
    return {
        "number": record.number,
        "kind": record.kind.value,
        "topics": json.dumps(record.topics, ensure_ascii=False),
    }


def member_rows(record: CommunityRecord) -> list[Row]:
    """Its members."""
    return [
        {"number": record.number, "agent_key": digest(agent_id), "agent_id": agent_id}
        for agent_id in record.members
    ]


def community_record(row: sa.RowMapping, found: Mapping[int, list[str]]) -> CommunityRecord:
    """A community as it was built; `found` holds members by its number."""
    return CommunityRecord(
        row["number"],
        CommunityKind(row["kind"]),
        tuple(json.loads(row["topics"])),
        tuple(found.get(row["number"], ())),
    )


compact_json = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode


def assigned_text(topics: Sequence[tuple[str, float]]) -> str:
    """(id, confidence from 0 to 1 in hundredths) of each topic of a document, as it is kept."""
    return compact_json(topics)


def proposal_row(record: ProposalRecord) -> Row:
    """A proposed topic as it is kept."""
    return {
        "number": record.number,
        "documents": json.dumps(record.documents),
        "terms": json.dumps(record.terms, ensure_ascii=False),
    }


def proposal_record(row: sa.RowMapping) -> ProposalRecord:
    """A proposed topic as it was built."""
    return ProposalRecord(
        row["number"],
        tuple((id_, mark) for id_, mark in json.loads(row["documents"])),
        tuple((written, tuple(places)) for written, places in json.loads(row["terms"])),
    )


def skipped_row(record: SkippedRecord) -> Row:
    """What a build left out as it is kept."""
    one = record.item
    return {
        "number": record.number,
        "part": one.part.value,
        "id": storable(one.id),
        "reason": storable(one.reason),
    }


def skipped_item(row: sa.RowMapping) -> SkippedItem:
    """What a build left out as it was built."""
    return SkippedItem(SkippedKind(row["part"]), row["id"], row["reason"])


def rows_of(
    record: TopicRecord | CellRecord | CommunityRecord | ProposalRecord | SkippedRecord,
) -> Iterator[tuple[sa.Table, Row]]:
    """A record as rows, each with its table."""
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
