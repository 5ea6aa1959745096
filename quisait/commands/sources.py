"""`quisait source`: try and add a source, with the same functions as administrators' pages."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated

import typer

from quisait.application.opening import Opening
from quisait.application.startup import opened_state
from quisait.commands.connectors import trial_lines
from quisait.commands.output import AsJson, show
from quisait.privacy.retention import Privacy, audit_command, open_privacy
from quisait.work.new_source import DeskSources, open_sources_of_machine
from quisait.work.source_entries import entered_by_command
from search_api.new_source.values import SourceTrial

source_app = typer.Typer(
    help="Ajouter une source aux réglages, après l'avoir essayée.", no_args_is_help=True
)

KindArgument = Annotated[str, typer.Argument(help="Sorte : folder, mediawiki, webdav, lists…")]
GivenSettings = Annotated[
    list[str] | None,
    typer.Argument(help="réglage=valeur ; un réglage donné deux fois a deux valeurs"),
]


@contextmanager
def _opened(opening: Opening) -> Iterator[tuple[DeskSources, Privacy]]:
    with opened_state(opening) as (settings, database):
        yield open_sources_of_machine(settings, database), open_privacy(settings, database)


@source_app.command("try")
def try_new_source(
    kind: KindArgument, given: GivenSettings = None, as_json: AsJson = False
) -> None:
    """Essaie une source qui n'est pas dans les réglages : ses documents, qui les lirait."""
    with _opened(Opening.READ) as (sources, privacy):
        entered = entered_by_command(kind, given or [])
        audit_command(privacy, "quisait source try", f"source:{entered.get('name', '')}")
        found = sources.attempt(entered)
        _show_trial(sources, found, as_json=as_json)
    if found.stopped or not found.documents:
        raise typer.Exit(1)


@source_app.command("add")
def add_source(
    kind: KindArgument,
    given: GivenSettings = None,
    yes: Annotated[bool, typer.Option("--yes", help="L'écrire sans le demander")] = False,
    untried: Annotated[bool, typer.Option("--untried", help="Sans l'essayer d'abord")] = False,
) -> None:
    """Essaie une source, montre qui la lirait, et l'ajoute à quisait.toml si vous le dites."""
    with _opened(Opening.WRITE) as (sources, privacy):
        entered = entered_by_command(kind, given or [])
        added = sources.addition(entered)
        audit_command(privacy, "quisait source add", f"source:{entered.get('name', '')}")
        if not untried and kind != "push":
            found = sources.attempt(entered)
            _show_trial(sources, found, as_json=False)
            if found.stopped:
                raise ValueError("Rien n'est écrit. Corrigez, ou ajoutez --untried.")
        print(f"\n{added.text}")
        if added.locked:
            print(f"{added.locked} Collez cette table à la fin de {added.path}.")
            raise typer.Exit(1)
        if not yes and not _confirmed(f"L'ajouter à {added.path} ? [o/N] "):
            print("Rien n'est écrit.")
            raise typer.Exit(1)
        written = sources.write(entered)
    print(f"Écrite dans {written.path} ; le fichier d'avant est gardé : {written.backup}.")
    for step in written.next_steps:
        print(step)


def _confirmed(question: str) -> bool:
    """Ask a yes-no question at the terminal; return whether the answer is yes."""
    try:
        return input(question).strip().casefold() in {"o", "oui", "y", "yes"}
    except EOFError:
        print()
        return False


def _show_trial(sources: DeskSources, found: SourceTrial, *, as_json: bool) -> None:
    named = {one for document in found.documents for one in document.allowed + document.denied}
    show(found, as_json, lambda _: "\n".join(trial_lines(found, sources.in_words(named))))
