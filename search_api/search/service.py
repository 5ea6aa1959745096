"""The answer to a question or its correction: documents and people, by the same search."""

import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from itertools import islice, product

from connectors.values import Agent
from expertise.answer_values import BuildStatus
from expertise.directory import SqlDirectory
from expertise.holders import stated_topics
from expertise.lookup import DirectoryMatches
from expertise.name_words import name_reach
from expertise.places import AskedPlace
from expertise.topics import Topic
from expertise.values import Candidate, DirectAnswerer, Window
from expertise.visibility import may_be_shown
from expertise.votes import counting_contributions
from expertise.who_knows import NEAR_ODDS, Experts, PeopleQuestion, find_experts
from indexer.access import Reader
from indexer.french.analysis import analyse, analyse_query, fold
from indexer.french.lexicon import is_french
from indexer.french.stop_words import ASKING_WORDS, STOP_WORDS
from indexer.suggestions import LONG_LETTERS, NEAR_WORDS, NearWord
from search_api.context import AnswerContext, incomplete
from search_api.documents.scans import recognised
from search_api.people.corrections import OwnPlace, own_place
from search_api.people.service import (
    CHOSEN_FROM,
    MOST_CARDS,
    PeopleAnswer,
    asked_instead,
    asker_of,
    named_by,
    nobody_in,
    people_answer,
)
from search_api.query.glossary import Definition
from search_api.query.query import Query, without_quotes
from search_api.query_log.recording import experts_query, search_query
from search_api.ranking.direct_answer import DirectAnswer, direct_answer
from search_api.ranking.results import Results
from search_api.search.engine import Retriever, Search, SearchHits
from search_api.topics.service import (
    RelatedTopics,
    related_topics,
    topic_to_go_on_from,
    whole_topic,
)
from search_api.verification.service import ShownVerification, verified, verified_documents

MOST_WORDS = 12
"""Longer questions, in words, are not corrected: they have enough words to be found by."""

TRIALS = 4
"""Maximum number of corrected wordings that are tried; each needs a search."""

LONGEST_ACRONYM = 5
"""Words of up to so many capitals are acronyms («CVAE»), not misspelt words."""

OWN_DOCUMENTS = 10
"""Number of first documents that the reader must have contributed to, to be told how others see
them: experts are ranked once more for that.
"""

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
class CorrectedResults:
    """A page, and the wording it answers: `query`, which is corrected if `instead` is true."""

    query: Query
    hits: SearchHits
    results: Results
    correction: Correction | None
    instead: bool = False


def corrected_results(
    search: Search,
    directory: SqlDirectory,
    query: Query,
    reader: Reader,
    today: date,
    *,
    as_typed: bool = False,
    with_experts: bool = False,
) -> CorrectedResults:
    """Answer a question, or directly its correction if none of its words is found.

    `as_typed`: never answer the correction. `with_experts`: the hits also serve to find experts.
    Raises `IndexUnreachable`.
    """
    hits = search.hits(query, reader, with_experts=with_experts)
    results = search.page(hits, today)
    if results.question.phrases and query.page == 1 and not results.results and not as_typed:
        unquoted = replace(query, text=without_quotes(query.text))
        hits = search.hits(unquoted, reader, with_experts=with_experts)
        others = search.page(hits, today)
        if others.results:
            plain = Correction(unquoted.text, others.found)
            return CorrectedResults(unquoted, hits, others, plain, instead=True)
    better = correction(search, directory, query, results, reader, today)
    if as_typed or better is None or not better.documents or _matched(results):
        return CorrectedResults(query, hits, results, better)
    instead = replace(query, text=better.text)
    hits = search.hits(instead, reader, with_experts=with_experts)
    return CorrectedResults(instead, hits, search.page(hits, today), better, instead=True)


def correction(
    search: Search,
    directory: SqlDirectory,
    query: Query,
    results: Results,
    reader: Reader,
    today: date,
) -> Correction | None:
    """Return a corrected wording if some words of a question are in no readable document.

    Words in titles and passages of the first page are known; only other words are looked up.
    Accents, plurals and endings are not errors, because the analysis ignores them. A spelling from
    documents is proposed only if one document contains all the words together: words that never
    occur together are not a plausible question.
    """
    words = _unmatched_words(results) if query.page == 1 else []
    if not words or reader.agent_id is None:
        return None
    ways = _spellings(
        search, directory, words, reader, today, _given_names(directory, query, today)
    )
    if ways is None:
        return None
    for text in _corrected_texts(query.text, ways):
        narrowed = Query(text, query.filters)
        found = len(search.rank(narrowed, reader, today, Retriever.LEXICAL))
        if any(may_be_shown(one.agent, today) for one in directory.named(text)):
            return Correction(text, found)
        if found and (_has_a_name(directory, text, today) or search.has_all_words(text, reader)):
            return Correction(text, found)
    return None


