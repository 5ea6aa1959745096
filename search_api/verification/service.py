"""Verification of documents: requests to their authors, and statements for readers.

All functions only concern documents that the reader may read, in the current version of their text.
"""

import logging
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from enum import StrEnum

import sqlalchemy as sa

from connectors.values import Agent, Contribution, ContributorRole
from expertise.consent import PreferenceKind
from expertise.visibility import may_be_named
from expertise.votes import counting_contributions
from indexer.access import Reader, access_filter
from indexer.values import Card
from search_api.context import (
    NO_SUCH_DOCUMENT,
    AnswerContext,
    AnswerRefused,
    InvalidParameter,
    NotFound,
    RoleHolder,
    Stale,
    note_access,
    required,
)
from search_api.identity.principals import ALL, HeldRoles, Role
from search_api.questions.authority import entities_down_to
from search_api.questions.reading import checked_text, known_agent
from search_api.questions.storage import Asking
from search_api.questions.values import MOST_LISTED, AskedQuestion
from search_api.topics.service import related_topics
from search_api.verification.storage import (
    MONTH_DAYS,
    MOST_NOTE,
    MOST_PER_MONTH,
    OutdatedMark,
    OwnVerifications,
    Verification,
    Verifying,
)

log = logging.getLogger(__name__)

MOST_VERIFIED = 10_000
"""Maximum number of verified documents, latest statement first, that the filter finds. It is
limited because the index is asked whether each text is unchanged, and an engine accepts 65 536 ids.
"""
_MOST_MARKS = 500
"""Number of newest marks of all readers that are examined: as many as an agent may keep."""
_MOST_OPENED = 500
"""Number of most opened documents that are examined."""
_OPENED_PER_DAY = 200
"""Maximum number of counted documents per reader and day, so that a program that opens all
documents counts no more than a person.
"""
_WRITING = {ContributorRole.AUTHOR, ContributorRole.ANSWERER, ContributorRole.ACCEPTED_ANSWERER}


class WhyVerify(StrEnum):
    """Reason to ask an author whether a document is still right."""

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
"""The reasons in French, for the author."""


class VerificationAct(StrEnum):
    """Statement on a document: an author's "right" or "wrong", or a reader's mark "outdated".

    `forget` takes back all statements and marks of the reader.
    """

    RIGHT = "right"
    WRONG = "wrong"
    OUTDATED = "outdated"
    TAKE_BACK = "take_back"
    FORGET = "forget"


STATEMENTS = frozenset({VerificationAct.RIGHT, VerificationAct.WRONG, VerificationAct.OUTDATED})
"""Acts that make a statement on a document, which may be taken back."""


class MarkedAct(StrEnum):
    """Decision of an animator on a marked document that has no author to ask."""

    WRONG = "wrong"
    DISMISS = "dismiss"


class TooManyMarks(AnswerRefused):
    """The reader reached the daily limit of marks."""

    status = 429
    code = "too_many_marks"


@dataclass(frozen=True, slots=True)
class ShownVerification:
    """An author's statement on an unchanged text. `agent`: None if they may not be named."""

    day: date
    right: bool
    note: str
    agent: Agent | None


@dataclass(frozen=True, slots=True)
class OwnVerification:
    """The statements that the reader may make on a document.

    `owner`: the reader wrote the document, or changed it last. `text_hash`: hash of the current
    text. `said`: the reader made a statement or a mark on this text.
    """

    owner: bool
    text_hash: str
    said: bool


@dataclass(frozen=True, slots=True)
class CheckedDocument:
    """A readable document: its author's statement, and the statements that the reader may make."""

    card: Card
    verified: ShownVerification | None
    own: OwnVerification


