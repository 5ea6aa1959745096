"""API schema of an opened document."""

from datetime import date

from pydantic import BaseModel, ConfigDict, Field

from search_api.answers.document import DocumentAnswer, DocumentPart
from search_api.schemas.search import AuthorBody, CandidateBody, DocumentFields
from search_api.schemas.search_responses import author_body, candidate_body, document_fields


class _DocumentSchema(BaseModel):
    model_config = ConfigDict(frozen=True)


class ParagraphBody(_DocumentSchema):
    """A paragraph of the text."""

    text: str
    highlights: list[tuple[int, int]] = Field(description="[start, end[ character offsets in text")
    answers: bool = Field(description="whether it answers the question")


class PartBody(_DocumentSchema):
    """A section of the text, or a contribution of one person to a conversation."""

    heading: str = Field(description="empty where it is that of the part before")
    place: str = Field(description="`page 3`, `diapositive 3`, or empty")
    path: str = Field(description="the attachment's path inside the document, or empty")
    author: AuthorBody | None = Field(description="in a conversation, whose words they are")
    paragraphs: list[ParagraphBody]


class OpenedDocumentBody(DocumentFields):
    """A document as its reader may read it now; in a conversation, the accepted answer is first."""

    original: str | None = Field(description="path of the file on this site, or `url`")
    conversation: bool
    parts: list[PartBody]
    candidates: list[CandidateBody] = Field(description="who may know about it, at most 3")
    incomplete: list[str] = Field(description="authorities that did not answer")


def opened_document_body(found: DocumentAnswer, today: date) -> OpenedDocumentBody:
    """Return the response body for an opened document."""
    return OpenedDocumentBody(
        **document_fields(found.result, today, found.ask_instead, found.verified, found.recognised),
        original=found.original or None,
        conversation=found.conversation,
        parts=[_part(part) for part in found.parts],
        candidates=[candidate_body(candidate, today) for candidate in found.experts.candidates],
        incomplete=list(found.incomplete),
    )


def _part(part: DocumentPart) -> PartBody:
    return PartBody(
        heading=part.heading,
        place=part.place,
        path=part.path,
        author=author_body(part.voice) if part.voice else None,
        paragraphs=[
            ParagraphBody(
                text="".join(piece.text for piece in paragraph.pieces),
                highlights=_marks([(piece.text, piece.marked) for piece in paragraph.pieces]),
                answers=paragraph.answers,
            )
            for paragraph in part.paragraphs
        ],
    )


def _marks(pieces: list[tuple[str, bool]]) -> list[tuple[int, int]]:
    marks, at = [], 0
    for text, marked in pieces:
        if marked:
            marks.append((at, at + len(text)))
        at += len(text)
    return marks
