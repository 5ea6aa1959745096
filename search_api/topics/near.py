"""Where a question without an answer may go on: a topic that shares its words, and a community."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

from expertise.nearest_topic import LEAST_SHARED
from expertise.overview import Reading
from expertise.overview_values import CommunityView
from expertise.peers import communities_on
from expertise.topics import Topic
from indexer.french import terms
from search_api.services import Services
from search_api.topics.answers import reading_of

NEAREST = 3
_Labels = tuple[tuple[str, tuple[str, ...]], ...]
"""(topic id, all that it is called) pairs."""


@dataclass(frozen=True, slots=True)
class Elsewhere:
    """Topics nearest in words, and a community on one of them, if there is any."""

    topics: tuple[Topic, ...] = ()
    community: CommunityView | None = None


def elsewhere(services: Services, text: str, *, far: bool = False) -> Elsewhere:
    """Of what every agent may read; nothing where no build is shown.

    Where no document comes near the question (`far`), only topics that it names whole.
    """
    reading = reading_of(services)
    if not isinstance(reading, Reading):
        return Elsewhere()
    topics = tuple(
        reading.topics[id_].topic for id_ in _nearest(reading, text, 1.0 if far else LEAST_SHARED)
    )
    found = communities_on(reading, [one.id for one in topics]) if topics else ()
    return Elsewhere(topics, found[0] if found else None)


def _nearest(reading: Reading, text: str, least: float) -> Sequence[str]:
    """By the words in common, at least so large a share of a label's."""
    labels = tuple(
        (id_, (one.topic.label, *one.topic.alt_labels)) for id_, one in reading.topics.items()
    )
    asked = frozenset(terms(text))
    shared = {
        id_: max(len(asked & words) / len(asked | words) for words in ways)
        for id_, ways in _terms_of(labels)
        if any(words and len(asked & words) >= least * len(words) for words in ways)
    }
    return sorted(shared, key=lambda id_: (-shared[id_], id_))[:NEAREST]


@lru_cache(maxsize=2)
def _terms_of(labels: _Labels) -> tuple[tuple[str, tuple[frozenset[str], ...]], ...]:
    return tuple((id_, tuple(frozenset(terms(way)) for way in ways)) for id_, ways in labels)
