"""The answer to a question or its correction: documents and people, by the same search."""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field, replace

from connectors.values import Agent
from expertise.answer_values import BuildStatus
from expertise.holders import stated_topics
from expertise.lookup import DirectoryMatches
from expertise.places import AskedPlace
from expertise.topics import Topic
from expertise.values import Candidate, DirectAnswerer, Window
from expertise.votes import counting_contributions
from expertise.who_knows import NEAR_ODDS, Experts, PeopleQuestion, find_experts
from indexer.access import Reader
from search_api.context import AnswerContext
from search_api.engine import SearchHits
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
from search_api.query.query import Query
from search_api.query_log.recording import experts_query, search_query
from search_api.ranking.results import DirectAnswer, Results
from search_api.search.correction import Correction, Corrector
from search_api.topics.isolation import known_area
from search_api.topics.service import (
    RelatedTopics,
    related_topics,
    topic_to_go_on_from,
    whole_topic,
)
from search_api.verification.service import ShownVerification, verified, verified_documents

OWN_DOCUMENTS = 10
"""Number of first documents: the reader's own place is computed if they contributed to one of them,
because experts must be ranked once more for it.
"""


@dataclass(frozen=True, slots=True)
class Basis:
    """What decides who knows: hits, first page and direct answer of the question alone.

    They are the same however the page is filtered, widened, ordered or turned. `text` is the
    question without the operators that narrow it.
    """

    hits: SearchHits
    results: Results
    direct: DirectAnswer | None
    text: str


@dataclass(frozen=True, slots=True)
class QuestionAnswer:
    """The answer to a question: one page of documents, and people if requested.

    Found by the search: its `hits` and `results`; the `basis` of who knows; a `correction` of the
    wording; `asker`, the reader's entry in the directory; `matches`, the people, services and
    places that the question names; `topics` that it names; `direct`, sentences that answer, if
    sure.

    People: `experts` who may know, found by the documents of the `window`; `people`, the cards
    above the documents. `related`: topics to continue with if something was not found;
    `nearest_topic`, if no candidate is sure.

    Beside the documents, by id: `verified`, an author's statement on the present text;
    `ask_instead`, agents to ask if no author is in post and may be named; `recognised`, confidence
    (0 to 100) of a scan's text. `definitions`: of the expression that the question asks about.
    """

    hits: SearchHits
    results: Results
    basis: Basis
    correction: Correction | None
    asker: Agent | None
    matches: DirectoryMatches
    topics: tuple[Topic, ...]
    direct: DirectAnswer | None
    window: Window
    experts: Experts = field(default_factory=Experts)
    people: PeopleAnswer = field(default_factory=PeopleAnswer)
    related: RelatedTopics = field(default_factory=RelatedTopics)
    nearest_topic: Topic | None = None
    ask_instead: Mapping[str, tuple[Agent, ...]] = field(default_factory=dict)
    verified: Mapping[str, ShownVerification] = field(default_factory=dict)
    recognised: Mapping[str, int] = field(default_factory=dict)
    definitions: tuple[Definition, ...] = ()

    @property
    def text(self) -> str:
        """The wording that was answered."""
        return self.hits.query.text.strip()

    @property
    def instead(self) -> bool:
        """Whether the correction was answered instead of the typed wording."""
        return self.correction is not None and self.hits.query.text == self.correction.text

    @property
    def oneself(self) -> Agent | None:
        """The reader, if the question names them."""
        named = self.asker and self.asker.id in self.matches.ids and self.matches.by_name
        return self.asker if named else None

    @property
    def nobody_in(self) -> AskedPlace | None:
        """The place that the question names, if none of the experts works there."""
        return nobody_in(self.matches, self.experts.people)


