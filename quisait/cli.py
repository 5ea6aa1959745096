"""The command line.

Each command opens the application, calls one function, and prints its result.
"""

import json
import os
import sys
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import asdict
from datetime import UTC, datetime
from importlib.metadata import entry_points
from importlib.util import find_spec
from pathlib import Path
from threading import Event
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from connectors.ports import SourceError
from connectors.records.schema import json_schema
from indexer.errors import IndexerError
from quisait.application.assembly import Application
from quisait.application.engines import export_bundled_model, export_model_directory
from quisait.application.progress import shown_progress
from quisait.application.sources import sources_named
from quisait.application.startup import errors_as_sentences, opened_application, read_settings
from quisait.checks import run_checks
from quisait.commands import answers
from quisait.commands.backups import backup, restore
from quisait.commands.connectors import connector_app, try_command
from quisait.commands.demo import demo
from quisait.commands.directory import directory_app
from quisait.commands.expertise import coverage, expertise_app, isolation, peers, profile
from quisait.commands.journal import journal_app
from quisait.commands.mail import mail_app
from quisait.commands.privacy import audit, audited_reader, privacy_app
from quisait.commands.questions import questions_app
from quisait.commands.readers import (
    MOST_WORKERS,
    check_workers,
    helping_readers,
    join_readings,
)
from quisait.commands.run import (
    INTERRUPTED_MESSAGE,
    INTERRUPTED_STATUS,
    run,
    run_application,
    run_interruptibly,
)
from quisait.commands.scans import scans
from quisait.commands.size import size
from quisait.commands.sources import source_app
from quisait.commands.tokens import push_app, sessions_app
from quisait.commands.topics import topics_app
from quisait.commands.verification import verification_app
from quisait.privacy.retention import audit_command, register_warning
from quisait.settings import FILE_VARIABLE, settings_file
from quisait.settings.documentation import initial_file, settings_page
from quisait.settings.types import reason_of
from quisait.work.crawl import CrawlOutcome, accept_roots, crawl_sources, read_directory
from quisait.work.index_limit import limit_warning
from quisait.work.reindexing import reindex_command
from quisait.work.source_status import directory_state, forget, removed_source_statuses, status_of
from quisait.work.upgrade import upgrade_command
from search_api.answers.question import answer_question, who_knows
from search_api.questions.query import Query, ResultOrder
from search_api.wording import safe_text

COMMANDS = "quisait.commands"
"""The group of entry points by which an installed package adds commands, as `evaluation` does."""


class InstalledCommands(TyperGroup):
    """The commands of this file, and those of installed packages, loaded when they are used."""

    def list_commands(self, ctx: Any) -> list[str]:
        """Names of both."""
        return [*super().list_commands(ctx), *entry_points(group=COMMANDS).names]

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        """None for an unknown name, or where the package of the command is not installed."""
        if command := super().get_command(ctx, cmd_name):
            return command
        for entry in entry_points(group=COMMANDS, name=cmd_name):
            if find_spec(entry.module.partition(".")[0]):
                return typer.main.get_command(entry.load())
        return None


app = typer.Typer(
    help="Qui sait ? Recherche et experts.", no_args_is_help=True, cls=InstalledCommands
)
model_app = typer.Typer(help="Modèles d'encodage.", no_args_is_help=True)
schema_app = typer.Typer(help="Schémas publiés.", no_args_is_help=True)
app.add_typer(model_app, name="model")
app.add_typer(schema_app, name="schema")
app.add_typer(expertise_app, name="expertise")
app.add_typer(topics_app, name="topics")
app.add_typer(questions_app, name="questions")
app.add_typer(mail_app, name="mail")
app.add_typer(verification_app, name="verification")
app.command("isolation")(isolation)
app.command("coverage")(coverage)
app.command("peers")(peers)
app.command("profile")(profile)
app.command()(audit)
app.add_typer(journal_app, name="journal")
app.add_typer(privacy_app, name="privacy")
app.add_typer(connector_app, name="connector")
app.add_typer(source_app, name="source")
app.command("try")(try_command)
app.add_typer(push_app, name="push")
app.add_typer(sessions_app, name="sessions")
app.add_typer(directory_app, name="directory")
app.command()(backup)
app.command()(restore)
app.command()(demo)
app.command()(forget)
app.command()(run)
app.command()(scans)
app.command()(size)
app.command("reindex")(reindex_command)
app.command("upgrade")(upgrade_command)

