"""Routes of the reader's choices of mail, of unsubscribe links, and of the demo's mails.

Unsubscribe links need no login.
"""

import re
from collections.abc import Iterator

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse

from quisait_mail.schemas import MailPreferencesBody
from quisait_mail.service import set_mail_preferences, shown_mails, unsubscribe, unsubscription
from quisait_mail.storage import Mailing
from search_api.authorization import IN_PERSON
from search_api.bodies import PROBLEMS
from search_api.context import required
from search_api.demo.routes import services_of_demo
from search_api.parameters import NamedReader
from search_api.services import services_of
from search_api.templating import render

api_router = APIRouter(prefix="/api/v1/mail", responses=PROBLEMS, dependencies=IN_PERSON)


@api_router.post("/preferences", status_code=204)
def choose(request: Request, reader: NamedReader, said: MailPreferencesBody) -> None:
    """Store the reader's choices of mail."""
    set_mail_preferences(services_of(request), reader, said.chosen())


router = APIRouter(include_in_schema=False)
_ADDRESS = re.compile(r"https?://[^\s<>\"]+")


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


@router.get("/demo/mails", response_class=HTMLResponse)
def mails(request: Request, reader: NamedReader) -> str:
    """In the demo, show the mails that the reader would have received; 404 elsewhere."""
    services = services_of_demo(request)
    found = shown_mails(services, reader)
    site = required(services.part(Mailing)).rules.site
    return render(
        "demo_mails.html",
        request=request,
        mails=[(one, list(_pieces(one.text, site))) for one in found],
    )


def _pieces(text: str, site: str) -> Iterator[tuple[str, str]]:
    """Yield (text, address of its link, or empty); links to `site` lead to this server."""
    end = 0
    for found in _ADDRESS.finditer(text):
        yield text[end : found.start()], ""
        inside = found[0].startswith(f"{site}/")
        yield found[0], found[0].removeprefix(site) if inside else ""
        end = found.end()
    yield text[end:], ""
