"""Checks of the directory, and of the build of who holds which topic."""

from collections.abc import Iterator, Sequence
from functools import partial

from connectors.values import Agent
from expertise.builds import SqlBuilds
from expertise.corpus import skipped_text
from indexer.state import State
from quisait.application.database import opened_database
from quisait.application.opening import Opening
from quisait.application.plugins import check_build_engine
from quisait.application.sources import DIRECTORY, has_directory, open_directory
from quisait.checks.attempt import MOST_LISTED, Check, attempt
from quisait.checks.references import check_principals, names_principals
from quisait.clock import today
from quisait.settings import DUCKDB, Settings
from quisait.work.source_status import late_directory, moment
from search_api.wording import safe_text


def people_checks(settings: Settings) -> Iterator[Check]:
    """Check the directory, the principals that the settings name, and the last build."""
    yield attempt("annuaire", partial(_check_directory, settings))
    if has_directory(settings):
        yield attempt("lecture de l'annuaire", partial(_check_directory_age, settings))
    if names_principals(settings):
        yield attempt("lecteurs", partial(check_principals, settings))
    if settings.topics.file:
        yield attempt("cartographie", partial(_check_build, settings))
        if settings.expertise.engine != DUCKDB:
            yield attempt(
                settings.expertise.engine, partial(check_build_engine, settings.expertise)
            )


def _check_directory(settings: Settings) -> str:
    directory = open_directory(settings)
    if directory is None:
        raise ValueError(
            "aucun : réglez [directory] agents ou [ldap] urls, sinon personne ne peut lire"
        )
    agents = [entry for entry in directory.entries() if isinstance(entry, Agent)]
    seen = f"{len(agents)} agents"
    if not (shared := shared_emails(agents)):
        return seen
    if settings.has_sign_on and settings.sign_on.agent_by == "email":
        raise ValueError(
            f"{seen} ; {shared}, qui ne peuvent pas se connecter : corrigez l'annuaire"
        )
    return f"{seen} ; {shared}"


def shared_emails(agents: Sequence[Agent]) -> str:
    """Return, in words, which agents share an address; empty if none do."""
    holders: dict[str, list[str]] = {}
    for agent in agents:
        if agent.email and not agent.departed(today()):
            holders.setdefault(agent.email.strip().lower(), []).append(agent.id)
    shared = [ids for ids in holders.values() if len(ids) > 1]
    named = " ; ".join(", ".join(ids) for ids in shared[:MOST_LISTED])
    return (
        f"une même adresse pour plusieurs agents ({len(shared)} fois : {named})" if shared else ""
    )


def _check_directory_age(settings: Settings) -> str:
    """Return when the directory was last read. Raises `ValueError` if that is long ago."""
    with opened_database(settings, Opening.READ) as database:
        state = State(database)
        if (last := state.last_done(DIRECTORY)) is None:
            return "pas encore lu (quisait crawl)"
        if late := late_directory(settings, state):
            raise ValueError(late)
    return f"lu le {moment(last.started)}"


def _check_build(settings: Settings) -> str:
    """Return what the last build left out: a warning only, since everything else is in it."""
    with opened_database(settings, Opening.READ) as database:
        builds = SqlBuilds(database)
        stamp = builds.current()
        left_out = skipped_text(builds.skipped(stamp.id)) if stamp else ""
    if stamp is None:
        return "pas encore faite (quisait expertise build)"
    without = f" ; écartés : {safe_text(left_out)}" if left_out else ""
    return f"du {stamp.day}, {stamp.documents} documents{without}"
