"""The authorities of the settings: who is asked about a reader's groups when they come."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from connectors.mediawiki.place import Manners
from connectors.values import principal_forms
from expertise.agent_book import SqlAgentBook
from indexer.ports import IndexDenials
from indexer.state import State
from quisait.settings import Settings
from quisait.settings.durations import seconds_of
from quisait.settings.wikis import wiki_place
from search_api.identity.authorities import Authorities, Authority
from search_api.identity.authority_desk import Patience
from search_api.identity.known import Knowing, KnownRules

DIRECTORY = "@annuaire"
"""What the directory's runs are kept under: no source has such a name."""


@contextmanager
def open_authorities(settings: Settings, book: SqlAgentBook, state: State) -> Iterator[Authorities]:
    """All of them; nothing is asked yet. Raises `SourceRefused` where a password is missing."""

    def silent() -> frozenset[str]:
        """The directory, where it could not be read for too long."""
        if not settings.ldap.urls:
            return frozenset()
        last = state.last_done(DIRECTORY)
        oldest = timedelta(seconds=seconds_of(settings.ldap.oldest))
        current = last is not None and datetime.now(UTC) - last.started <= oldest
        return frozenset() if current else frozenset({settings.ldap.authority})

    def stamp() -> int | None:
        last = state.last_done(DIRECTORY)
        return last.id if last else None

    wait = settings.authorities
    patience = Patience(seconds_of(wait.fresh), wait.wait_s, wait.failures, seconds_of(wait.rest))
    authorities = Authorities(asked_authorities(settings), book, patience, stamp, silent)
    try:
        yield authorities
    finally:
        authorities.close()


def what_is_known(settings: Settings, book: SqlAgentBook, index: IndexDenials) -> Knowing:
    """What tells whether a denial names somebody."""
    asked = frozenset(one.name for one in settings.sources if one.reader_groups)
    accepted = principal_forms(settings.access.accepted_denials)
    return Knowing(book, index, KnownRules(asked, accepted))


def asked_authorities(settings: Settings) -> list[Authority]:
    """Those that are asked about each reader. Raises `SourceRefused` without their password."""
    asked = [one for one in settings.sources if one.reader_groups]
    if not asked:
        return []
    # Imported here: a wiki's client is of use where a wiki is asked.
    from connectors.mediawiki.groups import WikiGroups

    # A wiki that has to be asked twice is too late for the reader, who is not let wait.
    quick = Manners(rate_per_s=0, timeout_s=settings.authorities.wait_s, patience_s=0, answer_s=10)
    return [WikiGroups(one.name, replace(wiki_place(one), manners=quick)) for one in asked]
