"""Assign topics to documents in memory: the array form of the build's step, with scipy."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, TypeAlias

from expertise.assignment import Labelled, Labels, TopicConfidences, TopicVectors, chunk_of
from expertise.topics import Topic
from indexer.values import IndexedDocument

if TYPE_CHECKING:
    import scipy.sparse as sp

ConfidenceMatrix: TypeAlias = "sp.csr_array"
"""Confidence of each topic for each document, 0 to 1: sparse float32, (documents, topics)."""


class Assignment:
    """Assigns topics to documents, added one by one; `confidences` then returns all of them."""

    def __init__(self, topics: Sequence[Topic], vectors: TopicVectors | None = None) -> None:
        self._topics, self._vectors = topics, vectors
        self._labels = Labels(topics, vectors)
        self._found: list[Labelled] = []

    def add(self, document: IndexedDocument) -> bool:
        """Add a document with its text and vectors; return whether it has a label of a topic."""
        found = self._labels.of(document)
        self._found.append(found)
        return bool(found.by_label)

    def confidences(self) -> ConfidenceMatrix:
        """Return the confidence of each topic, and broader topics, for each added document.

        Rows are documents, in the order of `add`; columns are topics.
        """
        # Imported here: it takes half a second, and the base installation has no scipy.
        import scipy.sparse as sp

        step = TopicConfidences(self._topics, self._vectors, self._labels.spread())
        row, topic, confidence = step.of(chunk_of(self._found))
        shape = (len(self._found), len(self._topics))
        return sp.csr_array(sp.coo_array((confidence, (row, topic)), shape=shape))


def topics_in_row(
    topics: ConfidenceMatrix, row: int, names: Sequence[str]
) -> tuple[tuple[str, float], ...]:
    """Return the topics of a document: (name, confidence rounded to hundredths)."""
    here = slice(int(topics.indptr[row]), int(topics.indptr[row + 1]))
    found = zip(topics.indices[here].tolist(), topics.data[here].tolist(), strict=True)
    return tuple((names[topic], round(sure, 2)) for topic, sure in found)
