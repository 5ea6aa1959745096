"""`quisait crawl` reads the directory and the sources; `quisait sources` shows their state."""

import sys
from contextlib import suppress
from datetime import UTC, datetime
from threading import Event
from typing import Annotated

import typer

from connectors.ports import SourceError
from indexer.errors import IndexerError
from quisait.application.assembly import Application, register_mismatch
from quisait.application.opening import Opening
from quisait.application.progress import plural_count
from quisait.application.sources import sources_named
from quisait.application.startup import opened_application
from quisait.commands import answers
from quisait.commands.output import AsJson, print_json, show
from quisait.commands.run import INTERRUPTED_MESSAGE, INTERRUPTED_STATUS, run_interruptibly
from quisait.privacy.retention import register_warning
from quisait.work.crawl import (
    CrawlOutcome,
    accept_roots,
    crawl_sources,
    forget_reading,
    read_directory,
)
from quisait.work.index_limit import limit_warning
from quisait.work.source_status import directory_state, removed_source_statuses, status_of
from search_api.wording import safe_text


def crawl(
    sources: Annotated[list[str] | None, typer.Argument(help="Sources ; toutes sinon")] = None,
    full: Annotated[
        bool, typer.Option("--full", help="Tout relire, sans tenir compte du curseur")
    ] = False,
    folder: Annotated[
        str,
        typer.Option(
            "--folder",
            help="Relire ce dossier (ou l'adresse d'un document), même sans changement",
        ),
    ] = "",
    accept_deletions: Annotated[
        bool,
        typer.Option(
            "--accept-deletions", help="Confirmer la disparition d'une grande part d'une source"
        ),
    ] = False,
    accept_root: Annotated[
        bool,
        typer.Option(
            "--accept-root", help="Confirmer qu'un dossier remplacé est bien celui à lire"
        ),
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Relit l'annuaire et les sources, et met l'index à jour."""
    with opened_application(Opening.WRITE) as application:
        chosen = sources_named(application.settings, sources or [])
        if folder:
            if len(chosen) != 1:
                raise ValueError("--folder va avec une seule source : nommez-la avant.")
            forget_reading(application, chosen[0].name, folder)

        _warn_unread(application, "", quiet=False)

        def work(stop: Event) -> tuple[bool, list[CrawlOutcome], bool]:
            if accept_root:
                accept_roots(application, chosen)
            directory_read = _read_and_print_directory(application, quiet=as_json)
            outcomes = crawl_sources(
                application,
                chosen,
                full=full,
                accept_deletions=accept_deletions,
                quiet=as_json,
                stop=stop,
            )
            return directory_read, outcomes, stop.is_set()

        directory_read, outcomes, stopped = run_interruptibly(application, work)
        _warn_unread(application, "encore ", quiet=stopped)
        left = register_warning(application.privacy.register)
        limit = _limit_warning_or_nothing(application)
    if as_json or outcomes:
        show(outcomes, as_json, lambda _: "\n".join(map(answers.crawl_line, outcomes)))
    for warning in filter(None, (left, limit)):
        print(warning, file=sys.stderr)
    if stopped:
        print(INTERRUPTED_MESSAGE, file=sys.stderr)
        raise typer.Exit(INTERRUPTED_STATUS)
    failed = left or not directory_read or any(outcome.error for outcome in outcomes)
    raise typer.Exit(1 if failed else 0)


def _warn_unread(application: Application, still: str, *, quiet: bool) -> None:
    """Print which sources must be read in full before anybody can search this index."""
    with suppress(IndexerError):  # the sources' lines report it
        names = {source.name for source in application.settings.sources}
        unread = sorted(application.whole_index.unread(names))
        if unread and not quiet:
            print(
                "Cet index n'est pas celui que décrit la base d'état : personne n'y cherche avant "
                f"que soient lues en entier les sources {still}à lire : {', '.join(unread)}.",
                file=sys.stderr,
            )


def _limit_warning_or_nothing(application: Application) -> str:
    """Return a warning; empty if the index does not answer: the sources' lines report that."""
    try:
        warning = limit_warning(application.whole_index)
    except IndexerError:
        return ""
    return f"Attention : {warning}." if warning else ""


def _read_and_print_directory(application: Application, *, quiet: bool) -> bool:
    """Read the directory.

    Return False if that fails: the former directory stays, and crawls continue.
    """
    try:
        read = read_directory(application)
    except SourceError as error:
        print(f"annuaire : {error}", file=sys.stderr)
        return False
    if read is not None and not quiet:
        agents, groups = plural_count(read.agents, "agent"), plural_count(read.groups, "groupe")
        print(f"annuaire : {agents}, {groups}")
        for entry in read.malformed:
            print(
                f"annuaire : {safe_text(entry.where)} : {safe_text(entry.reason)}", file=sys.stderr
            )
    return True


def sources(
    source: Annotated[str, typer.Argument(help="Une source : montre aussi ses échecs")] = "",
    as_json: AsJson = False,
) -> None:
    """Où en sont les sources : dernière lecture, suivante, documents, échecs, et que faire."""
    with opened_application(Opening.READ) as application:
        now = datetime.now(UTC)
        unnamed = removed_source_statuses(application)
        statuses = [item for item in unnamed if item.source == source]
        if not statuses:
            chosen = sources_named(application.settings, [source] if source else [])
            statuses = [status_of(application, item, now) for item in chosen]
            statuses += [] if source else unnamed
        messages = [
            "" if source else directory_state(application),
            register_warning(application.privacy.register, complete=False),
            register_mismatch(application),
        ]
    for line in filter(None, messages):
        print(safe_text(line), file=sys.stderr if as_json else sys.stdout)
    if as_json:
        print_json(statuses)
        return
    for status in statuses:
        print(safe_text(answers.source_lines(status, now, with_failures=bool(source))))
