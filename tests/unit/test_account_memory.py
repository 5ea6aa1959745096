"""Cached accounts always agree with the directory, even if another process changed it."""

from datetime import UTC, datetime
from typing import Any

import pytest
import sqlalchemy as sa
from hypothesis import given
from hypothesis import strategies as st

from connectors.values import Agent
from expertise import directory
from expertise.consent import WHOLE_SERVICE, Preference, PreferenceKind, SqlConsent
from expertise.directory import SqlDirectory
from expertise.directory_tables import accounts, directory_versions
from indexer.state import digest
from quisait.application.database import connect, migrate
from quisait.privacy.retention import purge_agent
from tests.builders import Listed
from tests.selection import examples

pytestmark = pytest.mark.experts

NOW = datetime(2026, 3, 10, 9, tzinfo=UTC)
NAMES = tuple(f"{source}:{n}" for source in ("wiki", "mail") for n in range(3))
IDS = ("ag-0", "ag-1", "ag-2")


def agent(id_: str, *accounts: str, office: str = "") -> Agent:
    return Agent(id_, "Ana", "Le Goff", office=office, accounts=accounts)


def ids(book: SqlDirectory, *names: str) -> dict[str, str]:
    return {account: one.id for account, one in book.by_account(names).items()}


def test_what_another_process_read_is_seen_at_once(engine: sa.Engine) -> None:
    """An account changes hands, another is claimed at last."""
    ours, theirs = SqlDirectory(engine), SqlDirectory(engine)
    theirs.replace(Listed(agent("ag-0", "wiki:0")))
    assert ids(ours, "wiki:0", "wiki:1") == {"wiki:0": "ag-0"}
    theirs.replace(Listed(agent("ag-0"), agent("ag-1", "wiki:0", "wiki:1")))
    assert ids(ours, "wiki:0", "wiki:1") == {"wiki:0": "ag-1", "wiki:1": "ag-1"}


def test_who_is_purged_is_forgotten_at_once(engine: sa.Engine) -> None:
    """Though no directory was read since."""
    ours = SqlDirectory(engine)
    ours.replace(Listed(agent("ag-0", "wiki:0"), agent("ag-1", "wiki:1")))
    assert set(ids(ours, "wiki:0", "wiki:1")) == {"wiki:0", "wiki:1"}
    purge_agent(engine, "ag-0", b"key")
    assert ids(ours, "wiki:0", "wiki:1") == {"wiki:1": "ag-1"}


def test_two_changes_at_once_leave_nothing_stale(engine: sa.Engine) -> None:
    """Two processes change the directory at once, so that both version tokens are stored."""
    ours = SqlDirectory(engine)
    for number, token in enumerate(("0" * 32, "f" * 32)):
        ours.replace(Listed(agent("ag-0", "wiki:0"), agent("ag-1")))
        assert ids(ours, "wiki:0") == {"wiki:0": "ag-0"}, number
        with engine.begin() as connection:
            moved = sa.update(accounts).values(agent_key=digest("ag-1"))
            connection.execute(moved)
            connection.execute(sa.insert(directory_versions).values(token=token))
        assert ids(ours, "wiki:0") == {"wiki:0": "ag-1"}, number


def test_more_than_is_remembered_is_read(
    engine: sa.Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Beyond the most, all is forgotten, and nobody is missing."""
    monkeypatch.setattr(directory, "MOST_ACCOUNTS_CACHED", 3)
    ours = SqlDirectory(engine)
    ours.replace(Listed(*(agent(f"ag-{n}", f"wiki:{n}") for n in range(8))))
    for first in (0, 2, 4, 0, 3):
        asked = [f"wiki:{n}" for n in range(first, first + 3)]
        assert set(ids(ours, *asked)) == set(asked)
    assert len(ids(ours, *(f"wiki:{n}" for n in range(8)))) == 8


directories = st.lists(
    st.tuples(st.sampled_from(IDS), st.sampled_from(["Guingamp", "Nîmes"])),
    min_size=1,
    max_size=3,
    unique_by=lambda one: one[0],
)
wishes = st.builds(
    Preference,
    st.sampled_from(IDS),
    st.just(PreferenceKind.WITHDRAW),
    st.sampled_from([WHOLE_SERVICE, "wiki", "mail"]),
    st.just(()),
)
steps = st.one_of(
    st.tuples(st.just("read"), directories, st.permutations(NAMES)),
    st.tuples(st.just("wish"), wishes),
    st.tuples(st.just("wish no more"), wishes),
    st.tuples(st.just("purge"), st.sampled_from(IDS)),
    st.tuples(st.just("ask"), st.sets(st.sampled_from(NAMES))),
)


@given(taken=st.lists(steps, max_size=12))
@examples(20, 200)
def test_a_book_that_remembers_says_what_a_new_one_says(
    tmp_path_factory: pytest.TempPathFactory, taken: list[tuple[Any, ...]]
) -> None:
    """After any readings, wishes, purges and questions."""
    engine = migrate(connect(f"sqlite:///{tmp_path_factory.mktemp('book') / 'state.sqlite'}"))
    ours, consent = SqlDirectory(engine), SqlConsent(engine, lambda: NOW)
    for step in taken:
        match step:
            case ("read", [*people], names):
                shares = {id_: names[n::3] for n, id_ in enumerate(IDS)}
                new = (agent(id_, *shares[id_], office=office) for id_, office in people)
                SqlDirectory(engine).replace(Listed(*new))
            case ("wish", wish):
                consent.put(wish, NOW)
            case ("wish no more", wish):
                consent.remove(wish)
            case ("purge", id_):
                purge_agent(engine, id_, b"key")
            case ("ask", names):
                ours.by_account(names)
        assert ours.by_account(NAMES) == SqlDirectory(engine).by_account(NAMES)
    engine.dispose()
