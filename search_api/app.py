"""The application that meets readers: the API and the pages, over one set of services."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Protocol

from fastapi import FastAPI, Request
from fastapi.staticfiles import StaticFiles

from connectors.values import Agent
from expertise.ports import AgentBook
from indexer.access import Reader
from search_api import api, pages, problems
from search_api.hardening import add_headers
from search_api.readers import Agents
from search_api.search import Search

HERE = Path(__file__).parent


class People(AgentBook, Agents, Protocol):
    """The directory, as the API and the pages ask it."""

    def everyone(self) -> tuple[Agent, ...]: ...


class ReaderOf(Protocol):
    """Who is asking."""

    def __call__(self, request: Request) -> Reader: ...


@dataclass(frozen=True, slots=True)
class Services:
    """What the routes need. `demo` lets a person choose which fictional agent they are."""

    search: Search
    people: People
    reader_of: ReaderOf
    today: Callable[[], date]
    demo: bool = False


def create_app(services: Services) -> FastAPI:
    """The application. It logs no query and no name."""
    app = FastAPI(
        title="Qui sait ?",
        version="1",
        openapi_url="/api/v1/openapi.json",
        docs_url=None,
        redoc_url=None,
    )
    app.state.services = services
    add_headers(app)
    problems.install(app)
    app.include_router(api.router)
    app.include_router(pages.router)
    app.mount("/static", StaticFiles(directory=HERE / "static"), name="static")
    return app
