"""Isolated holders of topics, and number of holders by topic and area.

The answers are the same for all readers. Every name and count is checked against the index and the
directory before it is shown (`expertise.revalidation`); agents who may not be shown to others are
never included.
"""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, replace
from itertools import groupby

from connectors.geography import DEPARTEMENTS, REGIONS
from connectors.values import Agent
from expertise.answer_values import (
    AloneDegree,
    AreaCount,
    BuildStatus,
    CappedCount,
    CommunityView,
    IsolatedHolder,
    TopicCount,
    Unclaimed,
)
from expertise.builds import IsolationQuery
from expertise.current_build import OpenBuild, by_area_topic_name, by_label, is_area
from expertise.holders import IsolationScope
from expertise.peers import accepted_communities
from expertise.places import departements_of
from expertise.topics import Topic, TopicKind, label_order
from search_api.context import AnswerContext, InvalidParameter
from search_api.topics.service import known_topic

ISOLATION_PAGE = 100
"""Number of rows on one page of isolated holders."""
TOPICS_PAGE = 50
"""Number of topics on one page of an area's coverage."""
COUNTED_ROWS = 500
"""Maximum number of rows for which isolated agents are counted and shown on the map."""
_READ_AT_ONCE = 1_000
"""Number of rows read at once if all of them are requested."""
NOTHING_UNCLAIMED = Unclaimed((), 0, 0.0)


@dataclass(frozen=True, slots=True)
class IsolationAnswer:
    """Isolated holders, sorted by area, topic and name (this is not a ranking).

    `following`: offset of the next page, None at the end. `unclaimed`: requested topics for which
    no holder is called isolated.
    """

    build: BuildStatus
    rows: tuple[IsolatedHolder, ...] = ()
    following: int | None = None
    unclaimed: Unclaimed = NOTHING_UNCLAIMED


@dataclass(frozen=True, slots=True)
class IsolatedTopics:
    """Topics of one agent that have the same isolation area, degree and nearest other holder."""

    topics: tuple[Topic, ...]
    scope: IsolationScope
    next: Agent | None
    distance_km: float | None
    degree: AloneDegree = AloneDegree.KNOWN


@dataclass(frozen=True, slots=True)
class IsolatedAgent:
    """An isolated agent and the topics of which they are the only holder."""

    agent: Agent
    alone_on: tuple[IsolatedTopics, ...]


@dataclass(frozen=True, slots=True)
class IsolatedAgents:
    """A page of isolated agents, each once with their topics, from `offset`.

    `rows`: all isolated holders if `complete`; otherwise it is empty, and the `counted` agents with
    `cases` rows are only a part. `topics`: topics that may be requested. `known`: number of holders
    of the requested topic in the area. `unclaimed`: as in `IsolationAnswer`.
    """

    build: BuildStatus
    agents: tuple[IsolatedAgent, ...] = ()
    offset: int = 0
    following: int | None = None
    rows: tuple[IsolatedHolder, ...] = ()
    complete: bool = True
    counted: int = 0
    cases: int = 0
    topics: tuple[Topic, ...] = ()
    known: AreaCount | None = None
    unclaimed: Unclaimed = NOTHING_UNCLAIMED


@dataclass(frozen=True, slots=True)
class Coverage:
    """Numbers of holders: of one `topic` by area, or of all topics in one area."""

    build: BuildStatus
    area: str
    topic: Topic | None = None
    areas: tuple[AreaCount, ...] = ()
    topics: tuple[TopicCount, ...] = ()
    following: int | None = None


@dataclass(frozen=True, slots=True)
class Theme:
    """Topics of one theme, topics without a theme if `name` is empty, or métiers."""

    name: str
    kind: TopicKind
    topics: tuple[TopicCount, ...]


@dataclass(frozen=True, slots=True)
class ThemedTopics:
    """A page of topics by theme; `following` is the offset of the next page."""

    build: BuildStatus
    themes: tuple[Theme, ...] = ()
    following: int | None = None
    communities: tuple[CommunityView, ...] = ()


