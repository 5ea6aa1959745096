"""API schemas of statements on whether documents are still right."""

from datetime import date

from pydantic import AliasPath, Field

from search_api.bodies import Body, DocumentPage, VerificationBody
from search_api.verification.service import MarkedAct, VerificationAct, WhyVerify
from search_api.verification.storage import MOST_NOTE, MOST_PER_MONTH


class SayRequest(Body):
    """The reader's statement on a document."""

    document: str = Field("", max_length=4_000, description="its id; not read for `forget`")
    act: VerificationAct
    text_hash: str = Field("", max_length=200, description="of the text that you read")
    note: str = Field(
        "", max_length=MOST_NOTE, description="what is no longer right: for `wrong` and `outdated`"
    )


class MarkedRequest(Body):
    """An animator's decision on a document that a reader marked."""

    document: str = Field(max_length=4_000, description="its id")
    act: MarkedAct
    text_hash: str = Field("", max_length=200, description="for `wrong`: of the text that you read")
    note: str = Field("", max_length=MOST_NOTE, description="for `wrong`: what is no longer right")


class PaceRequest(Body):
    """Number of documents about which the reader is asked in thirty days; 0 means none."""

    per_month: int = Field(ge=0, le=MOST_PER_MONTH)


class _OfDocumentBody(Body):
    parts_of_answer = ("card",)
    id: str = Field(validation_alias="document_id")
    title: str
    page: DocumentPage = Field(
        validation_alias=AliasPath("document_id"), description="path of its page on this site"
    )


class DocumentToVerifyBody(_OfDocumentBody):
    """A document of the reader that may no longer be right."""

    why: list[WhyVerify]
    text_hash: str
    notes: list[str] = Field(description="what is no longer right according to readers")


class DoubtedAnswerBody(Body):
    """An answer of the reader that other agents reported as no longer right."""

    question: str = Field(validation_alias=AliasPath("question", "id"))
    title: str = Field(validation_alias=AliasPath("question", "title"))
    answer: str = Field(validation_alias="answer_id")
    notes: list[str]


class MarkedBody(Body):
    """Marked documents without an author to ask, on the reader's topics and entities."""

    documents: list[DocumentToVerifyBody]


class ToVerifyBody(Body):
    """The documents that the reader should verify now, and their answers that others doubt."""

    documents: list[DocumentToVerifyBody]
    answers: list[DoubtedAnswerBody]
    per_month: int
    more: bool = Field(description="further documents wait")


class CheckedDocumentBody(_OfDocumentBody):
    """The statement on a document, and the statements that the reader may make."""

    verified: VerificationBody | None = Field(description="null if nobody said anything")
    owner: bool = Field(
        validation_alias=AliasPath("own", "owner"), description="you wrote it, or changed it last"
    )
    said: bool = Field(
        validation_alias=AliasPath("own", "said"),
        description="the last statement on it is yours, or you marked it",
    )
    text_hash: str = Field(
        validation_alias=AliasPath("own", "text_hash"),
        description="of its present text; empty if it has none",
    )


class OwnWordBody(Body):
    """The reader's statement on a document that they may read."""

    document: str = Field(validation_alias="document_id")
    day: date
    right: bool
    note: str


class OwnMarkBody(Body):
    """A document that the reader marked as outdated and may read."""

    document: str = Field(validation_alias="document_id")
    day: date
    note: str


class OwnVerificationsBody(Body):
    """Everything stored here about the reader."""

    said: list[OwnWordBody]
    marks: list[OwnMarkBody]
    per_month: int | None
    hidden: int = Field(description="number of further documents that you may not see any more")
