"""API schemas for animators: risks, proposals, communities, decisions."""

from collections.abc import Sequence
from datetime import date, datetime
from typing import Annotated, Self

from pydantic import BeforeValidator, Field

from connectors.values import Agent
from expertise.consent import LONGEST_REASON
from expertise.decisions import Verdict
from search_api.addresses import QUESTION_SOURCE
from search_api.bodies import AgentBody, Body, Joined, ReferenceBody
from search_api.communities.management import CommunityAction, ProposalAction
from search_api.communities.pages import CommunityPage, CommunityPageAct
from search_api.people.corrections import HolderAction
from search_api.questions.schemas import BriefQuestionBody
from search_api.topics.schemas import BuildBody, CommunityBody, TopicBody


def _leaving(agents: Sequence[Agent]) -> list[Joined]:
    return [Joined(agent=one, departure=one.departure) for one in agents if one.departure]


class ProposalBody(Body):
    """A proposed topic that is not in the list."""

    id: str
    terms: list[str] = Field(description="most specific first")
    documents: int = Field(description="number of documents behind it, all open to every agent")
    cited: list[ReferenceBody]
    people: list[AgentBody] = Field(description="their contributors, by area and name")


class DecisionBody(Body):
    """A decision on a proposed topic; it applies from the next build on."""

    id: str
    verdict: Verdict
    label: str
    topic_id: str
    day: date


class ProposalsBody(Body):
    """Proposed topics that wait for a decision, and the decisions taken."""

    build: BuildBody
    proposals: list[ProposalBody] = Field(validation_alias="waiting")
    decisions: list[DecisionBody]


class ProposalRequest(Body):
    """A decision to take on a proposed topic."""

    verdict: ProposalAction
    label: str = Field("", description="the topic's name; of a merger, one of its other names")
    into: str = Field("", description="id of the topic to merge into")


class LeavingBody(Body):
    """A holder who leaves soon."""

    agent: AgentBody
    departure: date


class AtRiskBody(Body):
    """A topic to watch."""

    parts_of_answer = ("count",)
    topic: TopicBody
    risks: list[str] = Field(description="one_holder, left, nobody, open_questions, leaving")
    holders: list[AgentBody] = Field(description="if they are few")
    leaving: Annotated[list[LeavingBody], BeforeValidator(_leaving)]
    open_questions: int


class RisksBody(Body):
    """Topics that the reader animates and should watch, by label."""

    build: BuildBody
    topics: list[AtRiskBody]


class HolderRequest(Body):
    """Removal of an agent from a topic, or its undoing."""

    agent: str = Field(max_length=4_000, description="the agent's id")
    act: HolderAction
    reason: str = Field(
        "",
        max_length=4_000,
        description=f"to remove them; they read it; at most {LONGEST_REASON} characters",
    )


class RemovalBody(Body):
    """An agent who was removed from a topic."""

    agent: AgentBody
    topic_id: str
    label: str
    reason: str
    by: AgentBody | None = Field(description="null if the animator may not be named")
    since: datetime


class RemovalsBody(Body):
    """Agents removed from topics that the reader animates, newest first."""

    removed: list[RemovalBody]


class CommunityPageRequest(Body):
    """A change of a community's page."""

    act: CommunityPageAct
    document: str = Field("", max_length=4_000, description="a document's id, to pin or unpin")


class CommunityPageBody(Body):
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
    questions: list[ReferenceBody] = Field(description="without answer, from other sources")
    documents: list[ReferenceBody] = Field(description="first documents to read")
    news: list[ReferenceBody] = Field(description="changed within a year")
    animates: bool = Field(description="you may pin and close")

    @classmethod
    def of(cls, page: CommunityPage) -> Self:
        """Return the body. Questions asked here are only in `waiting` and `answered`."""
        elsewhere = [one for one in page.community.questions if one.source != QUESTION_SOURCE]
        invited = page.community.invitation
        shown_on = invited.shown_on if invited else None
        joined = Joined(page, page.community, questions=elsewhere, shown_on=shown_on)
        return cls.model_validate(joined)


class CommunityRequest(Body):
    """A decision on a community; `forget` takes a decision back."""

    verdict: CommunityAction


class CommunityDecisionBody(Body):
    """A decision on a topic's community; it applies at once."""

    topic_id: str
    verdict: Verdict
    day: date


class CommunitiesBody(Body):
    """Proposed communities on topics that the reader animates, and the decisions taken."""

    build: BuildBody
    proposed: list[CommunityBody] = Field(validation_alias="waiting")
    decisions: list[CommunityDecisionBody]
