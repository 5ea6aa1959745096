"""Known principals of denials: from the directory, from authorities and from the settings."""

import json
import unicodedata
from datetime import date
from pathlib import Path

import pytest
import sqlalchemy as sa
from hypothesis import given
from hypothesis import strategies as st

from connectors.directory import TableDirectory
from connectors.values import EVERYONE, Access, Agent, Contribution, ContributorRole, Group
from expertise.directory import SqlDirectory
from expertise.directory_tables import groups, once_known
from indexer.embedded.storage import EmbeddedStorage
from indexer.live_index import EncoderRecord, LiveIndex
from indexer.state import digest
from indexer.values import WITHHELD, Question, ShowRequest
from quisait.application.database import migrate
from quisait.application.locks import WriteGate
from search_api.identity.known_principals import CurrentKnownPrincipals, KnownPrincipalRules
from tests.builders import ANYONE, ENCODER, Listed, asking, put
from tests.selection import examples

pytestmark = pytest.mark.trust

LEFT = Agent("parti", "Paul", "Parti", departure=date(2020, 1, 1))
ANA = Agent("ana", "Ana", "Le Goff", accounts=("wiki:Ana", "forum:zoé"))
FRAUD, EMPTY = Group("ldap:group:fraude", "", frozenset({"ana"})), Group("ldap:group:vide")


class Signs:
    """An index to whose documents these accounts contributed."""

    def __init__(self, *accounts: str) -> None:
        self.accounts = set(accounts)

    def signing(self, accounts: object) -> frozenset[str]:
        return frozenset(self.accounts & set(accounts))  # type: ignore[call-overload]


def book_of(*entries: Agent | Group) -> SqlDirectory:
    book = SqlDirectory(migrate(sa.create_engine("sqlite://")))
    book.replace(Listed(*entries))
    return book


BOOK = (LEFT, ANA, FRAUD, EMPTY)


@pytest.mark.parametrize(
    ("principal", "stranger"),
    [
        (EVERYONE, False),
        ("ldap:group:fraude", False),
        ("ldap:group:vide", False),
        ("ldap:group:Fraude", True),
        ("ldap:groupe:fraude", True),
        ("lpad:group:fraude", True),
        ("agent:ana", False),
        ("agent:parti", False),
        ("agent:anna", True),
        ("agent:", True),
        # Joined by the directory, or signing a document; nobody's.
        ("wiki:account:Ana", False),
        ("forum:account:zoé", False),
        ("wiki:account:Libre", False),
        ("wiki:account:Personne", True),
        # An authority that is asked lists no groups, but its accounts are the directory's.
        ("asked:group:whatever", False),
        ("asked:account:Personne", True),
        ("other:group:whatever", True),
        ("ldap:group:accepté", False),
        ("ldap", True),
    ],
)
def test_who_is_known(principal: str, stranger: bool) -> None:
    """The truth table."""
    rules = KnownPrincipalRules(frozenset({"asked"}), frozenset({"ldap:group:accepté"}))
    known = CurrentKnownPrincipals(book_of(*BOOK), Signs("wiki:Libre"), rules)()
    for _ in range(2):  # what is remembered says the same
        assert known.strangers({principal}) == ({principal} if stranger else frozenset())


NAMES = st.sampled_from(["a", "é", "e\u0301", "b", "ß"])
PRINCIPALS = st.builds(
    lambda start, name: f"{start}{unicodedata.normalize('NFC', name)}",
    st.sampled_from(["ldap:group:", "wiki:group:", "agent:", "wiki:account:", "w:x:"]),
    NAMES,
)


@examples(20, 200)
@given(st.sets(NAMES), st.sets(NAMES), st.sets(NAMES), st.sets(PRINCIPALS), st.sets(PRINCIPALS))
def test_a_stranger_is_what_no_reader_could_be(
    ids: set[str], held: set[str], circles: set[str], accepted: set[str], asked: set[str]
) -> None:
    """Whatever the directory holds, in whatever Unicode forms; asked at once or one by one."""
    people = [Agent(one, "P", one, accounts=()) for one in sorted(ids)]
    people.append(Agent("z", "Z", "Z", accounts=tuple(f"wiki:{one}" for one in sorted(held))))
    book = book_of(*people, *(Group(f"ldap:group:{one}") for one in sorted(circles)))
    known = CurrentKnownPrincipals(
        book, Signs(), KnownPrincipalRules(accepted=frozenset(accepted))
    )()

    def form(names: set[str]) -> set[str]:
        return {unicodedata.normalize("NFC", one) for one in names}

    named = {f"agent:{one}" for one in form(ids)}
    named |= {f"wiki:account:{one}" for one in form(held)}
    named |= {f"ldap:group:{one}" for one in form(circles)}
    one_by_one = {one for one in asked if known.strangers({one})}
    assert known.strangers(asked) == one_by_one == asked - named - accepted


