"""Topics, isolation and coverage: the API and the pages. A table says what its map says."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Annotated
from urllib.parse import urlencode

from fastapi import APIRouter, Query, Request
from fastapi.responses import HTMLResponse, Response

from connectors.geography import DEPARTEMENTS, REGIONS, region_of
from expertise.answer_values import (
    AreaCount,
    BuildStatus,
    IsolatedHolder,
    IsolationPage,
    TopicCounts,
)
from expertise.current_build import OpenBuild
from expertise.peers import accepted_communities
from expertise.topics import Topic, label_order
from search_api.addresses import topic_address
from search_api.answers.topics import (
    ISOLATION_PAGE,
    TOPICS_PAGE,
    alone_query,
    by_agent,
    known_area,
    known_topic,
    reading_of,
    shown_reading,
    topic_page,
)
from search_api.catalogue.texts import _, ngettext
from search_api.catalogue.wording import kilometres
from search_api.parameters import AreaCode, NamedReader, Offset
from search_api.routes.api import PROBLEMS
from search_api.routes.maps import TileMap, TilePlace, departement_places, region_places, tile_map
from search_api.routes.pages import areas_by_name
from search_api.schemas.spreadsheets import areas_csv, isolation_csv, topics_csv
from search_api.schemas.topics import (
    CoverageBody,
    IsolationBody,
    TopicProfileBody,
    TopicsBody,
    area_coverage,
    area_label,
    build_body,
    isolation_answer,
    risks,
    topic_answer,
    topic_body,
    topic_coverage,
)
from search_api.services import services_of
from search_api.templating import render

api_router = APIRouter(prefix="/api/v1", responses=PROBLEMS)

TopicId = Annotated[str, Query(description="a topic's id")]


@api_router.get("/topics")
def topics(request: Request, reader: NamedReader) -> TopicsBody:
    """The organisation's list, by label."""
    reading = reading_of(services_of(request))
    if isinstance(reading, BuildStatus):
        return TopicsBody(build=build_body(reading), topics=[])
    listed = sorted((one.topic for one in reading.topics.values()), key=lambda t: t.label.lower())
    return TopicsBody(build=build_body(reading.dated), topics=list(map(topic_body, listed)))


@api_router.get("/isolation")
def isolation(
    request: Request,
    reader: NamedReader,
    area: AreaCode = "",
    topic: TopicId = "",
    offset: Offset = 0,
    limit: Annotated[int, Query(ge=1, le=ISOLATION_PAGE)] = ISOLATION_PAGE,
) -> IsolationBody:
    """Who is the only holder of a topic around; of a region, who is alone in all of it."""
    reading = reading_of(services_of(request))
    if isinstance(reading, BuildStatus):
        return isolation_answer(reading, IsolationPage((), None))
    page = reading.alone(alone_query(reading, area, topic, offset, limit))
    return isolation_answer(reading.dated, page)


@api_router.get("/coverage")
def coverage(
    request: Request,
    reader: NamedReader,
    topic: TopicId = "",
    area: AreaCode = "",
    offset: Offset = 0,
) -> CoverageBody:
    """How many hold a topic, area by area; without a topic, how many hold each in an area."""
    reading = reading_of(services_of(request))
    known_area(area)
    if isinstance(reading, BuildStatus):
        return topic_coverage(reading, TopicCounts((), None), area)
    if not topic:
        return topic_coverage(reading.dated, reading.coverage(area, offset, TOPICS_PAGE), area)
    areas = reading.areas_of(known_topic(reading, topic))[1]
    return area_coverage(reading.dated, reading.topics[topic].topic, areas, area)


@api_router.get("/topics/{topic_id:path}")
def topic_profile(request: Request, reader: NamedReader, topic_id: str) -> TopicProfileBody:
    """Holders by area and name, documents to start with, open questions, related topics."""
    reading = shown_reading(reading_of(services_of(request)))
    page = topic_page(reading, topic_id, reader)
    return topic_answer(reading.dated, page.view, page.documents, page.questions)


