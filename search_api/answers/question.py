"""The answer to a question: documents and people, by the same search; or a corrected one's."""

import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from itertools import islice, product
from typing import Protocol

from connectors.values import Agent
from expertise.answer_values import BuildStatus
from expertise.holders import stated_topics
from expertise.lookup import DirectoryMatches
from expertise.name_words import name_reach
from expertise.places import AskedPlace
from expertise.topics import Topic
from expertise.values import Candidate, DirectAnswerer, NameCompleter, NameMatcher, Window
from expertise.visibility import may_be_shown
from expertise.votes import counting_contributions
from expertise.who_knows import NEAR_ODDS, Experts, find_experts
from indexer.access import Reader
from indexer.french.analysis import analyse, analyse_query, fold
from indexer.french.stop_words import ASKING_WORDS, STOP_WORDS
from indexer.suggestions import LONG_LETTERS, NEAR_WORDS, NearWord
from search_api.answers.context import AnswerContext, incomplete
from search_api.answers.corrections import OwnPlace, own_place
from search_api.answers.people import (
    CHOSEN_FROM,
    MOST_CARDS,
    PeopleAnswer,
    asked_instead,
    asker_of,
    named_by,
    nobody_in,
    people_answer,
)
from search_api.answers.scans import recognised
from search_api.answers.topics import (
    RelatedTopics,
    related_topics,
    topic_to_go_on_from,
    whole_topic,
)
from search_api.answers.verification import ShownVerification, verified, verified_documents
from search_api.query_log.recording import experts_query, search_query
from search_api.questions.query import Query, without_quotes
from search_api.ranking.direct_answer import DirectAnswer, direct_answer
from search_api.ranking.results import Results
from search_api.search import Retriever, Search, SearchHits

MOST_WORDS = 12
"""A longer question has words enough to be found by."""

TRIALS = 4
"""So many wordings are tried; each is a search."""

LONGEST_ACRONYM = 5
"""Capitals of so many letters are an acronym («CVAE»), and no slip of another word."""

SURE_LETTERS = 3
"""So many first letters are right in a word with two slips."""

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
    directory: NameDirectory,
    query: Query,
    results: Results,
    reader: Reader,
    today: date,
) -> Correction | None:
    """Another wording of a question some words of which no readable document has.

    Words of the first page's titles and passages are known; only the others are asked
    for. Accents, plurals and endings are no slips: the analysis takes them for the same. What
    documents spell otherwise is proposed where one of them has all the words together: words
    that never meet are no question of somebody's.
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


def _has_a_name(directory: NameDirectory, text: str, today: date) -> bool:
    """Whether a word is one of the directory's: a name, a town, a service."""
    words = [fold(word.lower()) for word in _WORD.findall(text) if _says_something(word)]
    return any(near.slips == 0 for word in words for near in directory.near(word, today))


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
    acronym = word.isupper() and len(word) <= LONGEST_ACRONYM
    return not little and not acronym and name_reach(fold(plain)) > 0


def _shown_texts(results: Results) -> Iterator[str]:
    for one in results.results:
        yield one.card.title
        for shown in one.passages:
            yield from (shown.passage.text[start:end] for start, end in shown.highlights)


def _read_texts(results: Results) -> Iterator[str]:
    """Titles and passages of a page, whole."""
    for one in results.results:
        yield one.card.title
        yield from (shown.passage.text for shown in one.passages)


def _spellings(
    search: Search,
    directory: NameDirectory,
    words: Sequence[str],
    reader: Reader,
    today: date,
    names: Collection[str],
) -> dict[str, list[str]] | None:
    """Near words of each that neither a readable document nor the directory has, best first.

    Of `names` those of the directory alone. None where such a word has no near one, and is
    nobody's métier or skill: with it the question is of another language, or subject.
    """
    ways: dict[str, list[str]] = {}
    for word, read in search.near_words(words, reader).items():
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
    """Whether somebody who meant the other word may have typed this one.

    A short word keeps its first letter («help» is no «PELP», «tarte» no «carte»), and where two
    letters differ the first three are the same («expulsion» is no «exclusion») and not both were
    left out or added («enterrée» is no «entrée»).
    """
    other = fold(near.written)
    if near.slips > 1 and abs(len(word) - len(other)) > 1:
        return False
    kept = 1 if near.slips < 2 else SURE_LETTERS
    return word[:kept] == other[:kept] or (len(word) >= LONG_LETTERS and near.slips < 2)


def _given_names(directory: NameDirectory, query: Query, today: date) -> frozenset[str]:
    """Words with a capital beside a word of the directory: they are names, not slips."""
    capital = [fold(word.lower()) for word in _WORD.findall(query.text) if word[0].isupper()]
    known = {word for word in capital if any(n.slips == 0 for n in directory.near(word, today))}
    return frozenset(capital) - known if known and len(capital) > 1 else frozenset()


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


