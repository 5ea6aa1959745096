"""Changes of a document's expected questions. API and the form of the document's page."""

from typing import Annotated

from fastapi import APIRouter, Form, Query, Request
from fastapi.responses import RedirectResponse

from search_api.addresses import document_address
from search_api.authorization import IN_PERSON
from search_api.bodies import PROBLEMS, problem_responses
from search_api.expected.schemas import ExpectRequest
from search_api.expected.service import ExpectedAct, change_questions
from search_api.notices import Undo, noticed
from search_api.parameters import NamedReader
from search_api.services import services_of

ANCHOR = "aussi-demande"
"""Anchor of the questions on the document's page."""
_UNDONE = {
    ExpectedAct.ADD: ExpectedAct.REMOVE,
    ExpectedAct.REMOVE: ExpectedAct.ADD,
    ExpectedAct.PIN: ExpectedAct.UNPIN,
    ExpectedAct.UNPIN: ExpectedAct.PIN,
}
_CHANGED = problem_responses({409: "the text has changed since the hash was read"})

api_router = APIRouter(prefix="/api/v1", responses=PROBLEMS, dependencies=IN_PERSON)
router = APIRouter(include_in_schema=False, dependencies=IN_PERSON)


@api_router.post(
    "/documents/{document_id:path}/expected-questions", status_code=204, responses=_CHANGED
)
def expect(request: Request, reader: NamedReader, document_id: str, asked: ExpectRequest) -> None:
    """Add a question that the document answers, confirm it, pin it or unpin it.

    Authors and animators add and confirm; animators and administrators pin.
    """
    services = services_of(request)
    change_questions(services, reader, document_id, asked.act, asked.question, asked.text_hash)


@api_router.delete("/documents/{document_id:path}/expected-questions", status_code=204)
def no_longer_expect(
    request: Request,
    reader: NamedReader,
    document_id: str,
    question: Annotated[str, Query(max_length=4_000, description="the question, as listed")],
) -> None:
    """Remove an expected question of a document: for its authors and animators."""
    change_questions(services_of(request), reader, document_id, ExpectedAct.REMOVE, question)


@router.post("/expected-questions")
def change_on_page(
    request: Request,
    reader: NamedReader,
    document: Annotated[str, Form(max_length=4_000)],
    act: Annotated[ExpectedAct, Form()],
    question: Annotated[str, Form(max_length=4_000)],
    text_hash: Annotated[str, Form(max_length=200)] = "",
) -> RedirectResponse:
    """Change the expected questions from the page's form, then return to the page."""
    change_questions(services_of(request), reader, document, act, question, text_hash)
    undo = None
    if act in _UNDONE:
        fields = {"act": _UNDONE[act], "document": document, "question": question}
        undo = Undo("/expected-questions", fields)
    return noticed(request, f"{document_address(document)}#{ANCHOR}", f"expected.{act}", undo)
