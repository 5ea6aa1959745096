"""The parameters of a request, the same for the API and the pages."""

from typing import Annotated

from fastapi import Depends, Query, Request, Response

from indexer.access import Reader
from search_api.door.rates import Asker
from search_api.door.turns import charge, refuse_strangers_haste
from search_api.problems import NobodyNamed
from search_api.questions.query import Order
from search_api.services import services_of

FILTER_VALUES = 100
"""How often one facet's parameter may be repeated."""

_Values = Annotated[list[str], Query(max_length=FILTER_VALUES)]


INCOMPLETE = "X-Quisait-Incomplete"
"""The header that names the authorities that did not answer."""


def _named_reader(request: Request, response: Response) -> Reader:
    reader = services_of(request).reader_of(request)
    if reader.agent_id is None:
        refuse_strangers_haste(request)
        raise NobodyNamed()
    charge(request, Asker.READER, reader.agent_id)
    if reader.unanswered:
        response.headers[INCOMPLETE] = ", ".join(sorted(reader.unanswered))
    request.state.incomplete = bool(reader.unanswered)
    return reader


def _filters(
    source: _Values = [],  # noqa: B006 - FastAPI copies it
    kind: _Values = [],  # noqa: B006
    space: _Values = [],  # noqa: B006
    entity: _Values = [],  # noqa: B006
    area: _Values = [],  # noqa: B006
    year: _Values = [],  # noqa: B006
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


NamedReader = Annotated[Reader, Depends(_named_reader)]
"""The reader; a request without one is a problem 401."""

Filters = Annotated[dict[str, tuple[str, ...]], Depends(_filters)]
"""Accepted values by facet: each may be repeated, empty ones are left out."""

Typed = Annotated[
    str, Query(description='free text, "phrases", -excluded, a OU b, auteur:x, avant:2024…')
]
SortOrder = Annotated[
    Order, Query(alias="sort", description="`date`: the newest first, of what has most words")
]
PageNumber = Annotated[int, Query(ge=1, le=2**53 - 1, description="from 1")]
Offset = Annotated[int, Query(ge=0, le=2**31 - 1, description="`following` of the page before")]
AreaCode = Annotated[str, Query(description="département (22) or region (r53)")]
