"""One document, read here: its text in parts, who wrote it, who knows; and its original.

Read `document_answer` first. Whatever is shown is read under the reader's rights at that moment.
"""

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

from connectors.files import OpenFile
from connectors.ports import RecordVanished, SourceUnreachable
from connectors.values import Agent, ContributorRole
from expertise.lookup import NOBODY
from expertise.who_knows import Experts
from indexer.access import Reader, access_filter
from indexer.french.analysis import fold
from indexer.highlighting import highlights, question_terms
from indexer.passages import joined
from indexer.values import Card, Passage
from search_api.addresses import original_address
from search_api.answers.context import AnswerContext, AnswerRefused, NotFound, incomplete
from search_api.answers.people import PersonCard, asked_instead, asker_of, people_answer
from search_api.answers.question import people_beside
from search_api.answers.questions_read import note_use_of_document
from search_api.answers.scans import recognised
from search_api.answers.verification import (
    OwnVerification,
    ShownVerification,
    own_verification,
    verified,
)
from search_api.ranking.results import (
    HEADED_ROLES,
    DocumentAuthor,
    ExcerptPart,
    Result,
    marked_pieces,
)
from search_api.search import OpenedDocument
from search_api.wording import place, web_address

PEOPLE_BESIDE = 3
"""How many colleagues stand beside a document."""

PIECE_BYTES = 256 * 1024
"""An original is sent in pieces of that size."""

BEGINNING_BYTES = 4096
"""So much of an original tells in which encoding a text is."""

RECHECK_S = 0.5
"""While an original is sent, its reader's rights are asked again so often."""

LEAST_ENTRIES = 3
"""A table of contents has so many entries, or there is none."""

NO_SUCH_DOCUMENT = "Ce document n’existe pas, ou ne vous est pas ouvert."

_THREAD_ORDER = (
    ContributorRole.ASKER,
    ContributorRole.ACCEPTED_ANSWERER,
    ContributorRole.ANSWERER,
    ContributorRole.COMMENTER,
)


@dataclass(frozen=True, slots=True)
class DocumentParagraph:
    """A paragraph in marked and unmarked pieces; `answers`: it is the one that answers."""

    pieces: tuple[ExcerptPart, ...]
    answers: bool = False


@dataclass(frozen=True, slots=True)
class DocumentPart:
    """A section of the text, or a voice of a conversation.

    `place` is `page 3` or `diapositive 3`, `path` the attachment's, `heading` empty where it is
    that of the part before. `anchor` names it in the page's address.
    """

    anchor: str
    heading: str
    place: str
    path: str
    voice: DocumentAuthor | None
    paragraphs: tuple[DocumentParagraph, ...]


@dataclass(frozen=True, slots=True)
class ContentsEntry:
    """A line of the table of contents."""

    anchor: str
    label: str


@dataclass(frozen=True, slots=True)
class DocumentAnswer:
    """A document as its reader may read it now.

    `result` holds its card, authors, copies and relations. `conversation`: its
    parts are voices. `original` is the address of the file itself or of the document at its
    source, empty where there is none. `answered`: a paragraph answers the question.
    `people` are the `experts` as cards. `ask_instead`: whom to ask where no author of it is in
    post and may be named. `verified`: what an author said of this very text; `own`: what the reader
    may say.
    `recognised`: how sure (0 to 100) its text is, where it is that of a scan.
    """

    result: Result
    parts: tuple[DocumentPart, ...]
    contents: tuple[ContentsEntry, ...]
    conversation: bool
    answered: bool
    original: str
    experts: Experts
    people: tuple[PersonCard, ...]
    ask_instead: tuple[Agent, ...]
    incomplete: tuple[str, ...]
    verified: ShownVerification | None = None
    own: OwnVerification | None = None
    recognised: int | None = None


@dataclass(frozen=True, slots=True)
class DocumentOriginal:
    """A file, open for its reader, who closes it. `beginning`: its first bytes."""

    document_id: str
    file: OpenFile
    beginning: bytes


