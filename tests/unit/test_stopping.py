"""An encoder that can be stopped within a batch gives what it would give without that."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from threading import Event

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from indexer.crawl.batches import ENCODED_CHARACTERS, encoded
from indexer.values import Vectors
from quisait.work.runs import RunStopped

pytestmark = pytest.mark.sources


@dataclass
class Measured:
    """Gives each text's length, and keeps what it was asked at once; sets `stop` at a call."""

    stop: Event = field(default_factory=Event)
    stops_at: int = -1
    asked: list[list[str]] = field(default_factory=list)
    name: str = "measured"
    dimension: int = 2

    def passages(self, texts: Sequence[str]) -> Vectors:
        self.asked.append(list(texts))
        if len(self.asked) == self.stops_at:
            self.stop.set()
        return np.array([[len(text), 1] for text in texts], np.float32)

    def queries(self, texts: Sequence[str]) -> Vectors:
        return self.passages(texts)

    def beginning(self, text: str) -> str:
        return text


def encoded_until_stopped(encoder: Measured, texts: Sequence[str]) -> Vectors:
    """Encode like the command, with an event that asks it to stop."""

    def check_stop() -> None:
        if encoder.stop.is_set():
            raise RunStopped

    return encoded(encoder, texts, check_stop)


@given(st.lists(st.integers(0, 3 * ENCODED_CHARACTERS), max_size=40))
def test_the_vectors_are_those_of_their_texts(lengths: list[int]) -> None:
    """In their order; no slice is longer than it may be, unless it is one text."""
    encoder = Measured()
    found = encoded_until_stopped(encoder, ["a" * one for one in lengths])
    assert found.shape == (len(lengths), 2)
    assert found[:, 0].tolist() == lengths
    for some in encoder.asked:
        assert len(some) == 1 or len(some) * max(map(len, some)) <= ENCODED_CHARACTERS


def test_no_slice_begins_once_it_is_told_to_stop() -> None:
    """A thousand passages of one document end with the slice that is encoded."""
    encoder = Measured(stops_at=2)
    with pytest.raises(RunStopped):
        encoded_until_stopped(encoder, ["a" * 1_500] * 1_000)
    assert len(encoder.asked) == 2


def test_short_texts_stay_together() -> None:
    """A batch of them is asked at once."""
    encoder = Measured()
    encoded_until_stopped(encoder, ["a" * 60] * 64)
    assert [len(some) for some in encoder.asked] == [64]