AsJson = Annotated[bool, typer.Option("--json", help="Résultat en JSON, pour un programme")]
AsAgent = Annotated[
    str,
    typer.Option("--agent", help="Identifiant de l'agent qui lit (annuaire)", show_default=False),
]


def _dump(value: Any) -> None:
    print(json.dumps(value, ensure_ascii=False, default=str, indent=2))


@app.callback()
def begin(
    config: Annotated[
        str,
        typer.Option("--config", help="Fichier des réglages ; sinon QUISAIT_FILE, ou quisait.toml"),
    ] = "",
) -> None:
    """Qui sait ? Recherche et experts."""
    if config:
        os.environ[FILE_VARIABLE] = config


@app.command()
def init(
    shown: Annotated[
        bool, typer.Option("--print", help="L'écrire sur la sortie, pour un conteneur")
    ] = False,
) -> None:
    """Écrit un quisait.toml commenté dans le dossier courant."""
    if shown:
        print(initial_file(), end="")
        return
    path = settings_file()
    try:
        with path.open("x", encoding="utf-8") as file:
            file.write(initial_file())
    except FileExistsError:
        print(f"{path} existe déjà : rien n'a été écrit.", file=sys.stderr)
        raise typer.Exit(1) from None
    except OSError as error:
        print(f"{path} ne peut être écrit ({reason_of(error)}).", file=sys.stderr)
        raise typer.Exit(1) from None
    print(f"{path} écrit. Complétez-le, puis lancez « quisait check ».")


@app.command()
def check(as_json: AsJson = False) -> None:
    """Essaie la configuration et les moteurs, une ligne chacun."""
    settings = read_settings()
    passed = True
    found = []
    for check in run_checks(settings):
        passed = passed and check.passed
        found.append(asdict(check))
        if not as_json:
            print(
                f"{'ok    ' if check.passed else 'ÉCHEC '} "
                f"{check.name} : {safe_text(check.detail)}",
                flush=True,
            )
    if as_json:
        _dump(found)
    raise typer.Exit(0 if passed else 1)


@app.command()
def crawl(
    sources: Annotated[list[str] | None, typer.Argument(help="Sources ; toutes sinon")] = None,
    full: Annotated[
        bool, typer.Option("--full", help="Tout relire, sans tenir compte du curseur")
    ] = False,
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
    workers: Annotated[
        int,
        typer.Option(
            min=1,
            max=MOST_WORKERS,
            help="Tant de processus se partagent les parties des sources (réglage « parts »)",
        ),
    ] = 1,
    join: Annotated[bool, typer.Option("--join", hidden=True)] = False,
    as_json: AsJson = False,
) -> None:
    """Relit l'annuaire et les sources, et met l'index à jour."""
    with opened_application() as application:
        chosen = sources_named(application.settings, sources or [])
        check_workers(application, chosen, workers)
        if join:
            run_interruptibly(application, lambda stop: join_readings(application, chosen, stop))
            return

        _warn_unread(application, "", quiet=False)

        def work(stop: Event) -> tuple[bool, list[CrawlOutcome], bool]:
            if accept_root:
                accept_roots(application, chosen)
            directory_read = _read_and_print_directory(application, quiet=as_json)
            with helping_readers(chosen, workers):
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
    if as_json:
        _dump([asdict(outcome) for outcome in outcomes])
    else:
        for outcome in outcomes:
            print(safe_text(answers.crawl_line(outcome)))
    for warning in filter(None, (left, limit)):
        print(warning, file=sys.stderr)
    if stopped:
        print(INTERRUPTED_MESSAGE, file=sys.stderr)
        raise typer.Exit(INTERRUPTED_STATUS)
    failed = left or not directory_read or any(outcome.error for outcome in outcomes)
    raise typer.Exit(1 if failed else 0)


