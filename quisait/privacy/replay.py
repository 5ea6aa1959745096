"""Apply the register to a restored backup: withdrawals, deletions, narrowed rights.

Done when an application is opened whose database or index knows less than the register, before
any request is answered; and by `quisait privacy replay`.
"""

import logging
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

import sqlalchemy as sa

from expertise.consent import (
    OF_ANIMATORS,
    WHOLE_SERVICE,
    Preference,
    PreferenceKind,
    SqlConsent,
)
from expertise.decisions import SqlCommunityDecisions, Verdict
from expertise.directory import set_cut
from indexer.ports import Index
from indexer.scans import Scans
from indexer.state import cursors
from indexer.values import Remove
from quisait.clock import now
from quisait.privacy.register import DatabaseRegisterMark, FileRegister, RegisterLine
from quisait.privacy.retention import purge_agent
from quisait.settings import QUESTIONS_SOURCE
from search_api.asking.storage import SqlQuestions
from search_api.asking.values import question_document
from search_api.feedback import Aspect, SqlFeedback, Subject, SubjectKind
from search_api.following import FollowKind, SqlFollowing
from search_api.mail.storage import SqlMail, doubt_restored_mail
from search_api.mail.values import DigestPace, MailPreferences
from search_api.verification import SqlVerifications

log = logging.getLogger(__name__)

OF_AGENTS = frozenset(
    {
        *("wish", "feedback", "follow", "mail", "verification", "purged"),
        *("question", "corrected", "hidden", "report", "community", "cut"),
    }
)
"""Kinds of lines that the database answers to, and not the index alone."""

_AT_ONCE = 500


class PushedDocuments(Protocol):
    """What applications pushed, as the database keeps it."""

    def withdraw(self, source: str, names: Collection[str]) -> int:
        """Take these away until they are pushed again: how many there were."""
        ...


@dataclass(frozen=True, slots=True)
class ReplayReport:
    """How many lines were applied again, and what they did.

    `sources` are read again in full at their next turn: the backup's rights are not theirs.
    """

    lines: int = 0
    wishes: int = 0
    documents: int = 0
    purged: int = 0
    sources: tuple[str, ...] = ()


def replay_where_older(
    register: FileRegister,
    database: sa.Engine,
    consent: SqlConsent,
    index: Index,
    journal: bytes,
    inbox: PushedDocuments,
) -> ReplayReport:
    """Tell what any of them does not know yet; nothing where all know the last line.

    `inbox` is the database's: what it still holds of documents that were deleted or closed
    since would be published again, and is withdrawn. `journal` is the journal's key, under
    which it counts agents.
    """
    last, known = register.standing()
    if not last or all(mark == last for mark in known):
        return ReplayReport()
    waiting = max((register.since(mark) for mark in known), key=len)
    for mark, knows in zip(register.marks, known, strict=True):
        if isinstance(mark, DatabaseRegisterMark) and knows != last:
            doubt_restored_mail(database)
            _withdraw(register.since(knows), inbox)
    found = replay(waiting, database, consent, index, journal)
    for mark in register.marks:
        mark.move(last)
    log.warning(
        "register replayed",
        extra={"lines": found.lines, "documents": found.documents, "wishes": found.wishes},
    )
    return found


def replay_on_copy(
    lines: Sequence[RegisterLine],
    database: sa.Engine,
    consent: SqlConsent,
    index: Index,
    journal: bytes,
    inbox: PushedDocuments,
) -> ReplayReport:
    """Tell a restored database and index what happened since, before anybody can ask them."""
    doubt_restored_mail(database)
    _withdraw(lines, inbox)
    return replay(lines, database, consent, index, journal)


def replay(
    lines: Sequence[RegisterLine],
    database: sa.Engine,
    consent: SqlConsent,
    index: Index,
    journal: bytes,
) -> ReplayReport:
    """Apply lines in their order. To apply them twice does no harm but a reading in full."""
    wishes = [line for line in lines if line["kind"] == "wish"]
    for line in wishes:
        _apply_wish(line, consent)
    _remove_feedback(lines, database)
    _remove_questions(lines, database)
    _hide_former_texts(lines, database)
    _close_communities(lines, database)
    _remove_follows(lines, database)
    _choose_mail(lines, database)
    _take_back_verifications(lines, database)
    for line in lines:
        if line["kind"] == "cut":
            day = datetime.fromisoformat(line["at"]).date()
            set_cut(database, line["agent"], day if line["cut"] else None)
    purged = [line["agent"] for line in lines if line["kind"] == "purged"]
    for agent_id in purged:
        purge_agent(database, agent_id, journal)
    _forget_scans(lines, database)
    named = deleted_or_closed(lines)
    removed = _remove(index, sorted(named))
    sources = tuple(sorted({id_.partition(":")[0] for id_ in named}))
    with database.begin() as connection:
        # Else what was closed, and is open to some again, would stay away. Questions are in the
        # database that was restored: the index may hold some that were asked since.
        read_anew = (*sources, QUESTIONS_SOURCE)
        connection.execute(sa.delete(cursors).where(cursors.c.source.in_(read_anew)))
    return ReplayReport(len(lines), len(wishes), removed, len(purged), sources)


