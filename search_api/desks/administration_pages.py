"""The administrator's desk."""

from typing import Annotated

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse

from search_api.identity.roles import Holder, Role, require
from search_api.problems import Problem
from search_api.services import services_of
from search_api.templating import render

router = APIRouter(include_in_schema=False)


@router.get("/administration", response_class=HTMLResponse)
def administration_page(
    request: Request, administrator: Annotated[Holder, require(Role.ADMINISTRATOR)]
) -> str:
    """Sources with their last run and remedies, engines, files, questions without an answer."""
    look = services_of(request).administration
    if look is None:
        raise Problem(404)
    return render("administration.html", request=request, seen=look())
