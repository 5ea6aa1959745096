"""Topics, isolation and coverage: API and pages. Each map has a table with the same data."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Annotated
from urllib.parse import urlencode

from fastapi import APIRouter, Query, Request
from fastapi.responses import HTMLResponse, Response

from connectors.geography import DEPARTEMENTS, REGIONS, region_of
from expertise.answer_values import AreaCount, BuildStatus, IsolatedHolder
from expertise.topics import Topic
from indexer.french.analysis import fold
from search_api.addresses import experts_address, topic_address
from search_api.bodies import PROBLEMS
from search_api.context import NoBuild
from search_api.parameters import AreaCode, NamedReader, Offset
from search_api.services import services_of
from search_api.templating import render
from search_api.topics.isolation import (
    ISOLATION_PAGE,
    all_isolated_holders,
    isolated_agents,
    isolated_holders,
    topic_coverage,
    topics_by_theme,
)
from search_api.topics.maps import TileMap, TilePlace, departement_places, region_places, tile_map
from search_api.topics.schemas import CoverageBody, IsolationBody, TopicProfileBody, TopicsBody
from search_api.topics.service import WhyFirst, is_shown, list_topics, topic_answer
from search_api.topics.spreadsheets import areas_csv, isolation_csv, topics_csv
from search_api.wording import area_label, areas_by_name, kilometres, plural, unclaimed

api_router = APIRouter(prefix="/api/v1", responses=PROBLEMS)

TopicId = Annotated[str, Query(description="a topic's id")]


@api_router.get("/topics")
def topics(request: Request, reader: NamedReader) -> TopicsBody:
    """Return the organisation's list of topics, by label."""
    return TopicsBody.model_validate(list_topics(services_of(request)))


@api_router.get("/isolation")
def isolation(
    request: Request,
    reader: NamedReader,
    area: AreaCode = "",
    topic: TopicId = "",
    offset: Offset = 0,
    limit: Annotated[int, Query(ge=1, le=ISOLATION_PAGE)] = ISOLATION_PAGE,
) -> IsolationBody:
    """Return the only holders of a topic in an area; for a region, in the whole region."""
    found = isolated_holders(services_of(request), area, topic, offset, limit)
    return IsolationBody.model_validate(found)


@api_router.get("/coverage")
def coverage(
    request: Request,
    reader: NamedReader,
    topic: TopicId = "",
    area: AreaCode = "",
    offset: Offset = 0,
) -> CoverageBody:
    """Return the number of holders of a topic by area, or of each topic in an area."""
    return CoverageBody.model_validate(topic_coverage(services_of(request), area, topic, offset))


@api_router.get("/topics/{topic_id:path}")
def topic_profile(request: Request, reader: NamedReader, topic_id: str) -> TopicProfileBody:
    """Return holders by area and name, first documents, open questions, related topics."""
    return TopicProfileBody.model_validate(topic_answer(services_of(request), reader, topic_id))


router = APIRouter(include_in_schema=False)

PageTopicId = Annotated[str, Query()]
WHY_FIRST: dict[WhyFirst, str] = {
    WhyFirst.ACCEPTED: "une réponse y est acceptée",
    WhyFirst.TITLE: "son titre nomme ce sujet",
    WhyFirst.TEXT: "son texte traite de ce sujet",
}
"""French reasons for which a document is one of a topic's first documents."""
SHOWN_AGENTS = 25
"""Number of agents in the table at once; on a telephone, each agent is a block."""
EXPORTED_ROWS = 5_000
"""Maximum number of rows of one CSV file."""


@router.get("/isolation", response_class=HTMLResponse)
def isolation_page(
    request: Request,
    reader: NamedReader,
    area: AreaCode = "",
    topic: PageTopicId = "",
    offset: Offset = 0,
) -> str:
    """Show the only holders of topics in an area, on a map and in a table."""
    found = isolated_agents(services_of(request), area, topic, offset, SHOWN_AGENTS)
    if not is_shown(found.build):
        return not_mapped(request, "isolation", "Isolement", found.build)
    return render(
        "isolation.html",
        request=request,
        dated=found.build,
        area=area,
        topic=topic,
        area_label=area_label(area),
        rows=found.agents,
        counted=found.counted,
        cases=found.cases,
        shown=SHOWN_AGENTS,
        offset=found.offset,
        following=found.following,
        map=_isolation_map(found.rows, topic),
        counted_on_map=found.complete,
        known=found.known,
        why_not=unclaimed(found.unclaimed, one=bool(topic)),
        topics=found.topics,
        topic_address=topic_address,
        experts_address=experts_address,
        export=f"/isolation.csv?{urlencode({'area': area, 'topic': topic})}",
        **_choices(),
    )


@router.get("/isolation.csv")
def isolation_table(
    request: Request, reader: NamedReader, area: AreaCode = "", topic: PageTopicId = ""
) -> Response:
    """Return isolated holders as CSV."""
    found = all_isolated_holders(services_of(request), area, topic, EXPORTED_ROWS)
    return _csv(isolation_csv(found.rows), "isolement.csv")


