"""A database that is put back gives no access that was revoked since it was copied."""

import json
from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from quisait_feeds.storage import SqlFeedTokens
from quisait_lasuite.group_values import GroupDescribed, GroupMember, MembersRemoved
from quisait_lasuite.groups import PushedGroups, PushedMemberships
from quisait_push.tokens import PushTokens

from connectors.values import Agent, Group
from expertise.directory import SqlDirectory
from indexer.state import State
from quisait.application.database import (
    NOT_BACKED_UP,
    TABLES,
    connect,
    open_access_marks,
    open_database,
    opened_database,
)
from quisait.application.opening import Opening
from quisait.clock import today
from quisait.privacy.accesses import LABELS, access_marks, access_tables, marks_file
from quisait.privacy.register import RegisterUnusable
from quisait.privacy.retention import purge_agent
from quisait.settings import DIRECTORY, Settings
from search_api.identity.readers import reader_of
from search_api.sign_on.sessions import SessionLimits, SqlPersonalTokens, SqlSessions
from tests.builders import Listed

pytestmark = pytest.mark.trust

GIVE_NO_ACCESS = {
    *("assistant_calls", "webhooks", "webhook_queue"),
    # Read by the readers of their document, at each answer.
    "expected_questions",
    *("proposed_documents", "proposed_requests", "proposed_state"),
    *("schema_version", "feature_schemas", "access_marks", "register_mark", "register_waiting"),
    *("cursors", "ahead", "seen", "failures", "runs", "requested_runs"),
    *("scans", "scan_days", "push_sources", "audit_entries", "directory_readings"),
    # Their readers are compared at each answer; what was narrowed since stands in the register.
    *(
        "push_documents",
        "push_tags",
        "asked_questions",
        "given_answers",
        "asked_agents",
        "hidden_texts",
    ),
    *("question_uses", "text_reports", "asking_preferences", "answered_before"),
    *("questions_found_again", "asking_sequence"),
    # Whom a document denies who was once known: it closes, and opens nothing.
    "once_known",
    # Who was a member when a question was asked: who left is denied at each answer.
    *("question_readers", "question_recipients"),
    # Takes access away by itself.
    *("cut_agents", "source_roots", "source_indexes"),
    # Ends access: kept so that a token of the provider ends sessions once.
    "logout_tokens",
    # What agents asked stands in the register; members are checked at each answer.
    *("agent_wishes", "agent_wish_words", "agents_missing", "favourites", "follows"),
    *("news_seen", "mail_preferences", "mail_queue", "verifications", "outdated_marks"),
    *("verification_paces", "document_openings", "community_pins", "closed_communities"),
    *("topic_decisions", "community_decisions"),
    *("expertise_builds", "expertise_current", "expertise_topics", "expertise_cells"),
    *("expertise_communities", "expertise_members", "expertise_proposals"),
    *("expertise_assigned", "expertise_left_out", "expertise_alone_topics"),
    *("journal_period", "journal_askings", "journal_texts", "journal_counts"),
    *("journal_named", "journal_named_counts"),
}
"""The tables that open nothing to anybody by themselves."""


class House:
    """A database with its register's folder, opened anew by `open`."""

    def __init__(self, url: str, folder: Path) -> None:
        self.url, self.folder = url, folder
        self.settings = Settings.model_validate(
            {
                "database": url,
                "folder": str(folder),
                "privacy": {"register_file": str(folder / "registre.jsonl")},
            }
        )
        self.marks = marks_file(folder / "registre.jsonl")
        self.opened: list[sa.Engine] = []

    def moved(self, register: Path) -> Path:
        """Name another register in the settings, as if this one were gone."""
        privacy = self.settings.privacy.model_copy(update={"register_file": str(register)})
        self.settings = self.settings.model_copy(update={"privacy": privacy})
        return register

    def open(self) -> sa.Engine:
        self.opened.append(open_database(self.settings, self.folder))
        return self.opened[-1]

    def copied(self) -> dict[sa.Table, list[dict[str, Any]]]:
        engine = connect(self.url)
        with engine.connect() as connection:
            rows = {one: connection.execute(sa.select(one)).mappings().all() for one in every()}
        engine.dispose()
        return {table: list(map(dict, found)) for table, found in rows.items()}

    def put_back(self, copy: dict[sa.Table, list[dict[str, Any]]]) -> None:
        engine = connect(self.url)
        with engine.begin() as connection:
            for table, rows in copy.items():
                connection.execute(sa.delete(table))
                if rows:
                    connection.execute(sa.insert(table), rows)
        engine.dispose()


