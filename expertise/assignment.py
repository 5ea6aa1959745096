"""Assign topics to documents, with a confidence from labels, vectors and other topics."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from expertise.topics import Topic, TopicKind, broader_closure
from indexer.french.analysis import Term, analyse
from indexer.ports import Encoder
from indexer.values import IndexedDocument, Vectors


class AboutFeatures(NamedTuple):
    """Features of a document and a topic.

    `title`, `text`: 1 if the title or the text contains a label of the topic, else 0. `named`:
    logarithm of the number of topics that the text names. `near`: number of standard deviations by
    which the document's similarity to the topic exceeds the topic's mean, at least 0. `nearest`: 1
    for the topic with the largest `near`. `other`: 1 if the title contains a label of another
    topic.
    """

    title: float
    text: float
    named: float
    near: float
    nearest: float
    other: float


WEIGHTS = AboutFeatures(title=2.2, text=2.0, named=-1.1, near=0.7, nearest=2.0, other=-1.6)
BIAS = -3.7
"""Intercept of the regression; weights and intercept are learnt by `quisait evaluate topics` on two
administrations (decision 71).
"""
NOT_COMPARED = AboutFeatures(title=0, text=0, named=0, near=2.0, nearest=1, other=0)
"""Values of `near` and `nearest` if document and topic cannot be compared by vector: about the mean
over the topics that a text names. A métier has no vector, and a mean over few documents is not
meaningful.
"""
BROADER = 0.5
"""Share of a topic's confidence that its broader topics get: an agent who knows a part of a subject
seldom knows the whole of it (decision 71).
"""
LEAST_CONFIDENCE = 0.5
"""Topics with less confidence are not assigned, except broader topics of an assigned one."""
LEAST_DOCUMENTS = 50
"""Least number of documents for a meaningful mean; with fewer, only labels assign topics."""

_KEPT_SIMILAR = 5
_SCALE = 1_000_000
"""Similarities are summed as integers (millionths), so that the order of a scan does not matter."""

LEAST_DEVIATION = 1.0
"""In millionths. If the similarities to a topic vary no more than this, no document stands out."""

_LARGEST_COMPONENT = 10.0
"""Upper limit of a vector's components: a vector of length 1 stays below it; NaN fails the
comparison too.
"""

Features = NDArray[np.float64]
"""Array of shape (pairs, features), with the columns of `AboutFeatures`."""

Phrase = tuple[tuple[int, str, str], ...]
"""The words of a label, each as (distance from the first word, term, acronym or empty)."""


@dataclass(frozen=True, slots=True)
class TopicVectors:
    """Vectors of topics: `vectors[i]` is the vector of topic number `topics[i]`."""

    topics: NDArray[np.int64]
    vectors: Vectors


def topic_vectors(topics: Sequence[Topic], encoder: Encoder) -> TopicVectors:
    """Encode the labels of each topic like a query. Métiers have no vector."""
    numbers = [n for n, topic in enumerate(topics) if topic.kind == TopicKind.TOPIC]
    texts = [", ".join(topics[n].labels) for n in numbers]
    if not texts:
        return TopicVectors(np.empty(0, dtype=np.int64), np.empty((0, encoder.dimension), "f4"))
    return TopicVectors(np.array(numbers, dtype=np.int64), encoder.queries(texts))


@dataclass(frozen=True, slots=True)
class Labelled:
    """The topics that a document's text names, and the topics that are most similar to its vectors.

    `by_label`: (topic, whether the title names it, whether the text names it). `similar`: the
    topics named and the most similar topics by vector, best first, as (index in `TopicVectors`,
    similarity in whole millionths).
    """

    by_label: tuple[tuple[int, bool, bool], ...]
    similar: tuple[tuple[int, int], ...]


@dataclass(frozen=True, slots=True, eq=False)
class Spread:
    """Mean and standard deviation of each topic's similarity, over `encoded` documents."""

    means: NDArray[np.float64]
    deviations: NDArray[np.float64]
    encoded: int


@dataclass(frozen=True, slots=True, eq=False)
class LabelledChunk:
    """The topics of several documents as columns: one row per label and one per similar topic.

    `row` and `similar_row` are the document's index in the chunk. Similar topics come best first.
    """

    row: NDArray[np.int64]
    topic: NDArray[np.int64]
    title: NDArray[np.bool_]
    text: NDArray[np.bool_]
    similar_row: NDArray[np.int64]
    similar_place: NDArray[np.int64]
    similar_whole: NDArray[np.int64]


def chunk_of(documents: Sequence[Labelled]) -> LabelledChunk:
    """Return the topics of these documents as columns."""
    labels = [
        (row, *label) for row, document in enumerate(documents) for label in document.by_label
    ]
    similar = [(row, *pair) for row, document in enumerate(documents) for pair in document.similar]
    row, topic, title, text = np.array(labels, dtype=np.int64).reshape(-1, 4).T
    near = np.array(similar, dtype=np.int64).reshape(-1, 3).T
    return LabelledChunk(row, topic, title > 0, text > 0, *near)


