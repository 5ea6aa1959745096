"""Questions to experts: API and pages. Agents act only for themselves, and in person."""

from collections.abc import Collection
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import date
from enum import StrEnum
from typing import Annotated

from fastapi import APIRouter, Form, Query, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response
from markupsafe import Markup
from pydantic import BaseModel, Field

from indexer.access import Reader
from indexer.errors import IndexUnreachable
from search_api.addresses import document_address, question_address, topic_address
from search_api.authorization import IN_PERSON
from search_api.bodies import PROBLEMS
from search_api.context import InvalidParameter, required
from search_api.markdown import linked_documents, rendered
from search_api.notices import Undo, noticed
from search_api.parameters import EMPTY_IS_NONE, AskingReader, NamedReader, day_of_field
from search_api.query.query import Query as SearchQuery
from search_api.questions.actions import (
    QuestionAct,
    QuestionAction,
    TooManyAnswers,
    act_on_question,
)
from search_api.questions.asking import (
    NewQuestion,
    TooManyQuestions,
    answered_by_existing,
    ask_question,
    asking_form,
    existing_answers,
    link_to_document,
    planned_recipients,
)
from search_api.questions.reading import closed_to_asker, open_links
from search_api.questions.schemas import (
    AskedQuestionBody,
    AskingPreferencesBody,
    ExistingAnswerRequest,
    ExistingAnswersBody,
    NewQuestionRequest,
    OwnQuestionsBody,
    QuestionActionRequest,
    RecipientsBody,
)
from search_api.questions.service import (
    MOST_OPEN,
    forget_own_questions,
    own_questions,
    question_page,
    set_asking_preferences,
    waiting_for,
)
from search_api.questions.storage import Asking
from search_api.questions.values import (
    MOST_LISTED,
    MOST_REASON,
    MOST_TEXT,
    MOST_TITLE,
    AskingPreferences,
    ReaderScope,
)
from search_api.questions.wording import where_a_question_stands
from search_api.ranking.results import Result
from search_api.services import Services, services_of
from search_api.templating import render

_Written = Annotated[str, Query(max_length=4_000, description="what is being written")]

api_router = APIRouter(prefix="/api/v1/questions", responses=PROBLEMS, dependencies=IN_PERSON)


@api_router.get("")
def own(request: Request, reader: NamedReader) -> OwnQuestionsBody:
    """Return the questions put to the reader that await an answer, and those the reader asked."""
    return OwnQuestionsBody.model_validate(own_questions(services_of(request), reader))


@api_router.get("/existing")
def existing(request: Request, reader: AskingReader, q: _Written = "") -> ExistingAnswersBody:
    """Return documents that may already answer."""
    services = services_of(request)
    found = existing_answers(services, reader, q)
    answer = {"existing": found, "topic_id": services.named_topic(q)}
    return ExistingAnswersBody.model_validate(answer)


class _Draft(BaseModel):
    """A question that is being written, and whom to ask, in the address of a form."""

    q: str = Field("", max_length=4_000, description="what is being written")
    to: str = Field("", max_length=200, description="an agent's id: whom to ask first")
    community: str = Field("", max_length=200, description="as when asking")
    metier: str = Field("", max_length=200, description="as when asking")

    def question(self) -> NewQuestion:
        """Return the question of this title."""
        return NewQuestion(
            self.q.strip()[:MOST_TITLE], to=self.to, community=self.community, metier=self.metier
        )


class _DraftWithReaders(_Draft):
    scope: ReaderScope = Field(ReaderScope.EVERYBODY, description="who may read it")
    scope_id: str = Field("", max_length=2_000, description="as when asking")


class _DraftWithText(_Draft):
    topic: str = Field("", max_length=200)
    text: str = Field("", max_length=MOST_TEXT)


@api_router.get("/recipients")
def recipients(
    request: Request, reader: AskingReader, draft: Annotated[_DraftWithReaders, Query()]
) -> RecipientsBody:
    """Return the agents whom a question may be put to."""
    new = replace(draft.question(), scope=draft.scope, scope_id=draft.scope_id)
    found = planned_recipients(services_of(request), reader, new)
    return RecipientsBody.model_validate({"recipients": found})


@api_router.post("/existing", status_code=204)
def found_existing(request: Request, reader: NamedReader, said: ExistingAnswerRequest) -> None:
    """Count that a document answers the question being written; no name is stored."""
    answered_by_existing(services_of(request), reader, said.document_id)


@api_router.delete("", status_code=204)
def forget_own(request: Request, reader: NamedReader) -> None:
    """Delete every question and answer of the reader."""
    forget_own_questions(services_of(request), reader)


