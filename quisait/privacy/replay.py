"""Apply the register to a restored backup: withdrawals, deletions, narrowed rights.

The register is applied before any request is answered, if the database or the index of the
application does not know its last lines. `quisait privacy replay` also applies it.
"""

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa

from connectors.batches import batches
from expertise.consent import OF_OTHERS, WHOLE_SERVICE, Preference, PreferenceKind, SqlConsent
from expertise.decisions import SqlCommunityDecisions, Verdict
from expertise.directory import set_cut
from indexer.ports import Index
from indexer.scans import Scans
from indexer.state import cursors
from indexer.values import Remove
from quisait.clock import now
from quisait.features import SourceStore, installed_features
from quisait.privacy.register import (
    DatabaseRegisterMark,
    FileRegister,
    RegisterLine,
    RegisterMismatch,
)
from quisait.privacy.retention import purge_agent
from quisait.settings import QUESTIONS_SOURCE
from search_api.addresses import question_document
from search_api.favourites.storage import SqlFavourites, SubjectKind
from search_api.following.storage import FollowKind, SqlFollowing
from search_api.questions.storage import SqlQuestions
from search_api.verification.storage import SqlVerifications

log = logging.getLogger(__name__)

OF_AGENTS = frozenset(
    {
        *("wish", "favourite", "feedback", "follow", "verification", "purged"),
        *("question", "corrected", "hidden", "report", "community", "cut"),
        *(kind for feature in installed_features() for kind in feature.register_lines),
    }
)
"""Kinds of lines that change the database, not only the index."""

_AT_ONCE = 500


@dataclass(frozen=True, slots=True)
class ReplayReport:
    """How many lines were applied again, and their effects.

    `sources` are read in full at their next run, because the backup's rights may be out of date.
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
    stores: Sequence[SourceStore],
) -> ReplayReport:
    """Apply the lines that database or index do not know yet.

    `stores` are in this database: documents that were deleted or closed since the backup are
    withdrawn from them, so that they are not published again. `journal` is the key with which the
    query log makes pseudonyms of agents.
    """
    last, known = register.standing()
    if not last or all(mark == last for mark in known):
        return ReplayReport()
    waiting = max((register.since(mark) for mark in known), key=len)
    for mark, knows in zip(register.marks, known, strict=True):
        if isinstance(mark, DatabaseRegisterMark) and knows != last:
            _tell_features(database)
            _withdraw(register.since(knows), stores)
    found = replay(waiting, database, consent, index, journal)
    for mark in register.marks:
        mark.move(last)
    log.warning(
        "register replayed",
        extra={"lines": found.lines, "documents": found.documents, "wishes": found.wishes},
    )
    return found


def _tell_features(database: sa.Engine) -> None:
    for feature in installed_features():
        feature.restored(database)


def refuse_another(register: FileRegister) -> None:
    """Raise `RegisterMismatch` if the register lacks the last line of the database or the index."""
    last, known = register.standing()
    if not last or all(mark == last for mark in known):
        return
    if not set(filter(None, known)) <= {line["id"] for line in register.lines()}:
        raise RegisterMismatch(register.mismatch())


def replay_on_copy(
    lines: Sequence[RegisterLine],
    database: sa.Engine,
    consent: SqlConsent,
    index: Index,
    journal: bytes,
    stores: Sequence[SourceStore],
) -> ReplayReport:
    """Apply lines to a restored database and index, before anybody can query them."""
    _tell_features(database)
    _withdraw(lines, stores)
    return replay(lines, database, consent, index, journal)


def replay(
    lines: Sequence[RegisterLine],
    database: sa.Engine,
    consent: SqlConsent,
    index: Index,
    journal: bytes,
) -> ReplayReport:
    """Apply lines in order. Applying them twice only costs another full reading of the sources."""
    for line in lines:
        _apply(line, database, consent)
    _remove_questions(lines, database)
    _hide_former_texts(lines, database)
    _close_communities(lines, database)
    purged = [line["agent"] for line in lines if line["kind"] == "purged"]
    for agent_id in purged:
        purge_agent(database, agent_id, journal)
    _forget_scans(lines, database)
    named = deleted_or_closed(lines)
    removed = _remove(index, sorted(named))
    sources = tuple(sorted({id_.partition(":")[0] for id_ in named}))
    with database.begin() as connection:
        # Otherwise documents that were closed and opened again would stay missing. Questions are
        # in the restored database: the index may have questions that were asked since.
        read_anew = (*sources, QUESTIONS_SOURCE)
        connection.execute(sa.delete(cursors).where(cursors.c.source.in_(read_anew)))
    wishes = sum(line["kind"] == "wish" for line in lines)
    return ReplayReport(len(lines), wishes, removed, len(purged), sources)


def deleted_or_closed(lines: Sequence[RegisterLine]) -> set[str]:
    """Return the documents that were deleted or closed, and the questions whose text changed.

    Questions come back with their present text once their source is read; an older index has the
    old text.
    """
    kinds = ("gone", "closed")
    named = {id_ for line in lines if line["kind"] in kinds for id_ in line["documents"]}
    return named | {
        question_document(line["question"])
        for line in lines
        if line["kind"] in ("question", "corrected", "hidden")
    }


def _withdraw(lines: Sequence[RegisterLine], stores: Sequence[SourceStore]) -> None:
    """Withdraw deleted or closed documents from restored stores of sources."""
    of_source: dict[str, set[str]] = {}
    for id_ in deleted_or_closed(lines):
        source, _, name = id_.partition(":")
        of_source.setdefault(source, set()).add(name)
    changed = sum(
        store.withdraw(source, names) for store in stores for source, names in of_source.items()
    )
    if changed:
        log.warning("stored documents withdrawn", extra={"documents": changed})


def _apply(line: RegisterLine, database: sa.Engine, consent: SqlConsent) -> None:
    """Apply a line about an agent's wish, data or access to the database.

    Favourites and follows after the line's time stay, and so do verifications of later days.
    """
    at, kind, agent_id = datetime.fromisoformat(line["at"]), line["kind"], line.get("agent", "")
    following = SqlFollowing(database, lambda: at)
    if kind == "wish":
        _apply_wish(line, at, consent)
        whole = line["wish"] == PreferenceKind.WITHDRAW and line["subject"] == WHOLE_SERVICE
        if line["in_force"] and whole:
            following.unfollow_all(agent_id)
    elif kind == "favourite" or (kind == "feedback" and line["aspect"] == "favourite"):
        # Registers written before migration 0041 note favourites, and opinions, as `feedback`.
        favourites = SqlFavourites(database, lambda: at)
        row = line["subject"] or (None, "")
        favourites.remove(agent_id, SubjectKind(row[0]) if row[0] else None, row[1])
    elif kind == "follow" and line["follow"]:
        following.unfollow(agent_id, FollowKind(line["follow"]), line["subject"])
    elif kind == "follow":
        following.unfollow_all(agent_id)
    elif kind == "verification":
        SqlVerifications(database).take_back(line["document"], agent_id, until=at.date())
    elif kind == "cut":
        set_cut(database, agent_id, at.date() if line["cut"] else None)
    for feature in installed_features():
        if kind in feature.register_lines:
            feature.register_lines[kind](database, line)


def _remove_questions(lines: Sequence[RegisterLine], database: sa.Engine) -> None:
    """Remove questions and answers that were deleted, and reports that were taken back.

    Ids of questions are never used again. A text may be reported again, so later reports stay.
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
            questions.moderation.take_report_back(line["agent"], *this, until=until)


