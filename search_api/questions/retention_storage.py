"""Storage of when questions were last used, and what is erased with time."""

from collections.abc import Iterator
from datetime import date, datetime
from itertools import chain

import sqlalchemy as sa

from indexer import sql
from search_api.questions.base_storage import BaseStorage
from search_api.questions.tables import (
    asked_agents,
    asked_questions,
    given_answers,
    question_uses,
    text_reports,
)


class SqlRetention(BaseStorage):
    """Finds questions whose retention time is over, and erases what is kept for limits only."""

    def note_use(self, question_id: str, day: date) -> None:
        """Store the last day on which a question was used, and no name."""
        own = question_uses.c.question_id == question_id
        query = sa.select(question_uses.c.day).where(own)
        if (sql.scalar(self._engine, query) or date.min) >= day:
            return
        with self._writing() as write:
            sql.put(write.connection, question_uses, {"question_id": question_id, "day": day})

    def expired(
        self, unanswered_before: datetime | None, unused_before: datetime | None
    ) -> tuple[str, ...]:
        """Return the ids of questions whose retention time is over, including hidden ones.

        Questions without an answer: not changed since `unanswered_before`. Answered questions: not
        changed, answered or used since `unused_before`. None: such questions are kept for ever.
        """
        before = {False: unanswered_before, True: unused_before}
        due = (self._expired(*one) for one in before.items())
        return tuple(sorted(chain.from_iterable(due)))

    def _expired(self, answered: bool, before: datetime | None) -> Iterator[str]:
        if before is None:
            return
        asked, given, used = asked_questions.c, given_answers.c, question_uses.c
        this = given.question_id == asked.id
        lately = sa.exists().where(this, given.created >= before)
        of_use = sa.exists().where(used.question_id == asked.id, used.day >= before.date())
        has_answer = sa.exists().where(this)
        old = ~asked.deleted & (asked.modified < before) & ~lately & ~of_use
        old &= has_answer if answered else ~has_answer
        corrected = sa.select(given.question_id, given.corrected).where(
            given.question_id.in_(sa.select(asked.id).where(old))
        )
        with self._engine.connect() as connection:
            ids = list(connection.execute(sa.select(asked.id).where(old)).scalars())
            # Times of corrections are a JSON list, which not every database can compare.
            kept = {
                question_id
                for question_id, moments in connection.execute(corrected)
                if moments and datetime.fromisoformat(moments[-1]) >= before
            }
        yield from (one for one in ids if one not in kept)

    def tidy(self, before: datetime) -> None:
        """Erase what is stored of deleted questions only for limits, if older than `before`.

        That is the asker and the requests: without them an agent could ask and delete without end.
        Reports that were decided before `before` are deleted too.
        """
        gone = sa.select(asked_questions.c.id).where(asked_questions.c.deleted)
        with self._writing() as write:
            late = asked_agents.c.question_id.in_(gone) & (asked_agents.c.asked < before)
            write.execute(sa.delete(asked_agents).where(late))
            # A recent request still counts for its asker's limits, however old the question is.
            counted = sa.select(asked_agents.c.question_id)
            old = asked_questions.c.deleted & (asked_questions.c.created < before)
            old &= asked_questions.c.id.not_in(counted)
            write.execute(sa.update(asked_questions).where(old).values(agent_key=""))
            decided = text_reports.c.decided < before
            write.execute(sa.delete(text_reports).where(decided))
