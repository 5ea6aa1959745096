"""Groups that an application pushes by SCIM 2.0: who may, what is kept, and who then reads."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

import pytest
import sqlalchemy as sa
from fastapi.testclient import TestClient
from quisait_lasuite.group_values import GroupMember
from quisait_lasuite.groups import GroupStore, PushedGroups, PushedMemberships
from quisait_lasuite.scim_values import SuiteGroups
from quisait_lasuite.service import LaSuite
from quisait_lasuite.web import lasuite_web
from quisait_push.inbox import Inbox, PushService
from quisait_push.items import PushLimits
from quisait_push.tokens import PushTokens
from quisait_push.web import push_web
from scim2_client.engines.httpx2 import SyncSCIMClient
from scim2_tester import Status, check_server

from connectors.values import Agent
from expertise.directory import SqlDirectory
from indexer.access import NOBODY
from search_api.app import create_app
from search_api.identity.readers import reader_of
from tests.builders import Listed
from tests.pages.administration import TODAY
from tests.pages.conftest import Parts

pytestmark = [pytest.mark.sources, pytest.mark.trust]

LIMITS = PushLimits(request_bytes=20_000, document_bytes=5_000, documents=20)
GROUPS = "/scim/v2/Groups"
ANA, BEN = "0b1c2d3e-1111-4222-8333-444455556666", "7a1c2d3e-1111-4222-8333-444455556666"
AGENTS = Listed(
    Agent("ag-1", "Ana", "Roy", accounts=(f"docs:{ANA}", f"drive:{ANA}")),
    Agent("ag-2", "Ben", "Le Goff", accounts=("docs:ben@exemple.fr",)),
    Agent("ag-3", "Cal", "Le Bot", departure=TODAY, accounts=("docs:cal",)),
)
"""Ana by her account, Ben by his address alone; and one who left."""


@dataclass
class Door:
    """The application with `docs`, which takes groups, and `drive`, which does not."""

    client: TestClient
    token: str
    drive_token: str
    book: SqlDirectory
    groups: PushedGroups
    inbox: Inbox
    engine: sa.Engine

    def ask(self, method: str, path: str, body: object = None, token: str | None = None) -> Any:
        raw = body if isinstance(body, bytes) else json.dumps(body).encode() if body else None
        headers = {"Authorization": f"Bearer {token or self.token}"}
        return self.client.request(method, path, content=raw, headers=headers)

    def people(self, verb: str, group: str, user: str, email: str = "x@y.fr") -> int:
        """A webhook of People: PATCH with who comes or leaves, as its client writes it."""
        member = {"value": user, "email": email, "type": "User"}
        operation = {"op": verb, "path": "members", "value": [member]}
        schema = "urn:ietf:params:scim:api:messages:2.0:PatchOp"
        body = {"schemas": [schema], "Operations": [operation]}
        return int(self.ask("PATCH", f"{GROUPS}/{group}", body).status_code)

    def reads_as(self, agent: str) -> set[str]:
        """The principals of groups that an agent has now."""
        reader = reader_of(agent, self.book, TODAY)
        return {one for one in reader.principals if ":group:" in one}


@pytest.fixture
def door(parts: Parts, database: sa.Engine) -> Door:
    tokens, groups = PushTokens(database), PushedGroups(database)
    book = SqlDirectory(database, [PushedMemberships(database, frozenset({"docs"}))])
    book.replace(AGENTS)
    inbox = Inbox(database, lambda source: None, max_waiting=40)
    sources = {"docs": frozenset[str](), "drive": frozenset[str]()}
    suite = LaSuite(groups=SuiteGroups(groups, frozenset({"docs"})))
    app = create_app(
        parts.services(
            reader_of=lambda _: NOBODY,
            features=(push_web(PushService(inbox, tokens, sources, LIMITS)), lasuite_web(suite)),
        )
    )
    client = TestClient(app, raise_server_exceptions=False)
    return Door(
        client, tokens.add("docs", ""), tokens.add("drive", ""), book, groups, inbox, database
    )


def test_the_tester_of_scim_finds_no_fault(door: Door) -> None:
    """Discovery, creation, reading, filters, replacement, patches and deletion, as the RFCs say."""
    door.client.headers["Authorization"] = f"Bearer {door.token}"
    door.client.base_url = "http://testserver/scim/v2"
    results = check_server(SyncSCIMClient(door.client))
    wrong = [
        (one.title, one.reason)
        for one in results
        if one.status not in (Status.SUCCESS, Status.SKIPPED, Status.ACCEPTABLE)
    ]
    assert not wrong, wrong
    assert sum(one.status is Status.SUCCESS for one in results) > 20


def test_people_s_webhook_makes_the_group_and_a_removal_acts_at_once(door: Door) -> None:
    """The webhook adds and removes members; a removed member loses the group's rights at once."""
    assert door.people("add", "geometres", ANA) == 200
    assert door.reads_as("ag-1") == {"docs:group:geometres"}
    assert door.people("add", "geometres", ANA) == 200
    assert door.people("remove", "geometres", ANA) == 200
    assert door.reads_as("ag-1") == set()
    assert door.people("remove", "geometres", ANA) == 200
    whole = {"displayName": "geometres", "members": [{"value": BEN}, {"value": ANA}]}
    assert door.ask("PUT", f"{GROUPS}/geometres", whole).status_code == 200
    assert door.ask("PUT", f"{GROUPS}/autre", whole).status_code == 404
    made = door.ask("PUT", f"{GROUPS}/paie", whole | {"displayName": "paie"})
    assert made.status_code == 200
    assert door.reads_as("ag-1") == {"docs:group:geometres", "docs:group:paie"}
    assert door.people("remove", "inconnu", ANA) == 404
    assert door.people("add", "Pas un nom", ANA) == 404


