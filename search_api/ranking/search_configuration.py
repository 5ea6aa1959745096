"""The administrator's search settings: best bets, preferences, glossary, authors, order.

Best bets are shown above the results of a question. Each line of the file is `words of the
question;document id`, or `words;https://…;title`. Several questions are separated by `|`. A
question matches if it contains all the words.
"""

import csv
import logging
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from expertise.values import AssignedTopics
from indexer.access import AccessFilter
from indexer.french.analysis import analyse_query
from indexer.ports import IndexReader
from indexer.values import Question, SearchRequest, ShowRequest
from search_api.query.glossary import GlossaryFile, LineFault, ParsedFile, ReloadedFile
from search_api.query.parser import AccountsNamed
from search_api.ranking.fusion import ModelBars
from search_api.ranking.pinned import PinnedQuestion
from search_api.ranking.reranker import KeptOrder, Reranker
from search_api.ranking.reranking import RankingPreferences
from search_api.ranking.results import BestBet
from search_api.ranking.window import WindowOrder, fused_order
from search_api.wording import web_address

log = logging.getLogger(__name__)

MOST_BETS = 3
"""Number of best bets shown above one answer."""


@dataclass(frozen=True, slots=True)
class BestBetLine:
    """One line of the file; each of `patterns` is a set of terms.

    Either `url` and `title` are set, or `document_id`.
    """

    patterns: tuple[frozenset[str], ...]
    document_id: str = ""
    url: str = ""
    title: str = ""

    def means(self, terms: frozenset[str]) -> bool:
        """Return whether the terms contain all terms of a pattern."""
        return any(pattern <= terms for pattern in self.patterns)


class BestBetsFile(ReloadedFile[tuple[BestBetLine, ...]]):
    """The best bets in a file, read again when it changes; none without a file."""

    def __init__(self, path: Path | None = None) -> None:
        super().__init__(path, read_best_bets, (), "best_bets")

    def bets(self, question: Question) -> tuple[BestBetLine, ...]:
        """Return the best bets for a question, in the file's order."""
        terms = _terms(question.words)
        return tuple(bet for bet in self.now() if bet.means(terms)) if terms else ()


def shown_bets(
    bets: Sequence[BestBetLine], index: IndexReader, access: AccessFilter
) -> tuple[BestBet, ...]:
    """Return the best bets that this reader may see.

    These are documents that they may read, and links if they may read anything at all. Raises
    `IndexUnreachable`.
    """
    if not bets:
        return ()
    ids = tuple(dict.fromkeys(bet.document_id for bet in bets if bet.document_id))
    shown = index.show(ShowRequest(access, ids, Question())) if ids else ()
    cards = {one.card.document_id: one.card for one in shown}
    links = [bet for bet in bets if bet.url]
    reads = bool(cards) or (bool(links) and _can_read_anything(index, access))
    found: list[BestBet] = []
    for bet in bets:
        if bet.url and reads:
            found.append(BestBet("", bet.title, bet.url))
        elif card := cards.get(bet.document_id):
            found.append(BestBet(card.document_id, card.title, card.url))
    return tuple(dict.fromkeys(found))[:MOST_BETS]


def read_best_bets(lines: Sequence[str]) -> ParsedFile[tuple[BestBetLine, ...]]:
    """Return the best bets, and each invalid line with the reason; nothing is guessed."""
    bets: list[BestBetLine] = []
    faults: list[LineFault] = []
    for number, line in enumerate(lines, 1):
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        try:
            bets.append(_bet(line))
        except ValueError as error:
            faults.append(LineFault(number, str(error)))
    return ParsedFile(tuple(bets), tuple(faults))


def _bet(line: str) -> BestBetLine:
    """Parse a line. Raises `ValueError` with the reason in French."""
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
        return BestBetLine(patterns, document_id=cells[1])
    if not web_address(cells[1]) or not cells[2]:
        raise ValueError("l'adresse n'est pas de la forme https://…, ou le titre manque")
    return BestBetLine(patterns, url=cells[1], title=cells[2])


def _terms(words: str) -> frozenset[str]:
    return frozenset(term.term for term in analyse_query(words))


def _can_read_anything(index: IndexReader, access: AccessFilter) -> bool:
    return index.search(SearchRequest(access, Question(), window=1, facets=())).total > 0


@dataclass(frozen=True, slots=True)
class SearchConfiguration:
    """Authors, glossary, best bets, preferences and order of a site; each has a default.

    `order` orders the fused window of a question that has a vector. `bars` are thresholds measured
    for the encoder on this site; with None, those known by its name are used. `reranker` rereads
    the first documents. `topics` are those of the last build, or None.
    `pinned` reads the pinned questions.
    """

    authors: AccountsNamed = lambda words: ()
    glossary: GlossaryFile = field(default_factory=GlossaryFile)
    best_bets: BestBetsFile = field(default_factory=BestBetsFile)
    preferences: RankingPreferences = field(default_factory=RankingPreferences)
    bars: ModelBars | None = None
    reranker: Reranker = field(default_factory=KeptOrder)
    topics: AssignedTopics | None = None
    order: WindowOrder = fused_order
    pinned: Callable[[], Iterable[PinnedQuestion]] = tuple
