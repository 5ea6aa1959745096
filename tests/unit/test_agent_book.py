"""The directory as it was last read: replaced whole or not at all."""

from dataclasses import replace
from datetime import date

import pytest
import sqlalchemy as sa

from connectors.ports import Malformed, SourceRefused, SourceUnreachable
from connectors.values import Agent, Group, Mission
from expertise.directory import DirectoryReport, SqlDirectory
from quisait.application.database import connect, migrate
from tests.builders import Listed

pytestmark = pytest.mark.experts

ANA = Agent(
    id="ag-1",
    given_name="Ana",
    family_name="Le Goff",
    metier="géomètre du cadastre",
    entity="DGFiP/DDFiP 22",
    office="Guingamp",
    departement="22",
    email="ana.le-goff@finances.example",
    arrival=date(2019, 9, 1),
    departure=date(2030, 1, 1),
    skills=("bornage", "plan | cadastral"),
    missions=(
        Mission("régies", date(2024, 1, 1), date(2025, 6, 30)),
        Mission("bornage", date(2025, 7, 1)),
    ),
    accounts=("wiki:ana", "mail:ana"),
    listed=False,
)
BEN = Agent("ag-2", "Ben", "Amrani", accounts=("wiki:ben",))
INSPECTION = Group("annuaire:group:inspection", "Inspection", frozenset({"ag-1", "ag-2"}))


@pytest.fixture
def book(engine: sa.Engine) -> SqlDirectory:
    return SqlDirectory(engine)


@pytest.mark.parametrize("at_once", [1, 2, 3, 100])
def test_agents_one_by_one_are_all_of_them(
    book: SqlDirectory, monkeypatch: pytest.MonkeyPatch, at_once: int
) -> None:
    """Each once, as `everyone` has them, however few are in memory at once."""
    monkeypatch.setattr("expertise.directory.AGENTS_AT_ONCE", at_once)
    assert not list(book.each())
    more = [replace(BEN, id=f"ag-{number}", accounts=()) for number in range(3, 6)]
    book.replace(Listed(ANA, BEN, *more))
    found = list(book.each())
    assert sorted(found, key=lambda agent: agent.id) == sorted(
        book.everyone(), key=lambda agent: agent.id
    )


def test_everything_that_is_known_of_an_agent_is_kept(book: SqlDirectory) -> None:
    """Every field but the accounts, which are asked the other way round."""
    broken = Malformed("agents.csv:3", "not understood")
    report = book.replace(Listed(ANA, broken, BEN, INSPECTION))
    assert report == DirectoryReport(2, 1, (broken,))
    assert book.agent("ag-1") == replace(ANA, accounts=())
    assert book.agent("ag-3") is None
    assert book.everyone() == (replace(BEN, accounts=()), replace(ANA, accounts=()))


def test_accounts_lead_to_their_agent(book: SqlDirectory) -> None:
    """All accounts of an agent do, and one that nobody claims leads nowhere."""
    book.replace(Listed(ANA, BEN))
    found = book.by_account(["wiki:ana", "mail:ana", "wiki:ben", "wiki:nobody", "wiki:ana"])
    ids = {account: agent.id for account, agent in found.items()}
    assert ids == {"wiki:ana": "ag-1", "mail:ana": "ag-1", "wiki:ben": "ag-2"}
    assert book.by_account([]) == {}


def test_an_agents_accounts_are_those_of_the_directory(book: SqlDirectory) -> None:
    """None but their own."""
    book.replace(Listed(ANA, BEN))
    assert book.accounts_of("ag-1") == {"wiki:ana", "mail:ana"}
    assert book.accounts_of("ag-3") == frozenset()


def test_groups_are_of_their_members(book: SqlDirectory) -> None:
    """A group that stands in two rows is one group; a member that is nobody harms nothing."""
    more = Group("annuaire:group:inspection", "", frozenset({"ag-1", "ag-404"}))
    other = Group("ldap:group:cadastre", "", frozenset({"ag-1"}))
    book.replace(Listed(ANA, BEN, INSPECTION, more, other))
    assert book.groups_of("ag-1") == {"annuaire:group:inspection", "ldap:group:cadastre"}
    assert book.groups_of("ag-2") == {"annuaire:group:inspection"}
    assert book.groups_of("ag-3") == frozenset()


def test_what_the_directory_no_longer_says_is_gone(book: SqlDirectory) -> None:
    """Agents, accounts and groups: each reading is complete."""
    book.replace(Listed(ANA, BEN, INSPECTION))
    book.replace(Listed(replace(BEN, accounts=("wiki:ana",))))
    assert book.agent("ag-1") is None
    assert book.groups_of("ag-2") == frozenset()
    assert {a: one.id for a, one in book.by_account(["wiki:ana", "wiki:ben"]).items()} == {
        "wiki:ana": "ag-2"
    }


