"""The administrator's page, and the audit log for the data-protection officer."""

from typing import Annotated

from fastapi import APIRouter, Query, Request
from fastapi.responses import HTMLResponse
from pydantic import BaseModel

from search_api.addresses import topic_address
from search_api.answers.administration import AUDIT_PAGE, AuditPage, audit_page, system_status
from search_api.answers.context import ROLE_NAMES, RoleHolder
from search_api.answers.feedback import opinion_sums
from search_api.authorization import require
from search_api.identity.principals import Role
from search_api.services import services_of
from search_api.templating import render

administration_router = APIRouter(include_in_schema=False)


@administration_router.get("/administration", response_class=HTMLResponse)
def administration_page(
    request: Request, administrator: Annotated[RoleHolder, require(Role.ADMINISTRATOR)]
) -> str:
    """Sources with their last run and remedies, engines, files, questions without an answer."""
    services = services_of(request)
    return render(
        "administration.html",
        request=request,
        seen=system_status(services, administrator),
        opinions=opinion_sums(services, administrator),
        topic_address=topic_address,
    )


pages = APIRouter(include_in_schema=False)
router = APIRouter(prefix="/api/v1")

Officer = Annotated[RoleHolder, require(Role.OFFICER)]
Before = Annotated[int | None, Query(ge=1, le=2**31 - 1, description="entries before this number")]


class EntryBody(BaseModel):
    """One privileged access; `reading` begins with `refused ` where it was refused."""

    number: int
    moment: str
    actor: str
    role: str
    reading: str
    subject: str
    digest: str


class AuditBody(BaseModel):
    """Accesses, newest first. `broken`: the first entry that is not as it was written."""

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
    """Who read what by a role, newest first; for the data-protection officer."""
    return audit_body(audit_page(services_of(request), officer, limit, before))


@pages.get("/audit", response_class=HTMLResponse)
def audit_log_page(request: Request, officer: Officer, before: Before = None) -> str:
    """The same as a page."""
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


def audit_body(found: AuditPage) -> AuditBody:
    """The body of the API's answer."""
    shown = [
        EntryBody(
            number=one.number,
            moment=one.moment.isoformat(),
            actor=one.actor,
            role=one.role,
            reading=one.reading,
            subject=one.subject,
            digest=one.digest,
        )
        for one in found.entries
    ]
    return AuditBody(
        entries=shown,
        following=found.following,
        last=found.integrity.last,
        head=found.integrity.head,
        broken=found.integrity.broken,
    )