@api_router.post("")
def ask(request: Request, reader: AskingReader, asked: NewQuestionRequest) -> AskedQuestionBody:
    """Ask experts, one after the other; nobody is told which agents are asked."""
    services = services_of(request)
    new = NewQuestion(
        asked.title,
        asked.text,
        asked.topic,
        asked.scope,
        asked.scope_id,
        asked.hidden,
        asked.to,
        asked.community,
        asked.metier,
        None if asked.recipients is None else tuple(asked.recipients),
    )
    made = ask_question(services, reader, new)
    return AskedQuestionBody.model_validate(question_page(services, reader, made.id))


@api_router.post("/preferences", status_code=204)
def prefer(request: Request, reader: NamedReader, said: AskingPreferencesBody) -> None:
    """Set which questions the reader receives, and how many."""
    preferences = AskingPreferences(
        said.receives, tuple(said.topics), said.per_week, said.absent_until
    )
    set_asking_preferences(services_of(request), reader, preferences)


@api_router.get("/{question_id}")
def question(request: Request, reader: NamedReader, question_id: str) -> AskedQuestionBody:
    """Return a question with its answers."""
    return AskedQuestionBody.model_validate(
        question_page(services_of(request), reader, question_id)
    )


@api_router.post("/{question_id}", status_code=204)
def act(
    request: Request, reader: NamedReader, question_id: str, asked: QuestionActionRequest
) -> None:
    """Accept, decline, pass on, answer, correct, thank or delete, as far as the reader may."""
    made = QuestionAct(
        asked.action, asked.text, asked.title, asked.answer, asked.valid_until, asked.digest
    )
    act_on_question(services_of(request), reader, question_id, made)


router = APIRouter(include_in_schema=False, dependencies=IN_PERSON)


@dataclass(frozen=True, slots=True)
class AskingShown:
    """Navigation entry of questions; `waiting`: number of questions that wait for the reader."""

    waiting: int


def asking_shown(services: Services, reader: Reader) -> AskingShown | None:
    """Return the entry of questions; None if questions are off or the reader is unknown."""
    if services.part(Asking) is None or reader.agent_id is None:
        return None
    return AskingShown(sum(waiting_for(services, reader)))


METIER_PREFIX = "metier:"
"""Prefix of a métier's id, in the form's field for whom to ask."""
SCOPE_SEPARATOR = ":"
"""Separator between a scope and its id, in the form's field for readers."""


@router.get("/questions", response_class=HTMLResponse)
def questions_page(request: Request, reader: NamedReader) -> str:
    """Show what waits for the reader and what they asked."""
    found = own_questions(services_of(request), reader)
    return render(
        "questions.html",
        request=request,
        found=found,
        topic_address=topic_address,
        most_listed=MOST_LISTED,
        most_open=MOST_OPEN,
    )


@router.get("/questions/new", response_class=HTMLResponse)
def new_question_page(
    request: Request, reader: AskingReader, draft: Annotated[_DraftWithText, Query()]
) -> str:
    """Show the form for a question, next to documents that already answer it."""
    new = replace(draft.question(), text=draft.text, topic_id=draft.topic)
    return _form(request, reader, new)


_ENGINE_AWAY = (
    "Le moteur de recherche ne répond pas : votre question n’est pas posée. "
    "Réessayez dans quelques instants."
)


def _form(
    request: Request,
    reader: Reader,
    new: NewQuestion,
    problem: str = "",
    *,
    away: Collection[str] = (),
    look: bool = True,
) -> str:
    """Return the form for a question; `problem`: why the entered question was refused.

    `away`: ids of shown recipients that the asker took away.
    """
    return render(
        "ask.html",
        request=request,
        found=asking_form(services_of(request), reader, new, look=look),
        problem=problem,
        away=away,
        most_title=MOST_TITLE,
        most_text=MOST_TEXT,
        separator=SCOPE_SEPARATOR,
        metier_prefix=METIER_PREFIX,
    )


