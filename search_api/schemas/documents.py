"""A document read here, as the API gives it."""

from datetime import date, datetime

from pydantic import BaseModel, ConfigDict, Field

from search_api.answers.document import DocumentAnswer, DocumentPart
from search_api.schemas.search import (
    AgentBody,
    AreaBody,
    AuthorBody,
    CandidateBody,
    CopyBody,
    ReferenceBody,
)
from search_api.schemas.search_responses import (
    agent_body,
    area_body,
    author_body,
    candidate_body,
    copy_body,
    reference_body,
)
from search_api.wording import valid_on, web_address


class _DocumentSchema(BaseModel):
    model_config = ConfigDict(frozen=True)


class ParagraphBody(_DocumentSchema):
    """A paragraph of the text."""

    text: str
    highlights: list[tuple[int, int]] = Field(description="[start, end[ character offsets in text")
    answers: bool = Field(description="whether it answers the question")


class PartBody(_DocumentSchema):
    """A section of the text, or what one person says in a conversation."""

    heading: str = Field(description="empty where it is that of the part before")
    place: str = Field(description="`page 3`, `diapositive 3`, or empty")
    path: str = Field(description="the attachment's path inside the document, or empty")
    author: AuthorBody | None = Field(description="in a conversation, whose words they are")
    paragraphs: list[ParagraphBody]


class OpenedDocumentBody(_DocumentSchema):
    """A document as its reader may read it now. In a conversation the accepted answer is first."""

    id: str
    title: str
    url: str | None = Field(description="at its source; http or https only")
    original: str | None = Field(description="path of the file on this site, or `url`")
    kind: str
    source: str
    space: str
    entity: str
    area: AreaBody | None
    language: str
    created: datetime | None
    modified: datetime | None
    valid_from: str | None
    valid_until: str | None = Field(description="the last day on which it is in force")
    valid: bool = Field(description="whether it is in force today")
    replaces: list[ReferenceBody]
    replaced_by: list[ReferenceBody] = Field(description="in force, and readable too")
    part_of: ReferenceBody | None
    copies: list[CopyBody] = Field(description="other places of nearly the same text")
    authors: list[AuthorBody] = Field(description="who wrote before who commented")
    ask_instead: list[AgentBody] = Field(
        description="whom to ask where everybody who wrote it has left"
    )
    conversation: bool
    parts: list[PartBody]
    candidates: list[CandidateBody] = Field(description="who may know about it, at most 3")
    incomplete: list[str] = Field(description="authorities that did not answer")


def opened_document_body(found: DocumentAnswer, today: date) -> OpenedDocumentBody:
    """The body of an answer with a document."""
    one, card = found.result, found.result.card
    same = ("title", "kind", "source", "space", "entity", "language", "created", "modified")
    return OpenedDocumentBody(
        **{name: getattr(card, name) for name in (*same, "valid_from", "valid_until")},
        id=card.document_id,
        url=web_address(card.url),
        original=found.original or None,
        area=area_body(card.area),
        valid=valid_on(today, card.valid_from, card.valid_until),
        replaces=[reference_body(other) for other in one.replaces],
        replaced_by=[reference_body(other) for other in one.replaced_by],
        part_of=reference_body(one.part_of) if one.part_of else None,
        copies=[copy_body(copy) for copy in one.copies],
        authors=[author_body(author) for author in one.authors],
        ask_instead=[agent_body(agent) for agent in found.ask_instead],
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
