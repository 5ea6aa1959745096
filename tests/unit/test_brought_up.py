"""How often one was brought up: from five askers, by topic, and nobody can be told from it."""

from collections.abc import Iterator
from datetime import date

import pytest
import sqlalchemy as sa

from search_api.journal import AskedFor, Asking
from search_api.journal_brought import BroughtUp
from search_api.journal_words import names_of
from search_api.sql_journal import JournalRules, SqlJournal
from tests.journals import DAY, KEY, NINE, everything

pytestmark = pytest.mark.trust

TODAY = NINE.date()


@pytest.fixture
def engine(database_url: str) -> Iterator[sa.Engine]:
    engine = sa.create_engine(database_url)
    yield engine
    engine.dispose()


@pytest.fixture
def journal(engine: sa.Engine) -> SqlJournal:
    def topics(text: str) -> frozenset[str]:
        return frozenset({"cadastre"} if "cadastre" in text else ())

    return SqlJournal(engine, lambda: names_of(frozenset()), JournalRules(KEY), topics)


def ask(journal: SqlJournal, asker: int, text: str, *named: str) -> None:
    asking = Asking(AskedFor.EXPERTS, f"ag-{asker}", text, len(named), False, named)
    journal.write(asking, NINE)


def told(journal: SqlJournal, agent: str, today: date = TODAY) -> list[BroughtUp]:
    return list(journal.brought_up(agent, today))


def test_from_five_distinct_askers_on(journal: SqlJournal) -> None:
    """One who asks five times is one; each topic has its own count."""
    for _ in range(5):
        ask(journal, 1, "le cadastre", "ana")
    for asker in range(2, 5):
        ask(journal, asker, "cadastre encore", "ana", "ben")
    assert told(journal, "ana") == []
    ask(journal, 5, "le cadastre", "ana")
    assert told(journal, "ana") == [BroughtUp("cadastre", TODAY, 5)]
    assert told(journal, "ben") == []
    for asker in range(6):
        ask(journal, asker, "autre chose", "ben")
    assert told(journal, "ben") == [BroughtUp("", TODAY, 6)]


def test_only_counts_outlive_their_period(journal: SqlJournal, engine: sa.Engine) -> None:
    """Pseudonyms and small counts go; what is left is forgotten in time."""
    for asker in range(7):
        ask(journal, asker, "le cadastre", "ana", *(("ben",) if asker < 4 else ()))
    journal.turn(NINE + 2 * DAY)
    assert told(journal, "ana") == [BroughtUp("cadastre", TODAY, 7)]
    assert told(journal, "ben") == []
    with engine.connect() as connection:
        rows = connection.execute(sa.text("select count(*) from journal_brought")).scalar()
    assert rows == 0
    journal.turn(NINE + 100 * DAY)
    assert told(journal, "ana") == []


def test_no_table_says_who_asked(journal: SqlJournal, engine: sa.Engine) -> None:
    """Nor do the two pseudonyms of one asker join."""
    ask(journal, 1, "le cadastre", "ana")
    assert "ag-1" not in everything(engine)
    with engine.connect() as connection:
        brought = connection.execute(sa.text("select asker from journal_brought")).scalar()
        asked = connection.execute(sa.text("select asker from journal_askings")).scalar()
    assert brought != asked
