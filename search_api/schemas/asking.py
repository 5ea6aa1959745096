"""API schemas of questions to experts."""

from collections.abc import Collection
from datetime import date, datetime

from pydantic import BaseModel, ConfigDict, Field

from search_api.addresses import document_address
from search_api.answers.asking import (
    OwnQuestions,
    QuestionAction,
    ShownAnswer,
    ShownQuestion,
)
from search_api.asking.markdown import plain_text
from search_api.asking.values import (
    MOST_PER_WEEK,
    MOST_TEXT,
    MOST_TITLE,
    AskedQuestion,
    OwnAsking,
    QuestionStage,
    ReaderScope,
    RequestState,
)
from search_api.ranking.results import Result
from search_api.schemas.search import AgentBody
from search_api.schemas.search_responses import agent_body


class _AskingSchema(BaseModel):
    model_config = ConfigDict(frozen=True)


class NewQuestionRequest(_AskingSchema):
    """A question to ask."""

    title: str = Field(max_length=MOST_TITLE, description="the question, in one sentence")
    text: str = Field("", max_length=MOST_TEXT)
    topic: str = Field("", max_length=200, description="a topic's id")
    scope: ReaderScope = Field(ReaderScope.EVERYBODY, description="who may read it")
    scope_id: str = Field(
        "", max_length=2_000, description="the topic of a community, or the path of an entity"
    )
    hidden: bool = Field(False, description="no name of yours before somebody accepts")
    to: str = Field("", max_length=200, description="an agent's id: whom to ask first")
    community: str = Field(
        "", max_length=200, description="a topic of the community to ask, instead of one by one"
    )
    metier: str = Field(
        "", max_length=200, description="a métier of the list: its holders are asked, one by one"
    )
    recipients: list[str] | None = Field(
        None,
        max_length=20,
        description="ids of the only agents to ask, of those who may be asked; null: all of them",
    )


class QuestionActionRequest(_AskingSchema):
    """An action on a question."""

    action: QuestionAction
    text: str = Field("", max_length=MOST_TEXT)
    title: str = Field("", max_length=MOST_TITLE)
    answer: str = Field("", max_length=32, description="an answer's id")
    valid_until: date | None = Field(None, description="the last day on which an answer is right")
    digest: str = Field("", max_length=64, description="to confirm: that of the text read")


class AskingPreferencesBody(_AskingSchema):
    """The reader's choices about the questions that they receive."""

    receives: bool = True
    topics: list[str] = Field([], max_length=500, description="ids; none: every topic")
    per_week: int | None = Field(
        None, ge=0, le=MOST_PER_WEEK, description="null: as the settings say"
    )
    absent_until: date | None = Field(None, description="the last day without questions")


_OUTDATED = "a former text, corrected since, that a restored database brought back"


class GivenAnswerBody(_AskingSchema):
    """An answer in its current version."""

    id: str
    text: str = Field(description="without Markdown")
    markdown: str = Field(description="of your own answer, to correct it; else empty")
    author: AgentBody | None = Field(description="null for who may not be named")
    own: bool
    created: datetime
    corrected: list[datetime] = Field(description="when; former texts are not kept")
    accepted: bool = Field(description="the asker says that it helped")
    thanked: bool
    valid_until: date | None = Field(description="the last day on which it is right; null: none")
    hidden: str | None = Field(description="why it is shown to you alone; null: it is shown")
    outdated: bool = Field(description=_OUTDATED)
    digest: str = Field(description="of your own former text, to confirm it; else empty")
    doubts: list[str] = Field(description="what readers say is no longer right, of your own")


class BriefQuestionBody(_AskingSchema):
    """A question without its text and answers."""

    id: str
    title: str
    topic_id: str
    stage: QuestionStage
    created: datetime


class PassedOnBody(_AskingSchema):
    """Why and when an agent passed a question on."""

    reason: str
    on: date | None = Field(description="null: the day was not kept")


class AskedQuestionBody(BriefQuestionBody):
    """A question with its answers."""

    text: str = Field(description="without Markdown")
    markdown: str = Field(description="of your own question, to correct it; else empty")
    scope: ReaderScope
    scope_id: str
    asker: AgentBody | None = Field(description="null while they are not named")
    own: bool
    state: RequestState | None = Field(description="of your own request; null: you are not asked")
    accepted_by: AgentBody | None = Field(description="who accepted; told to the asker alone")
    passed_on: list[PassedOnBody] = Field(
        description="by whom the question was passed on, without names; told to the asker alone"
    )
    recipients: int = Field(
        description="how many agents it may be put to, one after the other; 0 to all but the asker"
    )
    missing: str = Field(description="what the asker says the answers lack")
    corrected: list[datetime] = Field(description="when; former texts are not kept")
    hidden: str | None = Field(description="why it is shown to you alone; null: it is shown")
    outdated: bool = Field(description=_OUTDATED)
    digest: str = Field(description="of your own former text, to confirm it; else empty")
    answers: list[GivenAnswerBody]


