"""Check whether a sentence says only what its cited passages say. All functions are pure.

Read `fault_of` first. The check compares words, numbers, names and references; it does not
understand the text. The kinds of inventions that it misses are measured and listed in
docs/evaluation.md.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property
from itertools import pairwise

from indexer.french.analysis import Term, analyse, fold
from indexer.french.stop_words import ASKING_WORDS, STOP_WORDS
from indexer.passages import sentences
from quisait_written_answer.sentences import CitedSentence


class Fault(StrEnum):
    """The reason why a sentence is removed from an answer."""

    MARKUP = "markup"
    UNCITED = "uncited"
    UNKNOWN_PASSAGE = "unknown_passage"
    NUMBER = "number"
    NAME = "name"
    WORD = "word"
    SENSE = "sense"
    SWAPPED = "swapped"


_MARKUP = re.compile(r"<\s*[a-z/!?]|!\[|\]\s*\(|\w://|\bwww\.|\b(?:javascript|data):", re.I)

_ADDED = """
document passage texte note selon indique indiquent précise précisent prévoit prévoient mentionne
mentionnent rappelle rappellent ainsi donc également aussi notamment ensuite enfin lorsque lorsqu
lors afin ici ceci celui celle ceux celles ces cet sa ses son cette tout toute il s y a agit
pas plus moins jamais aucun aucune ni non sans sauf avant après depuis
""".split()  # noqa: SIM905 — a word list reads better without quotes
_NEUTRAL = frozenset(map(fold, {*_ADDED, *ASKING_WORDS, *STOP_WORDS}))
"""Folded words that a sentence may add, because they connect or quote, or because `_SENSES` checks
them.
"""

_SENSES: Mapping[str, re.Pattern[str]] = {
    name: re.compile(rf"\b(?:{pattern})", re.IGNORECASE)
    for name, pattern in {
        "not": r"ne\b|n[’']|pas\b|aucune?\b|jamais\b|ni\b|non\b|nuls?\b|nulles?\b|interdi|exclu",
        "without": r"sans\b|sauf\b|hors\b|hormis\b|excepté|à l[’']exception|à l[’']exclusion",
        "before": r"avant\b|jusqu|au plus tard\b",
        "after": r"après\b|depuis\b|dès\b|à compter\b|à partir\b",
        "at least": r"au moins\b|minim|supérieur|plus d[e’']|dépass|exc[èé]d|au-delà\b|à partir\b",
        "at most": r"au plus\b|maxim|inférieur|moins d[e’']|plafond|limit|jusqu|délai\b|sous\b",
        "may": r"peu(?:t|vent|x)\b|pou(?:rr|voi)|possib|facultati|éventuel|autoris|permet",
        "must": r"doi(?:t|vent)\b|dev(?:r|oi)|fau(?:dr|t\b)|oblig|tenue?s? d|requise?s?\b|impérati",
        "all": r"tous\b|tout(?:es?)?\b|chaque\b|toujours\b|systématiq|chacun",
        "if": r"si\b|s[’']ils?\b|conditions?\b|sous réserve|à moins|pourvu|lorsqu|quand\b",
        "only": r"seul|unique|exclusiv|ne\b.{1,60}\bque?\b|n[’'].{1,60}\bque?\b|réservé",
    }.items()
}
"""Patterns of small words that change the meaning of a sentence. A sentence with a sense that its
passages do not have is faulty.
"""

_BOTH_WAYS = ("not", "without", "if")
"""A sentence with a single passage must also have these senses if the passage has them."""

_NUMBER_WORDS = {
    word: str(number)
    for number, word in enumerate(
        """
        deux trois quatre cinq six sept huit neuf dix onze douze treize quatorze quinze seize
        """.split(),  # noqa: SIM905
        2,
    )
} | {"vingt": "20", "trente": "30", "quarante": "40", "cinquante": "50", "cent": "100"}
_CAPITAL = re.compile(r"(?:(?<=\bM\. )|(?<![.!?…]\s)(?<=\s))(?:[LDldJj][’'])?([A-ZÀ-ÖØ-Þ][\w-]*)")
_CLAUSE = re.compile(r"[,;:()]\s|\s(?:et|ou|mais|puis|tandis que|alors que|contre)\s")
_DATE = re.compile(r"\d{4}-\d\d-\d\d")


def fault_of(sentence: CitedSentence, passages: Sequence["Grounds"]) -> Fault | None:
    """Return the first fault of a sentence, or None if its passages say the same.

    `passages[n - 1]` is the passage of the citation [n].
    """
    if _MARKUP.search(sentence.text):
        return Fault.MARKUP
    if not sentence.cited:
        return Fault.UNCITED
    if not all(1 <= number <= len(passages) for number in sentence.cited):
        return Fault.UNKNOWN_PASSAGE
    cited = [passages[number - 1] for number in sentence.cited]
    said = _Words(sentence.text)
    known = frozenset().union(*(one.words.known for one in cited))
    pairs = frozenset().union(*(one.words.pairs for one in cited))
    if not said.numbers <= known or not said.pairs <= pairs:
        return Fault.NUMBER
    if not said.names <= frozenset().union(*(one.words.exact for one in cited)):
        return Fault.NAME
    if not said.content <= known:
        return Fault.WORD
    nearest = [one.nearest(said) for one in cited]
    titles = frozenset[str]().union(*(one.title.known for one in cited))
    if not said.numbers <= titles.union(*(part.known for few in nearest for part in few)):
        return Fault.NUMBER
    senses = [frozenset().union(*(one.senses for one in few)) for few in nearest]
    left_out = senses[0] - said.senses if len(senses) == 1 else frozenset()
    if not said.senses <= frozenset().union(*senses) or not left_out.isdisjoint(_BOTH_WAYS):
        return Fault.SENSE
    return Fault.SWAPPED if any(_swapped(said, one) for one in nearest) else None


@dataclass(frozen=True)
class _Words:
    """The words of a text, as sets of terms.

    `content`: terms with a meaning of their own. `numbers`: terms with a digit; a number's unit is
    in `pairs`. `names`: folded words with a capital inside a sentence, and acronyms.
    """

    text: str

    @cached_property
    def terms(self) -> tuple[Term, ...]:
        return tuple(analyse(self.text))

    @cached_property
    def whole(self) -> tuple[Term, ...]:
        """The terms without the parts of references: 143000, but not 143 and 000."""
        found: list[Term] = []
        for one in self.terms:
            if not found or one.start >= found[-1].end:
                found.append(one)
        return tuple(found)

    @cached_property
    def content(self) -> frozenset[str]:
        names = ((_number(one), one.exact or one.term) for one in self.whole)
        return frozenset(
            term
            for term, exact in names
            if exact not in _NEUTRAL and (len(term) > 1 or term.isdigit())
        )

    @cached_property
    def numbers(self) -> frozenset[str]:
        return frozenset(one for one in self.content if any(map(str.isdigit, one)))

    @cached_property
    def known(self) -> frozenset[str]:
        """Every term that another text may repeat, with the broader terms of dates."""
        days = (name for one in self.terms if _DATE.fullmatch(one.term) for name in one.broader)
        return frozenset(_number(one) for one in self.terms).union(
            (one.term for one in self.terms), days
        )

    @cached_property
    def exact(self) -> frozenset[str]:
        found = re.findall(r"[\w-]+", self.text)
        return frozenset(fold(one.lower()) for word in found for one in (word, *word.split("-")))

    @cached_property
    def names(self) -> frozenset[str]:
        found = {match[1] for match in _CAPITAL.finditer(self.text)}
        found |= set(re.findall(r"\b[A-Z]{2,}\b", self.text))
        return frozenset(fold(word.lower()) for word in found)

    @cached_property
    def pairs(self) -> frozenset[tuple[str, str]]:
        """Each number with the word that follows it directly, such as its unit."""
        return frozenset(
            (number, after.term)
            for row in (self.terms, self.whole)
            for one, after in pairwise(row)
            for number in (_number(one), *one.broader)
            if number.isdigit() and after.term.isalpha() and not self._between(one, after)
        )

    def _between(self, one: Term, after: Term) -> str:
        return "" if after.start <= one.end else self.text[one.end : after.start].strip()

    @cached_property
    def after_number(self) -> frozenset[str]:
        """The words that follow the first number, without the number's unit."""
        places = [n for n, one in enumerate(self.whole) if _number(one) in self.numbers]
        return frozenset(one.term for one in self.whole[places[0] + 2 :]) if places else frozenset()

    @cached_property
    def senses(self) -> frozenset[str]:
        return frozenset(name for name, words in _SENSES.items() if words.search(self.text))

    @cached_property
    def clauses(self) -> tuple["_Words", ...]:
        return tuple(map(_Words, filter(None, _CLAUSE.split(self.text))))