@dataclass(frozen=True, slots=True)
class DocumentToVerify:
    """A document that the reader is asked to verify, the reasons, and the hash of its text.

    `notes`: remarks of readers on what is no longer right, without names.
    """

    card: Card
    why: tuple[WhyVerify, ...]
    text_hash: str
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class DoubtedAnswer:
    """An answer of the reader to a question; `notes` as in `DocumentToVerify`."""

    question: AskedQuestion
    answer_id: str
    notes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ToVerify:
    """Documents that a reader should verify now, at most `per_month` in thirty days.

    Statements of the last thirty days are subtracted. `more`: further documents wait. `answers`:
    answers of the reader that others reported as no longer right, oldest report first; `per_month`
    does not limit them.
    """

    documents: tuple[DocumentToVerify, ...]
    per_month: int
    more: bool
    answers: tuple[DoubtedAnswer, ...] = ()


def verified(
    context: AnswerContext, document_ids: Collection[str]
) -> Mapping[str, ShownVerification]:
    """Return authors' statements on readable documents, by id, without texts that changed since.

    Raises `IndexUnreachable`.
    """
    verifying = context.part(Verifying)
    if verifying is None:
        return {}
    said = verifying.store.said(document_ids)
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
    """Return the ids of documents that an author confirmed and that did not change since.

    The result is the same for all readers, because a search restricts it by the reader's rights.
    Raises `IndexUnreachable`.
    """
    verifying = context.part(Verifying)
    if verifying is None:
        return ()
    said = verifying.store.right(MOST_VERIFIED)
    now = context.search.text_hashes(said)
    return tuple(sorted(id_ for id_, text_hash in said.items() if now.get(id_) == text_hash))


def own_verification(context: AnswerContext, reader: Reader, card: Card) -> OwnVerification | None:
    """Return the statements that the reader may make on a document; None if statements are off."""
    verifying = context.part(Verifying)
    if verifying is None or reader.agent_id is None:
        return None
    text_hash = context.search.text_hashes([card.document_id]).get(card.document_id)
    if text_hash is None:
        return None
    own = verifying.store.of_agent(reader.agent_id)
    of_text = {(one.document_id, one.content_hash) for one in (*own.said, *own.marks)}
    said = (card.document_id, text_hash) in of_text
    return OwnVerification(is_owner(context, reader, card), text_hash, said)


def checked_document(context: AnswerContext, reader: Reader, document_id: str) -> CheckedDocument:
    """Return the statement on one document. Raises `NotFound`, `IndexUnreachable`."""
    required(context.part(Verifying))
    card = context.readable_card(document_id, reader)
    said = verified(context, [document_id]).get(document_id)
    nothing = OwnVerification(owner=False, text_hash="", said=False)
    return CheckedDocument(card, said, own_verification(context, reader, card) or nothing)


def to_verify(context: AnswerContext, reader: Reader) -> ToVerify:
    """Return the reader's documents to check: marked, contradicted, much read, then old.

    Raises `NotFound`, `IndexUnreachable`.
    """
    verifying, agent = required(context.part(Verifying)), known_agent(context, reader)
    today, rules = context.today(), verifying.rules
    per_month, answers = _pace(verifying, agent.id), doubted_answers(context, reader)
    left = per_month - verifying.store.said_since(agent.id, today - timedelta(days=MONTH_DAYS))
    if left <= 0:
        return ToVerify((), per_month, False, answers)
    accounts, old_day = context.people.accounts_of(agent.id), today - timedelta(days=rules.old_days)
    marks = verifying.store.marks(_MOST_MARKS)
    old = context.search.written_before(accounts, reader, old_day)
    marked = context.search.cards(sorted({one.document_id for one in marks}), reader)
    read_day = today - timedelta(days=min(rules.opened_days, rules.old_days))
    read = _much_read(context, reader, read_day)
    known = {**marked, **read, **old}
    own = {id_: card for id_, card in known.items() if is_owner(context, reader, card)}
    past = context.search.past(tuple(own), reader, today)
    found = []
    for card, text_hash, last, still in _with_marks(context, marks, own):
        id_ = card.document_id
        why = {
            WhyVerify.MARKED: bool(still),
            WhyVerify.CONTRADICTED: id_ in past and last is None,
            WhyVerify.MUCH_READ: id_ in read and _is_due(last, read_day),
            WhyVerify.OLD: id_ in old and _is_due(last, old_day),
        }
        if any(why.values()):
            reasons = tuple(one for one, holds in why.items() if holds)
            found.append(DocumentToVerify(card, reasons, text_hash, _notes(still)))
    found.sort(key=lambda one: (list(WhyVerify).index(one.why[0]), _dated(one.card)))
    return ToVerify(tuple(found[:left]), per_month, len(found) > left, answers)