class Labels:
    """Finds, for one document after the other, the topics it names and the topics it is near to.

    Only sums are kept: `spread` returns the statistics that `TopicConfidences` compares documents
    with.
    """

    def __init__(self, topics: Sequence[Topic], vectors: TopicVectors | None = None) -> None:
        self._vectors = vectors
        self._phrases = _phrases(topics)
        self._places = (
            {} if vectors is None else {n: p for p, n in enumerate(vectors.topics.tolist())}
        )
        size = len(self._places)
        self._sums = np.zeros(size, dtype=np.int64)
        self._squares = [0] * size
        self._encoded = 0

    def of(self, document: IndexedDocument) -> Labelled:
        """Return the topics found in a document. Raises `ValueError` for invalid vectors."""
        # Steps that may fail come first, so that a failing document adds nothing.
        labelled = _topics_by_label(document, self._phrases)
        return Labelled(labelled, self._compare(self._similar(document), labelled))

    def _similar(self, document: IndexedDocument) -> NDArray[np.int64]:
        """Return similarities in whole millionths: (topic vectors,), or (0,) without vectors.

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

    def _compare(
        self, whole: NDArray[np.int64], labelled: Sequence[tuple[int, bool, bool]]
    ) -> tuple[tuple[int, int], ...]:
        if not len(whole):
            return ()
        self._sums += whole
        for number, value in enumerate(whole.tolist()):
            self._squares[number] += value * value
        self._encoded += 1
        order = np.lexsort((np.arange(len(whole)), -whole))
        named = [self._places[topic] for topic, _, _ in labelled if topic in self._places]
        best = order[(np.arange(len(order)) < _KEPT_SIMILAR) | np.isin(order, named)]
        return tuple(zip(best.tolist(), whole[best].tolist(), strict=True))

    def spread(self) -> Spread:
        """Return the statistics of all documents so far."""
        count = max(self._encoded, 1)
        squares = np.array([float(square) for square in self._squares])
        means = self._sums / count
        deviations = np.sqrt(np.maximum(squares / count - means**2, LEAST_DEVIATION**2))
        return Spread(means, deviations, self._encoded)


class TopicConfidences:
    """Computes the confidences of a chunk from labels, unusual similarities and broader topics.

    A document's confidences depend on the spread over all documents, but not on any other document.
    """

    def __init__(
        self, topics: Sequence[Topic], vectors: TopicVectors | None, spread: Spread
    ) -> None:
        self._topics = len(topics)
        self._of_vector = np.empty(0, dtype=np.int64) if vectors is None else vectors.topics
        self._spread = spread
        self._is_topic = np.array([topic.kind == TopicKind.TOPIC for topic in topics], dtype=bool)
        above = broader_closure(topics)
        numbers = {topic.id: n for n, topic in enumerate(topics)}
        # Métiers add no broader topics.
        ups = [
            [numbers[up] for up in above[topic.id]] if topic.kind == TopicKind.TOPIC else []
            for topic in topics
        ]
        self._starts = np.cumsum([0, *map(len, ups)], dtype=np.int64)
        self._ups = np.array([up for each in ups for up in each], dtype=np.int64)

    def of(
        self, chunk: LabelledChunk
    ) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.float32]]:
        """Return (row, topic, confidence from 0 to 1), sorted by row and topic, each pair once."""
        pairs, features = self.features(chunk)
        size = max(self._topics, 1)
        sure = confidence(features)
        confident = np.flatnonzero(sure >= LEAST_CONFIDENCE)
        pairs, sure = self._with_broader(pairs[confident], sure[confident], size)
        return pairs // size, pairs % size, sure.astype(np.float32)

    def features(self, chunk: LabelledChunk) -> tuple[NDArray[np.int64], Features]:
        """Return the pairs of document and topic, and their features.

        Pairs are `row * topics + topic`, ascending, each once; features have the columns of
        `AboutFeatures`.
        """
        size = max(self._topics, 1)
        enough = self._spread.encoded >= LEAST_DOCUMENTS
        varies = self._spread.deviations[chunk.similar_place] > LEAST_DEVIATION
        compared = np.flatnonzero(enough & varies)
        place = chunk.similar_place[compared]
        similar = chunk.similar_row[compared] * size + self._of_vector[place]
        above = (chunk.similar_whole[compared] - self._spread.means[place]) / (
            self._spread.deviations[place]
        )
        labelled = chunk.row * size + chunk.topic
        pairs = np.unique(np.concatenate((labelled, similar)))
        title, text, nearest = (np.zeros(len(pairs)) for _ in range(3))
        title[np.searchsorted(pairs, labelled)] = chunk.title
        text[np.searchsorted(pairs, labelled)] = chunk.text
        near = np.full(len(pairs), np.nan)
        near[np.searchsorted(pairs, similar)] = np.maximum(above, 0.0)
        row, topic = pairs // size, pairs % size
        order = np.lexsort((topic, -np.nan_to_num(near, nan=-1.0), row))
        nearest[order[np.flatnonzero(np.diff(row[order], prepend=-1))]] = 1.0
        unknown = np.isnan(near)
        near[unknown], nearest[unknown] = NOT_COMPARED.near, NOT_COMPARED.nearest
        _, document = np.unique(row, return_inverse=True)
        is_topic = self._is_topic[topic]
        titles = np.bincount(document, title * is_topic)[document]
        texts = np.bincount(document, text * is_topic)[document]
        other = (titles - title * is_topic > 0).astype(np.float64)
        return pairs, np.column_stack(
            (title, text, np.log(np.maximum(texts, 1.0)), near, nearest, other)
        )

    def _with_broader(
        self, pairs: NDArray[np.int64], merged: NDArray[np.float64], size: int
    ) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
        """Add the topics' broader topics, with `BROADER` times the best confidence below them."""
        topic = pairs % size
        counts = np.diff(self._starts)[topic]
        source = np.repeat(np.arange(len(pairs)), counts)
        within = np.arange(len(source)) - np.repeat(np.cumsum(counts) - counts, counts)
        up = self._ups[self._starts[topic[source]] + within]
        above = pairs[source] - topic[source] + up
        every = np.unique(np.concatenate((pairs, above)))
        whole = np.zeros(len(every))
        whole[np.searchsorted(every, pairs)] = merged
        np.maximum.at(whole, np.searchsorted(every, above), BROADER * merged[source])
        return every, whole


