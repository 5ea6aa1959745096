"""Questions in the state's database: numbers that follow each other, limits that hold in a race."""

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from threading import Barrier
from typing import Any

import pytest
import sqlalchemy as sa

from connectors.ports import Checkpoint, Delete, Listing, Upsert
from indexer.state import row_of
from search_api.questions.documents import QuestionsConnector
from search_api.questions.storage import SqlQuestions
from search_api.questions.tables import asked_questions, text_reports
from search_api.questions.values import (
    AgentRequest,
    AskedQuestion,
    AskingPreferences,
    GivenAnswer,
    QuestionStage,
    RequestState,
    TextReport,
)

pytestmark = pytest.mark.trust

NOW = datetime(2026, 3, 10, 9, tzinfo=UTC)
WEEK_AGO = NOW - timedelta(days=7)
RACERS = 6


@pytest.fixture
def questions(engine: sa.Engine) -> SqlQuestions:
    return SqlQuestions(engine, lambda: NOW)


def asked(id_: str, asker: str = "ag-5") -> AskedQuestion:
    return AskedQuestion(id_, asker, f"Question {id_} ?", "", NOW, NOW, topic_id="cadastre")


def request(question: str, agent_id: str = "ag-1") -> AgentRequest:
    until = NOW + timedelta(days=3)
    return AgentRequest(question, agent_id, RequestState.WAITING, NOW, until)


def test_no_race_takes_a_limit_by_surprise(questions: SqlQuestions) -> None:
    """Many ask one agent at one moment, and one asker asks many: each limit holds exactly."""
    for number in range(RACERS):
        assert questions.ask(asked(f"q{number}", f"other-{number}"), 1, WEEK_AGO)
    start = Barrier(2 * RACERS)

    def race(number: int) -> tuple[bool, bool]:
        start.wait()
        if number < RACERS:
            return questions.requests.add(request(f"q{number}"), 2, WEEK_AGO), False
        return False, questions.ask(asked(f"r{number}"), 3, WEEK_AGO)

    with ThreadPoolExecutor(2 * RACERS) as pool:
        done = list(pool.map(race, range(2 * RACERS)))
    assert [sum(column) for column in zip(*done, strict=True)] == [2, 3]
    assert questions.requests.count_since(["ag-1", "ag-2"], WEEK_AGO) == {"ag-1": 2}
    assert questions.last_seq() >= 2 * RACERS


def test_the_first_of_all_may_come_together(questions: SqlQuestions) -> None:
    """Into a database without any number yet: each gets its own."""
    start = Barrier(RACERS)

    def race(number: int) -> bool:
        start.wait()
        return questions.ask(asked(f"q{number}", f"other-{number}"), 1, WEEK_AGO)

    with ThreadPoolExecutor(RACERS) as pool:
        assert all(pool.map(race, range(RACERS)))
    assert questions.last_seq() == RACERS


def test_one_agent_at_a_time_and_each_once(questions: SqlQuestions) -> None:
    """Nobody is asked again, nor a second while the first may answer, nor past that stage."""
    assert questions.ask(asked("q"), 5, WEEK_AGO)
    assert questions.requests.add(request("q"), 9, WEEK_AGO)
    assert not questions.requests.add(request("q", "ag-2"), 9, WEEK_AGO)
    assert questions.requests.decide("q", "ag-1", RequestState.DECLINED)
    assert not questions.requests.decide("q", "ag-1", RequestState.ACCEPTED), "it was decided"
    assert not questions.requests.add(request("q"), 9, WEEK_AGO)
    questions.requests.move("q", QuestionStage.ANIMATOR, None)
    assert not questions.requests.add(request("q", "ag-2"), 9, WEEK_AGO)
    assert not questions.requests.add(request("never"), 9, WEEK_AGO)


def test_the_source_tells_what_changed_since(questions: SqlQuestions) -> None:
    """From a cursor on; everything with a listing without one, or with one of another database."""
    connector = QuestionsConnector(questions)
    for name in ("a", "b"):
        assert questions.ask(asked(name), 5, WEEK_AGO)
    first, second, listing, end = connector.changes(None)
    assert isinstance(first, Upsert)
    assert isinstance(second, Upsert)
    assert listing == Listing(frozenset({"questions:a", "questions:b"}))
    assert isinstance(end, Checkpoint)
    assert list(connector.changes(end.cursor)) == [end]
    questions.answer(GivenAnswer("r", "a", "ag-1", "Oui.", NOW))
    questions.remove("b")
    changed, gone, after = connector.changes(end.cursor)
    assert isinstance(changed, Upsert)
    assert [one.text for one in changed.document.sections] == ["Question a ?", "Oui."]
    assert gone == Delete("questions:b")
    assert isinstance(after, Checkpoint)
    assert [type(one) for one in connector.changes("999999")] == [
        Upsert,
        Delete,
        Listing,
        Checkpoint,
    ]
    assert list(connector.refetch(frozenset({"questions:a", "questions:x"}))) == [changed]
    assert questions.one("b") is None