class OriginalUnreachable(AnswerRefused):
    """The folder's disk does not answer. Try again later."""

    status = 503
    code = "source_unreachable"


def document_answer(
    context: AnswerContext, reader: Reader, document_id: str, question: str = ""
) -> DocumentAnswer:
    """A document with the question's words marked, and who knows beside it.

    Raises `NotFound` alike for one that never was, was deleted, or may not be read; and
    `IndexUnreachable`.
    """
    opened = context.search.open(document_id, question, reader, context.today())
    if opened is None:
        raise NotFound(NO_SUCH_DOCUMENT)
    note_use_of_document(context, reader, document_id)
    parts = _parts(opened)
    conversation = any(one.voice for one in parts)
    if conversation:
        parts = sorted(parts, key=_turn)
    card, asker = opened.result.card, asker_of(context, reader)
    experts = people_beside(context, reader, card.title or question, PEOPLE_BESIDE)
    return DocumentAnswer(
        result=opened.result,
        parts=tuple(parts),
        contents=() if conversation else _contents(parts),
        conversation=conversation,
        answered=any(one.answers for part in parts for one in part.paragraphs),
        original=_original_of(context, card),
        experts=experts,
        people=people_answer(experts, NOBODY, asker, ()).cards,
        ask_instead=asked_instead(context, asker, [opened.result]).get(document_id, ()),
        incomplete=incomplete(reader),
        verified=verified(context, [document_id]).get(document_id),
        own=own_verification(context, reader, card),
        recognised=recognised(context, [document_id]).get(document_id),
    )


def open_original(context: AnswerContext, reader: Reader, document_id: str) -> DocumentOriginal:
    """The file of a document, where both the index and the rules of now admit the reader.

    Raises `NotFound` alike for whatever stands against it, `OriginalUnreachable`, and
    `IndexUnreachable`.
    """
    card = context.search.cards((document_id,), reader).get(document_id)
    if card is None or context.originals is None:
        raise NotFound(NO_SUCH_DOCUMENT)
    try:
        opened = context.originals.open(card.source, document_id, access_filter(reader))
        beginning = opened.read(0, BEGINNING_BYTES) if opened and opened.size else b""
    except RecordVanished:
        raise NotFound(NO_SUCH_DOCUMENT) from None
    except SourceUnreachable as error:
        raise OriginalUnreachable(
            "Le dossier qui contient ce fichier ne répond pas. Réessayez dans quelques instants."
        ) from error
    if opened is None:
        raise NotFound(NO_SUCH_DOCUMENT)
    return DocumentOriginal(document_id, opened, beginning)


def original_pieces(
    context: AnswerContext, reader: Reader, original: DocumentOriginal, start: int, end: int
) -> Iterator[bytes]:
    """The bytes from `start` to before `end`, and the file closed at the end.

    Raises `RecordVanished`, which breaks the answer off, once the file is another, or the
    reader's right to it is lost.
    """
    checked = time.monotonic()
    with original.file as file:
        while start < end:
            if time.monotonic() - checked > RECHECK_S:
                if not context.search.cards((original.document_id,), reader):
                    raise RecordVanished("Ce document n’est plus ouvert à ce lecteur.")
                checked = time.monotonic()
            piece = file.read(start, min(PIECE_BYTES, end - start))
            yield piece
            start += len(piece)


def _original_of(context: AnswerContext, card: Card) -> str:
    """A folder's file through this site, and what another source has at its own address."""
    if context.originals is not None and context.originals.holds(card.source):
        return original_address(card.document_id)
    return web_address(card.url) or ""


def _parts(opened: OpenedDocument) -> list[DocumentPart]:
    terms = question_terms(opened.question)
    card = opened.result.card
    answering = opened.answering.passage if opened.answering else None
    found: list[DocumentPart] = []
    heading = ""
    for run in _runs(opened):
        first = run.passages[0]
        text, starts = joined(run.passages)
        within = (0, 0)
        if answering is not None and answering in run.passages:
            start = starts[run.passages.index(answering)]
            within, answering = (start, start + len(answering.text)), None
        part = DocumentPart(
            anchor="",
            heading=first.heading if first.heading != heading or run.voice else "",
            place=place(first, card.url or card.document_id),
            path=first.path,
            voice=run.voice,
            paragraphs=_paragraphs(unwrapped(text), terms, within),
        )
        found += _turns(
            part, {row.role for row in card.contributions if row.account == first.author}
        )
        heading = first.heading
    return [replace(one, anchor=f"partie-{n}") for n, one in enumerate(found, start=1)]