def confidence(features: Features) -> NDArray[np.float64]:
    """Return the probability that each pair's document is about its topic, of shape (pairs,).

    It is computed by a logistic regression on `features` (pairs, features) and rounded, so that the
    order of additions does not change it.
    """
    odds = sum((features[:, n] * weight for n, weight in enumerate(WEIGHTS)), np.float64(BIAS))
    confidences: NDArray[np.float64] = np.round(1 / (1 + np.exp(-odds)), 6)
    return confidences


def topics_named(text: str, topics: tuple[Topic, ...]) -> frozenset[str]:
    """Return the ids of the topics that a question names by one of their labels."""
    # Acronyms are often typed in lower case.
    numbers = _topics_in(text, _cached_phrases(topics), cased=False)
    return frozenset(topics[number].id for number in numbers)


@lru_cache(maxsize=2)
def _cached_phrases(topics: tuple[Topic, ...]) -> dict[str, list[tuple[int, Phrase]]]:
    return _phrases(topics)


def _phrases(topics: Sequence[Topic]) -> dict[str, list[tuple[int, Phrase]]]:
    """Return the labels by their first term, as (topic number, phrase)."""
    by_first_term: dict[str, list[tuple[int, Phrase]]] = {}
    for number, topic in enumerate(topics):
        for label in topic.labels:
            analysed = analyse(label)
            if not analysed:
                continue  # a label of stop words or punctuation names nothing
            start = analysed[0].position
            phrase = tuple(
                (term.position - start, term.term, _acronym(label, term)) for term in analysed
            )
            by_first_term.setdefault(phrase[0][1], []).append((number, phrase))
    return by_first_term


def _letters(text: str, term: Term) -> str:
    """Return the word as written, without punctuation: «T.V.A.» is TVA."""
    return "".join(filter(str.isalnum, text[term.start : term.end]))


def _acronym(label: str, term: Term) -> str:
    """Return a label's word if it is in capitals, else an empty text."""
    written = _letters(label, term)
    return written if len(written) > 1 and written.isupper() else ""


def _topics_by_label(
    document: IndexedDocument, phrases: Mapping[str, list[tuple[int, Phrase]]]
) -> tuple[tuple[int, bool, bool], ...]:
    """Return (topic number, whether the title has a label, whether a passage has), by number."""
    title = _topics_in(document.document.title, phrases)
    text: set[int] = set()
    for passage in document.passages:
        text |= _topics_in(f"{passage.heading}\n{passage.text}", phrases)
    return tuple((topic, topic in title, topic in text) for topic in sorted(title | text))


def _topics_in(
    text: str, phrases: Mapping[str, list[tuple[int, Phrase]]], *, cased: bool = True
) -> set[int]:
    """Return the numbers of the topics that a text names.

    Acronyms count in capitals only, or in any case if not `cased`.
    """
    analysed = analyse(text)
    places = {term.position: term for term in analysed}

    def stands(position: int, word: str, acronym: str) -> bool:
        term = places.get(position)
        if term is None or term.term != word:
            return False
        written = _letters(text, term) if acronym else ""
        return (written if cased else written.upper()) == acronym

    return {
        topic
        for term in analysed
        for topic, phrase in phrases.get(term.term, ())
        if all(stands(term.position + offset, word, acronym) for offset, word, acronym in phrase)
    }
