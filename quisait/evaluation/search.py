"""How well documents are found. Read `evaluate_search` first."""

from collections.abc import Sequence
from datetime import date

from quisait.evaluation.corpora import JudgedQuery, SearchSet
from quisait.evaluation.measures import CUT, SEARCH_MEASURES, Run
from quisait.evaluation.reports import Report, report_of
from quisait.evaluation.scratch import Bench, Scratch, open_scratch
from quisait.evaluation.source import judged_id, reader_of
from search_api.questions.query import Query
from search_api.search import Retriever


def evaluate_search(judged: SearchSet, bench: Bench, retrievers: Sequence[Retriever]) -> Report:
    """Index the set by the pipeline, ask each question as a page does, and judge the answers.

    Raises `IndexUnreachable` or `IndexRefused`.
    """
    with open_scratch(bench, judged) as scratch:
        runs = {
            retriever.value: _run(judged, bench, scratch, retriever) for retriever in retrievers
        }
        return report_of(judged, bench, scratch.encoder.name, SEARCH_MEASURES, runs)


def _run(judged: SearchSet, bench: Bench, scratch: Scratch, retriever: Retriever) -> Run:
    today = date.today()

    def ask(query: JudgedQuery) -> list[str]:
        hits = scratch.search.rank(Query(query.text), reader_of(query), today, retriever)
        return [judged_id(hit.document_id) for hit in hits[:CUT]]

    answers = bench.each(ask, judged.queries)
    return {query.id: ids for query, ids in zip(judged.queries, answers, strict=True)}
