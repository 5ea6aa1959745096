"""Let a second model reread the first documents, question and passage together.

A page never waits longer than the time limit for it, and never fails because of it: it then keeps
its order. Read `SecondModel` first.
"""

import hashlib
import logging
import threading
import time
from collections import Counter, OrderedDict
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Future
from concurrent.futures import TimeoutError as NotInTime
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from prometheus_client.metrics_core import CounterMetricFamily, Metric

from search_api.ranking.fusion import FusedHit, normalised

log = logging.getLogger(__name__)

MOST_REMEMBERED = 256
"""Number of outcomes that are kept, so that later pages have the order of the first page."""


class PairScorer(Protocol):
    """Port: a model that reads a question and a passage together."""

    @property
    def name(self) -> str:
        """Model and precision."""

    def score(self, question: str, passage: str) -> float:
        """Return how well the passage answers, on the model's own scale; more is better."""


class Outcome(StrEnum):
    """The outcome of one reading."""

    READ = "read"
    TIMED_OUT = "timed_out"
    BUSY = "busy"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class SecondReading:
    """At most `documents` are read, in `time_limit_s` seconds together.

    `weight` is the second model's part: 0 changes nothing, with 1 the second model alone orders
    them. If `time_limit_s` is None, documents are read one after the other without a limit, for
    evaluations.
    """

    documents: int = 20
    time_limit_s: float | None = 1.0
    weight: float = 0.5


class SecondModel:
    """Reads passages with a scorer, one question at a time.

    While a question is read, even if the model never returns, other questions are not reread: there
    is never more than one thread. Thread-safe.
    """

    def __init__(self, scorer: PairScorer, reading: SecondReading) -> None:
        self._scorer, self.reading = scorer, reading
        self._slot = threading.Semaphore(1)
        self._kept = threading.Lock()
        self._outcomes: Counter[Outcome] = Counter()
        self._remembered: OrderedDict[bytes, tuple[float, ...] | None] = OrderedDict()

    @property
    def name(self) -> str:
        """The scorer's name."""
        return self._scorer.name

    def outcomes(self) -> Mapping[Outcome, int]:
        """Return how often each outcome occurred since the process began."""
        with self._kept:
            return {outcome: self._outcomes[outcome] for outcome in Outcome}

    def scores(
        self, question: str, passages: Sequence[str], *, first_page: bool = True
    ) -> tuple[float, ...] | None:
        """Return one score per passage; None after a timeout, a failure, or while busy.

        A later page gets the outcome of the first page, so that no document appears on both or on
        neither.
        """
        if not passages:
            return None
        key = _digest((question, *passages))
        with self._kept:
            if key in self._remembered and (self._remembered[key] or not first_page):
                self._remembered.move_to_end(key)
                return self._remembered[key]
        outcome, found = self._read(question, passages)
        with self._kept:
            self._outcomes[outcome] += 1
            self._remembered[key] = found
            self._remembered.move_to_end(key)
            while len(self._remembered) > MOST_REMEMBERED:
                self._remembered.popitem(last=False)
        return found

    @property
    def documents(self) -> int:
        """Number of first hits that are read."""
        return self.reading.documents

    def reordered(
        self,
        hits: Sequence[FusedHit],
        question: str,
        passages: Mapping[str, str],
        *,
        first_page: bool,
    ) -> tuple[FusedHit, ...]:
        """Return the hits in the order of both models; unchanged if the model does not answer."""
        scores = self.scores(question, list(passages.values()), first_page=first_page)
        if scores is None:
            return tuple(hits)
        return reread(hits, dict(zip(passages, scores, strict=True)), self.reading.weight)

    def collect(self) -> Iterator[Metric]:
        """Yield the number of readings in this process, by outcome."""
        readings = CounterMetricFamily(
            "quisait_reranker_readings",
            "Questions whose first documents a second model was to read, by what came of it.",
            labels=["outcome"],
        )
        for outcome, count in self.outcomes().items():
            readings.add_metric([outcome], count)
        yield readings

    def _read(
        self, question: str, passages: Sequence[str]
    ) -> tuple[Outcome, tuple[float, ...] | None]:
        limit_s = self.reading.time_limit_s
        if not self._slot.acquire(blocking=limit_s is None):
            return Outcome.BUSY, None
        told: Future[tuple[float, ...]] = Future()
        until = None if limit_s is None else time.monotonic() + limit_s
        # A daemon, so that a model that never returns cannot keep the process from ending.
        threading.Thread(
            target=self._work, args=(told, question, tuple(passages), until), daemon=True
        ).start()
        try:
            failure = told.exception(limit_s)
        except NotInTime:
            return Outcome.TIMED_OUT, None
        if isinstance(failure, _OutOfTime):
            return Outcome.TIMED_OUT, None
        if failure is not None:
            log.warning("second model failed", extra={"error": type(failure).__name__})
            return Outcome.FAILED, None
        return Outcome.READ, told.result()

    def _work(
        self,
        told: "Future[tuple[float, ...]]",
        question: str,
        passages: Sequence[str],
        until: float | None,
    ) -> None:
        try:
            found = []
            for passage in passages:
                if until is not None and time.monotonic() > until:
                    raise _OutOfTime
                score = float(self._scorer.score(question, passage))
                if score != score:  # not a number
                    raise ValueError("the model gave no number")
                found.append(score)
        except Exception as error:  # noqa: BLE001 - kept for who waits, whatever it is
            self._slot.release()
            told.set_exception(error)
        else:
            self._slot.release()
            told.set_result(tuple(found))


class _OutOfTime(Exception):
    """The time limit has passed, and nobody waits any more."""


def _digest(texts: Sequence[str]) -> bytes:
    """Return a digest of question and passages, since these texts are not stored."""
    digest = hashlib.sha256()
    for text in texts:
        digest.update(hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest())
    return digest.digest()


def reread(
    hits: Sequence[FusedHit], scores: Mapping[str, float], weight: float
) -> tuple[FusedHit, ...]:
    """Return the hits with those that have a score of the second model in a new order.

    Both kinds of scores are min-max normalised over these hits, and added with `weight` (0 to 1).
    The sum is scaled back to the range of their own scores: hits that were not read keep score and
    place. Ties are broken by id.
    """
    read = [hit for hit in hits if hit.document_id in scores]
    if len(read) < 2:
        return tuple(hits)
    before = normalised([hit.score for hit in read])
    told = normalised([scores[hit.document_id] for hit in read])
    low, high = min(hit.score for hit in read), max(hit.score for hit in read)
    again = []
    for hit, own, second in zip(read, before, told, strict=True):
        score = low + (high - low) * ((1 - weight) * own + weight * second)
        again.append(hit._replace(score=score, second_model=score - hit.score))
    placed = iter(sorted(again, key=lambda hit: (-hit.score, hit.document_id)))
    return tuple(next(placed) if hit.document_id in scores else hit for hit in hits)