def test_preferences_replace_each_other(questions: SqlQuestions) -> None:
    """The last word of one agent; the defaults of who said nothing."""
    said = AskingPreferences(False, ("cadastre",), 1, NOW.date())
    for one in (AskingPreferences(per_week=9), said):
        questions.requests.prefer("ag-1", one)
    assert questions.requests.preferences(["ag-1", "ag-2"]) == {
        "ag-1": said,
        "ag-2": AskingPreferences(),
    }


def test_what_is_counted_is_of_a_day(questions: SqlQuestions) -> None:
    """«Cela répond» adds up, without who or what."""
    for _ in range(3):
        questions.count_answered_before(NOW.date(), "wiki:q")
    assert questions.answered_before(NOW.date()) == 3
    assert questions.answered_before(NOW.date() + timedelta(days=1)) == 0


def test_sql_counts_what_threads_say(questions: SqlQuestions) -> None:
    """Which questions wait, which wait for their asker's word, and which no longer do."""
    ids = [f"{number:032x}" for number in range(9)]
    for id_ in ids:
        assert questions.ask(asked(id_), 99, WEEK_AGO)
    for number, id_ in enumerate(ids[1:], 1):
        author = "ag-5" if number == 1 else "ag-1"
        questions.answer(GivenAnswer(f"a{number}", id_, author, "Oui.", NOW))
    questions.accept(ids[3], "a3")
    questions.thank(ids[4], "a4")
    questions.lacks(ids[5], "La date.")
    questions.moderation.hide(ids[6], "a6", "Faux.")
    questions.moderation.hide(ids[7], "", "Faux.")
    questions.remove_answer(ids[8], "a8")
    threads = [thread for id_ in ids if (thread := questions.one(id_))]
    waiting = {one.question.id for one in threads if one.waits}
    assert waiting == {ids[0], ids[1], ids[5], ids[6], ids[8]}
    assert {one.id for one in questions.open_at(*QuestionStage)} == waiting
    assert {one.id for one in questions.open_at(*QuestionStage, topic_ids=["cadastre"])} == waiting
    assert [*questions.open_at(*QuestionStage, topic_ids=["regies"])] == []
    turns = QuestionStage.EXPERTS, QuestionStage.COMMUNITY
    assert {one.id for one in questions.open_at(*turns)} == waiting
    assert questions.open_by_topic(*QuestionStage) == {"cadastre": len(waiting)}
    own = [one for one in questions.of_asker("ag-5") if one.awaits_asker]
    assert questions.awaiting_word("ag-5") == len(own) == 2


def test_lists_of_questions_name_few_of_them_in_a_statement(questions: SqlQuestions) -> None:
    """A database refuses a statement with too many parameters; pages follow each other whole."""
    count = 1201
    ids = [f"{number:032x}" for number in range(count)]
    with questions._engine.begin() as connection:
        stored = {"agent_id": "ag-5", "deleted": False, "corrected": [], "readers_chosen": True}
        rows = [
            row_of(asked_questions, asked(id_), seq=number, **stored)
            for number, id_ in enumerate(ids)
        ]
        connection.execute(sa.insert(asked_questions), rows)
        said = [TextReport(id_, "", "ag-1", "Faux.", NOW) for id_ in ids]
        reports = [row_of(text_reports, one, decided=None) for one in said]
        connection.execute(sa.insert(text_reports), reports)
    most = 0

    def statement(_c: Any, _cursor: Any, _text: str, parameters: Any, *_: Any) -> None:
        nonlocal most
        most = max(most, len(parameters))

    sa.event.listen(questions._engine, "before_cursor_execute", statement)
    assert [one.id for one in questions.open_at(QuestionStage.EXPERTS)] == ids
    assert [one.question.id for one, _ in questions.moderation.texts_reported()] == ids
    assert len(questions.of_asker("ag-5")) == count
    assert questions.moderation.waiting_reports(NOW)[:2] == (count, 0)
    assert len(questions.retention.expired(NOW + timedelta(days=1), None)) == count
    assert most < 1000
