"""Who knows, who is alone, who could be together: the offline build. Read `build_expertise` first.

It reads what every agent may read, and the directory's métiers and skills. Same inputs and
same day: same bytes. A document, an agent or a topic that cannot be taken is left out, named
and counted (`expertise.left_out`): none stops the build.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date

import numpy as np

from connectors.values import Agent, principal_forms
from expertise.assignment import Assignment, topic_vectors
from expertise.communities import (
    Community,
    detected_communities,
    proposed_communities,
)
from expertise.corpus import Corpus, gather, topics_in_row, uncovered
from expertise.discovery import Cluster, discovered
from expertise.holders import BASES, Holdings, hold, sound_agents
from expertise.isolating import SCOPES, Isolation, isolate
from expertise.left_out import LeftOut, Omissions, Part
from expertise.leftovers import Leftovers
from expertise.ports import DirectoryBook, KeptDocuments
from expertise.records import (
    AssignedRecord,
    CellRecord,
    CommunityRecord,
    LeftOutRecord,
    Proof,
    ProposalRecord,
    Record,
    TopicRecord,
    document_key,
)
from expertise.showing import may_be_shown
from expertise.strength import Cells, weigh
from expertise.topics import Topic, checked
from indexer.ports import Encoder
from indexer.values import IndexedDocument

READ_AT_ONCE = 200
"""Documents of one request: their vectors are large."""
START_WITH = 20
"""How many documents of a topic, and how many of its open questions, are kept to begin with."""
MARK_CHARS = 12
"""Of a record hash: enough to notice that a document is no longer what was counted."""


@dataclass(frozen=True, slots=True)
class Rules:
    """What an organisation decides.

    `universal` are the principals that every agent has; `least_strength` makes a
    holder; a build older than `oldest_days` is not shown.
    """

    universal: frozenset[str] = frozenset({"everyone"})
    least_strength: float = 1.2
    oldest_days: int = 30

    def __post_init__(self) -> None:
        object.__setattr__(self, "universal", principal_forms(self.universal))


@dataclass(frozen=True, slots=True, eq=False)
class Build:
    """What was found on a day, as arrays; `records` gives it row by row."""

    day: date
    rules: Rules
    topics: Sequence[Topic]
    agents: Sequence[Agent]
    corpus: Corpus
    cells: Cells
    holdings: Holdings
    isolation: Isolation
    communities: Sequence[Community]
    clusters: Sequence[Cluster] = ()
    left_out: Sequence[LeftOut] = ()


def build_expertise(
    library: KeptDocuments,
    book: DirectoryBook,
    encoder: Encoder,
    topics: Sequence[Topic],
    rules: Rules,
    today: date,
) -> Build:
    """Read every kept document once, and the directory.

    Raises `IndexUnreachable`, and `ValueError` where so many documents fail that the fault
    is not theirs.
    """
    omissions, listed = Omissions(), checked((topic.id, topic) for topic in topics)
    for one in listed.malformed:
        omissions.add(Part.TOPIC, one.where, one.reason)
    topics = listed.topics
    assignment, leftovers = Assignment(topics, topic_vectors(topics, encoder)), Leftovers()
    documents = all_documents(library, omissions)
    corpus = gather(documents, assignment, rules.universal, today, leftovers, omissions)
    present = [one for one in book.everyone() if may_be_shown(one, today)]
    agents = sound_agents(present, topics, omissions)
    owners = book.by_account(corpus.accounts)
    clusters = discovered(uncovered(leftovers.kept(), corpus), omissions)
    omissions.check_share(len(corpus.document_ids))
    build = build_from(corpus, topics, agents, owners, rules, today)
    return replace(build, clusters=clusters, left_out=tuple(omissions.found))


def build_from(
    corpus: Corpus,
    topics: Sequence[Topic],
    agents: Sequence[Agent],
    owners: Mapping[str, Agent],
    rules: Rules,
    today: date,
) -> Build:
    """The part on arrays. `agents` are those who may be shown; other owners count for nobody."""
    shown = sorted(agents, key=lambda agent: agent.id)
    number = {agent.id: n for n, agent in enumerate(shown)}
    owner = [number.get(owners[one].id, -1) if one in owners else -1 for one in corpus.accounts]
    cells = weigh(corpus, np.array(owner, dtype=np.int64))
    holdings = hold(cells, topics, shown, rules.least_strength)
    isolation = isolate(holdings, shown, len(topics))
    communities = [
        *detected_communities(holdings, len(topics)),
        *proposed_communities(holdings, isolation, shown, len(topics)),
    ]
    return Build(today, rules, topics, shown, corpus, cells, holdings, isolation, communities)


def all_documents(
    library: KeptDocuments, omissions: Omissions | None = None
) -> Iterator[IndexedDocument]:
    """Every kept document, a few at once; those that cannot be decoded are noted."""
    omissions = omissions or Omissions()
    for source in sorted(library.sources()):
        waiting: list[str] = []
        for kept in library.scan(source):
            waiting.append(kept.document_id)
            if len(waiting) == READ_AT_ONCE:
                yield from _whole(library, waiting, omissions)
                waiting = []
        yield from _whole(library, waiting, omissions)


def _whole(
    library: KeptDocuments, document_ids: Sequence[str], omissions: Omissions
) -> Iterator[IndexedDocument]:
    """These documents together; where one of them fails, what is left one by one."""
    given: set[str] = set()
    together = Omissions()
    with together.instead(Part.DOCUMENT, ""):
        for one in library.documents(document_ids):
            given.add(one.document.id)
            yield one
    if together.found:
        for id_ in document_ids:
            if id_ not in given:
                with omissions.instead(Part.DOCUMENT, id_):
                    yield from library.documents([id_])


def records(build: Build) -> Iterator[Record]:
    """Topics, cells, communities, proposed topics, documents, then what was left out.

    Always in the same order.
    """
    yield from _topic_records(build)
    for row in range(len(build.holdings.topic)):
        yield _cell_record(build, row)
    for number, one in enumerate(build.communities):
        yield CommunityRecord(
            number,
            one.kind,
            tuple(build.topics[topic].id for topic in one.topics),
            tuple(build.agents[agent].id for agent in one.members),
        )
    for number, cluster in enumerate(build.clusters):
        yield ProposalRecord(
            number,
            tuple((one.document_id, one.mark[:MARK_CHARS]) for one in cluster.documents),
            tuple((term.written, term.places) for term in cluster.terms),
        )
    yield from _assigned_records(build)
    yield from left_out_records(build.left_out)


def left_out_records(left_out: Sequence[LeftOut]) -> Iterator[LeftOutRecord]:
    """What was left out, by part and id."""
    ordered = sorted(left_out, key=lambda one: (one.part, one.id, one.reason))
    for number, one in enumerate(ordered):
        yield LeftOutRecord(number, one)


def _topic_records(build: Build) -> Iterator[TopicRecord]:
    by_topic = build.corpus.topics.tocsc()
    for number, topic in enumerate(build.topics):
        column = slice(int(by_topic.indptr[number]), int(by_topic.indptr[number + 1]))
        documents = by_topic.indices[column].astype(np.int64)
        dated = build.corpus.dated[documents]
        best = documents[np.lexsort((documents, -dated, -by_topic.data[column]))]
        newest = documents[np.lexsort((documents, -dated))]
        asked = newest[build.corpus.open_question[newest]]
        yield TopicRecord(
            topic=topic,
            documents=tuple(build.corpus.document_ids[n] for n in best[:START_WITH].tolist()),
            questions=tuple(build.corpus.document_ids[n] for n in asked[:START_WITH].tolist()),
        )


def _assigned_records(build: Build) -> Iterator[AssignedRecord]:
    """Of the documents that somebody contributed to: no other ever votes.

    By key, as a table in the order of its keys is written quickest.
    """
    ids, names = build.corpus.document_ids, [topic.id for topic in build.topics]
    voting = np.unique(build.corpus.document).tolist()
    for key, number in sorted((document_key(ids[number]), number) for number in voting):
        if about := topics_in_row(build.corpus.topics, number, names):
            yield AssignedRecord(key, about)


def _cell_record(build: Build, row: int) -> CellRecord:
    held, cells, corpus = build.holdings, build.cells, build.corpus
    agent, cell = build.agents[int(held.agent[row])], int(held.cell[row])
    nearest = build.isolation.nearest[row].tolist()
    proofs: tuple[Proof, ...] = ()
    if cell >= 0:
        places = range(int(cells.start[cell]), int(cells.start[cell + 1]))
        proofs = tuple(
            Proof(
                corpus.document_ids[int(cells.document[n])],
                corpus.accounts[int(cells.account[n])],
                float(cells.weight[n]),
                corpus.marks[int(cells.document[n])][:MARK_CHARS],
            )
            for n in places
        )
    return CellRecord(
        topic_id=build.topics[int(held.topic[row])].id,
        agent_id=agent.id,
        departement=agent.departement,
        basis=BASES[int(held.basis[row])],
        strength=float(cells.strength[cell]) if cell >= 0 else 0.0,
        scope=SCOPES[int(build.isolation.scope[row])],
        nearest=tuple(build.agents[n].id for n in nearest if n >= 0),
        proofs=proofs,
    )
