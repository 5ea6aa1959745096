"""The command line: the list of commands, and the module of each.

A command's module is imported when the command is used, so that `--help` and completion are quick.
A command opens the application, calls one function, and prints its result.
"""

import atexit
import gc
import os
import sys
from collections.abc import Mapping
from importlib import import_module
from importlib.util import find_spec
from typing import Annotated, Any

import typer
from typer.core import TyperCommand, TyperGroup

from connectors.plugins import PluginMissing
from quisait.features import installed_features

COMMANDS: Mapping[str, tuple[str, str]] = {
    "init": (
        "init:init",
        "Écrit un quisait.toml commenté dans le dossier courant, et la clé des jetons.",
    ),
    "check": ("check:check", "Essaie la configuration et les moteurs, une ligne chacun."),
    "crawl": ("crawl:crawl", "Relit l'annuaire et les sources, et met l'index à jour."),
    "sources": (
        "crawl:sources",
        "Où en sont les sources : dernière lecture, suivante, documents, échecs, et que faire.",
    ),
    "run": (
        "run:run",
        "Lit les sources à leur rythme et sert les pages, jusqu'à SIGTERM ou Ctrl+C.",
    ),
    "serve": ("run:serve", "Sert les pages et l'API."),
    "search": ("search:search", "Cherche des documents, avec les droits d'un agent."),
    "experts": ("search:experts", "Cherche qui sait, avec les droits d'un agent."),
    "profile": (
        "expertise:profile",
        "Ce qu'un agent sait, d'après les documents, et ce qu'il déclare.",
    ),
    "peers": (
        "expertise:peers",
        "Qui partage les sujets d'un agent ; sans AGENT, de celui qui lit.",
    ),
    "isolation": (
        "expertise:isolation",
        "Qui est seul sur un sujet, par territoire ; ce n'est pas un classement.",
    ),
    "coverage": (
        "expertise:coverage",
        "Combien de personnes tiennent chaque sujet, ou un sujet par territoire ; ce qui manque.",
    ),
    "expertise": ("expertise:expertise_app", "Qui sait, qui est seul sur son sujet."),
    "topics": (
        "topics:topics_app",
        "Les sujets : la liste, un sujet, ce qui repose sur une personne.",
    ),
    "questions": (
        "questions:questions_app",
        "Les questions posées à qui sait : leur suite.",
    ),
    "expected": (
        "expected:expected_app",
        "Les questions attendues d'un document : les importer, les exporter.",
    ),
    "connector": (
        "connectors:connector_app",
        "Les connecteurs : ceux qui sont installés, et le vôtre.",
    ),
    "forget": (
        "quisait.work.source_status:forget",
        "Efface tout ce qui reste d'une source que les réglages ne nomment plus.",
    ),
    "scans": ("scans:scans", "Où en est le texte des documents numérisés, et le reconnaître."),
    "directory": (
        "directory:directory_app",
        "L'annuaire : ce qu'il dit, sa lecture, un agent retiré.",
    ),
    "token": ("tokens:token", "Signe un jeton qui désigne un agent."),
    "sessions": ("tokens:sessions_app", "Sessions et jetons personnels des agents."),
    "privacy": ("privacy:privacy_app", "Données personnelles."),
    "audit": (
        "privacy:audit",
        "Qui a consulté quoi au titre d'un rôle, et si le registre est intact.",
    ),
    "journal": ("journal:journal_app", "Ce qui est demandé, sans savoir par qui."),
    "backup": (
        "backups:backup",
        "Sauvegarde l'index, l'état et les réglages sans secret, pendant que tout continue.",
    ),
    "restore": (
        "backups:restore",
        "Restaure une sauvegarde dans une installation vide, sans ce qui a été retiré depuis.",
    ),
    "reindex": (
        "quisait.work.reindexing:reindex_command",
        "Refait l'index à côté (encodeur, analyse, format, partitions, vecteurs), puis l'échange.",
    ),
    "upgrade": (
        "quisait.work.upgrade:upgrade_command",
        "Met à niveau ce qu'une version antérieure a laissé : base d'état, puis index.",
    ),
    "size": (
        "size:size",
        "Ce que demande un index de tant de documents : machines, mémoire, disque, lecture.",
    ),
    "evaluate": ("evaluation.cli:evaluate_app", "Mesures sur des jeux de questions jugées."),
}
"""Module and function (or group) of each command, and its line of help.

Modules without a dot are in `quisait.commands`. Commands of the package `evaluation` are listed
only if it is installed.
"""


def all_commands() -> dict[str, tuple[str, str]]:
    """Return the commands of quisait and of installed features, like `COMMANDS`."""
    added = {name: entry for one in installed_features() for name, entry in one.commands.items()}
    return {**COMMANDS, **added}


class _NamedCommand(TyperCommand):
    """A command of `all_commands`, imported when it is used."""

    def make_context(
        self, info_name: str | None, args: list[str], parent: Any = None, **extra: Any
    ) -> Any:
        return load(self.name or "").make_context(info_name, args, parent, **extra)


class _Commands(TyperGroup):
    """The click group of the commands of `all_commands` whose package is installed."""

    def __init__(self, **attributes: Any) -> None:
        super().__init__(**attributes)
        try:
            commands = all_commands()
        except PluginMissing as error:
            sys.exit(str(error))
        for name, (place, line) in commands.items():
            if " " not in name and find_spec(_module(place).partition(".")[0]):
                self.add_command(_NamedCommand(name, callback=None, help=line))


def _module(place: str) -> str:
    module = place.partition(":")[0]
    return module if "." in module else f"quisait.commands.{module}"


def load(name: str) -> Any:
    """Import the command of this name, and return it with its options."""
    place, holder = all_commands()[name][0], typer.Typer()
    found = getattr(import_module(_module(place)), place.rpartition(":")[2])
    if isinstance(found, typer.Typer):
        holder.add_typer(found, name=name)
    else:
        holder.command(name)(found)
    command: Any = typer.main.get_group(holder).commands[name]
    for other in all_commands():
        group, _, own_name = other.partition(" ")
        if group == name and own_name:  # of a feature
            added = load(other)
            added.name = own_name
            command.add_command(added)
    return command


def load_all() -> dict[str, Any]:
    """Import every installed command; return them by name, in the order of the help."""
    return {name: load(name) for name in typer.main.get_group(app).commands}


app = typer.Typer(help="Qui sait ? Recherche et experts.", no_args_is_help=True, cls=_Commands)


@app.callback()
def begin(
    config: Annotated[
        str,
        typer.Option("--config", help="Fichier des réglages ; sinon QUISAIT_FILE, ou quisait.toml"),
    ] = "",
) -> None:
    """Qui sait ? Recherche et experts."""
    # Loading modules makes many objects and hardly any garbage: to look for it at each 700 of them,
    # and once more at the end, would be an eighth of a short command's time.
    gc.set_threshold(10_000)
    atexit.register(gc.freeze)
    if config:
        os.environ["QUISAIT_FILE"] = config


if __name__ == "__main__":
    app()
