"""«Vouliez-vous dire»: a corrected query, of words that this reader may read. See `correction`.

Nothing here comes from an engine's suggester: near words are read from documents that the
reader may read and from the directory's present agents, and a correction is proposed only
where an ordinary search under the reader's rights finds something for it.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from itertools import islice, product
from typing import Protocol

from expertise.name_words import name_reach
from expertise.values import NameCompleter, NameMatcher
from expertise.visibility import may_be_shown
from indexer.access import Reader
from indexer.french.analysis import analyse, analyse_query, fold
from indexer.french.stop_words import ASKING_WORDS, STOP_WORDS
from indexer.suggestions import NEAR_WORDS
from search_api.questions.query import Query
from search_api.ranking.results import Results
from search_api.search import Retriever, Search, SearchHits

MOST_WORDS = 12
"""A longer question has words enough to be found by."""

TRIALS = 4
"""So many wordings are tried; each is a search."""

_WORD = re.compile(r"[^\W\d_]+")
_EXCLUDING = re.compile(r"(?:^|\s)-$")


class NameDirectory(NameMatcher, NameCompleter, Protocol):
    """The directory, as names are corrected by it."""


@dataclass(frozen=True, slots=True)
class Correction:
    """Another wording, and how many documents (at most W) it finds by its words."""

    text: str
    documents: int


@dataclass(frozen=True, slots=True)
class CorrectedResults:
    """A page, and the wording that it answers: `query`, `instead` of that which was typed."""

    query: Query
    hits: SearchHits
    results: Results
    correction: Correction | None
    instead: bool = False


def corrected_results(
    search: Search,
    directory: NameDirectory,
    query: Query,
    reader: Reader,
    today: date,
    *,
    as_typed: bool = False,
    with_experts: bool = False,
) -> CorrectedResults:
    """Answer a question, or its correction at once where no word of it is found.

    Whoever wants what they typed says `as_typed`; `with_experts`: the hits are those from which
    who knows is found, too.

    Raises `IndexUnreachable`.
    """
    hits = search.hits(query, reader, with_experts=with_experts)
    results = search.page(hits, today)
    better = correction(search, directory, query, results, reader, today)
    if as_typed or better is None or not better.documents or _matched(results):
        return CorrectedResults(query, hits, results, better)
    instead = replace(query, text=better.text)
    hits = search.hits(instead, reader, with_experts=with_experts)
    return CorrectedResults(instead, hits, search.page(hits, today), better, instead=True)


def correction(
    search: Search,
    directory: NameDirectory,
    query: Query,
    results: Results,
    reader: Reader,
    today: date,
) -> Correction | None:
    """Another wording of a question some words of which no readable document has.

    Words of the first page's titles and passages are known; only the others are asked
    for. Accents, plurals and endings are no slips: the analysis takes them for the same.
    """
    words = _unmatched_words(results) if query.page == 1 else []
    if not words or reader.agent_id is None:
        return None
    ways = _spellings(search, directory, words, reader, today)
    for text in _corrected_texts(query.text, ways):
        narrowed = Query(text, query.filters)
        found = len(search.rank(narrowed, reader, today, Retriever.LEXICAL))
        if found or any(may_be_shown(one.agent, today) for one in directory.named(text)):
            return Correction(text, found)
    return None


def _matched(results: Results) -> bool:
    return any(one.parts.lexical_rank is not None for one in results.results)


def _unmatched_words(results: Results) -> list[str]:
    """Folded words of the question that stand neither in a shown title nor marked in a passage."""
    question = results.question
    written = _WORD.findall(" ".join((question.text, *question.phrases)))
    if len(written) > MOST_WORDS:
        return []
    seen = {term for text in _shown_texts(results) for found in analyse(text) for term in found.all}
    words = dict.fromkeys(fold(word.lower()) for word in written if _says_something(word))
    return [word for word in words if seen.isdisjoint(found.term for found in analyse_query(word))]


def _says_something(word: str) -> bool:
    plain = word.lower()
    little = plain in STOP_WORDS or plain in ASKING_WORDS
    acronym = word.isupper() and len(word) <= len("CFE")
    return not little and not acronym and name_reach(fold(plain)) > 0


def _shown_texts(results: Results) -> Iterator[str]:
    for one in results.results:
        yield one.card.title
        for shown in one.passages:
            yield from (shown.passage.text[start:end] for start, end in shown.highlights)


def _spellings(
    search: Search, directory: NameDirectory, words: Sequence[str], reader: Reader, today: date
) -> dict[str, list[str]]:
    """Near words of each that neither a readable document nor the directory has, best first."""
    ways: dict[str, list[str]] = {}
    for word, read in search.near_words(words, reader).items():
        said = directory.near(word, today)
        if any(near.slips == 0 for near in said):
            continue
        order = sorted((*read, *said), key=lambda n: (n.slips, -n.documents, n.written))
        if order:
            ways[word] = list(dict.fromkeys(near.written for near in order))[:NEAR_WORDS]
    return ways


def _corrected_texts(typed: str, ways: Mapping[str, Sequence[str]]) -> Iterator[str]:
    """What was typed with each such word put otherwise, all else as it is; the best first."""
    choices = islice(product(*ways.values()), TRIALS) if ways else ()
    for chosen in choices:
        instead = dict(zip(ways, chosen, strict=True))
        yield _WORD.sub(lambda match, instead=instead: _replaced(match, instead), typed)  # type: ignore[misc]


def _replaced(match: re.Match[str], instead: Mapping[str, str]) -> str:
    """Put a word otherwise; what excludes it, or names a field, stays."""
    word, text = match[0], match.string
    written = instead.get(fold(word.lower()))
    bound = text[match.end() :].startswith(":") or _EXCLUDING.search(text, 0, match.start())
    if written is None or bound:
        return word
    if word.isupper():
        return written.upper()
    return written.capitalize() if word[0].isupper() else written
