"""API schemas for moderators of questions."""

from collections.abc import Sequence
from datetime import date
from typing import Annotated, Self

from pydantic import BeforeValidator, Field

from expertise.topics import Topic
from quisait_moderation.service import ModeratedText, ModerationDesk
from search_api.bodies import Body, Joined
from search_api.markdown import plain_text
from search_api.questions.schemas import BriefQuestionBody
from search_api.questions.values import MOST_REASON, GivenAnswer


def _id_of_answer(answer: GivenAnswer | None) -> str:
    return answer.id if answer else ""


def _id_of_topic(topic: Topic | None) -> str | None:
    return topic.id if topic else None


def _reasons(reports: Sequence[tuple[str, date]]) -> list[Joined]:
    return [Joined(reason=reason, day=day) for reason, day in reports]


class TextReportRequest(Body):
    """A report of a text that should be hidden."""

    reason: str = Field(max_length=MOST_REASON)
    answer: str = Field("", max_length=32, description="an answer's id; empty: the question")
    outdated: bool = Field(
        False, description="an answer is only no longer right: its author reads the reason too"
    )


class ReasonBody(Body):
    """The reason of a report, without the name of its author."""

    reason: str
    day: date


class ModeratedTextBody(Body):
    """A question or an answer, as a moderator sees it."""

    question: BriefQuestionBody
    answer: Annotated[str, BeforeValidator(_id_of_answer)] = Field(
        description="the answer's id; empty: the question itself"
    )
    text: str
    reports: Annotated[list[ReasonBody], BeforeValidator(_reasons)]
    hidden: str | None = Field(description="why it is hidden; null: it is shown")
    outdated: bool = Field(
        description="nobody hid it: it is a former text from a restored database"
    )
    digest: str = Field(description="identifies exactly this text")


class UnclassifiedBody(Body):
    """A question without a topic."""

    question: BriefQuestionBody
    proposed: Annotated[str | None, BeforeValidator(_id_of_topic)] = Field(
        description="id of the topic nearest to its words"
    )


class ModerationDeskBody(Body):
    """Reported texts and questions that wait for an animator."""

    reported: list[ModeratedTextBody]
    hidden: list[ModeratedTextBody]
    waiting: list[BriefQuestionBody]
    unclassified: list[UnclassifiedBody]
    more: bool = Field(description="one of these lists is cut: the others come as you decide")

    @classmethod
    def of(cls, found: ModerationDesk) -> Self:
        """Return the body. Its texts only have titles that the moderator may read."""

        def plain(texts: Sequence[ModeratedText]) -> list[Joined]:
            readable = found.open_documents
            return [Joined(one, text=plain_text(one.text, readable)) for one in texts]

        lists = {"reported": plain(found.reported), "hidden": plain(found.hidden)}
        return cls.model_validate(Joined(found, **lists))
