"""Writes that reach a real engine after their sender gave up: they change nothing.

Without `WriteFence`, the engine would apply each of them.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest
import sqlalchemy as sa
from opensearchpy import OpenSearch

from connectors.ports import Checkpoint, Delete, Upsert
from connectors.values import EVERYONE, Access, Section
from indexer.crawl.pipeline import CrawlDependencies, crawl
from indexer.errors import IndexUnreachable
from indexer.live_index import LiveIndex
from indexer.opensearch.index import OpenSearchIndex
from indexer.opensearch.storage import OpenSearchStorage
from indexer.reindex import IndexCopy, begin, live_of, reindex
from indexer.state import State
from indexer.values import PutAccess, Remove
from quisait.application.database import migrate
from tests.builders import ENCODER, asking, make_document, put
from tests.engines import ensure_opensearch
from tests.held_line import HeldLine, held_line
from tests.opensearch_index import fresh_index
from tests.service.index_places import OLD, encoders, index_place, recorded
from tests.unit.test_pipeline import ScriptedSource

pytestmark = [pytest.mark.sources, pytest.mark.trust]

EVERY_TRY = 6
OPEN, CLOSED = Access(frozenset({EVERYONE})), Access(frozenset({"g:g:few"}))


@pytest.fixture(scope="module")
def line() -> Iterator[HeldLine]:
    with held_line(ensure_opensearch()) as one:
        yield one


@dataclass
class Stand:
    """An index, its writers through the line that holds requests back, and who looks at it."""

    line: HeldLine
    alias: str
    direct: OpenSearchIndex
    clients: list[OpenSearch] = field(default_factory=list)

    def writer(self) -> OpenSearchIndex:
        """Return a writer like that of another process."""
        self.clients.append(OpenSearch(self.line.url, timeout=60))
        return OpenSearchIndex(self.clients[-1], self.alias, ENCODER.dimension, back_off_s=0.01)

    def deliver(self) -> None:
        """Deliver the held requests, and make their effects visible."""
        assert self.line.held
        assert set(self.line.deliver()) == {200}
        self.clients[0].indices.refresh(index=f"{self.alias}*")

    def found(self, word: str) -> list[str]:
        return [one.document_id for one in self.direct.search(asking(word)).lexical]


@pytest.fixture
def stand(line: HeldLine) -> Iterator[Stand]:
    with fresh_index(ENCODER.dimension) as index:
        alias = index._documents.name
        made = Stand(line, alias, index)
        made.writer().write([put("s:1", "premier cadastre"), put("s:2", "régie")])
        yield made
        for client in made.clients:
            client.close()


def test_a_former_version_does_not_come_back(stand: Stand) -> None:
    """The second is held, sent again and kept; then a third is; the held one arrives."""
    writer = stand.writer()
    stand.line.hold(1)
    writer.write([put("s:1", "deuxième bornage")])
    writer.write([put("s:1", "troisième remembrement")])
    stand.deliver()
    assert stand.found("bornage") == []
    assert stand.found("remembrement") == ["s:1"]


def test_a_deleted_document_does_not_come_back(stand: Stand) -> None:
    """Put, held, sent again; deleted; the held one arrives."""
    writer = stand.writer()
    stand.line.hold(1)
    writer.write([put("s:3", "carrousel")])
    writer.write([Remove("s:3")])
    stand.deliver()
    assert stand.found("carrousel") == []
    assert stand.direct.kept(["s:3"]) == {}


@pytest.mark.parametrize("document_ids", [("s:1",), ("s:1", "s:2")], ids=["a part", "a whole list"])
def test_a_right_that_was_narrowed_does_not_open_again(
    stand: Stand, document_ids: tuple[str, ...]
) -> None:
    """Closed and opened in turn; the held opening arrives last."""
    writer = stand.writer()
    writer.write([PutAccess(one, CLOSED) for one in document_ids])
    stand.line.hold(1)
    writer.write([PutAccess(one, OPEN) for one in document_ids])
    writer.write([PutAccess(one, CLOSED) for one in document_ids])
    assert not {*document_ids} & {*stand.found("cadastre"), *stand.found("régie")}
    stand.deliver()
    assert not {*document_ids} & {*stand.found("cadastre"), *stand.found("régie")}
    kept = stand.direct.kept(document_ids)
    assert {one.access for one in kept.values()} == {CLOSED}


def test_a_deletion_does_not_take_a_document_that_came_again(stand: Stand) -> None:
    """Deleted, held, sent again; put; the held deletion arrives."""
    writer = stand.writer()
    stand.line.hold(1)
    writer.write([Remove("s:1")])
    writer.write([put("s:1", "retour du cadastre")])
    stand.deliver()
    assert stand.found("cadastre") == ["s:1"]


def test_what_a_crawl_sent_before_it_failed_does_not_come_after_the_next(
    stand: Stand, tmp_path: Path
) -> None:
    """All its tries are held; the next crawl, of another process, finds the document deleted.

    It has nothing to delete: what arrives then would be found by everybody.
    """
    state = State(migrate(sa.create_engine(f"sqlite:///{tmp_path / 'state.sqlite'}")))
    document = make_document("s:3", sections=(Section("carrousel"),))

    def crawled(index: OpenSearchIndex, *script: Upsert | Delete | Checkpoint) -> None:
        dependencies = CrawlDependencies(None, ENCODER, index, state, state)  # type: ignore[arg-type]
        crawl(ScriptedSource(script, "s"), dependencies)

    stand.line.hold(EVERY_TRY)
    with pytest.raises(IndexUnreachable):
        crawled(stand.writer(), Upsert(document), Checkpoint("a"))
    crawled(stand.writer(), Delete("s:3"), Checkpoint("b"))
    stand.deliver()
    assert stand.found("carrousel") == []
    assert state.load("s") == "b"


def test_two_writers_go_on_beside_each_other(stand: Stand) -> None:
    """Each new name replaces the other's, and neither loses a write."""
    one, other = stand.writer(), stand.writer()
    for number in range(4):
        one.flush()
        other.write([put(f"s:{10 + number}", "parcelle")])
        one.write([put(f"t:{10 + number}", "parcelle")])
    assert len(stand.found("parcelle")) == 8


