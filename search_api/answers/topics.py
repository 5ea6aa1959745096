"""Answers from the last build, under a reader's rights: topics, isolation, nearest topics."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache

from connectors.values import Agent
from expertise.answer_values import (
    BuildState,
    BuildStatus,
    CommunityView,
    IsolatedHolder,
    TopicView,
)
from expertise.builds import IsolationQuery
from expertise.current_build import LEAST_SHARED, OpenBuild, departements_of, is_area, nearest_topic
from expertise.holders import IsolationScope
from expertise.peers import communities_on, topic_view
from expertise.topics import Topic, label_order
from expertise.visibility import may_be_shown
from expertise.who_knows import Experts
from indexer.access import Reader, access_filter
from indexer.french.analysis import terms
from indexer.values import Card, Question, ShowRequest
from search_api.catalogue.texts import _, marked
from search_api.problems import Problem
from search_api.services import Services

ISOLATION_PAGE = 100
"""Rows of one page of isolated holders."""
TOPICS_PAGE = 50
READ_FIRST = 8
"""Documents and questions that a topic's page offers."""
_NOT_SHOWN = marked("Aucune cartographie n’est publiée, ou la dernière est trop ancienne.")


def reading_of(services: Services) -> OpenBuild | BuildStatus:
    """The build of today's answers, or why there is none."""
    if services.overview is None:
        return BuildStatus(BuildState.NONE)
    return services.overview.reading(services.today())


def topic_to_go_on_from(services: Services, question: str, found: Experts) -> Topic | None:
    """The topic to go on from where nobody is known for sure; else None, or without a build."""
    reading = reading_of(services)
    surely = any(one.sure for one in found.candidates)
    if surely or isinstance(reading, BuildStatus) or not question.strip():
        return None
    return nearest_topic(reading, question, found.nearest)


def shown_reading(reading: OpenBuild | BuildStatus) -> OpenBuild:
    """The build. Raises `Problem` 404 where there is none to show."""
    if isinstance(reading, BuildStatus):
        raise Problem(404, _(_NOT_SHOWN))
    return reading


def alone_query(
    reading: OpenBuild, area: str, topic_id: str, offset: int = 0, limit: int = ISOLATION_PAGE
) -> IsolationQuery:
    """Read an area and a topic; a region asks for who is alone in the whole of it.

    Raises `Problem` 404 for a topic that is not listed, 422 for an area that is none.
    """
    known_area(area)
    known_topic(reading, topic_id)
    wide = (IsolationScope.REGION, IsolationScope.COUNTRY)
    return IsolationQuery(
        departements=departements_of(area) if area else None,
        topic_ids=(topic_id,) if topic_id else None,
        scopes=wide if area.startswith("r") else (IsolationScope.DEPARTEMENT, *wide),
        offset=offset,
        limit=limit,
    )


def known_topic(reading: OpenBuild, topic_id: str) -> str:
    """The topic's id, if it is listed, or empty. Raises `Problem` 404."""
    if topic_id and topic_id not in reading.topics:
        raise Problem(404, _("Ce sujet n’est pas dans la liste."))
    return topic_id


def known_area(area: str) -> str:
    """The area, if it is one. Raises `Problem` 422."""
    if area and not is_area(area):
        raise Problem(
            422, _("Le paramètre « area » n’est ni un département (22) ni une région (r53).")
        )
    return area


@dataclass(frozen=True, slots=True)
class TopicAnswer:
    """A topic, with the documents and questions that the reader may read."""

    view: TopicView
    documents: tuple[Card, ...]
    questions: tuple[Card, ...]


def topic_page(reading: OpenBuild, topic_id: str, reader: Reader) -> TopicAnswer:
    """Raises `Problem` 404 for a topic that is not listed."""
    view = topic_view(reading, topic_id)
    if view is None:
        raise Problem(404, _("Ce sujet n’est pas dans la liste."))
    documents = [one for one in view.documents if one not in set(view.questions)]
    return TopicAnswer(
        view,
        _readable(reading, reader, documents[:READ_FIRST]),
        _readable(reading, reader, view.questions[:READ_FIRST]),
    )


