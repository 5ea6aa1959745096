"""The dependencies of the routes, handed over by the application."""

from collections.abc import Collection
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from fastapi import Request

from indexer.access import Reader
from search_api.answers.context import AnswerContext, PeopleDirectory
from search_api.limits import ConcurrencyLimiter, RateLimiter, RequestTimeouts
from search_api.push_answers import PushReceiver
from search_api.scim import SuiteGroups
from search_api.sign_on.introspection import ApplicationReaders

__all__ = ["PeopleDirectory", "ReaderOf", "Services", "services_of"]


class ReaderOf(Protocol):
    """Who is asking."""

    def __call__(self, request: Request) -> Reader:
        """The reader of a request; nobody where none is named."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Services(AnswerContext):
    """What the routes need: what answers are made from, and what they ask of a request.

    `demo` lets a person choose which fictional agent they are. `push_receiver` is None where no
    source pushes, `suite_groups` where none pushes its groups; `application_readers` is None where
    no application searches in an agent's name. Pages of `origins` may embed the widget. `theme`: a
    folder whose `theme.css`
    comes after the pages' own style. `contact`: an address for who meets a page that they
    cannot use. The site answers to `hosts` alone, None
    for any name.
    """

    reader_of: ReaderOf
    demo: bool = False
    push_receiver: PushReceiver | None = None
    suite_groups: SuiteGroups | None = None
    application_readers: ApplicationReaders | None = None
    origins: Collection[str] = ()
    hosts: Collection[str] | None = None
    rate_limiter: RateLimiter = field(default_factory=lambda: RateLimiter({}))
    concurrency_limiter: ConcurrencyLimiter = field(default_factory=ConcurrencyLimiter)
    timeouts: RequestTimeouts = field(default_factory=RequestTimeouts)
    theme: Path | None = None
    contact: str = ""


def services_of(request: Request) -> Services:
    """The services of the application that a request reached."""
    services: Services = request.app.state.services
    return services
