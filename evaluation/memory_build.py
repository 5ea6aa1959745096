"""The build on arrays in memory: the reference for the build in SQL.

It computes in plain arrays what `build_sql` computes in SQL; on the same day all records are equal.
Evaluations read its arrays; no crawl and no worker runs it.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date

import numpy as np

from connectors.values import Agent
from evaluation.memory_corpus import (
    Community,
    detected_communities,
    proposed_communities,
    read_corpus,
    topics_in_row,
    without_topics,
)
from evaluation.memory_holders import Cells, agreed_pairs, find_holdings, valid_agents, weigh_cells
from evaluation.memory_isolation import Sight, find_isolation, sight_of, topics_in_sight
from expertise.assignment import Assignment, topic_vectors
from expertise.build import all_documents
from expertise.build_result import proposal_records, skipped_records
from expertise.build_rules import BuildRules
from expertise.build_sql import DOCUMENTS_KEPT_PER_TOPIC
from expertise.build_tables import (
    HASH_PREFIX_CHARS,
    NO_EVIDENCE,
    BuildRecord,
    CellRecord,
    CommunityRecord,
    EvidenceColumns,
    TopicRecord,
    TopicSight,
    assigned_records,
    assigned_text,
    document_key,
)
from expertise.clustering import Cluster, discover_clusters
from expertise.corpus import Corpus, SkippedItem, SkippedItems, SkippedKind, UnlabelledSample
from expertise.holders import BASES, SCOPES, Holdings
from expertise.isolation import Isolation
from expertise.topics import Topic, check_topics
from expertise.values import AgentDirectory, DocumentStore
from expertise.visibility import may_be_shown
from indexer.ports import Encoder


@dataclass(frozen=True, slots=True, eq=False)
class MemoryBuild:
    """The result of one day's build, as arrays; `records` yields it row by row."""

    day: date
    rules: BuildRules
    topics: Sequence[Topic]
    agents: Sequence[Agent]
    corpus: Corpus
    cells: Cells
    holdings: Holdings
    sight: Sight
    isolation: Isolation
    communities: Sequence[Community]
    clusters: Sequence[Cluster] = ()
    skipped: Sequence[SkippedItem] = ()

    @property
    def documents(self) -> int:
        """Number of documents that every agent may read."""
        return len(self.corpus.document_ids)

    @property
    def contributions(self) -> int:
        """Number of contributions to these documents that count."""
        return len(self.corpus.document)

    @property
    def contributions_seen(self) -> int:
        """Number of contributions to all documents."""
        return self.corpus.contributions_seen

    def records(self) -> Iterator[BuildRecord]:
        """Yield the records of the build; see the function `records`."""
        return records(self)


def build_in_memory(
    library: DocumentStore,
    book: AgentDirectory,
    encoder: Encoder,
    topics: Sequence[Topic],
    rules: BuildRules,
    today: date,
) -> MemoryBuild:
    """Read every indexed document once, and the directory, then compute the build.

    Raises `IndexUnreachable`, and `ValueError` if too many documents fail.
    """
    omissions, listed = SkippedItems(), check_topics((topic.id, topic) for topic in topics)
    for one in listed.malformed:
        omissions.add(SkippedKind.TOPIC, one.where, one.reason)
    topics = listed.topics
    assignment, leftovers = Assignment(topics, topic_vectors(topics, encoder)), UnlabelledSample()
    documents = all_documents(library, omissions)
    corpus = read_corpus(
        documents, assignment, rules.universal, today, leftovers, omissions, rules.asking
    )
    present = [one for one in book.everyone() if may_be_shown(one, today)]
    agents = valid_agents(present, topics, omissions, today)
    owners = book.by_account(corpus.accounts)
    clusters = discover_clusters(without_topics(leftovers.kept(), corpus), omissions)
    omissions.check_share(len(corpus.document_ids))
    build = build_from(corpus, topics, agents, owners, rules, today)
    return replace(build, clusters=clusters, skipped=tuple(omissions.found))