def _hide_former_texts(lines: Sequence[RegisterLine], database: sa.Engine) -> None:
    """Hide texts that were hidden after the backup; show texts that were corrected only to authors.

    The last decision about each text counts. A decision to show a text again only applies to
    exactly that text: an older text, which may be the hidden text, stays hidden.
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
    questions: SqlQuestions, this: tuple[str, str], found: "_StoredText", own: list[RegisterLine]
) -> None:
    """Apply the register's lines about one text to the text in the database."""
    decisions = [line for line in own if line["kind"] == "hidden"]
    last = decisions[-1] if decisions else None
    since = own
    if last and not last["hidden"] and last.get("text") == found.digest:
        questions.moderation.show_again(*this, found.digest)
        since = own[own.index(last) :]
    elif (
        last
        and (last["hidden"] or found.is_before(last))
        and any(line["hidden"] for line in decisions)
        and not found.moderated  # a text that is hidden already keeps its reason
    ):
        questions.moderation.hide(*this, "")
    if any(line["kind"] == "corrected" and found.is_before(line) for line in since):
        questions.moderation.hide_outdated(*this)


@dataclass(frozen=True, slots=True)
class _StoredText:
    """A question or an answer in the database; `moderated` is true if a moderator hid it."""

    digest: str
    written: datetime
    moderated: bool

    def is_before(self, line: RegisterLine) -> bool:
        """Return whether the text was written before a line of the register."""
        return self.written < datetime.fromisoformat(line["at"])


def _text_of(questions: SqlQuestions, question_id: str, answer_id: str) -> _StoredText | None:
    thread = questions.one(question_id, with_hidden=True)
    if thread is None:
        return None
    for one in thread.answers if answer_id else (thread.question,):
        if one.id == (answer_id or question_id):
            hidden = one.hidden is not None and not one.outdated
            return _StoredText(one.text_digest, one.written, hidden)
    return None


def _close_communities(lines: Sequence[RegisterLine], database: sa.Engine) -> None:
    """Close communities that are no longer accepted.

    Communities that were accepted later are not opened: their animators decide again.
    """
    stored = SqlCommunityDecisions(database)
    last = {line["topic"]: line for line in lines if line["kind"] == "community"}
    for topic_id, made in stored.all().items():
        decided = last.get(topic_id)
        if made.verdict is Verdict.ACCEPTED and decided and not decided["accepted"]:
            stored.forget(topic_id)


def _forget_scans(lines: Sequence[RegisterLine], database: sa.Engine) -> None:
    """Delete the recognised text of deleted documents; documents that returned are read again."""
    of_source: dict[str, set[str]] = {}
    for line in lines:
        if line["kind"] == "gone":
            for id_ in line["documents"]:
                of_source.setdefault(id_.partition(":")[0], set()).add(id_)
    for source, ids in of_source.items():
        Scans(database).forget(source, ids)


def _apply_wish(line: RegisterLine, at: datetime, consent: SqlConsent) -> None:
    wish = Preference(
        line["agent"],
        PreferenceKind(line["wish"]),
        line["subject"],
        tuple(line["said"]),
        line.get("by", ""),
    )
    if not line["in_force"]:
        consent.remove(wish)
    elif wish.kind not in OF_OTHERS or not consent.has(wish):
        # The register does not know an animator's reason: a removal that is there keeps its own.
        consent.put(wish, at)


def _remove(index: Index, document_ids: Sequence[str]) -> int:
    """Remove documents from the index for all readers; return the number of removed documents."""
    removed = 0
    for some in batches(document_ids, _AT_ONCE):
        there = sorted(index.kept(some))
        removed += len(there)
        if there:
            index.write([Remove(id_) for id_ in there])
    return removed