def every() -> list[sa.Table]:
    return [table for tables in TABLES for table in tables.sorted_tables]


@pytest.fixture
def house(database_url: str, tmp_path: Path) -> Iterator[House]:
    made = House(database_url, tmp_path)
    yield made
    for engine in made.opened:
        engine.dispose()


def sessions(engine: sa.Engine) -> SqlSessions:
    return SqlSessions(engine, SessionLimits(1e6, 1e6), lambda: 1_000)


def tokens(engine: sa.Engine) -> SqlPersonalTokens:
    return SqlPersonalTokens(engine, 90, lambda: 1_000)


ANA, CYD = Agent("ag-1", "Ana", "Le Goff", accounts=("forum:ana",)), Agent("ag-3", "Cyd", "Roux")
_EVER = datetime(2000, 1, 1, tzinfo=UTC)
FRAUD = "annuaire:group:fraude"


def read(engine: sa.Engine, *entries: Agent | Group) -> None:
    SqlDirectory(engine).replace(Listed(*entries))


Access = tuple[
    Callable[[sa.Engine], Any], Callable[[sa.Engine, Any], object], Callable[[sa.Engine, Any], bool]
]


def _session(engine: sa.Engine) -> str:
    return sessions(engine).begin("ag-1")


def _open_session(engine: sa.Engine, given: str) -> bool:
    return sessions(engine).find(given) is not None


def _token(engine: sa.Engine) -> str:
    return tokens(engine).make("ag-1", "tableur", 9)


def _open_token(engine: sa.Engine, given: str) -> bool:
    return tokens(engine).agent_id(given) is not None


def _push_token(engine: sa.Engine) -> str:
    return PushTokens(engine).add("forum", "Forum")


def _open_push_token(engine: sa.Engine, given: str) -> bool:
    return PushTokens(engine).source_of(given) == "forum"


def _rotate(engine: sa.Engine, _: str) -> None:
    (row,) = PushTokens(engine).of("forum")
    PushTokens(engine).rotate("forum", row.id, timedelta(0))


def _revoke_push_token(engine: sa.Engine, _: str) -> None:
    (row,) = PushTokens(engine).of("forum")
    assert PushTokens(engine).revoke("forum", row.id)


def _feeds(engine: sa.Engine) -> SqlFeedTokens:
    return SqlFeedTokens(engine, 9, lambda: 1_000)


def _feed_token(engine: sa.Engine) -> str:
    return _feeds(engine).make("ag-1")


def _open_feed_token(engine: sa.Engine, given: str) -> bool:
    return _feeds(engine).find(given) is not None


def _group(engine: sa.Engine) -> str:
    made = PushedGroups(engine).create("forum", "secret", "", [GroupMember("ana")])
    return made.id


def _in_group(engine: sa.Engine, _: str) -> bool:
    found = PushedMemberships(engine, frozenset({"forum"})).of({"forum:ana"})
    return "forum:group:secret" in found


def _leave(engine: sa.Engine, group_id: str) -> None:
    PushedGroups(engine).change("forum", group_id, [MembersRemoved((GroupMember("ana"),))])


def _rename(engine: sa.Engine, group_id: str) -> None:
    PushedGroups(engine).change("forum", group_id, [GroupDescribed(name="public")])


def _directory(engine: sa.Engine) -> None:
    read(engine, ANA, CYD, Group(FRAUD, "Fraude", frozenset({"ag-1"})))


def _reads_fraud(engine: sa.Engine, _: None) -> bool:
    return FRAUD in reader_of("ag-1", SqlDirectory(engine), today()).principals