@router.get("/coverage", response_class=HTMLResponse)
def coverage_page(
    request: Request,
    reader: NamedReader,
    area: AreaCode = "",
    words: Annotated[str, Query(max_length=200)] = "",
    offset: Offset = 0,
) -> str:
    """Show topics by theme, then métiers, with their number of holders in an area.

    `words`: only topics with a label that contains this text.
    """
    found = topics_by_theme(services_of(request), area, words, offset)
    if not is_shown(found.build):
        return not_mapped(request, "coverage", "Sujets", found.build)
    return render(
        "coverage.html",
        request=request,
        dated=found.build,
        area=area,
        area_label=area_label(area),
        words=words.strip(),
        themes=found.themes,
        communities=found.communities,
        offset=offset,
        following=found.following,
        topic_address=topic_address,
        **_choices(),
    )


@router.get("/coverage.csv")
def coverage_table(
    request: Request, reader: NamedReader, area: AreaCode = "", topic: PageTopicId = ""
) -> Response:
    """Return an area's topics, or a topic's areas, as CSV."""
    found = topic_coverage(services_of(request), area, topic, limit=None)
    text = areas_csv(found.areas) if found.topic else topics_csv(found.topics)
    return _csv(text, "couverture.csv")


@router.get("/topics/{topic_id:path}", response_class=HTMLResponse)
def topic_profile_page(request: Request, reader: NamedReader, topic_id: str) -> str:
    """Show a topic: its holders on a map and in a table, and first documents."""
    try:
        found = topic_answer(services_of(request), reader, topic_id)
    except NoBuild as none:
        return not_mapped(request, "coverage", "Sujet", none.build)
    topic, areas = found.view.topic, found.view.areas
    return render(
        "topic.html",
        request=request,
        dated=found.build,
        view=found.view,
        documents=found.documents,
        why_first=WHY_FIRST,
        questions=found.questions,
        asked=found.asked,
        nowhere=sorted(map(area_label, found.nowhere), key=fold),
        community=found.community,
        map=_coverage_map(topic, areas, departement_places()),
        region_map=_coverage_map(topic, areas, region_places()),
        topic_address=topic_address,
        area_label=area_label,
        region_label=lambda code: REGIONS.get(region_of(code) or "", ""),
    )


def not_mapped(request: Request, section: str, title: str, dated: BuildStatus) -> str:
    """Return the page that tells why no build can be shown."""
    return render("not_mapped.html", request=request, section=section, title=title, dated=dated)


def _csv(told: str, name: str) -> Response:
    headers = {"Content-Disposition": f'attachment; filename="{name}"'}
    return Response(told, media_type="text/csv; charset=utf-8", headers=headers)


def _choices() -> dict[str, object]:
    """Return the areas that the pages' forms offer, and the tables' format of distances."""
    return {
        "regions": areas_by_name(REGIONS, "r"),
        "departements": areas_by_name(DEPARTEMENTS),
        "km": kilometres,
    }


def _isolation_map(rows: Sequence[IsolatedHolder], topic: str) -> TileMap:
    counts = Counter(row.agent.departement for row in rows)
    # On a single topic all isolated holders count equally.
    levels = {code: _LEVELS[-1 if topic else _size(n)] for code, n in counts.items()}
    figures = {code: (str(n), levels[code]) for code, n in counts.items() if code}

    def say(place: TilePlace, figure: str) -> str:
        where = f"{place.name} ({place.code})"
        if not figure:
            return f"{where}\u00a0: aucun"
        if topic:
            return f"{where}\u00a0: une personne, seule connue ici"
        return plural(
            "{place}\u00a0: {num}\u00a0sujet isolé",
            "{place}\u00a0: {num}\u00a0sujets isolés",
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
            _LEVELS[_size(one.holders.agents)],
        )
        for one in areas
        if one.holders.agents
    }

    def say(place: TilePlace, figure: str) -> str:
        where = f"{place.name} ({place.code.removeprefix('r')})"
        if not figure:
            return f"{where}\u00a0: personne de connu"
        if figure.endswith("+"):
            return plural(
                "{place}\u00a0: {num}\u00a0personne au moins",
                "{place}\u00a0: {num}\u00a0personnes au moins",
                int(figure.rstrip("+")),
                place=where,
            )
        return plural(
            "{place}\u00a0: {num}\u00a0personne",
            "{place}\u00a0: {num}\u00a0personnes",
            int(figure),
            place=where,
        )

    def address(place: TilePlace) -> str:
        return f"/experts?{urlencode({'q': topic.label, 'area': place.code})}"

    return tile_map(places, figures, say, address)


_LEVELS = ("low", "mid", "high")
"""Levels in the style sheet; the largest numbers have the darkest level."""


def _size(count: int) -> int:
    """Return 0 for a count of 1, 1 for up to 4, 2 for more."""
    return 0 if count == 1 else 1 if count < 5 else 2
