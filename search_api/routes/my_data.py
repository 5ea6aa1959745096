"""«Mes données»: data stored about the reader, and their wishes. API and page."""

from enum import StrEnum
from typing import Annotated

from fastapi import APIRouter, Form, Query, Request, Response
from fastapi.responses import HTMLResponse, RedirectResponse
from pydantic import StringConstraints

from connectors.account_linking import LinkBy
from connectors.values import ContactVia
from expertise.consent import WHOLE_SERVICE, PreferenceKind
from expertise.topics import TopicKind
from indexer.access import Reader
from search_api.addresses import local_path, topic_address
from search_api.answers.agents import ask_wish, stored_about, take_back_wish, wish_before
from search_api.answers.asking import own_asking
from search_api.answers.corrections import removals
from search_api.answers.feedback import (
    FeedbackAction,
    feedback_reverse,
    give_feedback,
    own_feedback,
)
from search_api.answers.following import own_follows
from search_api.answers.mail import own_mail
from search_api.answers.verification import own_verifications
from search_api.asking.values import MOST_PER_WEEK, RequestState
from search_api.authorization import IN_PERSON
from search_api.feedback import Subject, SubjectKind
from search_api.mail.storage import ANSWERED_PER_WEEK
from search_api.notices import Undo, noticed
from search_api.parameters import NamedReader
from search_api.routes.search import PROBLEMS
from search_api.schemas.agents import (
    HELD_ELSEWHERE,
    NOT_HELD,
    PURPOSE,
    MeBody,
    WishRequest,
    my_data_body,
)
from search_api.services import Services, services_of
from search_api.templating import render
from search_api.verification import MOST_PER_MONTH

api_router = APIRouter(prefix="/api/v1/me", responses=PROBLEMS, dependencies=IN_PERSON)


@api_router.get("")
def me(request: Request, reader: NamedReader) -> MeBody:
    """Return everything that is stored about the reader, and its origin."""
    return _body(services_of(request), reader)


@api_router.get("/export")
def export(request: Request, reader: NamedReader, response: Response) -> MeBody:
    """Return everything that is stored about the reader as a file."""
    response.headers["Content-Disposition"] = 'attachment; filename="mes-donnees.json"'
    return _body(services_of(request), reader)


@api_router.post("/wishes")
def ask(request: Request, reader: NamedReader, asked: WishRequest) -> MeBody:
    """Withdraw, refuse or declare a topic, disown a document, or choose a contact.

    Applies from the next answer on.
    """
    services = services_of(request)
    ask_wish(services, reader, asked.kind, asked.subject, asked.way)
    return _body(services, reader)


@api_router.delete("/wishes")
def take_back(
    request: Request,
    reader: NamedReader,
    kind: PreferenceKind,
    subject: Annotated[str, Query(max_length=4_000)] = "",
) -> MeBody:
    """Take a wish back; `disown` without a subject takes back all disowned documents."""
    services = services_of(request)
    take_back_wish(services, reader, kind, subject)
    return _body(services, reader)


def _body(services: Services, reader: Reader) -> MeBody:
    said, asked = own_feedback(services, reader), own_asking(services, reader)
    followed = own_follows(services, reader)
    mail = own_mail(services, reader)
    checked = own_verifications(services, reader)
    return my_data_body(stored_about(services, reader), said, asked, followed, mail, checked)


router = APIRouter(include_in_schema=False, dependencies=IN_PERSON)

CONTACT_WAYS: dict[ContactVia, str] = {
    ContactVia.DIRECT: "directement",
    ContactVia.SERVICE: "par la boîte du service",
    ContactVia.HEAD: "par le chef de service",
    ContactVia.NONE: "ne pas donner d’adresse",
}

JOIN_REASONS: dict[LinkBy | None, str] = {
    LinkBy.ID: "il porte votre identifiant d’agent, selon la règle réglée pour cette source",
    LinkBy.EMAIL: (
        "il porte votre adresse électronique, selon la règle réglée pour cette source, "
        "dont l’administration déclare qu’elle vérifie les adresses"
    ),
    None: "l’annuaire vous le donne, ou la table des comptes tenue par l’administration",
}
"""Reasons why an account belongs to an agent."""


REQUEST_STATES: dict[RequestState, str] = {
    RequestState.WAITING: "elle vous attend",
    RequestState.ACCEPTED: "vous avez accepté d’y répondre",
    RequestState.DECLINED: "vous l’avez déclinée",
    RequestState.PASSED_ON: "vous avez passé la main",
    RequestState.EXPIRED: "elle est passée à quelqu’un d’autre",
    RequestState.ANSWERED: "vous y avez répondu",
}


WishSubject = Annotated[str, StringConstraints(max_length=4_000)]


class WishAction(StrEnum):
    """Action of a form about a wish."""

    ASK = "ask"
    TAKE_BACK = "take_back"


