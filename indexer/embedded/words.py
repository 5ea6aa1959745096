"""Words of the embedded index that a reader may read: titles being typed, and near words."""

from collections.abc import Mapping, Sequence
from heapq import nsmallest

from indexer.access import AccessFilter
from indexer.cards import card_of
from indexer.embedded.catalogue import Catalogue, Memory
from indexer.embedded.faults import engine_faults
from indexer.embedded.readable_rows import readable_rows
from indexer.embedded.requests import text_request, typed_words
from indexer.embedded.rows import passages_of
from indexer.embedded.store import Store
from indexer.embedded.text import TextIndex
from indexer.spelling import NEAR_DOCUMENTS, NearWord, near_in, nearest, reach
from indexer.suggesting import SUGGESTIONS_READ, best_titles
from indexer.values import Question, Suggestion


class Words:
    """What the titles and texts that a reader may read are made of."""

    def __init__(self, store: Store, text: TextIndex, memory: Memory) -> None:
        self._store, self._text, self._memory = store, text, memory

    def suggest(self, access: AccessFilter, prefix: str, limit: int) -> tuple[Suggestion, ...]:
        """Titles with all the typed words; those that begin with them, and short ones, first."""
        whole, beginning = typed_words(prefix)
        if not beginning:
            return ()
        with engine_faults():
            catalogue = self._current()
            readable = catalogue.readable(access)
            slots, found = catalogue.slots(self._text.titled(whole, beginning))
        kept = slots[found]
        short = catalogue.shortest(kept[readable[kept]], SUGGESTIONS_READ)
        pairs = ((catalogue.titles[slot], catalogue.ids[slot]) for slot in short)
        return best_titles(pairs, prefix, limit)

    def near_words(
        self, access: AccessFilter, words: Sequence[str]
    ) -> Mapping[str, tuple[NearWord, ...]]:
        """For each word that no readable document has, near ones that some has."""
        with engine_faults():
            catalogue = self._current()
            return {
                word: self._near(access, word, catalogue)
                for word in words
                if not self._stands(access, word, catalogue)
            }

    def _stands(self, access: AccessFilter, word: str, catalogue: Catalogue) -> bool:
        """Whether a readable document has the word, in any of its forms."""
        slots, found = catalogue.slots(self._text.matches(text_request(Question(word)))[0])
        return bool(catalogue.readable(access)[slots[found]].any())

    def _near(self, access: AccessFilter, word: str, catalogue: Catalogue) -> tuple[NearWord, ...]:
        for slips in range(1, reach(word) + 1):
            slots, found = catalogue.slots(self._text.near(word, slips))
            kept = slots[found]
            kept = kept[catalogue.readable(access)[kept]].tolist()
            ids = nsmallest(NEAR_DOCUMENTS, (catalogue.ids[slot] for slot in kept))
            rows = readable_rows(self._store, "card, passages", access, ids)
            if near := nearest(
                word, (_near_in(card, texts, word, slips) for _, card, texts in rows), slips
            ):
                return near
        return ()

    def _current(self) -> Catalogue:
        self._text.replay(wait=False)
        return self._memory.current()


def _near_in(card: str, passages: str, word: str, slips: int) -> Mapping[str, str]:
    """In the title and in the first passage with any, as the other engine reads them."""
    inside = (near_in(passage.text, word, slips) for passage in passages_of(passages))
    first: Mapping[str, str] = next(filter(None, inside), {})
    return {**first, **near_in(card_of(card).title, word, slips)}
