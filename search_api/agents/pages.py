"""An agent's page, to which every name leads; «vos pairs»."""

from typing import Annotated

from fastapi import APIRouter, Query, Request
from fastapi.responses import HTMLResponse

from expertise.agent_profile import profile_of
from expertise.overview_values import Dated
from expertise.peers import peers_of
from indexer.access import access_filter
from search_api.addresses import topic_address
from search_api.catalogue.texts import _
from search_api.questions.asked import NamedReader
from search_api.services import services_of
from search_api.templating import render
from search_api.topics.answers import reading_of, shown_agent
from search_api.topics.pages import not_mapped
from search_api.wording import kilometres

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
    if isinstance(reading, Dated):
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
