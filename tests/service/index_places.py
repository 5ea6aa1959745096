"""Indexes on both engines, as several processes would open them."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from uuid import uuid4

import sqlalchemy as sa

from indexer.embedded.storage import EmbeddedStorage
from indexer.live_index import EncoderRecord, IndexSpec, IndexStorage, LiveIndex, Pointers
from indexer.opensearch.storage import OpenSearchStorage
from indexer.ports import Encoder
from indexer.reindex import ReindexDependencies
from quisait.application.locks import WriteGate
from tests.encoders import FakeEncoder
from tests.opensearch_index import client

OLD, NEW = FakeEncoder(16), FakeEncoder(24)


def recorded(encoder: FakeEncoder) -> EncoderRecord:
    return EncoderRecord(encoder.name, encoder.dimension, "fake", str(encoder.dimension))


def encoders(record: EncoderRecord) -> Encoder:
    return {OLD.name: OLD, NEW.name: NEW}[record.name]


@dataclass(frozen=True, slots=True)
class IndexPlace:
    """A place of indexes; each call opens them like another process."""

    folder: Path
    alias: str = field(default_factory=lambda: f"test-{uuid4().hex}")
    engine: str = "embedded"

    def parts(self) -> ReindexDependencies:
        gate = WriteGate(sa.create_engine("sqlite://"), self.folder / "locks")
        return ReindexDependencies(self.storage(), encoders, gate)

    def storage(self) -> IndexStorage:
        if self.engine == "embedded":
            return EmbeddedStorage(self.folder / "index")
        return OpenSearchStorage(client(), self.alias)

    def live(self, encoder: FakeEncoder = OLD) -> LiveIndex:
        parts = self.parts()
        return LiveIndex(parts.storage, parts.encoders, parts.gate, recorded(encoder))

    def pointers(self) -> Pointers:
        found = self.storage().pointers()
        assert found is not None
        return found

    def spec(self, encoder: FakeEncoder = OLD, analysis: str = "") -> IndexSpec:
        """Return the index spec of this code, or of code with another analysis."""
        made = self.storage().spec(recorded(encoder))
        return IndexSpec(made.encoder, analysis or made.analysis, made.format)

    def held(self) -> set[str]:
        """The names of every index that the engine holds, pointed at or not."""
        if self.engine == "embedded":
            return {path.parent.name for path in (self.folder / "index").glob("*/index.sqlite")}
        found = client().indices.get_alias(index=f"{self.alias}-*")
        return {one.removeprefix(f"{self.alias}-") for one in found}


@contextmanager
def index_place(engine: str, folder: Path) -> Iterator[IndexPlace]:
    made = IndexPlace(folder, engine=engine)
    try:
        yield made
    finally:
        if engine == "opensearch":
            client().indices.delete(index=f"{made.alias}-*", ignore_unavailable=True)
