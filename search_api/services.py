"""The dependencies of the routes, handed over by the application."""

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Protocol

from fastapi import Request

from connectors.account_linking import LinkRule
from connectors.values import Agent
from expertise.consent import ConsentStore
from expertise.current_build import BuildReader
from expertise.values import AgentDirectory, NameCompleter, NameMatcher
from indexer.access import Reader
from search_api.audit.port import Audit, NoAudit, RefusedAccesses
from search_api.identity.grants import Grants
from search_api.identity.readers import ReaderDirectory
from search_api.limits import ConcurrencyLimiter, RateLimiter, RequestTimeouts
from search_api.push_answers import PushReceiver
from search_api.query_log.counts import MentionCount
from search_api.query_log.recording import NoQueryLog, QueryLog
from search_api.search import Search
from search_api.sign_on.identification import SignOn
from search_api.system_status import SystemStatusReader


class PeopleDirectory(AgentDirectory, NameMatcher, NameCompleter, ReaderDirectory, Protocol):
    """The directory, as the API and the pages ask it."""

    def as_read(self, agent_id: str) -> Agent | None:
        """One agent as the directory has them, whatever they ask: for their own eyes."""
        ...


class ReaderOf(Protocol):
    """Who is asking."""

    def __call__(self, request: Request) -> Reader:
        """The reader of a request; nobody where none is named."""
        ...


@dataclass(frozen=True, slots=True)
class Services:
    """What the routes need. `demo` lets a person choose which fictional agent they are.

    `reception` is None where no source pushes, `overview` where there is no list of topics.
    Pages of `origins` may embed the box. `grants` say who holds which role; what a role
    opens is written to `audit` before it is shown, and attempts at it by way of `refusals`.
    `sign_on` is None where nobody signs on here.
    `theme`: a folder whose `theme.css` comes after the
    pages' own style. `contact`: an address for who meets a page that they cannot use.
    The site answers to `hosts` alone, None for any name.
    `consent` keeps what agents ask about themselves; `brought_up` tells one of them how often
    they were, None where that is not counted. `join_rules` tell them why an account is theirs.
    """

    search: Search
    people: PeopleDirectory
    reader_of: ReaderOf
    today: Callable[[], date]
    demo: bool = False
    reception: PushReceiver | None = None
    overview: BuildReader | None = None
    journal: QueryLog = field(default_factory=NoQueryLog)
    origins: Collection[str] = ()
    hosts: Collection[str] | None = None
    rates: RateLimiter = field(default_factory=lambda: RateLimiter({}))
    at_once: ConcurrencyLimiter = field(default_factory=ConcurrencyLimiter)
    bounds: RequestTimeouts = field(default_factory=RequestTimeouts)
    grants: Grants = field(default_factory=Grants)
    audit: Audit = field(default_factory=NoAudit)
    refusals: RefusedAccesses = field(default_factory=RefusedAccesses)
    consent: ConsentStore | None = None
    join_rules: Sequence[LinkRule] = ()
    brought_up: Callable[[str, date], Sequence[MentionCount]] | None = None
    sign_on: SignOn | None = None
    theme: Path | None = None
    contact: str = ""
    administration: SystemStatusReader | None = None

    @property
    def questions_kept(self) -> bool:
        """Whether questions are noted, without names."""
        return not isinstance(self.journal, NoQueryLog)


def services_of(request: Request) -> Services:
    """The services of the application that a request reached."""
    services: Services = request.app.state.services
    return services
