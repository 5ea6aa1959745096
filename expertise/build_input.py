"""Write the input of a build as Parquet, by one scan of the index and one of the directory.

At most `DOCUMENTS_PER_PART` documents are in memory at once. The tables:

- `documents`: number, id, mark (record hash), key (`document_key`), day, whether it is an open
  question, whether it asks for a skill. Only documents that every agent may read.
- `contributions`: document, account, weight, whether the agent wrote or answered.
- `named`, `compared`: topics that a document's text names, and topics similar to its vectors.
- `labels`, made from these two: document, topic, confidence.
- `agents`: the agents who may be shown, numbered by id; `owners`: account, agent.
- `entries`: topic, agent, and what the agent's directory entry states about the topic.
- `refusals`: topic, agent, for agents who refused the topic or were removed from it.
- `metiers`: métier, topic, for each pair that shares a rare word.
- `topics`: number, and whether it is a subject and no métier.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from itertools import islice

import numpy as np

from connectors.geography import region_of
from connectors.values import Agent, EvidencePolicy
from expertise.assignment import (
    Labelled,
    LabelledChunk,
    Labels,
    Spread,
    TopicConfidences,
    TopicVectors,
    chunk_of,
)
from expertise.build_files import BuildFiles, Columns
from expertise.build_rules import BuildRules
from expertise.build_tables import document_key
from expertise.corpus import (
    DocumentEntry,
    SkippedItems,
    SkippedKind,
    UnlabelledDocument,
    UnlabelledSample,
    is_universal,
)
from expertise.holders import (
    BASES,
    TopicNames,
    known_agent,
    missions_in_force,
    stated_topics,
    topics_of_ended_missions,
    topics_of_metiers,
)
from expertise.topics import Topic, TopicKind
from expertise.values import AccountDirectory
from expertise.visibility import may_be_shown
from indexer.values import IndexedDocument

DOCUMENTS_PER_PART = 20_000
"""Number of documents whose rows are in memory at once."""
ACCOUNTS_AT_ONCE = 10_000


@dataclass(frozen=True, slots=True)
class Read:
    """Numbers of documents and contributions read, and the spread of topics' similarities."""

    documents: int
    contributions: int
    contributions_seen: int
    spread: Spread


@dataclass(frozen=True, slots=True)
class NotBuilt:
    """What a reading leaves out of the build: `unlabelled` documents, and items that failed."""

    unlabelled: UnlabelledSample = field(default_factory=UnlabelledSample)
    skipped: SkippedItems = field(default_factory=SkippedItems)


def write_documents(
    files: BuildFiles,
    documents: Iterable[IndexedDocument],
    labels: Labels,
    rules: BuildRules,
    today: date,
    not_built: NotBuilt,
) -> Read:
    """Write every document that every agent may read; count the contributions of all documents.

    A document that fails is only recorded as skipped. Documents with contributors but without a
    topic's label are sampled in `unlabelled`.
    """
    leftovers, omissions = not_built.unlabelled, not_built.skipped
    seen, counted, contributions, part = 0, 0, 0, _Part(0)
    for stored in documents:
        document = stored.document
        seen += len(document.contributions)
        if (
            not is_universal(document.access, rules.universal)
            or document.evidence != EvidencePolicy.YES
        ):
            continue
        with omissions.instead(SkippedKind.DOCUMENT, document.id):
            # Steps that may fail come first, so that a failing document adds nothing.
            entry = DocumentEntry.of(document, stored.record_hash, today, rules.asking)
            document.id.encode()
            labelled = labels.of(stored)
            part.take(entry, labelled)
            counted, contributions = counted + 1, contributions + len(entry.rows)
            if not labelled.by_label and entry.rows:
                leftovers.take(stored)
        if len(part.entries) == DOCUMENTS_PER_PART:
            part.write(files)
            part = _Part(counted)
    if part.entries or not counted:
        part.write(files)
    return Read(counted, contributions, seen, labels.spread())


def label_documents(
    files: BuildFiles, topics: Sequence[Topic], vectors: TopicVectors | None, spread: Spread
) -> None:
    """Write `labels`, part by part, when the spread over all documents is known."""
    step = TopicConfidences(topics, vectors, spread)
    for number in range(files.parts("named")):
        named = files.arrays(f"SELECT * FROM {files.part('named', number)}")
        near = files.arrays(
            f"SELECT * FROM {files.part('compared', number)} ORDER BY document, rank"
        )
        row, topic, confidence = step.of(
            LabelledChunk(
                named["document"],
                named["topic"],
                named["title"],
                named["text"],
                near["document"],
                near["place"],
                near["whole"],
            )
        )
        columns: Columns = {
            "document": ("BIGINT", row),
            "topic": ("BIGINT", topic),
            "confidence": ("FLOAT", confidence),
        }
        files.add("labels", columns)


