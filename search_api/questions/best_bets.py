"""Best bets: what an administrator puts above the results of a question.

One a line: `words of the question;document id`, or `words;https://…;title`. Several
questions are parted by `|`. A question is meant where all the words stand in it.
"""

import csv
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from indexer.access import AccessFilter
from indexer.french import asked
from indexer.ports import IndexReader
from indexer.values import Question, SearchRequest, ShowRequest
from search_api.questions.edited_files import EditedFile, LineFault, Read
from search_api.results import BestBet, Reference
from search_api.wording import web_address

MOST_BETS = 3
"""So many stand above one answer."""


@dataclass(frozen=True, slots=True)
class Bet:
    """One line: each of `patterns` is a set of terms. `url` and `title`, or `document_id`."""

    patterns: tuple[frozenset[str], ...]
    document_id: str = ""
    url: str = ""
    title: str = ""

    def means(self, terms: frozenset[str]) -> bool:
        """Whether all words of a pattern are asked for."""
        return any(pattern <= terms for pattern in self.patterns)


class BestBetsFile:
    """The best bets as their file says them now."""

    def __init__(self, path: Path) -> None:
        self._file: EditedFile[tuple[Bet, ...]] = EditedFile(path, read_best_bets, (), "best_bets")

    def bets(self, question: Question) -> tuple[Bet, ...]:
        """Those that a question means, in the file's order."""
        terms = _terms(question.words)
        return tuple(bet for bet in self._file.now() if bet.means(terms)) if terms else ()


class NoBestBets:
    """Nothing stands above the results."""

    def bets(self, question: Question) -> tuple[Bet, ...]:
        """None."""
        return ()


def shown_bets(
    bets: Sequence[Bet], index: IndexReader, access: AccessFilter
) -> tuple[BestBet, ...]:
    """Those that this reader may see: documents under their rights, links if they read at all.

    Raises `IndexUnreachable`.
    """
    if not bets:
        return ()
    ids = tuple(dict.fromkeys(bet.document_id for bet in bets if bet.document_id))
    shown = index.show(ShowRequest(access, ids, Question())) if ids else ()
    cards = {one.card.document_id: one.card for one in shown}
    links = [bet for bet in bets if bet.url]
    reads = bool(cards) or (bool(links) and _reads_something(index, access))
    found: list[BestBet] = []
    for bet in bets:
        if bet.url and reads:
            found.append(BestBet(Reference("", bet.title, bet.url), external=True))
        elif card := cards.get(bet.document_id):
            found.append(BestBet(Reference(card.document_id, card.title, card.url), external=False))
    return tuple(dict.fromkeys(found))[:MOST_BETS]


def read_best_bets(lines: Sequence[str]) -> Read[tuple[Bet, ...]]:
    """The bets, and each line that is left out with the reason: nothing is guessed."""
    bets: list[Bet] = []
    faults: list[LineFault] = []
    for number, line in enumerate(lines, 1):
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        try:
            bets.append(_bet(line))
        except ValueError as error:
            faults.append(LineFault(number, str(error)))
    return Read(tuple(bets), tuple(faults))


def _bet(line: str) -> Bet:
    """Raises `ValueError` with the reason in French."""
    try:
        row = next(iter(csv.reader([line.strip()], delimiter=";", strict=True)), [])
    except csv.Error as error:
        raise ValueError("guillemets mal fermés") from error
    cells = [cell.strip() for cell in row]
    while cells and not cells[-1]:
        cells.pop()
    if not 2 <= len(cells) <= 3:
        raise ValueError("il faut une question, puis un document, ou une adresse et un titre")
    patterns = tuple(_terms(words) for words in cells[0].split("|"))
    if not all(patterns):
        raise ValueError("une question sans mot que l'on cherche")
    if len(cells) == 2:
        if web_address(cells[1]):
            raise ValueError("une adresse sans titre")
        return Bet(patterns, document_id=cells[1])
    if not web_address(cells[1]) or not cells[2]:
        raise ValueError("l'adresse n'est pas de la forme https://…, ou le titre manque")
    return Bet(patterns, url=cells[1], title=cells[2])


def _terms(words: str) -> frozenset[str]:
    return frozenset(term.term for term in asked(words))


def _reads_something(index: IndexReader, access: AccessFilter) -> bool:
    return index.search(SearchRequest(access, Question(), window=1, facets=())).total > 0
