"""API schemas of questions to experts."""

from collections.abc import Sequence
from datetime import date, datetime, timedelta
from typing import Annotated

from pydantic import AliasPath, BeforeValidator, Field

from expertise.topics import Topic
from search_api.bodies import AgentBody, Body, DocumentPage, Joined
from search_api.questions.actions import QuestionAction
from search_api.questions.values import (
    MOST_PER_WEEK,
    MOST_TEXT,
    MOST_TITLE,
    AgentRequest,
    AskedQuestion,
    QuestionStage,
    ReaderScope,
    RequestState,
    Thread,
)


def _waiting(found: Sequence[tuple[AgentRequest, AskedQuestion]]) -> list[Joined]:
    return [Joined(*one) for one in found]


def _waiting_topics(found: Sequence[tuple[Topic, int]]) -> list[Joined]:
    return [Joined(topic, questions=count) for topic, count in found]


def _questions(found: Sequence[Thread]) -> list[AskedQuestion]:
    return [one.question for one in found]


def _seconds(median: timedelta | None) -> float | None:
    return median.total_seconds() if median else None


class NewQuestionRequest(Body):
    """A question to ask."""

    title: str = Field(max_length=MOST_TITLE, description="the question, in one sentence")
    text: str = Field("", max_length=MOST_TEXT)
    topic: str = Field("", max_length=200, description="a topic's id")
    scope: ReaderScope = Field(ReaderScope.EVERYBODY, description="who may read it")
    scope_id: str = Field(
        "", max_length=2_000, description="the topic of a community, or the path of an entity"
    )
    hidden: bool = Field(False, description="your name is not shown before somebody accepts")
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


class QuestionActionRequest(Body):
    """An action on a question."""

    action: QuestionAction
    text: str = Field("", max_length=MOST_TEXT)
    title: str = Field("", max_length=MOST_TITLE)
    answer: str = Field("", max_length=32, description="an answer's id")
    valid_until: date | None = Field(None, description="the last day on which an answer is right")
    digest: str = Field("", max_length=64, description="to confirm: that of the text read")


class AskingPreferencesBody(Body):
    """The reader's choices about the questions that they receive."""

    receives: bool = True
    topics: list[str] = Field([], max_length=500, description="ids; none: every topic")
    per_week: int | None = Field(
        None, ge=0, le=MOST_PER_WEEK, description="null: the limit of the settings"
    )
    absent_until: date | None = Field(None, description="the last day without questions")


_OUTDATED = "a former text, corrected since, that a restored database brought back"


class GivenAnswerBody(Body):
    """An answer in its current version."""

    parts_of_answer = ("answer",)
    id: str
    text: str = Field(description="without Markdown")
    markdown: str = Field(description="of your own answer, to correct it; else empty")
    author: AgentBody | None = Field(description="null for an author who may not be named")
    own: bool
    created: datetime
    corrected: list[datetime] = Field(description="times; former texts are not kept")
    accepted: bool = Field(description="the asker says that it helped")
    thanked: bool
    valid_until: date | None = Field(description="the last day on which it is right; null: none")
    hidden: str | None = Field(description="why it is shown to you only; null: it is visible")
    outdated: bool = Field(description=_OUTDATED)
    digest: str = Field(description="of your own former text, to confirm it; else empty")
    doubts: list[str] = Field(description="what readers say is no longer right, of your own")
    closed_to_asker_ids: list[str] = Field(
        description="ids of documents that your own answer links to and the asker may not read"
    )


class BriefQuestionBody(Body):
    """A question without its text and answers."""

    id: str
    title: str
    topic_id: str
    stage: QuestionStage
    created: datetime


class PassedOnBody(Body):
    """Why and when an agent passed a question on."""

    reason: str
    on: date | None = Field(description="null: the day was not kept")


class AskedQuestionBody(BriefQuestionBody):
    """A question with its answers."""

    parts_of_answer = ("question",)
    text: str = Field(description="without Markdown")
    markdown: str = Field(description="of your own question, to correct it; else empty")
    scope: ReaderScope
    scope_id: str
    asker: AgentBody | None = Field(description="null while they are not named")
    own: bool
    state: RequestState | None = Field(description="of your own request; null: you are not asked")
    accepted_by: AgentBody | None = Field(
        description="the agent who accepted; shown to the asker only"
    )
    passed_on: list[PassedOnBody] = Field(
        description="why agents passed it on, without names; shown to the asker only"
    )
    recipients: int = Field(
        description="how many agents may be asked, one after the other; 0 if nobody was asked, and "
        "for all but the asker"
    )
    may_open: bool = Field(
        description="you may end the wait for one agent or community: «open»; false for all but "
        "the asker"
    )
    missing: str = Field(description="what the asker says the answers lack")
    corrected: list[datetime] = Field(description="times; former texts are not kept")
    hidden: str | None = Field(description="why it is shown to you only; null: it is visible")
    outdated: bool = Field(description=_OUTDATED)
    digest: str = Field(description="of your own former text, to confirm it; else empty")
    answers: list[GivenAnswerBody]


