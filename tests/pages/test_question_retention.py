"""Retention of questions, and the date until which an answer is valid."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import date, timedelta

import pytest
import sqlalchemy as sa
from hypothesis import given, settings
from hypothesis import strategies as st

from quisait.application.database import migrate
from quisait.privacy import retention
from quisait.settings import Settings
from search_api.questions.storage import SqlQuestions
from search_api.questions.tables import asked_questions
from search_api.questions.values import AskedQuestion, GivenAnswer
from tests.pages.asking_site import ASKER, NEIGHBOUR, STRANGER, AskingSite, a_clock
from tests.pages.test_asking import shown

pytestmark = [pytest.mark.pages, pytest.mark.trust]


@pytest.fixture(scope="module")
def engine() -> Iterator[sa.Engine]:
    made = migrate(sa.create_engine("sqlite://", poolclass=sa.StaticPool))
    yield made
    made.dispose()


DAYS = st.integers(0, 40)
AGE = 20


@given(asked=DAYS, answers=st.lists(DAYS, max_size=2), used=st.none() | DAYS)
@settings(max_examples=60, deadline=None)
def test_what_was_of_use_lately_is_kept(
    engine: sa.Engine, asked: int, answers: list[int], used: int | None
) -> None:
    """The latest of a change, an answer and another agent's reading decides."""
    now = a_clock().now
    questions = SqlQuestions(engine, lambda: now)

    def ago(days: int) -> timedelta:
        return timedelta(days=days, hours=1)

    with engine.begin() as connection:
        connection.execute(sa.delete(asked_questions))
    moment = now - ago(asked)
    question = AskedQuestion("q", ASKER, "Quel cadastre ?", "", moment, moment)
    assert questions.ask(question, 9, now)
    for number, days in enumerate(answers):
        questions.answer(GivenAnswer(f"a{number}", "q", NEIGHBOUR, "Celui-ci.", now - ago(days)))
    if used is not None:
        questions.retention.note_use("q", (now - ago(used)).date())
    before = now - timedelta(days=AGE)
    in_use = used is not None and (now - ago(used)).date() >= before.date()
    due = ("q",) if min([asked, *answers]) >= AGE and not in_use else ()
    assert questions.retention.expired(before, before) == due
    assert (
        questions.retention.expired(None if not answers else before, None if answers else before)
        == ()
    )
    questions.remove("q")


def test_an_old_question_goes_from_everywhere(
    site: AskingSite, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Page, search and database, told to the register; one that somebody opens stays."""
    gone, used, answered = (
        site.ask(title=f"Le cadastre {one} ?") for one in ("une", "deux", "trois")
    )
    assert site.act(NEIGHBOUR, answered, "answer", text="Par là.") == 204
    site.clock.now += timedelta(days=366)
    later = site.services.today() + timedelta(days=366)
    services = replace(site.services, today=lambda: later)
    assert (
        replace(site, services=services).client(STRANGER).get(f"/questions/{used}").status_code
        == 200
    )
    monkeypatch.setattr(retention, "now", site.clock)
    purge = (site.register, site.engine, site.index, Settings())
    assert retention._purge_old_questions(*purge) == 1
    assert site.read(ASKER, gone) == 404
    assert sorted(site.found(ASKER, "cadastre")) == sorted(
        f"questions:{one}" for one in (used, answered)
    )
    assert any(
        line["kind"] == "question" and line["question"] == gone for line in site.register.lines()
    )
    assert retention._purge_old_questions(*purge) == 0
    site.clock.now += timedelta(days=5 * 366)
    assert retention._purge_old_questions(*purge) == 2


def test_an_answer_says_until_when_it_holds(site: AskingSite) -> None:
    """Its document is in force no longer; corrected, it may say another day or none."""
    question, last = site.ask(), site.services.today() - timedelta(days=1)
    client = site.client(NEIGHBOUR)
    form = {"act": "answer", "text": "Jusqu'à la réforme.", "valid_until": last.isoformat()}
    assert client.post(f"/questions/{question}", data=form).status_code == 303
    page = site.client(STRANGER).get(f"/questions/{question}").text
    assert 'class="risk"' in page
    assert until(site, question) == last
    answer = site.read(NEIGHBOUR, question)["answers"][0]["id"]
    assert site.act(STRANGER, question, "answer", text="Sans fin.") == 204
    assert until(site, question) is None, "one of them has no end"
    assert site.act(ASKER, question, "helped", answer=answer) == 204
    assert until(site, question) == last
    assert site.act(NEIGHBOUR, question, "correct", answer=answer, text="Toujours.") == 204
    assert until(site, question) is None


def until(site: AskingSite, question: str) -> date | None:
    """Return the date as the index stores it, which is the same for every reader."""
    day = shown(site, question).valid_until
    return date.fromisoformat(day) if day else None
