"""Agents: what the API says of one of them, and who shares their topics."""

from fastapi import APIRouter, Request

from expertise.agent_profile import profile_of
from expertise.peers import peers_of
from indexer.access import access_filter
from search_api.agents.bodies import ProfileBody, profile_answer
from search_api.api import PROBLEMS
from search_api.questions.asked import NamedReader
from search_api.services import services_of
from search_api.topics.answers import reading_of, shown_agent, shown_reading
from search_api.topics.bodies import PeersBody
from search_api.topics.schemas import peers_answer

router = APIRouter(prefix="/api/v1", responses=PROBLEMS)


@router.get("/agents/{agent_id:path}/peers")
def peers(request: Request, reader: NamedReader, agent_id: str) -> PeersBody:
    """Who shares an agent's topics; the strength is shown to the agent alone."""
    services = services_of(request)
    agent = shown_agent(services, agent_id, reader)
    reading = shown_reading(reading_of(services))
    found = peers_of(reading, agent, access_filter(reader), to_self=agent.id == reader.agent_id)
    return peers_answer(reading.dated, found)


@router.get("/agents/{agent_id:path}")
def profile(request: Request, reader: NamedReader, agent_id: str) -> ProfileBody:
    """An agent: topics with evidence, skills confirmed or declared, communities, peers.

    Who is not listed or has left is as unknown as an id that never was, but to themselves.
    """
    services = services_of(request)
    agent = shown_agent(services, agent_id, reader)
    found = profile_of(
        reading_of(services),
        agent,
        access_filter(reader),
        services.today(),
        to_self=agent.id == reader.agent_id,
    )
    return profile_answer(found)
