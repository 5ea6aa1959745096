"""Checks of each source, of those that were removed, and of denials."""

from collections.abc import Iterator
from contextlib import suppress
from functools import partial

import sqlalchemy as sa

from connectors.installed import OWN_KINDS, load_kind
from connectors.ports import Connector, SourceError, SupportsCheck
from connectors.timeouts import call_with_timeout
from expertise.directory import SqlDirectory
from indexer.errors import IndexerError
from indexer.state import State
from quisait.application.database import opened_database
from quisait.application.locks import Locks
from quisait.application.opening import Opening
from quisait.application.sources import (
    are_roots_noted,
    known_principals,
    on_noted_root,
    open_source,
    place_of,
    pushed_memberships,
    reader_group_authorities,
    validated_options,
)
from quisait.checks.attempt import MOST_LISTED, Check, ToReview, attempt
from quisait.checks.index import has_index, opened_index
from quisait.settings import Settings, beside_file
from quisait.settings.files import LOCKS_FOLDER
from quisait.settings.sources import SourceSettings
from quisait.work.source_status import removed_source_remedy, removed_sources, source_health

_UNOPENED = (IndexerError, ValueError, OSError, sa.exc.SQLAlchemyError)
"""Errors of an index or a database that does not open: their own checks report them."""
_GROUPS_CLOSED = "tant qu'il ne dit rien, ce que ses groupes ouvrent est fermé à tous"


def source_checks(settings: Settings) -> Iterator[Check]:
    """Check every source, its readers' groups, removed sources and denials."""
    if not settings.sources:
        yield Check("sources", False, "aucune : « quisait source add » en ajoute une")
    yield from _removed_sources(settings)
    for source in settings.sources:
        yield attempt(f"source {source.name}", partial(check_source, settings, source))
        if source.reader_groups:
            yield attempt(f"groupes de {source.name}", partial(check_authority, settings, source))
    yield from _problems(settings)


def _removed_sources(settings: Settings) -> Iterator[Check]:
    """Yield a failed check for each indexed source that the settings no longer name."""
    if not has_index(settings):
        return
    with suppress(*_UNOPENED), opened_index(settings) as (_, _, index):
        for name in removed_sources(index, settings):
            yield Check(f"source {name}", False, removed_source_remedy(name))


def _problems(settings: Settings) -> Iterator[Check]:
    """Yield a check for each problem of a source that `quisait sources` reports."""
    if not settings.sources:
        return
    with suppress(*_UNOPENED), opened_index(settings) as (database, _, index):
        state = State(database)
        locks = Locks(database, beside_file(settings.folder) / LOCKS_FOLDER)
        book = SqlDirectory(database, pushed_memberships(settings, database))
        known = known_principals(settings, book, index)()
        for source in settings.sources:
            health = source_health(state, locks, index, known, source.name)
            for problem in health.problems:
                name, serious = f"{problem.about} de {source.name}", problem.serious
                yield Check(name, not serious, problem.text, to_review=not serious)


def check_source(settings: Settings, source: SourceSettings) -> str:
    """Return the kind and place of a source, after reading its first change.

    Raises `ToReview` if its account may not read everything, `SourceError` or `ValueError`.
    """
    if source.kind == "questions":
        return "dans la base d'état"
    if source.kind not in OWN_KINDS and (kind := load_kind(source.kind)).check:
        with opened_database(settings, Opening.READ) as database:
            return kind.check(place_of(source, database), validated_options(source, kind.options))
    connector = open_source(source, None)
    if source.kind == "folder":
        connector = _bound_to_root(settings, source, connector)
    # First, because `check` reports missing rights before anything of the source is read.
    missing = list(connector.check()) if isinstance(connector, SupportsCheck) else []
    next(iter(connector.changes(None)), None)
    place = source.path or source.address or str(source.options.get("path") or "")
    where = ", ".join(filter(None, [source.kind, place]))
    if missing:
        rest = [f"et {len(missing) - MOST_LISTED} autres"] if len(missing) > MOST_LISTED else []
        raise ToReview(" ; ".join([where, *missing[:MOST_LISTED], *rest]))
    return where


def _bound_to_root(settings: Settings, source: SourceSettings, connector: Connector) -> Connector:
    """Return the connector, which refuses a root other than the one that was read before."""
    with suppress(*_UNOPENED), opened_database(settings, Opening.READ) as database:
        state = State(database)
        if are_roots_noted(connector, source, state):
            return on_noted_root(connector, source, state)
    return connector


def check_authority(settings: Settings, source: SourceSettings) -> str:
    """Fetch the groups of an account that need not exist; return the time limit in French.

    Raises `ValueError` with the remedy if there is no answer in time.
    """
    (authority,) = reader_group_authorities(settings.model_copy(update={"sources": [source]}))
    wait_s = settings.authorities.wait_s
    late = (
        f"pas de réponse en {wait_s:g} s : {_GROUPS_CLOSED} ; "
        "vérifiez « url » et le réseau, ou allongez [authorities] wait_s"
    )
    try:
        call_with_timeout(
            wait_s,
            lambda: authority.principals("", frozenset({f"{source.name}:Quisait"})),
            ValueError(late),
        )
    except SourceError as error:
        reason = str(error).splitlines()[0].rstrip(".")
        raise ValueError(
            f"{reason} : {_GROUPS_CLOSED} ; vérifiez « url », « user » et le réseau"
        ) from error
    return f"demandés quand un lecteur arrive, en {wait_s:g} s au plus"