def answer_question(
    context: AnswerContext,
    reader: Reader,
    query: Query,
    *,
    candidates: int = 0,
) -> QuestionAnswer:
    """Answer a question under a reader's rights.

    At most `candidates` people have a card; 0 for none. If no word of the question is found but its
    correction is, the correction is answered, unless `query.as_typed`. The query is parsed, encoded
    and searched once, and once more for an answered correction. Experts need another search if
    facets, a person or dates narrow or order the page. Raises `IndexUnreachable`.
    """
    if query.verified:
        query = replace(query, only=verified_documents(context))
    found = _search(context, reader, query, with_experts=candidates > 0)
    results, experts = found.results, found.experts
    if candidates or found.matches.people:
        experts = _experts(context, found, reader.agent_id, limit=CHOSEN_FROM if candidates else 0)
    first = [one.card.document_id for one in results.results]
    answered, limit = _answerer(found.basis.direct), candidates or MOST_CARDS
    first_alone = [one.card.document_id for one in found.basis.results.results]
    people = people_answer(experts, found.matches, found.asker, first_alone, answered, limit)
    related, words = found.related, results.question.words  # values of operators name no topic
    if candidates and words.strip() and not (results.found and people.cards):
        related = related_topics(context, words, far=experts.far)
    # If the correction is answered, the typed query found nothing.
    total = 0 if found.instead else results.found
    # People named in the question, and the asker, are not proposed.
    named = [one.candidate.agent.id for one in people.cards if one.proposed]
    context.query_log.note(search_query(reader, query, total, named))
    return replace(
        found,
        experts=experts,
        people=people,
        related=related,
        ask_instead=asked_instead(context, found.asker, results.results, found.text),
        verified=verified(context, first),
        recognised=recognised(context, first),
        definitions=_definitions(context, found.hits.query),
    )


def _definitions(context: AnswerContext, query: Query) -> tuple[Definition, ...]:
    if query.page > 1 or query.filters:
        return ()
    return context.search.glossary.now().definitions(query.text)


def _names_only(matches: DirectoryMatches) -> bool:
    """Return whether a question only names somebody, or a service at its place."""
    return matches.placed or (bool(matches.people) and matches.whole)


def _answerer(direct: DirectAnswer | None) -> DirectAnswerer | None:
    """Return who wrote the direct answer, if its document counts for them."""
    if direct is None or direct.first.author.agent is None:
        return None
    agent, document_id = direct.first.author.agent, direct.first.card.document_id
    return None if document_id in agent.disowned else DirectAnswerer(agent.id, document_id)


def who_knows(
    context: AnswerContext,
    reader: Reader,
    query: Query,
    *,
    area: str = "",
    limit: int,
) -> QuestionAnswer:
    """Return what `who_may_know` does, and write it to the query log."""
    found = who_may_know(context, reader, query, area=area, limit=limit)
    proposed = tuple(one.agent.id for one in found.experts.known)
    context.query_log.note(experts_query(reader, query.text, area, proposed))
    return found


def who_may_know(
    context: AnswerContext,
    reader: Reader,
    query: Query,
    *,
    area: str = "",
    limit: int,
    least: float = NEAR_ODDS,
) -> QuestionAnswer:
    """Return the agents who may know, under a reader's rights; nobody without a question.

    The question is searched and corrected as in `answer_question`. `area`: only a département
    (`22`) or a region (`r53`). `least`: minimum log-odds of knowing for candidates by documents.
    Raises `InvalidParameter` for an unknown area, `IndexUnreachable`.
    """
    known_area(area)
    found = _search(context, reader, query, with_experts=True)
    experts = _experts(context, found, reader.agent_id, area=area, limit=limit, least=least)
    related = found.related
    if found.text and not experts.ranked:
        related = related_topics(context, found.text, far=experts.far)
    return replace(
        found,
        experts=experts,
        related=related,
        nearest_topic=topic_to_go_on_from(context, found.text, experts),
    )


def recognised(context: AnswerContext, document_ids: Collection[str]) -> Mapping[str, int]:
    """Return the confidence, from 0 to 100, by id of readable documents that are scans.

    The confidence is the mean of Tesseract's confidence in each word, weighted by the word's
    length.
    """
    return context.scans.confidences(document_ids) if context.scans else {}


def experts_to_ask(context: AnswerContext, reader: Reader, question: str) -> Experts:
    """Return who may know the answer to a question, which is not written to the query log."""
    return who_may_know(context, reader, Query(question), limit=CHOSEN_FROM).experts


def people_beside(context: AnswerContext, reader: Reader, title: str, limit: int) -> Experts:
    """Return who may know what a document is about. Raises `IndexUnreachable`.

    Its title is not a question: it names no person or topic, needs no answer, and is not written to
    the query log.
    """
    return find_experts(
        context.search.window_of(title, reader),
        PeopleQuestion(title, reader_id=reader.agent_id, limit=limit),
        context.people,
        context.today(),
        build=context.overview,
    )