@pytest.mark.parametrize(
    ("listed", "raised"),
    [
        ([], SourceRefused),
        ([INSPECTION], SourceRefused),
        ([Malformed("agents.csv:2", "not understood")], SourceRefused),
        ([BEN, SourceUnreachable("the share went away")], SourceUnreachable),
        # Two agents of one id, or of one account: no honest directory yields them.
        ([BEN, replace(BEN, accounts=())], sa.exc.IntegrityError),
        ([BEN, replace(BEN, id="ag-3")], sa.exc.IntegrityError),
    ],
    ids=["empty", "groups only", "malformed only", "cut off", "same id", "same account"],
)
def test_a_reading_that_fails_changes_nothing(
    book: SqlDirectory, listed: list[Agent | Group | Malformed | Exception], raised: type[Exception]
) -> None:
    """An empty directory is a broken one, and half a directory is none."""
    book.replace(Listed(ANA, INSPECTION))
    with pytest.raises(raised):
        book.replace(Listed(*listed))
    assert [agent.id for agent in book.everyone()] == ["ag-1"]
    assert book.groups_of("ag-1") == {"annuaire:group:inspection"}
    assert set(book.by_account(["wiki:ana", "wiki:ben"])) == {"wiki:ana"}


def test_more_accounts_than_one_statement_takes(book: SqlDirectory) -> None:
    """A window's contributors are many: all are found, whatever their number."""
    people = [Agent(f"ag-{n}", "A", "B", accounts=(f"wiki:{n}",)) for n in range(1203)]
    book.replace(Listed(*people))
    found = book.by_account([f"wiki:{n}" for n in range(1300)])
    assert {account: agent.id for account, agent in found.items()} == {
        f"wiki:{n}": f"ag-{n}" for n in range(1203)
    }


def test_names_that_look_like_sql_are_names(book: SqlDirectory) -> None:
    """Quotes, wildcards and spaces in ids and accounts match themselves only."""
    odd = Agent("ag-'; --%", "D'Arc", 'O"Neil', accounts=("wiki:a%' OR 1=1",))
    book.replace(Listed(odd, BEN))
    assert book.agent("ag-%") is None
    assert book.agent("ag-'; --%") == replace(odd, accounts=())
    assert set(book.by_account(["wiki:a%' OR 1=1", "wiki:a%"])) == {"wiki:a%' OR 1=1"}


def test_long_names_are_kept_whole(book: SqlDirectory) -> None:
    """As long as a directory may have them, accents and all; two that begin alike stay two."""
    long = "".join(chr(0xE0 + n % 500) for n in range(2000))
    odd = replace(
        ANA, id=long, metier=long, entity=long, office=long, accounts=(f"wiki:{long * 2}",)
    )
    group = Group(f"annuaire:group:{long * 2}", "", frozenset({long}))
    other = Group(f"annuaire:group:{long * 2}x", "", frozenset({long}))
    book.replace(Listed(odd, BEN, group, other))
    assert book.agent(long) == replace(odd, accounts=())
    assert book.agent(long + "x") is None
    assert set(book.by_account([f"wiki:{long * 2}", f"wiki:{long}"])) == {f"wiki:{long * 2}"}
    assert book.groups_of(long) == {group.principal, other.principal}


def test_a_second_process_sees_what_the_first_replaced(database_url: str) -> None:
    """The book is the database's, not the object's."""
    first, second = migrate(connect(database_url)), migrate(connect(database_url))
    SqlDirectory(first).replace(Listed(ANA))
    assert SqlDirectory(second).agent("ag-1") == replace(ANA, accounts=())
    first.dispose()
    second.dispose()


@pytest.mark.trust
@pytest.mark.parametrize(
    ("left", "share", "held"),
    [(10, 0.2, False), (11, 0.1, True), (20, 0.2, False), (21, 0.2, True), (99, 1.0, False)],
)
def test_a_directory_that_lost_many_waits(left: int, share: float, held: bool) -> None:
    """Beyond the share, and beyond ten; who had said when they leave is not counted."""
    book = SqlDirectory(migrate(sa.create_engine("sqlite://", poolclass=sa.pool.StaticPool)))
    staying = [Agent(f"a{n}", "P", f"N{n}") for n in range(100)]
    leaving = [Agent(f"p{n}", "P", "N", departure=date(2020, 1, 1)) for n in range(100)]
    book.replace(Listed(*staying, *leaving))
    fewer = Listed(*staying[left:])
    if held:
        with pytest.raises(SourceRefused, match=f"{left} agents sur 100"):
            book.replace(fewer, share)
        assert book.agent("a0") is not None
    else:
        assert book.replace(fewer, share).left == left


@pytest.mark.trust
def test_groups_whose_members_are_hidden_are_held() -> None:
    """What is closed to their members would open to them."""
    book = SqlDirectory(migrate(sa.create_engine("sqlite://", poolclass=sa.pool.StaticPool)))
    people = [ANA, BEN]
    groups = [Group(f"ldap:group:{n}", "", frozenset({"ag-1"})) for n in range(12)]
    book.replace(Listed(*people, *groups))
    hidden = [replace(group, members=frozenset()) for group in groups]
    with pytest.raises(SourceRefused, match="12 groupes sur 12"):
        book.replace(Listed(*people, *hidden), 0.2)
    assert len(book.groups_of("ag-1")) == 12