def _number(one: Term) -> str:
    return _NUMBER_WORDS.get(one.exact, one.term)


class Grounds:
    """A numbered passage, with its title and heading, prepared for `fault_of`."""

    def __init__(self, title: str, heading: str, text: str) -> None:
        self.title = _Words(f"{title}\n{heading}")
        self.words = _Words("\n".join((title, heading, text)))
        whole = [text[start:end] for start, end in sentences(text)]
        parts = [part.strip() for one in whole for part in re.split(r"(?<=;)\s", one)]
        self._alone = [_Words(one) for one in parts if one] or [_Words(text)]
        self._pairs = list(pairwise(self._alone))

    def nearest(self, said: _Words) -> tuple[_Words, ...]:
        """Return the sentence, or two successive ones, with most terms in common with `said`.

        If several have the same number, the shortest is returned; if several are shortest, the
        sentence whose senses, such as negations, differ least from those of `said`.
        """

        def shared(few: tuple[_Words, ...]) -> tuple[int, int, int]:
            known = frozenset[str]().union(*(one.known for one in few))
            senses = frozenset[str]().union(*(one.senses for one in few))
            length = sum(len(one.content) for one in few)
            return len(said.content & known), -length, -len(senses ^ said.senses)

        alone = max(((one,) for one in self._alone), key=shared)
        both = max(self._pairs, key=shared, default=alone)
        return both if shared(both)[0] > shared(alone)[0] else alone


