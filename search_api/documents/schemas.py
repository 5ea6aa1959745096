"""API schema of an opened document."""

from collections.abc import Sequence
from typing import Annotated

from pydantic import AliasPath, BeforeValidator, Field

from search_api.bodies import Body
from search_api.expected.schemas import ExpectedQuestionBody
from search_api.ranking.results import ExcerptPart
from search_api.search.schemas import AuthorBody, CandidateBody, DocumentFields
from search_api.wording import safe_text


def _text(pieces: Sequence[ExcerptPart]) -> str:
    return "".join(safe_text(piece.text) for piece in pieces)


def _marks(pieces: Sequence[ExcerptPart]) -> list[tuple[int, int]]:
    marks, at = [], 0
    for piece in pieces:
        end = at + len(safe_text(piece.text))
        if piece.marked:
            marks.append((at, end))
        at = end
    return marks


class ParagraphBody(Body):
    """A paragraph of the text."""

    text: Annotated[str, BeforeValidator(_text)] = Field(validation_alias="pieces")
    highlights: Annotated[list[tuple[int, int]], BeforeValidator(_marks)] = Field(
        validation_alias=AliasPath("pieces"), description="[start, end[ character offsets in text"
    )
    answers: bool = Field(description="whether it answers the question")


class PartBody(Body):
    """A section of the text, or a contribution of one person to a conversation."""

    heading: str = Field(description="empty if it is that of the previous part")
    place: str = Field(description="`page 3`, `diapositive 3`, or empty")
    path: str = Field(description="the attachment's path inside the document, or empty")
    author: AuthorBody | None = Field(
        validation_alias="voice", description="in a conversation, the author of the part"
    )
    paragraphs: list[ParagraphBody]


class OpenedDocumentBody(DocumentFields):
    """A document as its reader may read it now; in a conversation, the accepted answer is first."""

    parts_of_answer = ("result", "result.card")
    original: Annotated[str | None, BeforeValidator(lambda address: address or None)] = Field(
        description="path of the file on this site, or `url`"
    )
    conversation: bool
    parts: list[PartBody]
    candidates: list[CandidateBody] = Field(
        validation_alias=AliasPath("experts", "candidates"),
        description="agents who may know about it, at most 3",
    )
    expected_questions: list[ExpectedQuestionBody] = Field(
        validation_alias=AliasPath("expected", "questions"),
        description="what agents ask that it answers, in their own words",
    )
    incomplete: list[str] = Field(description="authorities that did not answer")