def _turns(part: DocumentPart, roles: set[ContributorRole]) -> Iterator[DocumentPart]:
    """What one person says one after the other, where an index keeps it as one passage."""
    if part.voice is None:
        yield part
        return
    turn = replace(part, paragraphs=())
    for paragraph in part.paragraphs:
        said = HEADED_ROLES.get("".join(piece.text for piece in paragraph.pieces).strip())
        if said in roles and turn.voice:
            if turn.paragraphs:
                yield turn
            turn = replace(turn, voice=replace(turn.voice, role=said), paragraphs=())
        else:
            turn = replace(turn, paragraphs=(*turn.paragraphs, paragraph))
    yield turn


@dataclass(frozen=True, slots=True)
class _Run:
    """Neighbouring passages of one section, and whose words they are."""

    passages: list[Passage]
    voice: DocumentAuthor | None


def _runs(opened: OpenedDocument) -> list[_Run]:
    runs: list[_Run] = []
    for passage, voice in zip(opened.passages, opened.voices, strict=True):
        if runs and _section(runs[-1].passages[0]) == _section(passage):
            runs[-1].passages.append(passage)
        else:
            runs.append(_Run([passage], voice))
    return runs


def _section(passage: Passage) -> tuple[str, str | None, int | None, str]:
    return passage.heading, passage.author, passage.page, passage.path


def _paragraphs(
    text: str, terms: frozenset[str], within: tuple[int, int]
) -> tuple[DocumentParagraph, ...]:
    """Split at blank lines. Of those `within` the passage that answers, one answers.

    It is the first of those that have most of the question's words.
    """
    marks = highlights(text, terms)
    found: list[DocumentParagraph] = []
    best, most, start = -1, -1, 0
    for block in text.split("\n\n"):
        end = start + len(block)
        if block.strip():
            inside = [(a, b) for a, b in marks if start <= a and b <= end]
            words = {fold(text[a:b].lower()) for a, b in inside}
            if start < within[1] and end > within[0] and len(words) > most:
                best, most = len(found), len(words)
            found.append(DocumentParagraph(tuple(marked_pieces(text, start, end, inside))))
        start = end + 2
    return tuple(replace(one, answers=n == best) for n, one in enumerate(found))


LEAST_WRAPPED = 40
"""A shorter line ended where its author ended it."""


def unwrapped(text: str) -> str:
    """A text of a page, whose lines end at its margin: a space for each such end, at its place."""
    lines = text.split("\n")
    ends = [
        " " if len(line) >= LEAST_WRAPPED and _goes_on(line, following) else "\n"
        for line, following in pairwise(lines)
    ]
    return "".join(part for pair in zip(lines, [*ends, ""], strict=True) for part in pair)


def _goes_on(line: str, following: str) -> bool:
    begun = following[:1]
    return line[-1] not in ".:;!?|" and (begun.islower() or begun.isdigit() or begun == "(")


def _contents(parts: Sequence[DocumentPart]) -> tuple[ContentsEntry, ...]:
    """By headings, or by pages where there is none."""
    headed = [ContentsEntry(one.anchor, one.heading) for one in parts if one.heading]
    paged = [ContentsEntry(one.anchor, one.place) for one in parts if one.place]
    entries = headed or paged
    return tuple(entries) if len(entries) >= LEAST_ENTRIES else ()


def _turn(part: DocumentPart) -> int:
    role = part.voice.role if part.voice else ContributorRole.ASKER
    return _THREAD_ORDER.index(role) if role in _THREAD_ORDER else len(_THREAD_ORDER)
