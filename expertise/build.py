"""Build who knows, who is alone and who could form a community, offline.

Read `build_expertise` first.

The build reads what every agent may read, and the directory's métiers, missions and skills. The
same inputs on the same day give the same bytes. A document, an agent or a topic that cannot be
read is skipped, listed and counted (`SkippedItems`): none stops the build.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date

import numpy as np

from connectors.values import Agent, normalize_principals
from expertise.assignment import Assignment, topic_vectors
from expertise.build_tables import (
    AssignedRecord,
    BuildRecord,
    CellEvidence,
    CellRecord,
    CommunityRecord,
    ProposalRecord,
    SkippedRecord,
    TopicRecord,
    TopicSight,
    document_key,
)
from expertise.clustering import (
    Cluster,
    Community,
    detected_communities,
    discover_clusters,
    proposed_communities,
)
from expertise.corpus import (
    ASKING_KINDS,
    Corpus,
    SkippedItem,
    SkippedItems,
    SkippedKind,
    UnlabelledSample,
    asking_kinds,
    read_corpus,
    topics_in_row,
    without_topics,
)
from expertise.holders import (
    BASES,
    SCOPES,
    Cells,
    Holdings,
    find_holdings,
    valid_agents,
    weigh_cells,
)
from expertise.isolation import Isolation, Sight, find_isolation, sight_of, topics_in_sight
from expertise.topics import Topic, check_topics
from expertise.values import AgentDirectory, DocumentStore
from expertise.visibility import may_be_shown
from indexer.ports import Encoder
from indexer.values import IndexedDocument

BATCH_DOCUMENTS = 200
"""Documents read in one request: their vectors are large."""
DOCUMENTS_KEPT_PER_TOPIC = 20
"""How many documents, and how many open questions, are stored with each topic."""
HASH_PREFIX_CHARS = 12
"""Characters of a record hash that are stored, to detect that a document has changed."""


@dataclass(frozen=True, slots=True)
class BuildRules:
    """The organisation's settings for builds.

    `universal` are the principals that every agent has; `least_strength` is the threshold for
    holders; a build older than `oldest_days` is not shown. Documents of the kinds `asking` ask for
    a skill, and make nobody a holder. `least_known`, from 0 to 1, is how likely «alone» has to be
    right for anybody to be called so: that they hold the topic, and nobody is out of sight.
    """

    universal: frozenset[str] = frozenset({"everyone"})
    least_strength: float = 1.2
    oldest_days: int = 30
    asking: frozenset[str] = ASKING_KINDS
    least_known: float = 0.6

    def __post_init__(self) -> None:
        object.__setattr__(self, "universal", normalize_principals(self.universal))
        object.__setattr__(self, "asking", asking_kinds(self.asking))


@dataclass(frozen=True, slots=True, eq=False)
class Build:
    """The result of one day's build, as arrays; `records` gives it row by row."""

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


def build_expertise(
    library: DocumentStore,
    book: AgentDirectory,
    encoder: Encoder,
    topics: Sequence[Topic],
    rules: BuildRules,
    today: date,
) -> Build:
    """Read every kept document once, and the directory.

    Raises `IndexUnreachable`, and `ValueError` where too many documents fail.
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
) -> Build:
    """The computation on arrays. `agents` are those who may be shown; other owners do not count."""
    shown = sorted(agents, key=lambda agent: agent.id)
    number = {agent.id: n for n, agent in enumerate(shown)}
    owner = [number.get(owners[one].id, -1) if one in owners else -1 for one in corpus.accounts]
    owned = np.array(owner, dtype=np.int64)
    cells = weigh_cells(corpus, owned, rules.least_strength)
    holdings = find_holdings(cells, topics, shown, rules.least_strength, today)
    sight = sight_of(corpus, owned, holdings, topics, shown, today)
    isolation = find_isolation(holdings, sight, shown, rules.least_known)
    communities = [
        *detected_communities(holdings, len(topics)),
        *proposed_communities(holdings, isolation, shown, len(topics)),
    ]
    return Build(
        today, rules, topics, shown, corpus, cells, holdings, sight, isolation, communities
    )


def all_documents(
    library: DocumentStore, omissions: SkippedItems | None = None
) -> Iterator[IndexedDocument]:
    """Every indexed document, in batches; those that cannot be decoded are recorded as skipped."""
    omissions = omissions or SkippedItems()
    for source in sorted(library.sources()):
        waiting: list[str] = []
        for kept in library.scan(source):
            waiting.append(kept.document_id)
            if len(waiting) == BATCH_DOCUMENTS:
                yield from _read_batch(library, waiting, omissions)
                waiting = []
        yield from _read_batch(library, waiting, omissions)


def _read_batch(
    library: DocumentStore, document_ids: Sequence[str], omissions: SkippedItems
) -> Iterator[IndexedDocument]:
    """These documents in one request; where one fails, the remaining ones one by one."""
    given: set[str] = set()
    together = SkippedItems()
    with together.instead(SkippedKind.DOCUMENT, ""):
        for one in library.documents(document_ids):
            given.add(one.document.id)
            yield one
    if together.found:
        for id_ in document_ids:
            if id_ not in given:
                with omissions.instead(SkippedKind.DOCUMENT, id_):
                    yield from library.documents([id_])


def records(build: Build) -> Iterator[BuildRecord]:
    """Topics, cells, communities, proposed topics, documents, then what was skipped.

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
            tuple((one.document_id, one.mark[:HASH_PREFIX_CHARS]) for one in cluster.documents),
            tuple((term.written, term.places) for term in cluster.terms),
        )
    yield from _assigned_records(build)
    yield from skipped_records(build.skipped)


def skipped_records(skipped: Sequence[SkippedItem]) -> Iterator[SkippedRecord]:
    """What was skipped, by kind and id."""
    ordered = sorted(skipped, key=lambda one: (one.part, one.id, one.reason))
    for number, one in enumerate(ordered):
        yield SkippedRecord(number, one)


def _topic_records(build: Build) -> Iterator[TopicRecord]:
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


def _assigned_records(build: Build) -> Iterator[AssignedRecord]:
    """The topics of documents with contributors: no other document votes.

    Sorted by key, the fastest order to write a table in.
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
    evidence: tuple[CellEvidence, ...] = ()
    if cell >= 0:
        places = range(int(cells.start[cell]), int(cells.start[cell + 1]))
        evidence = tuple(
            CellEvidence(
                corpus.document_ids[int(cells.document[n])],
                corpus.accounts[int(cells.account[n])],
                float(cells.weight[n]),
                corpus.marks[int(cells.document[n])][:HASH_PREFIX_CHARS],
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
        evidence=evidence,
    )
