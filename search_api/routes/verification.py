"""Statements of authors and readers on whether documents are still right. API and pages."""

from typing import Annotated

from fastapi import APIRouter, Depends, Form, Request
from fastapi.responses import HTMLResponse, RedirectResponse

from search_api.addresses import local_path
from search_api.answers.verification import (
    WHY_WORDS,
    VerificationAct,
    checked_document,
    choose_pace,
    say_of_document,
    to_verify,
)
from search_api.authorization import not_by_personal_token
from search_api.parameters import NamedReader
from search_api.routes.search import PROBLEMS
from search_api.schemas.verification import (
    CheckedDocumentBody,
    PaceRequest,
    SayRequest,
    ToVerifyBody,
    checked_document_body,
    to_verify_body,
)
from search_api.services import services_of
from search_api.templating import render
from search_api.verification import MOST_NOTE

_IN_PERSON = [Depends(not_by_personal_token)]

api_router = APIRouter(prefix="/api/v1/verifications", responses=PROBLEMS, dependencies=_IN_PERSON)
router = APIRouter(include_in_schema=False, dependencies=_IN_PERSON)


@api_router.get("")
def own(request: Request, reader: NamedReader) -> ToVerifyBody:
    """Return the reader's documents that may no longer be right, at the pace they chose."""
    return to_verify_body(to_verify(services_of(request), reader))


@api_router.get("/documents/{document_id:path}")
def document(request: Request, reader: NamedReader, document_id: str) -> CheckedDocumentBody:
    """Return the statement on a document that the reader may read, and its text's hash."""
    return checked_document_body(checked_document(services_of(request), reader, document_id))


@api_router.post("", status_code=204)
def say(request: Request, reader: NamedReader, asked: SayRequest) -> None:
    """Confirm or contest a document of the reader, mark another's, or take that back."""
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
    """Set about how many documents the reader is asked in thirty days."""
    choose_pace(services_of(request), reader, asked.per_month)


@router.get("/a-verifier", response_class=HTMLResponse)
def to_verify_page(request: Request, reader: NamedReader) -> str:
    """Show the reader's documents that may no longer be right."""
    found = to_verify(services_of(request), reader)
    return render("verify.html", request=request, found=found, why=WHY_WORDS, most_note=MOST_NOTE)


@router.post("/verifications")
def say_on_page(
    request: Request,
    reader: NamedReader,
    act: Annotated[VerificationAct, Form()],
    document: Annotated[str, Form(max_length=4_000)] = "",
    text_hash: Annotated[str, Form(max_length=200)] = "",
    note: Annotated[str, Form(max_length=4_000)] = "",
    back: Annotated[str, Form(max_length=8_000)] = "/a-verifier",
) -> RedirectResponse:
    """Store a statement from a page's form, then return to the page."""
    say_of_document(services_of(request), reader, document, act, text_hash=text_hash, note=note)
    return RedirectResponse(local_path(back), status_code=303)
