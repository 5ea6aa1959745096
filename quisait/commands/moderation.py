"""`quisait questions moderation`: a moderator's actions on questions, with the moderator's rights.

A decision is made in the agent's name, like on the pages; the audit log notes the command.
"""

from collections.abc import Collection, Iterator
from contextlib import contextmanager
from typing import Annotated

import typer

from quisait.application.startup import opened_application
from quisait.commands import answers
from search_api.context import AnswerContext, NotAllowed, RoleHolder, open_by_role
from search_api.identity.principals import Role
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
QUESTIONS_OFF = "Aucune question n'est posée ici : réglez [questions] enabled."


@contextmanager
def opened_for_moderator(
    agent: str, command: str, question: str = ""
) -> Iterator[tuple[AnswerContext, RoleHolder]]:
    """Yield the context and role of a moderator, after noting the access in the audit log.

    Raises `ValueError` if the agent is not a moderator, or if questions are disabled.
    """
    with opened_application() as application, answers.answer_context(application) as context:
        if context.asking is None:
            raise ValueError(QUESTIONS_OFF)
        reader = answers.command_line_reader(application, agent)
        subject = f"question_id:{question}" if question else ""
        asked = f"quisait questions moderation {command}"
        try:
            holder = open_by_role(context, reader, Role.ANIMATOR, asked, subject)
        except NotAllowed as error:
            message = f"{agent} n'a pas le rôle « animator » : voyez [[roles]]."
            raise ValueError(message) from error
        yield context, holder


@moderation_app.command("list")
def list_texts(
    agent: AsModerator,
    as_json: Annotated[bool, typer.Option("--json", help="Résultat en JSON")] = False,
) -> None:
    """Ce qui est signalé, masqué, sans réponse ou sans sujet, de ce que l'agent anime et lit."""
    with opened_for_moderator(agent, "list") as (context, holder):
        found = moderation_desk(context, holder)
    if as_json:
        # Imported here: loading the models of the API's answers takes half a second.
        from search_api.moderation.schemas import ModerationDeskBody

        print(ModerationDeskBody.model_validate(found).model_dump_json(indent=2))
    else:
        print(safe_text(_desk_text(found)))


@moderation_app.command("hide")
def hide_text(
    question: QuestionId,
    agent: AsModerator,
    reason: Annotated[str, typer.Option(help="La raison, que l'auteur du texte lira")],
    answer: AnswerId = "",
) -> None:
    """Masque un texte : son auteur seul le voit encore, avec la raison."""
    with opened_for_moderator(agent, "hide", question) as (context, holder):
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
    with opened_for_moderator(agent, "show", question) as (context, holder):
        moderate(context, holder, question, ModerationAct.SHOW, answer_id=answer, text_digest=text)
    print("Montré de nouveau.")


@moderation_app.command("dismiss")
def dismiss_reports(question: QuestionId, agent: AsModerator, answer: AnswerId = "") -> None:
    """Laisse tel quel un texte signalé ; ses signalements n'attendent plus."""
    with opened_for_moderator(agent, "dismiss", question) as (context, holder):
        moderate(context, holder, question, ModerationAct.DISMISS, answer_id=answer)
    print("Laissé tel quel.")


@moderation_app.command("classify")
def classify_question(
    question: QuestionId,
    agent: AsModerator,
    topic: Annotated[str, typer.Option(help="Identifiant du sujet (« quisait topics list »)")],
) -> None:
    """Donne un sujet à une question qui n'en a pas."""
    with opened_for_moderator(agent, "classify", question) as (context, holder):
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
