"""OpenSearch killed itself amidst a crawl and started again: nothing acknowledged is lost."""

import random
import threading
from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import pytest
from quisait_export.connector import ExportSource

from connectors.snapshot import Snapshot
from indexer.crawl.pipeline import CrawlDependencies, crawl
from indexer.errors import IndexUnreachable
from indexer.opensearch.client import connect
from indexer.opensearch.index import OpenSearchIndex
from tests.builders import ENCODER
from tests.faults.conftest import Tally
from tests.faults.history import SOURCE, History
from tests.faults.mortal import Acknowledging, open_state
from tests.faults.trial import Mortal, Trial
from tests.own_opensearch import OwnOpenSearch, own_opensearch
from tests.service.index_places import IndexPlace

pytestmark = pytest.mark.sources

POINTS = 2
SEED = 41
TIMEOUT_S = 60.0
BIRTHS = 150
"""Documents that each step adds: enough to be killed amidst their writes."""


@pytest.fixture(scope="module")
def engine() -> Iterator[OwnOpenSearch]:
    with own_opensearch() as started:
        yield started


@pytest.fixture
def trial(engine: OwnOpenSearch, tmp_path: Path) -> Iterator[Trial]:
    client, alias = connect(engine.url, timeout_s=TIMEOUT_S), f"test-{uuid4().hex}"
    index = OpenSearchIndex(client, alias, ENCODER.dimension, back_off_s=0.01)
    nobody = Mortal(None)  # type: ignore[arg-type]  # it is the engine that dies
    history = History(tmp_path / "export.jsonl", random.Random(SEED))
    place = IndexPlace(tmp_path, alias, "opensearch")
    told = Acknowledging(index, tmp_path / "acknowledged")
    yield Trial(place, history, told, nobody, nobody)  # type: ignore[arg-type]  # passes all on
    client.close()


def crawled(trial: Trial) -> bool:
    """Return whether a crawl succeeded; if not, it must report that no engine answers."""
    state = open_state(trial.place.folder)
    dependencies = CrawlDependencies(None, ENCODER, trial.index, state, state)  # type: ignore[arg-type]
    connector = Snapshot(ExportSource(SOURCE, trial.history.path))
    try:
        crawl(connector, dependencies, guard_share=1.0)
    except IndexUnreachable:
        return False
    return True


def test_an_engine_that_is_killed_loses_nothing(
    engine: OwnOpenSearch, trial: Trial, tally: Tally
) -> None:
    """Each kill at a moment of its own; the next crawl goes on, and all is true again."""
    draw, killed = trial.history.draw, 0
    trial.move(births=BIRTHS)
    assert crawled(trial)
    trial.check()
    for _ in range(POINTS * tally.times):
        trial.move(births=BIRTHS)
        death = threading.Timer(draw.uniform(0.05, 1.5), engine.kill)
        death.start()
        whole = crawled(trial)
        death.join()
        engine.start()
        killed += not whole
        with tally.point("OpenSearch killed"):
            trial.check()
            assert crawled(trial)
            trial.check()
            assert trial.held() == trial.history.truth
    assert killed, "every crawl was over before the engine died"
