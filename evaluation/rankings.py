"""Evaluate the ranking of documents (`evaluate_search`) and of experts (`evaluate_experts`)."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date

from evaluation.assignment import Assignment, topics_in_row
from evaluation.corpora import ExpertSet, JudgedQuery, SearchSet
from evaluation.measures import CUT, EXPERT_MEASURES, SEARCH_MEASURES, Run
from evaluation.reports import Report, make_report
from evaluation.scratch import (
    Bench,
    Scratch,
    evaluation_reader,
    judged_id,
    open_scratch,
    rank_by_popularity,
)
from evaluation.voting_models import VOTING_MODELS, VotingModel
from expertise.assignment import topic_vectors
from expertise.build import all_documents
from expertise.topics import Topic
from expertise.values import TopicHolders, TopicsOf
from expertise.who_knows import NO_BAR, PeopleQuestion, find_experts
from search_api.engine import Retriever
from search_api.query.query import Query


def evaluate_search(judged: SearchSet, bench: Bench, retrievers: Sequence[Retriever]) -> Report:
    """Index the set with the pipeline, ask each question as a page does, and judge the answers.

    If documents have expected questions, also without them: `hybrid` and `hybrid-expected`. Raises
    `IndexUnreachable` or `IndexRefused`.
    """
    alone = replace(judged, documents=tuple(replace(one, questions=()) for one in judged.documents))
    expecting = any(one.questions for one in judged.documents)
    runs, by = {}, ""
    for suffix, documents in (("", alone), ("-expected", judged))[: 1 + expecting]:
        with open_scratch(bench, documents) as scratch:
            by = scratch.encoder.name
            for retriever in retrievers:
                run = _search_run(documents, bench, scratch, retriever)
                runs[retriever.value + suffix] = run
    if bench.reranker.name:
        by += f" + {bench.reranker.name.partition('/')[0]}"
    return make_report(judged, bench, by, SEARCH_MEASURES, runs)


def _search_run(judged: SearchSet, bench: Bench, scratch: Scratch, retriever: Retriever) -> Run:
    today = date.today()

    def ask(query: JudgedQuery) -> list[str]:
        hits = scratch.search.rank(Query(query.text), evaluation_reader(query), today, retriever)
        return [judged_id(hit.document_id) for hit in hits[:CUT]]

    answers = bench.each(ask, judged.queries)
    return {query.id: ids for query, ids in zip(judged.queries, answers, strict=True)}


@dataclass(frozen=True, slots=True)
class SetTopics:
    """An `AssignedTopics` of the documents of one set."""

    all: Mapping[str, Sequence[tuple[str, float]]]

    def topics_of(self, document_ids: Collection[str], today: date) -> TopicsOf:
        """Return the topics of the documents that have any, whatever the day."""
        return {
            document_id: self.all[document_id]
            for document_id in document_ids
            if document_id in self.all
        }

    def shown_on(self, topic_id: str, today: date) -> frozenset[str]:
        """Return the empty set: a judged set has no topic pages."""
        return frozenset()

    def holders_of(self, topic_ids: Sequence[str], today: date) -> TopicHolders:
        """Return no holders: a judged set has no topic pages."""
        return TopicHolders()


def assigned_topics(scratch: Scratch, topics: Sequence[Topic]) -> SetTopics:
    """Assign topics to all documents, while a build only takes those that everybody may read.

    In a judged set, each question hides only a few documents, whose topics it never uses. Raises
    `IndexUnreachable`.
    """
    assignment = Assignment(topics, topic_vectors(topics, scratch.encoder))
    ids = []
    for document in all_documents(scratch.index):
        assignment.add(document)
        ids.append(document.document.id)
    found, names = assignment.confidences(), [topic.id for topic in topics]
    return SetTopics({id_: topics_in_row(found, n, names) for n, id_ in enumerate(ids)})


EXPERTS, POPULARITY = "experts", "popularity"


def evaluate_experts(
    judged: ExpertSet, bench: Bench, models: Sequence[VotingModel], topics: Sequence[Topic] = ()
) -> Report:
    """Index the set with the pipeline, ask who knows like a page, and judge the candidates.

    Every candidate gets votes; then only the candidates to rank are kept, in their order, even with
    weak evidence (see `quisait evaluate nobody`). Each voting model has a run, the first one named
    `experts`. Listed topics take part in the walk. A run by number of documents, which ignores the
    question, serves as baseline. Raises `IndexUnreachable` or `IndexRefused`.
    """
    with open_scratch(bench, judged) as scratch:
        names = [EXPERTS, *models[1:]]
        assigned = assigned_topics(scratch, topics) if topics else None
        runs = {
            **{
                name: _expert_run(judged, bench, scratch, model, assigned)
                for name, model in zip(names, models, strict=True)
            },
            POPULARITY: {query.id: rank_by_popularity(judged, query) for query in judged.queries},
        }
        return make_report(judged, bench, scratch.encoder.name, EXPERT_MEASURES, runs)


def _expert_run(
    judged: ExpertSet,
    bench: Bench,
    scratch: Scratch,
    voting: VotingModel,
    assigned: SetTopics | None,
) -> Run:
    today = date.today()

    def ask(query: JudgedQuery) -> list[str]:
        reader = evaluation_reader(query)
        found = find_experts(
            scratch.search.window_of(query.text, reader),
            PeopleQuestion(
                query.text, reader_id=reader.agent_id, limit=len(judged.candidates), least=NO_BAR
            ),
            scratch.book,
            today,
            build=assigned,
            sum_votes=VOTING_MODELS.get(voting),
        )
        ids = [candidate.agent.id for candidate in found.ranked]
        return [candidate for candidate in ids if candidate in judged.ranked]

    answers = bench.each(ask, judged.queries)
    return {query.id: ids for query, ids in zip(judged.queries, answers, strict=True)}
