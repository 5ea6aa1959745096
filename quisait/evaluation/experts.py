"""How well those who know are found. Read `evaluate_experts` first."""

from collections.abc import Sequence
from datetime import date

from expertise.confidence import NO_BAR
from expertise.find import find_experts
from expertise.topics import Topic
from expertise.voting import Voting
from quisait.evaluation.corpora import ExpertSet, JudgedQuery
from quisait.evaluation.measures import EXPERT_MEASURES, Run
from quisait.evaluation.reports import Report, report_of
from quisait.evaluation.scratch import Bench, Scratch, open_scratch
from quisait.evaluation.source import popularity, reader_of
from quisait.evaluation.topics import SetTopics, assigned_topics

EXPERTS, POPULARITY = "experts", "popularity"


def evaluate_experts(
    judged: ExpertSet, bench: Bench, models: Sequence[Voting], topics: Sequence[Topic] = ()
) -> Report:
    """Index the set by the pipeline, ask who knows as a page does, and judge the candidates.

    Every candidate gets their votes; those to rank are kept, in the order that they
    have, nobody held back for thin evidence (that is `quisait evaluate nobody`). Each model
    of voting has its run, the first one named `experts`. Where topics are listed, they
    take part in the walk. Beside them stands the number of documents, which knows no question.
    Raises `IndexUnreachable` or `IndexRefused`.
    """
    with open_scratch(bench, judged) as scratch:
        names = [EXPERTS, *models[1:]]
        assigned = assigned_topics(scratch, topics) if topics else None
        runs = {
            **{
                name: _run(judged, bench, scratch, model, assigned)
                for name, model in zip(names, models, strict=True)
            },
            POPULARITY: {query.id: popularity(judged, query) for query in judged.queries},
        }
        return report_of(judged, bench, scratch.encoder.name, EXPERT_MEASURES, runs)


def _run(
    judged: ExpertSet,
    bench: Bench,
    scratch: Scratch,
    voting: Voting,
    assigned: SetTopics | None,
) -> Run:
    today = date.today()

    def ask(query: JudgedQuery) -> list[str]:
        found = find_experts(
            query.text,
            reader_of(query),
            scratch.search,
            scratch.book,
            today,
            limit=len(judged.candidates),
            assigned=assigned,
            voting=voting,
            bar=NO_BAR,
        )
        ids = [candidate.agent.id for candidate in found.candidates]
        return [candidate for candidate in ids if candidate in judged.ranked]

    answers = bench.each(ask, judged.queries)
    return {query.id: ids for query, ids in zip(judged.queries, answers, strict=True)}