ACCESSES: dict[str, Access] = {
    "session ended": (_session, lambda e, given: sessions(e).end(given), _open_session),
    "session revoked": (_session, lambda e, _: sessions(e).revoke_all("ag-1"), _open_session),
    "session replaced": (
        _session,
        lambda e, given: sessions(e).begin("ag-1", instead_of=given),
        _open_session,
    ),
    "agent purged": (_session, lambda e, _: purge_agent(e, "ag-1", b"key"), _open_session),
    "token revoked": (_token, lambda e, _: tokens(e).revoke_all("ag-1"), _open_token),
    "feed token revoked": (_feed_token, lambda e, _: _feeds(e).revoke("ag-1"), _open_feed_token),
    "feed token replaced": (_feed_token, lambda e, _: _feeds(e).make("ag-1"), _open_feed_token),
    "push token revoked": (_push_token, _revoke_push_token, _open_push_token),
    "push token rotated": (_push_token, _rotate, _open_push_token),
    "member of a pushed group left": (_group, _leave, _in_group),
    "pushed group renamed": (_group, _rename, _in_group),
    "pushed group deleted": (
        _group,
        lambda e, group_id: PushedGroups(e).delete("forum", group_id),
        _in_group,
    ),
    "agent departed": (_directory, lambda e, _: read(e, CYD), _reads_fraud),
    "member of the directory's group left": (
        _directory,
        lambda e, _: read(e, ANA, CYD, Group(FRAUD, "Fraude", frozenset({"ag-3"}))),
        _reads_fraud,
    ),
}


def test_every_table_is_declared() -> None:
    """A table gives access by its `info` or is listed here, so that no new one is forgotten."""
    giving = {table.name for table in access_tables(TABLES)}
    assert giving | GIVE_NO_ACCESS == {table.name for table in every()}
    assert giving & GIVE_NO_ACCESS == set()
    assert {table.info["gives_access"] for table in access_tables(TABLES)} == set(LABELS)
    assert set(access_tables(TABLES)) <= NOT_BACKED_UP


@pytest.mark.parametrize("kind", ACCESSES)
def test_what_was_revoked_stays_so_in_a_database_that_is_put_back(house: House, kind: str) -> None:
    """An access that is revoked after the copy is gone; a second opening changes nothing."""
    give, revoke, is_open = ACCESSES[kind]
    engine = house.open()
    given = give(engine)
    assert is_open(engine, given)
    copy = house.copied()
    engine = house.open()
    assert is_open(engine, given), "to be opened again closes nothing"
    revoke(engine, given)
    assert not is_open(engine, given)
    house.put_back(copy)
    engine = house.open()
    assert not is_open(engine, given)
    assert not is_open(house.open(), given)
    again = give(engine)
    assert is_open(house.open(), again), "what is given since holds"


def test_what_was_not_revoked_stays_open(house: House) -> None:
    """An application keeps its token if only a session ended; the directory is not read again."""
    engine = house.open()
    pushed, session_id = _push_token(engine), _session(engine)
    _directory(engine)
    copy = house.copied()
    sessions(engine).end(session_id)
    house.put_back(copy)
    engine = house.open()
    assert not _open_session(engine, session_id)
    assert _open_push_token(engine, pushed)
    assert _reads_fraud(engine, None)
    assert not State(engine).run_is_requested(DIRECTORY)


def test_a_former_directory_is_read_again_before_anybody_reads(house: House) -> None:
    """Nobody is known until then; the worker is asked to read it, even an unchanged file."""
    engine = house.open()
    _directory(engine)
    State(engine).save(DIRECTORY, "stamp")
    copy = house.copied()
    read(engine, CYD)
    house.put_back(copy)
    engine = house.open()
    assert reader_of("ag-3", SqlDirectory(engine), today()).agent_id is None
    assert State(engine).load(DIRECTORY) is None
    assert State(engine).run_is_requested(DIRECTORY)
    read(engine, CYD)
    engine = house.open()
    assert reader_of("ag-3", SqlDirectory(engine), today()).agent_id == "ag-3"


def test_a_revocation_that_was_undone_moves_nothing(house: House) -> None:
    """Neither does a revocation of nothing; the file is never ahead of the database."""
    engine = house.open()
    given = _token(engine)
    before = json.loads(house.marks.read_text("utf-8"))
    tokens(engine).revoke_all("ag-2")
    table = next(one for one in access_tables(TABLES) if one.name == "personal_tokens")
    with engine.connect() as connection:
        connection.execute(sa.delete(table))
        connection.rollback()
        connection.commit()
    assert json.loads(house.marks.read_text("utf-8")) == before
    assert _open_token(house.open(), given)
    tokens(engine).revoke_all("ag-1")
    after = json.loads(house.marks.read_text("utf-8"))
    assert {kind for kind in LABELS if after[kind] != before[kind]} == {"personal_tokens"}