def _search(
    context: AnswerContext, reader: Reader, query: Query, *, with_experts: bool
) -> QuestionAnswer:
    """Search a question, or its correction if none of its words is found; without experts yet."""
    today, asker = context.today(), asker_of(context, reader)
    corrector = Corrector(context.search, context.people, lambda: context.topics().values(), today)
    hits, results, correction = corrector.answered(query, reader, with_experts=with_experts)
    # Experts need the question alone, and a widened page does not tell whether documents answer.
    alone = context.search.unnarrowed(hits) if with_experts or query.wide else hits
    first = results if alone is hits else context.search.page(alone, today)
    if query.wide:
        results = replace(results, answered=first.answered)
    expansions, text = results.question.expansions, _without_operators(hits)
    typed = text if hits.query.text == query.text else query.text
    matches = named_by(context, reader, asker, typed, _read_texts(first), expansions)
    better = correction.text if correction else query.text
    if better != query.text and not matches.names_something:
        matches = named_by(context, reader, asker, better, _read_texts(first))
    words = results.question.words  # values of operators name no topic
    topics = related_topics(context, words, far=True).topics if words.strip() else ()
    if correction and not topics:
        topics = related_topics(context, better, far=True).topics
    direct, alone_direct = (
        None if _names_only(matches) else page.direct for page in (results, first)
    )
    basis = Basis(alone, first, alone_direct, text)
    window = context.search.window(alone) if with_experts else Window(())
    return QuestionAnswer(hits, results, basis, correction, asker, matches, topics, direct, window)


def _without_operators(hits: SearchHits) -> str:
    """Return the query without excluded words and the operators that narrow it."""
    parsed = hits.parsed
    if parsed.narrowed or parsed.question.excluded:
        return parsed.question.words
    return hits.query.text.strip()


def _read_texts(results: Results) -> Iterator[str]:
    """Yield the whole titles and passages of a page."""
    for one in results.results:
        yield one.card.title
        yield from (shown.passage.text for shown in one.passages)


def _experts(
    context: AnswerContext,
    found: QuestionAnswer,
    reader_id: str | None,
    *,
    area: str = "",
    limit: int,
    least: float = NEAR_ODDS,
) -> Experts:
    """Return the agents who may know the answer, without the reader.

    With a `limit` of 0, returns only people whom the question names. Returns nobody if operators
    leave no document. If a question only names a service in its place, only the directory answers:
    authors of documents near such words are not meant.
    """
    matches, place = found.matches, found.matches.place
    experts = find_experts(
        found.window,
        PeopleQuestion(
            found.basis.text,
            reader_id=reader_id,
            area=area,
            named=(*matches.people, *matches.others),
            direct=_answerer(found.basis.direct),
            documents_answer=not found.basis.results.few,
            topics=[one.id for one in found.topics],
            whole_topic=whole_topic(found.topics, place.subject if place else found.basis.text),
            place=place,
            limit=limit,
            least=least,
        ),
        context.people,
        context.today(),
        build=context.overview,
    )
    if matches.placed and not matches.by_name:  # only a service
        return replace(experts, candidates=(), near=(), beyond=0, stated=())
    if found.basis.results.results or found.hits.query.filters or found.hits.parsed.bylines:
        return experts
    return replace(experts, candidates=(), near=(), beyond=0)


def place_of_asker(context: AnswerContext, found: QuestionAnswer) -> OwnPlace | None:
    """Return the reader's own place among the experts of an answer, to show to them alone.

    None if they are not found, or if the question names people. Raises `IndexUnreachable`.
    """
    asker = found.asker
    named = found.matches.by_name or found.matches.placed
    if asker is None or named or not found.text:
        return None
    cards = [one.card for one in found.window.documents]
    accounts = context.people.accounts_of(asker.id)
    first = cards[:OWN_DOCUMENTS]
    counting = {row.account for card in first for row in counting_contributions(card)}
    build, stated = context.build(), frozenset[str]()
    if found.topics and not isinstance(build, BuildStatus):
        stated = frozenset(stated_topics(asker, build.revalidation.names, context.today()))
    holds = not stated.isdisjoint(one.id for one in found.topics)
    candidate: Candidate | None = None
    # Rank again only for readers who may be found, since most readers are not.
    if holds or not counting.isdisjoint(accounts) or asker.id in found.matches.ids:
        experts = _experts(context, found, None, limit=CHOSEN_FROM)
        shown = (*experts.known, *experts.stated)
        candidate = next((one for one in shown if one.agent.id == asker.id), None)
    near = [card for card in cards if card.document_id in asker.disowned]
    return own_place(context, asker, found.topics, near, candidate)