def _has_a_name(directory: SqlDirectory, text: str, today: date) -> bool:
    """Return whether a word is a name, a town or a service of the directory."""
    words = [fold(word.lower()) for word in _WORD.findall(text) if _says_something(word)]
    return any(near.slips == 0 for word in words for near in directory.near(word, today))


def _matched(results: Results) -> bool:
    return any(one.parts.lexical_rank is not None for one in results.results)


def _unmatched_words(results: Results) -> list[str]:
    """Return folded words of the question that are in no shown title or marked passage."""
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
    acronym = word.isupper() and len(word) <= LONGEST_ACRONYM
    return not little and not acronym and name_reach(fold(plain)) > 0


def _shown_texts(results: Results) -> Iterator[str]:
    for one in results.results:
        yield one.card.title
        for shown in one.passages:
            yield from (shown.passage.text[start:end] for start, end in shown.highlights)


def _read_texts(results: Results) -> Iterator[str]:
    """Yield the whole titles and passages of a page."""
    for one in results.results:
        yield one.card.title
        yield from (shown.passage.text for shown in one.passages)


def _spellings(
    search: Search,
    directory: SqlDirectory,
    words: Sequence[str],
    reader: Reader,
    today: date,
    names: Collection[str],
) -> dict[str, list[str]] | None:
    """Return near words for each word that no readable document nor the directory has, best first.

    A French word stays as it is: it is no slip, even if no document has it. For `names`, only near
    words of the directory. None if a word has no near word and is nobody's métier or skill: the
    question is then in another language, or on another subject.
    """
    ways: dict[str, list[str]] = {}
    for word, read in search.near_words(words, reader).items():
        if word not in names and is_french(word):
            continue
        said = directory.near(word, today)
        if any(near.slips == 0 for near in said):
            continue
        read = () if word in names else tuple(one for one in read if _is_likely_slip(word, one))
        order = sorted((*read, *said), key=lambda n: (n.slips, -n.documents, n.written))
        if not order and not directory.named(word):
            return None
        if order:
            ways[word] = list(dict.fromkeys(near.written for near in order))[:NEAR_WORDS]
    return ways


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


def _given_names(directory: SqlDirectory, query: Query, today: date) -> frozenset[str]:
    """Return capitalised words next to a word of the directory: they are names, not slips."""
    capital = [fold(word.lower()) for word in _WORD.findall(query.text) if word[0].isupper()]
    known = {word for word in capital if any(n.slips == 0 for n in directory.near(word, today))}
    return frozenset(capital) - known if known and len(capital) > 1 else frozenset()


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


@dataclass(frozen=True, slots=True)
class QuestionAnswer:
    """One page of documents, with experts if requested.

    `query`: the wording answered, which is the `correction` if `instead` is true. `people`: people
    to show above the documents. `topics`: topics that the question names. `related`: topics to
    continue with if something was not found. `direct`: sentences that answer, if sure.
    `definitions`: of the expression that the question asks about. By document id: `verified`, an
    author's statement on its present text; `ask_instead`, agents to ask if no author is in post and
    may be named;
    `recognised`, confidence (0 to 100) of a scan's text. `own`: the reader's own place among the
    experts, shown to the reader only.
    """

    query: Query
    results: Results
    correction: Correction | None
    instead: bool
    experts: Experts
    people: PeopleAnswer
    topics: tuple[Topic, ...]
    related: RelatedTopics
    direct: DirectAnswer | None = None
    ask_instead: Mapping[str, tuple[Agent, ...]] = field(default_factory=dict)
    verified: Mapping[str, ShownVerification] = field(default_factory=dict)
    recognised: Mapping[str, int] = field(default_factory=dict)
    own: OwnPlace | None = None
    definitions: tuple[Definition, ...] = ()


@dataclass(frozen=True, slots=True)
class WhoKnows:
    """Agents who may know, and topics to continue with if nobody is known.

    `question`: the wording answered, which is the `correction` if `instead` is true.
    `nearest_topic` is set if no candidate is sure. `oneself`: the reader, if the question names
    them. `incomplete` names the authorities that did not answer: candidates and evidence may be
    missing. `documents_answer`: a readable document is expected to answer. `own`: the reader's own
    place among the experts, shown to the reader only. `topics`: topics that the question names.
    """

    question: str
    correction: Correction | None
    instead: bool
    area: str
    experts: Experts
    matches: DirectoryMatches
    oneself: Agent | None
    nearest_topic: Topic | None
    related: RelatedTopics
    incomplete: tuple[str, ...]
    documents_answer: bool
    own: OwnPlace | None = None
    topics: tuple[Topic, ...] = ()

    @property
    def people(self) -> tuple[Agent, ...]:
        """Named agents, then known experts, then agents found only in the directory, each once."""
        experts = self.experts
        found = (*experts.named, *experts.known, *experts.stated)
        return tuple({one.agent.id: one.agent for one in found}.values())

    @property
    def nobody_in(self) -> AskedPlace | None:
        """The place that the question names, if none of the people works there."""
        return nobody_in(self.matches, self.people)


