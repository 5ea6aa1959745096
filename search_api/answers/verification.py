"""Whether documents are still right: what is asked of who wrote them, and shown to who reads them.

All of it is of documents that the reader may read, and of their text as it is now.
"""

import logging
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from enum import StrEnum

import sqlalchemy as sa

from connectors.values import Agent, Contribution, ContributorRole
from expertise.consent import PreferenceKind
from expertise.visibility import may_be_named
from expertise.votes import counting_contributions
from indexer.access import Reader
from indexer.values import Card
from search_api.answers.context import (
    AnswerContext,
    AnswerRefused,
    InvalidParameter,
    NotFound,
    Stale,
    Verifying,
)
from search_api.answers.questions_read import checked_text, known_agent
from search_api.verification import (
    MONTH_DAYS,
    MOST_NOTE,
    MOST_PER_MONTH,
    OutdatedMark,
    OwnVerifications,
    Verification,
)

log = logging.getLogger(__name__)

MOST_VERIFIED = 10_000
"""So many verified documents, the newest word first, are found by the filter: each is asked of the
index whether its text is the same, and an engine takes 65 536 ids."""
_MOST_MARKS = 500
"""So many marks of all readers are looked through, the newest: as many as an agent may keep."""
_MOST_OPENED = 500
"""So many much read documents are looked through."""
_OPENED_PER_DAY = 200
"""So many documents of one reader are counted in a day: a program that opens all counts no more."""
_WRITING = {ContributorRole.AUTHOR, ContributorRole.ANSWERER, ContributorRole.ACCEPTED_ANSWERER}
_UNKNOWN = "Ce document n’existe pas, ou ne vous est pas ouvert."


class WhyVerify(StrEnum):
    """Why an author is asked whether a document is still right."""

    MARKED = "marked"
    CONTRADICTED = "contradicted"
    MUCH_READ = "much_read"
    OLD = "old"


WHY_WORDS: dict[WhyVerify, str] = {
    WhyVerify.MARKED: "un lecteur pense qu’il n’est plus juste",
    WhyVerify.CONTRADICTED: "il n’est plus en vigueur, ou un autre le remplace",
    WhyVerify.MUCH_READ: "il est beaucoup lu, et n’a pas été vérifié récemment",
    WhyVerify.OLD: "il est ancien",
}
"""Each reason, as its author reads it."""


class VerificationAct(StrEnum):
    """What one says of a document: its author that it is right or wrong, a reader a mark.

    `forget` takes back what one said of all.
    """

    RIGHT = "right"
    WRONG = "wrong"
    OUTDATED = "outdated"
    TAKE_BACK = "take_back"
    FORGET = "forget"


class TooManyMarks(AnswerRefused):
    """The reader has marked as many documents today as they may."""

    status = 429
    code = "too_many_marks"


@dataclass(frozen=True, slots=True)
class ShownVerification:
    """What an author said of a text that stands as it was. `agent`: None for who is not named."""

    day: date
    right: bool
    note: str
    agent: Agent | None


@dataclass(frozen=True, slots=True)
class OwnVerification:
    """What the reader may say of a document. `owner`: they wrote it, or changed it last.

    `text_hash` is that of the text that they read; `said`: they had the last word on it, or
    marked it.
    """

    owner: bool
    text_hash: str
    said: bool


@dataclass(frozen=True, slots=True)
class CheckedDocument:
    """A document that the reader may read: what its author said of it, and what the reader may."""

    card: Card
    verified: ShownVerification | None
    own: OwnVerification | None


@dataclass(frozen=True, slots=True)
class DocumentToVerify:
    """One of the reader's documents, and why they are asked; `text_hash` is that of its text."""

    card: Card
    why: tuple[WhyVerify, ...]
    text_hash: str


@dataclass(frozen=True, slots=True)
class ToVerify:
    """What a reader is asked about now: at most `per_month`, less what they said in thirty days.

    `more`: others wait beyond that.
    """

    documents: tuple[DocumentToVerify, ...]
    per_month: int
    more: bool


def verified(
    context: AnswerContext, document_ids: Collection[str]
) -> Mapping[str, ShownVerification]:
    """Of documents that the reader may read, by id; a text that changed since is not in it.

    Raises `IndexUnreachable`.
    """
    if context.verifying is None:
        return {}
    said = context.verifying.store.said(document_ids)
    if not said:
        return {}
    now = context.search.text_hashes(said)
    agents = context.people.agents({one.agent_id for one in said.values()} - {""})
    return {
        id_: ShownVerification(
            one.day, one.right, one.note, _named(context, agents.get(one.agent_id))
        )
        for id_, one in said.items()
        if now.get(id_) == one.content_hash
    }


