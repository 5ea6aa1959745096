"""Response bodies of searches, from their answers."""

from datetime import date
from types import SimpleNamespace

from connectors.geography import area_name
from search_api.addresses import document_address
from search_api.bodies import Joined
from search_api.ranking.results import Result, explanation
from search_api.search.schemas import DocumentBody, ExpertsBody, PartsBody, SearchBody
from search_api.search.service import QuestionAnswer
from search_api.wording import in_force

_UNCOUNTED = SimpleNamespace(total=None, worded=None, worded_more=None, reachable=None)


def search_answer(found: QuestionAnswer, today: date, *, explain: bool = False) -> SearchBody:
    """Return the response body of a search."""
    results = found.results
    facets = {
        name: [
            Joined(one, label=area_name(one.value) if name == "area" else one.value)
            for one in values
        ]
        for name, values in results.facets.items()
    }
    documents = [_document(one, found, today, explain=explain) for one in results.results]
    answer = Joined(
        found,
        results,
        found.people,
        found.people.matches,
        results.counts or _UNCOUNTED,
        facets=facets,
        documents=documents,
        direct=found.direct and Joined(found.direct, found.direct.first),
    )
    return SearchBody.model_validate(answer)


def _document(result: Result, found: QuestionAnswer, today: date, *, explain: bool) -> DocumentBody:
    id_, results = result.card.document_id, found.results
    answering = result.answering
    answer = Joined(
        result,
        result.card,
        valid=in_force(result.card, today),
        ask_instead=found.ask_instead.get(id_, ()),
        verified=found.verified.get(id_),
        recognised=found.recognised.get(id_),
        page=document_address(id_, results.question.words),
        passage=answering[0] if answering else None,
        other_passages=answering[1:],
        matched_question=result.matched_question or None,
        score=result.parts.score if explain else None,
        parts=_parts(result, counted=results.counts is not None) if explain else None,
        effects=result.parts.effects if explain else (),
        why=explanation(result, results) if explain else (),
    )
    return DocumentBody.model_validate(answer)


def _parts(result: Result, *, counted: bool) -> PartsBody:
    """Return the parts of a score; without counts no ranks, because ranks would reveal them."""
    ranks = {} if counted else {"lexical_rank": None, "vector_rank": None}
    return PartsBody.model_validate(Joined(result.parts, **ranks))


def experts_answer(found: QuestionAnswer, *, explain: bool = False) -> ExpertsBody:
    """Return the response body of a search for experts."""
    experts, nearly = found.experts, bool(found.matches.spelt)
    answer = Joined(
        found,
        found.results,
        experts,
        named=() if nearly else experts.named,
        nearly_named=experts.named if nearly else (),
        nearest=[one.card for one in experts.nearest],
    )
    return ExpertsBody.model_validate(answer, context={"explain": explain})
