"""What of a question may ever be shown: pure functions, the strictest reading of the rule.

Never with a digit, nor with a name of the directory. A query that is refused is counted and
not shown. Refusing too much costs a line of a report; refusing too little shows a person.
"""

import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import pairwise

from expertise.names import LINKING
from indexer.french import folded_words

MOST_CHARACTERS = 200
"""A longer text was pasted: nobody else asks it, and it may say anything."""
_LEAST_NAME = 2
_LEAST_PART = 3
"""Of a name written in one word with another, as logins are."""


def normal_text(typed: str) -> str:
    """The query as it is counted and shown: its words, accents, case and signs aside.

    Five askers of one normal text have asked the very words that are shown. The text is
    empty where there is no word.
    """
    return " ".join(folded_words(typed))


@dataclass(frozen=True, slots=True)
class Names:
    """Names of the directory, folded: words, and each name written as one word.

    Empty means that they are not known: then nothing is shown.
    """

    words: frozenset[str] = frozenset()

    def named_in(self, text: str) -> bool:
        """Whether a normal text has a name of the directory in it, in one word or in two."""
        said = text.split()
        joined = [one + other for one, other in pairwise(said)]
        triples = [a + b + c for a, b, c in zip(said, said[1:], said[2:], strict=False)]
        return any(self._is_name(word) for word in (*said, *joined, *triples))

    def _is_name(self, word: str) -> bool:
        known = self.words
        if word in known or _singular(word) in known:
            return True
        # A login: an initial beside a name, or two names.
        parted = (word[1:], word[:-1]) if len(word) > _LEAST_PART else ()
        if any(part in known for part in parted):
            return True
        cuts = range(_LEAST_PART, len(word) - _LEAST_PART + 1)
        return any(word[:cut] in known and word[cut:] in known for cut in cuts)


def names_of(people: Iterable[tuple[str, str]]) -> Names:
    """The names of (given name, family name) pairs."""
    found: set[str] = set()
    for name in {name for pair in people for name in pair}:
        words = folded_words(name)
        found.add("".join(words))
        found.update(words)
    kept = {word for word in found if len(word) >= _LEAST_NAME and word not in LINKING}
    return Names(frozenset(kept | {_singular(word) for word in kept}))


def may_be_shown(typed: str, names: Names) -> bool:
    """Whether a query may be shown, however many asked it. `typed`: as written, or normal."""
    if len(typed) > MOST_CHARACTERS or not names.words or "@" in typed:
        return False
    # As written and in plain signs: «Ⅳ» is a number, «②» hides one.
    letters = typed + unicodedata.normalize("NFKC", typed)
    if any(unicodedata.category(letter).startswith("N") for letter in letters):
        return False
    return not names.named_in(normal_text(typed))


def _singular(word: str) -> str:
    return word[:-1] if len(word) > 3 and word[-1] in "sx" else word