def doubted_answers(context: AnswerContext, reader: Reader) -> tuple[DoubtedAnswer, ...]:
    """Return the reader's answers that others reported as no longer right, oldest report first."""
    asking = context.part(Asking)
    if asking is None or reader.agent_id is None:
        return ()
    found = [
        (thread.question, answer_id)
        for thread, answer_id in asking.questions.moderation.answers_doubted(reader.agent_id)
        if access_filter(reader).admits(thread.question.access) and thread.question.hidden is None
    ]
    said = (
        asking.questions.moderation.reports({question.id for question, _ in found}) if found else ()
    )
    return tuple(
        DoubtedAnswer(
            question,
            answer_id,
            tuple(one.reason for one in said if one.outdated and one.answer_id == answer_id),
        )
        for question, answer_id in found
    )


def marked_documents(context: AnswerContext, holder: RoleHolder) -> tuple[DocumentToVerify, ...]:
    """Return marked documents that have no author to ask, on the holder's topics and entities.

    The holder may read these documents and did not write them. At most `MOST_LISTED` are returned,
    newest mark first. Raises `NotFound`, `IndexUnreachable`.
    """
    return _marked_for(context, holder.reader, holder.held)


def marks_to_decide(context: AnswerContext, reader: Reader) -> int:
    """Return the number of `marked_documents` of this reader; 0 if they animate nothing.

    Raises `IndexUnreachable`.
    """
    held = context.grants.held_by(reader)
    if context.part(Verifying) is None or Role.ANIMATOR not in held.roles:
        return 0
    return len(_marked_for(context, reader, held))


def _marked_for(
    context: AnswerContext, reader: Reader, held: HeldRoles
) -> tuple[DocumentToVerify, ...]:
    marks = required(context.part(Verifying)).store.marks(_MOST_MARKS)
    cards = context.search.cards(sorted({one.document_id for one in marks}), reader)
    animated = {
        id_: card
        for id_, card in cards.items()
        if not is_owner(context, reader, card)
        and not _has_author_to_ask(context, card)
        and animates(context, held, card)
    }
    found = {
        card.document_id: DocumentToVerify(card, (WhyVerify.MARKED,), text_hash, _notes(still))
        for card, text_hash, _, still in _with_marks(context, marks, animated)
        if still
    }
    return tuple(
        found[id_] for id_ in dict.fromkeys(one.document_id for one in marks) if id_ in found
    )[:MOST_LISTED]


def decide_on_marked(
    context: AnswerContext,
    holder: RoleHolder,
    document_id: str,
    act: MarkedAct,
    *,
    text_hash: str = "",
    note: str = "",
) -> None:
    """Tell the readers of a marked document what is no longer right, or leave it unchanged.

    Raises `NotFound` for a document that is not in `marked_documents`, `Stale` if its text changed
    since, `InvalidParameter`, `NotAudited`, and `IndexUnreachable`.
    """
    store, me = required(context.part(Verifying)).store, holder.reader.agent_id or ""
    waiting = {one.card.document_id: one for one in marked_documents(context, holder)}
    if document_id not in waiting:
        raise NotFound(NO_SUCH_DOCUMENT)
    said = ""
    if act is MarkedAct.WRONG:
        said = checked_text(note, MOST_NOTE, "Écrivez ce qui n’est plus juste.")
        if waiting[document_id].text_hash != text_hash:
            raise Stale("Ce document a changé depuis que vous l’avez lu : relisez-le.")
    note_access(context, holder, f"document {act}", f"document_id:{document_id}")
    if act is MarkedAct.WRONG:
        store.say(Verification(document_id, text_hash, me, context.today(), False, said))
    else:
        store.dismiss_marks(document_id)


