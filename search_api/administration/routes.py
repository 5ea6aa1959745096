"""The administrator's page, and the audit log for the data-protection officer."""

from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from itertools import chain
from typing import Annotated

from fastapi import APIRouter, Form, Query, Request
from fastapi.responses import HTMLResponse, RedirectResponse
from pydantic import BaseModel, BeforeValidator, Field

from search_api.addresses import topic_address
from search_api.administration.service import (
    AUDIT_PAGE,
    TablePage,
    audit_page,
    edited_files,
    preview_change,
    readable_missing,
    request_reading,
    request_rereading,
    system_status,
    table_page,
    write_change,
)
from search_api.administration.tables import TableChange, cells_of
from search_api.audit.descriptions import OPENED
from search_api.authorization import require
from search_api.bodies import Body
from search_api.context import ROLE_NAMES, InvalidParameter, RoleHolder, Stale
from search_api.identity.principals import Role
from search_api.notices import noticed
from search_api.parameters import EMPTY_IS_NONE, EnteredForm, PageNumber
from search_api.services import services_of
from search_api.templating import render

administration_router = APIRouter(include_in_schema=False)

LAST_LINE = 1_000_000
AdministratorOfFile = Annotated[RoleHolder, require(Role.ADMINISTRATOR, "name")]


@administration_router.get("/administration", response_class=HTMLResponse)
def administration_page(
    request: Request, administrator: Annotated[RoleHolder, require(Role.ADMINISTRATOR)]
) -> str:
    """Show sources with last run and remedies, engines, files, unanswered questions."""
    return _administration(request, administrator)


@dataclass(frozen=True, slots=True)
class RefusedRereading:
    """A folder that an administrator asked to read again, and the French reason of the refusal."""

    source: str
    folder: str
    reason: str


def _administration(
    request: Request, administrator: RoleHolder, refused: RefusedRereading | None = None
) -> str:
    services = services_of(request)
    seen = system_status(services, administrator)
    return render(
        "administration.html",
        request=request,
        seen=seen,
        refused=refused,
        readable=readable_missing(services, administrator, seen),
        topic_address=topic_address,
        edited=edited_files(services, administrator),
    )


@administration_router.post("/administration/sources/{source}")
def read_source(
    request: Request,
    administrator: Annotated[RoleHolder, require(Role.ADMINISTRATOR, "source")],
    source: str,
    part: Annotated[bool, Form(description="asked in the table of parts")] = False,
) -> RedirectResponse:
    """Request a crawl of a source, or a build, as soon as a worker is free."""
    request_reading(services_of(request), administrator, source)
    back = "/administration#parties" if part else "/administration#sources"
    return noticed(request, back, "source.read")


@administration_router.post(
    "/administration/sources/{source}/again", response_class=HTMLResponse, response_model=None
)
def read_source_again(
    request: Request,
    administrator: Annotated[RoleHolder, require(Role.ADMINISTRATOR, "source")],
    source: str,
    folder: Annotated[str, Form(max_length=2_000)] = "",
    whole: Annotated[bool, Form(description="the whole source instead of a folder")] = False,
) -> HTMLResponse | RedirectResponse:
    """Request that a folder, or a whole source, is read again; if refused, show why in its form."""
    asked = None if whole else folder.strip()
    try:
        request_rereading(services_of(request), administrator, source, asked)
    except InvalidParameter as error:
        refused = RefusedRereading(source, folder, str(error))
        page = _administration(request, administrator, refused)
        return HTMLResponse(page, status_code=error.status)
    return noticed(request, "/administration#sources", "source.again")


@administration_router.get("/administration/files/{name}", response_class=HTMLResponse)
def edited_table_page(
    request: Request,
    administrator: AdministratorOfFile,
    name: str,
    q: Annotated[str, Query(max_length=200)] = "",
    page: PageNumber = 1,
    line: Annotated[int | None, Query(ge=1, le=LAST_LINE, description="of the entry")] = None,
) -> str:
    """Show the entries of the glossary or the topics, and a form for one of them."""
    found = table_page(services_of(request), administrator, name, q, page)
    chosen = next((one for one in found.table.entries if one.line == line), None)
    typed = chosen.cells if chosen else tuple("" for _ in found.table.columns)
    return _table(request, found, TableChange(found.table.version, line, typed), q=q, page=page)


class TableAct(StrEnum):
    """An action of an entry's form; only `write` changes the file."""

    PREVIEW = "preview"
    REMOVE = "remove"
    WRITE = "write"


class _EntryForm(BaseModel):
    """The fields of an entry's form, beside its cells."""

    act: TableAct = TableAct.PREVIEW
    version: str = Field("", max_length=64)
    line: Annotated[int | None, EMPTY_IS_NONE] = Field(None, ge=1, le=LAST_LINE)
    removal: bool = False


@administration_router.post("/administration/files/{name}", response_class=HTMLResponse)
def change_table(
    request: Request,
    administrator: AdministratorOfFile,
    name: str,
    typed: EnteredForm,
    form: Annotated[_EntryForm, Form()],
) -> HTMLResponse:
    """Show the effects of a change of one entry, or write it; if it is refused, show the reason."""
    services = services_of(request)
    found = table_page(services, administrator, name)
    removal = form.removal or form.act is TableAct.REMOVE
    cells = cells_of(found.table.columns, typed)
    change = TableChange(form.version, form.line, None if removal else cells)
    try:
        if form.act is TableAct.WRITE:
            written = write_change(services, administrator, name, change)
            found = table_page(services, administrator, name)
            blank = TableChange(found.table.version, None, tuple("" for _ in cells))
            return HTMLResponse(_table(request, found, blank, written=written))
        preview = preview_change(services, administrator, name, change)
    except (InvalidParameter, Stale) as refused:
        shown = replace(change, cells=cells)
        page = _table(request, found, shown, refusal=str(refused))
        return HTMLResponse(page, status_code=refused.status)
    return HTMLResponse(
        render(
            "edited_entry.html",
            request=request,
            table=found.table,
            change=change,
            preview=preview,
        )
    )


def _table(request: Request, found: TablePage, change: TableChange, **shown: object) -> str:
    values = {"q": "", "page": 1, "refusal": "", "written": None}
    return render(
        "edited_table.html", request=request, found=found, change=change, **(values | shown)
    )


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
    services = services_of(request)
    found = audit_page(services, officer, before=before)
    added = (feature.accesses.items() for feature in services.features)
    return render(
        "audit.html",
        request=request,
        accesses=OPENED | dict(chain.from_iterable(added)),
        entries=found.entries,
        names=found.names,
        roles={role.value: name for role, name in ROLE_NAMES.items()},
        sound=found.integrity,
        following=found.following,
        directory=found.directory,
    )
