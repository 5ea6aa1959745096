"""`quisait audit` and `quisait privacy`: privileged reads, purges, restored backups."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from datetime import datetime
from typing import Annotated

import typer

from indexer.access import Reader
from quisait.application.assembly import Application
from quisait.application.opening import Opening
from quisait.application.startup import (
    errors_as_sentences,
    opened_application,
    opened_state,
    read_settings,
)
from quisait.commands.answers import command_line_reader, opened_answers
from quisait.commands.output import AsJson, print_json, show
from quisait.privacy.replay import ReplayReport, replay
from quisait.privacy.retention import (
    Privacy,
    audit_command,
    open_privacy,
    query_log_key,
    register_warning,
)
from quisait.work.source_status import directory_reading
from search_api.administration.service import read_audit
from search_api.audit.port import AuditEntry, AuditIntegrity
from search_api.context import AnswerContext
from search_api.wording import safe_text


@contextmanager
def opened_privacy(opening: Opening) -> Iterator[Privacy]:
    """Open the privacy services without the application's index and encoder."""
    with opened_state(opening) as (settings, database):
        yield open_privacy(settings, database)


def audited_reader(application: Application, agent: str, command: str, shown: str = "") -> Reader:
    """Return the reader of an agent, after noting in the audit log that a command reads for them.

    `shown`: the id of another agent whose data is read, which is noted, too. Raises `ValueError` if
    there is no such agent, or if the audit log cannot be written.
    """
    reader = command_line_reader(application, agent)
    audit_command(application.privacy, command, f"as:{reader.agent_id}")
    if shown and shown != reader.agent_id:
        audit_command(application.privacy, command, f"agent:{shown}")
    return reader


@contextmanager
def opened_for_reader(
    agent: str,
    command: str,
    shown: str = "",
) -> Iterator[tuple[AnswerContext, Reader]]:
    """Yield the context and the reader of an agent, noted like `audited_reader`."""
    with opened_answers() as (application, context):
        yield context, audited_reader(application, agent, command, shown)


def audit(
    limit: Annotated[int, typer.Option(min=1, help="Tant d'entrées, les plus récentes")] = 50,
    head: Annotated[
        str, typer.Option(help="Vérifier qu'une entrée notée NUMÉRO:EMPREINTE est toujours là")
    ] = "",
    as_json: AsJson = False,
) -> None:
    """Qui a consulté quoi au titre d'un rôle, et si le registre est intact."""
    with opened_state(Opening.READ) as (settings, database):
        privacy = open_privacy(settings, database)
        audit_command(privacy, "quisait audit")
        directory = directory_reading(settings, database)
        found = read_audit(privacy.audit, limit)
        missing = bool(head) and not privacy.audit.holds(*_parse_head(head))
    if as_json:
        shown = [asdict(entry) | {"moment": entry.moment.isoformat()} for entry in found.entries]
        print_json(
            asdict(found.integrity)
            | {"head_missing": missing, "directory": directory, "readings": shown}
        )
    else:
        for entry in reversed(found.entries):
            print(_entry_text(entry))
        print(_integrity_text(found.integrity))
        if directory:
            print(f"Annuaire : {safe_text(directory)}")
        if missing:
            print(
                f"L'entrée notée {head} n'y est plus : le registre a été amputé.", file=sys.stderr
            )
    raise typer.Exit(1 if found.integrity.broken or missing else 0)


def _parse_head(head: str) -> tuple[int, str]:
    number, _, digest = head.partition(":")
    if not number.isdecimal() or not digest:
        raise ValueError("Donnez l'entrée notée comme NUMÉRO:EMPREINTE.")
    return int(number), digest


def _entry_text(entry: AuditEntry) -> str:
    role = f" ({entry.role})" if entry.role else ""
    subject = f" : {entry.subject}" if entry.subject else ""
    moment = f"{entry.moment:%Y-%m-%d %H:%M:%S}"
    refused = "refusé : " if entry.refused else ""
    return f"{entry.number:>6}  {moment}  {entry.actor}{role}  {refused}{entry.asked}{subject}"


def _integrity_text(sound: AuditIntegrity) -> str:
    if sound.broken:
        return (
            f"Registre altéré : l'entrée {sound.broken} n'est pas telle qu'elle a été écrite, ou "
            "il manque quelque chose juste avant elle."
        )
    return (
        f"Registre intact : {sound.entries} entrées. À garder ailleurs, pour vérifier plus tard "
        f"(--head) : {sound.last}:{sound.head}"
    )


privacy_app = typer.Typer(help="Données personnelles.", no_args_is_help=True)


@privacy_app.command()
def report() -> None:
    """Le registre du traitement, d'après la configuration, pour l'analyse d'impact (Markdown)."""
    # Imported here: other commands do not need templates.
    from quisait.privacy.report import report_text

    with errors_as_sentences():
        print(report_text(read_settings()))


@privacy_app.command("replay")
def replay_command(
    since: Annotated[
        str,
        typer.Option(help="Date de la sauvegarde restaurée (2026-11-25) ; sinon, tout le registre"),
    ] = "",
    as_json: AsJson = False,
) -> None:
    """Après une restauration : redit les retraits, suppressions et droits restreints depuis."""
    after = _moment(since)
    with opened_application(Opening.WRITE) as application:
        lines = [line for line in application.privacy.register.lines() if line["at"] >= after]
        key = query_log_key(application.settings)
        done = replay(
            lines, application.database, application.privacy.consent, application.whole_index, key
        )
    show(done, as_json, _replay_text)


def _replay_text(done: ReplayReport) -> str:
    then = f"\nRelisez maintenant : quisait crawl --full {' '.join(done.sources)}"
    return (
        f"{done.lines} lignes rejouées : {done.wishes} demandes d'agents, {done.documents} "
        f"documents retirés, {done.purged} agents effacés.{then if done.sources else ''}"
    )


def _moment(written: str) -> str:
    """Return the time in the register's format. Raises `typer.BadParameter`."""
    if not written:
        return ""
    try:
        return datetime.fromisoformat(written).isoformat()
    except ValueError:
        raise typer.BadParameter("donnez une date comme 2026-11-25") from None


@privacy_app.command()
def purge(as_json: AsJson = False) -> None:
    """Efface ce qui est gardé d'agents partis, les traces trop vieilles, les textes supprimés.

    Des textes supprimés, l'index garde les mots dans ses fichiers jusque-là : il les récrit.
    """
    # Imported here: loading the worker takes a moment, and other commands do not need it.
    from quisait.work import worker

    with opened_application(Opening.WRITE) as application:
        gone = worker.purge(application)
        left = register_warning(application.privacy.register)
    show(
        gone,
        as_json,
        lambda gone: (
            f"Effacés : {len(gone.agents)} agents partis, {gone.entries} consultations, "
            f"{gone.lines} lignes du registre, {gone.questions} questions anciennes. L'index ne "
            "garde aucun mot de ce qui a été supprimé."
        ),
    )
    if left:
        print(left, file=sys.stderr)
        raise typer.Exit(1)