class OpenFiguresBody(Body):
    """Figures of a year's questions open to everybody, without names."""

    asked: int
    answered: int = Field(description="answered by another agent than the asker")
    median_s: Annotated[float | None, BeforeValidator(_seconds)] = Field(
        validation_alias="median", description="seconds to the first such answer; null for none"
    )
    found_again: int = Field(description="how often one of them answered a question being written")


class QuestionOfYouBody(BriefQuestionBody):
    """A question that the reader is asked, as in their list."""

    state: RequestState
    until: datetime = Field(description="then it goes to the next recipient, or to all readers")


class WaitingTopicBody(Body):
    """A topic with unanswered questions that are open to everybody."""

    topic_id: str = Field(validation_alias="id")
    label: str
    questions: int


class QuestionLoadBody(Body):
    """How many questions the reader was asked in seven days, and how many they may be asked."""

    this_week: int
    per_week: int


class OwnQuestionsBody(Body):
    """Questions that wait for the reader, and questions that they asked."""

    waiting: Annotated[list[QuestionOfYouBody], BeforeValidator(_waiting)] = Field(
        description="asked of you"
    )
    of_communities: list[BriefQuestionBody]
    animated: list[BriefQuestionBody] = Field(description="without answer, on what you animate")
    mine: Annotated[list[BriefQuestionBody], BeforeValidator(_questions)]
    answered: Annotated[list[BriefQuestionBody], BeforeValidator(_questions)] = Field(
        description="yours, with an answer to which you have not reacted yet"
    )
    answered_before: int = Field(
        description="how often, in a year and for all agents, a document answered a question that "
        "was being written"
    )
    figures: OpenFiguresBody
    load: QuestionLoadBody
    waiting_topics: Annotated[list[WaitingTopicBody], BeforeValidator(_waiting_topics)] = Field(
        description="topics whose questions no agent in particular is asked any more"
    )
    open_on_topics: list[BriefQuestionBody] = Field(
        description="questions of others that wait for an answer, on your topics; newest first"
    )
    open_nearby: list[BriefQuestionBody] = Field(description="the same, by askers of your area")
    open_elsewhere: list[BriefQuestionBody] = Field(description="the newest of the others")
    more: bool = Field(description="`of_communities` or `animated` is cut after the oldest")


class ExistingAnswerRequest(Body):
    """The document that answers the question being written."""

    document_id: str = Field(max_length=4_000)


class ExistingAnswerBody(Body):
    """A document that may already answer."""

    parts_of_answer = ("card",)
    document_id: str
    title: str
    kind: str
    address: DocumentPage = Field(
        validation_alias=AliasPath("document_id"), description="its page here"
    )


class ExistingAnswersBody(Body):
    """Readable documents that may answer the question being written, best first."""

    existing: list[ExistingAnswerBody]
    topic_id: str = Field(description="the topic that it names; empty for none")


class RecipientsBody(Body):
    """Agents whom a question may be put to, if they receive questions."""

    recipients: list[AgentBody]


class OwnRequestBody(Body):
    """A question that the reader was asked, and their decision; only they see it."""

    question: str = Field(validation_alias="question_id")
    state: RequestState
    asked: datetime
    reason: str


class OwnAnswerBody(Body):
    """An answer that the reader gave."""

    id: str
    question: str = Field(validation_alias="question_id")
    text: str
    created: datetime
    corrected: list[datetime]
    accepted: bool
    thanked: bool
    valid_until: date | None
    hidden: str | None = Field(description="why it is shown to you only; null: it is visible")


class OwnAskedBody(Body):
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
    hidden: str | None = Field(description="why it is shown to you only; null: it is visible")


class OwnReportBody(Body):
    """A text that the reader reported; only they see it.

    They may take the report back until it is decided.
    """

    question: str = Field(validation_alias="question_id")
    answer: str = Field(validation_alias="answer_id", description="empty: the question itself")
    reason: str
    created: datetime
    decided: bool
    outdated: bool = Field(description="it only says that an answer is no longer right")


class OwnAskingBody(Body):
    """All stored questions, answers, requests, reports and preferences of the reader."""

    preferences: AskingPreferencesBody
    asked: list[OwnAskedBody] = Field(validation_alias="questions")
    answers: list[OwnAnswerBody]
    requests: list[OwnRequestBody]
    planned: list[str] = Field(description="ids of questions that you may be asked in your turn")
    readable: list[str] = Field(
        description="ids of questions that you may read as a member of a community when asked"
    )
    reports: list[OwnReportBody]