class OpenFiguresBody(_AskingSchema):
    """Figures of a year's questions open to everybody, without names."""

    asked: int
    answered: int = Field(description="that another than the asker answered")
    median_s: float | None = Field(description="seconds to the first such answer; null for none")
    found_again: int = Field(description="how often one answered a question being written")


class QuestionOfYouBody(BriefQuestionBody):
    """A question that the reader is asked, as in their list."""

    state: RequestState
    until: datetime = Field(description="then it goes to the next recipient, or to all readers")


class WaitingTopicBody(_AskingSchema):
    """A topic with unanswered questions that are open to everybody."""

    topic_id: str
    label: str
    questions: int


class OwnQuestionsBody(_AskingSchema):
    """Questions that wait for the reader, and questions that they asked."""

    waiting: list[QuestionOfYouBody] = Field(description="asked of you")
    of_communities: list[BriefQuestionBody]
    animated: list[BriefQuestionBody] = Field(description="without answer, on what you animate")
    mine: list[BriefQuestionBody]
    answered: list[BriefQuestionBody] = Field(
        description="yours, with an answer of which you said nothing yet"
    )
    answered_before: int = Field(
        description="how often, in a year and of all agents, a document answered a question that "
        "was being written"
    )
    figures: OpenFiguresBody
    waiting_topics: list[WaitingTopicBody] = Field(
        description="whose questions no agent in particular is asked any more"
    )
    open_on_topics: list[BriefQuestionBody] = Field(
        description="of others, waiting for an answer, on your topics; the newest first"
    )
    open_nearby: list[BriefQuestionBody] = Field(description="the same of askers of your area")
    open_elsewhere: list[BriefQuestionBody] = Field(description="the others of the newest")
    more: bool = Field(description="`of_communities` or `animated` is cut after the oldest")


class ExistingAnswerRequest(_AskingSchema):
    """The document that answers the question being written."""

    document_id: str = Field(max_length=4_000)


class ExistingAnswerBody(_AskingSchema):
    """A document that may already answer."""

    document_id: str
    title: str
    kind: str
    address: str = Field(description="its page here")


class ExistingAnswersBody(_AskingSchema):
    """Readable documents that may answer the question being written, best first."""

    existing: list[ExistingAnswerBody]
    topic_id: str = Field(description="the topic that it names; empty for none")


class RecipientsBody(_AskingSchema):
    """Agents whom a question may be put to, if they receive questions."""

    recipients: list[AgentBody]


class OwnRequestBody(_AskingSchema):
    """A question that the reader was asked, and their decision; only they see it."""

    question: str
    state: RequestState
    asked: datetime
    reason: str


class OwnAnswerBody(_AskingSchema):
    """An answer that the reader gave."""

    id: str
    question: str
    text: str
    created: datetime
    corrected: list[datetime]
    accepted: bool
    thanked: bool
    valid_until: date | None
    hidden: str | None = Field(description="why it is shown to you alone; null: it is shown")


class OwnAskedBody(_AskingSchema):
    """A question that the reader asked."""

    id: str
    title: str
    text: str
    topic_id: str
    scope: ReaderScope
    scope_id: str
    named: bool = Field(description="your name may be shown with it")
    stage: QuestionStage
    created: datetime
    corrected: list[datetime]
    missing: str = Field(description="what you said the answers lack")
    hidden: str | None = Field(description="why it is shown to you alone; null: it is shown")


class OwnReportBody(_AskingSchema):
    """A text that the reader reported; only they see it.

    They may take the report back until it is decided.
    """

    question: str
    answer: str = Field(description="empty: the question itself")
    reason: str
    created: datetime
    decided: bool
    outdated: bool = Field(description="it only says that an answer is no longer right")


class OwnAskingBody(_AskingSchema):
    """All stored questions, answers, requests, reports and preferences of the reader."""

    preferences: AskingPreferencesBody
    asked: list[OwnAskedBody]
    answers: list[OwnAnswerBody]
    requests: list[OwnRequestBody]
    planned: list[str] = Field(description="ids of questions that you may be asked in your turn")
    readable: list[str] = Field(
        description="ids of questions that you may read as a member of a community when asked"
    )
    reports: list[OwnReportBody]