def _swapped(said: _Words, nearest: Sequence[_Words]) -> bool:
    """Return whether the sentence mixes facts that the passage states about different things.

    There are three cases. The sentence takes a number from one sentence or clause, and words from
    another that has other numbers. Or it takes a name from one sentence, and words from another
    that has other names. Or it takes names and numbers from two clauses, and leaves out some of
    each. In the first clause of a sentence only words after the number count, because the words
    before it may belong to all clauses.
    """
    clauses = [clause for one in nearest for clause in one.clauses]
    common = {one.clauses[0].text for one in nearest if one.clauses}
    split = [(one, one.content | one.names, nearest) for one in nearest]
    split += [
        (one, one.after_number if one.text in common else one.content | one.names, clauses)
        for one in clauses
    ]
    for part, words, others in split:
        number = said.numbers and part.numbers and part.numbers.isdisjoint(said.numbers)
        name = said.names and part.names and part.names.isdisjoint(said.names) and part in nearest
        if number or name:
            elsewhere = (other.known | other.names for other in others if other is not part)
            if (words & (said.content | said.names)) - frozenset[str]().union(*elsewhere):
                return True
    marks = said.numbers | said.names
    own = [clause.numbers | clause.names for clause in clauses]
    torn = [one for one in own if not one.isdisjoint(marks) and not one <= marks]
    return len(torn) > 1 and not any(marks <= one for one in own)
