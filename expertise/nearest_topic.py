"""Which topic of the list comes nearest to a question that nobody is known for."""

from collections import Counter
from collections.abc import Sequence

from expertise.overview import Reading
from expertise.topics import Topic, label_key
from expertise.values import RankedDocument
from indexer.french import terms

LEAST_SHARED = 0.5
"""Of a label's words, where a topic is told of by its words alone."""


def nearest_topic(
    reading: Reading, question: str, nearest: Sequence[RankedDocument]
) -> Topic | None:
    """The topic that the question names whole, else that all of `nearest` speak of.

    Else one that most of them speak of, and that has a word of the question: one sign alone
    names silly topics. `nearest` are documents that the reader may read; without any nothing
    comes near, and only a topic that is named whole is told. Topics are known to every agent.
    """
    asked = set(terms(question))
    topics = sorted((one.topic for one in reading.topics.values()), key=lambda one: one.id)
    said = {one.id: _said(one, asked) for one in topics}
    whole = [one for one in topics if said[one.id][0] == 1.0]
    if whole:
        return max(whole, key=lambda one: said[one.id])
    ids = {one.card.document_id for one in nearest}
    spoken = Counter(
        {id_: len(ids.intersection(one.documents)) for id_, one in reading.topics.items()}
    )
    near = [
        one
        for one in topics
        if ids
        and (spoken[one.id] == len(ids) or (spoken[one.id] * 2 > len(ids) and said[one.id][1]))
    ]
    return max(near, key=lambda one: (spoken[one.id], said[one.id]), default=None)


def _said(topic: Topic, asked: set[str]) -> tuple[float, int]:
    """(the share of a label's words that are asked for, how many), of the best label."""
    labels = [set(label_key(label).split()) for label in topic.labels]
    return max((len(words & asked) / len(words), len(words & asked)) for words in labels if words)