def isolated_holders(
    context: AnswerContext,
    area: str = "",
    topic_id: str = "",
    offset: int = 0,
    limit: int = ISOLATION_PAGE,
) -> IsolationAnswer:
    """Return one page of agents who are the only holder of a topic in their area.

    For a region, these are agents who are the only holder in the whole region. Raises `NotFound`
    for a topic that is not listed, `InvalidParameter` for an unknown area, and `IndexUnreachable`.
    """
    build = context.build()
    known_area(area)
    if isinstance(build, BuildStatus):
        return IsolationAnswer(build)
    page = build.isolated_holders(_isolation_query(build, area, topic_id, offset, limit))
    return IsolationAnswer(build.status, page.rows, page.following, _unclaimed(build, topic_id))


def all_isolated_holders(
    context: AnswerContext, area: str = "", topic_id: str = "", most: int | None = None
) -> IsolationAnswer:
    """Return every isolated holder of one build, `most` rows at most."""
    build = context.build()
    known_area(area)
    if isinstance(build, BuildStatus):
        return IsolationAnswer(build)
    query = _isolation_query(build, area, topic_id, 0, _READ_AT_ONCE)
    rows: list[IsolatedHolder] = []
    following: int | None = 0
    while following is not None and (most is None or len(rows) < most):
        page = build.isolated_holders(replace(query, offset=following))
        rows += page.rows
        following = page.following
    listed = sorted(rows[:most], key=by_area_topic_name)
    return IsolationAnswer(build.status, tuple(listed), following, _unclaimed(build, topic_id))


def topics_without_claim(context: AnswerContext, topic_id: str = "") -> Unclaimed:
    """Return topics with too few visible people to call anybody isolated: `topic_id`, or all.

    Raises `NotFound` for a topic that is not listed.
    """
    build = context.build()
    return NOTHING_UNCLAIMED if isinstance(build, BuildStatus) else _unclaimed(build, topic_id)


def _unclaimed(build: OpenBuild, topic_id: str) -> Unclaimed:
    return build.unclaimed([known_topic(build, topic_id)] if topic_id else None)


def isolated_agents(
    context: AnswerContext, area: str = "", topic_id: str = "", offset: int = 0, limit: int = 25
) -> IsolatedAgents:
    """Return isolated agents with their topics. Raises as `isolated_holders` does."""
    build = context.build()
    known_area(area)
    if isinstance(build, BuildStatus):
        return IsolatedAgents(build)
    query = _isolation_query(build, area, topic_id, 0, COUNTED_ROWS)
    counted = build.isolated_holders(query)
    agents = by_agent(counted.rows)
    complete = counted.following is None
    following: int | None
    if complete:
        offset = offset if offset < len(agents) else 0
        end = offset + limit
        page, following = agents[offset:end], end if end < len(agents) else None
    else:
        found = build.isolated_holders(replace(query, offset=offset, limit=limit, by_agent=True))
        page, following = by_agent(found.rows), found.following
    return IsolatedAgents(
        build.status,
        page,
        offset,
        following,
        rows=counted.rows if complete else (),
        complete=complete,
        counted=len(agents),
        cases=len(counted.rows),
        topics=by_label(build),
        known=_known(build, area, topic_id) if topic_id else None,
        unclaimed=_unclaimed(build, topic_id),
    )


def topic_coverage(
    context: AnswerContext,
    area: str = "",
    topic_id: str = "",
    offset: int = 0,
    limit: int | None = TOPICS_PAGE,
) -> Coverage:
    """Return the number of holders of a topic by area; without a topic, of each topic in an area.

    With a topic and an area, only that area is counted. If `limit` is None, every topic is counted.
    Raises as `isolated_holders` does.
    """
    build = context.build()
    known_area(area)
    if isinstance(build, BuildStatus):
        return Coverage(build, area)
    if not topic_id:
        counts = build.coverage(area, offset, len(build.topics) if limit is None else limit)
        return Coverage(build.status, area, topics=counts.rows, following=counts.following)
    areas = build.areas_of(known_topic(build, topic_id))[1]
    return Coverage(
        build.status,
        area,
        topic=build.topics[topic_id].topic,
        areas=tuple(one for one in areas if not area or one.code == area),
    )


