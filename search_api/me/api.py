"""Oneself, by the API: what is held, and what one asks of it."""

from typing import Annotated

from fastapi import APIRouter, Depends, Query, Request, Response

from expertise.consent import Kind, Wish
from search_api.api import PROBLEMS
from search_api.me.bodies import AskedBody, MeBody, me_answer
from search_api.me.held import asked_wish, consent_of, held_about
from search_api.questions.asked import NamedReader
from search_api.services import services_of
from search_api.sign_on.in_person import not_by_personal_token

router = APIRouter(
    prefix="/api/v1/me", responses=PROBLEMS, dependencies=[Depends(not_by_personal_token)]
)


@router.get("")
def me(request: Request, reader: NamedReader) -> MeBody:
    """Everything that is held about the one who asks, and from where."""
    return me_answer(held_about(services_of(request), reader))


@router.get("/export")
def export(request: Request, reader: NamedReader, response: Response) -> MeBody:
    """The same, as a file."""
    response.headers["Content-Disposition"] = 'attachment; filename="mes-donnees.json"'
    return me_answer(held_about(services_of(request), reader))


@router.post("/wishes")
def ask(request: Request, reader: NamedReader, asked: AskedBody) -> MeBody:
    """Withdraw, refuse or declare a topic, choose how to be reached; acts at the next answer."""
    services = services_of(request)
    wish = asked_wish(services, reader, asked.kind, asked.subject, asked.way)
    consent_of(services).ask(wish)
    return me_answer(held_about(services, reader))


@router.delete("/wishes")
def take_back(
    request: Request,
    reader: NamedReader,
    kind: Kind,
    subject: Annotated[str, Query(max_length=200)] = "",
) -> MeBody:
    """Undo what was asked."""
    services = services_of(request)
    consent_of(services).take_back(Wish(reader.agent_id or "", kind, subject))
    return me_answer(held_about(services, reader))
