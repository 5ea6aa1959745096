"""What the routes need, handed over by the assembly."""

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Protocol

from fastapi import Request

from connectors.account_joins import JoinRule
from connectors.values import Agent
from expertise.consent import Consent
from expertise.overview import Overview
from expertise.ports import DirectoryBook, NameBook, NamesBook
from indexer.access import Reader
from search_api.audit.port import Audit, NoAudit
from search_api.audit.refusals import Refusals
from search_api.catalogue.texts import SOURCES, Catalogue
from search_api.desks.administration import Administration
from search_api.door.at_once import AtOnce
from search_api.door.bounds import Bounds
from search_api.door.rates import Rates
from search_api.identity.grants import Grants
from search_api.identity.readers import Agents
from search_api.journal.brought_up import BroughtUp
from search_api.journal.port import Journal, NoJournal
from search_api.push.bodies import Reception
from search_api.search import Search
from search_api.sign_on.place import SignOn


class People(DirectoryBook, NameBook, NamesBook, Agents, Protocol):
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
    `catalogue`: the administration's own wording of texts.
    The site answers to `hosts` alone, None for any name.
    `consent` keeps what agents ask about themselves; `brought_up` tells one of them how often
    they were, None where that is not counted. `join_rules` tell them why an account is theirs.
    """

    search: Search
    people: People
    reader_of: ReaderOf
    today: Callable[[], date]
    demo: bool = False
    reception: Reception | None = None
    overview: Overview | None = None
    journal: Journal = field(default_factory=NoJournal)
    origins: Collection[str] = ()
    hosts: Collection[str] | None = None
    rates: Rates = field(default_factory=lambda: Rates({}))
    at_once: AtOnce = field(default_factory=AtOnce)
    bounds: Bounds = field(default_factory=Bounds)
    grants: Grants = field(default_factory=Grants)
    audit: Audit = field(default_factory=NoAudit)
    refusals: Refusals = field(default_factory=Refusals)
    consent: Consent | None = None
    join_rules: Sequence[JoinRule] = ()
    brought_up: Callable[[str, date], Sequence[BroughtUp]] | None = None
    sign_on: SignOn | None = None
    theme: Path | None = None
    contact: str = ""
    catalogue: Catalogue = SOURCES
    administration: Administration | None = None

    @property
    def questions_kept(self) -> bool:
        """Whether questions are noted, without names."""
        return not isinstance(self.journal, NoJournal)


def services_of(request: Request) -> Services:
    """The services of the application that a request reached."""
    services: Services = request.app.state.services
    return services
