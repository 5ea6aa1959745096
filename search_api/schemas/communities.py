"""API schemas for animators: risks, proposals, communities, decisions."""

from collections.abc import Sequence
from datetime import date, datetime

from pydantic import BaseModel, ConfigDict, Field

from expertise.community_management import AtRisk, Proposal
from expertise.consent import LONGEST_REASON
from expertise.decisions import TopicDecision, Verdict
from search_api.answers.community_management import (
    CommunityAction,
    ProposalAction,
    ProposedCommunities,
    ProposedTopics,
    TopicsToWatch,
    all_risks,
)
from search_api.answers.community_pages import CommunityPage, CommunityPageAct
from search_api.answers.corrections import HolderAction, Removal
from search_api.asking.values import SOURCE
from search_api.schemas.asking import BriefQuestionBody, brief_question
from search_api.schemas.search import AgentBody, ReferenceBody
from search_api.schemas.search_responses import agent_body
from search_api.schemas.topics import (
    BuildBody,
    CommunityBody,
    TopicBody,
    build_body,
    community_body,
    reference_body,
    topic_body,
)


class _CommunitySchema(BaseModel):
    model_config = ConfigDict(frozen=True)


class ProposalBody(_CommunitySchema):
    """A proposed topic that the list lacks."""

    id: str
    terms: list[str] = Field(description="the most telling first")
    documents: int = Field(description="how many it rests on, all open to every agent")
    cited: list[ReferenceBody]
    people: list[AgentBody] = Field(description="who contributed to them, by area and name")


class DecisionBody(_CommunitySchema):
    """A decision on a proposed topic; it applies from the next build on."""

    id: str
    verdict: Verdict
    label: str
    topic_id: str
    day: date


class ProposalsBody(_CommunitySchema):
    """Proposed topics that wait for a decision, and the decisions taken."""

    build: BuildBody
    proposals: list[ProposalBody]
    decisions: list[DecisionBody]


class ProposalRequest(_CommunitySchema):
    """A decision to take on a proposed topic."""

    verdict: ProposalAction
    label: str = Field("", description="the topic's name; of a merger, one of its other names")
    into: str = Field("", description="id of the topic to merge into")


class LeavingBody(_CommunitySchema):
    """A holder who leaves soon."""

    agent: AgentBody
    departure: date


class AtRiskBody(_CommunitySchema):
    """A topic to watch."""

    topic: TopicBody
    risks: list[str] = Field(description="one_holder, left, nobody, open_questions, leaving")
    holders: list[AgentBody] = Field(description="where they are few")
    leaving: list[LeavingBody]
    open_questions: int


class RisksBody(_CommunitySchema):
    """Topics that the reader animates and should watch, by label."""

    build: BuildBody
    topics: list[AtRiskBody]


class HolderRequest(_CommunitySchema):
    """What to do about an agent on a topic."""

    agent: str = Field(max_length=4_000, description="the agent's id")
    act: HolderAction
    reason: str = Field(
        "",
        max_length=4_000,
        description=f"to remove them: they read it; {LONGEST_REASON} characters",
    )


class RemovalBody(_CommunitySchema):
    """An agent who was removed from a topic."""

    agent: AgentBody
    topic_id: str
    label: str
    reason: str
    by: AgentBody | None = Field(description="null if the animator may not be named")
    since: datetime


class RemovalsBody(_CommunitySchema):
    """Those of the topics that one animates, the newest first."""

    removed: list[RemovalBody]


class CommunityPageRequest(_CommunitySchema):
    """A change of a community's page."""

    act: CommunityPageAct
    document: str = Field("", max_length=4_000, description="a document's id, to pin or unpin")


class CommunityPageBody(_CommunitySchema):
    """A community, with the documents and questions that the reader may read."""

    build: BuildBody
    topic: TopicBody
    members: list[AgentBody]
    member: bool = Field(description="you are one of them")
    shown_on: date | None = Field(
        None, description="it invites you: the day on which you are shown unless you refuse"
    )
    closed: bool = Field(description="nobody joins it or asks it any more")
    pinned: list[ReferenceBody] = Field(description="the newest pin first")
    waiting: list[BriefQuestionBody]
    answered: list[BriefQuestionBody]
    questions: list[ReferenceBody] = Field(description="without answer, of other sources")
    documents: list[ReferenceBody] = Field(description="to begin with")
    news: list[ReferenceBody] = Field(description="changed within a year")
    animates: bool = Field(description="you may pin and close")


