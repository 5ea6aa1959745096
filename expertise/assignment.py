"""Assign topics to documents: by label in their analysed text, and by vector, with a confidence."""

import math
from array import array
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, TypeAlias

import numpy as np
from numpy.typing import NDArray

from expertise.topics import Topic, TopicKind, broader_closure
from indexer.french.analysis import analyse
from indexer.ports import Encoder
from indexer.values import IndexedDocument, Vectors

if TYPE_CHECKING:
    import scipy.sparse as sp

IN_TITLE = 1.0
"""The confidence where a document's title has a label of the topic."""
IN_TEXT = (0.5, 0.4)
"""The confidence where only the text has a label: the first, plus the second times the share of
passages that have it, divided by the square root of the number of topics that the text names. One
mention in a long file says little, and a glossary that names all topics is about none."""
BY_VECTOR = (2.5, 5.0, 0.7)
"""Standard deviations above the topic's mean similarity at which the confidence by vector begins
(with half of the third number) and at which it reaches the third number."""
LEAST_CONFIDENCE = 0.35
"""Topics with less confidence are not assigned."""
LEAST_DOCUMENTS = 50
"""With fewer documents there is no meaningful mean: only labels assign topics."""

_KEPT_SIMILAR = 5
_SCALE = 1_000_000
"""Similarities are summed as integers (millionths), so that the order of a scan does not matter."""

_LARGEST_COMPONENT = 10.0
"""No component of a vector of length 1 reaches it; NaN fails the comparison too."""

ConfidenceMatrix: TypeAlias = "sp.csr_array"
"""float32 (documents, topics), from 0 to 1."""

Phrase = tuple[tuple[int, str], ...]


@dataclass(frozen=True, slots=True)
class TopicVectors:
    """Vectors of topics: `vectors[i]` is that of topic number `topics[i]`."""

    topics: NDArray[np.int64]
    vectors: Vectors


def topic_vectors(topics: Sequence[Topic], encoder: Encoder) -> TopicVectors:
    """Encode the labels of each topic as a question. Métiers have no vector."""
    numbers = [n for n, topic in enumerate(topics) if topic.kind == TopicKind.TOPIC]
    texts = [", ".join(topics[n].labels) for n in numbers]
    if not texts:
        return TopicVectors(np.empty(0, dtype=np.int64), np.empty((0, encoder.dimension), "f4"))
    return TopicVectors(np.array(numbers, dtype=np.int64), encoder.queries(texts))


