"""`quisait demo`: index the fictional administration, then serve it."""

import json
import os
import shutil
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, TextIO

import typer

from quisait.application.assembly import Application
from quisait.application.progress import duration
from quisait.application.startup import errors_as_sentences, opened_application, read_settings
from quisait.commands import answers
from quisait.commands.expertise import build_text
from quisait.commands.run import Port, run_application, run_interruptibly
from quisait.work.crawl import crawl_sources, read_directory
from quisait.work.demo_stories import tell_stories
from quisait.work.worker import build_and_publish

INSTALLED = Path(sys.prefix) / "share/quisait/demo"
"""The demonstration of an installed quisait (`data-files` in pyproject.toml)."""

PROPOSED = 3
"""Number of first questions that are suggested when the demonstration is served."""


DemoFolder = Annotated[
    Path, typer.Option(help="Dossier de la démonstration ; sinon, elle est copiée ici")
]
DEMO = Path("demo")


def demo(
    folder: DemoFolder = DEMO,
    port: Port = 0,
) -> None:
    """Indexe l'administration fictive, puis la sert sur cette machine."""
    folder = demo_folder(folder)
    if port:
        os.environ["QUISAIT_SERVER__PORT"] = str(port)  # also where the mails lead
    # Imported here; a taken port is said before the model is prepared.
    from search_api.listening import open_port

    server = read_settings().server
    with errors_as_sentences():
        open_port(server.host, server.port).close()
    with opened_demo(folder, sys.stdout) as application:
        address = f"http://{server.host}:{server.port}/"
        print("\n".join(_welcome(application, address, folder)), flush=True)
        # Imported here: loading FastAPI takes a second.
        from quisait.server.app import serving_intranet

        with serving_intranet(application.settings, folder / "intranet", address.rstrip("/")):
            run_application(application)


def demo_folder(folder: Path) -> Path:
    """Return the folder of the demonstration, copied if needed, and use its settings."""
    if folder == DEMO and not folder.exists() and INSTALLED.is_dir():
        # Beside its index: an installation is not written to.
        folder = Path("quisait-demo") / "demo"
        shutil.copytree(INSTALLED, folder, dirs_exist_ok=True)
    file = folder / "quisait.toml"
    if not file.is_file():
        print(f"{file} manque : nommez le dossier de la démonstration (--folder).", file=sys.stderr)
        raise typer.Exit(2)
    os.environ["QUISAIT_FILE"] = str(file)
    return folder


@contextmanager
def opened_demo(folder: Path, stream: TextIO, *, quiet: bool = False) -> Iterator[Application]:
    """Open the demonstration, with everything read and built; the steps are told on `stream`."""
    started = time.monotonic()
    print(
        "Ouverture ; la première fois, le modèle qui lit les textes se prépare (140 Mo, quelques "
        "secondes).",
        file=stream,
        flush=True,
    )
    with opened_application() as application:
        _prepare(application, folder, stream, quiet=quiet)
        taken = duration(round(time.monotonic() - started))
        print(f"Tout est prêt en {taken}.", file=stream, flush=True)
        yield application


def _welcome(application: Application, address: str, folder: Path) -> Iterator[str]:
    """Yield the lines that tell the address, the agent at the start, and what to try."""
    yield f"\nQui sait ? est ouvert à {address} (Ctrl+C pour fermer)."
    if agent := application.book.agent(application.settings.server.demo_agent):
        yield (
            f"Vous y êtes {agent.name}, {agent.metier} à {agent.office}. « Changer d'agent », en "
            "haut de chaque page, fait de vous quelqu'un d'autre."
        )
    yield "Essayez :"
    first = (folder / "questions.jsonl").read_text("utf-8").splitlines()[:PROPOSED]
    yield from (f"  – chercher « {json.loads(line)['question']} »" for line in first)
    yield f"  – demander à qui sait : {address}questions/new, puis répondre à sa place"
    yield f"  – lire les courriels que cela vous vaut : {address}demo/mails"


def _prepare(application: Application, folder: Path, stream: TextIO, *, quiet: bool) -> None:
    """Read everything, build the expertise and, at the first start, tell the stories.

    A line before each step says what comes.
    """
    directory = read_directory(application)
    sources = application.settings.sources
    people = directory.agents if directory else 0
    print(
        f"Lecture de {len(sources)} sources, pour {people} agents : quelque 270 documents, un "
        "vecteur par passage (8 Mo ; une demi-minute la première fois).",
        file=stream,
        flush=True,
    )
    outcomes = run_interruptibly(
        application, lambda stop: crawl_sources(application, sources, quiet=quiet, stop=stop)
    )
    for outcome in outcomes:
        print(answers.crawl_line(outcome), file=stream)
    if any(outcome.error for outcome in outcomes):
        raise typer.Exit(1)
    print("Cartographie de qui sait, puis quelques questions posées.", file=stream, flush=True)
    print(build_text(build_and_publish(application)), file=stream, flush=True)
    tell_stories(application, folder / "questions-posees.toml")
