"""Authorities: what they say is theirs to say, in time, or nothing of theirs is believed."""

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest
import sqlalchemy as sa
from hypothesis import given
from hypothesis import strategies as st

from connectors.directory import TableDirectory
from connectors.ports import SourceUnreachable
from connectors.values import Access, account_principal
from expertise.directory import SqlDirectory
from indexer.access import NOBODY, Reader, access_filter
from indexer.state import State
from quisait.application.database import migrate
from quisait.application.sources import open_authorities
from quisait.settings import Settings
from search_api.identity import readers
from search_api.identity.readers import (
    MAX_CONCURRENT_CALLS,
    MAX_PENDING_CALLS,
    NO_AUTHORITIES,
    Authorities,
    AuthorityClient,
    AuthorityLimits,
)
from tests.builders import Seconds
from tests.unit.test_readers import ListedAgents

pytestmark = pytest.mark.trust

READER = Reader("ag-1", frozenset({"everyone", "agent:ag-1", "ldap:group:g", "wiki:account:Ana"}))
AGENTS = ListedAgents((), accounts=frozenset({"wiki:Ana"}))
QUICK = AuthorityLimits(fresh_s=60, wait_s=0.2, failures=3, rest_s=30)


@dataclass
class Scripted:
    """Says what it is told to; `asked` counts how often it was."""

    name: str = "wiki"
    says: frozenset[str] = frozenset({"wiki:group:sysop"})
    fails: Exception | None = None
    hangs: threading.Event | threading.Barrier | None = None
    asked: list[tuple[str, frozenset[str]]] = field(default_factory=list)
    ended: int = 0

    def principals(self, agent_id: str, accounts: frozenset[str]) -> frozenset[str]:
        says = self.says
        self.asked.append((agent_id, accounts))
        if self.hangs is not None:
            self.hangs.wait(30)
        self.ended += 1
        if self.fails is not None:
            raise self.fails
        return says


@dataclass
class Stage:
    one: Scripted
    clock: Seconds
    stamp: int = 1
    silent: frozenset[str] = frozenset()


@contextmanager
def authorities(
    stage: Stage, *more: Scripted, limits: AuthorityLimits = QUICK, real_time: bool = False
) -> Iterator[Authorities]:
    clock: Callable[[], float] = time.monotonic if real_time else stage.clock
    made = Authorities(
        (stage.one, *more), AGENTS, limits, lambda: stage.stamp, lambda: stage.silent, clock
    )
    try:
        yield made
    finally:
        made.close()


@pytest.fixture
def stage() -> Stage:
    return Stage(Scripted(), Seconds())


def test_what_an_authority_says_is_the_readers(stage: Stage) -> None:
    """By their id and the accounts that the directory gives them; nothing else is lost."""
    with authorities(stage) as all_of_them:
        whole = all_of_them.complete(READER)
    assert whole == Reader("ag-1", READER.principals | {"wiki:group:sysop"})
    assert stage.one.asked == [("ag-1", frozenset({"wiki:Ana"}))]


def test_nobody_is_not_asked_about(stage: Stage) -> None:
    """Who reads nothing stays nobody; without authorities a reader stays as they are."""
    with authorities(stage) as all_of_them:
        assert all_of_them.complete(NOBODY) == NOBODY
    assert stage.one.asked == []
    assert NO_AUTHORITIES.complete(READER) == READER


LIES = [
    {"ldap:group:fraude"},
    {"everyone"},
    {"agent:ag-2"},
    {"wiki:group:a", "wikib:group:a"},
    {"wiki"},
    {""},
    {"WIKI:group:a"},
]


@pytest.mark.parametrize("lie", LIES, ids=lambda lie: "+".join(sorted(lie)))
def test_an_authority_speaks_for_itself_alone(stage: Stage, lie: set[str]) -> None:
    """One that vouches for another's principals is not believed at all."""
    stage.one.says = frozenset({"wiki:group:sysop", *lie})
    believed = lie == {"wiki"}  # a principal without a kind is its own, and nobody's
    with authorities(stage) as all_of_them:
        reader = all_of_them.complete(READER)
    assert reader.unanswered == (frozenset() if believed else {"wiki"})
    assert not {"ldap:group:fraude", "agent:ag-2"} & reader.principals
    assert ("wiki:group:sysop" in reader.principals) is believed


