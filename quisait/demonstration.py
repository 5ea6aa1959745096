"""`quisait demo`: the fictional administration, indexed, asked, served on loopback."""

import json
import os
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer

from quisait import answers
from quisait.assembly import House, open_house
from quisait.crawling import crawl_sources, read_directory
from quisait.progress import duration
from quisait.settings import load_settings
from search_api.query import Query
from search_api.readers import reader_of

FIRST_DOCUMENTS = 3
"""The expected document stands among so many."""
FIRST_EXPERTS = 3
"""The expected expert stands among so many."""


@dataclass(frozen=True, slots=True)
class DemoQuestion:
    """A question of an agent, what must be found, and what must not be seen."""

    agent: str
    question: str
    document: str
    expert: str
    hidden: str = ""


def demo(
    check: Annotated[
        bool, typer.Option("--check", help="Poser les questions, puis sortir")
    ] = False,
    folder: Annotated[Path, typer.Option(help="Dossier de la démonstration")] = Path("demo"),
    port: Annotated[
        int, typer.Option(help="Port ; sinon, celui des réglages", show_default=False)
    ] = 0,
) -> None:
    """Indexe l'administration fictive, puis la sert sur cette machine."""
    file = folder / "quisait.toml"
    if not file.is_file():
        print(
            f"{file} manque : lancez la démonstration depuis le dossier du projet.", file=sys.stderr
        )
        raise typer.Exit(2)
    os.environ["QUISAIT_FILE"] = str(file)
    questions = _questions(folder / "questions.json")
    with open_house(load_settings()) as house:
        _prepare(house)
        if check:
            raise typer.Exit(0 if _check_all(house, questions) else 1)
        address = f"http://{house.settings.server.host}:{port or house.settings.server.port}/"
        print(f"\nQui sait ? est ouvert à {address} (Ctrl+C pour fermer). Essayez :")
        for one in questions[:3]:
            print(f"  – {one.question}")
        sys.stdout.flush()
        # Imported here: FastAPI and its like take a second that a check does not need.
        from quisait.serving import serve_house

        serve_house(house, port=port)


def _questions(path: Path) -> list[DemoQuestion]:
    return [DemoQuestion(**one) for one in json.loads(path.read_text("utf-8"))]


def _prepare(house: House) -> None:
    started = time.monotonic()
    directory = read_directory(house)
    outcomes = crawl_sources(house, house.settings.sources)
    for outcome in outcomes:
        print(answers.crawl_line(outcome))
    if any(outcome.error for outcome in outcomes):
        raise typer.Exit(1)
    people = directory.agents if directory else 0
    taken = duration(round(time.monotonic() - started))
    print(f"{people} agents et {len(outcomes)} sources prêts en {taken}.", flush=True)


def _check_all(house: House, questions: list[DemoQuestion]) -> bool:
    good = 0
    for one in questions:
        missing = _missing(house, one)
        good += not missing
        print(f"{'ok    ' if not missing else 'ÉCHEC '} {one.question}{missing}", flush=True)
    print(f"{good} questions sur {len(questions)} trouvent leur document et leur expert.")
    return good == len(questions)


def _missing(house: House, one: DemoQuestion) -> str:
    """What the question did not find, or showed and should not have; empty when all is well."""
    reader = reader_of(one.agent, house.book, answers.today())
    results = house.search.answer(Query(one.question, page_size=50), reader, answers.today())
    ids = [result.card.document_id for result in results.results]
    found = answers.find(house, one.question, reader)
    experts = [candidate.agent.id for candidate in found.candidates]
    faults = []
    if one.document not in ids[:FIRST_DOCUMENTS]:
        faults.append(f"document {one.document} absent des {FIRST_DOCUMENTS} premiers")
    if one.expert not in experts[:FIRST_EXPERTS]:
        faults.append(f"expert {one.expert} absent des {FIRST_EXPERTS} premiers")
    if one.hidden and one.hidden in ids:
        faults.append(f"document {one.hidden} montré à qui ne peut le lire")
    return f" : {' ; '.join(faults)}" if faults else ""