router = APIRouter(include_in_schema=False)

PageTopicId = Annotated[str, Query()]
MAPPED_ROWS = 500
"""The map counts isolated holders where there are at most so many to hold against the present."""
SHOWN_AGENTS = 25
"""Agents in the table at once: on a telephone each of them is a block."""
EXPORTED_ROWS = 5_000
"""Rows of one CSV file."""


@router.get("/isolation", response_class=HTMLResponse)
def isolation_page(
    request: Request,
    reader: NamedReader,
    area: AreaCode = "",
    topic: PageTopicId = "",
    offset: Offset = 0,
) -> str:
    """Who is the only one around, on a map and in a table."""
    reading = reading_of(services_of(request))
    if isinstance(reading, BuildStatus):
        return not_mapped(request, "isolation", _("Isolement"), reading)
    everything = reading.alone(alone_query(reading, area, topic, limit=MAPPED_ROWS))
    whole = everything.following is None
    agents = by_agent(everything.rows)
    if whole:
        offset = offset if offset < len(agents) else 0
        rows, end = agents[offset : offset + SHOWN_AGENTS], offset + SHOWN_AGENTS
        following = end if end < len(agents) else None
    else:
        asked = alone_query(reading, area, topic, offset, SHOWN_AGENTS)
        page = reading.alone(replace(asked, by_agent=True))
        rows, following = by_agent(page.rows), page.following
    return render(
        "isolation.html",
        request=request,
        dated=reading.dated,
        area=area,
        topic=topic,
        area_label=area_label(area),
        rows=rows,
        counted=len(agents),
        cases=len(everything.rows),
        shown=SHOWN_AGENTS,
        offset=offset,
        following=following,
        map=_isolation_map(everything.rows if whole else (), topic),
        counted_on_map=whole,
        communities=[] if area or topic else accepted_communities(reading),
        topic_address=topic_address,
        export=f"/isolation.csv?{urlencode({'area': area, 'topic': topic})}",
        **_choices(reading),
    )


@router.get("/isolation.csv")
def isolation_table(
    request: Request, reader: NamedReader, area: AreaCode = "", topic: PageTopicId = ""
) -> Response:
    """The same rows for a spreadsheet; UTF-8 with its mark, semicolons."""
    reading = reading_of(services_of(request))
    rows: list[IsolatedHolder] = []
    if isinstance(reading, OpenBuild):
        asked = alone_query(reading, area, topic, limit=MAPPED_ROWS)
        while len(rows) < EXPORTED_ROWS:
            page = reading.alone(asked)
            rows += page.rows
            if page.following is None:
                break
            asked = replace(asked, offset=page.following)
    return _csv(isolation_csv(rows), "isolement.csv")


@router.get("/coverage", response_class=HTMLResponse)
def coverage_page(
    request: Request, reader: NamedReader, area: AreaCode = "", offset: Offset = 0
) -> str:
    """Every topic, how many hold it in an area, and what is at risk."""
    reading = reading_of(services_of(request))
    known_area(area)
    if isinstance(reading, BuildStatus):
        return not_mapped(request, "coverage", _("Sujets"), reading)
    page = reading.coverage(area, offset, TOPICS_PAGE)
    return render(
        "coverage.html",
        request=request,
        dated=reading.dated,
        area=area,
        area_label=area_label(area),
        rows=page.rows,
        risks=risks,
        following=page.following,
        topic_address=topic_address,
        **_choices(reading),
    )


@router.get("/coverage.csv")
def coverage_table(
    request: Request, reader: NamedReader, area: AreaCode = "", topic: PageTopicId = ""
) -> Response:
    """An area's topics for a spreadsheet, or with `topic` its areas."""
    reading = reading_of(services_of(request))
    known_area(area)
    if isinstance(reading, BuildStatus):
        told = topics_csv(())
    elif topic:
        told = areas_csv(reading.areas_of(known_topic(reading, topic))[1])
    else:
        told = topics_csv(reading.coverage(area, 0, len(reading.topics)).rows)
    return _csv(told, "couverture.csv")


