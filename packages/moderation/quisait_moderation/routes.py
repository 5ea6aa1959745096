"""Reports of questions, and the page of their topics' animators. API and pages."""

from typing import Annotated

from fastapi import APIRouter, Form, Query, Request
from fastapi.responses import HTMLResponse, RedirectResponse
from pydantic import Field

from quisait_moderation.schemas import ModerationDeskBody, TextReportRequest
from quisait_moderation.service import (
    ModerationAct,
    ModerationRequest,
    moderate,
    moderation_desk,
    report_text,
    take_report_back,
)
from search_api.addresses import question_address
from search_api.authorization import IN_PERSON, require
from search_api.bodies import PROBLEMS
from search_api.context import RoleHolder
from search_api.identity.principals import Role
from search_api.notices import Undo, noticed
from search_api.parameters import NamedReader
from search_api.questions.values import MOST_LISTED, MOST_REASON
from search_api.services import services_of
from search_api.templating import render

Moderator = Annotated[RoleHolder, require(Role.ANIMATOR)]
ModeratorOfQuestion = Annotated[RoleHolder, require(Role.ANIMATOR, "question_id")]
api_router = APIRouter(prefix="/api/v1", responses=PROBLEMS)
router = APIRouter(include_in_schema=False)


@api_router.post("/questions/{question_id}/reports", status_code=204, dependencies=IN_PERSON)
def report(
    request: Request, reader: NamedReader, question_id: str, asked: TextReportRequest
) -> None:
    """Report a question or an answer to its topic's animator, who does not see the reporter."""
    services = services_of(request)
    report_text(services, reader, question_id, asked.answer, asked.reason, outdated=asked.outdated)


@api_router.delete("/questions/{question_id}/reports", status_code=204, dependencies=IN_PERSON)
def take_back(
    request: Request,
    reader: NamedReader,
    question_id: str,
    answer: Annotated[str, Query(max_length=32)] = "",
) -> None:
    """Take back the reader's report of a text, as long as nobody has decided on it."""
    take_report_back(services_of(request), reader, question_id, answer)


@api_router.get("/animation/questions")
def desk(request: Request, moderator: Moderator) -> ModerationDeskBody:
    """Return reported, hidden and waiting questions on the animator's topics."""
    return ModerationDeskBody.of(moderation_desk(services_of(request), moderator))


@api_router.post("/animation/questions/{question_id}", status_code=204)
def decide(
    request: Request, moderator: ModeratorOfQuestion, question_id: str, asked: ModerationRequest
) -> None:
    """Hide a text, show it again, leave it as it is, or give the question a topic."""
    moderate(services_of(request), moderator, question_id, asked)


@router.post("/questions/{question_id}/reports", dependencies=IN_PERSON)
def report_on_page(
    request: Request,
    reader: NamedReader,
    question_id: str,
    reason: Annotated[str, Form(max_length=4_000)] = "",
    answer: Annotated[str, Form(max_length=32)] = "",
    outdated: Annotated[bool, Form()] = False,
) -> RedirectResponse:
    """Report a text from the question's page, which confirms it."""
    report_text(services_of(request), reader, question_id, answer, reason, outdated=outdated)
    address = question_address(question_id)
    undo = Undo(f"{address}/reports/taken-back", {"answer": answer, "back": "question"})
    return noticed(request, address, "report.doubt" if outdated else "report.sent", undo)


@router.post("/questions/{question_id}/reports/taken-back", dependencies=IN_PERSON)
def take_back_on_page(
    request: Request,
    reader: NamedReader,
    question_id: str,
    answer: Annotated[str, Form(max_length=32)] = "",
    back: Annotated[str, Form(max_length=10)] = "",
) -> RedirectResponse:
    """Take back a report from «Préférences», which lists all reports of the reader.

    `back` is «question» if the form is on the question's page.
    """
    take_report_back(services_of(request), reader, question_id, answer)
    own = back != "question"
    address = "/preferences#effacer" if own else question_address(question_id)
    return noticed(request, address, "report.taken_back")


@router.get("/animation/questions", response_class=HTMLResponse)
def desk_page(request: Request, moderator: Moderator) -> str:
    """Show reported, hidden and waiting questions on the animator's topics."""
    found = moderation_desk(services_of(request), moderator)
    return render(
        "moderation.html",
        request=request,
        found=found,
        most_reason=MOST_REASON,
        most_listed=MOST_LISTED,
    )


class ModerationForm(ModerationRequest):
    """A form of the page: a reason that is too long is refused in French."""

    reason: str = Field("", max_length=4_000)


@router.post("/animation/questions/{question_id}")
def decide_on_page(
    request: Request,
    moderator: ModeratorOfQuestion,
    question_id: str,
    form: Annotated[ModerationForm, Form()],
) -> RedirectResponse:
    """Decide on a text, from the page's forms."""
    moderate(services_of(request), moderator, question_id, form)
    undo, act = None, form.act
    if act is ModerationAct.HIDE:
        fields = {"act": ModerationAct.SHOW.value, "answer": form.answer, "digest": form.digest}
        undo = Undo(f"/animation{question_address(question_id)}", fields)
    return noticed(request, "/animation/questions", f"moderation.{act}", undo)
