"""Pages and API of a question: results, experts, suggestions."""

from calendar import monthrange
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date
from hashlib import sha256
from typing import Annotated

from fastapi import APIRouter, Query, Request, Response
from fastapi.responses import HTMLResponse

from connectors.geography import DEPARTEMENTS, REGIONS
from indexer.access import Reader
from search_api.addresses import QuestionMail, experts_address, topic_address
from search_api.bodies import PROBLEMS
from search_api.engine import OF_A_PERSON
from search_api.identity.identification import by_personal_token
from search_api.parameters import (
    AreaCode,
    AskingReader,
    AsTyped,
    NamedReader,
    Searched,
    Typed,
    TypedOnly,
)
from search_api.people.colleagues import colleagues
from search_api.people.service import MOST_CARDS
from search_api.query.parser import QueryPart
from search_api.query.query import Query as SearchQuery
from search_api.query.query import QueryPartKind, since
from search_api.ranking.results import Results
from search_api.search.filters import is_known_area, require_known_filters, unknown_filters
from search_api.search.responses import experts_answer, search_answer
from search_api.search.schemas import ExpertsBody, SearchBody, SuggestionsBody
from search_api.search.service import answer_question, place_of_asker, who_knows
from search_api.search.suggestions import suggested
from search_api.services import services_of
from search_api.templating import here, render
from search_api.topics.maps import TileMap, departement_places, tile_map
from search_api.wording import areas_by_name, kilometres

api_router = APIRouter(prefix="/api/v1", responses=PROBLEMS)


@api_router.get("/search")
def search(
    request: Request,
    reader: AskingReader,
    query: Searched,
    page_size: Annotated[int, Query(ge=1, le=50, description="documents on a page")] = 10,
    as_typed: AsTyped = False,
    explain: Annotated[bool, Query(description="add score, parts and reasons")] = False,
) -> SearchBody:
    """Return documents that answer, each with its answering passage.

    Without a question, return the newest documents.
    """
    services = services_of(request)
    require_known_filters(services, reader, query.filters)
    query = replace(query, page_size=page_size, as_typed=as_typed)
    found = answer_question(services, reader, query, candidates=MOST_CARDS)
    return search_answer(found, services.today(), explain=explain)


@api_router.get("/experts")
def experts(
    request: Request,
    reader: AskingReader,
    query: TypedOnly,
    area: AreaCode = "",
    limit: Annotated[int, Query(ge=1, le=50, description="number of candidates")] = 10,
    explain: Annotated[bool, Query(description="add score and parts")] = False,
) -> ExpertsBody:
    """Rank agents who may know the answer, each with the documents that are the evidence.

    Without a question, return nobody.
    """
    services = services_of(request)
    found = who_knows(services, reader, query, area=area, limit=limit)
    return experts_answer(found, explain=explain)


@api_router.get("/suggest")
def suggest(request: Request, reader: NamedReader, q: Typed = "") -> SuggestionsBody:
    """Return titles, topics and people with a word that begins with the typed text."""
    found = suggested(services_of(request), reader, q)
    return SuggestionsBody.model_validate({"suggestions": found})


router = APIRouter(include_in_schema=False)

PAGE_SIZE = 10
_KEY_CHARACTERS = 16
CANDIDATES = 20

FACET_NAMES = {
    "kind": "Nature",
    "year": "Année",
    "source": "Source",
    "space": "Espace",
    "entity": "Service",
    "area": "Département",
}


@router.get("/", response_class=HTMLResponse)
def search_page(
    request: Request,
    reader: AskingReader,
    query: Searched,
    as_typed: AsTyped = False,
    more: Annotated[str, Query(description="a facet of which every value is shown")] = "",
) -> str:
    """Show the search field and, once a question is asked, documents and experts."""
    services, today = services_of(request), services_of(request).today()
    typed = replace(query, text=query.text.strip(), as_typed=as_typed)
    asked = bool(typed.text or typed.filters or typed.verified)
    query = replace(query, page_size=PAGE_SIZE if asked else 1, as_typed=as_typed)
    found = answer_question(services, reader, query, candidates=MOST_CARDS)
    address = replace(typed, text=found.text)
    shows_own = query.page == 1 and not by_personal_token(request)
    return render(
        "search.html",
        request=request,
        q=address.text,
        address=address,
        asked=asked,
        reader_key=_reader_key(reader),
        results=found.results,
        direct=found.direct,
        definitions=found.definitions,
        ask_instead=found.ask_instead,
        verified=found.verified,
        recognised=found.recognised,
        correction=found.correction,
        instead=found.instead,
        unknown_filters=unknown_filters(services, reader, query.filters),
        typed=typed,
        pages=_pages(found.results),
        people=found.people,
        own=place_of_asker(services, found) if shows_own else None,
        topics=found.topics,
        question_mail=QuestionMail(address.text, page_address(request)),
        elsewhere=found.related,
        topic_address=topic_address,
        experts_address=experts_address(address.text),
        metier_address=experts_address,
        facet_names=FACET_NAMES,
        presets=_date_presets(address, found.results.understood, today),
        more=more,
        shared=f"{request.base_url}{str(address)[1:]}",
        most_of_a_person=OF_A_PERSON,
        today=today,
    )