def verified_documents(context: AnswerContext) -> tuple[str, ...]:
    """The ids of documents that an author said to be right, and whose text has not changed since.

    Of all readers: a search is narrowed to them under the rights of who asks. Raises
    `IndexUnreachable`.
    """
    if context.verifying is None:
        return ()
    said = context.verifying.store.right(MOST_VERIFIED)
    now = context.search.text_hashes(said)
    return tuple(sorted(id_ for id_, text_hash in said.items() if now.get(id_) == text_hash))


def own_verification(context: AnswerContext, reader: Reader, card: Card) -> OwnVerification | None:
    """What the reader may say of a document that they read; None where nothing is said here."""
    if context.verifying is None or reader.agent_id is None:
        return None
    text_hash = context.search.text_hashes([card.document_id]).get(card.document_id)
    if text_hash is None:
        return None
    own = context.verifying.store.of_agent(reader.agent_id)
    of_text = [(one.document_id, one.content_hash) for one in own.said]
    of_text += [(one.document_id, one.content_hash) for one in own.marks]
    said = (card.document_id, text_hash) in of_text
    return OwnVerification(_is_owner(context, reader, card), text_hash, said)


def checked_document(context: AnswerContext, reader: Reader, document_id: str) -> CheckedDocument:
    """What is said of one document. Raises `NotFound`, `IndexUnreachable`."""
    _verifying(context)
    card = context.search.cards((document_id,), reader).get(document_id)
    if card is None:
        raise NotFound(_UNKNOWN)
    said = verified(context, [document_id]).get(document_id)
    return CheckedDocument(card, said, own_verification(context, reader, card))


def to_verify(context: AnswerContext, reader: Reader) -> ToVerify:
    """The reader's own page: what is marked first, then contradicted, then much read, then old.

    Raises `NotFound`, `IndexUnreachable`.
    """
    verifying, agent = _verifying(context), known_agent(context, reader)
    today, rules = context.today(), verifying.rules
    per_month = _pace(verifying, agent.id)
    left = per_month - verifying.store.said_since(agent.id, today - timedelta(days=MONTH_DAYS))
    if left <= 0:
        return ToVerify((), per_month, False)
    accounts, old_day = context.people.accounts_of(agent.id), today - timedelta(days=rules.old_days)
    marks = verifying.store.marks(_MOST_MARKS)
    old = context.search.written_before(accounts, reader, old_day)
    marked = context.search.cards(sorted({one.document_id for one in marks}), reader)
    read_day = today - timedelta(days=min(rules.opened_days, rules.old_days))
    read = _much_read(context, reader, read_day)
    known = {**marked, **read, **old}
    own = {id_: card for id_, card in known.items() if _is_owner(context, reader, card)}
    hashes, said = context.search.text_hashes(own), verifying.store.said(own)
    past = context.search.past(tuple(own), reader, today)
    found = []
    for id_, card in own.items():
        text_hash, last = hashes.get(id_), said.get(id_)
        if text_hash is None or (last and last.content_hash != text_hash):
            last = None
        still = [
            one
            for one in marks
            if one.document_id == id_
            and one.content_hash == text_hash
            and (last is None or one.day > last.day)
        ]
        why = {
            WhyVerify.MARKED: bool(still),
            WhyVerify.CONTRADICTED: id_ in past and last is None,
            WhyVerify.MUCH_READ: id_ in read and _is_due(last, read_day),
            WhyVerify.OLD: id_ in old and _is_due(last, old_day),
        }
        if text_hash and any(why.values()):
            reasons = tuple(one for one, holds in why.items() if holds)
            found.append(DocumentToVerify(card, reasons, text_hash))
    found.sort(key=lambda one: (list(WhyVerify).index(one.why[0]), _dated(one.card)))
    return ToVerify(tuple(found[:left]), per_month, len(found) > left)


def _is_due(last: Verification | None, day: date) -> bool:
    """Whether nobody said of the text since that day that it is right, or ever that it is not."""
    return last is None or (last.right and last.day < day)


def _much_read(context: AnswerContext, reader: Reader, before: date) -> dict[str, Card]:
    """Documents that were opened often in thirty days, and are dated before a day."""
    verifying = _verifying(context)
    if not verifying.rules.much_opened:
        return {}
    since = context.today() - timedelta(days=MONTH_DAYS)
    opened = verifying.store.much_opened(since, verifying.rules.much_opened, _MOST_OPENED)
    found = context.search.cards(opened, reader)
    return {id_: card for id_, card in found.items() if "" < _dated(card) < before.isoformat()}


def note_opening(context: AnswerContext, reader: Reader, card: Card) -> None:
    """Count that somebody opened a document, once a day; an author's own openings are not counted.

    Who it was is kept nowhere. Where it cannot be counted, the document is shown all the same.
    """
    verifying = context.verifying
    if verifying is None or not verifying.rules.much_opened or reader.agent_id is None:
        return
    if _is_owner(context, reader, card):
        return
    if verifying.acts.is_new(reader.agent_id, card.document_id, _OPENED_PER_DAY):
        try:
            verifying.store.count_opening(card.document_id, context.today())
        except sa.exc.SQLAlchemyError as error:
            log.warning("opening not counted", extra={"error": type(error).__name__})


