"""An engine that goes away, hangs, answers garbage or has no room: nothing is lost, all resumes."""

import random
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4

import pytest
from quisait_export.connector import ExportSource

from connectors.snapshot import Snapshot
from indexer.crawl.pipeline import CrawlDependencies, CrawlReport, crawl
from indexer.errors import IndexUnreachable
from indexer.opensearch.client import connect
from indexer.opensearch.index import OpenSearchIndex
from indexer.state import State
from tests.builders import ENCODER, asking, reading
from tests.engines import ensure_opensearch
from tests.faults.cut_line import CutLine, Fault, cut_line
from tests.faults.history import GROUP, SOURCE, History
from tests.faults.mortal import open_state
from tests.opensearch_index import client, fresh_index

pytestmark = pytest.mark.sources

TIMEOUT_S = 3.0
MEMBER = reading(GROUP)


@dataclass(slots=True)
class Place:
    """A source, and an index behind a line that can be cut."""

    history: History
    alias: str
    line: CutLine
    index: OpenSearchIndex
    state: State

    def crawl(self) -> CrawlReport:
        dependencies = CrawlDependencies(None, ENCODER, self.index, self.state, self.state)  # type: ignore[arg-type]
        return crawl(
            Snapshot(ExportSource(SOURCE, self.history.path)), dependencies, guard_share=1.0
        )

    def found(self) -> set[str]:
        answer = self.index.search(asking("cadastre", access=MEMBER, window=1_000))
        return {hit.document_id for hit in answer.lexical}

    def assert_true(self) -> None:
        """The index holds what the source holds, and all that was missing has come."""
        assert self.found() == self.history.truth.keys()
        held = {one.document_id: one.access for one in self.index.scan(SOURCE)}
        assert held == {name: state.access for name, state in self.history.truth.items()}
        assert self.crawl().changed == 0


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Place]:
    history = History(tmp_path / "export.jsonl", random.Random(7))
    history.move(births=30)
    alias = f"test-{uuid4().hex}"
    with cut_line(ensure_opensearch()) as line, fresh_index(ENCODER.dimension, alias) as direct:
        place = Place(history, alias, line, direct, open_state(tmp_path))
        place.crawl()
        place.assert_true()
        engine = connect(line.url, timeout_s=TIMEOUT_S)
        place.index = OpenSearchIndex(engine, alias, ENCODER.dimension, back_off_s=0.01)
        yield place
        engine.close()


@pytest.mark.parametrize(
    ("fault", "after_requests"),
    [*((f, n) for f in ("refuse", "half", "garbage") for n in (0, 3, 9)), ("hang", 2)],
)
def test_a_line_that_fails_loses_nothing(place: Place, fault: Fault, after_requests: int) -> None:
    """The crawl says that the engine does not answer; the next one brings the whole truth."""
    before = place.state.load(SOURCE)
    place.history.move()
    place.line.fail(fault, after_requests)
    with pytest.raises(IndexUnreachable, match="OpenSearch"):
        place.crawl()
    place.line.fail(fault)
    with pytest.raises(IndexUnreachable, match="OpenSearch"):
        place.found()
    assert place.state.load(SOURCE) == before
    place.line.mend()
    place.crawl()
    place.assert_true()


def test_an_engine_without_room_is_no_refusal_of_documents(place: Place) -> None:
    """OpenSearch closes an index to writes when its disk is full: what is kept stays found."""
    found, before = place.found(), place.state.load(SOURCE)
    place.history.move()
    full = {"index.blocks.read_only_allow_delete": True}
    client().indices.put_settings(index=f"{place.alias}*", body=full)
    with pytest.raises(IndexUnreachable, match="disque"):
        place.crawl()
    assert (place.found(), place.state.load(SOURCE)) == (found, before)
    assert place.state.failures_of(SOURCE) == ()
    room = {"index.blocks.read_only_allow_delete": None}
    client().indices.put_settings(index=f"{place.alias}*", body=room)
    place.crawl()
    place.assert_true()
