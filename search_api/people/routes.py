"""Agents' pages, which every name links to, and their peers. API and pages."""

from typing import Annotated

from fastapi import APIRouter, Query, Request
from fastapi.responses import HTMLResponse

from search_api.addresses import topic_address
from search_api.bodies import PROBLEMS
from search_api.context import NoBuild
from search_api.parameters import NamedReader, Offset, Typed
from search_api.people.agents import agent_peers, agent_profile
from search_api.people.schemas import ProfileBody
from search_api.query.query import Query as SearchQuery
from search_api.services import services_of
from search_api.templating import render
from search_api.topics.routes import not_mapped
from search_api.topics.schemas import PeersBody
from search_api.wording import kilometres

api_router = APIRouter(prefix="/api/v1", responses=PROBLEMS)
router = APIRouter(include_in_schema=False)


@api_router.get("/agents/{agent_id:path}/peers")
def peers(request: Request, reader: NamedReader, agent_id: str, offset: Offset = 0) -> PeersBody:
    """Return agents who share an agent's topics; only the agent themselves sees strengths."""
    return PeersBody.model_validate(agent_peers(services_of(request), reader, agent_id, offset))


@api_router.get("/agents/{agent_id:path}")
def profile(request: Request, reader: NamedReader, agent_id: str) -> ProfileBody:
    """Return an agent's topics with evidence, skills, communities and peers.

    Agents who are not listed or left are answered like an unknown id, except to themselves.
    """
    return ProfileBody.model_validate(agent_profile(services_of(request), reader, agent_id).profile)


@router.get("/agents/{agent_id:path}", response_class=HTMLResponse)
def agent_page(request: Request, reader: NamedReader, agent_id: str, q: Typed = "") -> str:
    """Show topics with evidence, skills, communities and peers of an agent.

    `q`: the question for which the agent was proposed; the page accepts an opinion on that.
    """
    found = agent_profile(services_of(request), reader, agent_id)
    return render(
        "agent.html",
        request=request,
        own=found.own,
        found=found.profile,
        q=q.strip(),
        search_address=SearchQuery,
        topic_address=topic_address,
        km=kilometres,
    )


@router.get("/peers", response_class=HTMLResponse)
def peers_page(
    request: Request, reader: NamedReader, agent: Annotated[str, Query()] = "", offset: Offset = 0
) -> str:
    """Show «Vos pairs»: the peers of the reader, or of another agent who may be shown."""
    try:
        found = agent_peers(services_of(request), reader, agent, offset)
    except NoBuild as none:
        return not_mapped(request, "peers", "Vos pairs", none.build)
    return render(
        "peers.html",
        request=request,
        dated=found.build,
        own=found.own,
        found=found.peers,
        offset=offset,
        topic_address=topic_address,
        km=kilometres,
    )