def test_a_file_that_is_behind_leaves_the_databases_marks_alone(house: House) -> None:
    """Else the opening could undo a mark that another process moves at that moment."""
    engine = house.open()
    given, before = _token(engine), house.marks.read_text("utf-8")
    tokens(engine).revoke_all("ag-1")
    after = json.loads(house.marks.read_text("utf-8"))
    house.marks.write_text(before, "utf-8")
    written: list[str] = []

    def note(_connection: object, _cursor: object, statement: str, *_others: object) -> None:
        if "access_marks" in statement and not statement.lower().startswith("select"):
            written.append(statement)

    sa.event.listen(sa.Engine, "before_cursor_execute", note)
    try:
        assert not _open_token(house.open(), given)
    finally:
        sa.event.remove(sa.Engine, "before_cursor_execute", note)
    assert written == []
    assert json.loads(house.marks.read_text("utf-8")) == after


def test_a_copy_of_before_the_marks_gives_nothing_that_was_revoked(house: House) -> None:
    """An older quisait kept no marks; an update of it closes nothing by itself."""
    engine = house.open()
    given = _token(engine)
    with engine.begin() as connection:
        connection.execute(sa.delete(access_marks))
    house.marks.unlink()
    copy = house.copied()
    engine = house.open()
    assert _open_token(engine, given)
    tokens(engine).revoke_all("ag-1")
    house.put_back(copy)
    assert not _open_token(house.open(), given)


def test_a_lost_file_closes_once(house: House) -> None:
    """Nobody knows any more what was revoked; what is given afterwards holds."""
    engine = house.open()
    given = _token(engine)
    house.marks.unlink()
    engine = house.open()
    assert not _open_token(engine, given)
    assert [one.kind for one in open_access_marks(house.settings, engine).emptied(_EVER)] == sorted(
        LABELS
    )
    again = _token(engine)
    assert _open_token(house.open(), again)


def test_a_file_that_cannot_be_written_refuses_no_revocation(house: House) -> None:
    """The revocation acts; a file that could never be written closes nothing."""
    blocked = house.folder / "volume"
    blocked.write_text("")
    register = house.moved(blocked / "registre.jsonl")
    engine = house.open()
    given = _token(engine)
    assert _open_token(house.open(), given)
    tokens(engine).revoke_all("ag-1")
    assert not _open_token(house.open(), given)
    blocked.unlink()
    again = _token(engine)
    assert _open_token(house.open(), again)
    assert marks_file(register).exists()


def test_a_file_that_is_lost_and_cannot_be_made_forgets_no_number(house: House) -> None:
    """Nothing is emptied before it can be made; a copy from before the loss is then older."""
    engine = house.open()
    for _ in range(3):
        _token(engine)
        tokens(engine).revoke_all("ag-1")
    given = _token(engine)
    copy = house.copied()
    blocked = house.folder / "volume"
    blocked.write_text("")
    house.moved(blocked / "registre.jsonl")
    for opening in (Opening.SERVE, Opening.READ, Opening.WRITE):
        with suppress(RegisterUnusable), opened_database(house.settings, opening):
            assert opening is not Opening.SERVE, "it would give accesses that were revoked"
        assert house.copied() == copy
    blocked.unlink()
    assert not _open_token(house.open(), given)
    house.put_back(copy)
    assert not _open_token(house.open(), given)


def test_a_damaged_file_is_a_sentence(house: House) -> None:
    """The error says what to do; nothing is opened meanwhile."""
    house.open()
    for damage in ("", "[]", '{"sessions": "x"}'):
        house.marks.write_text(damage, "utf-8")
        with pytest.raises(RegisterUnusable, match="supprimez-le"):
            house.open()


def test_only_its_owner_reads_the_file(house: House) -> None:
    """It is closed to others like the register, and holds numbers but nobody's id."""
    _session(house.open())
    assert house.marks.stat().st_mode & 0o777 == 0o600
    assert set(json.loads(house.marks.read_text("utf-8"))) == set(LABELS)
