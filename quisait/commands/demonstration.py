"""`quisait demo`: the fictional administration, indexed, asked, served on loopback."""

import json
import os
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer

from quisait.assembly import House
from quisait.commands import answers
from quisait.commands.audit import by_command
from quisait.commands.expertise import build_text
from quisait.commands.progress import duration
from quisait.faults import opened_house
from quisait.work.building import build_and_publish
from quisait.work.crawling import crawl_sources, read_directory
from quisait.work.running import until_told
from search_api.audit.words import ANY_AGENT
from search_api.identity.readers import reader_of
from search_api.questions.query import Query

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
    as_json: Annotated[
        bool, typer.Option("--json", help="Avec --check : résultat en JSON, pour un programme")
    ] = False,
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
    with opened_house() as house:
        _prepare(house, quiet=check and as_json)
        if check:
            by_command(house.privacy, "quisait demo", ANY_AGENT)
            raise typer.Exit(0 if _check_all(house, questions, as_json=as_json) else 1)
        address = f"http://{house.settings.server.host}:{port or house.settings.server.port}/"
        print(f"\nQui sait ? est ouvert à {address} (Ctrl+C pour fermer). Essayez :")
        for one in questions[:3]:
            print(f"  – {one.question}")
        sys.stdout.flush()
        # Imported here: FastAPI and its like take a second that a check does not need.
        from quisait.intranet import serving_intranet
        from quisait.serving import serve_house

        with serving_intranet(house.settings, folder / "intranet", address.rstrip("/")):
            serve_house(house, port=port)


def _questions(path: Path) -> list[DemoQuestion]:
    return [DemoQuestion(**one) for one in json.loads(path.read_text("utf-8"))]


def _prepare(house: House, *, quiet: bool) -> None:
    started = time.monotonic()
    directory = read_directory(house)
    sources = house.settings.sources
    outcomes = until_told(house, lambda stop: crawl_sources(house, sources, quiet=quiet, stop=stop))
    taken = duration(round(time.monotonic() - started))
    told = sys.stderr if quiet else sys.stdout
    for outcome in outcomes:
        print(answers.crawl_line(outcome), file=told)
    if any(outcome.error for outcome in outcomes):
        raise typer.Exit(1)
    print(build_text(build_and_publish(house)), file=told, flush=True)
    people = directory.agents if directory else 0
    print(f"{people} agents et {len(outcomes)} sources prêts en {taken}.", file=told, flush=True)


def _check_all(house: House, questions: list[DemoQuestion], *, as_json: bool) -> bool:
    found = []
    for one in questions:
        missing = _missing(house, one)
        found.append({"question": one.question, "passed": not missing, "detail": missing})
        if not as_json:
            told = f"{one.question} : {missing}" if missing else one.question
            print(f"{'ÉCHEC ' if missing else 'ok    '} {told}", flush=True)
    good = sum(not one["detail"] for one in found)
    if as_json:
        print(json.dumps(found, ensure_ascii=False, indent=2))
    else:
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
    return " ; ".join(faults)
