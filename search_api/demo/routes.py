"""The demo: become another fictional agent."""

from typing import Annotated

from fastapi import APIRouter, Form, Request, Response
from fastapi.responses import HTMLResponse, RedirectResponse

from connectors.values import Agent
from indexer.french.analysis import folded_words
from search_api.addresses import local_path
from search_api.identity.tokens import DEMO_COOKIE, on_loopback
from search_api.problems import Problem
from search_api.services import Services, reader_of_page, services_of
from search_api.templating import render

router = APIRouter(include_in_schema=False)

MOST_CHOICES = 20
"""Maximum number of agents shown for a name."""


@router.post("/demo/agent", response_model=None)
def choose_agent(
    request: Request,
    agent: Annotated[str, Form()] = "",
    name: Annotated[str, Form(max_length=200)] = "",
    back: Annotated[str, Form()] = "/",
) -> Response:
    """In the demo, become another fictional agent, by id or by name; 404 outside the demo.

    If not exactly one agent matches the name, show a list to choose from.
    """
    services = services_of_demo(request)
    found = [one for one in demo_agents(services) if one.id == agent]
    if not found and not name.strip():
        raise Problem(400, "Cet agent n’est pas dans l’annuaire de la démonstration.")
    found = found or _named(services, name)
    if len(found) != 1:
        page = render(
            "demo_agents.html",
            request=request,
            typed=name.strip(),
            found=found[:MOST_CHOICES],
            more=len(found) > MOST_CHOICES,
            back=local_path(back),
        )
        return HTMLResponse(page)
    response = RedirectResponse(local_path(back), status_code=303)
    response.set_cookie(DEMO_COOKIE, found[0].id, httponly=True, samesite="lax")
    return response


def demo_of_page(request: Request) -> dict[str, object] | None:
    """Return the demo's reader and the agents that they can choose; None outside the demo."""
    services = services_of(request)
    if not (services.demo and on_loopback(request)):
        return None
    known = {agent.id: agent for agent in demo_agents(services)}
    return {
        "agent": known.get(reader_of_page(request).agent_id or ""),
        "people": [
            (one, known[one.agent_id]) for one in services.demo_people if one.agent_id in known
        ],
        "links": [one for feature in services.features for one in feature.menu if one.below == "demo"],
    }


def demo_agents(services: Services) -> list[Agent]:
    """Return the demo's agents, without agents who left and may read nothing."""
    today = services.today()
    return [agent for agent in services.people.everyone() if not agent.departed(today)]


def services_of_demo(request: Request) -> Services:
    """Return the services of a request on this machine. Raises `Problem` outside the demo."""
    services = services_of(request)
    if not (services.demo and on_loopback(request)):
        raise Problem(404)
    return services


def _named(services: Services, name: str) -> list[Agent]:
    """Return agents of whom each word begins a word of the name, the métier or the town."""
    words = folded_words(name)

    def fits(agent: Agent) -> bool:
        own = folded_words(f"{agent.name} {agent.metier} {agent.office} {agent.departement}")
        return all(any(one.startswith(word) for one in own) for word in words)

    return [one for one in demo_agents(services) if words and fits(one)]