def _reader_key(reader: Reader) -> str:
    """Return a key of the reader under which their browser keeps recent searches."""
    return sha256((reader.agent_id or "").encode()).hexdigest()[:_KEY_CHARACTERS]


DATE_PRESETS = {
    "Depuis un mois": 1,
    "Depuis six mois": 6,
    "Depuis un an": 12,
    "Depuis cinq ans": 60,
}
"""Periods in months."""


@dataclass(frozen=True, slots=True)
class DatePreset:
    """A link to the same search from a day on, or without that day if it is chosen already."""

    label: str
    address: SearchQuery
    chosen: bool


def _date_presets(
    address: SearchQuery, understood: Sequence[QueryPart], today: date
) -> list[DatePreset]:
    """Return the links; empty for a pasted text, in which operators have no effect."""
    asked = {one.value: one.without for one in understood if one.said is QueryPartKind.SINCE}
    offered = []
    for label, months in DATE_PRESETS.items():
        day = _months_before(today, months)
        without = asked.get(day.isoformat())
        text = since(address.text, day) if without is None else without
        if text is not None:
            offered.append(
                DatePreset(label, address.but(text=text, wide=False), without is not None)
            )
    return offered


def _months_before(day: date, months: int) -> date:
    """Return the same day some months earlier, or the last day of a shorter month."""
    year, month = divmod(day.year * 12 + day.month - 1 - months, 12)
    return date(year, month + 1, min(day.day, monthrange(year, month + 1)[1]))


@router.get("/experts", response_class=HTMLResponse)
def experts_page(
    request: Request,
    reader: AskingReader,
    query: TypedOnly,
    area: AreaCode = "",
) -> str:
    """Show agents who may know, each with the reason; without a question, ways to colleagues."""
    services = services_of(request)
    unknown_area, area = ("", area) if is_known_area(area) else (area, "")
    found = who_knows(services, reader, query, area=area, limit=CANDIDATES)
    return render(
        "experts.html",
        request=request,
        q=found.text,
        typed=query.text.strip(),
        correction=found.correction,
        instead=found.instead,
        area=area,
        unknown_area=unknown_area,
        experts=found.experts,
        matches=found.matches,
        oneself=found.oneself,
        own=None if by_personal_token(request) else place_of_asker(services, found),
        topics=found.topics,
        question_mail=QuestionMail(found.text, page_address(request)),
        nobody_in=found.nobody_in,
        first=next(iter(found.experts.people), None),
        nearest_topic=found.nearest_topic,
        incomplete=bool(found.results.incomplete),
        search_address=SearchQuery(found.text),
        everywhere=experts_address(found.text),
        experts_address=experts_address,
        ways=None if found.text else colleagues(services, reader),
        territories=None if found.text else _territories(),
        km=kilometres,
        regions=areas_by_name(REGIONS, "r"),
        departements=areas_by_name(DEPARTEMENTS),
        elsewhere=found.related,
        topic_address=topic_address,
    )


def _territories() -> TileMap:
    """Return a map that leads to the topics of each département."""
    return tile_map(
        departement_places(),
        {},
        lambda place, _: f"{place.name} ({place.code})",
        lambda place: f"/coverage?area={place.code}",
    )


def page_address(request: Request) -> str:
    """Return the page's whole address as this request reached it, for use in a message."""
    return str(request.base_url).rstrip("/") + here(request)


def _pages(results: Results) -> Sequence[int | None]:
    """Return the page numbers to offer: first, last and neighbours; None stands for a gap.

    Empty if nothing is counted: the page then links only to the previous and the next one.
    """
    if results.counts is None:
        return []
    last = -(-results.counts.reachable // results.page_size)
    near = {1, last, *range(results.page - 1, results.page + 2)}
    offered: list[int | None] = []
    before = 0
    for page in sorted(number for number in near if 1 <= number <= last):
        if page > before + 1:
            offered.append(None)
        offered.append(page)
        before = page
    return offered


browser_search_router = APIRouter(include_in_schema=False)


@browser_search_router.get("/opensearch.xml")
def opensearch_description(request: Request) -> Response:
    """Return the search address, as this request reached it; no reader is needed.

    No suggestions are offered: the browser would also send text typed for other sites.
    """
    text = render("opensearch.xml", request=request, address=str(request.base_url))
    return Response(text, media_type="application/opensearchdescription+xml")


about_router = APIRouter(include_in_schema=False)


@about_router.get("/accessibilite", response_class=HTMLResponse)
def accessibility_page(request: Request) -> str:
    """Show what was checked for people with disabilities, and what was not."""
    return render("accessibility.html", request=request, contact=services_of(request).contact)
