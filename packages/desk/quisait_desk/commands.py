"""`quisait source` and `quisait try`: try and add sources, with the functions of the pages."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Annotated

import typer

from quisait.application.opening import Opening
from quisait.application.startup import errors_as_sentences, opened_state, read_settings
from quisait.commands.output import AsJson, show
from quisait.privacy.retention import Privacy, audit_command, open_privacy
from quisait_desk.source_entries import entered_by_command
from quisait_desk.sources import DeskSources, open_sources_of_machine
from quisait_desk.values import SourceTrial, TriedDocument
from search_api.plain_text import number, plural

source_app = typer.Typer(
    help="Ajouter une source aux réglages, après l'avoir essayée.", no_args_is_help=True
)

_TRIED_ELSEWHERE = {
    "push": "ses documents sont poussés : « quisait sources » dit ce qui attend",
    "questions": "ses documents sont les questions posées ici",
}

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


def try_command(
    source: Annotated[str, typer.Argument(help="Nom d'une source de quisait.toml")],
    count: Annotated[int, typer.Option("--count", min=1, max=1000, help="Documents lus")] = 10,
    as_json: AsJson = False,
) -> None:
    """Lit les premiers documents d'une source, dit qui les lirait, et n'en garde rien."""
    # Imported here, so that the other commands of this module are quick.
    from quisait.application.engines import open_extractor
    from quisait.application.sources import open_source, sources_named
    from quisait_desk.trial import try_source

    with errors_as_sentences():
        whole = read_settings()
        (settings,) = sources_named(whole, [source])
        if reason := _TRIED_ELSEWHERE.get(settings.kind):
            raise ValueError(f"{source} ne s'essaie pas : {reason}.")
        with open_extractor(whole.extractor) as extractor:
            found = try_source(open_source(settings, None), count, extractor)
    show(found, as_json, lambda found: "\n".join(trial_lines(found)))
    if found.stopped or not found.documents:
        raise typer.Exit(1)


def trial_lines(found: SourceTrial, words: Mapping[str, str] | None = None) -> Iterator[str]:
    """Yield the lines of a trial. `words` describe readers; others are shown unchanged."""
    for document in found.documents:
        yield f"{document.title or document.id}"
        yield f"  {', '.join(_facts(document))}"
        yield f"  lecteurs : {_readers(document, words or {})}"
    yield from (f"Non lu, {where} : {reason}" for where, reason in found.unread)
    yield from (f"Le compte : {sentence}" for sentence in found.missing)
    if found.stopped:
        yield f"Lecture arrêtée : {found.stopped}"
    nobody = sum(document.read_by_nobody for document in found.documents)
    yield (
        plural("{num} document essayé", "{num} documents essayés", len(found.documents))
        + (f", dont {number(nobody)} que personne ne lirait" if nobody else "")
        + " ; rien n'a été gardé."
    )


def _facts(document: TriedDocument) -> Iterator[str]:
    # Imported here, so that the other commands of this module are quick.
    from search_api.wording import day

    yield document.id
    if document.modified:
        yield f"modifié le {day(document.modified)}"
    if document.filename:
        yield f"fichier {document.filename}"
    if document.unread:
        yield f"texte non lu : {document.unread}"
    else:
        yield plural("{num} signe", "{num} signes", document.characters)
    yield f"de {', '.join(document.authors)}" if document.authors else "sans auteur qui compte"


def _readers(document: TriedDocument, words: Mapping[str, str]) -> str:
    allowed, denied = (
        ", ".join(words.get(one, one) for one in some)
        for some in (document.allowed, document.denied)
    )
    return (allowed or "personne") + (f" ; sauf {denied}" if denied else "")
