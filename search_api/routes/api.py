"""The API's routes for searching, version 1. Every answer is under the reader's rights."""

from typing import Annotated, Any

from fastapi import APIRouter, Query, Request

from search_api.answers.question import answer_question, who_knows
from search_api.answers.suggestions import suggested
from search_api.parameters import (
    AreaCode,
    AskingReader,
    Filters,
    NamedReader,
    PageNumber,
    SortOrder,
    Typed,
)
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
    services = services_of(request)
    query = Asked(q, filters, page, page_size, sort)
    found = answer_question(services, reader, query, as_typed=True)
    return search_answer(found, services.today(), explain=explain)


@router.get("/experts")
def experts(
    request: Request,
    reader: AskingReader,
    q: Typed = "",
    area: AreaCode = "",
    limit: Annotated[int, Query(ge=1, le=50)] = 10,
) -> ExpertsBody:
    """Agents who may know, each with the documents that show it; without a question nobody."""
    services = services_of(request)
    found = who_knows(services, reader, q, area=area, limit=limit)
    return experts_answer(found, services.today())


@router.get("/suggest")
def suggest(request: Request, reader: NamedReader, q: Typed = "") -> SuggestionsBody:
    """Titles, topics and people that begin, somewhere, with what is being typed."""
    return suggestions_answer(suggested(services_of(request), reader, q))
