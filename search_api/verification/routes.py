"""Statements of authors and readers on whether documents are still right. API and pages."""

from typing import Annotated

from fastapi import APIRouter, Form, Request
from fastapi.responses import HTMLResponse, RedirectResponse
from pydantic import BaseModel, Field

from search_api.addresses import local_path
from search_api.authorization import IN_PERSON, require
from search_api.bodies import PROBLEMS, Joined, problem_responses
from search_api.context import RoleHolder
from search_api.identity.principals import Role
from search_api.notices import Undo, noticed
from search_api.parameters import NamedReader
from search_api.services import services_of
from search_api.templating import render
from search_api.verification.schemas import (
    CheckedDocumentBody,
    MarkedBody,
    MarkedRequest,
    PaceRequest,
    SayRequest,
    ToVerifyBody,
)
from search_api.verification.service import (
    STATEMENTS,
    WHY_WORDS,
    MarkedAct,
    VerificationAct,
    checked_document,
    choose_pace,
    decide_on_marked,
    has_said,
    marked_documents,
    say_of_document,
    to_verify,
)
from search_api.verification.storage import MOST_NOTE

Manager = Annotated[RoleHolder, require(Role.ANIMATOR)]

CHANGED = problem_responses({409: "the text has changed since the hash was read"})

api_router = APIRouter(prefix="/api/v1/verifications", responses=PROBLEMS, dependencies=IN_PERSON)
router = APIRouter(include_in_schema=False, dependencies=IN_PERSON)


@api_router.get("")
def own(request: Request, reader: NamedReader) -> ToVerifyBody:
    """Return the reader's documents that may no longer be right, at the pace they chose."""
    return ToVerifyBody.model_validate(to_verify(services_of(request), reader))


@api_router.get("/documents/{document_id:path}")
def document(request: Request, reader: NamedReader, document_id: str) -> CheckedDocumentBody:
    """Return the statement on a document that the reader may read, and its text's hash."""
    return CheckedDocumentBody.model_validate(
        checked_document(services_of(request), reader, document_id)
    )


@api_router.post("", status_code=204, responses=CHANGED)
def say(request: Request, reader: NamedReader, asked: SayRequest) -> None:
    """Confirm or contest a document of the reader, mark another author's document, or undo that."""
    say_of_document(
        services_of(request),
        reader,
        asked.document,
        asked.act,
        text_hash=asked.text_hash,
        note=asked.note,
    )


@api_router.post("/pace", status_code=204)
def pace(request: Request, reader: NamedReader, asked: PaceRequest) -> None:
    """Set the number of documents about which the reader is asked in thirty days."""
    choose_pace(services_of(request), reader, asked.per_month)


marked_router = APIRouter(prefix="/api/v1/animation/documents", responses=PROBLEMS)


@marked_router.get("")
def marked(request: Request, manager: Manager) -> MarkedBody:
    """Return marked documents without an author to ask, on the animator's topics and entities."""
    found = marked_documents(services_of(request), manager)
    return MarkedBody.model_validate(Joined(documents=found))


@marked_router.post("", status_code=204, responses=CHANGED)
def decide(request: Request, manager: Manager, asked: MarkedRequest) -> None:
    """Tell readers what is no longer right in a marked document, or leave it unchanged."""
    decide_on_marked(
        services_of(request),
        manager,
        asked.document,
        asked.act,
        text_hash=asked.text_hash,
        note=asked.note,
    )


@router.get("/animation/documents", response_class=HTMLResponse)
def marked_page(request: Request, manager: Manager) -> str:
    """Show marked documents without an author to ask."""
    found = marked_documents(services_of(request), manager)
    return render("marked.html", request=request, found=found, most_note=MOST_NOTE)


@router.post("/animation/documents")
def decide_on_page(
    request: Request,
    manager: Manager,
    document: Annotated[str, Form(max_length=4_000)],
    act: Annotated[MarkedAct, Form()],
    text_hash: Annotated[str, Form(max_length=200)] = "",
    note: Annotated[str, Form(max_length=4_000)] = "",
) -> RedirectResponse:
    """Decide on a marked document, from the page's forms."""
    services = services_of(request)
    decide_on_marked(services, manager, document, act, text_hash=text_hash, note=note)
    return noticed(request, "/animation/documents", f"marked.{act}")


@router.get("/a-verifier", response_class=HTMLResponse)
def to_verify_page(request: Request, reader: NamedReader) -> str:
    """Show the reader's documents that may no longer be right."""
    found = to_verify(services_of(request), reader)
    return render("verify.html", request=request, found=found, why=WHY_WORDS, most_note=MOST_NOTE)


class _StatementForm(BaseModel):
    """A statement on a document, from the page with the address `back`."""

    act: VerificationAct
    document: str = Field("", max_length=4_000)
    text_hash: str = Field("", max_length=200)
    note: str = Field("", max_length=4_000)
    back: str = Field("/a-verifier", max_length=8_000)


@router.post("/verifications")
def say_on_page(
    request: Request, reader: NamedReader, form: Annotated[_StatementForm, Form()]
) -> RedirectResponse:
    """Store a statement from a page's form, then return to the page."""
    services, undo = services_of(request), None
    if form.act in STATEMENTS and not has_said(services, reader, form.document):
        undone = {
            "act": VerificationAct.TAKE_BACK,
            "document": form.document,
            "back": form.back,
        }
        undo = Undo("/verifications", undone)
    say_of_document(
        services, reader, form.document, form.act, text_hash=form.text_hash, note=form.note
    )
    return noticed(request, local_path(form.back), f"document.{form.act}", undo)
