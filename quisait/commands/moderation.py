"""`quisait questions moderation`: a moderator's actions on questions, with the moderator's rights.

A decision is made in the agent's name, as on the pages, and the audit log notes the command.
"""

from collections.abc import Collection
from contextlib import AbstractContextManager
from typing import Annotated

import typer

from quisait.commands import answers
from quisait.commands.output import AsJson, show
from search_api.context import AnswerContext, RoleHolder
from search_api.moderation.service import (
    ModeratedText,
    ModerationAct,
    ModerationDesk,
    UnclassifiedQuestion,
    moderate,
    moderation_desk,
)
from search_api.questions.markdown import plain_text
from search_api.questions.values import MOST_LISTED, AskedQuestion
from search_api.wording import cut_at, day, safe_text

moderation_app = typer.Typer(
    help="Les questions signalées, masquées ou en attente, pour qui anime leur sujet.",
    no_args_is_help=True,
)

AsModerator = Annotated[
    str, typer.Option("--agent", help="Identifiant de l'agent qui anime (rôle « animator »)")
]
QuestionId = Annotated[str, typer.Argument(metavar="QUESTION", help="Identifiant de la question")]
AnswerId = Annotated[
    str, typer.Option("--answer", help="Identifiant d'une réponse ; sans lui, la question entière")
]


def _opened(
    agent: str, command: str, question: str = ""
) -> AbstractContextManager[tuple[AnswerContext, RoleHolder]]:
    command = f"questions moderation {command}"
    subject = f"question_id:{question}" if question else ""
    return answers.opened_for_animator(agent, command, subject, answers.require_questions)


@moderation_app.command("list")
def list_texts(agent: AsModerator, as_json: AsJson = False) -> None:
    """Ce qui est signalé, masqué, sans réponse ou sans sujet, de ce que l'agent anime et lit."""
    with _opened(agent, "list") as (context, holder):
        found = moderation_desk(context, holder)
    show(found, as_json, _desk_text, "moderation.schemas:ModerationDeskBody")


@moderation_app.command("hide")
def hide_text(
    question: QuestionId,
    agent: AsModerator,
    reason: Annotated[str, typer.Option(help="La raison, que l'auteur du texte lira")],
    answer: AnswerId = "",
) -> None:
    """Masque un texte : son auteur seul le voit encore, avec la raison."""
    with _opened(agent, "hide", question) as (context, holder):
        moderate(context, holder, question, ModerationAct.HIDE, answer_id=answer, reason=reason)
    print("Masqué. L'auteur seul voit encore ce texte, avec votre raison.")


@moderation_app.command("show")
def show_text(
    question: QuestionId,
    agent: AsModerator,
    text: Annotated[str, typer.Option(help="Empreinte du texte lu, que « list » montre")],
    answer: AnswerId = "",
) -> None:
    """Montre de nouveau un texte masqué, à tous ceux qui peuvent le lire."""
    with _opened(agent, "show", question) as (context, holder):
        moderate(context, holder, question, ModerationAct.SHOW, answer_id=answer, text_digest=text)
    print("Montré de nouveau.")


@moderation_app.command("dismiss")
def dismiss_reports(question: QuestionId, agent: AsModerator, answer: AnswerId = "") -> None:
    """Laisse tel quel un texte signalé ; ses signalements n'attendent plus."""
    with _opened(agent, "dismiss", question) as (context, holder):
        moderate(context, holder, question, ModerationAct.DISMISS, answer_id=answer)
    print("Laissé tel quel.")


@moderation_app.command("classify")
def classify_question(
    question: QuestionId,
    agent: AsModerator,
    topic: Annotated[str, typer.Option(help="Identifiant du sujet (« quisait topics list »)")],
) -> None:
    """Donne un sujet à une question qui n'en a pas."""
    with _opened(agent, "classify", question) as (context, holder):
        moderate(context, holder, question, ModerationAct.CLASSIFY, topic_id=topic)
    print(safe_text(f"Sujet donné : {topic}."))


def _desk_text(found: ModerationDesk) -> str:
    groups = (
        ("Signalés", [_text(one, found.open_documents) for one in found.reported]),
        ("Sans réponse", [_line(one) for one in found.waiting]),
        ("Sans sujet", [_unclassified(one) for one in found.unclassified]),
        ("Masqués", [_text(one, found.open_documents) for one in found.hidden]),
    )
    shown = [f"{title} :\n" + "\n".join(some) for title, some in groups if some]
    shown += [cut_at(MOST_LISTED)] if found.more else []
    return "\n\n".join(shown) or "Rien n'attend."


def _line(one: AskedQuestion) -> str:
    return f"  {one.id}  {day(one.created.date())}  {one.title}"


def _unclassified(one: UnclassifiedQuestion) -> str:
    proposed = one.proposed
    nearest = f"\n    proposé : --topic {proposed.id} ({proposed.label})" if proposed else ""
    return f"{_line(one.question)}{nearest}"


def _text(one: ModeratedText, readable: Collection[str]) -> str:
    said = plain_text(one.text, readable)
    lines = [
        _line(one.question),
        *([f"    réponse : --answer {one.answer.id}"] if one.answer else []),
        *(f"    {line}" for line in said.splitlines()),
        *(f"    signalé le {day(on)} : « {reason} »" for reason, on in one.reports),
    ]
    if one.hidden is not None:
        why = "ancien texte, ramené par une restauration" if one.outdated else "masqué"
        said_why = f"    {why} : « {one.hidden} »" if one.hidden else f"    {why}"
        lines += [said_why, f"    pour le montrer : --text {one.digest}"]
    return "\n".join(lines)