def _with_marks(
    context: AnswerContext, marks: Sequence[OutdatedMark], cards: Mapping[str, Card]
) -> Iterator[tuple[Card, str, Verification | None, list[OutdatedMark]]]:
    """Yield the documents with a text: (card, its hash, last statement on it, newer marks)."""
    hashes, said = (
        context.search.text_hashes(cards),
        required(context.part(Verifying)).store.said(cards),
    )
    for id_, card in cards.items():
        text_hash, last = hashes.get(id_), said.get(id_)
        if last and last.content_hash != text_hash:
            last = None
        if text_hash:
            still = [
                one
                for one in marks
                if (one.document_id, one.content_hash) == (id_, text_hash)
                and (last is None or one.day > last.day)
            ]
            yield card, text_hash, last, still


def _notes(marks: Iterable[OutdatedMark]) -> tuple[str, ...]:
    return tuple(one.note for one in marks if one.note)


def _has_author_to_ask(context: AnswerContext, card: Card) -> bool:
    """Return whether an owner of the document is in post, may read it and wants to be asked."""
    owners = context.people.by_account(_owning_accounts(card)).values()
    asking = context.part(Asking)
    return any(
        not one.departed(context.today())
        and _pace(required(context.part(Verifying)), one.id) > 0
        and (asking is None or context.search.cards((card.document_id,), asking.reader_of(one.id)))
        for one in owners
    )


def animates(context: AnswerContext, held: HeldRoles, card: Card) -> bool:
    """Return whether the holder animates a document's entity, or the topic nearest to its title."""
    if ALL in held.topics or not held.entities.isdisjoint(entities_down_to(card.entity or "")):
        return True
    if not held.topics:
        return False
    near = related_topics(context, card.title).topics
    return (context.named_topic(card.title) or (near[0].id if near else "")) in held.topics


def _is_due(last: Verification | None, day: date) -> bool:
    """Return whether the text was not called wrong, and not confirmed since that day."""
    return last is None or (last.right and last.day < day)


def _much_read(context: AnswerContext, reader: Reader, before: date) -> dict[str, Card]:
    """Return documents opened often in thirty days and dated before a day."""
    verifying = required(context.part(Verifying))
    if not verifying.rules.much_opened:
        return {}
    since = context.today() - timedelta(days=MONTH_DAYS)
    opened = verifying.store.much_opened(since, verifying.rules.much_opened, _MOST_OPENED)
    found = context.search.cards(opened, reader)
    return {id_: card for id_, card in found.items() if "" < _dated(card) < before.isoformat()}


def note_opening(context: AnswerContext, reader: Reader, card: Card) -> None:
    """Count a reader's opening of a document, once a day. Openings by its authors do not count.

    The reader is not stored. If counting fails, the document is still shown.
    """
    verifying = context.part(Verifying)
    if verifying is None or not verifying.rules.much_opened or reader.agent_id is None:
        return
    if is_owner(context, reader, card):
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
    """Confirm a document, tell what is wrong, mark it as outdated, or take that back.

    `text_hash`: hash of the text that was read. Raises `NotFound` for an unreadable document or a
    statement of a reader who is not its author, `Stale` if the text changed since,
    `InvalidParameter`, `TooManyMarks`, and `IndexUnreachable`.
    """
    verifying, agent = required(context.part(Verifying)), known_agent(context, reader)
    store = verifying.store
    if act in (VerificationAct.TAKE_BACK, VerificationAct.FORGET):
        if act is VerificationAct.FORGET or document_id:
            store.take_back("" if act is VerificationAct.FORGET else document_id, agent.id)
        return
    card = context.readable_card(document_id, reader)
    if act is not VerificationAct.OUTDATED and not is_owner(context, reader, card):
        raise NotFound("Seule la personne qui l’a écrit, ou modifié en dernier, peut le dire.")
    now, today = context.search.text_hashes([document_id]).get(document_id), context.today()
    if now is None or now != text_hash:
        raise Stale("Ce document a changé depuis que vous l’avez lu : relisez-le.")
    right = act is VerificationAct.RIGHT
    said = "" if right else checked_text(note, MOST_NOTE, "Écrivez ce qui n’est plus juste.")
    if act is VerificationAct.OUTDATED:
        mark = OutdatedMark(document_id, now, agent.id, today, said)
        if not store.mark(mark, verifying.rules.marked_per_day, today):
            raise TooManyMarks("Vous avez beaucoup signalé aujourd’hui : revenez demain.")
        return
    store.say(Verification(document_id, now, agent.id, today, right, said))


