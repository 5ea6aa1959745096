"""`quisait demo`: index the fictional administration, then serve it or check its questions."""

import json
import os
import shutil
import sys
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from secrets import token_hex
from typing import Annotated, Any, TextIO

import typer

from quisait.application.assembly import Application
from quisait.application.opening import Opening
from quisait.application.progress import duration
from quisait.application.startup import errors_as_sentences, opened_application, read_settings
from quisait.clock import today
from quisait.commands import answers
from quisait.commands.expertise import build_text
from quisait.commands.run import run_application, run_interruptibly
from quisait.privacy.retention import audit_command
from quisait.settings import SECRETS_FOLDER, beside_file, secrets_folder
from quisait.settings.files import private_files
from quisait.work.crawl import crawl_sources, read_directory
from quisait.work.expected import import_questions
from quisait_demo.stories import tell_stories
from quisait.work.worker import build_and_publish
from search_api.audit.descriptions import ANY_AGENT
from search_api.context import AnswerContext
from search_api.identity.readers import reader_of
from search_api.people.service import PeopleAnswer
from search_api.query.query import Query
from search_api.search.service import QuestionAnswer, answer_question

INSTALLED = Path(sys.prefix) / "share/quisait/demo"
"""The demonstration of an installed quisait (`data-files` in pyproject.toml)."""

FIRST = 3
"""Number of first results among which expected documents and people must be."""
READ = 50
"""Number of first results among which hidden documents must not be."""
PROPOSED = 3
"""Number of first questions that are suggested when the demonstration is served."""


@dataclass(frozen=True, slots=True)
class DemoQuestion:
    """A question of an agent, and the expected results.

    One of `documents` and one of `experts` must be among the first three; `people` must have the
    first cards, in any order; `services` must be found. With `near_subject`, nobody may have a
    card, and one of these agents must be suggested as a guide. `hidden` documents must not appear,
    `not_first` documents must not come first, and `not_named` people must not appear. With
    `silent`, nobody may appear. At most `at_most` documents may be found. With `answered`, the page
    must say that documents answer, or that none does. The first documents must be the same as for
    the question `same_as`. `known` marks a fault that is not fixed yet. The vectors depend on the
    processor, and so may a fault: if a known one does not show, the check only notes it.
    """

    kind: str
    agent: str
    question: str
    documents: Sequence[str] = ()
    experts: Sequence[str] = ()
    people: Sequence[str] = ()
    services: Sequence[str] = ()
    hidden: Sequence[str] = ()
    not_first: Sequence[str] = ()
    not_named: Sequence[str] = ()
    near_subject: Sequence[str] = ()
    silent: bool = False
    at_most: int | None = None
    answered: bool | None = None
    same_as: str = ""
    known: bool = False


def demo_questions(path: Path) -> list[DemoQuestion]:
    """Return the questions of a file with one JSON object per line."""
    return [DemoQuestion(**json.loads(line)) for line in path.read_text("utf-8").splitlines()]