def test_names_that_nobody_may_bear(stage: Stage) -> None:
    """Two of one name, and names of the application's own, are refused."""
    for names in (("wiki", "wiki"), ("agent",), ("everyone",)):
        with pytest.raises(ValueError, match="nom"):
            Authorities([Scripted(name) for name in names], AGENTS)


@pytest.mark.parametrize("fault", [SourceUnreachable("…"), RuntimeError("…"), KeyError("…")])
def test_one_that_fails_denies_what_it_governs(stage: Stage, fault: Exception) -> None:
    """What it lets in and what it shuts out alike; the reader's account there too."""
    stage.one.fails = fault
    with authorities(stage) as all_of_them:
        reader = all_of_them.complete(READER)
    assert reader.unanswered == {"wiki"}
    assert not [one for one in reader.principals if one.startswith("wiki:")]
    admits = access_filter(reader).admits
    assert admits(Access(frozenset({"everyone"})))
    assert admits(Access(frozenset({"ldap:group:g"}), frozenset({"ldap:group:other"})))
    assert not admits(Access(frozenset({"wiki:group:sysop"})))
    assert not admits(Access(frozenset({account_principal("wiki:Ana")})))
    assert not admits(Access(frozenset({"everyone"}), frozenset({"wiki:group:x"})))


def test_all_are_asked_at_once(stage: Stage) -> None:
    """Three that each wait for the two others all answer."""
    together = threading.Barrier(3)
    waiting = [Scripted(name, frozenset(), hangs=together) for name in ("a", "b", "c")]
    patient = replace(QUICK, wait_s=60)
    with authorities(stage, *waiting, limits=patient, real_time=True) as all_of_them:
        assert not all_of_them.complete(READER).unanswered


def test_those_that_hang_are_given_up_and_one_that_answers_is_believed(stage: Stage) -> None:
    over = threading.Event()
    hanging = [Scripted(name, frozenset(), hangs=over) for name in ("a", "b", "c")]
    with authorities(stage, *hanging, real_time=True) as all_of_them:
        reader = all_of_them.complete(READER)
        over.set()
    assert reader.unanswered == {"a", "b", "c"}
    assert "wiki:group:sysop" in reader.principals


def test_answers_are_kept_for_their_time_and_no_longer(stage: Stage) -> None:
    """A right that was taken away is gone after it; a failure is not remembered as a right."""
    with authorities(stage) as all_of_them:
        all_of_them.complete(READER)
        stage.one.says = frozenset()
        stage.clock.now_s += QUICK.fresh_s - 1
        assert "wiki:group:sysop" in all_of_them.complete(READER).principals
        stage.clock.now_s += 1
        assert "wiki:group:sysop" not in all_of_them.complete(READER).principals
        assert len(stage.one.asked) == 2
        stage.one.fails = SourceUnreachable("…")
        stage.clock.now_s += QUICK.fresh_s
        assert all_of_them.complete(READER).unanswered == {"wiki"}


def test_answers_are_forgotten_when_the_directory_was_read_again(stage: Stage) -> None:
    """At the next question."""
    with authorities(stage) as all_of_them:
        all_of_them.complete(READER)
        stage.one.says = frozenset()
        stage.stamp = 2
        assert "wiki:group:sysop" not in all_of_them.complete(READER).principals


def test_a_failing_one_is_left_alone_and_tried_again(stage: Stage) -> None:
    """After three failures nobody waits for it; after its rest one question tells."""
    stage.one.fails = SourceUnreachable("…")
    with authorities(stage) as all_of_them:
        for _ in range(10):
            assert all_of_them.complete(READER).unanswered == {"wiki"}
        assert len(stage.one.asked) == QUICK.failures
        stage.clock.now_s += QUICK.rest_s
        for _ in range(5):
            assert all_of_them.complete(READER).unanswered == {"wiki"}
        assert len(stage.one.asked) == QUICK.failures + 1
        stage.one.fails = None
        stage.clock.now_s += QUICK.rest_s
        assert not all_of_them.complete(READER).unanswered


