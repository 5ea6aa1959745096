"""`quisait connector`: list the installed connectors, and write one."""

import json
import re
import shlex
import sys
from collections.abc import Iterator
from importlib.metadata import EntryPoint
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated

import typer

from connectors.installed import installed_connectors, load_kind
from connectors.ports import SourceRefused
from quisait.application.startup import errors_as_sentences
from quisait.settings.sources import BUILT_IN_KINDS
from search_api.plain_text import safe_text

connector_app = typer.Typer(
    help="Les connecteurs : ceux qui sont installés, et le vôtre.", no_args_is_help=True
)
_NAME = re.compile(r"[a-z][a-z0-9_]{0,39}")

_PROJECT = """[build-system]
requires = ["setuptools>=77"]
build-backend = "setuptools.build_meta"

[project]
name = "quisait-{name}"
version = "0.1"
requires-python = ">=3.11"
dependencies = ["quisait"]

# Sous ce nom, « kind » d'une source de quisait.toml.
[project.entry-points."quisait.connectors"]
{name} = "{module}:KIND"

[tool.setuptools]
py-modules = ["{module}"]
"""


@connector_app.command("list")
def list_connectors() -> None:
    """Les connecteurs installés, chacun avec ses réglages ([sources.options])."""
    with errors_as_sentences():
        print(f"De quisait : {', '.join(BUILT_IN_KINDS[:-1])} (docs/reglages.md).")
        for name, entry in sorted(installed_connectors().items()):
            print(safe_text("\n".join(_described(name, entry))))


def _described(name: str, entry: EntryPoint) -> Iterator[str]:
    package = f"{entry.dist.name} {entry.dist.version}" if entry.dist else entry.value
    if name in BUILT_IN_KINDS:
        yield f"{name} ({package}) : sans effet, ce nom est celui d'un connecteur de quisait."
        return
    try:
        kind = load_kind(name)
    except SourceRefused as error:
        yield str(error)
        return
    yield f"{name} ({package}) : {kind.label}"
    for option, field in kind.options.model_fields.items():
        needed = "à donner" if field.is_required() else json.dumps(field.default, default=str)
        yield f"  {option} ({needed}) : {field.description or ''}"


@connector_app.command("new")
def new_connector(
    name: Annotated[str, typer.Argument(help="Nom court : « kind » des sources, en minuscules")],
) -> None:
    """Écrit un connecteur qui marche, et son essai, dans un dossier de ce nom."""
    with errors_as_sentences():
        if not _NAME.fullmatch(name):
            raise ValueError(
                "Donnez un nom en minuscules, chiffres et tirets bas, comme « annales »."
            )
        if name in BUILT_IN_KINDS or name in installed_connectors():
            raise ValueError(f"« {name} » est déjà un connecteur : choisissez un autre nom.")
        folder = Path(name)
        if folder.exists():
            raise ValueError(f"{folder} existe déjà : rien n'a été écrit.")
        files = _files(name)
        folder.mkdir()
        for path, text in files.items():
            (folder / path).write_text(text, encoding="utf-8")
    print(
        f"{folder} écrit : {', '.join(files)}.\n"
        f"Installez-le :  {_install_command(folder)}\n"
        f"Essayez-le :    {shlex.quote(sys.executable)} -m pytest {folder}\n"
        "Branchez-le :   docs/connecteur.md"
    )


def _install_command(folder: Path) -> str:
    """Return a shell command that installs a connector in the environment of this quisait.

    In another environment, pip would look for quisait in the public registry, which does not have
    it. The environment of a kit has no pip: the system's pip installs into it.
    """
    python = shlex.quote(sys.executable)
    uv = Path(sys.executable).parent / "uv"
    if uv.exists():
        start = f"{shlex.quote(str(uv))} pip install --python {python}"
    elif find_spec("pip"):
        start = f"{python} -m pip install"
    else:
        start = f"pip --python {python} install"
    return f"{start} --editable ./{folder} pytest"


def _files(name: str) -> dict[str, str]:
    """Return the text of each file of a new connector. Raises `ValueError` without the kit."""
    module = f"quisait_{name}"
    kit = find_spec("quisait_connector_kit")
    if kit is None or kit.origin is None:
        raise ValueError(
            "Le modèle d'un connecteur vient avec le paquet « quisait-connector-kit » "
            "(packages/connector-kit) : installez-le, puis relancez."
        )
    example = Path(kit.origin).parent / "example"
    connector = (example / "connector.py").read_text("utf-8")
    test = (example / "test_connector.py").read_text("utf-8")
    return {
        "pyproject.toml": _PROJECT.format(name=name, module=module),
        f"{module}.py": connector,
        f"test_{module}.py": test.replace("quisait_connector_kit.example.connector", module),
    }