def say_of_document(
    context: AnswerContext,
    reader: Reader,
    document_id: str,
    act: VerificationAct,
    *,
    text_hash: str = "",
    note: str = "",
) -> None:
    """Say that a document is right, or what is not; mark it; or take that back.

    `text_hash` is that of the text that was read. Raises `NotFound` for what the reader may not
    read, and for an author's word from who is none; `Stale` where the text changed since;
    `InvalidParameter`, `TooManyMarks`, `IndexUnreachable`.
    """
    verifying, agent = _verifying(context), known_agent(context, reader)
    store = verifying.store
    if act in (VerificationAct.TAKE_BACK, VerificationAct.FORGET):
        if act is VerificationAct.FORGET or document_id:
            store.take_back("" if act is VerificationAct.FORGET else document_id, agent.id)
        return
    card = context.search.cards((document_id,), reader).get(document_id)
    if card is None:
        raise NotFound(_UNKNOWN)
    if act is not VerificationAct.OUTDATED and not _is_owner(context, reader, card):
        raise NotFound("Seule la personne qui l’a écrit, ou modifié en dernier, peut le dire.")
    now, today = context.search.text_hashes([document_id]).get(document_id), context.today()
    if now is None or now != text_hash:
        raise Stale("Ce document a changé depuis que vous l’avez lu : relisez-le.")
    if act is VerificationAct.OUTDATED:
        mark = OutdatedMark(document_id, now, agent.id, today)
        if not store.mark(mark, verifying.rules.marked_per_day, today):
            raise TooManyMarks("Vous avez beaucoup signalé aujourd’hui : revenez demain.")
        return
    right = act is VerificationAct.RIGHT
    said = "" if right else checked_text(note, MOST_NOTE, "Écrivez ce qui n’est plus juste.")
    store.say(Verification(document_id, now, agent.id, today, right, said))


def choose_pace(context: AnswerContext, reader: Reader, per_month: int) -> None:
    """How many documents the reader is asked about in thirty days; 0: none.

    Raises `NotFound`, `InvalidParameter`.
    """
    verifying, agent = _verifying(context), known_agent(context, reader)
    if not 0 <= per_month <= MOST_PER_MONTH:
        raise InvalidParameter(f"Choisissez de 0 à {MOST_PER_MONTH} documents par mois.")
    verifying.store.choose_pace(agent.id, per_month)


def own_verifications(context: AnswerContext, reader: Reader) -> OwnVerifications | None:
    """What is kept of the reader, of documents that they may read now, and of how many others.

    None where authors are asked about no document.

    Raises `IndexUnreachable`.
    """
    if context.verifying is None or reader.agent_id is None:
        return None
    own = context.verifying.store.of_agent(reader.agent_id)
    ids = {one.document_id for one in own.said} | {one.document_id for one in own.marks}
    open_now = context.search.cards(sorted(ids), reader)
    return OwnVerifications(
        tuple(one for one in own.said if one.document_id in open_now),
        tuple(one for one in own.marks if one.document_id in open_now),
        _pace(context.verifying, reader.agent_id),
        len(ids - open_now.keys()),
    )


def _verifying(context: AnswerContext) -> Verifying:
    if context.verifying is None:
        raise NotFound("")
    return context.verifying


def _pace(verifying: Verifying, agent_id: str) -> int:
    chosen = verifying.store.of_agent(agent_id).per_month
    return verifying.rules.per_month if chosen is None else chosen


def _named(context: AnswerContext, agent: Agent | None) -> Agent | None:
    """Who may be named, and did not withdraw, from a single source either.

    Else this line would tie the directory's name to a document of that source.
    """
    if agent is None or not may_be_named(agent):
        return None
    said = context.consent.of(agent.id) if context.consent else ()
    withdrew = any(one.preference.kind is PreferenceKind.WITHDRAW for one in said)
    return None if withdrew else agent


def _is_owner(context: AnswerContext, reader: Reader, card: Card) -> bool:
    """Whether the reader wrote the document or answered in it, or changed it last."""
    accounts = context.people.accounts_of(reader.agent_id or "")
    rows = counting_contributions(card)
    edited = [one for one in rows if one.role is ContributorRole.EDITOR]
    last = max(edited, key=_last_day, default=None)
    owning = {one.account for one in rows if one.role in _WRITING}
    return not (owning | ({last.account} if last else set())).isdisjoint(accounts)


def _last_day(one: Contribution) -> date:
    return one.last or date.min


def _dated(card: Card) -> str:
    shown = card.modified or card.created
    return shown.isoformat() if shown else ""