def demo(
    check: Annotated[
        bool, typer.Option("--check", help="Poser les questions, puis sortir")
    ] = False,
    folder: Annotated[
        Path, typer.Option(help="Dossier de la démonstration ; sinon, elle est copiée ici")
    ] = Path("demo"),
    port: Annotated[
        int, typer.Option(help="Port ; sinon, celui des réglages", show_default=False)
    ] = 0,
    as_json: Annotated[
        bool, typer.Option("--json", help="Avec --check : résultat en JSON, pour un programme")
    ] = False,
) -> None:
    """Indexe l'administration fictive, puis la sert sur cette machine."""
    if folder == Path("demo") and not folder.exists() and INSTALLED.is_dir():
        # Beside its index: an installation is not written to.
        folder = Path("quisait-demo") / "demo"
        shutil.copytree(INSTALLED, folder, dirs_exist_ok=True)
    file = folder / "quisait.toml"
    if not file.is_file():
        print(f"{file} manque : nommez le dossier de la démonstration (--folder).", file=sys.stderr)
        raise typer.Exit(2)
    os.environ["QUISAIT_FILE"] = str(file)
    if port:
        os.environ["QUISAIT_SERVER__PORT"] = str(port)  # also where the mails lead
    questions = demo_questions(folder / "questions.jsonl")
    if not check:
        make_token_key()
        # Imported here, so that a taken port is reported before the model is prepared.
        from search_api.listening import open_port

        server = read_settings().server
        with errors_as_sentences():
            open_port(server.host, server.port).close()
    stream = sys.stderr if check and as_json else sys.stdout
    started = time.monotonic()
    print(
        "Ouverture ; la première fois, le modèle qui lit les textes se prépare (140 Mo, quelques "
        "secondes).",
        file=stream,
        flush=True,
    )
    with opened_application(Opening.SERVE) as application:
        server = application.settings.server
        _prepare(application, folder, stream, quiet=check and as_json)
        taken = duration(round(time.monotonic() - started))
        print(f"Tout est prêt en {taken}.", file=stream, flush=True)
        if check:
            audit_command(application.privacy, "quisait demo", ANY_AGENT)
            raise typer.Exit(0 if check_all(application, questions, as_json=as_json) else 1)
        address = f"http://{server.host}:{server.port}/"
        print("\n".join(_welcome(application, address, questions)), flush=True)
        # Imported here: loading FastAPI takes a second, and a check does not need it.
        from quisait_demo.intranet import serving_intranet

        with serving_intranet(application.settings, folder / "intranet", address.rstrip("/")):
            run_application(application)


def make_token_key() -> None:
    """Create the key of tokens at the first start, so that programs can use the API (docs/api.md).

    Without a key, because its folder cannot be written, the demo only serves people.
    """
    file = (secrets_folder() or beside_file(SECRETS_FOLDER)) / "server__token_key"
    if read_settings().server.token_key:
        return
    with suppress(OSError), private_files():
        file.parent.mkdir(exist_ok=True)
        file.write_text(token_hex(32) + "\n", "utf-8")


def _welcome(
    application: Application, address: str, questions: Sequence[DemoQuestion]
) -> Iterator[str]:
    """Yield the lines that name the agent at the start and propose questions."""
    if agent := application.book.agent(application.settings.server.demo_agent):
        yield (
            f"Vous y êtes {agent.name}, {agent.metier} à {agent.office}. « Changer d'agent », en "
            "haut de chaque page, fait de vous quelqu'un d'autre."
        )
    yield "Essayez :"
    yield from (f"  – chercher « {one.question} »" for one in questions[:PROPOSED])
    yield f"  – demander à qui sait : {address}questions/new, puis répondre à sa place"
    yield f"  – lire les courriels que cela vous vaut : {address}demo/mails"
    yield f"  – demander par un programme, à {address}api/v1/search : docs/api.md"


