"""Pages of documents, and their originals. API and pages."""

from typing import Annotated
from urllib.parse import urlsplit

from fastapi import APIRouter, Query, Request, Response
from fastapi.responses import HTMLResponse, RedirectResponse, StreamingResponse

from search_api.addresses import (
    ANSWER_ANCHOR,
    QUESTION_SOURCE,
    QuestionMail,
    demo_original_address,
    document_address,
    experts_address,
)
from search_api.bodies import PROBLEMS, Joined
from search_api.documents.originals import RangeNotSatisfiable, byte_range, original_headers
from search_api.documents.schemas import OpenedDocumentBody
from search_api.documents.service import (
    DocumentAnswer,
    document_answer,
    open_original,
    original_pieces,
)
from search_api.expected.routes import ANCHOR
from search_api.expected.service import (
    LEAST_CHARACTERS,
    MOST_BY_HAND,
    MOST_CHARACTERS,
    ORIGIN_WORDS,
)
from search_api.identity.tokens import on_loopback
from search_api.parameters import AskingReader, NamedReader
from search_api.problems import Problem
from search_api.query.query import Query as SearchQuery
from search_api.search.routes import page_address
from search_api.services import services_of
from search_api.templating import render
from search_api.verification.service import note_opening
from search_api.verification.storage import MOST_NOTE
from search_api.wording import in_force

api_router = APIRouter(prefix="/api/v1", responses=PROBLEMS)
router = APIRouter(include_in_schema=False)

FICTIONAL = ".example"
"""Domain that exists nowhere (RFC 2606); the demo's sources are in it."""

Marked = Annotated[str, Query(alias="q", description="a question, whose words are marked")]


@api_router.get("/documents/{document_id:path}")
def document(
    request: Request, reader: AskingReader, document_id: str, q: Marked = ""
) -> OpenedDocumentBody:
    """Return a document as its reader may read it now, with the words of a question marked.

    A document that was deleted or that the reader may not read gets the same answer as an unknown
    id.
    """
    services = services_of(request)
    found = document_answer(services, reader, document_id, q)
    valid = in_force(found.result.card, services.today())
    return OpenedDocumentBody.model_validate(Joined(found, valid=valid))


@router.get("/documents/{document_id:path}/original")
def original(request: Request, reader: NamedReader, document_id: str) -> Response:
    """Return the file of a document in a folder, or the requested range of it."""
    if not _last_segment_is_own(request):
        return HTMLResponse(_page(request, reader, f"{document_id}/original", ""))
    services = services_of(request)
    opened = open_original(services, reader, document_id)
    file = opened.file
    tag = f'"{file.listed.mtime_ns:x}-{file.size:x}"'
    asked = request.headers.get("range", "")
    if request.headers.get("if-range", tag) != tag:
        asked = ""
    try:
        part = byte_range(asked, file.size)
    except RangeNotSatisfiable:
        file.file.close()
        nothing = {"Content-Range": f"bytes */{file.size}"}
        return Response(status_code=416, headers=nothing)
    headers = original_headers(file.name, opened.beginning)
    headers |= {"Content-Length": str(part.end - part.start), "ETag": tag}
    if part.partial:
        headers["Content-Range"] = f"bytes {part.start}-{part.end - 1}/{part.size}"
    return StreamingResponse(
        original_pieces(services, reader, opened, part.start, part.end),
        status_code=206 if part.partial else 200,
        headers=headers,
    )


@router.get("/documents/{document_id:path}", response_class=HTMLResponse)
def document_page(
    request: Request, reader: AskingReader, document_id: str, q: Marked = ""
) -> Response:
    """Show the document, opened at the passage that answers; redirect for an asked question."""
    if document_id.partition(":")[0] == QUESTION_SOURCE:
        return RedirectResponse(document_address(document_id, q))
    return HTMLResponse(_page(request, reader, document_id, q))


@router.get("/demo/originals/{document_id:path}", response_class=HTMLResponse)
def demo_original(request: Request, reader: AskingReader, document_id: str) -> str:
    """Show, only in the demo, a page in place of a source that does not exist."""
    services = services_of(request)
    if not (services.demo and on_loopback(request)):
        raise Problem(404)
    found = document_answer(services, reader, document_id)
    return render(
        "demo_original.html", request=request, found=found, page=document_address(document_id)
    )


def _page(request: Request, reader: AskingReader, document_id: str, q: str) -> str:
    services, today = services_of(request), services_of(request).today()
    asked = q.strip()
    found = document_answer(services, reader, document_id, asked)
    note_opening(services, reader, found.result.card)
    about = found.result.card.title or asked
    return render(
        "document.html",
        request=request,
        found=found,
        q=asked,
        back=str(SearchQuery(asked)) if asked else "",
        today=today,
        own_address=document_address(document_id),
        answer=ANSWER_ANCHOR,
        most_note=MOST_NOTE,
        origins=ORIGIN_WORDS,
        expected_anchor=ANCHOR,
        question_lengths=(LEAST_CHARACTERS, MOST_CHARACTERS),
        most_by_hand=MOST_BY_HAND,
        original=_original(request, found),
        about=about,
        question_mail=QuestionMail(asked or about, page_address(request)),
        experts_address=experts_address(about),
    )


def _original(request: Request, found: DocumentAnswer) -> str:
    """Return the original's address; in the demo, a page that replaces the fictional source."""
    host = urlsplit(found.original).hostname or ""
    if services_of(request).demo and host.endswith(FICTIONAL):
        return demo_original_address(found.result.card.document_id)
    return found.original


def _last_segment_is_own(request: Request) -> bool:
    """Return whether `/original` is a path segment, not the end of an id with escaped slashes."""
    raw: bytes = request.scope.get("raw_path") or request.url.path.encode()
    return raw.partition(b"?")[0].endswith(b"/original")
