"""An agent's page, to which every name leads; their peers. API and pages."""

from typing import Annotated

from fastapi import APIRouter, Query, Request
from fastapi.responses import HTMLResponse

from expertise.answer_values import BuildStatus
from expertise.peers import peers_of, profile_of
from indexer.access import access_filter
from search_api.addresses import topic_address
from search_api.answers.topics import reading_of, shown_agent, shown_reading
from search_api.catalogue.texts import _
from search_api.catalogue.wording import kilometres
from search_api.parameters import NamedReader
from search_api.routes.api import PROBLEMS
from search_api.routes.topics import not_mapped
from search_api.schemas.agents import ProfileBody, profile_answer
from search_api.schemas.topics import PeersBody, peers_answer
from search_api.services import services_of
from search_api.templating import render

api_router = APIRouter(prefix="/api/v1", responses=PROBLEMS)


@api_router.get("/agents/{agent_id:path}/peers")
def peers(request: Request, reader: NamedReader, agent_id: str) -> PeersBody:
    """Who shares an agent's topics; the strength is shown to the agent alone."""
    services = services_of(request)
    agent = shown_agent(services, agent_id, reader)
    reading = shown_reading(reading_of(services))
    found = peers_of(reading, agent, access_filter(reader), to_self=agent.id == reader.agent_id)
    return peers_answer(reading.dated, found)


@api_router.get("/agents/{agent_id:path}")
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


router = APIRouter(include_in_schema=False)


@router.get("/agents/{agent_id:path}", response_class=HTMLResponse)
def agent_page(request: Request, reader: NamedReader, agent_id: str) -> str:
    """Topics with evidence, skills, communities and peers of who may be shown."""
    services = services_of(request)
    agent = shown_agent(services, agent_id, reader)
    own = agent.id == reader.agent_id
    reading, today = reading_of(services), services.today()
    return render(
        "agent.html",
        request=request,
        own=own,
        found=profile_of(reading, agent, access_filter(reader), today, to_self=own),
        topic_address=topic_address,
        km=kilometres,
    )


@router.get("/peers", response_class=HTMLResponse)
def peers_page(request: Request, reader: NamedReader, agent: Annotated[str, Query()] = "") -> str:
    """«Vos pairs»: one's own, or those of another agent who may be shown."""
    services = services_of(request)
    reading = reading_of(services)
    if isinstance(reading, BuildStatus):
        return not_mapped(request, "peers", _("Vos pairs"), reading)
    shown = shown_agent(services, agent or reader.agent_id or "", reader)
    own = shown.id == reader.agent_id
    return render(
        "peers.html",
        request=request,
        dated=reading.dated,
        own=own,
        found=peers_of(reading, shown, access_filter(reader), to_self=own),
        topic_address=topic_address,
        km=kilometres,
    )