def test_one_that_hangs_is_soon_not_waited_for(
    stage: Stage, caplog: pytest.LogCaptureFixture
) -> None:
    """And its late answer counts once it is there."""
    over = threading.Event()
    stage.one.hangs = over
    limits = AuthorityLimits(fresh_s=60, wait_s=0.05, failures=3, rest_s=30)
    with authorities(stage, limits=limits, real_time=True) as all_of_them:
        for _ in range(3):
            all_of_them.complete(READER)
        for agent in range(50):
            other = Reader(f"ag-{agent}", READER.principals)
            assert all_of_them.complete(other).unanswered == {"wiki"}
        waits = [one for one in caplog.records if one.getMessage() == "authority too late"]
        assert len(waits) <= 2 * limits.failures
        over.set()
        deadline = time.monotonic() + 60
        while all_of_them.complete(READER).unanswered and time.monotonic() < deadline:
            time.sleep(0.01)
        assert "wiki:group:sysop" in all_of_them.complete(READER).principals


@contextmanager
def called(one: Scripted, clock: Seconds) -> Iterator[AuthorityClient]:
    """A client whose calls hang until `one.hangs` is set."""
    over = one.hangs = threading.Event()
    client = AuthorityClient(one, QUICK, clock)
    try:
        yield client
    finally:
        over.set()
        client.close()


def ask(client: AuthorityClient, agent_id: str) -> Future[frozenset[str]]:
    future = client.ask(agent_id, frozenset())
    assert future is not None
    return future


def begun(one: Scripted, calls: int) -> None:
    deadline = time.monotonic() + 60
    while len(one.asked) < calls and time.monotonic() < deadline:
        time.sleep(0.001)
    assert len(one.asked) == calls


def test_an_answer_of_before_the_directory_was_read_again_counts_for_nobody(stage: Stage) -> None:
    """The next question is asked anew, and the late answer is not kept in its place."""
    with called(stage.one, stage.clock) as client:
        late = ask(client, "ag-1")
        begun(stage.one, 1)
        assert ask(client, "ag-1") is late
        client.forget()
        stage.one.says = frozenset()
        anew = ask(client, "ag-1")
        begun(stage.one, 2)
        stage.one.hangs.set()  # type: ignore[union-attr]
        assert late.result(60) == {"wiki:group:sysop"}
        assert anew.result(60) == frozenset()
        assert ask(client, "ag-1").result(60) == frozenset()
        assert len(stage.one.asked) == 2


def test_one_question_at_a_time_tries_one_that_failed(stage: Stage) -> None:
    with called(stage.one, stage.clock) as client:
        for _ in range(QUICK.failures):
            client.failed()
        assert client.ask("ag-1", frozenset()) is None
        stage.clock.now_s += QUICK.rest_s
        ask(client, "ag-1")
        assert client.ask("ag-2", frozenset()) is None


def test_calls_that_would_answer_too_late_are_not_made(stage: Stage) -> None:
    with called(stage.one, stage.clock) as client:
        for number in range(MAX_PENDING_CALLS):
            ask(client, f"ag-{number}")
        assert client.ask("ag-more", frozenset()) is None
        assert ask(client, "ag-0")


def test_calls_that_wait_are_given_up_where_it_is_closed(stage: Stage) -> None:
    with called(stage.one, stage.clock) as client:
        asked = [ask(client, f"ag-{number}") for number in range(MAX_CONCURRENT_CALLS + 1)]
        begun(stage.one, MAX_CONCURRENT_CALLS)
        client.close()
        assert [one.cancelled() for one in asked] == [*[False] * MAX_CONCURRENT_CALLS, True]


def test_an_answer_begins_the_count_of_failures_anew(stage: Stage) -> None:
    with called(stage.one, stage.clock) as client:
        for number in range(3):
            for _ in range(QUICK.failures - 1):
                client.failed()
            future = ask(client, f"ag-{number}")
            stage.one.hangs.set()  # type: ignore[union-attr]
            assert future.result(60)