def build_from(
    corpus: Corpus,
    topics: Sequence[Topic],
    agents: Sequence[Agent],
    owners: Mapping[str, Agent],
    rules: BuildRules,
    today: date,
) -> MemoryBuild:
    """Compute the build on arrays; accounts of agents who are not in `agents` do not count."""
    shown = sorted(agents, key=lambda agent: agent.id)
    number = {agent.id: n for n, agent in enumerate(shown)}
    owner = [number.get(owners[one].id, -1) if one in owners else -1 for one in corpus.accounts]
    owned = np.array(owner, dtype=np.int64)
    cells = weigh_cells(corpus, owned, agreed_pairs(topics, shown, today))
    holdings = find_holdings(cells, topics, shown, rules.least_strength, today)
    sight = sight_of(corpus, owned, holdings, topics, shown, today)
    isolation = find_isolation(holdings, sight, shown, rules.least_known)
    communities = [
        *detected_communities(holdings, len(topics)),
        *proposed_communities(holdings, isolation, shown, len(topics)),
    ]
    return MemoryBuild(
        today, rules, topics, shown, corpus, cells, holdings, sight, isolation, communities
    )


def records(build: MemoryBuild) -> Iterator[BuildRecord]:
    """Yield topics, cells, communities, proposals, documents, then skipped items."""
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
    yield from proposal_records(build.clusters)
    yield from assigned_records(_assigned(build))
    yield from skipped_records(build.skipped)


def _topic_records(build: MemoryBuild) -> Iterator[TopicRecord]:
    by_topic = build.corpus.topics.tocsc()
    enough = topics_in_sight(build.sight, build.agents, build.rules.least_known).tolist()
    for number, topic in enumerate(build.topics):
        column = slice(int(by_topic.indptr[number]), int(by_topic.indptr[number + 1]))
        documents = by_topic.indices[column].astype(np.int64)
        dated = build.corpus.dated[documents]
        best = documents[np.lexsort((documents, -dated, -by_topic.data[column]))]
        newest = documents[np.lexsort((documents, -dated))]
        asked = newest[build.corpus.open_question[newest]]
        yield TopicRecord(
            topic=topic,
            documents=tuple(
                build.corpus.document_ids[n] for n in best[:DOCUMENTS_KEPT_PER_TOPIC].tolist()
            ),
            questions=tuple(
                build.corpus.document_ids[n] for n in asked[:DOCUMENTS_KEPT_PER_TOPIC].tolist()
            ),
            sight=TopicSight(float(build.sight.largest_share[number]), enough[number]),
        )


def _assigned(build: MemoryBuild) -> Iterator[tuple[str, str]]:
    """Yield (document key, its topics as JSON) for documents with contributors.

    Other documents never vote. Sorted by key, the fastest order to write a table in.
    """
    ids, names = build.corpus.document_ids, [topic.id for topic in build.topics]
    voting = np.unique(build.corpus.document).tolist()
    for key, number in sorted((document_key(ids[number]), number) for number in voting):
        if about := topics_in_row(build.corpus.topics, number, names):
            yield key, assigned_text(about)


def _cell_record(build: MemoryBuild, row: int) -> CellRecord:
    held, cells, corpus = build.holdings, build.cells, build.corpus
    agent, cell = build.agents[int(held.agent[row])], int(held.cell[row])
    nearest = build.isolation.nearest[row].tolist()
    evidence = NO_EVIDENCE
    if cell >= 0:
        places = slice(int(cells.start[cell]), int(cells.start[cell + 1]))
        documents = cells.document[places].tolist()
        evidence = EvidenceColumns(
            tuple(corpus.document_ids[n] for n in documents),
            tuple(corpus.accounts[n] for n in cells.account[places].tolist()),
            tuple(map(float, cells.weight[places])),
            tuple(corpus.marks[n][:HASH_PREFIX_CHARS] for n in documents),
        )
    return CellRecord(
        topic_id=build.topics[int(held.topic[row])].id,
        agent_id=agent.id,
        departement=agent.departement,
        basis=BASES[int(held.basis[row])],
        strength=float(cells.strength[cell]) if cell >= 0 else 0.0,
        scope=SCOPES[int(build.isolation.scope[row])],
        nearest=tuple(build.agents[n].id for n in nearest if n >= 0),
        evidence=evidence,
    )