class CommunityRequest(_CommunitySchema):
    """A decision on a community; `forget` takes a decision back."""

    verdict: CommunityAction


class CommunityDecisionBody(_CommunitySchema):
    """A decision on a topic's community; it applies at once."""

    topic_id: str
    verdict: Verdict
    day: date


class CommunitiesBody(_CommunitySchema):
    """Proposed communities on topics that the reader animates, and the decisions taken."""

    build: BuildBody
    proposed: list[CommunityBody]
    decisions: list[CommunityDecisionBody]


def community_page_body(page: CommunityPage) -> CommunityPageBody:
    """Return the response body for one community."""
    found = page.community
    asked_elsewhere = [one for one in found.questions if one.source != SOURCE]
    return CommunityPageBody(
        build=build_body(found.build),
        topic=topic_body(found.topic),
        members=list(map(agent_body, found.members)),
        member=found.member,
        shown_on=found.invitation.shown_on if found.invitation else None,
        closed=page.closed,
        pinned=list(map(reference_body, page.pinned)),
        waiting=list(map(brief_question, page.waiting)),
        answered=list(map(brief_question, page.answered)),
        questions=list(map(reference_body, asked_elsewhere)),
        documents=list(map(reference_body, found.documents)),
        news=list(map(reference_body, page.news)),
        animates=page.animates,
    )


def proposal_body(one: Proposal) -> ProposalBody:
    """Return the body of a proposed topic."""
    return ProposalBody(
        id=one.id,
        terms=list(one.terms),
        documents=one.documents,
        cited=list(map(reference_body, one.cited)),
        people=list(map(agent_body, one.people)),
    )


def decision_body(one: TopicDecision) -> DecisionBody:
    """Return the body of a decision, without the terms of the proposal."""
    return DecisionBody(
        id=one.id, verdict=one.verdict, label=one.label, topic_id=one.topic_id, day=one.day
    )


def at_risk_body(one: AtRisk) -> AtRiskBody:
    """Return the body of a topic to watch."""
    return AtRiskBody(
        topic=topic_body(one.count.topic),
        risks=all_risks(one),
        holders=list(map(agent_body, one.holders)),
        leaving=[
            LeavingBody(agent=agent_body(agent), departure=agent.departure)
            for agent in one.leaving
            if agent.departure
        ],
        open_questions=one.count.open_questions,
    )


def risks_body(found: TopicsToWatch) -> RisksBody:
    """Return the response body for topics at risk."""
    return RisksBody(
        build=build_body(found.build), topics=[at_risk_body(one) for one in found.topics]
    )


def proposals_body(found: ProposedTopics) -> ProposalsBody:
    """Return the response body for proposed topics."""
    return ProposalsBody(
        build=build_body(found.build),
        proposals=[proposal_body(one) for one in found.waiting],
        decisions=[decision_body(one) for one in found.decisions],
    )


def communities_body(found: ProposedCommunities) -> CommunitiesBody:
    """Return the response body for proposed communities."""
    return CommunitiesBody(
        build=build_body(found.build),
        proposed=[community_body(one) for one in found.waiting],
        decisions=[
            CommunityDecisionBody(topic_id=one.topic_id, verdict=one.verdict, day=one.day)
            for one in found.decisions
        ],
    )


def removals_body(found: Sequence[Removal]) -> RemovalsBody:
    """The body of an answer about who was removed from topics."""
    return RemovalsBody(
        removed=[
            RemovalBody(
                agent=agent_body(one.agent),
                topic_id=one.topic_id,
                label=one.label,
                reason=one.reason,
                by=agent_body(one.by) if one.by else None,
                since=one.since,
            )
            for one in found
        ]
    )
