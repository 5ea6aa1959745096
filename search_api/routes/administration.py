"""The administrator's page, and the audit log for the data-protection officer."""

from collections.abc import Sequence
from typing import Annotated

from fastapi import APIRouter, Query, Request
from fastapi.responses import HTMLResponse
from pydantic import BaseModel

from search_api.audit.port import AuditEntry, AuditIntegrity
from search_api.authorization import RoleHolder, require
from search_api.identity.grants import Role
from search_api.navigation import ROLE_NAMES
from search_api.problems import Problem
from search_api.services import services_of
from search_api.templating import render

administration_router = APIRouter(include_in_schema=False)


@administration_router.get("/administration", response_class=HTMLResponse)
def administration_page(
    request: Request, administrator: Annotated[RoleHolder, require(Role.ADMINISTRATOR)]
) -> str:
    """Sources with their last run and remedies, engines, files, questions without an answer."""
    look = services_of(request).administration
    if look is None:
        raise Problem(404)
    return render("administration.html", request=request, seen=look())


pages = APIRouter(include_in_schema=False)
router = APIRouter(prefix="/api/v1")

Officer = Annotated[RoleHolder, require(Role.OFFICER)]
Before = Annotated[int | None, Query(ge=1, le=2**31 - 1, description="entries before this number")]
PAGE_SIZE = 100


class EntryBody(BaseModel):
    """One privileged reading; `reading` begins with `refused ` where it was not shown."""

    number: int
    moment: str
    actor: str
    role: str
    reading: str
    subject: str
    digest: str


class AuditBody(BaseModel):
    """Readings, newest first. `broken`: the first entry that is not as it was written."""

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
    limit: Annotated[int, Query(ge=1, le=1_000)] = PAGE_SIZE,
) -> AuditBody:
    """Who read what by a role, newest first; for the data-protection officer."""
    kept = services_of(request).audit
    return audit_body(kept.newest(limit, before), kept.soundness(), limit)


@pages.get("/audit", response_class=HTMLResponse)
def audit_page(request: Request, officer: Officer, before: Before = None) -> str:
    """The same, for a person."""
    kept = services_of(request).audit
    entries = kept.newest(PAGE_SIZE, before)
    names = services_of(request).people.agents(entry.actor for entry in entries)
    return render(
        "audit.html",
        request=request,
        entries=entries,
        names={id_: agent.name for id_, agent in names.items()},
        roles={role.value: name for role, name in ROLE_NAMES.items()},
        sound=kept.soundness(),
        following=_following(entries, PAGE_SIZE),
    )


def audit_body(entries: Sequence[AuditEntry], sound: AuditIntegrity, limit: int) -> AuditBody:
    """The answer of the API."""
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
        for one in entries
    ]
    following = _following(entries, limit)
    return AuditBody(
        entries=shown, following=following, last=sound.last, head=sound.head, broken=sound.broken
    )


def _following(entries: Sequence[AuditEntry], limit: int) -> int | None:
    """Before which number the next page begins, None at the end."""
    return entries[-1].number if len(entries) == limit and entries[-1].number > 1 else None