def answer_question(
    context: AnswerContext,
    reader: Reader,
    query: Query,
    *,
    candidates: int = 0,
    as_typed: bool = False,
    with_own: bool = False,
) -> QuestionAnswer:
    """Answer a question under a reader's rights.

    At most `candidates` people have a card; 0 for none. If no word of the question is found but its
    correction is, the correction is answered, unless `as_typed`. The query is parsed, encoded and
    searched once, and once more for an answered correction. Experts need another search if facets,
    a person or dates narrow or order the page. `with_own`: also return the reader's own place.
    Raises `IndexUnreachable`.
    """
    if query.verified:
        query = replace(query, only=verified_documents(context))
    searched = _search(context, reader, query, as_typed=as_typed, with_experts=candidates > 0)
    found, matches, asker = searched.found, searched.matches, searched.asker
    results, text = found.results, found.query.text.strip()
    experts, related = Experts((), 0), RelatedTopics()
    window = context.search.window(found.hits) if candidates else Window(())
    if candidates or matches.people:
        limit = CHOSEN_FROM if candidates else 0
        experts = _experts(context, reader, searched, window, limit=limit)
    first = [one.card.document_id for one in results.results]
    answered = _answerer(searched.direct)
    people = people_answer(experts, matches, asker, first, answered, candidates or MOST_CARDS)
    words = results.question.words  # values of operators name no topic
    if candidates and words.strip() and not (results.found and people.cards):
        related = related_topics(context, words, far=experts.far)
    # If the correction is answered, the typed query found nothing.
    total = 0 if found.instead else results.found
    # People named in the question, and the asker, are not proposed.
    named = [one.candidate.agent.id for one in people.cards if one.proposed]
    context.query_log.note(
        search_query(reader, query.text, query.filters, query.page, total, query.order, named)
    )
    return QuestionAnswer(
        found.query,
        results,
        found.correction,
        found.instead,
        experts,
        people,
        searched.topics,
        related,
        searched.direct,
        asked_instead(context, asker, results.results, text),
        verified(context, first),
        recognised(context, first),
        _own(context, reader, searched, window) if with_own else None,
        _definitions(context, found.query),
    )


def known_acronyms(context: AnswerContext) -> Mapping[str, str]:
    """Return what each acronym of the glossary stands for."""
    return context.search.glossary.now().acronyms


def _definitions(context: AnswerContext, query: Query) -> tuple[Definition, ...]:
    if query.page > 1 or query.filters:
        return ()
    return context.search.glossary.now().definitions(query.text)


def _direct(results: Results, matches: DirectoryMatches, today: date) -> DirectAnswer | None:
    """Return the sentences that answer, or None if the question only names somebody."""
    if matches.placed or (bool(matches.people) and matches.whole):
        return None
    return direct_answer(results, today)


def _answerer(direct: DirectAnswer | None) -> DirectAnswerer | None:
    """Return who wrote the direct answer, if its document counts for them."""
    if direct is None or direct.first.author.agent is None:
        return None
    agent, document_id = direct.first.author.agent, direct.first.card.document_id
    return None if document_id in agent.disowned else DirectAnswerer(agent.id, document_id)


def who_knows(
    context: AnswerContext,
    reader: Reader,
    question: str,
    *,
    area: str = "",
    limit: int,
    least: float = NEAR_ODDS,
    as_typed: bool = False,
    noted: bool = True,
    with_own: bool = False,
) -> WhoKnows:
    """Return the agents who may know, under a reader's rights; nobody without a question.

    The question is searched and corrected as in `answer_question`. `area`: only a département
    (`22`) or a region (`r53`). `least`: minimum log-odds of knowing for candidates by documents.
    `noted`: write the question and the people proposed to the query log. `with_own`: also return
    the reader's own place. Raises `IndexUnreachable`.
    """
    searched = _search(context, reader, Query(question), as_typed=as_typed, with_experts=True)
    found, matches, asker = searched.found, searched.matches, searched.asker
    window = context.search.window(found.hits)
    experts = _experts(context, reader, searched, window, area=area, limit=limit, least=least)
    if noted:
        proposed = dict.fromkeys(one.agent.id for one in (*experts.known, *experts.candidates))
        context.query_log.note(experts_query(reader, question, area, tuple(proposed)))
    text, related = found.query.text.strip(), RelatedTopics()
    if text and not experts.candidates:
        related = related_topics(context, text, far=experts.far)
    return WhoKnows(
        question=text,
        correction=found.correction,
        instead=found.instead,
        area=area,
        experts=experts,
        matches=matches,
        oneself=asker if asker and asker.id in matches.ids and matches.by_name else None,
        nearest_topic=topic_to_go_on_from(context, text, experts),
        related=related,
        incomplete=incomplete(reader),
        documents_answer=found.results.answered,
        own=_own(context, reader, searched, window) if with_own else None,
        topics=searched.topics,
    )