class _AskingForm(BaseModel):
    """The form for a question.

    `shown_for`: the choices and the question for which the page showed what answers already, and
    the recipients `named`, of whom the asker keeps `recipients`. `look`: show that again.
    """

    title: str = Field(max_length=4_000)
    text: str = Field("", max_length=2 * MOST_TEXT)
    topic: str = Field("", max_length=200)
    readers: str = Field(ReaderScope.EVERYBODY.value, max_length=2_000)
    hidden: bool = False
    to: str = Field("", max_length=200)
    community: str = Field("", max_length=200)
    recipients: list[str] = Field([], max_length=20)
    named: list[str] = Field([], max_length=20)
    shown_for: str = Field("", max_length=4_000)
    look: bool = False

    @property
    def away(self) -> set[str]:
        """Ids of shown recipients that the asker took away."""
        return set(self.named) - set(self.recipients)

    @property
    def has_changed(self) -> bool:
        """Whether the page showed what answers another question than this one."""
        written = f"{self.community}|{self.readers}|{self.topic}|{self.title}"
        return bool(self.shown_for) and self.shown_for.split() != written.split()

    def question(self) -> NewQuestion:
        """Return the question as it was typed."""
        scope, _, scope_id = self.readers.partition(SCOPE_SEPARATOR)
        known = {one.value for one in ReaderScope}
        to_metier = self.community.startswith(METIER_PREFIX)
        return NewQuestion(
            self.title,
            self.text,
            self.topic,
            # A value outside the page's choices becomes an unknown community, which is refused.
            ReaderScope(scope) if scope in known else ReaderScope.COMMUNITY,
            scope_id,
            self.hidden,
            self.to,
            community="" if to_metier else self.community,
            metier=self.community.removeprefix(METIER_PREFIX) if to_metier else "",
            keep=tuple(self.recipients) if self.away else None,
        )


@router.post("/questions", response_model=None)
def ask_on_page(
    request: Request, reader: AskingReader, form: Annotated[_AskingForm, Form()]
) -> Response:
    """Ask, then show the question's page; if refused, the form with everything that was typed.

    If the question has changed since the page showed what answers it, or with `look`, the form is
    shown again with the documents and recipients for it, and nothing is asked.
    """
    new, away = form.question(), form.away
    try:
        if form.look or form.has_changed:
            short = replace(new, title=new.title.strip()[:MOST_TITLE])
            return HTMLResponse(_form(request, reader, short, away=away))
        made = ask_question(services_of(request), reader, new)
    except (InvalidParameter, TooManyQuestions) as refused:
        return HTMLResponse(_form(request, reader, new, str(refused), away=away), refused.status)
    except IndexUnreachable:
        return HTMLResponse(_form(request, reader, new, _ENGINE_AWAY, look=False), 503)
    return noticed(request, question_address(made.id), "asking.ask")


@router.post("/questions/existing")
def answered(
    request: Request, reader: NamedReader, document: Annotated[str, Form(max_length=4_000)]
) -> RedirectResponse:
    """Count «Cela répond» without a name, then show the document."""
    answered_by_existing(services_of(request), reader, document)
    return noticed(request, document_address(document), "asking.existing")


@router.post("/questions/forget")
def forget(request: Request, reader: NamedReader) -> RedirectResponse:
    """Delete every question and answer of the reader."""
    forget_own_questions(services_of(request), reader)
    return noticed(request, "/preferences#effacer", "asking.forget")


@router.get("/questions/{question_id}", response_class=HTMLResponse)
def one_question_page(
    request: Request, reader: NamedReader, question_id: str, q: _Written = ""
) -> str:
    """Show a question, its answers, and what the reader may do; `q`: the search that led to it."""
    return _question(request, reader, question_id, searched=q.strip())


CITABLE_SHOWN = 5
"""Number of documents to cite that are shown for the words typed."""


class AnswerStep(StrEnum):
    """The submit button that was pressed in the form for an answer; none means plain publishing.

    `PREVIEW` and `FIND` show the form again and publish nothing. `PUBLISH` publishes a text after
    the warning that the asker may not read a document that it cites.
    """

    PREVIEW = "preview"
    FIND = "find"
    PUBLISH = "publish"


@dataclass(frozen=True, slots=True)
class _Typed:
    """Text that was typed into a form of a question's page and is not published.

    `find`: words by which `documents` to cite were looked up, None if they were not. `caret`:
    position of the cursor in `text`.
    """

    act: str = ""
    text: str = ""
    title: str = ""
    answer: str = ""
    valid_until: date | None = None
    find: str = ""
    documents: tuple[Result, ...] | None = None
    preview: Markup | None = None
    caret: int | None = None


_NOTHING_TYPED = _Typed()