def _prepare(application: Application, folder: Path, stream: TextIO, *, quiet: bool) -> None:
    """Read everything, build the expertise, pin questions and, at the first start, tell stories.

    A line before each step announces it.
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
    import_questions(application, (folder / "questions-attendues.csv").read_text("utf-8"))
    tell_stories(application, folder / "questions-posees.toml")


def check_all(application: Application, questions: list[DemoQuestion], *, as_json: bool) -> bool:
    """Ask each question and print its faults; return whether all faults are known."""
    found: list[dict[str, Any]] = []
    with answers.answer_context(application) as context:
        for question in questions:
            faults = list(_faults(context, question))
            line = " ".join(question.question.split())
            known = question.known
            found.append(
                {"question": line, "kind": question.kind, "faults": faults, "known": known}
            )
            if as_json or not (faults or known):
                continue
            level = "connu " if known else "ÉCHEC "
            if not faults:
                level, faults = "note  ", ["ce défaut connu ne se voit pas sur cette machine"]
            print(f"{level} [{question.kind}] {line} : {' ; '.join(faults)}", flush=True)
    failed = Counter(str(question["kind"]) for question in found if question["faults"])
    if as_json:
        print(json.dumps(found, ensure_ascii=False, indent=2))
    else:
        asked = Counter(question.kind for question in questions)
        for kind, total in asked.items():
            print(f"{KINDS[kind]} : {total - failed[kind]} sur {total}")
        good = len(questions) - failed.total()
        print(f"{good} questions sur {len(questions)} montrent ce qu'elles doivent montrer.")
    return not any(question["faults"] and not question["known"] for question in found)


KINDS = {
    "subject": "Sujets",
    "reference": "Références",
    "acronym": "Sigles",
    "typo": "Fautes de frappe",
    "rights": "Documents réservés",
    "name": "Noms",
    "departed": "Agents partis",
    "service": "Services",
    "trade": "Métiers et lieux",
    "mail": "Courriels collés",
    "english": "Anglais",
    "who": "Qui sait",
    "elsewhere": "Hors du domaine",
    "nonsense": "Sans mots",
}
"""Labels of the kinds of questions in the summary of `--check`."""


def _ask(context: AnswerContext, agent: str, text: str) -> QuestionAnswer:
    reader = reader_of(agent, context.people, today())
    return answer_question(context, reader, Query(text, page_size=READ), candidates=FIRST)


def _faults(context: AnswerContext, asked: DemoQuestion) -> Iterator[str]:
    """Yield each missing or forbidden result of a question."""
    answer = _ask(context, asked.agent, asked.question)
    documents = [result.card.document_id for result in answer.results.results]
    yield from _faults_of_people(asked, answer.people)
    if asked.documents and not set(asked.documents) & set(documents[:FIRST]):
        yield f"aucun de {', '.join(asked.documents)} dans les {FIRST} premiers documents"
    if shown := set(asked.hidden) & set(documents):
        yield f"{', '.join(sorted(shown))} montré à qui ne peut le lire"
    if documents[:1] and documents[0] in asked.not_first:
        yield f"{documents[0]} en tête"
    if asked.at_most is not None and answer.results.found > asked.at_most:
        yield f"{answer.results.found} documents, au plus {asked.at_most} attendus"
    if asked.answered not in (None, answer.results.answered):
        yield "aucun document n'y répond" if asked.answered else "des documents y répondraient"
    if asked.same_as:
        same = _ask(context, asked.agent, asked.same_as).results.results
        if documents[:FIRST] != [result.card.document_id for result in same[:FIRST]]:
            yield f"d'autres documents que « {asked.same_as} »"


def _faults_of_people(asked: DemoQuestion, people: PeopleAnswer) -> Iterator[str]:
    cards = [card.candidate.agent.id for card in people.cards]
    services = {service.entity: service.people for service in people.matches.services}
    named = {*cards, *(agent.id for workers in services.values() for agent in workers)}
    if asked.experts and not set(asked.experts) & set(cards):
        yield f"aucun de {', '.join(asked.experts)} parmi les {FIRST} personnes montrées"
    # People of a service are on the service's card.
    first = named if asked.services else set(cards[: len(asked.people)])
    if missing := set(asked.people) - first:
        yield f"{', '.join(sorted(missing))} absent des premières personnes"
    if missing := set(asked.services) - services.keys():
        yield f"{', '.join(sorted(missing))} introuvable"
    if wrong := named & set(asked.not_named):
        yield f"{', '.join(sorted(wrong))} proposé à tort"
    pointing = [card.candidate.agent.id for card in people.near_subject]
    if asked.near_subject and (cards or not set(asked.near_subject) & set(pointing)):
        yield f"aucun de {', '.join(asked.near_subject)} pour orienter, ou quelqu'un de trop"
    if asked.silent and named:
        yield f"{', '.join(sorted(named))} proposé sans raison"