def question_body(found: ShownQuestion) -> AskedQuestionBody:
    """Return the response body for one question."""
    one = found.question
    return AskedQuestionBody(
        **brief_question(one).model_dump(),
        text=plain_text(one.text, found.open_documents),
        markdown=one.text if found.own else "",
        scope=one.scope,
        scope_id=one.scope_id,
        asker=agent_body(found.asker) if found.asker else None,
        own=found.own,
        state=found.state,
        accepted_by=agent_body(found.accepted_by) if found.accepted_by else None,
        passed_on=[PassedOnBody(reason=one.reason, on=one.on) for one in found.passed_on],
        recipients=found.recipients,
        missing=one.missing,
        corrected=list(one.corrected),
        hidden=one.hidden,
        outdated=one.outdated,
        digest=one.text_digest if one.outdated and found.own else "",
        answers=[_answer_body(one, found.open_documents) for one in found.answers],
    )


def _answer_body(shown: ShownAnswer, readable: Collection[str]) -> GivenAnswerBody:
    one = shown.answer
    return GivenAnswerBody(
        id=one.id,
        text=plain_text(one.text, readable),
        markdown=one.text if shown.own else "",
        author=agent_body(shown.author) if shown.author else None,
        own=shown.own,
        created=one.created,
        corrected=list(one.corrected),
        accepted=one.accepted,
        thanked=one.thanked,
        valid_until=one.valid_until,
        hidden=one.hidden,
        outdated=one.outdated,
        digest=one.text_digest if one.outdated and shown.own else "",
        doubts=list(shown.doubts),
    )


def brief_question(one: AskedQuestion) -> BriefQuestionBody:
    """Return the body of a question in a list."""
    return BriefQuestionBody(
        id=one.id, title=one.title, topic_id=one.topic_id, stage=one.stage, created=one.created
    )


def own_questions_body(found: OwnQuestions) -> OwnQuestionsBody:
    """Return the response body for the reader's questions."""
    return OwnQuestionsBody(
        waiting=[
            QuestionOfYouBody(
                **brief_question(one).model_dump(), state=request.state, until=request.until
            )
            for request, one in found.waiting
        ],
        of_communities=list(map(brief_question, found.of_communities)),
        animated=list(map(brief_question, found.animated)),
        mine=[brief_question(one.question) for one in found.mine],
        answered=[brief_question(one.question) for one in found.answered],
        answered_before=found.answered_before,
        figures=OpenFiguresBody(
            asked=found.figures.asked,
            answered=found.figures.answered,
            median_s=found.figures.median.total_seconds() if found.figures.median else None,
            found_again=found.figures.found_again,
        ),
        waiting_topics=[
            WaitingTopicBody(topic_id=topic.id, label=topic.label, questions=count)
            for topic, count in found.waiting_topics
        ],
        open_on_topics=list(map(brief_question, found.open_on_topics)),
        open_nearby=list(map(brief_question, found.open_nearby)),
        open_elsewhere=list(map(brief_question, found.open_elsewhere)),
        more=found.more,
    )


def existing_body(found: tuple[Result, ...], topic_id: str) -> ExistingAnswersBody:
    """Return the response body for documents that may already answer."""
    return ExistingAnswersBody(
        existing=[
            ExistingAnswerBody(
                document_id=one.card.document_id,
                title=one.card.title,
                kind=one.card.kind,
                address=document_address(one.card.document_id),
            )
            for one in found
        ],
        topic_id=topic_id,
    )


def own_asking_body(found: OwnAsking) -> OwnAskingBody:
    """Return the body of everything stored about the reader's questions."""
    said = found.preferences
    return OwnAskingBody(
        preferences=AskingPreferencesBody(
            receives=said.receives,
            topics=list(said.topics),
            per_week=said.per_week,
            absent_until=said.absent_until,
        ),
        asked=[
            OwnAskedBody(
                id=one.id,
                title=one.title,
                text=one.text,
                topic_id=one.topic_id,
                scope=one.scope,
                scope_id=one.scope_id,
                named=one.named,
                stage=one.stage,
                created=one.created,
                corrected=list(one.corrected),
                missing=one.missing,
                hidden=one.hidden,
            )
            for one in found.questions
        ],
        answers=[
            OwnAnswerBody(
                id=one.id,
                question=one.question_id,
                text=one.text,
                created=one.created,
                corrected=list(one.corrected),
                accepted=one.accepted,
                thanked=one.thanked,
                valid_until=one.valid_until,
                hidden=one.hidden,
            )
            for one in found.answers
        ],
        requests=[
            OwnRequestBody(
                question=one.question_id, state=one.state, asked=one.asked, reason=one.reason
            )
            for one in found.requests
        ],
        planned=list(found.planned),
        readable=list(found.readable),
        reports=[
            OwnReportBody(
                question=one.question_id,
                answer=one.answer_id,
                reason=one.reason,
                created=one.created,
                decided=one.decided,
                outdated=one.outdated,
            )
            for one in found.reports
        ],
    )
