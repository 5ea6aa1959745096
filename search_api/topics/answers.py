"""What the API and the pages ask of the last build, under a reader's rights."""

from collections.abc import Sequence
from dataclasses import dataclass

from connectors.values import Agent
from expertise.builds import AloneQuery
from expertise.find import Experts
from expertise.isolating import Scope
from expertise.nearest_topic import nearest_topic
from expertise.overview import Reading, departements_of, is_area
from expertise.overview_values import Dated, Shown, TopicView
from expertise.peers import topic_view
from expertise.showing import may_be_shown
from expertise.topics import Topic
from indexer.access import Reader, access_filter
from indexer.values import Card, Question, ShowRequest
from search_api.catalogue.texts import _, marked
from search_api.problems import Problem
from search_api.services import Services

PAGE = 100
"""Rows of one page of isolated holders."""
TOPICS_PAGE = 50
READ_FIRST = 8
"""Documents and questions that a topic's page offers."""
_NOT_SHOWN = marked("Aucune cartographie n’est publiée, ou la dernière est trop ancienne.")


def reading_of(services: Services) -> Reading | Dated:
    """The build of today's answers, or why there is none."""
    if services.overview is None:
        return Dated(Shown.NONE)
    return services.overview.reading(services.today())


def topic_beside(services: Services, question: str, found: Experts) -> Topic | None:
    """The topic to go on from where nobody is known for sure; else None, or without a build."""
    reading = reading_of(services)
    surely = any(one.sure for one in found.candidates)
    if surely or isinstance(reading, Dated) or not question.strip():
        return None
    return nearest_topic(reading, question, found.nearest)


def shown_reading(reading: Reading | Dated) -> Reading:
    """The build. Raises `Problem` 404 where there is none to show."""
    if isinstance(reading, Dated):
        raise Problem(404, _(_NOT_SHOWN))
    return reading


def alone_query(
    reading: Reading, area: str, topic_id: str, offset: int = 0, limit: int = PAGE
) -> AloneQuery:
    """Read an area and a topic; a region asks for who is alone in the whole of it.

    Raises `Problem` 404 for a topic that is not listed, 422 for an area that is none.
    """
    known_area(area)
    known_topic(reading, topic_id)
    wide = (Scope.REGION, Scope.COUNTRY)
    return AloneQuery(
        departements=departements_of(area) if area else None,
        topic_ids=(topic_id,) if topic_id else None,
        scopes=wide if area.startswith("r") else (Scope.DEPARTEMENT, *wide),
        offset=offset,
        limit=limit,
    )


def known_topic(reading: Reading, topic_id: str) -> str:
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
class TopicPage:
    """A topic, with the documents and questions that the reader may read."""

    view: TopicView
    documents: tuple[Card, ...]
    questions: tuple[Card, ...]


def topic_page(reading: Reading, topic_id: str, reader: Reader) -> TopicPage:
    """Raises `Problem` 404 for a topic that is not listed."""
    view = topic_view(reading, topic_id)
    if view is None:
        raise Problem(404, _("Ce sujet n’est pas dans la liste."))
    documents = [one for one in view.documents if one not in set(view.questions)]
    return TopicPage(
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


def _readable(reading: Reading, reader: Reader, ids: Sequence[str]) -> tuple[Card, ...]:
    if not ids:
        return ()
    asked = ShowRequest(access_filter(reader), tuple(ids), Question())
    return tuple(shown.card for shown in reading.standing.index.show(asked))
