"""Dependencies of the routes, provided by the application."""

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from secrets import token_bytes
from typing import TypeAlias

from fastapi import Request

from indexer.access import Reader
from search_api.context import AnswerContext
from search_api.features import WebFeature
from search_api.limits import ConcurrencyLimiter, RateLimiter, RequestTimeouts

__all__ = ["DemoPerson", "ReaderOf", "Services", "reader_of_page", "services_of"]


ReaderOf: TypeAlias = Callable[[Request], Reader]
"""Returns the reader of a request, or a reader without an id if the request identifies nobody."""


@dataclass(frozen=True, slots=True)
class DemoPerson:
    """An agent that the demo proposes, with a description of two words and a story of one line."""

    agent_id: str
    role: str
    story: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Services(AnswerContext):
    """Everything that the routes need, in addition to the dependencies of answers.

    `demo`: a person may choose which fictional agent they are; `demo_people` are proposed first.
    `origins`: sites whose pages may embed the widget. `theme`: a folder whose `theme.css` is loaded
    after the pages' own style. `contact`: an address for people who cannot use a page. `hosts`: the
    only names that the site answers to, None for any name. `features` are those of packages.
    `notice_key` signs the notices of pages (`notices`).
    """

    reader_of: ReaderOf
    demo: bool = False
    demo_people: Sequence[DemoPerson] = ()
    origins: Collection[str] = ()
    hosts: Collection[str] | None = None
    rate_limiter: RateLimiter = field(default_factory=lambda: RateLimiter({}))
    concurrency_limiter: ConcurrencyLimiter = field(default_factory=ConcurrencyLimiter)
    timeouts: RequestTimeouts = field(default_factory=RequestTimeouts)
    theme: Path | None = None
    features: Sequence[WebFeature] = ()
    contact: str = ""
    notice_key: bytes = field(default_factory=lambda: token_bytes(32), repr=False)


def services_of(request: Request) -> Services:
    """Return the services of the application that handles a request."""
    services: Services = request.app.state.services
    return services


def reader_of_page(request: Request) -> Reader:
    """Return the reader of a request: found by its route, or here if the route needs no reader."""
    known: Reader | None = getattr(request.state, "reader", None)
    return known or services_of(request).reader_of(request)
