"""Expected questions of a document: who sees them, who may change them.

All readers of the document see them, and nobody else. Its authors, animators of its topic or
entity, and administrators change them.
"""

import unicodedata
from dataclasses import dataclass
from datetime import date
from enum import StrEnum

from indexer.access import Reader
from indexer.french.analysis import folded_words
from indexer.values import Card
from search_api.context import (
    AnswerContext,
    InvalidParameter,
    NotAllowed,
    NotFound,
    Stale,
    open_by_role,
    required,
)
from search_api.expected.storage import (
    ExpectedQuestion,
    QuestionOrigin,
    SqlExpectedQuestions,
    question_key,
)
from search_api.identity.principals import Role
from search_api.plain_text import safe_text
from search_api.verification.service import animates, is_owner

LEAST_CHARACTERS = 4
MOST_CHARACTERS = 200
MOST_BY_HAND = 20
"""Maximum number of questions that people add to a document, so that a person can read the list."""

ORIGIN_WORDS: dict[QuestionOrigin, str] = {
    QuestionOrigin.SOURCE: "donnée par la source",
    QuestionOrigin.HAND: "ajoutée à la main",
    QuestionOrigin.IMPORT: "importée",
    QuestionOrigin.CONFIRMED: "confirmée par des agents",
    QuestionOrigin.MODEL: "proposée par un programme",
}


class ExpectedAct(StrEnum):
    """Change of a document's expected questions. `confirm`: the changed text still answers it.

    `pin`: who types the question gets the document first.
    """

    ADD = "add"
    CONFIRM = "confirm"
    REMOVE = "remove"
    PIN = "pin"
    UNPIN = "unpin"


@dataclass(frozen=True, slots=True)
class ShownQuestion:
    """An expected question of a document; `day` is when it was added, None if the source gives it.

    `outdated`: the text has changed since the question was added or confirmed.
    """

    question: str
    origin: QuestionOrigin
    day: date | None = None
    outdated: bool = False
    pinned: bool = False


@dataclass(frozen=True, slots=True)
class DocumentQuestions:
    """The expected questions of a document. `text_hash`: hash of its current text.

    `may_edit`: the reader may change them, `may_pin`: and pin them. `has_room`: fewer than
    `MOST_BY_HAND` are by hand.
    """

    questions: tuple[ShownQuestion, ...] = ()
    may_edit: bool = False
    has_room: bool = False
    text_hash: str = ""
    may_pin: bool = False

    @property
    def outdated(self) -> bool:
        """Whether the text has changed since one of the questions was added or confirmed."""
        return any(question.outdated for question in self.questions)


NO_QUESTIONS = DocumentQuestions()


def document_questions(context: AnswerContext, reader: Reader, card: Card) -> DocumentQuestions:
    """Return the expected questions of a document that the reader may read.

    Those of a former text are only shown to who may confirm or remove them.

    Raises `IndexUnreachable`.
    """
    store = context.part(SqlExpectedQuestions)
    if store is None:
        return DocumentQuestions(_of_source(card, ()))
    rows = store.of_document(card.document_id)
    may_pin = _pinning_role(context, reader, card) is not None
    may_edit = may_pin or _editing_role(context, reader, card) is not None
    text_hash = ""
    if rows or may_edit:
        hashes = context.search.text_hashes([card.document_id])
        text_hash = hashes.get(card.document_id, "")
    stored = tuple(
        ShownQuestion(row.question, row.origin, row.day, row.content_hash != text_hash, row.pinned)
        for row in rows
        if row.is_answered_by(text_hash) or (may_edit and not row.is_gone(text_hash))
    )
    return DocumentQuestions(
        (*_of_source(card, rows), *stored), may_edit, _has_room(rows), text_hash, may_pin
    )


