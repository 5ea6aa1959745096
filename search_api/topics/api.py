"""Topics, isolation and coverage: the API's side."""

from typing import Annotated

from fastapi import APIRouter, Query, Request

from expertise.overview_values import AlonePage, Dated, TopicCounts
from search_api.api import PROBLEMS
from search_api.questions.asked import AreaCode, NamedReader, Offset
from search_api.services import services_of
from search_api.topics.answers import (
    PAGE,
    TOPICS_PAGE,
    alone_query,
    known_area,
    known_topic,
    reading_of,
    shown_reading,
    topic_page,
)
from search_api.topics.bodies import (
    CoverageBody,
    IsolationBody,
    TopicProfileBody,
    TopicsBody,
)
from search_api.topics.schemas import (
    area_coverage,
    build_body,
    isolation_answer,
    topic_answer,
    topic_body,
    topic_coverage,
)

router = APIRouter(prefix="/api/v1", responses=PROBLEMS)

TopicId = Annotated[str, Query(description="a topic's id")]


@router.get("/topics")
def topics(request: Request, reader: NamedReader) -> TopicsBody:
    """The organisation's list, by label."""
    reading = reading_of(services_of(request))
    if isinstance(reading, Dated):
        return TopicsBody(build=build_body(reading), topics=[])
    listed = sorted((one.topic for one in reading.topics.values()), key=lambda t: t.label.lower())
    return TopicsBody(build=build_body(reading.dated), topics=list(map(topic_body, listed)))


@router.get("/isolation")
def isolation(
    request: Request,
    reader: NamedReader,
    area: AreaCode = "",
    topic: TopicId = "",
    offset: Offset = 0,
    limit: Annotated[int, Query(ge=1, le=PAGE)] = PAGE,
) -> IsolationBody:
    """Who is the only holder of a topic around; of a region, who is alone in all of it."""
    reading = reading_of(services_of(request))
    if isinstance(reading, Dated):
        return isolation_answer(reading, AlonePage((), None))
    page = reading.alone(alone_query(reading, area, topic, offset, limit))
    return isolation_answer(reading.dated, page)


@router.get("/coverage")
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
    if isinstance(reading, Dated):
        return topic_coverage(reading, TopicCounts((), None), area)
    if not topic:
        return topic_coverage(reading.dated, reading.coverage(area, offset, TOPICS_PAGE), area)
    areas = reading.areas_of(known_topic(reading, topic))[1]
    return area_coverage(reading.dated, reading.topics[topic].topic, areas, area)


@router.get("/topics/{topic_id:path}")
def topic_profile(request: Request, reader: NamedReader, topic_id: str) -> TopicProfileBody:
    """Holders by area and name, documents to start with, open questions, related topics."""
    reading = shown_reading(reading_of(services_of(request)))
    page = topic_page(reading, topic_id, reader)
    return topic_answer(reading.dated, page.view, page.documents, page.questions)
