"""The API's answer about one agent."""

from pydantic import BaseModel, ConfigDict, Field

from expertise.agent_profile import AgentProfile, Skill
from search_api.bodies import AgentBody
from search_api.schemas import agent_body
from search_api.topics.bodies import BuildBody, CommunityBody, OwnTopicBody, PeerBody
from search_api.topics.schemas import build_body, community_body, own_topic_body, peer_body


class SkillBody(BaseModel):
    """A skill that the directory states."""

    model_config = ConfigDict(frozen=True)

    label: str
    renew: bool = Field(description="declared over a year ago, and shown by no document")


class ProfileBody(BaseModel):
    """An agent: demonstrated, confirmed and declared are three things."""

    model_config = ConfigDict(frozen=True)

    build: BuildBody = Field(description="topics, peers and communities come from it")
    agent: AgentBody
    metier: OwnTopicBody | None = Field(description="the métier, where it is one of the list")
    demonstrated: list[OwnTopicBody] = Field(description="by label; evidence newest first")
    confirmed: list[SkillBody] = Field(description="somebody else vouches for them")
    declared: list[SkillBody] = Field(description="the agent's own word")
    peers: list[PeerBody]
    communities: list[CommunityBody]


def profile_answer(found: AgentProfile) -> ProfileBody:
    """The body of an answer about one agent."""
    return ProfileBody(
        build=build_body(found.dated),
        agent=agent_body(found.agent),
        metier=own_topic_body(found.metier) if found.metier else None,
        demonstrated=list(map(own_topic_body, found.shown)),
        confirmed=list(map(_skill, found.confirmed)),
        declared=list(map(_skill, found.declared)),
        peers=list(map(peer_body, found.peers)),
        communities=list(map(community_body, found.communities)),
    )


def _skill(one: Skill) -> SkillBody:
    return SkillBody(label=one.label, renew=one.renew)