def deleted_or_closed(lines: Sequence[RegisterLine]) -> set[str]:
    """Return the documents that were deleted or closed, and the questions with a changed text.

    These come back without it once their source is read: an older index holds its text.
    """
    kinds = ("gone", "closed")
    named = {id_ for line in lines if line["kind"] in kinds for id_ in line["documents"]}
    return named | {
        question_document(line["question"])
        for line in lines
        if line["kind"] in ("question", "corrected", "hidden")
    }


def _withdraw(lines: Sequence[RegisterLine], inbox: PushedDocuments) -> None:
    """Of a restored inbox; one that was not restored has what was pushed since."""
    of_source: dict[str, set[str]] = {}
    for id_ in deleted_or_closed(lines):
        source, _, name = id_.partition(":")
        of_source.setdefault(source, set()).add(name)
    changed = sum(inbox.withdraw(source, names) for source, names in of_source.items())
    if changed:
        log.warning("pushed documents withdrawn", extra={"documents": changed})


def _remove_feedback(lines: Sequence[RegisterLine], database: sa.Engine) -> None:
    """What agents deleted, and opinions on who withdrew; what was said since stays."""
    for line in lines:
        moment = datetime.fromisoformat(line["at"])
        stored = SqlFeedback(database, lambda moment=moment: moment)  # type: ignore[misc]
        if line["kind"] == "feedback":
            row = line["subject"]
            subject = Subject(SubjectKind(row[0]), row[1], row[2]) if row else None
            stored.remove(line["agent"], Aspect(line["aspect"]), subject)
        elif line["kind"] == "wish" and line["in_force"] and _is_whole_withdrawal(line):
            stored.forget_opinions_on(line["agent"])


def _remove_questions(lines: Sequence[RegisterLine], database: sa.Engine) -> None:
    """Remove questions and answers that were deleted, and reports that were taken back.

    Nobody asks under the same id again; a text may be reported again.
    """
    questions = SqlQuestions(database, now)
    for line in lines:
        if line["kind"] == "question" and line["answer"]:
            questions.remove_answer(line["question"], line["answer"])
        elif line["kind"] == "question":
            questions.remove(line["question"])
        elif line["kind"] == "report":
            until = datetime.fromisoformat(line["at"])
            this = line["question"], line["answer"]
            questions.take_report_back(line["agent"], *this, until=until)


def _hide_former_texts(lines: Sequence[RegisterLine], database: sa.Engine) -> None:
    """Hide again what was hidden, and show a text that was corrected since to its author alone.

    The last decision about each text counts. "Shown again" counts for the very text that was shown:
    a former one, which may be what was hidden, stays hidden.
    """
    questions = SqlQuestions(database, now)
    of_text: dict[tuple[str, str], list[RegisterLine]] = {}
    for line in lines:
        if line["kind"] in ("corrected", "hidden"):
            of_text.setdefault((line["question"], line["answer"]), []).append(line)
    for this, own in of_text.items():
        if (found := _text_of(questions, *this)) is not None:
            _decide_again(questions, this, found, own)


def _decide_again(
    questions: SqlQuestions, this: tuple[str, str], found: "_KeptText", own: list[RegisterLine]
) -> None:
    """Apply the register's lines about one text to the text that the database has."""
    decisions = [line for line in own if line["kind"] == "hidden"]
    last = decisions[-1] if decisions else None
    since = own
    if last and not last["hidden"] and last.get("text") == found.digest:
        questions.show_again(*this, found.digest)
        since = own[own.index(last) :]
    elif (
        last
        and (last["hidden"] or found.is_before(last))
        and any(line["hidden"] for line in decisions)
        and not found.moderated  # what is hidden already keeps its reason
    ):
        questions.hide(*this, "")
    if any(line["kind"] == "corrected" and found.is_before(line) for line in since):
        questions.hide_outdated(*this)