def topics_by_theme(
    context: AnswerContext, area: str = "", words: str = "", offset: int = 0
) -> ThemedTopics:
    """Return a page of topics by theme and label, then métiers, with their numbers in an area.

    `words`: only topics with a label that contains this text. Raises `InvalidParameter` for an
    unknown area, and `IndexUnreachable`.
    """
    build = context.build()
    known_area(area)
    if isinstance(build, BuildStatus):
        return ThemedTopics(build)
    asked = label_order(words.strip())
    found = [
        one for one in by_label(build) if any(asked in label_order(label) for label in one.labels)
    ]
    counts, _ = build.counted_page(area, offset, TOPICS_PAGE, by_theme(build, found))
    grouped = groupby(counts.rows, lambda one: (one.topic.kind, theme_of(build, one.topic)))
    return ThemedTopics(
        build.status,
        tuple(Theme(name, kind, tuple(rows)) for (kind, name), rows in grouped),
        counts.following,
        accepted_communities(build),
    )


def by_theme(build: OpenBuild, topics: Iterable[Topic]) -> list[Topic]:
    """Return topics by theme, then topics without a theme, then métiers.

    Each in the given order.
    """

    def order(topic: Topic) -> tuple[bool, bool, str]:
        theme = theme_of(build, topic)
        return topic.kind is TopicKind.METIER, not theme, label_order(theme)

    return sorted(topics, key=order)


def theme_of(build: OpenBuild, topic: Topic) -> str:
    """Return a topic's theme: the listed one, else the broadest topic of its hierarchy, if any."""
    if topic.kind is TopicKind.METIER:
        return ""
    top, seen = topic, {topic.id}
    while not top.theme and top.broader and top.broader[0] not in seen:
        top = build.topics[top.broader[0]].topic
        seen.add(top.id)
    if top.theme:
        return top.theme
    listed = (one.topic for one in build.topics.values() if one.topic.kind is TopicKind.TOPIC)
    above = any(top.id in one.broader for one in listed)
    return top.label if above else ""


def known_area(area: str) -> str:
    """Return the area if it is known or empty. Raises `InvalidParameter` otherwise."""
    if area and not is_area(area):
        raise InvalidParameter(
            "Territoire inconnu : « area » est un département ou une région, parmi "
            f"{', '.join([*DEPARTEMENTS, *(f'r{code}' for code in REGIONS)])}."
        )
    return area


def by_agent(rows: Iterable[IsolatedHolder]) -> tuple[IsolatedAgent, ...]:
    """Return agents by département, then name, with topics in the order of the rows."""
    of_agent: dict[str, list[IsolatedHolder]] = defaultdict(list)
    for row in rows:
        of_agent[row.agent.id].append(row)
    found = [IsolatedAgent(own[0].agent, _grouped_topics(own)) for own in of_agent.values()]
    return tuple(sorted(found, key=lambda one: _by_area_and_name(one.agent)))


def _isolation_query(
    build: OpenBuild, area: str, topic_id: str, offset: int, limit: int
) -> IsolationQuery:
    """Return the query; for a region, it selects agents who are isolated in the whole region."""
    wide = (IsolationScope.REGION, IsolationScope.COUNTRY)
    return IsolationQuery(
        departements=departements_of(area) if area else None,
        topic_ids=(known_topic(build, topic_id),) if topic_id else None,
        scopes=wide if area.startswith("r") else (IsolationScope.DEPARTEMENT, *wide),
        offset=offset,
        limit=limit,
    )


def _known(build: OpenBuild, area: str, topic_id: str) -> AreaCount:
    """Return the number of holders of a topic in an area."""
    counts = {one.code: one for one in build.areas_of(topic_id)[1]}
    nobody = CappedCount(0)
    return counts.get(area, AreaCount(area, nobody, nobody))


def _grouped_topics(rows: Iterable[IsolatedHolder]) -> tuple[IsolatedTopics, ...]:
    topics: dict[tuple[IsolationScope, Agent | None, float | None, AloneDegree], list[Topic]]
    topics = defaultdict(list)
    for row in rows:
        topics[row.scope, row.next, row.distance_km, row.degree].append(row.topic)
    return tuple(IsolatedTopics(tuple(own), *alike) for alike, own in topics.items())


def _by_area_and_name(agent: Agent) -> tuple[str, str, str, str]:
    family, given = label_order(agent.family_name), label_order(agent.given_name)
    return (agent.departement, family, given, agent.id)