def change_questions(
    context: AnswerContext,
    reader: Reader,
    document_id: str,
    act: ExpectedAct,
    question: str,
    text_hash: str = "",
) -> None:
    """Add, confirm, remove or pin an expected question of a document that the reader may read.

    `text_hash`: for `confirm`, hash of the text that was read. A role's use is written to the audit
    log. Raises `NotFound`, with the same text for an unknown and an unreadable document, or for an
    unknown question, `NotAllowed`, `InvalidParameter`, `Stale`, `NotAudited` and
    `IndexUnreachable`.
    """
    store, card = (
        required(context.part(SqlExpectedQuestions)),
        context.readable_card(document_id, reader),
    )
    pinning = act in (ExpectedAct.PIN, ExpectedAct.UNPIN)
    role = (_pinning_role if pinning else _editing_role)(context, reader, card)
    if role is None:
        who = "Qui anime le sujet" if pinning else "Son auteur, qui anime le sujet"
        raise NotAllowed(f"{who} et l’administration le peuvent.")
    line = checked_question(question) if act is ExpectedAct.ADD else question
    if role is not Role.AGENT:
        open_by_role(context, reader, role, f"expected {act}", f"document_id:{document_id}")
    rows = store.of_document(document_id)
    given = any(question_key(line) == question_key(one.question) for one in _of_source(card, rows))
    now = context.search.text_hashes([document_id]).get(document_id, "")
    if act is ExpectedAct.ADD:
        if given or question_key(line) in {row.key for row in rows if not row.removed}:
            raise InvalidParameter("Cette question y est déjà.")
        if not _has_room(rows):
            raise InvalidParameter(f"Il y en a déjà {MOST_BY_HAND} : retirez-en une d’abord.")
        added = ExpectedQuestion(document_id, line, QuestionOrigin.HAND, context.today(), now)
        store.add([added])
        return
    if given:
        raise InvalidParameter("Cette question vient de la source : corrigez-la à la source.")
    if act is ExpectedAct.CONFIRM and text_hash != now:
        raise Stale("Ce document a changé depuis que vous l’avez lu : relisez-le.")
    if not _changed(store, document_id, act, line, now):
        raise NotFound("Cette question n’est plus dans la liste.")


def _changed(
    store: SqlExpectedQuestions, document_id: str, act: ExpectedAct, question: str, text_hash: str
) -> bool:
    """Change a question of a document; return whether the document had it."""
    if act is ExpectedAct.CONFIRM:
        return store.confirm(document_id, question, text_hash)
    if act is ExpectedAct.REMOVE:
        return store.remove(document_id, question)
    return store.pin(document_id, question, pinned=act is ExpectedAct.PIN)


def checked_question(text: str) -> str:
    """Return a question on one line, without invisible characters. Raises `InvalidParameter`."""
    line = " ".join(safe_text(unicodedata.normalize("NFC", text)).split())
    if not folded_words(line) or not LEAST_CHARACTERS <= len(line) <= MOST_CHARACTERS:
        raise InvalidParameter(
            f"Écrivez une question de {LEAST_CHARACTERS} à {MOST_CHARACTERS} caractères."
        )
    return line


def _of_source(card: Card, rows: tuple[ExpectedQuestion, ...]) -> tuple[ShownQuestion, ...]:
    """Return the indexed questions that are not stored here: the document's source gives them."""
    stored = {row.key for row in rows}
    return tuple(
        ShownQuestion(question, QuestionOrigin.SOURCE)
        for question in card.questions
        if question_key(question) not in stored
    )


def _has_room(rows: tuple[ExpectedQuestion, ...]) -> bool:
    by_hand = [row for row in rows if row.origin is QuestionOrigin.HAND and not row.removed]
    return len(by_hand) < MOST_BY_HAND


def _editing_role(context: AnswerContext, reader: Reader, card: Card) -> Role | None:
    """Return the role in which the reader may change the questions: `AGENT` for an author."""
    if context.part(SqlExpectedQuestions) is None or reader.agent_id is None:
        return None
    return Role.AGENT if is_owner(context, reader, card) else _pinning_role(context, reader, card)


def _pinning_role(context: AnswerContext, reader: Reader, card: Card) -> Role | None:
    """Return the role in which the reader may pin the questions; an author may not."""
    if context.part(SqlExpectedQuestions) is None or reader.agent_id is None:
        return None
    held = context.grants.held_by(reader)
    if Role.ADMINISTRATOR in held.roles:
        return Role.ADMINISTRATOR
    if Role.ANIMATOR in held.roles and animates(context, held, card):
        return Role.ANIMATOR
    return None
