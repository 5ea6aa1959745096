"""Isolation, coverage, topics and peers become the bodies of the API's answers."""

from collections.abc import Sequence

from connectors.areas import DEPARTEMENTS, REGIONS
from connectors.values import Agent
from expertise.overview_values import (
    Alone,
    AlonePage,
    AreaCount,
    CommunityView,
    Count,
    Dated,
    OwnTopic,
    Peer,
    Peers,
    TopicCount,
    TopicCounts,
    TopicView,
)
from expertise.topics import Topic
from indexer.values import Card
from search_api.bodies import AreaBody, ReferenceBody
from search_api.catalogue.texts import _, marked
from search_api.schemas import agent_body, evidence_body
from search_api.topics.bodies import (
    AloneBody,
    AreaCountBody,
    BuildBody,
    CommunityBody,
    CountBody,
    CoverageBody,
    HolderBody,
    IsolationBody,
    OwnTopicBody,
    PeerBody,
    PeersBody,
    TopicBody,
    TopicCountBody,
    TopicProfileBody,
)
from search_api.wording import contact, web_address

EVERYWHERE = marked("France entière")


def build_body(dated: Dated) -> BuildBody:
    """Of which day an answer is, or why there is none."""
    return BuildBody(state=dated.state, day=dated.day)


def isolation_answer(dated: Dated, page: AlonePage) -> IsolationBody:
    """The body of an answer about who is alone."""
    return IsolationBody(
        build=build_body(dated),
        rows=[_alone(one) for one in page.rows],
        following=page.following,
    )


def area_coverage(
    dated: Dated, topic: Topic, areas: Sequence[AreaCount], area: str
) -> CoverageBody:
    """The body of a topic's coverage, area by area."""
    return CoverageBody(
        build=build_body(dated),
        topic=topic_body(topic),
        area=area_body(area),
        areas=[_area_count(one) for one in areas if not area or one.code == area],
        topics=[],
        following=None,
    )


def topic_coverage(dated: Dated, counts: TopicCounts, area: str) -> CoverageBody:
    """The body of an area's coverage, topic by topic."""
    return CoverageBody(
        build=build_body(dated),
        topic=None,
        area=area_body(area),
        areas=[],
        topics=[_topic_count(one) for one in counts.rows],
        following=counts.following,
    )


def topic_answer(
    dated: Dated, view: TopicView, documents: Sequence[Card], questions: Sequence[Card]
) -> TopicProfileBody:
    """The body of a topic's profile; the cards are those that the reader may read."""
    return TopicProfileBody(
        build=build_body(dated),
        topic=topic_body(view.topic),
        alt_labels=list(view.topic.alt_labels),
        holders=[HolderBody(agent=agent_body(h.agent), basis=h.basis) for h in view.holders],
        areas=[_area_count(one) for one in view.areas],
        documents=[reference_body(card) for card in documents],
        questions=[reference_body(card) for card in questions],
        broader=list(map(topic_body, view.broader)),
        narrower=list(map(topic_body, view.narrower)),
        related=list(map(topic_body, view.related)),
    )


def peers_answer(dated: Dated, found: Peers) -> PeersBody:
    """The body of an answer about who shares an agent's topics."""
    return PeersBody(
        build=build_body(dated),
        agent=agent_body(found.agent),
        topics=[own_topic_body(one) for one in found.topics],
        peers=[peer_body(one) for one in found.peers],
        communities=[community_body(one) for one in found.communities],
    )


def risks(one: TopicCount) -> list[str]:
    """What is at risk about a topic, in words for programs."""
    found = []
    if one.holders.agents == 1 and not one.holders.more:
        found.append("one_holder")
    if not one.holders.agents and one.documented:
        found.append("nobody")
    if one.open_questions:
        found.append("open_questions")
    return found


def area_label(code: str) -> str:
    """The name of `22`, `r53`, or of everywhere."""
    if code.startswith("r"):
        return REGIONS.get(code[1:], code)
    return DEPARTEMENTS.get(code, code) if code else _(EVERYWHERE)


def area_body(code: str) -> AreaBody:
    """An area with its name."""
    return AreaBody(code=code, name=area_label(code))


def topic_body(topic: Topic) -> TopicBody:
    """A topic without its place in the list."""
    return TopicBody(id=topic.id, label=topic.label, kind=topic.kind)


def reached_at(agent: Agent) -> str:
    """The address that the agent's entity wishes to be written to: their own, or another."""
    return contact(agent).address


def _alone(one: Alone) -> AloneBody:
    return AloneBody(
        topic=topic_body(one.topic),
        agent=agent_body(one.agent),
        basis=one.basis,
        scope=one.scope,
        next=agent_body(one.next) if one.next else None,
        distance_km=_whole(one.distance_km),
    )


def _area_count(one: AreaCount) -> AreaCountBody:
    return AreaCountBody(
        area=area_body(one.code), holders=_count(one.holders), declared=_count(one.declared)
    )


def _topic_count(one: TopicCount) -> TopicCountBody:
    return TopicCountBody(
        topic=topic_body(one.topic),
        holders=_count(one.holders),
        declared=_count(one.declared),
        open_questions=one.open_questions,
        risks=risks(one),
    )


def _count(one: Count) -> CountBody:
    return CountBody(agents=one.agents, more=one.more)


def own_topic_body(one: OwnTopic) -> OwnTopicBody:
    """A topic of an agent."""
    return OwnTopicBody(
        topic=topic_body(one.topic),
        basis=one.basis,
        strength=one.strength,
        evidence=list(map(evidence_body, one.evidence)),
    )


def peer_body(one: Peer) -> PeerBody:
    """An agent with the same topics."""
    return PeerBody(
        agent=agent_body(one.agent),
        topics=list(map(topic_body, one.topics)),
        distance_km=_whole(one.distance_km),
    )


def community_body(one: CommunityView) -> CommunityBody:
    """Agents whom topics bring together."""
    return CommunityBody(
        topics=list(map(topic_body, one.topics)),
        members=list(map(agent_body, one.members)),
        proposed=one.proposed,
    )


def reference_body(card: Card) -> ReferenceBody:
    """A document to go to."""
    return ReferenceBody(id=card.document_id, title=card.title, url=web_address(card.url))


def _whole(km: float | None) -> int | None:
    return None if km is None else round(km)
