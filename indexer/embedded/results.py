"""Results beside the rankings: best passages, successors, titles, similar words."""

from collections.abc import Mapping, Sequence
from heapq import nsmallest

import numpy as np
from numpy.typing import NDArray

from indexer.access import AccessFilter
from indexer.cards import card_of
from indexer.embedded.catalogue import SnapshotCache, StoreSnapshot, readable_rows
from indexer.embedded.rows import passages_of
from indexer.embedded.store import Store, engine_faults
from indexer.embedded.text import TextIndex
from indexer.french.analysis import BESIDE
from indexer.highlighting import highlights
from indexer.parsed_query import ParsedQuery, parse_query
from indexer.suggestions import (
    NEAR_DOCUMENTS,
    SUGGESTIONS_READ,
    NearWord,
    best_titles,
    max_edits,
    near_in,
    nearest,
    typed_words,
)
from indexer.values import Card, Passage, Question, ShownPassage, Suggestion, Vectors

MAX_TERMS = 512
"""Largest number of distinct terms; further terms are dropped, and the answer says so."""


def text_request(question: Question, *, most_words: bool = False) -> ParsedQuery:
    """Parse a question within the limits of this engine."""
    return parse_query(question, MAX_TERMS, most_words=most_words)


def best_passages(
    passages: Sequence[Passage],
    analysed: Sequence[str],
    wanted: frozenset[str],
    similarities: NDArray[np.float64] | None,
    count: int,
    marked: bool,
) -> tuple[ShownPassage, ...]:
    """Return the `count` best passages, best first, ties in reading order; scores in [0, 1].

    The score is the mean of two numbers: the share of the wanted terms in the passage, and its
    similarity, min-max scaled over the document's passages. If the question has no terms or no
    vector, the score is the other number. `analysed[i]` is the encoded line of `passages[i]`.
    Highlights are only computed if `marked`.
    """
    parts = []
    counts = [len(wanted.intersection(line.replace(BESIDE, " ").split(" "))) for line in analysed]
    if wanted:
        parts.append(np.array([count / len(wanted) for count in counts]))
    if similarities is not None and len(similarities):
        parts.append(_min_max(similarities))
    scores = np.mean(parts, axis=0) if parts else np.zeros(len(passages))
    order = np.argsort(-scores, kind="stable")[:count]

    def marks(i: int) -> tuple[tuple[int, int], ...]:
        # A passage without a wanted term has none to highlight; a heading may change its analysis.
        has_terms = marked and (counts[i] or passages[i].heading)
        return highlights(passages[i].text, wanted) if has_terms else ()

    return tuple(ShownPassage(passages[i], float(scores[i]), marks(i)) for i in order)


def passage_similarities(vectors: Vectors, query: Vectors | None) -> NDArray[np.float64] | None:
    """Return cosines (n,), rounded so that equal passages tie, or None if there is no query."""
    if query is None:
        return None
    similarities: NDArray[np.float64] = (vectors @ query).astype(np.float64)
    return similarities.round(6)


def _min_max(values: NDArray[np.float64]) -> NDArray[np.float64]:
    low, high = values.min(), values.max()
    return (values - low) / (high - low) if high > low else np.ones(len(values))


def successors(
    store: Store, catalogue: StoreSnapshot, access: AccessFilter, document_ids: Sequence[str]
) -> dict[str, tuple[Card, ...]]:
    """Return, for each document, the current cards of documents that replace it, by id."""
    wanted = {document_id: catalogue.successors(document_id) for document_id in document_ids}
    ids = dict.fromkeys(id_ for replacing in wanted.values() for id_ in replacing)
    if not ids:
        return {}
    rows = readable_rows(store, "card", access, ids)
    cards = {document_id: card_of(card) for document_id, card in rows}
    # A card written meanwhile may replace another document.
    return {
        document_id: tuple(
            cards[id_] for id_ in replacing if id_ in cards and document_id in cards[id_].replaces
        )
        for document_id, replacing in wanted.items()
    }


class WordLookup:
    """Finds titles and words of documents that a reader may read."""

    def __init__(self, store: Store, text: TextIndex, memory: SnapshotCache) -> None:
        self._store, self._text, self._memory = store, text, memory

    def suggest(self, access: AccessFilter, prefix: str, limit: int) -> tuple[Suggestion, ...]:
        """Return titles with all the typed words: exact prefixes first, then short titles."""
        typed = typed_words(prefix, MAX_TERMS)
        if not typed:
            return ()
        with engine_faults():
            catalogue = self._current()
            readable = catalogue.readable(access)
            slots, has_slot = catalogue.slots(self._text.titled(typed[:-1], typed[-1]))
        titled = slots[has_slot]
        short = catalogue.shortest(titled[readable[titled]], SUGGESTIONS_READ)
        pairs = ((catalogue.titles[slot], catalogue.ids[slot]) for slot in short)
        return best_titles(pairs, prefix, limit)

    def near_words(
        self, access: AccessFilter, words: Sequence[str]
    ) -> Mapping[str, tuple[NearWord, ...]]:
        """Return similar words for each word that no readable document has."""
        with engine_faults():
            catalogue = self._current()
            return {
                word: self._near(access, word, catalogue)
                for word in words
                if not self._occurs(access, word, catalogue)
            }

    def _occurs(self, access: AccessFilter, word: str, catalogue: StoreSnapshot) -> bool:
        """Return whether a readable document has the word, in any of its forms."""
        slots, has_slot = catalogue.slots(self._text.matches(text_request(Question(word)))[0])
        return bool(catalogue.readable(access)[slots[has_slot]].any())

    def _near(
        self, access: AccessFilter, word: str, catalogue: StoreSnapshot
    ) -> tuple[NearWord, ...]:
        for slips in range(1, max_edits(word) + 1):
            slots, has_slot = catalogue.slots(self._text.near(word, slips))
            near_slots = slots[has_slot]
            near_slots = near_slots[catalogue.readable(access)[near_slots]].tolist()
            ids = nsmallest(NEAR_DOCUMENTS, (catalogue.ids[slot] for slot in near_slots))
            rows = readable_rows(self._store, "card, passages", access, ids)
            if near := nearest(
                word, (_near_in(card, texts, word, slips) for _, card, texts in rows), slips
            ):
                return near
        return ()

    def _current(self) -> StoreSnapshot:
        self._text.replay(wait=False)
        return self._memory.current()


def _near_in(card: str, passages: str, word: str, slips: int) -> Mapping[str, str]:
    """Return similar words of the title and of the first passage that has any."""
    inside = (near_in(passage.text, word, slips) for passage in passages_of(passages))
    first: Mapping[str, str] = next(filter(None, inside), {})
    return {**first, **near_in(card_of(card).title, word, slips)}