def shown_agent(services: Services, agent_id: str, reader: Reader) -> Agent:
    """Oneself, or who may be shown. Raises `Problem` 404 for all others alike."""
    agent = services.people.agent(agent_id)
    if agent is None or not may_be_shown(agent, services.today(), reader.agent_id):
        raise Problem(404, _("Aucun agent de ce nom ne peut être montré."))
    return agent


def _readable(reading: OpenBuild, reader: Reader, ids: Sequence[str]) -> tuple[Card, ...]:
    if not ids:
        return ()
    asked = ShowRequest(access_filter(reader), tuple(ids), Question())
    return tuple(shown.card for shown in reading.standing.index.show(asked))


NEAREST_TOPICS = 3
_Labels = tuple[tuple[str, tuple[str, ...]], ...]
"""(topic id, all that it is called) pairs."""


@dataclass(frozen=True, slots=True)
class RelatedTopics:
    """Topics nearest in words, and a community on one of them, if there is any."""

    topics: tuple[Topic, ...] = ()
    community: CommunityView | None = None


def related_topics(services: Services, text: str, *, far: bool = False) -> RelatedTopics:
    """Of what every agent may read; nothing where no build is shown.

    Where no document comes near the question (`far`), only topics that it names whole.
    """
    reading = reading_of(services)
    if not isinstance(reading, OpenBuild):
        return RelatedTopics()
    topics = tuple(
        reading.topics[id_].topic
        for id_ in _nearest_topics(reading, text, 1.0 if far else LEAST_SHARED)
    )
    found = communities_on(reading, [one.id for one in topics]) if topics else ()
    return RelatedTopics(topics, found[0] if found else None)


def _nearest_topics(reading: OpenBuild, text: str, least: float) -> Sequence[str]:
    """By the words in common, at least so large a share of a label's."""
    labels = tuple(
        (id_, (one.topic.label, *one.topic.alt_labels)) for id_, one in reading.topics.items()
    )
    asked = frozenset(terms(text))
    shared = {
        id_: max(len(asked & words) / len(asked | words) for words in ways)
        for id_, ways in _terms_of(labels)
        if any(words and len(asked & words) >= least * len(words) for words in ways)
    }
    return sorted(shared, key=lambda id_: (-shared[id_], id_))[:NEAREST_TOPICS]


@lru_cache(maxsize=2)
def _terms_of(labels: _Labels) -> tuple[tuple[str, tuple[frozenset[str], ...]], ...]:
    return tuple((id_, tuple(frozenset(terms(way)) for way in ways)) for id_, ways in labels)


@dataclass(frozen=True, slots=True)
class IsolatedTopics:
    """Topics of one agent that are alike in all else: how far alone, and who comes next."""

    topics: tuple[Topic, ...]
    scope: IsolationScope
    next: Agent | None
    distance_km: float | None


@dataclass(frozen=True, slots=True)
class IsolatedAgent:
    """One agent in their département."""

    agent: Agent
    alone_on: tuple[IsolatedTopics, ...]


def by_agent(rows: Iterable[IsolatedHolder]) -> tuple[IsolatedAgent, ...]:
    """By département, then name; topics in the order of the rows."""
    of_agent: dict[str, list[IsolatedHolder]] = defaultdict(list)
    for row in rows:
        of_agent[row.agent.id].append(row)
    found = [IsolatedAgent(own[0].agent, _grouped_topics(own)) for own in of_agent.values()]
    return tuple(sorted(found, key=lambda one: _by_area_and_name(one.agent)))


def _grouped_topics(rows: Iterable[IsolatedHolder]) -> tuple[IsolatedTopics, ...]:
    topics: dict[tuple[IsolationScope, Agent | None, float | None], list[Topic]] = defaultdict(list)
    for row in rows:
        topics[row.scope, row.next, row.distance_km].append(row.topic)
    return tuple(IsolatedTopics(tuple(own), *alike) for alike, own in topics.items())


def _by_area_and_name(agent: Agent) -> tuple[str, str, str, str]:
    family, given = label_order(agent.family_name), label_order(agent.given_name)
    return (agent.departement, family, given, agent.id)
