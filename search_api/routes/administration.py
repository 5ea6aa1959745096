"""The administrator's page, and the audit log for the data-protection officer."""

from dataclasses import replace
from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Form, Query, Request
from fastapi.responses import HTMLResponse, RedirectResponse
from pydantic import BeforeValidator

from search_api.addresses import topic_address
from search_api.answers.administration import (
    AUDIT_PAGE,
    audit_page,
    edited_files,
    request_reading,
    search_file,
    system_status,
    write_search_file,
)
from search_api.answers.context import ROLE_NAMES, InvalidParameter, RoleHolder, Stale
from search_api.answers.feedback import opinion_sums
from search_api.answers.new_source import unread_sources
from search_api.authorization import require
from search_api.identity.principals import Role
from search_api.notices import noticed
from search_api.schemas.search import Body
from search_api.services import services_of
from search_api.templating import render

administration_router = APIRouter(include_in_schema=False)

AdministratorOfFile = Annotated[RoleHolder, require(Role.ADMINISTRATOR, "name")]


@administration_router.get("/administration", response_class=HTMLResponse)
def administration_page(
    request: Request, administrator: Annotated[RoleHolder, require(Role.ADMINISTRATOR)]
) -> str:
    """Show sources with last run and remedies, engines, files, unanswered questions."""
    services = services_of(request)
    return render(
        "administration.html",
        request=request,
        seen=system_status(services, administrator),
        opinions=opinion_sums(services, administrator),
        topic_address=topic_address,
        edited=edited_files(services, administrator),
        unread_sources=unread_sources(services, administrator),
    )


@administration_router.post("/administration/sources/{source}")
def read_source(
    request: Request,
    administrator: Annotated[RoleHolder, require(Role.ADMINISTRATOR, "source")],
    source: str,
) -> RedirectResponse:
    """Request a crawl of a source as soon as a worker is free."""
    request_reading(services_of(request), administrator, source)
    return noticed(request, "/administration#sources", "source.read")


@administration_router.get("/administration/files/{name}", response_class=HTMLResponse)
def search_file_page(request: Request, administrator: AdministratorOfFile, name: str) -> str:
    """Show the glossary or the best bets in a form."""
    found = search_file(services_of(request), administrator, name)
    return render(
        "search_file.html", request=request, file=found, text=found.text, refusal="", saved=False
    )


@administration_router.post("/administration/files/{name}", response_class=HTMLResponse)
def write_file(
    request: Request,
    administrator: AdministratorOfFile,
    name: str,
    text: Annotated[str, Form()] = "",
    version: Annotated[str, Form(max_length=64)] = "",
) -> HTMLResponse:
    """Write the file and show it; if refused, show the typed text and the reason."""
    services, refusal, status = services_of(request), "", 200
    try:
        write_search_file(services, administrator, name, text, version)
    except (InvalidParameter, Stale) as refused:
        refusal, status = str(refused), refused.status
    found = search_file(services, administrator, name)
    page = render(
        "search_file.html",
        request=request,
        file=replace(found, version=version) if refusal else found,
        text=text if refusal else found.text,
        refusal=refusal,
        saved=not refusal,
    )
    return HTMLResponse(page, status_code=status)


pages = APIRouter(include_in_schema=False)
router = APIRouter(prefix="/api/v1")

Officer = Annotated[RoleHolder, require(Role.OFFICER)]
Before = Annotated[int | None, Query(ge=1, le=2**31 - 1, description="entries before this number")]


class EntryBody(Body):
    """One privileged access; `reading` begins with `refused ` if it was refused."""

    number: int
    moment: Annotated[str, BeforeValidator(datetime.isoformat)]
    actor: str
    role: str
    reading: str
    subject: str
    digest: str


class AuditBody(Body):
    """Accesses, newest first. `broken`: the first entry that was altered."""

    parts_of_answer = ("integrity",)
    entries: list[EntryBody]
    following: int | None
    last: int
    head: str
    broken: int | None


@router.get("/audit")
def audit(
    request: Request,
    officer: Officer,
    before: Before = None,
    limit: Annotated[int, Query(ge=1, le=1_000)] = AUDIT_PAGE,
) -> AuditBody:
    """Return accesses by roles, newest first; for the data-protection officer."""
    return AuditBody.model_validate(audit_page(services_of(request), officer, limit, before))


@pages.get("/audit", response_class=HTMLResponse)
def audit_log_page(request: Request, officer: Officer, before: Before = None) -> str:
    """Show accesses by roles, newest first; for the data-protection officer."""
    found = audit_page(services_of(request), officer, before=before)
    return render(
        "audit.html",
        request=request,
        entries=found.entries,
        names=found.names,
        roles={role.value: name for role, name in ROLE_NAMES.items()},
        sound=found.integrity,
        following=found.following,
    )