def test_the_oldest_answers_are_dropped_first(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By when the authority was asked last."""
    monkeypatch.setattr(readers, "MAX_CACHED_ANSWERS", 2)
    with called(stage.one, stage.clock) as client:
        stage.one.hangs = None
        for agent_id in ("ag-1", "ag-2"):
            ask(client, agent_id).result(60)
        stage.clock.now_s += QUICK.fresh_s
        for agent_id in ("ag-1", "ag-3", "ag-1"):
            ask(client, agent_id).result(60)
        assert [agent_id for agent_id, _ in stage.one.asked] == ["ag-1", "ag-2", "ag-1", "ag-3"]


def test_one_that_was_closed_is_not_called_and_not_waited_for(stage: Stage) -> None:
    with authorities(stage) as all_of_them:
        stage.one.hangs = threading.Event()
        assert all_of_them.complete(READER).unanswered == {"wiki"}
        all_of_them.close()
        assert stage.one.ended == 0
        with pytest.raises(RuntimeError):
            all_of_them.complete(Reader("ag-2", READER.principals))
        stage.one.hangs.set()
    assert len(stage.one.asked) == 1


def test_the_directory_does_not_speak_for_another(stage: Stage) -> None:
    """A group of its own that bears another's name: believed only where that one says so."""
    told = Reader("ag-1", READER.principals | {"wiki:group:bureaucrat"})
    with authorities(stage) as all_of_them:
        assert all_of_them.complete(told).unanswered == {"wiki"}
        stage.one.says = frozenset({"wiki:group:bureaucrat"})
        stage.stamp += 1
        assert not all_of_them.complete(told).unanswered


def test_a_source_hands_out_no_group_of_the_directorys_tables(tmp_path: Path) -> None:
    """Not to an agent whom the directory does not put in it either, until the names differ."""
    (tmp_path / "a.csv").write_text("id\nag-1\nag-2\n", "utf-8")
    (tmp_path / "g.csv").write_text("principal,members\nannuaire:group:fraude,ag-2\n", "utf-8")
    engine = migrate(sa.create_engine(f"sqlite:///{tmp_path / 'state.sqlite'}"))
    book, state = SqlDirectory(engine), State(engine)
    book.replace(TableDirectory(tmp_path / "a.csv", tmp_path / "g.csv"))
    wiki = Scripted("annuaire", frozenset({"annuaire:group:fraude"}))
    with open_authorities(Settings(), book, state, [wiki]) as opened:
        asking = Reader("ag-1", frozenset({"everyone", "agent:ag-1"}))
        reader = opened.complete(asking)
        assert reader.principals == {"everyone", "agent:ag-1"}
        assert reader.unanswered == {"annuaire"}
        (tmp_path / "g.csv").write_text("principal,members\nrh:group:fraude,ag-2\n", "utf-8")
        book.replace(TableDirectory(tmp_path / "a.csv", tmp_path / "g.csv"))
        assert opened.complete(asking).principals > reader.principals
    engine.dispose()


def test_one_that_is_known_not_to_answer(stage: Stage) -> None:
    """The directory, where it was not read for too long: its groups are not believed."""
    stage.silent = frozenset({"ldap"})
    with authorities(stage) as all_of_them:
        reader = all_of_them.complete(READER)
    assert reader.unanswered == {"ldap"}
    assert "ldap:group:g" not in reader.principals


PRINCIPALS = [f"{a}:group:{n}" for a in ("ldap", "wiki", "docs") for n in "ab"]
LISTS = st.lists(st.sampled_from([*PRINCIPALS, "everyone"]), max_size=3).map(frozenset)


@given(LISTS, LISTS, LISTS, LISTS, st.sets(st.sampled_from(["wiki", "docs"])))
def test_silence_never_opens(
    wiki: frozenset[str],
    docs: frozenset[str],
    allowed: frozenset[str],
    denied: frozenset[str],
    down: set[str],
) -> None:
    """Whatever is said, and whoever is down: nothing is read that was not read before."""

    def reader(down: Sequence[str]) -> Reader:
        fault = SourceUnreachable("…")
        one = Scripted("wiki", wiki, fault if "wiki" in down else None)
        other = Scripted("docs", docs, fault if "docs" in down else None)
        with authorities(Stage(one, Seconds()), other) as all_of_them:
            return all_of_them.complete(READER)

    access = Access(allowed, denied)
    closed, whole = access_filter(reader(sorted(down))), access_filter(reader([]))
    assert whole.admits(access) or not closed.admits(access)