def people_beside(context: AnswerContext, reader: Reader, title: str, limit: int) -> Experts:
    """Return who may know what a document is about. Raises `IndexUnreachable`.

    Its title is not a question: it names no person or topic, needs no answer, and is not written to
    the query log.
    """
    return find_experts(
        context.search.window_of(title, reader),
        PeopleQuestion(title, reader_id=reader.agent_id),
        context.people,
        context.today(),
        limit=limit,
        build=context.overview,
    )


@dataclass(frozen=True, slots=True)
class _Searched:
    """Result of a question's search: documents, named people and topics, direct answer."""

    found: CorrectedResults
    asker: Agent | None
    matches: DirectoryMatches
    topics: tuple[Topic, ...]
    direct: DirectAnswer | None


def _search(
    context: AnswerContext, reader: Reader, query: Query, *, as_typed: bool, with_experts: bool
) -> _Searched:
    """Search a question, or its correction if none of its words is found."""
    today, asker = context.today(), asker_of(context, reader)
    found = corrected_results(
        context.search,
        context.people,
        query,
        reader,
        today,
        as_typed=as_typed,
        with_experts=with_experts,
    )
    results = found.results
    expansions = results.question.expansions
    matches = named_by(context, reader, asker, query.text, _read_texts(results), expansions)
    better = found.correction.text if found.correction else query.text
    if better != query.text and not matches.names_something:
        matches = named_by(context, reader, asker, better, _read_texts(results))
    words = results.question.words  # values of operators name no topic
    topics = related_topics(context, words, far=True).topics if words.strip() else ()
    if found.correction and not topics:
        topics = related_topics(context, better, far=True).topics
    return _Searched(found, asker, matches, topics, _direct(results, matches, today))


def _experts(
    context: AnswerContext,
    reader: Reader,
    searched: _Searched,
    window: Window,
    *,
    area: str = "",
    limit: int,
    least: float = NEAR_ODDS,
    to_others: bool = False,
) -> Experts:
    """Return the agents who may know the answer; with `to_others`, the reader among them.

    With a `limit` of 0, only people whom the question names. If operators leave no document,
    nobody. If a question only names a service in its place, only the directory answers: authors of
    documents near such words are not meant.
    """
    found, question = searched.found, searched.found.query.text.strip()
    place = searched.matches.place
    experts = find_experts(
        window,
        PeopleQuestion(
            question,
            reader_id=None if to_others else reader.agent_id,
            area=area,
            named=(*searched.matches.people, *searched.matches.others),
            direct=_answerer(searched.direct),
            documents_answer=found.results.answered,
            topics=[one.id for one in searched.topics],
            whole_topic=whole_topic(searched.topics, place.subject if place else question),
            place=place,
        ),
        context.people,
        context.today(),
        limit=limit,
        build=context.overview,
        least=least,
    )
    only_a_service = searched.matches.placed and not searched.matches.by_name
    if only_a_service:
        return replace(experts, candidates=(), beyond=0, stated=())
    if found.results.results or found.query.filters or found.hits.parsed.bylines:
        return experts
    return replace(experts, candidates=(), beyond=0)


def _own(
    context: AnswerContext, reader: Reader, searched: _Searched, window: Window
) -> OwnPlace | None:
    """Return the reader's own place among the experts, by documents that the reader may read."""
    asker = searched.asker
    named = searched.matches.by_name or searched.matches.placed
    if asker is None or named or not searched.found.query.text.strip():
        return None
    cards = [one.card for one in window.documents]
    accounts = context.people.accounts_of(asker.id)
    first = cards[:OWN_DOCUMENTS]
    counting = {row.account for card in first for row in counting_contributions(card)}
    build, stated = context.build(), frozenset[str]()
    if searched.topics and not isinstance(build, BuildStatus):
        stated = frozenset(stated_topics(asker, build.revalidation.names, context.today()))
    holds = not stated.isdisjoint(one.id for one in searched.topics)
    candidate: Candidate | None = None
    # Most readers are nowhere near: the second computation is for those who may be named.
    if holds or not counting.isdisjoint(accounts) or asker.id in searched.matches.ids:
        experts = _experts(context, reader, searched, window, limit=CHOSEN_FROM, to_others=True)
        shown = (*experts.known, *experts.stated)
        candidate = next((one for one in shown if one.agent.id == asker.id), None)
    near = [card for card in cards if card.document_id in asker.disowned]
    return own_place(context, asker, searched.topics, near, candidate)
