"""Routes of the reader's choices of mail, and of unsubscribe links, which need no login."""

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse

from search_api.authorization import IN_PERSON
from search_api.bodies import PROBLEMS
from search_api.mail.schemas import MailPreferencesBody
from search_api.mail.service import set_mail_preferences, unsubscribe, unsubscription
from search_api.mail.values import MailPreferences
from search_api.parameters import NamedReader
from search_api.services import services_of
from search_api.templating import render

api_router = APIRouter(prefix="/api/v1/mail", responses=PROBLEMS, dependencies=IN_PERSON)


@api_router.post("/preferences", status_code=204)
def choose(request: Request, reader: NamedReader, said: MailPreferencesBody) -> None:
    """Store the reader's choices of mail."""
    chosen = MailPreferences(said.asked, said.answered, said.digest, invited=said.invited)
    set_mail_preferences(services_of(request), reader, chosen)


router = APIRouter(include_in_schema=False)


@router.get("/courriels/{link}", response_class=HTMLResponse)
def unsubscribe_page(request: Request, link: str) -> str:
    """Show a button that unsubscribes: opening a link must change nothing (RFC 8058)."""
    found = unsubscription(services_of(request), link)
    return render("unsubscribe.html", request=request, found=found, done=False)


@router.post("/courriels/{link}", response_class=HTMLResponse)
def unsubscribe_at_once(request: Request, link: str) -> str:
    """Unsubscribe, by the button or by a mail program (`List-Unsubscribe-Post`)."""
    found = unsubscribe(services_of(request), link)
    return render("unsubscribe.html", request=request, found=found, done=True)
