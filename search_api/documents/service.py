"""A document's page: its text in parts, its authors, experts on it, and its original.

Read `document_answer` first. Everything shown is read under the reader's rights at that moment.
"""

import time
from collections import deque
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
from search_api.context import NO_SUCH_DOCUMENT, AnswerContext, AnswerRefused, NotFound, incomplete
from search_api.engine import OpenedDocument
from search_api.expected.service import NO_QUESTIONS, DocumentQuestions, document_questions
from search_api.people.service import PersonCard, asked_instead, asker_of, people_answer
from search_api.questions.reading import note_use_of_document
from search_api.ranking.results import (
    HEADED_ROLES,
    DocumentAuthor,
    ExcerptPart,
    Result,
    marked_pieces,
)
from search_api.search.service import people_beside, recognised
from search_api.verification.service import (
    OwnVerification,
    ShownVerification,
    own_verification,
    verified,
)
from search_api.wording import place, web_address

PEOPLE_BESIDE = 3
"""Number of colleagues shown beside a document."""

PIECE_BYTES = 256 * 1024
"""An original is sent in pieces of this size, in bytes."""

BEGINNING_BYTES = 4096
"""Bytes of an original that are read to find the encoding of a text."""

RECHECK_S = 0.5
"""Seconds after which the reader's rights are checked again while an original is sent."""

LEAST_ENTRIES = 3
"""Minimum number of entries of a table of contents; with fewer entries, none is shown."""

_THREAD_ORDER = (
    ContributorRole.ASKER,
    ContributorRole.ACCEPTED_ANSWERER,
    ContributorRole.ANSWERER,
    ContributorRole.COMMENTER,
)


@dataclass(frozen=True, slots=True)
class DocumentParagraph:
    """A paragraph in marked and unmarked pieces. `answers`: the paragraph answers the question."""

    pieces: tuple[ExcerptPart, ...]
    answers: bool = False


@dataclass(frozen=True, slots=True)
class DocumentPart:
    """A section of the text, or the words of one author in a conversation.

    `place`: `page 3` or `diapositive 3`. `path`: path of the attachment. `heading`: empty if it is
    the same as in the previous part. `anchor`: the part's name in the page's address.
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

    `result` holds its card, authors, copies and relations. `conversation`: the parts have authors.
    `original`: address of the file, or of the document at its source, or empty. `answered`: a
    paragraph answers the question. `people`: the `experts` as cards. `ask_instead`: agents to ask
    if no author is in post and may be named. `verified`: an author's statement on the current text.
    `own`: the statements that the reader may make. `recognised`: confidence (0 to 100) of a scan's
    text. `expected`: the questions that the document answers.
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
    expected: DocumentQuestions = NO_QUESTIONS


@dataclass(frozen=True, slots=True)
class DocumentOriginal:
    """A file opened for a reader; the caller closes it.

    `beginning`: the first bytes of the file.
    """

    document_id: str
    file: OpenFile
    beginning: bytes


class OriginalUnreachable(AnswerRefused):
    """The disk of the folder does not answer. Try again later."""

    status = 503
    code = "source_unreachable"


def document_answer(
    context: AnswerContext, reader: Reader, document_id: str, question: str = ""
) -> DocumentAnswer:
    """Return a document with the question's words marked, and experts on it.

    Raises `NotFound`, with the same text for an unknown, deleted or unreadable document, and
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
        expected=document_questions(context, reader, card),
    )


def open_original(context: AnswerContext, reader: Reader, document_id: str) -> DocumentOriginal:
    """Open a document's file, if the index and the folder's present rules admit the reader.

    Raises `NotFound`, with the same text for every obstacle, `OriginalUnreachable`, and
    `IndexUnreachable`.
    """
    card = context.readable_card(document_id, reader)
    if context.originals is None:
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
    """Yield the bytes from `start` to before `end`, then close the file.

    Raises `RecordVanished`, which interrupts the response, if the file is replaced or the reader
    loses the right to it.
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
    """Return this site's address of a folder's file, or the address at another source."""
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
            paragraphs=paragraphs(unwrapped(text), terms, within),
        )
        found += _turns(
            part, {row.role for row in card.contributions if row.account == first.author}
        )
        heading = first.heading
    return [replace(one, anchor=f"partie-{n}") for n, one in enumerate(found, start=1)]


def _turns(part: DocumentPart, roles: set[ContributorRole]) -> Iterator[DocumentPart]:
    """Split a part of one person at the headings that give the role of the text below."""
    if part.voice is None:
        yield part
        return
    voice, held = part.voice, list[DocumentParagraph]()
    for paragraph in part.paragraphs:
        said = HEADED_ROLES.get("".join(piece.text for piece in paragraph.pieces).strip())
        if said in roles:
            if held:
                yield replace(part, voice=voice, paragraphs=tuple(held))
            voice, held = replace(voice, role=said), []
        else:
            held.append(paragraph)
    yield replace(part, voice=voice, paragraphs=tuple(held))


@dataclass(frozen=True, slots=True)
class _Run:
    """Consecutive passages of one section, and their author."""

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


LONGEST_PARAGRAPH = 10_000
"""Maximum length of a paragraph, in characters; a longer one is cut between two words."""


def _blocks(text: str) -> Iterator[tuple[int, int]]:
    """Yield the (start, end) of each text between blank lines, or of its pieces if it is long."""
    start = 0
    for block in text.split("\n\n"):
        end = start + len(block)
        while end - start > LONGEST_PARAGRAPH:
            most = start + LONGEST_PARAGRAPH
            after_word = max(text.rfind(" ", start, most), text.rfind("\n", start, most)) + 1
            border = after_word if after_word > start else most
            yield start, border
            start = border
        yield start, end
        start = end + 2


def paragraphs(
    text: str, terms: frozenset[str], within: tuple[int, int]
) -> tuple[DocumentParagraph, ...]:
    """Split the text into paragraphs, and mark the one that answers.

    It is the first one, `within` the answering passage, with the most words of the question.
    """
    marks = deque(highlights(text, terms))
    found: list[DocumentParagraph] = []
    best, most = -1, -1
    for start, end in _blocks(text):
        inside: list[tuple[int, int]] = []
        while marks and marks[0][0] < end:  # in reading order: each mark is met once
            mark = marks.popleft()
            if mark[1] <= end:
                inside.append(mark)
        if text[start:end].strip():
            words = {fold(text[a:b].lower()) for a, b in inside}
            if start < within[1] and end > within[0] and len(words) > most:
                best, most = len(found), len(words)
            found.append(DocumentParagraph(tuple(marked_pieces(text, start, end, inside))))
    return tuple(replace(one, answers=n == best) for n, one in enumerate(found))


LEAST_WRAPPED = 40
"""Minimum length of a line that may end at the page's margin, in characters."""


def unwrapped(text: str) -> str:
    """Return a page's text with spaces for line ends at its margin; offsets do not change."""
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
    """Return the table of contents by headings, or by pages if there are no headings."""
    headed = [ContentsEntry(one.anchor, one.heading) for one in parts if one.heading]
    paged = [ContentsEntry(one.anchor, one.place) for one in parts if one.place]
    entries = headed or paged
    return tuple(entries) if len(entries) >= LEAST_ENTRIES else ()


def _turn(part: DocumentPart) -> int:
    role = part.voice.role if part.voice else ContributorRole.ASKER
    return _THREAD_ORDER.index(role) if role in _THREAD_ORDER else len(_THREAD_ORDER)
