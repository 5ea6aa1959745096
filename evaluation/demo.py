"""Ask the demonstration's questions, and compare what is found with what they expect."""

import json
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import typer

from quisait.clock import today
from quisait.commands.answers import answer_context
from quisait.commands.demo import opened_demo
from quisait.commands.output import print_json
from quisait.privacy.retention import audit_command
from search_api.audit.descriptions import ANY_AGENT
from search_api.context import AnswerContext
from search_api.identity.readers import reader_of
from search_api.people.service import PeopleAnswer
from search_api.query.query import Query
from search_api.search.service import QuestionAnswer, answer_question

FIRST = 3
"""Expected documents and people must be among this many first results."""
READ = 50
"""Hidden documents must not be among this many first results."""


@dataclass(frozen=True, slots=True)
class DemoQuestion:
    """A question of an agent, and the expected results.

    One of `documents` and one of `experts` must be among the first three; `people` must have the
    first cards, in any order; `services` must be found. With `near_subject`, nobody may have a
    card, and one of these agents must be suggested as a guide. `hidden` documents must not appear,
    `not_first` documents not come first, `not_named` people not appear, and nobody at all if
    `silent`. At most `at_most` documents may be found. The first documents must be those of the
    question `same_as`. `known`: a fault that is not fixed yet; the check asks to remove the mark
    once it is.
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
    same_as: str = ""
    known: bool = False


def demo_questions(path: Path) -> list[DemoQuestion]:
    """Return the questions of a file with one JSON object per line."""
    return [DemoQuestion(**json.loads(line)) for line in path.read_text("utf-8").splitlines()]


def check_demo(folder: Path, *, as_json: bool) -> bool:
    """Ask each question and print its faults; return whether there are only known ones."""
    found: list[dict[str, Any]] = []
    questions = demo_questions(folder / "questions.jsonl")
    stream = sys.stderr if as_json else sys.stdout
    with (
        opened_demo(folder, stream, quiet=as_json) as application,
        answer_context(application) as context,
    ):
        audit_command(application.privacy, "quisait evaluate demo", ANY_AGENT)
        for question in questions:
            faults = list(_faults(context, question))
            line = " ".join(question.question.split())
            known = question.known and bool(faults)
            if question.known and not faults:
                faults = ["ce défaut n'en est plus un : retirez « known »"]
            found.append(
                {"question": line, "kind": question.kind, "faults": faults, "known": known}
            )
            if faults and not as_json:
                level = "connu " if known else "ÉCHEC "
                typer.echo(f"{level} [{question.kind}] {line} : {' ; '.join(faults)}")
    failed = Counter(str(question["kind"]) for question in found if question["faults"])
    if as_json:
        print_json(found)
    else:
        asked = Counter(question.kind for question in questions)
        for kind, total in asked.items():
            typer.echo(f"{KINDS[kind]} : {total - failed[kind]} sur {total}")
        good = len(questions) - failed.total()
        typer.echo(f"{good} questions sur {len(questions)} montrent ce qu'elles doivent montrer.")
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
"""Labels of the kinds of questions in the summary."""


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
