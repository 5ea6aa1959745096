"""Tickets as Request Tracker writes them, and its rights, as its own functions see them."""

import shutil
import sqlite3
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from random import Random

import pytest
import sqlalchemy as sa
from quisait_connector_kit.connector_contract import (
    ConnectorHarness,
    apply,
    check_rights_then_text,
    read,
)
from quisait_connector_kit.lying_connectors import with_listed_rights
from quisait_connector_kit.memory_seen import MemorySeen
from quisait_rt.connector import KIND, RtOptions
from quisait_rt.tickets import RtSource

from connectors.installed import SourcePlace
from connectors.ports import Malformed, SourceRefused, SourceUnreachable
from connectors.snapshot import Snapshot
from connectors.values import MAX_PRINCIPALS, Access, ContributorRole, Document
from tests.postgres_server import database, postgres_server
from tests.request_tracker import RequestTracker, ensure_request_tracker

pytestmark = [pytest.mark.sources, pytest.mark.trust]

Check = Callable[[ConnectorHarness], None]
GROUPS = {"Everyone": "everyone", "a": "test:group:a", "b": "test:group:b"}
QUEUES = {("everyone",): "tous", ("test:group:a",): "fa", ("test:group:b",): "fb", (): "ferme"}


@pytest.fixture(scope="module")
def tracker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RequestTracker]:
    """A tracker with a queue for each set of readers, and a first ticket."""
    rt = ensure_request_tracker(tmp_path_factory.mktemp("rt"))
    for name in ("a", "b"):
        rt("group", name)
    for queue, who in (("tous", "system:Everyone"), ("fa", "group:a"), ("fb", "group:b")):
        rt("queue", queue)
        rt("grant", who, "ShowTicket", queue)
    rt("queue", "ferme")
    rt("create", "ferme", "modèle", "texte")
    yield rt
    rt.close()


