"""A request that only reads is answered from one moment, with few statements to the database."""

from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import pytest
import sqlalchemy as sa
from starlette.testclient import TestClient

from expertise.consent import Preference, PreferenceKind
from indexer.moment import each_once, once, one_moment
from quisait.application.assembly import Application
from quisait.clock import now
from quisait.server.app import app_of
from search_api.query_log.recording import NoQueryLog
from tests.pages.test_whole_demo import AGENTS, SITE
from tests.pages.test_whole_demo import application as application

pytestmark = [pytest.mark.pages, pytest.mark.trust]

QUESTION = "veuve maison de retraite taxe foncière"
RESULTS, HOME = 20, 25
"""Maximum number of statements of a page of results, and of the first page."""


@contextmanager
def counted(engine: sa.Engine) -> Iterator[list[str]]:
    """The statements that are sent during the block."""
    statements: list[str] = []

    def note(*arguments: Any) -> None:
        statements.append(arguments[2])

    sa.event.listen(engine, "before_cursor_execute", note)
    try:
        yield statements
    finally:
        sa.event.remove(engine, "before_cursor_execute", note)


def test_pages_send_few_statements(application: Application) -> None:
    """To an agent, without the bar in which the demo names its agents."""
    app = app_of(application, NoQueryLog())
    services = app.state.services
    app.state.services = replace(
        services, demo=False, reader_of=lambda _: application.reader(AGENTS[0])
    )
    client = TestClient(app, SITE)
    for address, most in ((f"/?q={QUESTION}", RESULTS), ("/", HOME)):
        client.get(address)
        with counted(application.database) as statements:
            assert client.get(address).status_code == 200
        assert len(statements) <= most, statements


def test_withdrawal_during_a_request_acts_at_the_next_request(application: Application) -> None:
    """The parts of one answer agree; nothing that was read is kept for another answer."""
    book, consent = application.book, application.privacy.consent
    withdrawal = Preference(AGENTS[0], PreferenceKind.WITHDRAW)
    with one_moment():
        before = book.agent(AGENTS[0])
        consent.put(withdrawal, now())
        try:
            assert book.agents([AGENTS[0], AGENTS[1]])[AGENTS[0]] is before
            assert (book.agent(AGENTS[0]), before and before.listed) == (before, True)
            with one_moment():
                withdrawn = book.agent(AGENTS[0])
                assert withdrawn
                assert not withdrawn.listed
        finally:
            consent.remove(withdrawal)
    again = book.agent(AGENTS[0])
    assert again
    assert again.listed


def test_values_are_read_once_in_a_moment_only() -> None:
    """By owner and subject; of several keys, the unread ones; also if there is no value."""
    owner, other, read = object(), object(), list[object]()

    def value() -> None:
        read.append("value")

    def values(keys: Collection[int]) -> dict[int, str]:
        read.append(sorted(keys))
        return {key: str(key) for key in keys if key < 3}

    for _ in range(2):
        once(owner, "a", value)
        each_once(owner, "b", (1, 3), values)
    assert read == ["value", [1, 3]] * 2
    read.clear()
    with one_moment():
        for thing in (owner, other, owner):
            assert once(thing, "a", value) is None
        assert each_once(owner, "b", (1, 3), values) == {1: "1"}
        assert each_once(owner, "b", (3, 2, 1), values) == {2: "2", 1: "1"}
    assert read == ["value", "value", [1, 3], [2]]
