"""What the routes need, handed over by the assembly."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from typing import Protocol

from fastapi import Request

from connectors.values import Agent
from expertise.ports import AgentBook
from indexer.access import Reader
from search_api.readers import Agents
from search_api.search import Search


class People(AgentBook, Agents, Protocol):
    """The directory, as the API and the pages ask it."""

    def everyone(self) -> tuple[Agent, ...]:
        """Every agent, by name: for choosing who one is in the demo."""
        ...


class ReaderOf(Protocol):
    """Who is asking."""

    def __call__(self, request: Request) -> Reader:
        """The reader of a request; nobody where none is named."""
        ...


@dataclass(frozen=True, slots=True)
class Services:
    """What the routes need. `demo` lets a person choose which fictional agent they are."""

    search: Search
    people: People
    reader_of: ReaderOf
    today: Callable[[], date]
    demo: bool = False


def services_of(request: Request) -> Services:
    """The services of the application that a request reached."""
    services: Services = request.app.state.services
    return services
