"""A question's documents and people: `answer_question`; its people alone: `who_knows`.

The pages, the API, the embed widget and the command line show the values made here.
"""

from dataclasses import dataclass

from expertise.topics import Topic
from expertise.values import Window
from expertise.who_knows import Experts, find_experts
from indexer.access import Reader
from search_api.answers.context import AnswerContext, incomplete
from search_api.answers.correction import Correction, corrected_results
from search_api.answers.topics import RelatedTopics, related_topics, topic_to_go_on_from
from search_api.query_log.recording import experts_query, search_query
from search_api.questions.query import Query
from search_api.ranking.results import Results


@dataclass(frozen=True, slots=True)
class QuestionAnswer:
    """One page of documents, and who knows beside them where that was asked for.

    `query` is the wording answered: the `correction` where that is answered `instead` of what was
    typed. `related` says where to go on from where something was not found.
    """

    query: Query
    results: Results
    correction: Correction | None
    instead: bool
    experts: Experts
    related: RelatedTopics


@dataclass(frozen=True, slots=True)
class WhoKnows:
    """Who may know, and where to go on from where nobody is known.

    `nearest_topic` is named where no candidate is sure. `incomplete` names the authorities that
    did not answer: candidates and evidence may be missing.
    """

    question: str
    area: str
    experts: Experts
    nearest_topic: Topic | None
    related: RelatedTopics
    incomplete: tuple[str, ...]


def answer_question(
    context: AnswerContext,
    reader: Reader,
    query: Query,
    *,
    candidates: int = 0,
    as_typed: bool = False,
) -> QuestionAnswer:
    """Answer a question under a reader's rights, and note it in the query log.

    So many `candidates` at most stand beside the documents; 0 asks for none. Where no word of the
    question is found and its correction is, the correction is answered, unless `as_typed`.
    Parsed, encoded and searched once; a correction that is answered instead, once more. A page
    that facets, a person or dates narrow or order is another search than who knows.
    Raises `IndexUnreachable`.
    """
    today = context.today()
    found = corrected_results(
        context.search,
        context.people,
        query,
        reader,
        today,
        as_typed=as_typed,
        with_experts=candidates > 0,
    )
    results, text = found.results, found.query.text.strip()
    experts, related = Experts((), 0), RelatedTopics()
    if candidates:
        window = context.search.window(found.hits)
        experts = _experts(context, reader, window, text, limit=candidates)
        words = results.question.words  # what operators narrow names no topic
        if words.strip() and not (results.found and experts.candidates):
            related = related_topics(context, words, far=experts.far)
    # What was typed found nothing, where its correction answers.
    total = 0 if found.instead else results.found
    named = [one.agent.id for one in experts.candidates]
    context.query_log.note(
        search_query(reader, query.text, query.filters, query.page, total, query.order, named)
    )
    return QuestionAnswer(found.query, results, found.correction, found.instead, experts, related)


def who_knows(
    context: AnswerContext, reader: Reader, question: str, *, area: str = "", limit: int
) -> WhoKnows:
    """Who may know, under a reader's rights; noted in the query log.

    `area` narrows to a département (`22`) or a region (`r53`). Without a question, nobody.
    Raises `IndexUnreachable`.
    """
    window = context.search.window_of(question, reader)
    experts = _experts(context, reader, window, question, area=area, limit=limit)
    named = [one.agent.id for one in experts.candidates]
    context.query_log.note(experts_query(reader, question, area, named))
    related = RelatedTopics()
    if question.strip() and not experts.candidates:
        related = related_topics(context, question, far=experts.far)
    return WhoKnows(
        question=question.strip(),
        area=area,
        experts=experts,
        nearest_topic=topic_to_go_on_from(context, question, experts),
        related=related,
        incomplete=incomplete(reader),
    )


def _experts(
    context: AnswerContext,
    reader: Reader,
    window: Window,
    question: str,
    *,
    area: str = "",
    limit: int,
) -> Experts:
    return find_experts(
        window,
        question,
        context.people,
        context.today(),
        reader_id=reader.agent_id,
        area=area,
        limit=limit,
        names=context.people,
        build=context.overview,
    )