@dataclass
class Tickets:
    """The tickets of a copy of the database, made from the first one."""

    database: Path
    names: dict[str, int] = field(default_factory=dict)
    transactions: Iterator[int] = field(default_factory=lambda: count(10_000))
    seen: MemorySeen = field(default_factory=MemorySeen)
    resumable_count: int = 450

    def connector(self) -> Snapshot:
        return Snapshot(source_of(sa.make_url(f"sqlite:///{self.database}")), self.seen)

    def run(self, query: str, *values: object) -> int:
        with sqlite3.connect(self.database) as connection:
            return connection.execute(query, values).lastrowid or 0

    def document_id(self, name: str) -> str:
        return f"t:{self.names[name]}"

    def add(self, name: str, text: str, allowed: tuple[str, ...]) -> None:
        number = self.names.setdefault(name, len(self.names) + 2)
        self.remove(name)
        self.run(
            "INSERT INTO Tickets (id, EffectiveId, Subject, Queue, Type, Status, LastUpdated,"
            " Creator, Created) SELECT ?, ?, ?, Queue, Type, 'new', LastUpdated, Creator, Created"
            " FROM Tickets WHERE id = 1",
            *(number, number, name),
        )
        said = self.run(
            "INSERT INTO Transactions (id, ObjectId, ObjectType, Type, Creator, Created) SELECT ?,"
            " ?, ObjectType, Type, Creator, Created FROM Transactions"
            " WHERE ObjectId = 1 AND ObjectType = 'RT::Ticket' AND Type = 'Create'",
            *(next(self.transactions), number),  # no number comes twice, as in RT
        )
        self.run(
            "INSERT INTO Attachments (TransactionId, ContentType, ContentEncoding, Content)"
            " VALUES (?, 'text/plain', 'none', ?)",
            *(said, text),
        )
        self.set_readers(name, allowed)

    def set_readers(self, name: str, allowed: tuple[str, ...]) -> None:
        moved = "UPDATE Tickets SET Queue = (SELECT id FROM Queues WHERE Name = ?) WHERE id = ?"
        self.run(moved, QUEUES[allowed], self.names[name])

    def remove(self, name: str) -> None:
        self.run("DELETE FROM Tickets WHERE id = ?", self.names[name])
        self.run("DELETE FROM Transactions WHERE ObjectId = ?", self.names[name])

    def add_invalid_records(self) -> int:
        """A ticket that more accounts may see than a document can name."""
        self.add("trop", "Un texte.", ())
        (group,) = sqlite3.connect(self.database).execute(
            "SELECT id FROM Groups WHERE Name = 'Privileged' AND Domain = 'SystemInternal'"
        ).fetchone()  # fmt: skip
        self.run("INSERT INTO ACL (PrincipalType, PrincipalId, RightName, ObjectType, ObjectId)"
                 " SELECT 'Group', ?, 'ShowTicket', 'RT::Queue', Queue FROM Tickets WHERE id = 1",
                 group)  # fmt: skip
        with sqlite3.connect(self.database) as connection:
            for number in range(10_000, 10_001 + MAX_PRINCIPALS):
                connection.execute(
                    "INSERT INTO Users (id, Name) VALUES (?, ?)", (number, f"u{number}")
                )
                connection.execute("INSERT INTO Principals VALUES (?, 'User', 0)", (number,))
                member = (
                    "INSERT INTO CachedGroupMembers (GroupId, MemberId, Disabled) VALUES (?, ?, 0)"
                )
                connection.execute(member, (group, number))
        return 1

    def add_complete_document(self) -> Document:
        self.add("Bornage", "Que faire ?", ("test:group:a",))
        (found,) = [
            one for one in apply(read(self)).values() if one.id == self.document_id("Bornage")
        ]
        assert (found.title, found.space, found.kind) == ("Bornage", "fa", "thread")
        assert found.url == f"https://rt.exemple/Ticket/Display.html?id={self.names['Bornage']}"
        assert found.access == Access(frozenset({"test:group:a"}))
        assert [one.text for one in found.sections] == ["Que faire ?"]
        assert [one.role for one in found.contributions] == [ContributorRole.ASKER]
        assert found.created
        assert found.modified
        self.seen = MemorySeen()
        return found


def source_of(database: sa.URL, **options: object) -> RtSource:
    written = {"groups": GROUPS, "link": "https://rt.exemple/", **options}
    place = SourcePlace("t", Path(), Access(), lambda: "")
    opened = KIND.open(place, RtOptions(database=str(database), **written))
    assert isinstance(opened, RtSource)
    return opened


@pytest.fixture
def harness(tracker: RequestTracker, tmp_path: Path) -> Tickets:
    """Without its administrator, who may see everything."""
    made = Tickets(Path(shutil.copy(str(tracker.database.database), tmp_path)))
    made.run("DELETE FROM ACL WHERE RightName = 'SuperUser'")
    made.run("UPDATE Tickets SET Status = 'deleted' WHERE id = 1")
    return made


def test_contract(connector_check: Check, harness: Tickets) -> None:
    connector_check(harness)


def test_contract_rejects_rights_of_the_listing(harness: Tickets) -> None:
    with pytest.raises(AssertionError):
        check_rights_then_text(with_listed_rights(harness))


def readers(source: RtSource) -> dict[int, set[str]]:
    """Return the accounts that may read each ticket, by its number."""
    listed = [one for one in source.listing() if not isinstance(one, Malformed)]
    return {
        one.place[0]: {name.removeprefix("t:account:") for name in one.access.allowed}
        for one in listed
        if one.access
    }


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_readers_are_those_that_the_tracker_admits(seed: int, tmp_path: Path) -> None:
    """Groups in groups, roles of tickets, queues and RT, the disabled, and the administrator."""
    compare_readers(Random(seed), ensure_request_tracker(tmp_path))


def test_readers_are_the_same_on_postgresql(tmp_path: Path) -> None:
    with postgres_server() as server, database(server) as url:
        compare_readers(Random(4), ensure_request_tracker(tmp_path, sa.make_url(url)))


