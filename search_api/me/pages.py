"""«Mes données»: the page of what is held about oneself. Its forms need no script."""

from enum import StrEnum
from typing import Annotated

from fastapi import APIRouter, Depends, Form, Request
from fastapi.responses import HTMLResponse, RedirectResponse

from connectors.account_joins import JoinBy
from connectors.values import ContactVia
from expertise.consent import FINDER, Kind, Wish
from expertise.topics import TopicKind
from search_api.addresses import topic_address
from search_api.catalogue.texts import marked
from search_api.me.bodies import HELD_ELSEWHERE, NOT_HELD, PURPOSE
from search_api.me.held import asked_wish, consent_of, held_about
from search_api.questions.asked import NamedReader
from search_api.services import services_of
from search_api.sign_on.in_person import not_by_personal_token
from search_api.templating import render

router = APIRouter(include_in_schema=False, dependencies=[Depends(not_by_personal_token)])

WAYS: dict[ContactVia, str] = {
    ContactVia.DIRECT: marked("directement"),
    ContactVia.SERVICE: marked("par la boîte du service"),
    ContactVia.HEAD: marked("par le chef de service"),
    ContactVia.NONE: marked("ne pas donner d’adresse"),
}

JOINS: dict[JoinBy | None, str] = {
    JoinBy.ID: marked(
        "il porte votre identifiant d’agent, selon la règle réglée pour cette source"
    ),
    JoinBy.EMAIL: marked(
        "il porte votre adresse électronique, selon la règle réglée pour cette source, "
        "dont l’administration déclare qu’elle vérifie les adresses"
    ),
    None: marked("l’annuaire vous le donne, ou la table des comptes tenue par l’administration"),
}
"""Why an account is somebody's."""


class Act(StrEnum):
    """What a form does."""

    ASK = "ask"
    TAKE_BACK = "take_back"


@router.get("/mes-donnees", response_class=HTMLResponse)
def me_page(request: Request, reader: NamedReader) -> str:
    """What is held, why one is proposed, and how to change that."""
    held = held_about(services_of(request), reader)
    refused = held.of_kind(Kind.REFUSE)
    declared = held.of_kind(Kind.DECLARE)
    settled = {one.wish.subject for one in (*refused, *declared)}
    return render(
        "me.html",
        request=request,
        held=held,
        refused=refused,
        declared=declared,
        declarable=[
            one for one in held.topics if one.kind is TopicKind.TOPIC and one.id not in settled
        ],
        labels={one.id: one.label for one in held.topics},
        withdrawn_whole=FINDER in held.withdrawn,
        purpose=PURPOSE,
        not_held=NOT_HELD,
        held_elsewhere=HELD_ELSEWHERE,
        ways=WAYS,
        joins=JOINS,
        topic_address=topic_address,
    )


@router.post("/mes-donnees")
def change(
    request: Request,
    reader: NamedReader,
    act: Annotated[Act, Form()],
    kind: Annotated[Kind, Form()],
    subject: Annotated[str, Form(max_length=200)] = "",
    way: Annotated[str, Form(max_length=20)] = "",
) -> RedirectResponse:
    """Put a wish in force or undo it, then show the page as it is now."""
    services = services_of(request)
    if act is Act.ASK:
        consent_of(services).ask(asked_wish(services, reader, kind, subject, way))
    else:
        consent_of(services).take_back(Wish(reader.agent_id or "", kind, subject))
    return RedirectResponse("/mes-donnees", status_code=303)
