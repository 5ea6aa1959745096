"""Correct the words of a question that no document of the reader has."""

import re
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from itertools import islice, product

from expertise.directory import SqlDirectory
from expertise.name_words import name_reach
from expertise.names import asked_words
from expertise.topics import Topic
from expertise.visibility import may_be_shown
from indexer.access import Reader
from indexer.french.analysis import all_terms, analyse_query, fold, terms
from indexer.french.lexicon import is_french
from indexer.french.stop_words import ASKING_WORDS, STOP_WORDS
from indexer.suggestions import LONG_LETTERS, NEAR_WORDS, NearWord
from search_api.engine import Retriever, Search, SearchHits
from search_api.query.query import Query, without_quotes
from search_api.ranking.results import Results

MOST_WORDS = 12
"""Longer questions, in words, are not corrected: they have enough words to be found by."""

TRIALS = 4
"""Maximum number of corrected wordings that are tried; each needs a search."""

LONGEST_ACRONYM = 5
"""Words of up to so many capitals are acronyms («CVAE»), not misspelt words."""

SURE_LETTERS = 3
"""Number of first letters that must be right in a word with two slips."""

_WORD = re.compile(r"[^\W\d_]+")
_EXCLUDING = re.compile(r"(?:^|\s)-$")


@dataclass(frozen=True, slots=True)
class Correction:
    """A corrected wording, and how many documents (at most W) it finds by its words."""

    text: str
    documents: int


@dataclass(frozen=True, slots=True)
class Corrector:
    """Searches a question or its correction on a day.

    Words of the directory and of the labels of `topics` are never replaced.
    """

    search: Search
    directory: SqlDirectory
    topics: Callable[[], Iterable[Topic]]
    today: date

    def answered(
        self, query: Query, reader: Reader, *, with_experts: bool = False
    ) -> tuple[SearchHits, Results, Correction | None]:
        """Search a question, or its correction at once if none of its words is found.

        Return the hits of the wording that was answered (`SearchHits.query`), their page, and the
        correction if there is one. `with_experts`: the hits also serve to find experts. Raises
        `IndexUnreachable`.
        """

        def searched(query: Query) -> tuple[SearchHits, Results]:
            hits = self.search.hits(query, reader, with_experts=with_experts)
            return hits, self.search.page(hits, self.today)

        hits, results = searched(query)
        if query.as_typed:
            return hits, results, self._correction(query, results, reader)
        if results.question.phrases and query.page == 1 and not results.results:
            others, page = searched(replace(query, text=without_quotes(query.text)))
            if page.results:
                return others, page, Correction(others.query.text, page.found)
        better = self._correction(query, results, reader)
        if better is None or not better.documents or _matched(results):
            return hits, results, better
        return *searched(replace(query, text=better.text)), better

    def _correction(self, query: Query, results: Results, reader: Reader) -> Correction | None:
        """Return a corrected wording if some words of a question are in no readable document.

        Words in titles and passages of the first page are known; only other words are looked up.
        Accents, plurals and endings are not errors, because the analysis ignores them. A spelling
        from documents is proposed only if one document contains all the words together: words that
        never occur together are not a plausible question.
        """
        words = _unmatched_words(results) if query.page == 1 else []
        if not words or reader.agent_id is None:
            return None
        labels = (label for topic in self.topics() for label in topic.labels)
        listed = {term for label in labels for term in terms(label)}
        words = [word for word in words if listed.isdisjoint(terms(word))]
        ways = self._spellings(words, reader, self._given_names(query))
        if ways is None:
            return None
        for text in _corrected_texts(query.text, ways):
            if text == query.text:
                continue
            narrowed = Query(text, query.filters)
            found = len(self.search.rank(narrowed, reader, self.today, Retriever.LEXICAL))
            if any(may_be_shown(one.agent, self.today) for one in self.directory.named(text)):
                return Correction(text, found)
            if found and (self._has_a_name(text) or self.search.has_all_words(text, reader)):
                return Correction(text, found)
        return None

    def _spellings(
        self, words: Sequence[str], reader: Reader, names: Collection[str]
    ) -> dict[str, list[str]] | None:
        """Return near words for each word that neither a readable document nor the directory has.

        The best near words come first. A French word is left out: it is no slip, even if no
        document has it. For `names`, only words of the directory are near. None if a word has no
        near word and is nobody's métier or skill: the question is then in another language, or on
        another subject.
        """
        ways: dict[str, list[str]] = {}
        for word, read in self.search.near_words(words, reader).items():
            if word not in names and is_french(word):
                continue
            listed = self.directory.near(word, self.today)
            if any(near.slips == 0 for near in listed) or self._is_of_an_entry(word):
                continue
            likely = [near for near in read if word not in names and _is_likely_slip(word, near)]
            order = sorted((*likely, *listed), key=lambda n: (n.slips, -n.documents, n.written))
            if not order:
                return None
            ways[word] = list(dict.fromkeys(near.written for near in order))[:NEAR_WORDS]
        return ways

    def _has_a_name(self, text: str) -> bool:
        """Return whether a word is a name, a town or a service of the directory."""
        words = [fold(word.lower()) for word in _WORD.findall(text) if _says_something(word)]
        return any(map(self._is_listed, words))

    def _given_names(self, query: Query) -> frozenset[str]:
        """Return capitalised words next to a word of the directory: they are names, not slips."""
        words = _WORD.findall(query.text)
        capital = [fold(word.lower()) for word in words if word[0].isupper()]
        known = set(filter(self._is_listed, capital))
        return frozenset(capital) - known if known and len(capital) > 1 else frozenset()

    def _is_listed(self, word: str) -> bool:
        return any(near.slips == 0 for near in self.directory.near(word, self.today))

    def _is_of_an_entry(self, word: str) -> bool:
        """Return whether the word is in a métier, a skill or a service of the directory."""
        words = asked_words(word)
        return bool(words) and self.directory.entries_with(words, self.today) != ()


