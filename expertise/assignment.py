"""Assign topics to documents: by label in their analysed text, and by vector, with a confidence."""

import math
from array import array
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
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


@dataclass(frozen=True, slots=True)
class Labelled:
    """What one document's text and vectors say, before all documents are compared.

    `by_label`: (topic, confidence) of each topic that its text names. `similar`: its most similar
    topics by vector, the best first, as (place in `TopicVectors`, whole millionths).
    """

    by_label: tuple[tuple[int, float], ...]
    similar: tuple[tuple[int, int], ...]


@dataclass(frozen=True, slots=True, eq=False)
class Spread:
    """Mean and standard deviation of each topic's similarity, over so many `encoded` documents."""

    means: NDArray[np.float64]
    deviations: NDArray[np.float64]
    encoded: int


@dataclass(frozen=True, slots=True, eq=False)
class LabelledChunk:
    """Documents 0 to `documents`, as columns: one row for each label, and each similar topic.

    `row` is the document's place in the chunk. Similar topics come best first.
    """

    documents: int
    row: NDArray[np.int64]
    topic: NDArray[np.int64]
    confidence: NDArray[np.float64]
    similar_row: NDArray[np.int64]
    similar_place: NDArray[np.int64]
    similar_whole: NDArray[np.int64]


class Labels:
    """Says of documents, one by one, which topics their text names and their vectors come near.

    It keeps sums only: `spread` gives what `TopicConfidences` compares each document with.
    """

    def __init__(self, topics: Sequence[Topic], vectors: TopicVectors | None = None) -> None:
        self._vectors = vectors
        self._phrases = _phrases(topics)
        size = 0 if vectors is None else len(vectors.topics)
        self._sums = np.zeros(size, dtype=np.int64)
        self._squares = [0] * size
        self._encoded = 0

    def of(self, document: IndexedDocument) -> Labelled:
        """What a document says. Raises `ValueError` for vectors that no encoder makes."""
        # What may fail comes first, so that a failing document adds nothing.
        labelled = tuple(_topics_by_label(document, self._phrases).items())
        return Labelled(labelled, self._compare(self._similar(document)))

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

    def _compare(self, whole: NDArray[np.int64]) -> tuple[tuple[int, int], ...]:
        if not len(whole):
            return ()
        self._sums += whole
        for number, value in enumerate(whole.tolist()):
            self._squares[number] += value * value
        self._encoded += 1
        best = np.lexsort((np.arange(len(whole)), -whole))[:_KEPT_SIMILAR]
        return tuple(zip(best.tolist(), whole[best].tolist(), strict=True))

    def spread(self) -> Spread:
        """Over all documents so far."""
        count = max(self._encoded, 1)
        squares = np.array([float(one) for one in self._squares])
        means = self._sums / count
        deviations = np.sqrt(np.maximum(squares / count - means**2, 1.0))
        return Spread(means, deviations, self._encoded)


