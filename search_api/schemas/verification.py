"""API schemas of statements on whether documents are still right."""

from collections.abc import Iterable
from datetime import date

from pydantic import BaseModel, ConfigDict, Field

from search_api.addresses import document_address
from search_api.answers.verification import (
    CheckedDocument,
    DocumentToVerify,
    MarkedAct,
    ToVerify,
    VerificationAct,
    WhyVerify,
)
from search_api.schemas.search import VerificationBody
from search_api.schemas.search_responses import verification_body
from search_api.verification import MOST_NOTE, MOST_PER_MONTH, OwnVerifications


class _VerificationSchema(BaseModel):
    model_config = ConfigDict(frozen=True)


class SayRequest(_VerificationSchema):
    """The reader's statement on a document."""

    document: str = Field("", max_length=4_000, description="its id; not read for `forget`")
    act: VerificationAct
    text_hash: str = Field("", max_length=200, description="of the text that one has read")
    note: str = Field(
        "", max_length=MOST_NOTE, description="what is no longer right: for `wrong` and `outdated`"
    )


class MarkedRequest(_VerificationSchema):
    """An animator's decision on a document that a reader marked."""

    document: str = Field(max_length=4_000, description="its id")
    act: MarkedAct
    text_hash: str = Field("", max_length=200, description="for `wrong`: of the text read")
    note: str = Field("", max_length=MOST_NOTE, description="for `wrong`: what is no longer right")


class PaceRequest(_VerificationSchema):
    """Number of documents that the reader is asked about in thirty days; 0: none."""

    per_month: int = Field(ge=0, le=MOST_PER_MONTH)


class DocumentToVerifyBody(_VerificationSchema):
    """A document of the reader that may no longer be right."""

    id: str
    title: str
    page: str = Field(description="path of its page on this site")
    why: list[WhyVerify]
    text_hash: str
    notes: list[str] = Field(description="what is no longer right according to readers")


class DoubtedAnswerBody(_VerificationSchema):
    """An answer of the reader that others say is no longer right."""

    question: str
    title: str
    answer: str
    notes: list[str]


class MarkedBody(_VerificationSchema):
    """Marked documents without an author to ask, on what the reader animates."""

    documents: list[DocumentToVerifyBody]


class ToVerifyBody(_VerificationSchema):
    """The documents that the reader is asked about now, and their answers that others doubt."""

    documents: list[DocumentToVerifyBody]
    answers: list[DoubtedAnswerBody]
    per_month: int
    more: bool = Field(description="others wait beyond that")


class CheckedDocumentBody(_VerificationSchema):
    """The statement on a document, and what the reader may say of it."""

    id: str
    title: str
    page: str = Field(description="path of its page on this site")
    verified: VerificationBody | None = Field(description="null where nobody said anything")
    owner: bool = Field(description="one wrote it, or changed it last")
    said: bool = Field(description="one had the last word on it, or marked it")
    text_hash: str = Field(description="of its text now; empty where it has none")


class OwnWordBody(_VerificationSchema):
    """The reader's statement on a document that they may read."""

    document: str
    day: date
    right: bool
    note: str


class OwnMarkBody(_VerificationSchema):
    """A document that the reader marked as outdated and may read."""

    document: str
    day: date
    note: str


class OwnVerificationsBody(_VerificationSchema):
    """Everything stored here about the reader."""

    said: list[OwnWordBody]
    marks: list[OwnMarkBody]
    per_month: int | None
    hidden: int = Field(description="documents more, that one may not see any more")


def to_verify_body(found: ToVerify) -> ToVerifyBody:
    """Return the response body for «À vérifier»."""
    return ToVerifyBody(
        documents=list(map(_document_body, found.documents)),
        answers=[
            DoubtedAnswerBody(
                question=one.question.id,
                title=one.question.title,
                answer=one.answer_id,
                notes=list(one.notes),
            )
            for one in found.answers
        ],
        per_month=found.per_month,
        more=found.more,
    )


def marked_body(found: Iterable[DocumentToVerify]) -> MarkedBody:
    """Return the response body for marked documents."""
    return MarkedBody(documents=list(map(_document_body, found)))


def _document_body(one: DocumentToVerify) -> DocumentToVerifyBody:
    return DocumentToVerifyBody(
        id=one.card.document_id,
        title=one.card.title,
        page=document_address(one.card.document_id),
        why=list(one.why),
        text_hash=one.text_hash,
        notes=list(one.notes),
    )


def checked_document_body(found: CheckedDocument) -> CheckedDocumentBody:
    """Return the response body for the statement on a document."""
    return CheckedDocumentBody(
        id=found.card.document_id,
        title=found.card.title,
        page=document_address(found.card.document_id),
        verified=verification_body(found.verified) if found.verified else None,
        owner=found.own is not None and found.own.owner,
        said=found.own is not None and found.own.said,
        text_hash=found.own.text_hash if found.own else "",
    )


def own_verifications_body(own: OwnVerifications) -> OwnVerificationsBody:
    """Return the response body for the reader's own statements and marks."""
    return OwnVerificationsBody(
        said=[
            OwnWordBody(document=one.document_id, day=one.day, right=one.right, note=one.note)
            for one in own.said
        ],
        marks=[
            OwnMarkBody(document=one.document_id, day=one.day, note=one.note) for one in own.marks
        ],
        per_month=own.per_month,
        hidden=own.hidden,
    )
