"""Generations on both engines, as several processes would open them."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from uuid import uuid4

import sqlalchemy as sa

from indexer.embedded.generations import EmbeddedGenerations
from indexer.generations import EncoderRecord, GenerationWorks, Signature
from indexer.live import LiveIndex
from indexer.opensearch.generations import OpenSearchGenerations
from indexer.ports import Encoder
from indexer.reindex import Works
from quisait.application.locks import WriteGate
from tests.encoders import FakeEncoder
from tests.opensearch_index import client

OLD, NEW = FakeEncoder(16), FakeEncoder(24)


def recorded(encoder: FakeEncoder) -> EncoderRecord:
    return EncoderRecord(encoder.name, encoder.dimension, "fake", str(encoder.dimension))


def encoders(record: EncoderRecord) -> Encoder:
    return {OLD.name: OLD, NEW.name: NEW}[record.name]


@dataclass(frozen=True, slots=True)
class Ground:
    """Where generations lie; each call opens them as another process would."""

    folder: Path
    alias: str = field(default_factory=lambda: f"test-{uuid4().hex}")
    engine: str = "embedded"

    def works(self) -> Works:
        gate = WriteGate(sa.create_engine("sqlite://"), self.folder / "locks")
        return Works(self.generations(), encoders, gate)

    def generations(self) -> GenerationWorks:
        if self.engine == "embedded":
            return EmbeddedGenerations(self.folder / "index")
        return OpenSearchGenerations(client(), self.alias)

    def live(self, encoder: FakeEncoder = OLD) -> LiveIndex:
        works = self.works()
        return LiveIndex(works.generations, works.encoders, works.gate, recorded(encoder))

    def made(self, encoder: FakeEncoder = OLD, analysis: str = "") -> Signature:
        """What this code makes with, or another code that analyses otherwise."""
        signature = self.generations().signature(recorded(encoder))
        return Signature(signature.encoder, analysis or signature.analysis, signature.format)


@contextmanager
def ground(engine: str, folder: Path) -> Iterator[Ground]:
    made = Ground(folder, engine=engine)
    try:
        yield made
    finally:
        if engine == "opensearch":
            client().indices.delete(index=f"{made.alias}-*", ignore_unavailable=True)
