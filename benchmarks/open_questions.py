"""How long lists of questions take: `python -m benchmarks.open_questions [QUESTIONS]`.

A state database of 100 000 questions unless told otherwise, on SQLite: of every hundred, 60 were
answered and helped, 25 have an answer of which their asker said nothing, 14 wait on 500 topics, and
one waits for an agent. One text of a hundred is reported, one of a thousand hidden. Prints the
milliseconds (the median of five) of the menu's number, of the page «Questions», of both desks, of
one step of time, and of the search for what is kept no longer.
"""

import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from statistics import median
from typing import Any, cast

import sqlalchemy as sa

from connectors.values import EVERYONE, Agent
from expertise.directory import SqlDirectory
from indexer.access import Reader
from indexer.state import digest
from quisait.application.database import connect, migrate
from search_api.answers.asking import move_questions_on, own_questions, waiting_questions
from search_api.answers.context import AnswerContext, Asking, RoleHolder
from search_api.answers.moderation import moderation_desk, waiting_reports
from search_api.asking.limits import DailyActs
from search_api.asking.storage import (
    SqlQuestions,
    asked_agents,
    asked_questions,
    given_answers,
    hidden_texts,
    text_reports,
)
from search_api.asking.values import AskingRules
from search_api.identity.principals import Grant, Grants, Role

QUESTIONS = 100_000
AGENTS = 20_000
TOPICS = 500
ROUNDS = 5
NOW = datetime(2026, 6, 1, 9, tzinfo=UTC)
TODAY = date(2026, 6, 1)


class Everybody:
    """A directory of invented agents."""

    def entries(self) -> Iterator[Agent]:
        """Everyone, of one entity."""
        for n in range(AGENTS):
            yield Agent(f"ag-{n}", "Jo", f"Nom{n}", departement="22", entity="Finances")


def fill(engine: sa.Engine, count: int) -> None:
    """Write questions with their answers, requests, reports and hidden texts."""
    rows: dict[sa.Table, list[dict[str, Any]]] = {
        one: [] for one in (asked_questions, given_answers, asked_agents, text_reports)
    }
    rows[hidden_texts] = []
    for n in range(count):
        kind, id_, asker = n % 100, f"{n:032x}", f"ag-{n * 7 % AGENTS}"
        asked = NOW - timedelta(minutes=5 * (count - n))
        stage = "answered" if kind < 60 else "experts" if kind == 99 else "animator"
        rows[asked_questions].append(
            {"id": id_, "seq": n + 1, "agent_key": digest(asker), "agent_id": asker,
             "title": f"Question {n} ?", "text": "Un texte. " * 20, "topic_id": f"t-{n % TOPICS}",
             "scope": "everybody", "scope_id": "", "named": True, "stage": stage, "until": None,
             "created": asked, "modified": asked, "missing": "", "deleted": False, "corrected": []}
        )  # fmt: skip
        other = f"ag-{(n * 7 + 1) % AGENTS}"
        if kind < 85:
            rows[given_answers].append(
                {"id": f"{n:031x}a", "question_id": id_, "agent_key": digest(other),
                 "agent_id": other, "text": "Une réponse. " * 20, "created": asked,
                 "corrected": [], "accepted": kind < 60, "thanked": False, "valid_until": None}
            )  # fmt: skip
        if kind == 99:
            rows[asked_agents].append(
                {"question_id": id_, "agent_key": digest(other), "agent_id": other,
                 "state": "waiting", "asked": NOW, "until": NOW + timedelta(days=3), "reason": ""}
            )  # fmt: skip
        if kind == 50:
            rows[text_reports].append(
                {"question_id": id_, "answer_id": "", "agent_key": digest(other),
                 "agent_id": other, "reason": "Faux.", "created": NOW, "decided": None}
            )  # fmt: skip
        if n % 1000 == 51:
            rows[hidden_texts].append(
                {"question_id": id_, "answer_id": "", "reason": "Faux.", "since": NOW}
            )
    with engine.begin() as connection:
        for table, some in rows.items():
            connection.execute(sa.insert(table), some)
    with engine.begin() as connection:
        connection.exec_driver_sql("analyze")


def context_of(engine: sa.Engine) -> AnswerContext:
    """What the answers are made from; no index is asked, since there is no list of topics."""
    book = SqlDirectory(engine)
    book.replace(Everybody())
    grants = Grants(
        (
            Grant(Role.ANIMATOR, frozenset({"ag-1"}), topics=frozenset({"t-95"})),
            Grant(Role.ANIMATOR, frozenset({"ag-2"}), topics=frozenset({"*"})),
        )
    )
    questions = SqlQuestions(engine, lambda: NOW)
    acts = DailyActs(lambda: NOW)
    asking = Asking(questions, AskingRules(), lambda: True, reader, acts)
    search = cast(Any, None)
    return AnswerContext(search, book, today=lambda: TODAY, grants=grants, asking=asking)


def reader(agent_id: str) -> Reader:
    """An agent with no group."""
    return Reader(agent_id, frozenset({EVERYONE, f"agent:{agent_id}"}))


def holder(context: AnswerContext, agent_id: str) -> RoleHolder:
    """An animator."""
    held = context.grants.held_by(reader(agent_id))
    return RoleHolder(reader(agent_id), Role.ANIMATOR, held)


def tell(what: str, act: Callable[[], object]) -> None:
    """Print how long it takes, in milliseconds."""
    times_ms = []
    for _ in range(ROUNDS):
        begun = time.perf_counter()
        act()
        times_ms.append(1000 * (time.perf_counter() - begun))
    print(f"{what:<44}{median(times_ms):>10.1f} ms", flush=True)


def main(arguments: list[str]) -> None:
    """Print the figures."""
    count = int(arguments[0]) if arguments else QUESTIONS
    with tempfile.TemporaryDirectory() as folder:
        engine = migrate(connect(f"sqlite:///{Path(folder) / 'state.sqlite'}"))
        fill(engine, count)
        context = context_of(engine)
        questions = cast(Asking, context.asking).questions
        print(f"{count} questions, {AGENTS} agents, {TOPICS} topics")
        tell("the menu's number", lambda: waiting_questions(context, reader("ag-7")))
        tell("«Questions» of an agent", lambda: own_questions(context, reader("ag-7")))
        tell(
            "«Questions» of who animates one topic", lambda: own_questions(context, reader("ag-1"))
        )
        tell(
            "the desk of who animates one topic",
            lambda: moderation_desk(context, holder(context, "ag-1")),
        )
        tell(
            "the desk of who animates every topic",
            lambda: moderation_desk(context, holder(context, "ag-2")),
        )
        tell("the number of waiting reports", lambda: waiting_reports(context))
        tell("one step of time", lambda: move_questions_on(context))
        old = NOW - timedelta(days=365)
        tell("what is kept no longer, nothing", lambda: questions.expired(old, old))
        late = NOW - timedelta(days=250)
        tell("what is kept no longer, some", lambda: questions.expired(late, late))
        engine.dispose()


if __name__ == "__main__":
    main(sys.argv[1:])
