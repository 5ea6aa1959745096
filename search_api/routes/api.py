"""The API's routes for searching, version 1. Every answer is under the reader's rights."""

from typing import Annotated, Any

from fastapi import APIRouter, Query, Request

from expertise.who_knows import find_experts
from search_api.answers.correction import correction
from search_api.answers.suggestions import suggested
from search_api.answers.topics import topic_to_go_on_from
from search_api.parameters import (
    AreaCode,
    AskingReader,
    Filters,
    NamedReader,
    PageNumber,
    SortOrder,
    Typed,
)
from search_api.query_log.recording import experts_query, search_query
from search_api.questions.query import Query as Asked
from search_api.questions.query import ResultOrder
from search_api.schemas.search import ExpertsBody, ProblemBody, SearchBody, SuggestionsBody
from search_api.schemas.search_responses import experts_answer, search_answer, suggestions_answer
from search_api.services import services_of

PROBLEMS: dict[int | str, dict[str, Any]] = {
    status: {
        "model": ProblemBody,
        "description": meaning,
        "content": {"application/problem+json": {}},
    }
    for status, meaning in (
        (401, "nobody is named"),
        (403, "another site's page, or not for this reader"),
        (404, "there is no such thing, or not for this reader"),
        (422, "a parameter is not valid"),
        (429, "too often: see Retry-After"),
        (503, "the engine does not answer"),
    )
}

router = APIRouter(prefix="/api/v1", responses=PROBLEMS)


@router.get("/search")
def search(
    request: Request,
    reader: AskingReader,
    filters: Filters,
    q: Typed = "",
    page: PageNumber = 1,
    page_size: Annotated[int, Query(ge=1, le=50)] = 10,
    sort: SortOrder = ResultOrder.RELEVANCE,
    explain: Annotated[bool, Query(description="add score, parts and reasons")] = False,
) -> SearchBody:
    """Documents that answer, each with its answering passage; without a question the newest."""
    services, today = services_of(request), services_of(request).today()
    query = Asked(q, filters, page, page_size, sort)
    results = services.search.answer(query, reader, today)
    better = correction(services.search, services.people, query, results, reader, today)
    services.journal.note(search_query(reader, q, filters, page, results.found, sort))
    return search_answer(
        results, today, explain=explain, did_you_mean=better.text if better else None
    )


@router.get("/experts")
def experts(
    request: Request,
    reader: AskingReader,
    q: Typed = "",
    area: AreaCode = "",
    limit: Annotated[int, Query(ge=1, le=50)] = 10,
) -> ExpertsBody:
    """Agents who may know, each with the documents that show it; without a question nobody."""
    services, today = services_of(request), services_of(request).today()
    found = find_experts(
        q,
        reader,
        services.search,
        services.people,
        today,
        area=area,
        limit=limit,
        names=services.people,
        assigned=services.overview,
    )
    named = [one.agent.id for one in found.candidates]
    services.journal.note(experts_query(reader, q, area, named))
    beside = topic_to_go_on_from(services, q, found)
    return experts_answer(found, today, tuple(sorted(reader.unanswered)), beside)


@router.get("/suggest")
def suggest(request: Request, reader: NamedReader, q: Typed = "") -> SuggestionsBody:
    """Titles, topics and people that begin, somewhere, with what is being typed."""
    return suggestions_answer(suggested(services_of(request), reader, q))