@dataclass(frozen=True, slots=True)
class _KeptText:
    """A question or an answer as the database has it; `moderated`: whether somebody hid it."""

    digest: str
    written: datetime
    moderated: bool

    def is_before(self, line: RegisterLine) -> bool:
        """Return whether the text was written before a line of the register."""
        return self.written < datetime.fromisoformat(line["at"])


def _text_of(questions: SqlQuestions, question_id: str, answer_id: str) -> _KeptText | None:
    thread = questions.one(question_id, with_hidden=True)
    if thread is None:
        return None
    one = thread.question
    if not answer_id:
        return _KeptText(one.text_digest, one.written, one.hidden is not None and not one.outdated)
    for given in thread.answers:
        if given.id == answer_id:
            hidden = given.hidden is not None and not given.outdated
            return _KeptText(given.text_digest, given.modified, hidden)
    return None


def _close_communities(lines: Sequence[RegisterLine], database: sa.Engine) -> None:
    """Close communities that are no longer accepted; none is opened: its animator decides anew."""
    stored = SqlCommunityDecisions(database)
    last = {line["topic"]: line for line in lines if line["kind"] == "community"}
    for topic_id, made in stored.all().items():
        decided = last.get(topic_id)
        if made.verdict is Verdict.ACCEPTED and decided and not decided["accepted"]:
            stored.forget(topic_id)


def _remove_follows(lines: Sequence[RegisterLine], database: sa.Engine) -> None:
    """What agents follow no more, and all that who withdrew followed; what came since stays."""
    for line in lines:
        moment = datetime.fromisoformat(line["at"])
        stored = SqlFollowing(database, lambda moment=moment: moment)  # type: ignore[misc]
        if line["kind"] == "follow" and line["follow"]:
            stored.unfollow(line["agent"], FollowKind(line["follow"]), line["subject"])
        elif line["kind"] == "follow" or (
            line["kind"] == "wish" and line["in_force"] and _is_whole_withdrawal(line)
        ):
            stored.unfollow_all(line["agent"])


def _choose_mail(lines: Sequence[RegisterLine], database: sa.Engine) -> None:
    """What agents chose since; what waits in a restored queue may have been sent since."""
    for line in lines:
        if line["kind"] == "mail":
            moment = datetime.fromisoformat(line["at"])
            stored = SqlMail(database, lambda moment=moment: moment, "")  # type: ignore[misc]
            asked, answered, digest = line["said"]
            said = MailPreferences(asked, answered, DigestPace(digest))
            stored.choose(line["agent"], said)


def _take_back_verifications(lines: Sequence[RegisterLine], database: sa.Engine) -> None:
    """What agents took back of what they said of documents; what they said on later days stays."""
    stored = SqlVerifications(database)
    for line in lines:
        if line["kind"] == "verification":
            day = datetime.fromisoformat(line["at"]).date()
            stored.take_back(line["document"], line["agent"], until=day)


def _forget_scans(lines: Sequence[RegisterLine], database: sa.Engine) -> None:
    """The recognised text of documents that were deleted; one that returned is read again."""
    of_source: dict[str, set[str]] = {}
    for line in lines:
        if line["kind"] == "gone":
            for id_ in line["documents"]:
                of_source.setdefault(id_.partition(":")[0], set()).add(id_)
    for source, ids in of_source.items():
        Scans(database).forget(source, ids)


def _is_whole_withdrawal(line: RegisterLine) -> bool:
    return bool(line["wish"] == PreferenceKind.WITHDRAW and line["subject"] == WHOLE_SERVICE)


def _apply_wish(line: RegisterLine, consent: SqlConsent) -> None:
    wish = Preference(
        line["agent"],
        PreferenceKind(line["wish"]),
        line["subject"],
        tuple(line["said"]),
        line.get("by", ""),
    )
    if not line["in_force"]:
        consent.remove(wish)
    elif wish.kind not in OF_ANIMATORS or not consent.has(wish):
        # The register does not know an animator's reason: a removal that is there keeps its own.
        consent.put(wish, datetime.fromisoformat(line["at"]))


def _remove(index: Index, document_ids: Sequence[str]) -> int:
    """Take documents out of the index, whatever their readers: how many there were."""
    removed = 0
    for some in _batches(document_ids):
        there = sorted(index.kept(some))
        removed += len(there)
        if there:
            index.write([Remove(id_) for id_ in there])
    return removed


def _batches(ids: Sequence[str]) -> Iterable[Sequence[str]]:
    return (ids[start : start + _AT_ONCE] for start in range(0, len(ids), _AT_ONCE))
