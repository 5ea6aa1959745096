"""Questions whose document comes first for whoever types them."""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache

from indexer.french.analysis import analyse_query

MOST_PINNED = 3
"""Number of documents that pinned questions put first in one answer."""


@dataclass(frozen=True, slots=True)
class PinnedQuestion:
    """A pinned question. `content_hash`: of the document's text that answers it."""

    document_id: str
    question: str
    content_hash: str


def matching_pins(pinned: Iterable[PinnedQuestion], words: str) -> dict[str, set[str]]:
    """Return, by document, the text hashes of its pinned questions whose words are all typed."""
    typed, matching = _terms(words), dict[str, set[str]]()
    for pin in pinned if typed else ():
        terms = _terms(pin.question)
        if terms and terms <= typed:
            matching.setdefault(pin.document_id, set()).add(pin.content_hash)
    return matching


@lru_cache(maxsize=4_096)
def _terms(words: str) -> frozenset[str]:
    return frozenset(term.term for term in analyse_query(words))
