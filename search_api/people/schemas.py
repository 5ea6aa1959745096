"""API schema of an agent's profile, as others see it."""

from pydantic import Field

from search_api.bodies import AgentBody, Body
from search_api.topics.schemas import BuildBody, CommunityBody, OwnTopicBody, PeerBody


class SkillBody(Body):
    """A skill in the directory."""

    label: str
    renew: bool = Field(description="declared over a year ago, and no document shows it")


class ProfileBody(Body):
    """An agent's profile; demonstrated, confirmed and declared skills are kept apart."""

    build: BuildBody = Field(description="topics, peers and communities come from it")
    agent: AgentBody
    metier: OwnTopicBody | None = Field(description="the métier, if it is a topic of the list")
    by_metier: list[OwnTopicBody] = Field(description="topics that the métier is about")
    by_mission: list[OwnTopicBody] = Field(description="topics of missions in force")
    demonstrated: list[OwnTopicBody] = Field(
        validation_alias="shown", description="by label; evidence newest first"
    )
    confirmed: list[SkillBody] = Field(description="skills that somebody else confirmed")
    declared: list[SkillBody] = Field(description="skills that the agent declared")
    peers: list[PeerBody]
    communities: list[CommunityBody]