def _question(
    request: Request,
    reader: Reader,
    question_id: str,
    *,
    typed: _Typed = _NOTHING_TYPED,
    problem: str = "",
    searched: str = "",
) -> str:
    services = services_of(request)
    found = question_page(services, reader, question_id)
    answer_days = required(services.part(Asking)).rules.answer_days
    cited = linked_documents(typed.text)
    offered = {one.card.document_id for one in typed.documents or ()}
    closed = closed_to_asker(services, reader, found.question, {*cited, *offered})
    return render(
        "question.html",
        closed=closed,
        cites_closed=not cited.isdisjoint(closed),
        request=request,
        found=found,
        stands=where_a_question_stands(
            found.question.stage,
            found.recipients,
            answer_days,
            on_topic=found.topic is not None,
            passed_on=bool(found.passed_on),
            first=found.first.name if found.first else "",
        ),
        typed=typed,
        problem=problem,
        q=searched,
        back=str(SearchQuery(searched)) if searched else "",
        today=services.today(),
        topic_address=topic_address,
        most_text=MOST_TEXT,
        most_reason=MOST_REASON,
        most_title=MOST_TITLE,
    )


class _ActForm(BaseModel):
    """A form of a question's page.

    `step`: publish nothing, but show the text as it will be read, documents found by the words
    `find`, or the text with a link to the document `cite` after its first `at` characters.
    """

    act: QuestionAction
    text: str = Field("", max_length=2 * MOST_TEXT)
    title: str = Field("", max_length=4_000)
    answer: str = Field("", max_length=32)
    valid_until: str = Field("", max_length=10)
    digest: str = Field("", max_length=64)
    step: Annotated[AnswerStep | None, EMPTY_IS_NONE] = None
    find: str = Field("", max_length=4_000)
    cite: str = Field("", max_length=4_000)
    at: Annotated[int | None, EMPTY_IS_NONE] = Field(None, ge=0, le=2 * MOST_TEXT)

    def typed(self) -> "_Typed":
        """Return what the page shows again."""
        day = day_of_field(self.valid_until)
        return _Typed(self.act, self.text, self.title, self.answer, day)


@router.post("/questions/{question_id}", response_model=None)
def act_on_page(
    request: Request, reader: NamedReader, question_id: str, form: Annotated[_ActForm, Form()]
) -> Response:
    """Act from the page's forms, then show the question, or the reader's list if it is gone.

    If refused, show the page with everything that was typed. The preview is also shown, once, if
    the asker may not read a document that the text cites.
    """
    services, typed, act, step = services_of(request), form.typed(), form.act, form.step
    if step is None and not form.cite and _cites_closed(services, reader, question_id, form.text):
        step = AnswerStep.PREVIEW
    if form.cite or step in (AnswerStep.PREVIEW, AnswerStep.FIND):
        typed = replace(typed, text=form.text.replace("\r\n", "\n"), caret=form.at)
        typed = _stepped(services, reader, typed, step, form.find, form.cite)
        return HTMLResponse(_question(request, reader, question_id, typed=typed))
    try:
        made = QuestionAct(act, form.text, form.title, form.answer, typed.valid_until, form.digest)
        act_on_question(services, reader, question_id, made)
    except (InvalidParameter, TooManyAnswers) as refused:
        page = _question(request, reader, question_id, typed=typed, problem=str(refused))
        return HTMLResponse(page, refused.status)
    gone = act in (QuestionAction.DELETE, QuestionAction.DECLINE, QuestionAction.TRANSFER)
    address = "/questions" if gone else question_address(question_id)
    declined = act is QuestionAction.DECLINE
    undo = Undo(question_address(question_id), {"act": QuestionAction.RETAKE}) if declined else None
    return noticed(request, address, f"asking.{act}", undo)


def _cites_closed(services: Services, reader: Reader, question_id: str, text: str) -> bool:
    """Return whether a text cites a document that the reader may read and the asker may not.

    If the index does not answer, the text is published without a warning.
    """
    if cited := linked_documents(text):
        question = question_page(services, reader, question_id).question
        with suppress(IndexUnreachable):
            return bool(closed_to_asker(services, reader, question, cited))
    return False


def _stepped(
    services: Services, reader: Reader, typed: _Typed, step: AnswerStep | None, find: str, cite: str
) -> _Typed:
    if step is AnswerStep.PREVIEW:
        readable = open_links(services, reader, [typed.text])
        return replace(typed, preview=rendered(typed.text, readable))
    if step is AnswerStep.FIND:
        found = existing_answers(services, reader, find, CITABLE_SHOWN)
        return replace(typed, find=find, documents=found)
    at = len(typed.text) if typed.caret is None else typed.caret
    before, after = typed.text[:at], typed.text[at:]
    between = "" if not before or before[-1].isspace() else " "
    link = link_to_document(services, reader, cite)
    begun = f"{before}{between}{link}"
    return replace(typed, text=begun + after, caret=len(begun))
