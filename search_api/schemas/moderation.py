"""API schemas for moderators of questions."""

from collections.abc import Collection
from datetime import date

from pydantic import BaseModel, ConfigDict, Field

from search_api.answers.moderation import ModeratedText, ModerationAct, ModerationDesk
from search_api.asking.markdown import plain_text
from search_api.asking.values import MOST_REASON
from search_api.schemas.asking import BriefQuestionBody, brief_question


class _ModerationSchema(BaseModel):
    model_config = ConfigDict(frozen=True)


class TextReportRequest(_ModerationSchema):
    """A report of a text that should not be there."""

    reason: str = Field(max_length=MOST_REASON)
    answer: str = Field("", max_length=32, description="an answer's id; empty: the question")
    outdated: bool = Field(
        False, description="an answer is only no longer right: its author reads the reason too"
    )


class ModerationRequest(_ModerationSchema):
    """A moderator's act on a text."""

    act: ModerationAct
    answer: str = Field("", max_length=32, description="an answer's id; empty: the question")
    reason: str = Field("", max_length=MOST_REASON, description="to hide it: its author reads it")
    topic: str = Field("", max_length=200, description="to classify: a topic's id")
    digest: str = Field("", max_length=64, description="to show it again: that of the text read")


class ReasonBody(_ModerationSchema):
    """Why a text was reported; not by which reader."""

    reason: str
    day: date


class ModeratedTextBody(_ModerationSchema):
    """A question or an answer, as a moderator sees it."""

    question: BriefQuestionBody
    answer: str = Field(description="the answer's id; empty: the question itself")
    text: str
    reports: list[ReasonBody]
    hidden: str | None = Field(description="why it is hidden; null: it is shown")
    outdated: bool = Field(description="hidden by nobody: a former text that a restoration brought")
    digest: str = Field(description="names this very text")


class UnclassifiedBody(_ModerationSchema):
    """A question without a topic."""

    question: BriefQuestionBody
    proposed: str | None = Field(description="the topic's id that its words are nearest to")


class ModerationDeskBody(_ModerationSchema):
    """What waits for an animator."""

    reported: list[ModeratedTextBody]
    hidden: list[ModeratedTextBody]
    waiting: list[BriefQuestionBody]
    unclassified: list[UnclassifiedBody]
    more: bool = Field(description="one of these lists is cut: the others come as you decide")


def desk_body(found: ModerationDesk) -> ModerationDeskBody:
    """Return the response body for the moderation page."""
    return ModerationDeskBody(
        reported=[_text_body(one, found.open_documents) for one in found.reported],
        hidden=[_text_body(one, found.open_documents) for one in found.hidden],
        waiting=list(map(brief_question, found.waiting)),
        unclassified=[
            UnclassifiedBody(
                question=brief_question(one.question),
                proposed=one.proposed.id if one.proposed else None,
            )
            for one in found.unclassified
        ],
        more=found.more,
    )


def _text_body(one: ModeratedText, readable: Collection[str]) -> ModeratedTextBody:
    return ModeratedTextBody(
        question=brief_question(one.question),
        answer=one.answer.id if one.answer else "",
        text=plain_text(one.text, readable),
        reports=[ReasonBody(reason=reason, day=day) for reason, day in one.reports],
        hidden=one.hidden,
        outdated=one.outdated,
        digest=one.digest,
    )