class TopicConfidences:
    """The confidences of a chunk of documents: labels, what stands out by vector, broader topics.

    A document's confidences depend on the spread over all documents, and on no other document's.
    """

    def __init__(
        self, topics: Sequence[Topic], vectors: TopicVectors | None, spread: Spread
    ) -> None:
        self._topics = len(topics)
        self._of_vector = np.empty(0, dtype=np.int64) if vectors is None else vectors.topics
        self._spread = spread
        above = broader_closure(topics)
        numbers = {topic.id: n for n, topic in enumerate(topics)}
        # Métiers add none.
        ups = [
            [numbers[up] for up in above[topic.id]] if topic.kind == TopicKind.TOPIC else []
            for topic in topics
        ]
        self._starts = np.cumsum([0, *map(len, ups)], dtype=np.int64)
        self._ups = np.array([up for each in ups for up in each], dtype=np.int64)

    def of(
        self, chunk: LabelledChunk
    ) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.float32]]:
        """(row, topic, confidence from 0 to 1) by row, then topic; each pair once."""
        size = max(self._topics, 1)
        labelled = chunk.row * size + chunk.topic
        near_row, near_topic, near = self._by_vector(chunk)
        outstanding = near_row * size + near_topic
        pairs = np.unique(np.concatenate((labelled, outstanding)))
        one, other = np.zeros(len(pairs)), np.zeros(len(pairs))
        one[np.searchsorted(pairs, labelled)] = chunk.confidence
        other[np.searchsorted(pairs, outstanding)] = near
        # Two independent confidences.
        merged = 1.0 - (1.0 - one) * (1.0 - other)
        pairs, merged = self._with_broader(pairs, merged, size)
        sure = np.flatnonzero(merged >= LEAST_CONFIDENCE)
        return pairs[sure] // size, pairs[sure] % size, merged[sure].astype(np.float32)

    def _by_vector(
        self, chunk: LabelledChunk
    ) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.float64]]:
        """The topic of each document whose similarity stands out most, if it is enough."""
        row, place = chunk.similar_row, chunk.similar_place
        if self._spread.encoded < LEAST_DOCUMENTS or not len(row):
            none = np.empty(0, dtype=np.int64)
            return none, none, np.empty(0)
        distance = chunk.similar_whole - self._spread.means[place]
        outstanding = distance / self._spread.deviations[place]
        order = np.lexsort((np.arange(len(row)), -outstanding, row))
        first = order[np.flatnonzero(np.diff(row[order], prepend=-1))]
        begins, full, most = BY_VECTOR
        share = np.minimum(1.0, (outstanding[first] - begins) / (full - begins))
        enough = share >= 0
        found = most * (0.5 + 0.5 * share[enough])
        return row[first][enough], self._of_vector[place[first][enough]], found

    def _with_broader(
        self, pairs: NDArray[np.int64], merged: NDArray[np.float64], size: int
    ) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
        """With the broader topics of each topic, each as sure as the surest below it."""
        topic = pairs % size
        counts = np.diff(self._starts)[topic]
        source = np.repeat(np.arange(len(pairs)), counts)
        within = np.arange(len(source)) - np.repeat(np.cumsum(counts) - counts, counts)
        up = self._ups[self._starts[topic[source]] + within]
        above = pairs[source] - topic[source] + up
        every = np.unique(np.concatenate((pairs, above)))
        whole = np.zeros(len(every))
        whole[np.searchsorted(every, pairs)] = merged
        np.maximum.at(whole, np.searchsorted(every, above), merged[source])
        return every, whole


class Assignment:
    """Assigns topics to documents, added one by one; `confidences` then gives all of them."""

    def __init__(self, topics: Sequence[Topic], vectors: TopicVectors | None = None) -> None:
        self._topics, self._vectors = topics, vectors
        self._labels = Labels(topics, vectors)
        self._chunk = ChunkBuilder()

    def add(self, document: IndexedDocument) -> bool:
        """Add a document with its text and vectors. Returns whether it has a label of a topic."""
        found = self._labels.of(document)
        self._chunk.add(found)
        return bool(found.by_label)

    def confidences(self) -> ConfidenceMatrix:
        """float32 (documents in the order of `add`, topics); broader topics take part."""
        # Imported here: half a second, and most commands of the command line build nothing.
        import scipy.sparse as sp

        step = TopicConfidences(self._topics, self._vectors, self._labels.spread())
        chunk = self._chunk.chunk()
        row, topic, confidence = step.of(chunk)
        shape = (chunk.documents, len(self._topics))
        return sp.csr_array(sp.coo_array((confidence, (row, topic)), shape=shape))


@dataclass(slots=True)
class ChunkBuilder:
    """Documents one by one, as the columns of a chunk."""

    documents: int = 0
    # Arrays, since the labels of a million documents as tuples would not fit in memory.
    _row: "array[int]" = field(default_factory=lambda: array("q"))
    _topic: "array[int]" = field(default_factory=lambda: array("q"))
    _confidence: "array[float]" = field(default_factory=lambda: array("d"))
    _similar_row: "array[int]" = field(default_factory=lambda: array("q"))
    _similar_place: "array[int]" = field(default_factory=lambda: array("q"))
    _similar_whole: "array[int]" = field(default_factory=lambda: array("q"))

    def add(self, found: Labelled) -> None:
        """Add the next document."""
        for topic, confidence in found.by_label:
            self._row.append(self.documents)
            self._topic.append(topic)
            self._confidence.append(confidence)
        for place, whole in found.similar:
            self._similar_row.append(self.documents)
            self._similar_place.append(place)
            self._similar_whole.append(whole)
        self.documents += 1

    def chunk(self) -> LabelledChunk:
        """All of them."""
        return LabelledChunk(
            self.documents,
            np.array(self._row, dtype=np.int64),
            np.array(self._topic, dtype=np.int64),
            np.array(self._confidence, dtype=np.float64),
            np.array(self._similar_row, dtype=np.int64),
            np.array(self._similar_place, dtype=np.int64),
            np.array(self._similar_whole, dtype=np.int64),
        )


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
