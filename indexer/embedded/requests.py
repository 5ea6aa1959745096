"""A question to what tantivy is asked; pure values, compared whole in tests."""

from dataclasses import dataclass

from indexer.french import Term, analyse, folded_words
from indexer.values import Question

MAX_TERMS = 512
"""More distinct terms than that are dropped, and the answer says so."""

MINIMUM_MATCH_PERCENT = 30
"""A document matches lexically with that share of the distinct terms, rounded down, and
at least one: OpenSearch's `minimum_should_match: 30%`."""

Phrase = tuple[tuple[int, str], ...]
"""(distance from the first word, term); one word is a phrase too."""


@dataclass(frozen=True, slots=True)
class TextRequest:
    """What must, may and must not stand in a document's title or text."""

    terms: tuple[str, ...]
    minimum: int
    phrases: tuple[Phrase, ...]
    excluded: tuple[Phrase, ...]
    terms_dropped: bool = False

    @property
    def scores(self) -> bool:
        """Whether there is anything to rank by."""
        return bool(self.terms or self.phrases)

    @property
    def binds(self) -> bool:
        """Whether even the nearest by vector have to be checked against the text."""
        return bool(self.phrases or self.excluded)


def text_request(question: Question) -> TextRequest:
    """Read a question. Phrases and exclusions come first when terms have to be dropped."""
    left = MAX_TERMS
    phrases: list[Phrase] = []
    excluded: list[Phrase] = []
    dropped = False
    for wanted, found in ((question.phrases, phrases), (question.excluded, excluded)):
        for words in wanted:
            phrase = _phrase(analyse(words))
            dropped |= len(phrase) > left
            if kept := phrase[:left]:
                found.append(kept)
                left -= len(kept)
    distinct = tuple(dict.fromkeys(found.term for found in analyse(question.text)))
    kept_terms = distinct[:left]
    return TextRequest(
        terms=kept_terms,
        minimum=max(1, len(kept_terms) * MINIMUM_MATCH_PERCENT // 100),
        phrases=tuple(phrases),
        excluded=tuple(excluded),
        terms_dropped=dropped or len(distinct) > left,
    )


def typed_words(prefix: str) -> tuple[tuple[str, ...], str]:
    """(whole words, the beginning of the last one) of what is being typed; both may be empty."""
    words = folded_words(prefix)[:MAX_TERMS]
    return (tuple(words[:-1]), words[-1]) if words else ((), "")


def _phrase(found: list[Term]) -> Phrase:
    return tuple((term.position - found[0].position, term.term) for term in found)