class Assignment:
    """Assigns topics to documents, added one by one; `confidences` then gives all of them."""

    def __init__(self, topics: Sequence[Topic], vectors: TopicVectors | None = None) -> None:
        self._topics, self._vectors = topics, vectors
        self._phrases = _phrases(topics)
        self._by_label: list[tuple[tuple[int, float], ...]] = []
        # The most similar topics of each document, _KEPT_SIMILAR places each, -1 where none.
        self._best, self._whole = array("i"), array("i")
        size = 0 if vectors is None else len(vectors.topics)
        self._sums = np.zeros(size, dtype=np.int64)
        self._squares = [0] * size
        self._encoded = 0

    def add(self, document: IndexedDocument) -> bool:
        """Add a document with its text and vectors. Returns whether it has a label of a topic."""
        # What may fail comes first, so that a failing document adds nothing.
        labelled = tuple(_topics_by_label(document, self._phrases).items())
        similar = self._similar(document)
        self._by_label.append(labelled)
        self._compare(similar)
        return bool(labelled)

    def _similar(self, document: IndexedDocument) -> NDArray[np.int64]:
        """Shape (topic vectors,), or (0,) without any: in whole millionths.

        Raises `ValueError` for vectors that no encoder makes: they would distort the means that
        every document is compared with.
        """
        if not len(document.vectors):
            return np.empty(0, dtype=np.int64)
        if not np.abs(document.vectors).max() <= _LARGEST_COMPONENT:
            raise ValueError("a vector that no encoder gives")
        if self._vectors is None or not len(self._vectors.topics):
            return np.empty(0, dtype=np.int64)
        similar = (document.vectors @ self._vectors.vectors.T).max(axis=0)
        whole: NDArray[np.int64] = np.rint(similar.astype(np.float64) * _SCALE).astype(np.int64)
        return whole

    def _compare(self, whole: NDArray[np.int64]) -> None:
        if not len(whole):
            self._keep([], [])
            return
        self._sums += whole
        for number, value in enumerate(whole.tolist()):
            self._squares[number] += value * value
        self._encoded += 1
        best = np.lexsort((np.arange(len(whole)), -whole))[:_KEPT_SIMILAR]
        self._keep(best.tolist(), whole[best].tolist())

    def _keep(self, best: list[int], whole: list[int]) -> None:
        empty = [-1] * (_KEPT_SIMILAR - len(best))
        self._best.extend(best + empty)
        self._whole.extend(whole + empty)

    def confidences(self) -> ConfidenceMatrix:
        """float32 (documents in the order of `add`, topics); broader topics take part."""
        # Imported here: half a second, and most commands of the command line build nothing.
        import scipy.sparse as sp

        means, deviations = self._spread()
        above = broader_closure(self._topics)
        numbers = {topic.id: n for n, topic in enumerate(self._topics)}
        ups = {n: [numbers[up] for up in above[t.id]] for n, t in enumerate(self._topics)}
        rows, columns, values = [], [], []
        for row, labelled in enumerate(self._by_label):
            merged = _combine_confidences(dict(labelled), self._by_vector(row, means, deviations))
            for topic, confidence in sorted(self._with_broader(merged, ups).items()):
                if confidence >= LEAST_CONFIDENCE:
                    rows.append(row)
                    columns.append(topic)
                    values.append(confidence)
        shape = (len(self._by_label), len(self._topics))
        found = (np.array(values, dtype=np.float32), (np.array(rows), np.array(columns)))
        return sp.csr_array(sp.coo_array(found, shape=shape))

    def _spread(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """(mean, standard deviation) of each topic's similarity over all documents."""
        count = max(self._encoded, 1)
        squares = np.array([float(one) for one in self._squares])
        means = self._sums / count
        return means, np.sqrt(np.maximum(squares / count - means**2, 1.0))

    def _by_vector(
        self, row: int, means: NDArray[np.float64], deviations: NDArray[np.float64]
    ) -> dict[int, float]:
        """The topic whose similarity stands out most, if it is enough."""
        places = slice(row * _KEPT_SIMILAR, (row + 1) * _KEPT_SIMILAR)
        best = np.array(self._best[places], dtype=np.int64)
        best, whole = best[best >= 0], np.array(self._whole[places], dtype=np.int64)[best >= 0]
        if self._vectors is None or self._encoded < LEAST_DOCUMENTS or not len(best):
            return {}
        outstanding = (whole - means[best]) / deviations[best]
        first = int(np.argmax(outstanding))
        begins, full, most = BY_VECTOR
        share = min(1.0, (float(outstanding[first]) - begins) / (full - begins))
        if share < 0:
            return {}
        return {int(self._vectors.topics[best[first]]): most * (0.5 + 0.5 * share)}

    def _with_broader(
        self, found: Mapping[int, float], ups: Mapping[int, Sequence[int]]
    ) -> dict[int, float]:
        """With the broader topics of each topic. Métiers add none."""
        whole = dict(found)
        for topic, confidence in found.items():
            if self._topics[topic].kind == TopicKind.TOPIC:
                for up in ups[topic]:
                    whole[up] = max(whole.get(up, 0.0), confidence)
        return whole


def _combine_confidences(one: Mapping[int, float], other: Mapping[int, float]) -> dict[int, float]:
    """Combine two independent confidences: 1 - (1 - a)(1 - b)."""
    return {
        topic: 1.0 - (1.0 - one.get(topic, 0.0)) * (1.0 - other.get(topic, 0.0))
        for topic in {*one, *other}
    }


def topics_named(text: str, topics: tuple[Topic, ...]) -> frozenset[str]:
    """Ids of the topics that a text names by one of their labels."""
    return frozenset(topics[number].id for number in _topics_in(text, _cached_phrases(topics)))


@lru_cache(maxsize=2)
def _cached_phrases(topics: tuple[Topic, ...]) -> dict[str, list[tuple[int, Phrase]]]:
    return _phrases(topics)


def _phrases(topics: Sequence[Topic]) -> dict[str, list[tuple[int, Phrase]]]:
    """Labels by their first term: (topic number, terms with their distance from the first)."""
    found: dict[str, list[tuple[int, Phrase]]] = {}
    for number, topic in enumerate(topics):
        for label in topic.labels:
            analysed = analyse(label)
            if not analysed:
                continue  # stop words or signs alone name nothing
            start = analysed[0].position
            phrase = tuple((term.position - start, term.term) for term in analysed)
            found.setdefault(phrase[0][1], []).append((number, phrase))
    return found


def _topics_by_label(
    document: IndexedDocument, phrases: Mapping[str, list[tuple[int, Phrase]]]
) -> dict[int, float]:
    """Confidences by topic number, from the labels in a document's title and passages."""
    found = dict.fromkeys(_topics_in(document.document.title, phrases), IN_TITLE)
    counts: dict[int, int] = {}
    for passage in document.passages:
        for topic in _topics_in(f"{passage.heading}\n{passage.text}", phrases):
            counts[topic] = counts.get(topic, 0) + 1
    least, more = IN_TEXT
    for topic, count in counts.items():
        in_text = (least + more * count / len(document.passages)) / math.sqrt(len(counts))
        found[topic] = max(found.get(topic, 0.0), in_text)
    return found


def _topics_in(text: str, phrases: Mapping[str, list[tuple[int, Phrase]]]) -> set[int]:
    analysed = analyse(text)
    places = {term.position: term.term for term in analysed}
    return {
        topic
        for term in analysed
        for topic, phrase in phrases.get(term.term, ())
        if all(places.get(term.position + offset) == word for offset, word in phrase)
    }