def test_another_reading_of_the_directory_is_seen_at_once() -> None:
    """By every process: what was known may name nobody now, and the reverse."""
    engine = migrate(sa.create_engine("sqlite://"))
    book, elsewhere = SqlDirectory(engine), SqlDirectory(engine)
    knowing = CurrentKnownPrincipals(book, Signs(), KnownPrincipalRules())
    asked = {"ldap:group:fraude", "ldap:group:vide"}
    assert knowing().strangers(asked) == asked  # never read
    for entries, strangers in (
        ((ANA, FRAUD), {"ldap:group:vide"}),
        ((ANA, EMPTY), {"ldap:group:fraude"}),
        (BOOK, set()),
    ):
        elsewhere.replace(Listed(*entries))
        assert knowing().strangers(asked) == strangers
        assert knowing() is knowing()


def test_the_groups_of_a_directory_that_an_older_version_read_are_known() -> None:
    """As far as they have members; the rest is known with the next reading."""
    engine = migrate(sa.create_engine("sqlite://"))
    book = SqlDirectory(engine)
    book.replace(Listed(*BOOK))
    with engine.begin() as connection:
        connection.execute(sa.delete(groups))
    known = CurrentKnownPrincipals(book, Signs(), KnownPrincipalRules())()
    asked = {"ldap:group:fraude", "ldap:group:vide"}
    assert known.strangers(asked) == {"ldap:group:vide"}


def test_what_a_crawl_brings_opens_what_it_explains(tmp_path: Path) -> None:
    """An account that signs its first document was no mistake; what it left is one again."""
    own = EncoderRecord(ENCODER.name, ENCODER.dimension)
    gate = WriteGate(sa.create_engine("sqlite://"), tmp_path / "locks")
    whole = LiveIndex(EmbeddedStorage(tmp_path / "index"), lambda _: ENCODER, gate, own)
    knowing = CurrentKnownPrincipals(book_of(ANA), whole, KnownPrincipalRules())
    index = whole.limited(lambda: frozenset({"wiki"}), knowing)
    access = Access(frozenset({EVERYONE}), frozenset({"wiki:account:Libre"}))
    whole.write([put("wiki:1", "Le cadastre", access=access)])

    def found() -> set[str]:
        answer = index.search(asking("cadastre", access=ANYONE))
        shown = index.show(ShowRequest(ANYONE, ("wiki:1", "wiki:2"), Question()))
        assert {one.card.document_id for one in shown} == {h.document_id for h in answer.lexical}
        return {hit.document_id for hit in answer.lexical}

    assert found() == set()
    assert index.suggest(ANYONE, "not", 5) == ()
    row = Contribution("wiki:Libre", ContributorRole.AUTHOR)
    whole.write([put("wiki:2", "Le cadastre", contributions=(row,))])
    assert found() == {"wiki:1", "wiki:2"}


def test_a_directory_of_tables_knows_its_groups(tmp_path: Path) -> None:
    """Also one that nobody is in."""
    (tmp_path / "a.jsonl").write_text(json.dumps({"id": "ana"}) + "\n")
    rows = [{"principal": "t:group:vide", "members": []}]
    (tmp_path / "g.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    book = SqlDirectory(migrate(sa.create_engine("sqlite://")))
    book.replace(TableDirectory(tmp_path / "a.jsonl", tmp_path / "g.jsonl"))
    assert book.known({"t:group:vide", "t:group:vides"}) == {"t:group:vide"}


def test_who_is_gone_from_the_directory_is_known_and_a_group_is_not() -> None:
    """Who left, or was purged, closes nothing; a group that is gone may have another name now."""
    book = book_of(*BOOK)
    knowing = CurrentKnownPrincipals(book, Signs(), KnownPrincipalRules())
    asked = {"agent:ana", "agent:parti", "wiki:account:Ana", "ldap:group:fraude", "agent:anna"}
    assert knowing().strangers(asked) == {"agent:anna"}
    book.replace(Listed(Agent("autre", "A", "Autre")))
    assert knowing().strangers(asked) == {"agent:anna", "ldap:group:fraude"}


def test_nothing_is_kept_of_whom_no_document_denies() -> None:
    """Of a known principal of a denial, one digest is stored."""
    engine = migrate(sa.create_engine("sqlite://"))
    book = SqlDirectory(engine)
    book.replace(Listed(*BOOK))
    for _ in range(2):
        CurrentKnownPrincipals(book, Signs(), KnownPrincipalRules())().strangers(
            {"agent:ana", "ldap:group:fraude"}
        )
    with engine.connect() as connection:
        assert connection.execute(sa.select(once_known)).all() == [(digest("agent:ana"),)]


def test_a_withheld_document_is_no_unknown_denial() -> None:
    """What the index itself denies, to withhold a text, is nothing that anybody misspelt."""
    known = CurrentKnownPrincipals(book_of(*BOOK), Signs(), KnownPrincipalRules())()
    assert known.strangers([*WITHHELD.denied, "ldap:group:nulle-part"]) == {"ldap:group:nulle-part"}