@router.get("/topics/{topic_id:path}", response_class=HTMLResponse)
def topic_profile_page(request: Request, reader: NamedReader, topic_id: str) -> str:
    """A topic: who holds it, on a map and in a table, and where to begin."""
    reading = reading_of(services_of(request))
    if isinstance(reading, BuildStatus):
        return not_mapped(request, "coverage", _("Sujet"), reading)
    page = topic_page(reading, topic_id, reader)
    return render(
        "topic.html",
        request=request,
        dated=reading.dated,
        view=page.view,
        documents=page.documents,
        questions=page.questions,
        map=_coverage_map(page.view.topic, page.view.areas, departement_places()),
        region_map=_coverage_map(page.view.topic, page.view.areas, region_places()),
        topic_address=topic_address,
        area_label=area_label,
        region_label=lambda code: REGIONS.get(region_of(code) or "", ""),
    )


def not_mapped(request: Request, section: str, title: str, dated: BuildStatus) -> str:
    """The page of where there is no build to show, and why."""
    return render("not_mapped.html", request=request, section=section, title=title, dated=dated)


def _csv(told: str, name: str) -> Response:
    headers = {"Content-Disposition": f'attachment; filename="{name}"'}
    return Response(told, media_type="text/csv; charset=utf-8", headers=headers)


def _choices(reading: OpenBuild) -> dict[str, object]:
    """What the pages' forms offer, and the words of the tables."""
    topics = sorted(
        (one.topic for one in reading.topics.values()), key=lambda t: label_order(t.label)
    )
    return {
        "topics": topics,
        "regions": areas_by_name(REGIONS, "r"),
        "departements": areas_by_name(DEPARTEMENTS),
        "km": kilometres,
    }


def _isolation_map(rows: Sequence[IsolatedHolder], topic: str) -> TileMap:
    counts = Counter(row.agent.departement for row in rows)
    figures = {code: (str(n), _level(n)) for code, n in counts.items() if code}

    def say(place: TilePlace, figure: str) -> str:
        where = f"{place.name} ({place.code})"
        if not figure:
            return _("%(place)s\u00a0: aucun", place=where)
        return ngettext(
            "%(place)s\u00a0: %(num)s\u00a0sujet isolé",
            "%(place)s\u00a0: %(num)s\u00a0sujets isolés",
            int(figure),
            place=where,
        )

    def address(place: TilePlace) -> str:
        return f"/isolation?{urlencode({'area': place.code, 'topic': topic})}"

    return tile_map(departement_places(), figures, say, address)


def _coverage_map(
    topic: Topic, areas: Iterable[AreaCount], places: tuple[TilePlace, ...]
) -> TileMap:
    figures: Mapping[str, tuple[str, str]] = {
        one.code: (
            f"{one.holders.agents}{'+' if one.holders.more else ''}",
            _level(one.holders.agents),
        )
        for one in areas
        if one.holders.agents
    }

    def say(place: TilePlace, figure: str) -> str:
        where = f"{place.name} ({place.code.removeprefix('r')})"
        if not figure:
            return _("%(place)s\u00a0: personne de connu", place=where)
        if figure.endswith("+"):
            return ngettext(
                "%(place)s\u00a0: %(num)s\u00a0personne au moins",
                "%(place)s\u00a0: %(num)s\u00a0personnes au moins",
                int(figure.rstrip("+")),
                place=where,
            )
        return ngettext(
            "%(place)s\u00a0: %(num)s\u00a0personne",
            "%(place)s\u00a0: %(num)s\u00a0personnes",
            int(figure),
            place=where,
        )

    def address(place: TilePlace) -> str:
        return f"/isolation?{urlencode({'area': place.code, 'topic': topic.id})}"

    return tile_map(places, figures, say, address)


def _level(count: int) -> str:
    """One, few or several: the style sheet's names."""
    if count == 1:
        return "one"
    return "few" if count < 5 else "several"
