"""API schemas of expected questions."""

from datetime import date
from typing import Literal

from pydantic import Field

from search_api.bodies import Body
from search_api.expected.service import LEAST_CHARACTERS, MOST_CHARACTERS, ExpectedAct
from search_api.expected.storage import QuestionOrigin


class ExpectedQuestionBody(Body):
    """A question that the document answers, in agents' own words."""

    question: str
    origin: QuestionOrigin = Field(description="`model`: a program proposed it")
    day: date | None = Field(description="when it was added; null if the source gives it")
    pinned: bool = Field(description="who types this question gets the document first")
    outdated: bool = Field(
        description="the text has changed since, and you may say if it still answers"
    )


class ExpectRequest(Body):
    """A question to add to a document, to confirm after its text changed, or to pin."""

    question: str = Field(min_length=LEAST_CHARACTERS, max_length=MOST_CHARACTERS)
    act: Literal[ExpectedAct.ADD, ExpectedAct.CONFIRM, ExpectedAct.PIN, ExpectedAct.UNPIN] = Field(
        ExpectedAct.ADD, description="`pin`, `unpin`: for animators and administrators"
    )
    text_hash: str = Field("", max_length=200, description="for `confirm`: of the text you read")