@router.get("/mes-donnees", response_class=HTMLResponse)
def me_page(request: Request, reader: NamedReader) -> str:
    """Show what is stored about the reader, why they are proposed, and how to change it."""
    services = services_of(request)
    held = stored_about(services, reader)
    refused = held.of_kind(PreferenceKind.REFUSE)
    declared = held.of_kind(PreferenceKind.DECLARE)
    removed = held.of_kind(PreferenceKind.REMOVED)
    settled = {one.preference.subject for one in (*refused, *declared, *removed)}
    return render(
        "me.html",
        request=request,
        held=held,
        refused=refused,
        declared=declared,
        disowned=held.of_kind(PreferenceKind.DISOWN),
        removed=removals(services, removed),
        communities=[
            *held.of_kind(PreferenceKind.JOIN),
            *held.of_kind(PreferenceKind.LEAVE),
            *held.of_kind(PreferenceKind.INVITED),
        ],
        declarable=[
            one for one in held.topics if one.kind is TopicKind.TOPIC and one.id not in settled
        ],
        labels={one.id: one.label for one in held.topics},
        withdrawn_whole=WHOLE_SERVICE in held.withdrawn,
        purpose=PURPOSE,
        not_held=NOT_HELD,
        held_elsewhere=HELD_ELSEWHERE,
        ways=CONTACT_WAYS,
        joins=JOIN_REASONS,
        topic_address=topic_address,
        own=own_feedback(services, reader),
        asked=own_asking(services, reader),
        followed=own_follows(services, reader),
        mail=own_mail(services, reader),
        most_answered=ANSWERED_PER_WEEK,
        asking_rules=services.asking.rules if services.asking else None,
        declarable_topics=[
            one
            for one in held.topics
            if one.kind is TopicKind.TOPIC or held.row.metier in one.labels
        ],
        checked=own_verifications(services, reader),
        most_checked=MOST_PER_MONTH,
        most_per_week=MOST_PER_WEEK,
        request_states=REQUEST_STATES,
    )


@router.get("/mes-donnees/retrait", response_class=HTMLResponse)
def withdrawal_page(request: Request, reader: NamedReader) -> Response:
    """Explain a withdrawal from the whole service before it is confirmed; change nothing."""
    held = stored_about(services_of(request), reader)
    if WHOLE_SERVICE in held.withdrawn:
        return RedirectResponse("/mes-donnees#retrait", status_code=303)
    return HTMLResponse(render("withdraw.html", request=request, held=held))


@router.post("/mes-donnees")
def change(
    request: Request,
    reader: NamedReader,
    act: Annotated[WishAction, Form()],
    kind: Annotated[PreferenceKind, Form()],
    subject: Annotated[list[WishSubject] | None, Form()] = None,
    way: Annotated[str, Form(max_length=20)] = "",
    back: Annotated[str, Form(max_length=8_000)] = "/mes-donnees",
) -> RedirectResponse:
    """Apply or take back a wish for each subject, then show the page again."""
    services = services_of(request)
    undo = _undo(services, reader, kind, subject or [""], back)
    for one in subject or [""]:
        if act is WishAction.ASK:
            ask_wish(services, reader, kind, one, way)
        else:
            take_back_wish(services, reader, kind, one)
    return noticed(request, local_path(back), f"{act}.{kind}", undo)


def _undo(
    services: Services, reader: Reader, kind: PreferenceKind, subjects: list[str], back: str
) -> Undo | None:
    """Return the form that restores the wishes as they are now; None if no form can."""
    before = wish_before(services, reader, kind, subjects[0])
    if before is None:
        return None
    act = WishAction.ASK if before.in_force else WishAction.TAKE_BACK
    fields = {"act": act, "kind": before.kind, "way": before.way}
    return Undo("/mes-donnees", fields | {"subject": subjects, "back": back})


@router.post("/avis")
def say(
    request: Request,
    reader: NamedReader,
    act: Annotated[FeedbackAction, Form()],
    kind: Annotated[SubjectKind, Form()] = SubjectKind.DOCUMENT,
    subject: Annotated[str, Form(max_length=4_000)] = "",
    question: Annotated[str, Form(max_length=4_000)] = "",
    topic: Annotated[str, Form(max_length=200)] = "",
    back: Annotated[str, Form(max_length=8_000)] = "/",
) -> RedirectResponse:
    """Store an opinion or a favourite, or delete it; then return to the same place."""
    services, of = services_of(request), Subject(kind, subject, topic)
    reverse = None if question else feedback_reverse(services, reader, act, of)
    give_feedback(services, reader, act, of, question)
    fields = {"act": reverse or "", "kind": kind, "subject": subject, "topic": topic, "back": back}
    undo = Undo("/avis", fields) if reverse else None
    return noticed(request, local_path(back), f"opinion.{act}", undo)