def _matched(results: Results) -> bool:
    return any(one.parts.lexical_rank is not None for one in results.results)


def _unmatched_words(results: Results) -> list[str]:
    """Return folded words of the question that are in no shown title or marked passage."""
    question = results.question
    written = _WORD.findall(" ".join((question.text, *question.phrases)))
    if len(written) > MOST_WORDS:
        return []
    shown = (text for one in results.results for text in (one.card.title, *one.marked))
    seen = frozenset().union(*map(all_terms, shown))
    words = dict.fromkeys(fold(word.lower()) for word in written if _says_something(word))
    return [word for word in words if seen.isdisjoint(found.term for found in analyse_query(word))]


def _says_something(word: str) -> bool:
    plain = word.lower()
    little = plain in STOP_WORDS or plain in ASKING_WORDS
    acronym = word.isupper() and len(word) <= LONGEST_ACRONYM
    return not little and not acronym and name_reach(fold(plain)) > 0


def _is_likely_slip(word: str, near: NearWord) -> bool:
    """Return whether a person who meant the near word may have typed this word.

    A short word must keep its first letter («help» is not «PELP», «tarte» not «carte»). If two
    letters differ, the first three must be the same («expulsion» is not «exclusion»), and both
    letters must not be left out or added («enterrée» is not «entrée»).
    """
    other = fold(near.written)
    if near.slips > 1 and abs(len(word) - len(other)) > 1:
        return False
    kept = 1 if near.slips < 2 else SURE_LETTERS
    return word[:kept] == other[:kept] or (len(word) >= LONG_LETTERS and near.slips < 2)


def _corrected_texts(typed: str, ways: Mapping[str, Sequence[str]]) -> Iterator[str]:
    """Yield the typed text with each misspelt word replaced, best first."""
    choices = islice(product(*ways.values()), TRIALS) if ways else ()
    for chosen in choices:
        instead = dict(zip(ways, chosen, strict=True))
        yield _WORD.sub(lambda match, instead=instead: _replaced(match, instead), typed)  # type: ignore[misc]


def _replaced(match: re.Match[str], instead: Mapping[str, str]) -> str:
    """Return a replacement of a word, unless it is excluded or names a field."""
    word, text = match[0], match.string
    written = instead.get(fold(word.lower()))
    bound = text[match.end() :].startswith(":") or _EXCLUDING.search(text, 0, match.start())
    if written is None or bound:
        return word
    if word.isupper():
        return written.upper()
    return written.capitalize() if word[0].isupper() else written