def _warn_unread(application: Application, still: str, *, quiet: bool) -> None:
    """Print which sources must be read in full before anybody can search this index."""
    with suppress(IndexerError):  # the sources' own lines report it
        names = {source.name for source in application.settings.sources}
        unread = sorted(application.whole_index.unread(names))
        if unread and not quiet:
            print(
                "Cet index n'est pas celui que décrit la base d'état : personne n'y cherche avant "
                f"que soient lues en entier les sources {still}à lire : {', '.join(unread)}.",
                file=sys.stderr,
            )


def _limit_warning_or_nothing(application: Application) -> str:
    """Where the index does not answer, the sources' own lines say so."""
    try:
        warning = limit_warning(application.whole_index)
    except IndexerError:
        return ""
    return f"Attention : {warning}." if warning else ""


def _read_and_print_directory(application: Application, *, quiet: bool) -> bool:
    """Read the directory; one that fails keeps the former, and the sources their turn."""
    try:
        read = read_directory(application)
    except SourceError as error:
        print(f"annuaire : {error}", file=sys.stderr)
        return False
    if read is not None and not quiet:
        print(f"annuaire : {read.agents} agents, {read.groups} groupes")
        for entry in read.malformed:
            print(
                f"annuaire : {safe_text(entry.where)} : {safe_text(entry.reason)}", file=sys.stderr
            )
    return True


@app.command()
def sources(
    source: Annotated[str, typer.Argument(help="Une source : montre aussi ses échecs")] = "",
    as_json: AsJson = False,
) -> None:
    """Où en sont les sources : dernière lecture, suivante, documents, échecs, et que faire."""
    with opened_application() as application:
        now = datetime.now(UTC)
        unnamed = removed_source_statuses(application)
        statuses = [item for item in unnamed if item.source == source]
        if not statuses:
            chosen = sources_named(application.settings, [source] if source else [])
            statuses = [status_of(application, item, now) for item in chosen]
            statuses += [] if source else unnamed
        messages = [
            "" if source else directory_state(application),
            register_warning(application.privacy.register),
        ]
    for line in filter(None, messages):
        print(safe_text(line), file=sys.stderr if as_json else sys.stdout)
    if as_json:
        _dump([asdict(status) for status in statuses])
        return
    for status in statuses:
        print(safe_text(answers.source_lines(status, now, with_failures=bool(source))))