def write_topics(files: BuildFiles, topics: Sequence[Topic]) -> None:
    """Write the list of topics."""
    columns: Columns = {
        "topic": ("BIGINT", range(len(topics))),
        "is_topic": ("BOOLEAN", [topic.kind == TopicKind.TOPIC for topic in topics]),
    }
    files.add("topics", columns)


def write_directory(
    files: BuildFiles,
    agents: Iterable[Agent],
    topics: Sequence[Topic],
    omissions: SkippedItems,
    today: date,
) -> None:
    """Write the agents who may be shown, numbered by id, and the topics of their directory entries.

    An agent with an id that occurs twice, or whose entry cannot be read, is recorded in
    `omissions`.
    """
    names = TopicNames.of(topics)
    numbers = {topic.id: number for number, topic in enumerate(topics)}
    subjects = {topic.id for topic in topics if topic.kind == TopicKind.TOPIC}
    listed: set[str] = set()
    people, entries, refusals = _Table(_PEOPLE), _Table(_SAID), _Table(_REFUSED)
    for agent in agents:
        if not may_be_shown(agent, today):
            continue
        if agent.id in listed:
            omissions.add(SkippedKind.AGENT, agent.id, "un autre agent a le même identifiant")
            continue
        with omissions.instead(SkippedKind.AGENT, agent.id):
            agent.id.encode()
            stated = stated_topics(agent, names, today)
            otherwise = stated_topics(replace(agent, missions=()), names, today)
            on = missions_in_force(agent, names, today)
            ended = topics_of_ended_missions(agent, names, today)
            listed.add(agent.id)
            departement = known_agent(agent).departement
            people.add(
                agent.id,
                departement,
                region_of(departement) or "",
                agent.metier.strip(),
                any(mission.in_force(today) for mission in agent.missions),
                agent.arrived(today),
            )
            for refused in agent.refused:
                if refused.id in numbers:
                    refusals.add(agent.id, numbers[refused.id])
            for topic in stated.keys() | otherwise.keys() | on.keys() | ended:
                entries.add(
                    agent.id,
                    numbers[topic],
                    BASES.index(stated[topic]) if topic in stated else -1,
                    topic in otherwise and topic in subjects,
                    topic in on,
                    topic in ended,
                )
        if len(people) >= DOCUMENTS_PER_PART:
            people.write(files, "people")
            entries.write(files, "said")
            refusals.write(files, "refused")
    people.write(files, "people")
    entries.write(files, "said")
    refusals.write(files, "refused")
    files.rearrange("agents", "SELECT row_number() OVER (ORDER BY id) - 1 AS agent, * FROM people")
    files.rearrange(
        "entries",
        "SELECT s.topic, a.agent, s.basis, s.otherwise, s.on_mission, s.ended "
        "FROM said s JOIN agents a ON a.id = s.id",
    )
    files.rearrange(
        "refusals", "SELECT r.topic, a.agent FROM refused r JOIN agents a ON a.id = r.id"
    )
    metiers = [metier for (metier,) in files.rows("SELECT DISTINCT metier FROM agents")]
    shared = [
        (metier, numbers[topic])
        for metier, topic_ids in topics_of_metiers(names, metiers).items()
        for topic in topic_ids
    ]
    columns: Columns = {
        "metier": ("VARCHAR", [metier for metier, _ in shared]),
        "topic": ("BIGINT", [topic for _, topic in shared]),
    }
    files.add("metiers", columns)


def write_owners(files: BuildFiles, book: AccountDirectory) -> None:
    """Write the agent of each account, for agents who may be shown."""
    owned = _Table({"account": "VARCHAR", "id": "VARCHAR"})
    for batch in _batches(files.rows("SELECT DISTINCT account FROM contributions")):
        for account, agent in book.by_account(batch).items():
            owned.add(account, agent.id)
        owned.write(files, "owned")
    owned.write(files, "owned")
    files.rearrange("owners", "SELECT o.account, a.agent FROM owned o JOIN agents a ON a.id = o.id")


