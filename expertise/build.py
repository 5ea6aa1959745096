"""Build offline: agents who hold each topic, isolated holders and possible communities.

Read `build_expertise` first.

The build reads the documents that every agent may read, and the directory's métiers, missions and
skills. The same inputs on the same day give the same bytes. A document, an agent or a topic that
cannot be read is skipped, listed and counted (`SkippedItems`); none of them stops the build.

The build is computed in SQL on files (decision 51), in bounded memory for any number of documents;
tests compare it with a reference on arrays (`tests/reference_build.py`).
"""

from collections.abc import Iterator, Sequence
from datetime import date

from expertise.assignment import Labels, topic_vectors
from expertise.build_files import BuildFiles, BuildMeans
from expertise.build_input import (
    NotBuilt,
    Read,
    label_documents,
    without_topics,
    write_directory,
    write_documents,
    write_owners,
    write_topics,
)
from expertise.build_result import TABLES_READ, Build, sights_and_isolation, topic_groups
from expertise.build_rules import BuildRules as BuildRules
from expertise.build_sql import steps
from expertise.clustering import discover_clusters
from expertise.corpus import SkippedItems, SkippedKind
from expertise.topics import Topic, check_topics
from expertise.values import AgentDirectory, DocumentStore
from indexer.ports import Encoder
from indexer.values import IndexedDocument

BATCH_DOCUMENTS = 200
"""Number of documents read in one request; it is limited because their vectors are large."""


def build_expertise(  # noqa: PLR0913 - everything that a build is made of
    library: DocumentStore,
    book: AgentDirectory,
    encoder: Encoder,
    topics: Sequence[Topic],
    rules: BuildRules,
    today: date,
    means: BuildMeans | None = None,
) -> Build:
    """Read every indexed document once, and the directory, then compute the build in files.

    Close the build after publishing it. Raises `IndexUnreachable`, `ValueError` if too many
    documents fail, and `EngineUnusable` if the engine cannot compute it.
    """
    not_built, listed = NotBuilt(), check_topics((topic.id, topic) for topic in topics)
    omissions = not_built.skipped
    for fault in listed.malformed:
        omissions.add(SkippedKind.TOPIC, fault.where, fault.reason)
    topics = listed.topics
    vectors = topic_vectors(topics, encoder)
    files = BuildFiles(means or BuildMeans())
    try:
        read = write_documents(
            files,
            all_documents(library, omissions),
            Labels(topics, vectors),
            rules,
            today,
            not_built,
        )
        label_documents(files, topics, vectors, read.spread)
        write_topics(files, topics)
        write_directory(files, book.each(), topics, omissions, today)
        write_owners(files, book)
        return build_from_files(files, read, topics, rules, today, not_built)
    except BaseException:
        files.close()
        raise


def build_from_files(
    files: BuildFiles,
    read: Read,
    topics: Sequence[Topic],
    rules: BuildRules,
    today: date,
    not_built: NotBuilt | None = None,
) -> Build:
    """Compute the build from the tables that `build_input` wrote."""
    not_built = not_built or NotBuilt()
    omissions = not_built.skipped
    unlabelled = not_built.unlabelled.documents()
    clusters = discover_clusters(without_topics(files, unlabelled), omissions)
    omissions.check_share(read.documents)
    for step in steps(rules.least_strength):
        files.compute(step.table, step.query)
    sights, alone = sights_and_isolation(files, rules.least_known)
    groups = topic_groups(files)
    files.keep_only(TABLES_READ)
    return Build(
        today, rules, topics, files, read, sights, alone, groups, clusters, tuple(omissions.items)
    )


def all_documents(
    library: DocumentStore, omissions: SkippedItems | None = None
) -> Iterator[IndexedDocument]:
    """Yield every indexed document, in batches; record undecodable documents as skipped."""
    omissions = omissions or SkippedItems()
    for source in sorted(library.sources()):
        waiting: list[str] = []
        for entry in library.scan(source):
            waiting.append(entry.document_id)
            if len(waiting) == BATCH_DOCUMENTS:
                yield from _read_batch(library, waiting, omissions)
                waiting = []
        yield from _read_batch(library, waiting, omissions)


def _read_batch(
    library: DocumentStore, document_ids: Sequence[str], omissions: SkippedItems
) -> Iterator[IndexedDocument]:
    """Yield these documents from one request; if one fails, request the rest one by one."""
    given: set[str] = set()
    together = SkippedItems()
    with together.instead(SkippedKind.DOCUMENT, ""):
        for stored in library.documents(document_ids):
            given.add(stored.document.id)
            yield stored
    if together.items:
        for id_ in document_ids:
            if id_ not in given:
                with omissions.instead(SkippedKind.DOCUMENT, id_):
                    yield from library.documents([id_])
