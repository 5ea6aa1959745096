"""`quisait verification`: verify documents with an agent's rights.

A verification is made in the agent's name, as on the pages, and the audit log notes the command.
"""

from contextlib import AbstractContextManager
from typing import Annotated

import typer

from indexer.access import Reader
from quisait.commands.output import AsJson, show
from quisait.commands.privacy import opened_for_reader
from search_api.context import AnswerContext
from search_api.verification.service import (
    WHY_WORDS,
    CheckedDocument,
    ToVerify,
    VerificationAct,
    checked_document,
    choose_pace,
    own_verifications,
    say_of_document,
    to_verify,
)
from search_api.verification.storage import MOST_PER_MONTH, OwnVerifications
from search_api.wording import day, plural

verification_app = typer.Typer(
    help="Les documents à vérifier, et ce que leurs auteurs en disent.", no_args_is_help=True
)

AsAgent = Annotated[str, typer.Option("--agent", help="Identifiant de l'agent qui lit, ou dit")]
Document = Annotated[str, typer.Argument(help="Identifiant du document (« source:… »)")]


def _require_verification(context: AnswerContext) -> None:
    if context.verifying is None:
        raise ValueError("Aucun auteur n'est sollicité ici : réglez [verification] enabled.")


def _opened(agent: str, command: str) -> AbstractContextManager[tuple[AnswerContext, Reader]]:
    asked = f"quisait verification {command}"
    return opened_for_reader(agent, asked, require=_require_verification)


@verification_app.command("list")
def list_documents(agent: AsAgent = "", as_json: AsJson = False) -> None:
    """Les documents d'un agent qui ne sont peut-être plus justes, à son rythme."""
    with _opened(agent, "list") as (context, reader):
        found = to_verify(context, reader)
    show(found, as_json, _list_text, "verification.schemas:ToVerifyBody")


@verification_app.command("show")
def show_document(document: Document, agent: AsAgent = "", as_json: AsJson = False) -> None:
    """Ce que l'auteur d'un document en a dit, et l'empreinte de son texte."""
    with _opened(agent, "show") as (context, reader):
        found = checked_document(context, reader, document)
    show(found, as_json, _document_text, "verification.schemas:CheckedDocumentBody")


@verification_app.command("own")
def show_own(agent: AsAgent = "", as_json: AsJson = False) -> None:
    """Tout ce qui est gardé ici d'un agent : ce qu'il a dit, ses signalements, son rythme."""
    with _opened(agent, "own") as (context, reader):
        found = own_verifications(context, reader) or OwnVerifications()
    show(found, as_json, _own_text, "verification.schemas:OwnVerificationsBody")


@verification_app.command("say")
def say(
    act: Annotated[
        VerificationAct,
        typer.Argument(
            help="right : toujours juste ; wrong : plus juste ; outdated : un lecteur le pense "
            "périmé ; take_back : revenir sur son mot ; forget : sur tous"
        ),
    ],
    document: Annotated[
        str, typer.Argument(help="Identifiant du document ; inutile pour forget")
    ] = "",
    text_hash: Annotated[
        str, typer.Option("--text", help="Empreinte du texte lu, que « list » et « show » donnent")
    ] = "",
    note: Annotated[str, typer.Option(help="Ce qui n'est plus juste (wrong, outdated)")] = "",
    agent: AsAgent = "",
) -> None:
    """Dit d'un document qu'il est toujours juste ou non, au nom d'un agent."""
    reading = (VerificationAct.RIGHT, VerificationAct.WRONG, VerificationAct.OUTDATED)
    if act is not VerificationAct.FORGET and not document:
        raise typer.BadParameter("dites de quel document")
    if act in reading and not text_hash:
        raise typer.BadParameter("dites quel texte a été lu : --text, que donne « show »")
    with _opened(agent, "say") as (context, reader):
        say_of_document(context, reader, document, act, text_hash=text_hash, note=note)
    print(_SAID[act])


@verification_app.command("pace")
def pace(
    per_month: Annotated[
        int, typer.Argument(min=0, max=MOST_PER_MONTH, help="Tant de documents ; 0 : aucun")
    ],
    agent: AsAgent = "",
) -> None:
    """Sur combien de documents un agent est sollicité en trente jours."""
    with _opened(agent, "pace") as (context, reader):
        choose_pace(context, reader, per_month)
    print(_pace_text(per_month))


_SAID = {
    VerificationAct.RIGHT: "C'est dit : ce document est toujours juste.",
    VerificationAct.WRONG: "C'est dit : ce document n'est plus juste.",
    VerificationAct.OUTDATED: "C'est dit à son auteur, sans votre nom.",
    VerificationAct.TAKE_BACK: "Rien n'en est plus dit par cet agent.",
    VerificationAct.FORGET: "Plus rien n'est dit par cet agent, d'aucun document.",
}


def _pace_text(per_month: int) -> str:
    if not per_month:
        return "Aucun document ne lui sera proposé."
    return plural(
        "{num} document au plus en trente jours.",
        "{num} documents au plus en trente jours.",
        per_month,
    )


def _list_text(found: ToVerify) -> str:
    lines = [_pace_text(found.per_month)]
    for one in found.documents:
        shown = day(one.card.modified or one.card.created)
        why = " ; ".join(WHY_WORDS[reason] for reason in one.why)
        lines += [
            " · ".join(part for part in (one.card.title, shown, why) if part),
            f"   {one.card.document_id} --text {one.text_hash}",
            *(f"   « {note} »" for note in one.notes),
        ]
    for doubted in found.answers:
        lines.append(f"Votre réponse à : {doubted.question.title}")
        lines += [f"   « {note} »" for note in doubted.notes]
    if not found.documents and not found.answers:
        lines.append("Rien à vérifier en ce moment.")
    if found.more:
        lines.append("D'autres attendent : ils viendront à ce rythme.")
    return "\n".join(lines)


def _document_text(found: CheckedDocument) -> str:
    lines = [found.card.title]
    if said := found.verified:
        by = f" par {said.agent.name}" if said.agent else ""
        what = "Vérifié" if said.right else "N'est plus juste, dit"
        lines.append(f"{what} le {day(said.day)}{by}" + (f" : {said.note}" if said.note else ""))
    else:
        lines.append("Personne n'a dit de ce texte s'il est juste.")
    if found.own:
        who = "l'a écrit, ou modifié en dernier" if found.own.owner else "le lit"
        lines.append(f"Cet agent {who}. Empreinte du texte : --text {found.own.text_hash}")
    return "\n".join(lines)


def _own_text(found: OwnVerifications) -> str:
    lines = [
        f"{day(one.day)}  {one.document_id}  "
        + ("toujours juste" if one.right else f"plus juste : {one.note}")
        for one in found.said
    ]
    lines += [f"{day(one.day)}  {one.document_id}  signalé périmé" for one in found.marks]
    if found.hidden:
        lines.append(
            plural(
                "et {num} document que cet agent ne peut plus lire",
                "et {num} documents que cet agent ne peut plus lire",
                found.hidden,
            )
        )
    chosen = found.per_month is not None
    return "\n".join(
        [*(lines or ["Rien."]), *([_pace_text(found.per_month or 0)] if chosen else [])]
    )
