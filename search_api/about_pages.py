"""Pages about the pages themselves, which need no reader."""

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse

from search_api.services import services_of
from search_api.templating import render

router = APIRouter(include_in_schema=False)


@router.get("/accessibilite", response_class=HTMLResponse)
def accessibility_page(request: Request) -> str:
    """What was checked for people who see, hear or move otherwise, and what was not."""
    return render("accessibility.html", request=request, contact=services_of(request).contact)
