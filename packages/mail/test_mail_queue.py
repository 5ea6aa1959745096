"""The mail queue in the state's database: each message is queued once and claimed by one sender."""

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import pytest
import sqlalchemy as sa
from quisait_mail.storage import LEASE, SqlMail
from quisait_mail.values import DigestPace, MailKind, MailPreferences, MailState

from quisait.privacy.retention import purge_agent
from search_api.following.storage import FollowKind, SqlFollowing
from search_api.questions.storage import SqlQuestions
from search_api.questions.values import AgentRequest, AskedQuestion, GivenAnswer, RequestState
from tests.builders import Clock

pytestmark = pytest.mark.trust

NOW = datetime(2026, 3, 10, 9, tzinfo=UTC)
MESSAGES, SENDERS = 12, 4


@pytest.fixture
def clock() -> Clock:
    return Clock(NOW)


@pytest.fixture
def mail(engine: sa.Engine, clock: Clock) -> SqlMail:
    return SqlMail(engine, clock, "x.test")


def ask(engine: sa.Engine, number: int) -> None:
    """Store a question of ag-5 to ag-1."""
    questions = SqlQuestions(engine, lambda: NOW)
    assert questions.ask(AskedQuestion(f"q{number}", "ag-5", "Où ?", "", NOW, NOW), 99, NOW)
    until = NOW + timedelta(days=3)
    request = AgentRequest(f"q{number}", "ag-1", RequestState.WAITING, NOW, until)
    assert questions.requests.add(request, 99, NOW - timedelta(days=7))


def test_each_is_queued_once_and_claimed_by_one(engine: sa.Engine, mail: SqlMail) -> None:
    """Whoever queues at the same moment, and however many send."""
    mail.choose("ag-1", MailPreferences(asked=True))
    for number in range(MESSAGES):
        ask(engine, number)
    with ThreadPoolExecutor(SENDERS) as pool:
        assert sum(pool.map(lambda _: mail.queue_due(), range(SENDERS))) == MESSAGES

        def claimed(_: int) -> list[str]:
            found = []
            while one := mail.claim():
                assert mail.begin_sending(one)
                mail.sent(one)
                found.append(one.id)
            return found

        every = [id_ for ids in pool.map(claimed, range(SENDERS)) for id_ in ids]
    assert len(set(every)) == len(every) == MESSAGES
    assert mail.counts().states == {MailState.SENT: MESSAGES}


def test_a_late_sender_takes_nothing_back(engine: sa.Engine, mail: SqlMail, clock: Clock) -> None:
    """Its claim is over: another has it; what it had begun is doubtful, whatever it says later."""
    mail.choose("ag-1", MailPreferences(asked=True))
    ask(engine, 1)
    assert mail.queue_due() == 1
    late = mail.claim()
    assert late
    assert mail.claim() is None
    clock.now += LEASE + timedelta(seconds=1)
    assert not mail.begin_sending(late)
    other = mail.claim()
    assert other
    assert (other.id, other.message_id) == (late.id, late.message_id)
    assert mail.begin_sending(other)
    mail.sent(late)
    mail.put_back(late)
    clock.now += LEASE + timedelta(seconds=1)
    assert mail.claim() is None
    assert mail.counts().states == {MailState.DOUBTFUL: 1}
    assert mail.send_doubtful_again() == 1
    again = mail.claim()
    assert again
    assert again.message_id == late.message_id


def test_reasons_of_each_kind(engine: sa.Engine, mail: SqlMail, clock: Clock) -> None:
    """Mails are queued for somebody else's answer since the choice, and for a due digest."""
    mail.choose("ag-5", MailPreferences(answered=True, digest=DigestPace.DAILY))
    ask(engine, 1)
    questions = SqlQuestions(engine, clock)
    for number, author in enumerate(("ag-1", "ag-5"), 1):
        given = GivenAnswer(f"a{number}", "q1", author, "Là.", NOW + timedelta(hours=number))
        questions.answer(given)
    clock.now += timedelta(days=1)
    assert mail.queue_due() == 2
    assert mail.queue_due() == 0
    found = {}
    while one := mail.claim():
        found[one.kind] = (one.agent_id, one.subject, one.begins)
    assert found == {
        MailKind.ANSWERED: ("ag-5", "a1", None),
        MailKind.DIGEST: ("ag-5", "2026-03-11", NOW),
    }


def test_what_is_kept_of_who_left_goes(engine: sa.Engine, mail: SqlMail, clock: Clock) -> None:
    """Choices, messages, follows and what was seen."""
    following = SqlFollowing(engine, clock)
    mail.choose("ag-1", MailPreferences(asked=True))
    following.follow("ag-1", FollowKind.SEARCH, "/?q=x")
    following.follow("ag-1", FollowKind.SEARCH, "/?q=x")
    following.see("ag-1")
    following.see("ag-1")
    assert [one.since for one in following.of("ag-1").follows] == [NOW]
    ask(engine, 1)
    assert mail.queue_due() == 1
    purge_agent(engine, "ag-1", b"key")
    assert mail.preferences("ag-1") == MailPreferences()
    assert mail.counts().states == {}
    assert (following.of("ag-1").follows, following.of("ag-1").seen) == ((), None)