def without_topics(
    files: BuildFiles, leftovers: Sequence[UnlabelledDocument]
) -> tuple[UnlabelledDocument, ...]:
    """Return the documents of the sample that got no topic by vector either."""
    if not leftovers:
        return ()
    files.add("leftovers", {"id": ("VARCHAR", [document.document_id for document in leftovers])})
    about = files.rows(
        "SELECT d.id FROM leftovers o JOIN documents d ON d.id = o.id "
        "JOIN labels l ON l.document = d.document"
    )
    with_topic = {id_ for (id_,) in about}
    return tuple(document for document in leftovers if document.document_id not in with_topic)


def _batches(rows: Iterator[tuple[str]]) -> Iterator[list[str]]:
    """Yield account names in batches, without the empty name that replaces invalid ones."""
    while batch := [account for (account,) in islice(rows, ACCOUNTS_AT_ONCE)]:
        yield [account for account in batch if account]


_PEOPLE = {
    "id": "VARCHAR",
    "departement": "VARCHAR",
    "region": "VARCHAR",
    "metier": "VARCHAR",
    "told": "BOOLEAN",
    "arrived": "BOOLEAN",
}
_REFUSED = {"id": "VARCHAR", "topic": "BIGINT"}
_SAID = {
    "id": "VARCHAR",
    "topic": "BIGINT",
    "basis": "BIGINT",
    "otherwise": "BOOLEAN",
    "on_mission": "BOOLEAN",
    "ended": "BOOLEAN",
}


class _Table:
    """Rows waiting to be written as one part."""

    def __init__(self, kinds: dict[str, str]) -> None:
        self._kinds = kinds
        self._rows: list[tuple[object, ...]] = []

    def __len__(self) -> int:
        return len(self._rows)

    def add(self, *row: object) -> None:
        self._rows.append(row)

    def write(self, files: BuildFiles, table: str) -> None:
        """Write the waiting rows; write an empty part if nothing was written to the table yet."""
        if self._rows or not files.parts(table):
            columns = list(zip(*self._rows, strict=True)) or [()] * len(self._kinds)
            named = zip(self._kinds.items(), columns, strict=True)
            files.add(table, {name: (kind, values) for (name, kind), values in named})
            self._rows = []


@dataclass(slots=True)
class _Part:
    """Documents waiting to be written, numbered from `first`."""

    first: int
    entries: list[DocumentEntry] = field(default_factory=list)
    labelled: list[Labelled] = field(default_factory=list)

    def take(self, entry: DocumentEntry, labelled: Labelled) -> None:
        self.entries.append(entry)
        self.labelled.append(labelled)

    def write(self, files: BuildFiles) -> None:
        chunk, entries = chunk_of(self.labelled), self.entries
        documents: Columns = {
            "document": ("BIGINT", range(self.first, self.first + len(entries))),
            "id": ("VARCHAR", [entry.id for entry in entries]),
            "mark": ("VARCHAR", [entry.mark for entry in entries]),
            "key": ("VARCHAR", [document_key(entry.id) for entry in entries]),
            "dated": ("BIGINT", [entry.dated for entry in entries]),
            "open_question": ("BOOLEAN", [entry.open_question for entry in entries]),
            "asks": ("BOOLEAN", [entry.asks for entry in entries]),
        }
        files.add("documents", documents)
        rows = [(self.first + n, *row) for n, entry in enumerate(entries) for row in entry.rows]
        number, account, weight, own = zip(*rows, strict=True) if rows else [()] * 4
        contributions: Columns = {
            "document": ("BIGINT", number),
            "account": ("VARCHAR", [_unicode(name) for name in account]),
            "weight": ("DOUBLE", weight),
            "own": ("BOOLEAN", own),
        }
        files.add("contributions", contributions)
        named: Columns = {
            "document": ("BIGINT", chunk.row + self.first),
            "topic": ("BIGINT", chunk.topic),
            "title": ("BOOLEAN", chunk.title),
            "text": ("BOOLEAN", chunk.text),
        }
        files.add("named", named)
        similar: Columns = {
            "document": ("BIGINT", chunk.similar_row + self.first),
            "rank": ("BIGINT", np.arange(len(chunk.similar_row))),
            "place": ("BIGINT", chunk.similar_place),
            "whole": ("BIGINT", chunk.similar_whole),
        }
        files.add("compared", similar)


def _unicode(account: str) -> str:
    """Return the account, or an empty text if it is not valid Unicode and so in no directory."""
    try:
        account.encode()
    except UnicodeEncodeError:
        return ""
    return account
