"""Connector that makes one document of each question with its answers, in its current version.

The cursor is the number of the last change. Deleting a question deletes its document.
"""

from collections import Counter, defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from itertools import starmap

import sqlalchemy as sa

from connectors.ports import Change, Checkpoint, Delete, Listing, SourceUnreachable, Upsert
from connectors.values import (
    CONVERSATION_HEADINGS,
    Contribution,
    ContributorRole,
    Document,
    Section,
)
from search_api.addresses import QUESTION_SOURCE, question_document
from search_api.questions.storage import SqlQuestions
from search_api.questions.values import GivenAnswer, Thread

KIND = "question"
UNNAMED = "Un ou une collègue"
"""Name shown for an asker or answerer who is not in the directory."""


@dataclass(frozen=True, slots=True)
class QuestionsConnector:
    """Adapter of `Connector` over the application's own database."""

    questions: SqlQuestions
    source: str = QUESTION_SOURCE

    def changes(self, since: str | None) -> Iterator[Change]:
        """Yield changed and deleted questions, by change number. Raises `SourceUnreachable`."""
        with _reachable():
            upto = self.questions.last_seq()
            seq = int(since) if since and since.isdecimal() else 0
            whole = since is None or seq > upto
            ids = []
            for one in self.questions.changed_after(0 if whole else seq, upto):
                ids.append(question_document(one[0]))
                yield _change(*one)
        if whole:
            yield Listing(frozenset(ids))
        yield Checkpoint(str(upto))

    def refetch(self, document_ids: frozenset[str]) -> Iterator[Change]:
        """Yield these questions in their current version. Raises `SourceUnreachable`."""
        with _reachable():
            yield from starmap(_change, self.questions.changed(map(question_id_of, document_ids)))


def question_id_of(document_id: str) -> str:
    """Return the id of the question behind a document."""
    return document_id.partition(":")[2]


@contextmanager
def _reachable() -> Iterator[None]:
    try:
        yield
    except sa.exc.SQLAlchemyError as error:
        raise SourceUnreachable(
            f"{QUESTION_SOURCE} : la base d'état ne répond pas. Vérifiez « database », puis "
            "relancez."
        ) from error


def _change(question_id: str, thread: Thread | None) -> Change:
    return Upsert(document_of(thread)) if thread else Delete(question_document(question_id))


def document_of(thread: Thread) -> Document:
    """Return the document of a question and its answers, with their authors as contributors.

    An asker who may not be named yet appears nowhere in it.
    """
    # Imported here: commands that read no question need no parser of Markdown.
    from search_api.markdown import plain_text

    question = thread.question
    asker = _account(question.asker_id, question.named)
    sections = [Section(plain_text(question.text) or question.title, author=asker)]
    for one in thread.answers:
        author = _account(one.author_id, thread.shows_author(one))
        text = plain_text(one.text) or one.text
        sections.append(Section(text, CONVERSATION_HEADINGS[_role(one)], author))
    return Document(
        id=question.document_id,
        source=QUESTION_SOURCE,
        title=question.title,
        access=question.access,
        sections=tuple(sections),
        kind=KIND,
        created=question.created,
        modified=max((question.modified, *(one.written for one in thread.answers))),
        valid_until=_valid_until(thread),
        contributions=tuple(_contributions(thread)),
    )


def _valid_until(thread: Thread) -> date | None:
    """Return the last valid day of the accepted answer, else the latest day of all answers.

    None if one of these answers has no last day.
    """
    helped = [one.valid_until for one in thread.answers if one.accepted]
    days = helped or [one.valid_until for one in thread.answers]
    known = [one for one in days if one is not None]
    return max(known) if known and len(known) == len(days) else None


def _account(agent_id: str, named: bool) -> str | None:
    """Return the account of an agent, None if they may not be named or were erased."""
    return f"{QUESTION_SOURCE}:{agent_id}" if named and agent_id else None


def _role(answer: GivenAnswer) -> ContributorRole:
    return ContributorRole.ACCEPTED_ANSWERER if answer.accepted else ContributorRole.ANSWERER


def _contributions(thread: Thread) -> Iterator[Contribution]:
    question = thread.question
    made: dict[tuple[str, ContributorRole], list[tuple[date, bool]]] = defaultdict(list)
    if asker := _account(question.asker_id, question.named):
        made[asker, ContributorRole.ASKER].append((question.created.date(), False))
    for one in thread.answers:
        if account := _account(one.author_id, thread.shows_author(one)):
            made[account, _role(one)].append((one.created.date(), one.thanked))
    for (account, role), texts in made.items():
        days = sorted(day for day, _ in texts)
        years = tuple(sorted(Counter(day.year for day in days).items()))
        thanks = sum(thanked for _, thanked in texts)
        yield Contribution(account, role, UNNAMED, len(days), days[0], days[-1], years, thanks)
