"""Request parameters and the reader of a request: FastAPI dependencies of the API and the pages."""

import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import date
from typing import Annotated, Any

from fastapi import Depends, Query, Request, Response
from pydantic import BeforeValidator
from starlette.convertors import PathConvertor, register_url_convertor

from connectors.geography import DEPARTEMENTS, REGIONS
from indexer.access import Reader
from search_api.limits import RequesterKind, RequestKind, TooManyConcurrentRequests
from search_api.middleware.request_limits import charge, refuse_over_limit
from search_api.problems import AgentRequired, Problem, ReaderRequired
from search_api.query.query import Query as SearchQuery
from search_api.query.query import ResultOrder
from search_api.services import services_of


class _WholePath(PathConvertor):
    """`{id:path}` in the path of a route: any text, since an id may hold the end of a line."""

    regex = "(?s:.*)"


register_url_convertor("path", _WholePath())

FILTER_VALUES = 100
"""Maximum number of values of one facet's parameter."""

RETRY_S = 5
"""`Retry-After` in seconds for a reader with too many concurrent requests."""


def _values(meaning: str) -> Any:
    return Query(max_length=FILTER_VALUES, description=f"{meaning}; repeat it for several")


MOST_FIELDS = 400
LONGEST_VALUE = 20_000
_FIELD = re.compile(r"[a-z_]+(\.[a-z0-9_]+){0,3}")


async def _entered_form(request: Request) -> dict[str, str]:
    """Return the form's fields whose names and lengths are possible in our forms."""
    form = await request.form(max_fields=MOST_FIELDS, max_files=0)
    return {
        name: value.replace("\r\n", "\n").replace("\0", "")
        for name, value in form.items()
        if isinstance(value, str) and len(value) <= LONGEST_VALUE and _FIELD.fullmatch(name)
    }


EnteredForm = Annotated[dict[str, str], Depends(_entered_form)]


INCOMPLETE = "X-Quisait-Incomplete"
"""Header that names the authorities that did not answer."""


def _known_reader(request: Request, response: Response) -> Reader:
    reader = services_of(request).reader_of(request)
    if reader.agent_id is None:
        refuse_over_limit(request)
        if why := getattr(request.state, "not_an_agent", ""):
            raise AgentRequired(why)
        raise ReaderRequired()
    charge(request, RequesterKind.READER, reader.agent_id)
    if reader.unanswered:
        response.headers[INCOMPLETE] = ", ".join(sorted(reader.unanswered))
    request.state.incomplete = bool(reader.unanswered)
    request.state.reader = reader  # for the page's frame
    return reader


KnownReader = Annotated[Reader, Depends(_known_reader)]
"""The reader, without a limit of concurrent requests."""


async def _named_reader(request: Request, reader: KnownReader) -> AsyncIterator[Reader]:
    async with turn(request, RequestKind.OTHER, reader):
        yield reader


async def _asking_reader(request: Request, reader: KnownReader) -> AsyncIterator[Reader]:
    async with turn(request, RequestKind.QUESTION, reader):
        yield reader


@asynccontextmanager
async def turn(request: Request, work: RequestKind, reader: Reader) -> AsyncIterator[None]:
    """Hold a permit for a request of this kind. Raises a problem 429 if too many wait."""
    try:
        async with services_of(request).concurrency_limiter.turn(work, reader.agent_id or ""):
            yield
    except TooManyConcurrentRequests:
        detail = (
            "Vos demandes précédentes sont encore en cours : attendez leur réponse, puis réessayez."
        )
        retry = {"Retry-After": str(RETRY_S)}
        raise Problem(429, detail, retry, code="too_many_at_once") from None


def _filters(
    source: Annotated[list[str], _values("name of a source")] = [],  # noqa: B006 - FastAPI copies it
    kind: Annotated[list[str], _values("kind of document")] = [],  # noqa: B006
    space: Annotated[list[str], _values("community or folder of the source")] = [],  # noqa: B006
    entity: Annotated[list[str], _values("service, a path with slashes")] = [],  # noqa: B006
    area: Annotated[list[str], _values("INSEE code of a département")] = [],  # noqa: B006
    year: Annotated[list[str], _values("year of the last change")] = [],  # noqa: B006
) -> dict[str, tuple[str, ...]]:
    asked = {
        "source": source,
        "kind": kind,
        "space": space,
        "entity": entity,
        "area": area,
        "year": year,
    }
    kept = {name: tuple(filter(None, dict.fromkeys(values))) for name, values in asked.items()}
    return {name: values for name, values in kept.items() if values}


NamedReader = Annotated[Reader, Depends(_named_reader, scope="function")]
"""The reader. It raises a problem 401 without a reader, and 429 with too many concurrent requests.
"""

AskingReader = Annotated[Reader, Depends(_asking_reader, scope="function")]
"""The reader of a question, like `NamedReader`; fewer questions may run at once."""

_Filters = Annotated[dict[str, tuple[str, ...]], Depends(_filters)]
"""Accepted values by facet; a parameter may be repeated, empty values are left out."""

Typed = Annotated[
    str, Query(description='free text, "phrases", -excluded, a OU b, auteur:x, avant:2024…')
]
_SortOrder = Annotated[
    ResultOrder, Query(alias="sort", description="`date`: the newest first, of what has most words")
]
_Verified = Annotated[
    bool, Query(description="only what an author said to be right, and has not changed since")
]
_Wide = Annotated[bool, Query(description="show what is merely near, too")]
AsTyped = Annotated[
    bool, Query(description="answer what was typed, even if no document has a word of it")
]
PageNumber = Annotated[int, Query(ge=1, le=2**53 - 1, description="from 1")]


def _searched(
    filters: _Filters,
    q: Typed = "",
    page: PageNumber = 1,
    sort: _SortOrder = ResultOrder.RELEVANCE,
    wide: _Wide = False,
    verified: _Verified = False,
) -> SearchQuery:
    return SearchQuery(q, filters, page, order=sort, wide=wide, verified=verified)


Searched = Annotated[SearchQuery, Depends(_searched)]
"""The search of the page's address, ten documents a page."""


def _typed_only(q: Typed = "", as_typed: AsTyped = False) -> SearchQuery:
    return SearchQuery(q, as_typed=as_typed)


TypedOnly = Annotated[SearchQuery, Depends(_typed_only)]
"""A question without filters."""

Offset = Annotated[int, Query(ge=0, le=2**31 - 1, description="`following` of the page before")]
_AREAS = "|".join(("", *DEPARTEMENTS, *(f"r{code}" for code in REGIONS)))
AreaCode = Annotated[
    str,
    Query(
        description="département (22) or region (r53); empty: everywhere",
        json_schema_extra={"pattern": f"^({_AREAS})$"},
    ),
]


EMPTY_IS_NONE = BeforeValidator(lambda typed: None if typed == "" else typed)
"""Reads a form's field that was left empty as None."""


def day_of_field(written: str) -> date | None:
    """Return the day of a form's field; None if it is not a day."""
    try:
        return date.fromisoformat(written)
    except ValueError:
        return None