@app.command()
def search(
    query: Annotated[str, typer.Argument(help="La question")],
    agent: AsAgent = "",
    page: Annotated[int, typer.Option(min=1, help="Page des réponses")] = 1,
    sort: Annotated[
        ResultOrder, typer.Option(help="« relevance », ou « date » : les plus récents d'abord")
    ] = ResultOrder.RELEVANCE,
    wide: Annotated[
        bool, typer.Option("--wide", help="Élargir aux documents seulement proches")
    ] = False,
    verified: Annotated[
        bool, typer.Option("--verified", help="Parmi ceux que leur auteur dit justes seulement")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Cherche des documents, avec les droits d'un agent."""
    with opened_application() as application, answers.answer_context(application) as context:
        if verified and context.verifying is None:
            raise ValueError("Aucun document n'est vérifié ici : réglez [verification] enabled.")
        reader = audited_reader(application, agent, "quisait search")
        asked = Query(query, page=page, order=sort, wide=wide, verified=verified)
        found = answer_question(context, reader, asked)
    if as_json:
        _dump(answers.results_body(found))
    else:
        print(safe_text(answers.results_text(found)))
        answers.tell_incomplete(found.results.incomplete)


@app.command()
def experts(
    query: Annotated[str, typer.Argument(help="Le sujet")],
    agent: AsAgent = "",
    area: Annotated[str, typer.Option(help="Département (22) ou région (r53)")] = "",
    limit: Annotated[int, typer.Option(min=1, max=50, help="Tant de personnes au plus")] = 10,
    as_json: AsJson = False,
) -> None:
    """Cherche qui sait, avec les droits d'un agent."""
    with opened_application() as application, answers.answer_context(application) as context:
        reader = audited_reader(application, agent, "quisait experts")
        found = who_knows(context, reader, query, area=area, limit=limit)
    if as_json:
        _dump(answers.experts_body(found))
    else:
        print(safe_text(answers.experts_text(found)))
        answers.tell_incomplete(found.incomplete)


@app.command()
def serve(
    host: Annotated[str, typer.Option(help="Adresse d'écoute ; sinon, celle des réglages")] = "",
    port: Annotated[
        int, typer.Option(help="Port ; sinon, celui des réglages", show_default=False)
    ] = 0,
) -> None:
    """Sert les pages et l'API."""
    with opened_application() as application:
        run_application(application, crawls=False, host=host, port=port)


@app.command()
def token(
    agent: Annotated[str, typer.Argument(help="Identifiant de l'agent")],
    hours: Annotated[
        float, typer.Option(min=0.01, max=24 * 366, help="Durée du jeton, en heures")
    ] = 8,
) -> None:
    """Signe un jeton qui désigne un agent."""
    with opened_application() as application:
        if application.book.agent(agent) is None:
            raise ValueError(
                "Cet agent n'est pas dans l'annuaire (« quisait directory read » le relit)."
            )
        # Imported here for the same reason as in `serve`.
        from quisait.server.app import tokens_of

        audit_command(application.privacy, "quisait token", f"as:{agent}")
        print(tokens_of(application.settings).make(agent, int(time.time()), int(hours * 3600)))


@model_app.command("export")
def model_export(
    directory: Annotated[Path, typer.Argument(help="Dossier à écrire")],
    source: Annotated[
        Path | None,
        typer.Option(
            "--from",
            help="Dossier d'un autre modèle (sentence-transformers, transformers ou ONNX) ; sinon, "
            "le modèle fourni",
            show_default=False,
        ),
    ] = None,
    floats: Annotated[
        bool, typer.Option("--float", help="Garder les nombres réels : plus lent, plus gros")
    ] = False,
    query_prompt: Annotated[
        str | None,
        typer.Option(help="Ce qui précède une question ; sinon, ce qu'en dit le modèle"),
    ] = None,
    passage_prompt: Annotated[
        str | None,
        typer.Option(help="Ce qui précède un passage ; sinon, ce qu'en dit le modèle"),
    ] = None,
) -> None:
    """Écrit un modèle que sert l'encodeur « onnx » (extra torch, sauf s'il est déjà en ONNX).

    Sans --from : le modèle fourni, en dossier sentence-transformers et ONNX int8.
    """
    stated = {"query": query_prompt, "passage": passage_prompt}
    prompts = {side: text for side, text in stated.items() if text is not None}
    if source is None and (floats or prompts):
        raise typer.BadParameter("ces options vont avec --from")
    said: Sequence[str] = ()
    with errors_as_sentences(), shown_progress("modèle", "étapes") as advance:
        if source is None:
            export_bundled_model(directory, advance)
        else:
            said = export_model_directory(
                source, directory, int8=not floats, prompts=prompts, progress=advance
            )
    print("\n".join((*said, f"Modèle écrit dans {directory}.")))


@schema_app.command("export")
def schema_export() -> None:
    """Le schéma JSON des lignes d'un export."""
    _dump(json_schema())


@schema_app.command("settings")
def schema_settings() -> None:
    """La page de documentation des réglages (docs/reglages.md)."""
    print(settings_page(), end="")


if __name__ == "__main__":
    app()
