"""The reader's choices of mail, in person; and unsubscribe links, which need no login."""

from typing import Annotated

from fastapi import APIRouter, Depends, Form, Request
from fastapi.responses import HTMLResponse, RedirectResponse

from search_api.answers.mail import (
    own_mail,
    set_mail_preferences,
    unsubscribe,
    unsubscription,
)
from search_api.authorization import not_by_personal_token
from search_api.mail.values import DigestPace, MailPreferences
from search_api.notices import Fields, Undo, noticed
from search_api.parameters import NamedReader
from search_api.routes.search import PROBLEMS
from search_api.schemas.mail import MailPreferencesBody
from search_api.services import services_of
from search_api.templating import render

_IN_PERSON = [Depends(not_by_personal_token)]

api_router = APIRouter(prefix="/api/v1/mail", responses=PROBLEMS, dependencies=_IN_PERSON)


@api_router.post("/preferences", status_code=204)
def choose(request: Request, reader: NamedReader, said: MailPreferencesBody) -> None:
    """Store the reader's choices of mail."""
    chosen = MailPreferences(said.asked, said.answered, said.digest)
    set_mail_preferences(services_of(request), reader, chosen)


router = APIRouter(include_in_schema=False)


@router.post("/courriels", dependencies=_IN_PERSON)
def choose_on_page(
    request: Request,
    reader: NamedReader,
    asked: Annotated[bool, Form()] = False,
    answered: Annotated[bool, Form()] = False,
    digest: Annotated[DigestPace, Form()] = DigestPace.OFF,
) -> RedirectResponse:
    """Store the reader's choices of mail, from the form of «Mes données»."""
    services = services_of(request)
    before = own_mail(services, reader)
    set_mail_preferences(services, reader, MailPreferences(asked, answered, digest))
    undo = Undo("/courriels", _fields_of(before.preferences)) if before else None
    return noticed(request, "/mes-donnees#courriels", "mail.choices", undo)


def _fields_of(said: MailPreferences) -> Fields:
    """Return the form's fields for these choices."""
    ticked = {"asked": said.asked, "answered": said.answered}
    return {**{name: "true" for name, yes in ticked.items() if yes}, "digest": said.digest.value}


@router.get("/courriels/{link}", response_class=HTMLResponse)
def unsubscribe_page(request: Request, link: str) -> str:
    """Show a button: following a link must change nothing, even for a program (RFC 8058)."""
    found = unsubscription(services_of(request), link)
    return render("unsubscribe.html", request=request, found=found, done=False)


@router.post("/courriels/{link}", response_class=HTMLResponse)
def unsubscribe_at_once(request: Request, link: str) -> str:
    """Unsubscribe, by the button or by a mail program (`List-Unsubscribe-Post`)."""
    found = unsubscribe(services_of(request), link)
    return render("unsubscribe.html", request=request, found=found, done=True)