def test_two_first_members_at_once_are_both_in(door: Door, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each finds no group; who comes second meets that of the first. A name of another is not."""
    looked, there = iter([False]), PushedGroups._touched
    assert door.people("add", "g", ANA) == 200
    monkeypatch.setattr(
        PushedGroups,
        "_touched",
        lambda self, *asked: next(looked, None) is None and there(self, *asked),
    )
    assert door.people("add", "g", BEN, "ben@exemple.fr") == 200
    assert door.reads_as("ag-1") == door.reads_as("ag-2") == {"docs:group:g"}
    door.ask("POST", GROUPS, {"displayName": "pris"})
    assert door.people("add", "pris", ANA) == 409


def test_a_member_is_the_agent_of_the_account_or_of_the_address(door: Door) -> None:
    """Whose account the directory gives; an address's case does not count; others are nobody."""
    assert door.people("add", "g", BEN, "Ben@exemple.FR") == 200
    assert door.people("add", "g", "cal") == 200
    assert door.people("add", "g", "inconnu", "inconnu@exemple.fr") == 200
    assert door.people("add", "g", "ag-1", "docs:ag-1@x.fr") == 200
    assert door.reads_as("ag-2") == {"docs:group:g"}
    assert door.reads_as("ag-1") == door.reads_as("ag-3") == set()
    assert door.people("remove", "g", "un autre identifiant", "BEN@exemple.fr") == 200
    assert door.reads_as("ag-2") == set()


def test_only_a_source_that_takes_groups_has_some(door: Door) -> None:
    """With the token of another, or none, nothing is taken; groups of others are not seen."""
    made = door.ask("POST", GROUPS, {"displayName": "paie", "members": [{"value": ANA}]})
    assert made.status_code == 201
    assert door.reads_as("ag-1") == {"docs:group:paie"}
    for token, status in ((door.drive_token, 403), ("qsp_x", 401)):
        for method, path in (("GET", GROUPS), ("POST", GROUPS), ("GET", f"{GROUPS}/x")):
            answer = door.ask(method, path, {"displayName": "x"}, token)
            assert answer.status_code == status
    door.groups.create("drive", "paie", "", [GroupMember(ANA)])
    assert door.reads_as("ag-1") == {"docs:group:paie"}, "of a source that takes none"
    listed = door.ask("GET", GROUPS).json()
    assert [one["displayName"] for one in listed["Resources"]] == ["paie"]


def test_a_deleted_or_renamed_group_is_another(door: Door) -> None:
    """Its documents keep the name that they were pushed with."""
    made = door.ask("POST", GROUPS, {"displayName": "paie", "members": [{"value": ANA}]}).json()
    path = f"{GROUPS}/{made['id']}"
    renamed = {"Operations": [{"op": "Replace", "value": {"displayName": "solde"}}]}
    assert door.ask("PATCH", path, renamed).json()["displayName"] == "solde"
    assert door.reads_as("ag-1") == {"docs:group:solde"}
    assert door.book.known({"docs:group:solde", "docs:group:paie"}) == {"docs:group:solde"}
    assert door.ask("DELETE", path).status_code == 204
    assert door.reads_as("ag-1") == set()
    assert door.ask("DELETE", path).status_code == 404


def test_a_patch_is_whole_or_not_at_all(door: Door) -> None:
    """An operation that is refused takes back those before it."""
    made = door.ask("POST", GROUPS, {"displayName": "a", "members": [{"value": ANA}]}).json()
    door.ask("POST", GROUPS, {"displayName": "b"})
    path = f"{GROUPS}/{made['id']}"
    leave = {"op": "remove", "path": f'members[value eq "{ANA}"]'}
    taken = {"op": "replace", "path": "displayName", "value": "b"}
    answer = door.ask("PATCH", path, {"Operations": [leave, taken]})
    assert (answer.status_code, answer.json()["scimType"]) == (409, "uniqueness")
    assert door.reads_as("ag-1") == {"docs:group:a"}
    assert door.ask("PATCH", path, {"Operations": [leave]}).status_code == 200
    assert door.reads_as("ag-1") == set()


@pytest.mark.parametrize(
    "body",
    [
        {"displayName": ""},
        {"displayName": "a\0b"},
        {"displayName": "g", "members": [{"value": ""}]},
        {"displayName": "g", "members": [{"value": "autre", "type": "Group"}]},
        {"displayName": "g", "members": "x"},
        ["x"],
        "x",
    ],
    ids=str,
)
def test_a_group_that_does_not_hold_is_refused(door: Door, body: object) -> None:
    """With an error of SCIM, which says nothing of what was sent."""
    answer = door.ask("POST", GROUPS, body)
    assert answer.status_code == 400
    assert answer.headers["content-type"] == "application/scim+json"
    assert answer.json()["status"] == "400"
    assert door.groups.found("docs") == ()


@pytest.mark.parametrize(
    "operation",
    [
        {"op": "remove", "path": "members", "value": []},
        {"op": "remove"},
        {"op": "remove", "path": "displayName"},
        {"op": "move", "path": "members"},
        {"op": "add", "path": "roles", "value": "x"},
        {"op": "add", "path": 'members[value eq "x"]', "value": "x"},
        {"op": "remove", "path": 'members[value sw "x"]'},
        {"op": "add", "path": "members", "value": [{"value": "g", "type": "Group"}]},
        "x",
    ],
    ids=str,
)
def test_a_patch_that_does_not_hold_is_refused(door: Door, operation: object) -> None:
    """And nothing of it is done."""
    door.people("add", "g", ANA)
    answer = door.ask("PATCH", f"{GROUPS}/g", {"Operations": [operation]})
    assert answer.status_code == 400
    assert door.reads_as("ag-1") == {"docs:group:g"}


def test_bounds_hold(door: Door, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of a body, of members and of groups: an error, and nothing half done."""
    assert door.ask("POST", GROUPS, b"x" * (LIMITS.request_bytes + 1)).status_code == 413
    deep: Any = []
    for _ in range(400):
        deep = [deep]
    assert door.ask("POST", GROUPS, deep).status_code == 400
    monkeypatch.setattr("quisait_lasuite.groups.MOST_MEMBERS", 2)
    three = [{"value": str(uuid4())} for _ in range(3)]
    assert door.ask("POST", GROUPS, {"displayName": "g", "members": three}).status_code == 413
    assert door.groups.found("docs") == ()
    monkeypatch.setattr("quisait_lasuite.groups.MOST_GROUPS", 1)
    assert door.ask("POST", GROUPS, {"displayName": "g"}).status_code == 201
    assert door.ask("POST", GROUPS, {"displayName": "h"}).status_code == 413


def test_what_is_kept_of_a_source_that_is_gone_goes(door: Door) -> None:
    """Members with their groups."""
    door.people("add", "g", ANA)
    GroupStore(door.engine).forget("docs")
    assert door.reads_as("ag-1") == set()
    assert door.people("add", "g", BEN) == 200
    assert door.reads_as("ag-1") == set()


def test_no_page_is_answered_to_a_program(door: Door) -> None:
    """Neither at an address that is none, nor for a method that is not taken."""
    for method, path in (("PATCH", f"{GROUPS}/"), ("POST", "/scim/v2/Users"), ("GET", "/scim/x")):
        answer = door.ask(method, path, {})
        assert answer.status_code in (404, 405)
        assert "html" not in answer.headers["content-type"]


def test_half_characters_and_nul_name_nobody(door: Door) -> None:
    """PostgreSQL takes neither: no statement is given any, and no answer is an error of ours."""
    assert door.people("add", "g", ANA) == 200

    def look(
        _: object, cursor: object, statement: str, given: Sequence[object], *rest: object
    ) -> None:
        assert "\0" not in "".join(map(str, given)), statement

    sa.event.listen(door.engine, "before_cursor_execute", look)
    for wanted in (r"\ud800", r"\u0000"):
        for field in ("value", "email"):
            path = rf"members[{field} eq \"{wanted}\"]"
            body = f'{{"Operations": [{{"op": "remove", "path": "{path}"}}]}}'.encode()
            assert door.ask("PATCH", f"{GROUPS}/g", body).status_code == 400
        asked = rf'{{"filter": "externalId eq \"{wanted}\""}}'.encode()
        assert door.ask("POST", "/scim/v2/.search", asked).status_code == 400
    for method in ("GET", "DELETE"):
        assert door.ask(method, f"{GROUPS}/%00").status_code == 404
    assert door.reads_as("ag-1") == {"docs:group:g"}


def test_a_page_of_groups_holds_so_many_members(
    door: Door, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It ends before its count then; the next begins after it."""
    monkeypatch.setattr("quisait_lasuite.scim_routes.MOST_LISTED_MEMBERS", 2)
    for name in ("a", "b", "c"):
        assert door.ask("PUT", f"{GROUPS}/{name}", group_of(name, ANA, BEN)).status_code == 200
    first = door.ask("GET", GROUPS).json()
    assert (first["itemsPerPage"], first["totalResults"]) == (1, 3)
    last = door.ask("GET", f"{GROUPS}?startIndex=3").json()
    assert [one["id"] for one in last["Resources"]] == ["c"]
    assert len(door.ask("GET", f"{GROUPS}?excludedAttributes=members").json()["Resources"]) == 3


def group_of(name: str, *members: str) -> dict[str, object]:
    return {"displayName": name, "members": [{"value": one} for one in members]}