@dataclass(frozen=True, slots=True)
class QuestionAnswer:
    """One page of documents, and who knows beside them where that was asked for.

    `query` is the wording answered: the `correction` where that is answered `instead` of what was
    typed. `people` are those to show above the documents. `topics` are those that the question
    names; `related` says where to go on from where something was not found. `direct`: the
    sentences that answer, where one is sure. `verified`: by document id, what an author said of its
    text as it is. `ask_instead`: by document id, whom to ask where
    no author of it is in post and may be named. `recognised`: by document id, how sure (0 to 100)
    the text of a scan is. `own`: the reader's place among those who know, for their page alone.
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


@dataclass(frozen=True, slots=True)
class WhoKnows:
    """Who may know, and where to go on from where nobody is known.

    `question` is the wording answered: the `correction` if that is answered `instead` of what was
    typed. `nearest_topic` is named where no candidate is sure. `oneself` is the reader, where the
    question names them. `incomplete` names the authorities that did not answer: candidates and
    evidence may be missing. `documents_answer`: a document that the reader may read is expected to
    answer. `own`: the reader's place among those who know, for their page alone. `topics` are
    those that the question names.
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
        """Those who are named, who know and whom the directory alone tells, each list in order."""
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
    """Answer a question under a reader's rights, and note it in the query log.

    So many `candidates` at most have a card; 0 asks for none. Where no word of the
    question is found and its correction is, the correction is answered, unless `as_typed`.
    Parsed, encoded and searched once; a correction that is answered instead, once more. A page
    that facets, a person or dates narrow or order is another search than who knows. `with_own`:
    tell the reader's own place.
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
    words = results.question.words  # what operators narrow names no topic
    if candidates and words.strip() and not (results.found and people.cards):
        related = related_topics(context, words, far=experts.far)
    # What was typed found nothing, where its correction answers.
    total = 0 if found.instead else results.found
    # Who is called by name, or sees themselves, is not proposed to anybody.
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
    )


def _direct(results: Results, matches: DirectoryMatches, today: date) -> DirectAnswer | None:
    """Return the sentences that answer, or None if the question only names somebody."""
    if matches.placed or (bool(matches.people) and matches.whole):
        return None
    return direct_answer(results, today)


def _answerer(direct: DirectAnswer | None) -> DirectAnswerer | None:
    """Return who wrote the direct answer, if its document counts for them."""
    if direct is None or direct.author.agent is None:
        return None
    agent, document_id = direct.author.agent, direct.reference.document_id
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
    """Return who may know, under a reader's rights; nobody without a question.

    The question is searched and corrected as by `answer_question`. `area` narrows to a département
    (`22`) or a region (`r53`). Nobody is returned for what they wrote whose log-odds of knowing are
    below `least`. `noted`: write the question and the people proposed to the query log. `with_own`:
    tell the reader's own place.
    Raises `IndexUnreachable`.
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

    Its title asks nothing: no person or topic in it is meant, no answer is looked for, and nothing
    is written to the query log.
    """
    return find_experts(
        context.search.window_of(title, reader),
        title,
        context.people,
        context.today(),
        reader_id=reader.agent_id,
        limit=limit,
        build=context.overview,
    )


@dataclass(frozen=True, slots=True)
class _Searched:
    """What the search of a question found: documents, whom and what it names, the direct answer."""

    found: CorrectedResults
    asker: Agent | None
    matches: DirectoryMatches
    topics: tuple[Topic, ...]
    direct: DirectAnswer | None


def _search(
    context: AnswerContext, reader: Reader, query: Query, *, as_typed: bool, with_experts: bool
) -> _Searched:
    """Search a question, or its correction if no word of it is found. Raises `IndexUnreachable`."""
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
    words = results.question.words  # what operators narrow names no topic
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
    """Return who may know what was searched; with `to_others` the reader too, as others see them.

    With a `limit` of 0, only those whom the question names. Operators that leave no document leave
    nobody. A question that only names a service in its place is answered by the directory: who
    contributed to documents near such words is not meant.
    """
    found, question = searched.found, searched.found.query.text.strip()
    place = searched.matches.place
    experts = find_experts(
        window,
        question,
        context.people,
        context.today(),
        reader_id=None if to_others else reader.agent_id,
        area=area,
        limit=limit,
        names=searched.matches,
        build=context.overview,
        answered=_answerer(searched.direct),
        documents_answer=found.results.answered,
        asked_topics=[one.id for one in searched.topics],
        whole_topic=whole_topic(searched.topics, place.subject if place else question),
        least=least,
        place=place,
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
    """Return the reader's place among those who know, as far as they read the documents."""
    asker = searched.asker
    named = searched.matches.by_name or searched.matches.placed
    if asker is None or named or not searched.found.query.text.strip():
        return None
    cards = [one.card for one in window.documents]
    accounts = context.people.accounts_of(asker.id)
    counting = {row.account for card in cards for row in counting_contributions(card)}
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
