"""The API's answers to who animates topics."""

from datetime import date
from enum import StrEnum

from pydantic import BaseModel, ConfigDict, Field

from expertise.at_risk import AtRisk
from expertise.decisions import Decision, Verdict
from expertise.proposals import Proposal
from search_api.bodies import AgentBody, ReferenceBody
from search_api.schemas import agent_body
from search_api.topics.bodies import BuildBody, CommunityBody, TopicBody
from search_api.topics.schemas import reference_body, risks, topic_body


class _Body(BaseModel):
    model_config = ConfigDict(frozen=True)


class ProposalBody(_Body):
    """A subject that the list lacks."""

    id: str
    terms: list[str] = Field(description="the most telling first")
    documents: int = Field(description="how many it rests on, all open to every agent")
    cited: list[ReferenceBody]
    people: list[AgentBody] = Field(description="who contributed to them, by area and name")


class DecisionBody(_Body):
    """What was decided; it acts at the next build."""

    id: str
    verdict: Verdict
    label: str
    topic_id: str
    day: date


class ProposalsBody(_Body):
    """Subjects that wait for a decision, and the decisions taken."""

    build: BuildBody
    proposals: list[ProposalBody]
    decisions: list[DecisionBody]


class Asked(StrEnum):
    """What an animator wants done with a proposal."""

    ACCEPT = "accept"
    MERGE = "merge"
    REFUSE = "refuse"


class DecideBody(_Body):
    """A decision to take."""

    verdict: Asked
    label: str = Field("", description="the topic's name; of a merger, one of its other names")
    into: str = Field("", description="id of the topic to merge into")


class LeavingBody(_Body):
    """A holder who leaves soon."""

    agent: AgentBody
    departure: date


class AtRiskBody(_Body):
    """A topic to watch."""

    topic: TopicBody
    risks: list[str] = Field(description="one_holder, nobody, open_questions, leaving")
    holders: list[AgentBody] = Field(description="where they are few")
    leaving: list[LeavingBody]
    open_questions: int


class RisksBody(_Body):
    """The topics that one animates and should watch, by label."""

    build: BuildBody
    topics: list[AtRiskBody]


class Word(StrEnum):
    """What an animator says of a proposed community, or of a decision on one."""

    ACCEPT = "accept"
    REFUSE = "refuse"
    FORGET = "forget"


class WordBody(_Body):
    """A decision on a community; `forget` takes one back."""

    verdict: Word


class GatheringBody(_Body):
    """What was decided of a topic's community; it acts at once."""

    topic_id: str
    verdict: Verdict
    day: date


class GatheringsBody(_Body):
    """Communities that wait for a decision, on topics that one animates; and decisions."""

    build: BuildBody
    proposed: list[CommunityBody]
    decisions: list[GatheringBody]


def proposal_body(one: Proposal) -> ProposalBody:
    """A proposal."""
    return ProposalBody(
        id=one.id,
        terms=list(one.terms),
        documents=one.documents,
        cited=list(map(reference_body, one.cited)),
        people=list(map(agent_body, one.people)),
    )


def decision_body(one: Decision) -> DecisionBody:
    """A decision, without what it was about."""
    return DecisionBody(
        id=one.id, verdict=one.verdict, label=one.label, topic_id=one.topic_id, day=one.day
    )


def at_risk_body(one: AtRisk) -> AtRiskBody:
    """A topic to watch."""
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


def all_risks(one: AtRisk) -> list[str]:
    """Those that everybody may know, and the departures."""
    return [*risks(one.count), *(["leaving"] if one.leaving else [])]