def test_nothing_late_comes_into_an_index_that_was_filled(line: HeldLine, tmp_path: Path) -> None:
    """What a copy sent is held and sent again; it arrives after newer words, and after the swap."""
    with index_place("opensearch", tmp_path) as there:
        client = OpenSearch(line.url, timeout=60)
        parts = replace(there.parts(), storage=OpenSearchStorage(client, there.alias))
        live = LiveIndex(parts.storage, encoders, parts.gate, recorded(OLD))
        live.write([put("s:1", "premier cadastre"), put("s:2", "régie"), put("s:3", "parcelle")])
        beside, _ = begin(parts, there.spec(analysis="autre"))
        source, target = map(parts.storage.index, (live_of(parts.storage), beside))
        line.hold(1)  # the copy's
        IndexCopy(source, target, None, parts.gate).copy(["s:1", "s:2", "s:3"])
        line.hold(1)  # the crawl's
        live.write([put("s:1", "deuxième bornage"), PutAccess("s:3", CLOSED)])
        live.write([put("s:1", "troisième remembrement"), Remove("s:2")])
        reindex(parts, there.spec(analysis="autre"))
        # What names an index that is gone is refused as a whole: no alias is made an index.
        assert set(line.deliver()) <= {200, 404}
        client.indices.refresh(index=f"{there.alias}*")
        found = there.live()
        assert [h.document_id for h in found.search(asking("remembrement")).lexical] == ["s:1"]
        assert found.search(asking("bornage")).lexical == ()
        assert found.search(asking("cadastre")).lexical == ()
        assert found.search(asking("parcelle")).lexical == ()
        assert found.kept(["s:2"]) == {}
        assert there.held() == {
            f"{there.pointers().live.name}-000001",
            f"{there.pointers().live.name}-access-000001",
        }
        client.close()
