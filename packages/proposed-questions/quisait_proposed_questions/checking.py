"""Read what a language model proposed, and keep the questions that are safe to store. Pure.

Whether a document answers a question is not decided here, but by a search (`proposing`).
"""

import json
import re
from collections.abc import Collection, Iterator, Sequence
from itertools import pairwise

from quisait_written_answer.choosing import without_thoughts

from indexer.french.analysis import analyse, fold, folded_words
from indexer.french.stop_words import ASKING_WORDS, ELISIONS, ENGLISH_WORDS, STOP_WORDS
from search_api.context import InvalidParameter
from search_api.expected.service import checked_question

LEAST_WORDS, MOST_WORDS = 4, 14
NEAR_COPY = 0.7
"""Share of common words, of all words of two questions, from which on they are near copies."""

_FRENCH = frozenset({*STOP_WORDS, *ELISIONS, *(ASKING_WORDS - ENGLISH_WORDS)})
_LITTLE = frozenset(map(fold, {*STOP_WORDS, *ASKING_WORDS, *ELISIONS}))
_ITEM = re.compile(r"^(?:[-*•]|\d{1,2}[.)])\s")
_MARKUP = re.compile(r"[<>{}@\[\]\\|`]|://|\bwww\.")
_CIVILITY = re.compile(
    r"\b(?:MM?\.|Mmes?|Mlles?|Me|Dr|Messieurs|Mesdames|Monsieur|Madame)\s+[A-ZÀ-Þ]"
)


_NUMBER_WORDS = {
    word: str(number)
    for number, word in enumerate(
        """
        deux trois quatre cinq six sept huit neuf dix onze douze treize quatorze quinze seize
        """.split(),  # noqa: SIM905 — a word list reads better without quotes
        2,
    )
} | {"vingt": "20", "trente": "30", "quarante": "40", "cinquante": "50", "cent": "100"}


def proposals_in(written: str) -> list[str]:
    """Return the strings of the JSON list in a model's answer, or else its lines that ask."""
    text = without_thoughts(written)
    start, end = text.find("["), text.rfind("]")
    if 0 <= start < end:
        try:
            listed = json.loads(text[start : end + 1])
        except (ValueError, RecursionError):
            listed = None
        if isinstance(listed, list):
            return [item for item in listed if isinstance(item, str)]
    lines = (_ITEM.sub("", line.strip(), 1).strip(' "«»“”,') for line in text.splitlines())
    return [line for line in lines if line.endswith("?")]


def safe_questions(
    written: str, title: str, text: str, names: Collection[str], known: Sequence[str]
) -> Iterator[str]:
    """Yield the proposals that are short French questions with nothing that must not be stored.

    `names`: folded words of the directory's names. `known`: questions that the document has, or
    had; near copies of them, and of the title, are left out.
    """
    numbers = _numbers(f"{title}\n{text}")
    others = [_content(one) for one in (title, *known)]
    for proposal in proposals_in(written):
        try:
            question = checked_question(proposal)
        except InvalidParameter:
            continue
        words = [word for word in question.split() if any(map(str.isalnum, word))]
        content = _content(question)
        if (
            LEAST_WORDS <= len(words) <= MOST_WORDS
            and not _MARKUP.search(question)
            and _is_french(question)
            and not names_somebody(question, names)
            and _numbers(question) <= numbers
            and content
            and not any(
                len(content & other) >= NEAR_COPY * len(content | other) for other in others
            )
        ):
            others.append(content)
            yield question


def names_somebody(question: str, names: Collection[str]) -> bool:
    """Return whether a question has a civility with a name, or names of the directory.

    A word of a name counts if it has a capital, or if another one follows it.
    """
    if _CIVILITY.search(question):
        return True
    capitals = re.findall(r"\b[A-ZÀ-Þ]\w+", question)
    if any(word in names for capital in capitals for word in folded_words(capital)):
        return True
    return any(one in names and other in names for one, other in pairwise(folded_words(question)))


def _is_french(question: str) -> bool:
    """Return whether a question has a little French word, and no little English word."""
    words = set(re.findall(r"\w+", question.lower()))
    return not words.isdisjoint(_FRENCH) and words.isdisjoint(ENGLISH_WORDS)


def _numbers(text: str) -> frozenset[str]:
    """Return the numbers of a text, figures and words of numbers, as terms."""
    terms = (_NUMBER_WORDS.get(one.exact, one.term) for one in analyse(text))
    return frozenset(one for one in terms if any(map(str.isdigit, one)))


def _content(question: str) -> frozenset[str]:
    return frozenset(folded_words(question)) - _LITTLE
