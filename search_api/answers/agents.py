"""An agent as a reader may see them, and who shares their topics."""

from dataclasses import dataclass

from connectors.values import Agent
from expertise.answer_values import BuildStatus, Peers
from expertise.peers import AgentProfile, peers_of, profile_of
from expertise.visibility import may_be_shown
from indexer.access import Reader, access_filter
from search_api.answers.context import AnswerContext, NotFound, incomplete


@dataclass(frozen=True, slots=True)
class ProfileAnswer:
    """What a reader may see of an agent. `own`: it is the reader's.

    `incomplete` names the authorities that did not answer: evidence may be missing.
    """

    profile: AgentProfile
    own: bool
    incomplete: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class PeersAnswer:
    """Who shares an agent's topics; the rest as in `ProfileAnswer`."""

    build: BuildStatus
    peers: Peers
    own: bool
    incomplete: tuple[str, ...]


def agent_profile(context: AnswerContext, reader: Reader, agent_id: str) -> ProfileAnswer:
    """Topics with evidence, skills confirmed or declared, communities, peers.

    Without a build the directory alone speaks. The strength of a topic is for the agent alone.
    Raises `NotFound` for who may not be shown, `IndexUnreachable`.
    """
    agent = shown_agent(context, reader, agent_id)
    own = agent.id == reader.agent_id
    access, today = access_filter(reader), context.today()
    profile = profile_of(context.build(), agent, access, today, to_self=own)
    return ProfileAnswer(profile, own, incomplete(reader))


def agent_peers(context: AnswerContext, reader: Reader, agent_id: str = "") -> PeersAnswer:
    """Who shares an agent's topics, the reader's own where nobody is named.

    Raises `NotFound` for who may not be shown, `NoBuild`, `IndexUnreachable`.
    """
    agent = shown_agent(context, reader, agent_id or reader.agent_id or "")
    own = agent.id == reader.agent_id
    build = context.required_build()
    found = peers_of(build, agent, access_filter(reader), to_self=own)
    return PeersAnswer(build.status, found, own, incomplete(reader))


def shown_agent(context: AnswerContext, reader: Reader, agent_id: str) -> Agent:
    """Oneself, or who may be shown. Raises `NotFound` for all others alike.

    Who is not listed or has left is as unknown as an id that never was, but to themselves.
    """
    agent = context.people.agent(agent_id)
    if agent is None or not may_be_shown(agent, context.today(), reader.agent_id):
        raise NotFound("Aucun agent de ce nom ne peut être montré.")
    return agent
