"""Three nodes of OpenSearch: nothing is lost if one is killed in a crawl or others restart.

They run the version after that of all other tests.
"""

import random
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from uuid import uuid4

import pytest
from opensearchpy import OpenSearch
from quisait_export.connector import ExportSource

from connectors.snapshot import Snapshot
from connectors.values import Access
from indexer.crawl.pipeline import CrawlDependencies, crawl
from indexer.errors import IndexerError
from indexer.opensearch.client import connect
from indexer.opensearch.index import OpenSearchIndex
from indexer.quantisation import IndexLayout
from indexer.values import PutAccess, Remove, ShowRequest
from tests.builders import ANYONE, ENCODER, asking, put, vector_of
from tests.engines import NEXT_OPENSEARCH
from tests.faults.conftest import Tally
from tests.faults.history import SOURCE, History
from tests.faults.mortal import Acknowledging, open_state
from tests.faults.trial import Mortal, Trial
from tests.own_opensearch import OwnCluster, own_cluster
from tests.service.index_places import IndexPlace

pytestmark = pytest.mark.sources

SEED = 43
BIRTHS = 150
"""Documents that a step adds: enough for a node to die amidst their writes."""
ANSWERED_S = 30.0
"""No search may take longer, whatever happens to a node."""
SHARDS = 3


@pytest.fixture(scope="module")
def cluster() -> Iterator[OwnCluster]:
    with own_cluster(NEXT_OPENSEARCH) as started:
        yield started


@pytest.fixture
def client(cluster: OwnCluster) -> Iterator[OpenSearch]:
    opened = connect(cluster.urls)
    yield opened
    opened.close()


@pytest.fixture
def trial(client: OpenSearch, tmp_path: Path) -> Iterator[Trial]:
    alias = f"test-{uuid4().hex}"
    index = OpenSearchIndex(client, alias, ENCODER.dimension, IndexLayout(SHARDS), replicas=1)
    nobody = Mortal(None)  # type: ignore[arg-type]  # it is a node that dies
    history = History(tmp_path / "export.jsonl", random.Random(SEED))
    place = IndexPlace(tmp_path, alias, "opensearch")
    told = Acknowledging(index, tmp_path / "acknowledged")
    yield Trial(place, history, told, nobody, nobody)  # type: ignore[arg-type]  # passes all on
    client.indices.delete(index=f"{alias}-*")


def crawled(trial: Trial) -> None:
    state = open_state(trial.place.folder)
    dependencies = CrawlDependencies(None, ENCODER, trial.index, state, state)  # type: ignore[arg-type]
    crawl(Snapshot(ExportSource(SOURCE, trial.history.path)), dependencies, guard_share=1.0)


@dataclass
class Reader:
    """Somebody who searches, and opens what is found, all along."""

    found: list[frozenset[str]] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)
    longest_s: float = 0.0

    def read(self, index: OpenSearchIndex, ended: Callable[[], bool]) -> None:
        asked = asking("cadastre", vector=vector_of("cadastre"), window=1_000)
        while not ended():
            begun = time.monotonic()
            try:
                answer = index.search(asked)
                ids = [hit.document_id for hit in answer.lexical]
                index.show(ShowRequest(ANYONE, tuple(ids[:10]), asked.question, asked.vector, 2))
                self.found.append(frozenset(ids))
            except IndexerError as fault:
                self.faults.append(str(fault))
            self.longest_s = max(self.longest_s, time.monotonic() - begun)

    def assert_noticed_nothing(self) -> None:
        assert self.found
        assert not self.faults
        assert self.longest_s < ANSWERED_S


@contextmanager
def reader_of(cluster: OwnCluster, alias: str) -> Iterator[Reader]:
    """Reads while the block runs, with a client of its own."""
    reader, ended, own = Reader(), threading.Event(), connect(cluster.urls)
    index = OpenSearchIndex(own, alias, ENCODER.dimension)
    reading = threading.Thread(target=reader.read, args=(index, ended.is_set))
    reading.start()
    try:
        yield reader
    finally:
        ended.set()
        reading.join()
        own.close()


def test_every_copy_forgets_at_once(cluster: OwnCluster, client: OpenSearch) -> None:
    """Once a change of access or a deletion is acknowledged, no copy answers as before."""
    alias, closed = f"test-{uuid4().hex}", Access(frozenset({"g:g:few"}))
    index = OpenSearchIndex(client, alias, ENCODER.dimension, replicas=2)

    def found_in(node: str) -> list[str]:
        """By everybody, in that node's copies of lists and documents alone."""
        only = {"preference": f"_only_nodes:{node}", "size": 100}
        readable = {"query": {"term": {"allowed": "everyone"}}}
        lists = client.search(index=f"{alias}-access", body=readable, params=only)
        names = [hit["_source"]["name"] for hit in lists["hits"]["hits"]]
        named = {"query": {"terms": {"access_list": names}}, "_source": ["id"]}
        hits = client.search(index=alias, body=named, params=only)["hits"]["hits"]
        return [hit["_source"]["id"] for hit in hits]

    try:
        index.write([put(f"s:{number}", "Le cadastre") for number in range(6)])
        cluster.await_health("wait_for_status=green")
        for number in range(6):
            rest = [f"s:{other}" for other in range(number, 6)]
            for node in cluster.nodes:
                assert sorted(found_in(node.name)) == rest
            change = Remove if number % 2 else _closing(closed)
            index.write([change(f"s:{number}")])
        for node in cluster.nodes:
            assert found_in(node.name) == []
    finally:
        client.indices.delete(index=f"{alias}-*")


def _closing(access: Access) -> Callable[[str], PutAccess]:
    return lambda document_id: PutAccess(document_id, access)


def test_a_node_that_is_killed_loses_nothing(
    cluster: OwnCluster, trial: Trial, tally: Tally
) -> None:
    """The one that leads, amidst a crawl and searches: both go on, and all is true after it."""
    trial.move(births=BIRTHS)
    crawled(trial)
    trial.check()
    cluster.await_health("wait_for_status=green")
    for _ in range(tally.times):
        trial.move(births=BIRTHS)
        dying = cluster.leader()
        death = threading.Timer(trial.history.draw.uniform(0.05, 1.0), dying.kill)
        with tally.point("a node of three killed"), reader_of(cluster, trial.place.alias) as reader:
            death.start()
            crawled(trial)
            death.join()
            trial.check()
            assert trial.held() == trial.history.truth
            dying.start()
            cluster.await_health("wait_for_status=green")
            trial.check()
        reader.assert_noticed_nothing()


def test_a_rolling_restart_is_not_noticed(cluster: OwnCluster, trial: Trial) -> None:
    """Nodes are drained, stopped and started again; searches go on, and find the same.

    The one that leads, then another: the third would be as that one.
    """
    trial.move(births=BIRTHS)
    crawled(trial)
    cluster.await_health("wait_for_status=green")
    with reader_of(cluster, trial.place.alias) as reader:
        leading = cluster.leader()
        follower = next(node for node in cluster.nodes if node is not leading)
        for node in (leading, follower):
            cluster.drain(node)
            node.stop()
            node.start()
            cluster.drain(None)
            cluster.await_health("wait_for_status=green&wait_for_no_relocating_shards=true")
    reader.assert_noticed_nothing()
    assert len(set(reader.found)) == 1
    trial.check()
