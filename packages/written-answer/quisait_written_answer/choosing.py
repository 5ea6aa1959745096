"""Cut passages into sentences that may be chosen, and read a model's choice. Pure.

A model answers with numbers alone, so that it cannot invent a word. What it may choose is not cut
from what it depends on, as far as first words tell: a negation, a condition, the head of a table.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from indexer.french.analysis import fold
from indexer.passages import sentences
from quisait_written_answer.values import ModelFailed

HEADINGS = ("Réponse", "Conditions", "Exceptions", "Délais", "Montants", "Démarche", "Contact")
"""The words that a model may put above the sentences that it chose, at most one."""

MOST_CHOSEN = 6
"""Number of sentences that a model may choose, at most."""

MOST_CHARACTERS = 100
"""Length of a choice at most, with a heading and brackets."""

SHORT = 15
"""A sentence of fewer characters says nothing without the next one: « Non. », « Oui, si. »."""

_DEPENDENT = re.compile(
    r"\s*[•*–-]\s|[\s«]*(?:sauf|hormis|hors|excepte|except|toutefois|cependant|neanmoins|mais|or|sinon"
    r"|en revanche|a defaut|a moins|a condition|sous reserve|a l'exception|dans (?:ce|le) cas"
    r"|dans (?:ces|les deux) cas|y compris|de meme|il|elle|ils|elles|on|ce|cet|cette|ces|cela|ceci"
    r"|celui|celle|ceux|celles|leur|leurs|c'est|il en|lui|son|sa|ses)\b"
)
"""Beginnings of a sentence, folded, that the former one explains: an item, « sauf », « il »…"""

_TABLE = re.compile(r"\s\|\s")
_THOUGHT = re.compile(r"\A\s*<think>.*?(?:</think>|\Z)", re.DOTALL)
_CHOICE = re.compile(r"(?:([^\W\d_]+) ?:? ?)?((?:\[?\d{1,4}\]?(?:[,;] ?| |\Z|(?=\.)))*)[. ]*")


@dataclass(frozen=True, slots=True)
class Choice:
    """Numbers of sentences in the order in which they answer; `heading` may be empty."""

    heading: str = ""
    numbers: tuple[int, ...] = ()


def choosable(text: str, most: int) -> Iterator[tuple[int, int]]:
    """Yield [start, end[ of what may be chosen in the first `most` characters of a passage.

    These are sentences, each with the following ones that depend on it; « Non. » and the like go
    with the next one. A table is one. The last
    one is left out if the passage was cut, since what follows may restrict it; so is a first one
    that depends on what is before the passage.
    """
    cut = len(text) > most
    spans: list[tuple[int, int]] = []
    whole = [(0, len(text[:most]))] if _TABLE.search(text) else sentences(text[:most])
    for start, end in whole:
        if spans and _belongs(text[slice(*spans[-1])], text[start:end]):
            spans[-1] = (spans[-1][0], end)
        else:
            spans.append((start, end))
    yield from (
        (start, end)
        for start, end in spans[: -1 if cut else None]
        if re.search(r"\w", text[start:end]) and not _depends(text[start:end])
    )


def _belongs(former: str, sentence: str) -> bool:
    short = len(former.strip()) < SHORT
    return short or former.rstrip().endswith((":", ";", ",")) or _depends(sentence)


def _depends(sentence: str) -> bool:
    return bool(_DEPENDENT.match(fold(sentence.lower()).replace("’", "'")))


def without_thoughts(text: str) -> str:
    """Return the text without the reasoning that a model writes before its answer."""
    return _THOUGHT.sub("", text)


def read_choice(written: str, known: int, *, ended: bool) -> Choice:
    """Return the numbers that a model wrote, from 1 to `known`; none if it wrote 0.

    Read while the text arrives, the last number or heading may be incomplete (`ended` is false).
    Raises `ModelFailed` for anything else: other words, unknown or repeated numbers, too many.
    """
    text = " ".join(without_thoughts(written).split())
    if not ended and "<think>".startswith(text[: len("<think>")]):
        return Choice()
    match = _CHOICE.fullmatch(text[: MOST_CHARACTERS + 1])
    if match is None or len(text) > MOST_CHARACTERS:
        raise ModelFailed("no choice")
    said, listed = fold((match[1] or "").lower()), match[2]
    named = [one for one in HEADINGS if fold(one.lower()).startswith(said)]
    if not named or (ended and said and fold(named[0].lower()) != said):
        raise ModelFailed("unknown heading")
    numbers = [int(one) for one in re.findall(r"\d+", listed)]
    if not ended and listed[-1:].isdigit():
        numbers.pop()
    if numbers == [0]:
        return Choice()
    if len(set(numbers)) < len(numbers) or not all(1 <= one <= known for one in numbers):
        raise ModelFailed("unknown or repeated sentence")
    if len(numbers) > MOST_CHOSEN or (ended and not numbers):
        raise ModelFailed("too many or no sentences")
    return Choice(named[0] if said else "", tuple(numbers))
