"""A second model orders the first documents among themselves, in time or not at all."""

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import pytest
from hypothesis import given
from hypothesis import strategies as st
from quisait_second_model.reading import (
    MOST_REMEMBERED,
    Outcome,
    SecondModel,
    SecondReading,
    reread,
)

from search_api.ranking.fusion import FusedHit

pytestmark = pytest.mark.search

LONG_S = 60.0
IDS = st.text(alphabet="abcdefgh", min_size=1, max_size=3)
FLOATS = st.floats(min_value=-100, max_value=100, allow_nan=False)


def hit(document_id: str, score: float) -> FusedHit:
    return FusedHit(document_id, score, score, 1, 0.0, None)


def ids(hits: Sequence[FusedHit]) -> list[str]:
    return [one.document_id for one in hits]


@dataclass
class Words:
    """Counts the words of the question in a passage, and what it was asked."""

    name: str = "mots"
    asked: list[tuple[str, str]] = field(default_factory=list)
    then: Callable[[], None] = lambda: None

    def score(self, question: str, passage: str) -> float:
        self.asked.append((question, passage))
        self.then()
        return float(sum(word in passage.split() for word in question.split()))


def model(scorer: Words, limit_s: float | None = LONG_S) -> SecondModel:
    return SecondModel(scorer, SecondReading(20, limit_s, 0.5))


HITS = st.dictionaries(IDS, FLOATS, max_size=12).map(
    lambda scores: tuple(
        hit(name, score) for name, score in sorted(scores.items(), key=lambda x: (-x[1], x[0]))
    )
)


@given(HITS, st.dictionaries(IDS, FLOATS, max_size=12), st.floats(0, 1))
def test_nothing_is_lost_and_nothing_else_moves(
    hits: tuple[FusedHit, ...], scores: dict[str, float], weight: float
) -> None:
    """A permutation of what was read, within the scores that it had."""
    again = reread(hits, scores, weight)
    assert sorted(ids(again)) == sorted(ids(hits))
    read = [one for one in hits if one.document_id in scores]
    for before, after in zip(hits, again, strict=True):
        if before.document_id not in scores or len(read) < 2:
            assert before == after
    moved = [one for one in again if one.document_id in scores]
    assert [one.score for one in moved] == sorted((one.score for one in moved), reverse=True)
    if len(read) > 1:
        low, high = read[-1].score, read[0].score
        assert all(low - 1e-9 <= one.score <= high + 1e-9 for one in moved)


@given(HITS, st.dictionaries(IDS, FLOATS, max_size=12))
def test_without_weight_the_order_stays(
    hits: tuple[FusedHit, ...], scores: dict[str, float]
) -> None:
    """But for the rounding of scores that were nearly equal."""
    again = reread(hits, scores, 0.0)
    before = {one.document_id: one.score for one in hits}
    assert [before[name] for name in ids(again)] == pytest.approx([one.score for one in hits])


def test_an_order_by_hand() -> None:
    """The mean of both, from 0 to 1, put back between the scores that were read."""
    hits = (hit("a", 0.9), hit("b", 0.8), hit("c", 0.5), hit("d", 0.1))
    again = reread(hits, {"a": -3.0, "b": 1.0, "c": 5.0}, 0.5)
    assert ids(again) == ["b", "a", "c", "d"]
    assert [one.score for one in again] == pytest.approx([0.75, 0.7, 0.7, 0.1])
    assert again[2].second_model == pytest.approx(0.2)
    assert again[3].second_model is None
    assert ids(reread(hits, {"a": -3.0, "b": 1.0, "c": 5.0}, 1.0)) == ["c", "b", "a", "d"]


def test_each_pair_is_read() -> None:
    """In order; of no passage nothing is asked."""
    scorer = Words()
    assert model(scorer).scores("le bail", ["un bail", "le bail", "rien"]) == (1.0, 2.0, 0.0)
    assert [passage for _, passage in scorer.asked] == ["un bail", "le bail", "rien"]
    assert model(scorer).scores("le bail", []) is None


def test_who_comes_too_late_is_not_waited_for_and_holds_one_place() -> None:
    """While it is away every question goes without; once it is back they are read again."""
    back, away = threading.Event(), threading.Event()

    def sleep() -> None:
        away.set()
        assert back.wait(LONG_S)

    scorer = Words(then=sleep)
    slow = model(scorer, limit_s=0.01)
    threads = threading.active_count()
    assert slow.scores("q", ["a", "b"]) is None
    assert away.wait(LONG_S)
    for number in range(50):
        assert slow.scores(f"q{number}", ["a"]) is None
    assert threading.active_count() <= threads + 1
    assert slow.outcomes() == {
        Outcome.READ: 0,
        Outcome.TIMED_OUT: 1,
        Outcome.BUSY: 50,
        Outcome.FAILED: 0,
    }
    back.set()
    assert slow._slot.acquire(timeout=LONG_S), "its place is free again"
    slow._slot.release()
    # It stopped after the passage at which it had been waited for in vain.
    assert [passage for _, passage in scorer.asked] == ["a"]


@pytest.mark.parametrize("error", [RuntimeError("cassé"), MemoryError(), ZeroDivisionError()])
def test_who_breaks_is_gone_without(error: Exception) -> None:
    """Its place is free for the next question."""

    def break_down() -> None:
        raise error

    scorer = Words(then=break_down)
    broken = model(scorer)
    assert broken.scores("q", ["a"]) is None
    scorer.then = lambda: None
    assert broken.scores("q", ["a"]) == (0.0,)
    assert (broken.outcomes()[Outcome.FAILED], broken.outcomes()[Outcome.READ]) == (1, 1)


def test_who_gives_no_number_is_gone_without() -> None:
    """An order by it would be none."""

    class Lost(Words):
        def score(self, question: str, passage: str) -> float:
            return float("nan")

    lost = model(Lost())
    assert lost.scores("q", ["a", "b"]) is None
    assert lost.outcomes()[Outcome.FAILED] == 1


def test_a_later_page_has_the_order_of_the_first() -> None:
    """Read or not: else a document could stand on both pages, or on neither."""
    scorer = Words()
    first = model(scorer)
    assert first.scores("le bail", ["un bail"]) == first.scores(
        "le bail", ["un bail"], first_page=False
    )
    assert len(scorer.asked) == 1

    def break_down() -> None:
        raise RuntimeError

    scorer.then = break_down
    assert first.scores("la taxe", ["une taxe"]) is None
    scorer.then = lambda: None
    assert first.scores("la taxe", ["une taxe"], first_page=False) is None
    assert first.scores("la taxe", ["une taxe"]) == (1.0,), "a first page tries again"
    assert first.scores("la taxe", ["une taxe"], first_page=False) == (1.0,)


def test_what_is_remembered_is_bounded() -> None:
    """And holds no text."""
    scorer = Words()
    many = model(scorer)
    for number in range(MOST_REMEMBERED + 10):
        many.scores(f"question {number}", ["passage"])
    assert len(many._remembered) == MOST_REMEMBERED
    assert all(isinstance(key, bytes) and len(key) == 32 for key in many._remembered)


def test_without_a_limit_each_waits_for_its_turn() -> None:
    """As evaluations ask: several questions at once, and none goes without."""
    scorer = Words()
    patient = model(scorer, limit_s=None)
    found: list[object] = []
    threads = [
        threading.Thread(target=lambda n=n: found.append(patient.scores(f"q{n}", ["q"])))
        for n in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [(0.0,)] * 8