def choose_pace(context: AnswerContext, reader: Reader, per_month: int) -> None:
    """Set the number of documents about which the reader is asked in thirty days; 0 means none.

    Raises `NotFound`, `InvalidParameter`.
    """
    verifying, agent = required(context.part(Verifying)), known_agent(context, reader)
    if not 0 <= per_month <= MOST_PER_MONTH:
        raise InvalidParameter(f"Choisissez de 0 à {MOST_PER_MONTH} documents par mois.")
    verifying.store.choose_pace(agent.id, per_month)


def has_said(context: AnswerContext, reader: Reader, document_id: str) -> bool:
    """Return whether the reader made a statement on a document, even on a former text.

    Raises `NotFound`.
    """
    return (
        document_id
        in required(context.part(Verifying)).store.of_agent(reader.agent_id or "").document_ids
    )


def own_verifications(context: AnswerContext, reader: Reader) -> OwnVerifications | None:
    """Return the reader's statements and marks on readable documents, and the number of others.

    Returns None if authors are not asked about documents. Raises `IndexUnreachable`.
    """
    verifying = context.part(Verifying)
    if verifying is None or reader.agent_id is None:
        return None
    own = verifying.store.of_agent(reader.agent_id)
    open_now = context.search.cards(sorted(own.document_ids), reader)
    return OwnVerifications(
        tuple(one for one in own.said if one.document_id in open_now),
        tuple(one for one in own.marks if one.document_id in open_now),
        _pace(verifying, reader.agent_id),
        len(own.document_ids - open_now.keys()),
        {id_: card.title for id_, card in open_now.items()},
    )


def _pace(verifying: Verifying, agent_id: str) -> int:
    chosen = verifying.store.pace_of(agent_id)
    return verifying.rules.per_month if chosen is None else chosen


def _named(context: AnswerContext, agent: Agent | None) -> Agent | None:
    """Return the agent if they may be named and did not withdraw, even from a single source.

    Otherwise the statement would connect their name in the directory with a document of that
    source.
    """
    if agent is None or not may_be_named(agent):
        return None
    said = context.consent.of(agent.id) if context.consent else ()
    withdrew = any(one.preference.kind is PreferenceKind.WITHDRAW for one in said)
    return None if withdrew else agent


def is_owner(context: AnswerContext, reader: Reader, card: Card) -> bool:
    """Return whether the reader wrote the document, answered in it, or changed it last."""
    return not _owning_accounts(card).isdisjoint(context.people.accounts_of(reader.agent_id or ""))


def _owning_accounts(card: Card) -> set[str]:
    """Return the accounts of the authors, the answerers and the last editor of a document."""
    rows = counting_contributions(card)
    edited = [one for one in rows if one.role is ContributorRole.EDITOR]
    last = max(edited, key=_last_day, default=None)
    owning = {one.account for one in rows if one.role in _WRITING}
    return owning | ({last.account} if last else set())


def _last_day(one: Contribution) -> date:
    return one.last or date.min


def _dated(card: Card) -> str:
    shown = card.modified or card.created
    return shown.isoformat() if shown else ""