def compare_readers(draw: Random, rt: RequestTracker) -> None:
    people = ["ana", "ben", "cyd", "dan", "eve", "fay"]
    for name in people:
        rt("user", name, draw.randrange(2))
    rt("group", "g1", "user:ana", "user:ben")
    rt("group", "g2", "group:g1", "user:cyd")
    rt("group", "g3", "user:dan")
    who = [*(f"user:{one}" for one in people), "group:g1", "group:g2", "group:g3"]
    queues, roles = ["q1", "q2", "q3"], ["Requestor", "Cc", "AdminCc"]
    tickets = []
    for queue in queues:
        rt("queue", queue)
        for _ in range(3):
            tickets.append(int(rt("create", queue, "sujet", "texte")))
    granted = [*who, "system:Privileged", "system:Unprivileged", *("group:g2",) * 3]
    for queue in queues[:2]:
        rt("grant", draw.choice(granted), draw.choice(["ShowTicket", "SeeQueue"]), queue)
        rt("grant", f"role:{queue}/{draw.choice([*roles, 'Owner'])}", "ShowTicket", queue)
        rt("watch", queue, draw.choice(roles[1:]), draw.choice(who))
    for ticket in tickets:
        rt("follow", ticket, draw.choice(roles), draw.choice(who))
    rt("set", tickets[0], "Owner", "root")
    rt("disable", "User", "eve")
    rt("disable", "Group", "g3")
    seen = {name: set(map(int, rt("sees", name))) for name in (*people, "root")}
    found = readers(source_of(rt.database, groups={}))
    assert found == {
        ticket: {name for name, his in seen.items() if ticket in his} for ticket in tickets
    }
    assert any(len(some) > 1 for some in found.values())
    rt.close()


def test_comments_stay_inside_and_the_solution_is_told(tmp_path: Path) -> None:
    """Only texts that all readers of a ticket may read count; a merged ticket is one document."""
    rt = ensure_request_tracker(tmp_path)
    for name in ("ana", "ben", "cyd"):
        rt("user", name, 1)
        rt("grant", f"user:{name}", "SuperUser", "")
    number = int(
        rt("create", "General", "Cuvette", "<p>La cuvette déborde.</p>", "text/html", "ana")
    )
    rt("say", number, "ana", "Correspond", "Elle déborde encore.")
    rt("say", number, "ben", "Comment", "Ne pas dire au demandeur : zanzibar.")
    rt("say", number, "ben", "Correspond", "Fermez la vanne.\n\n> Elle déborde encore.\n")
    rt("say", number, "cyd", "Correspond", "Appelez le plombier.")
    rt("set", number, "Status", "resolved")
    other = int(rt("create", "General", "Doublon", "Autre texte."))
    rt("merge", other, number)
    (found,) = apply([*Snapshot(source_of(rt.database)).changes(None)]).values()
    assert found.id == f"t:{number}"
    text = " ".join(one.text for one in found.sections)
    assert "La cuvette déborde." in text
    assert "zanzibar" not in text
    assert text.count("déborde encore") == 1
    roles = {(one.account, one.role) for one in found.contributions}
    assert {
        ("t:ben", ContributorRole.ANSWERER),
        ("t:cyd", ContributorRole.ACCEPTED_ANSWERER),
    } <= roles
    assert "t:ana" not in {one for one, role in roles if role is not ContributorRole.ASKER}
    rt.close()


def test_a_database_that_is_none_deletes_nothing(tmp_path: Path) -> None:
    with pytest.raises(SourceUnreachable):
        list(source_of(sa.make_url(f"sqlite:///{tmp_path}/absent/rt.sqlite")).listing())
    place = SourcePlace("t", tmp_path, Access(), lambda: "")
    for written in ("rt5", "postgresql://moi:secret@base/rt5"):
        with pytest.raises(SourceRefused):
            KIND.open(place, RtOptions(database=written))
