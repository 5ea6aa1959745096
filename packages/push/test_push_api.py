"""Pushing over HTTP: who may, what is answered, and that nothing at all makes it fail."""

import json
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

import pytest
import sqlalchemy as sa
from fastapi.testclient import TestClient
from quisait_lasuite.documents import SuiteDocuments, SuiteRules
from quisait_lasuite.service import LaSuite
from quisait_lasuite.web import lasuite_web
from quisait_push.inbox import Inbox, PushService
from quisait_push.items import PushLimits
from quisait_push.tokens import PushTokens
from quisait_push.web import push_web

from indexer.access import NOBODY
from search_api.app import create_app
from tests.pages.conftest import Parts
from tests.pushed_documents import DOCUMENT, post

pytestmark = [pytest.mark.sources, pytest.mark.trust]

LIMITS = PushLimits(request_bytes=20_000, document_bytes=5_000, documents=20)
PUSH, INDEX, DELETE = (
    "/api/v1/push/docs",
    "/api/v1.0/documents/index/",
    "/api/v1.0/documents/delete/",
)


@dataclass
class Door:
    """The application with a source `docs` and a source `drive`, and what it keeps."""

    client: TestClient
    inbox: Inbox
    tokens: PushTokens
    token: str
    engine: sa.Engine

    def push(self, body: object, path: str = PUSH, token: str | None = None) -> Any:
        raw = body if isinstance(body, bytes) else json.dumps(body).encode()
        headers = {"Authorization": f"Bearer {token or self.token}"}
        return self.client.post(path, content=raw, headers=headers)


@pytest.fixture
def door(parts: Parts, database: sa.Engine) -> Door:
    tokens = PushTokens(database)
    inbox = Inbox(database, lambda source: None, max_waiting=40)
    sources = {"docs": frozenset[str](), "drive": frozenset[str]()}
    documents = SuiteDocuments(inbox, {"docs": SuiteRules()}, LIMITS.document_bytes)
    app = create_app(
        parts.services(
            reader_of=lambda _: NOBODY,
            features=(
                push_web(PushService(inbox, tokens, sources, LIMITS)),
                lasuite_web(LaSuite(documents)),
            ),
        )
    )
    client = TestClient(app, raise_server_exceptions=False)
    return Door(client, inbox, tokens, tokens.add("docs", ""), database)


def problem(answer: Any) -> tuple[int, str]:
    assert answer.headers["content-type"] == "application/problem+json"
    body = answer.json()
    assert body["status"] == answer.status_code
    return answer.status_code, body["code"]


def test_a_document_is_accepted_once(door: Door) -> None:
    """Its second arrival is unchanged; both answers are 200."""
    answers = [door.push(post("a", version=1)) for _ in range(2)]
    assert [answer.status_code for answer in answers] == [200, 200]
    assert answers[0].json() == {
        "accepted": 1,
        "unchanged": 0,
        "refused": 0,
        "items": [{"id": "a", "status": "accepted", "code": "", "reason": ""}],
    }
    assert answers[1].json()["items"][0]["status"] == "unchanged"


def test_many_are_answered_one_by_one(door: Door) -> None:
    """207 where one is refused: the others are taken."""
    answer = door.push({"documents": [post("a"), post("b", created="hier"), post("c")]})
    assert answer.status_code == 207
    said = [(one["id"], one["status"]) for one in answer.json()["items"]]
    assert said == [("a", "accepted"), ("b", "refused"), ("c", "accepted")]
    assert "created" in answer.json()["items"][1]["reason"]
    assert door.inbox.last_seq("docs") == 2
    assert door.push({"documents": []}).json()["items"] == []


def test_a_single_refusal_is_a_problem(door: Door) -> None:
    """Whoever looks at the status alone sees it."""
    assert problem(door.push(post("a", colour="red"))) == (422, "malformed")
    assert problem(door.push(post("a", "x" * 6000))) == (413, "too_large")
    door.push(post("a", version=2))
    assert problem(door.push(post("a", "autre", version=2))) == (422, "conflict")


@pytest.mark.parametrize("path", [PUSH, INDEX, DELETE])
def test_without_a_token_nothing_is_read(door: Door, path: str) -> None:
    """401 and how to authenticate; whatever is in the header, and before the body is looked at."""
    for header in (None, "", "Bearer", "Bearer x", "Basic eDp5", "Bearer \xff", f"{door.token}x"):
        headers = {} if header is None else {"Authorization": header.encode("latin-1")}
        answer = door.client.post(path, content=b"{" * 30_000, headers=headers)  # type: ignore[arg-type]
        assert problem(answer) == (401, "unknown_reader")
        assert answer.headers["www-authenticate"] == "Bearer"


def test_a_token_opens_no_other_source(door: Door) -> None:
    """403, also for a source that does not exist; revoked, or its source gone, it is 401."""
    drive, gone = door.tokens.add("drive", ""), door.tokens.add("ancienne", "")
    for path in (PUSH, "/api/v1/push/nulle-part", "/api/v1/push/%00", "/api/v1/push/docs%20"):
        assert problem(door.push(post("a"), path, drive)) == (403, "forbidden")
    assert problem(door.push(post("a"), "/api/v1/push/ancienne", gone))[0] == 401
    assert door.tokens.revoke("docs", door.tokens.of("docs")[0].id)
    assert problem(door.push(post("a")))[0] == 401
    assert door.inbox.last_seq("docs") == 0


def test_no_cookie_and_no_other_method_pushes(door: Door) -> None:
    """Another site cannot push in a browser's name."""
    door.client.cookies.set("quisait_token", door.token)
    assert problem(door.client.post(PUSH, json=post("a")))[0] in (401, 403)
    door.client.cookies.clear()
    assert problem(door.client.get(PUSH))[0] == 405
    gzip = {"Authorization": f"Bearer {door.token}", "Content-Encoding": "gzip"}
    assert problem(door.client.post(PUSH, content=b"x", headers=gzip))[0] == 415


def test_without_a_source_that_pushes_there_is_no_door(parts: Parts) -> None:
    """404 before anything else."""
    services = parts.services(reader_of=lambda _: NOBODY)
    client = TestClient(create_app(services))
    assert problem(client.post(PUSH, json=post("a"))) == (404, "not_found")


def test_limits_are_told(door: Door) -> None:
    """Too many bytes or documents: 413; nothing of them is taken."""
    assert problem(door.push(b" " * 20_001)) == (413, "too_large")
    assert problem(door.push(b" " * 90_000)) == (413, "too_large")
    many = [post(f"{number}", "") for number in range(21)]
    assert problem(door.push({"documents": many})) == (413, "too_large")
    assert problem(door.push(many, INDEX)) == (413, "too_large")
    assert door.inbox.last_seq("docs") == 0
    mixed = door.push({"documents": [post("a"), post("b", "x" * 6000)]}).json()
    assert [one["status"] for one in mixed["items"]] == ["accepted", "refused"]


def test_when_too_much_waits_one_is_asked_to_come_again(door: Door) -> None:
    """429 with Retry-After, and nothing of the request taken."""
    for start in (0, 20):
        many = [post(f"{start + number}", "") for number in range(20)]
        assert door.push({"documents": many}).status_code == 200
    for body, path in ((post("z"), PUSH), ([DOCUMENT], INDEX)):
        answer = door.push(body, path)
        assert problem(answer) == (429, "too_many_waiting")
        assert int(answer.headers["retry-after"]) > 0
    assert door.inbox.last_seq("docs") == 40


def test_a_database_that_does_not_answer_is_503(door: Door) -> None:
    """With Retry-After: what an application does then is wait."""
    broken = sa.create_engine("postgresql+psycopg://nobody@127.0.0.1:9/none")
    door.inbox._engine = broken
    assert problem(door.push(post("a"))) == (503, "inbox_unreachable")
    door.tokens._engine = broken
    answer = door.push(post("a"))
    assert problem(answer) == (503, "inbox_unreachable")
    assert "retry-after" in answer.headers


BODIES = [
    b"", b"{", b"null", b"[]", b'"x"', b"1", b"\xff\xfe", b"\0" * 50, b"[" * 9000, b'{"a":' * 3000,
    b"{}", b'{"documents":null}', b'{"documents":{}}', b'{"documents":[],"x":1}', b"NaN",
    b'{"type":"post","id":"a","title":NaN}', b'{"id":' + b"9" * 5000 + b"}", b"1e999",
    b'{"type":"post","id":"\\ud83d","title":"t"}', b'{"type":"access","id":"\\ud83d"}',
    b'{"type":"post","id":"a\\u0000","title":"t"}', b'{"id":"\\ud83d","is_active":false}',
    b'{"type":"post","id":"a","title":"t","version":1e999}',
    b'{"type":"post","id":"a","title":"t","version":true}',
    b'{"type":"post","id":"a","title":"t","version":["x"]}',
    b'{"type":"post","id":"a","title":"t","version":"\\u0000"}',
    b'{"type":"post","id":"a","title":"t","attachments":[{"name":"f","path":"/etc/hostname"}]}',
    b'{"type":"post","id":"a","title":"t","attachments":[{"name":"f","base64":"@"}]}',
    b'{"type":"post","id":"a","title":"t","attachments":[{"name":"f"}]}',
    b'{"type":"post","id":"a","title":"t","readers":{"allowed":["tous"]}}',
    b'{"type":"post","id":"a","title":"t","readers":"everyone"}',
    b'{"type":"deleted"}', b'{"type":"deleted","id":{}}', b'{"type":"access","id":"a"}',
    b'{"document_ids":["\\ud83d"]}', b'{"document_ids":[1]}',
    b'{"document_ids":["x"],"tags":["y"]}',
    b'{"document_ids":"x"}', b'\xef\xbb\xbf{"type":"post"}',
]  # fmt: skip


@pytest.mark.parametrize("path", [PUSH, INDEX, DELETE])
def test_hostile_bodies_are_refused(door: Door, path: str) -> None:
    """Alone, or one of several: never a 500, never taken."""
    for body in BODIES:
        _refused(door, path, body)


def _refused(door: Door, path: str, body: bytes) -> None:
    several = b'{"documents":[%s,%s]}' % (body, json.dumps(post("bon")).encode())
    for raw in (body, b"[%s]" % body, several):
        answer = door.push(raw, path)
        assert 200 <= answer.status_code < 500, (raw[:100], answer.text)
        if path == PUSH and answer.status_code < 300:
            refused = [one for one in answer.json()["items"] if one["id"] != "bon"]
            assert {one["status"] for one in refused} <= {"refused"}


def test_finds_answers_are_finds(door: Door) -> None:
    """One document: 201 and its id; several: 201 and a list; one that is wrong: 400."""
    one = door.push(DOCUMENT, INDEX)
    assert (one.status_code, one.json()) == (201, {"status": "created", "_id": DOCUMENT["id"]})
    other = DOCUMENT | {"id": str(uuid4())}
    several = door.push([DOCUMENT, other], INDEX)
    assert several.status_code == 201
    assert several.json() == [
        {"index": 0, "_id": DOCUMENT["id"], "status": "success"},
        {"index": 1, "_id": other["id"], "status": "success"},
    ]
    assert door.push([], INDEX).json() == []


def test_finds_refusals_name_the_field(door: Door) -> None:
    """What is right beside it is taken: a narrowing waits for nobody else's mistake."""
    wrong = DOCUMENT | {"id": "w", "created_at": "hier"}
    alone = door.push(wrong, INDEX)
    assert alone.status_code == 400
    assert [(one["loc"], bool(one["msg"])) for one in alone.json()] == [(["created_at"], True)]
    mixed = door.push([wrong, DOCUMENT], INDEX)
    assert mixed.status_code == 400
    assert [(one["index"], one["status"]) for one in mixed.json()] == [(0, "error"), (1, "success")]
    assert door.inbox.last_seq("docs") == 1


@pytest.mark.parametrize("scheme", ["Bearer ", "Token ", ""])
def test_finds_applications_say_their_token_in_three_ways(door: Door, scheme: str) -> None:
    """All of them are understood."""
    headers = {"Authorization": f"{scheme}{door.token}"}
    assert door.client.post(INDEX, json=[DOCUMENT], headers=headers).status_code == 201


def test_finds_deletion_is_by_id(door: Door) -> None:
    """An id that nobody knows is deleted all the same: it stays out."""
    door.push(DOCUMENT, INDEX)
    answer = door.push({"service": "docs", "document_ids": [DOCUMENT["id"], "x"]}, DELETE)
    assert answer.json() == {"nb-deleted-documents": 2, "undeleted-document-ids": []}
    assert problem(door.push({"service": "docs", "tags": []}, DELETE))[0] == 400


def test_finds_deletion_is_by_tag_too(door: Door) -> None:
    """With ids, what has both; a file goes with its document."""
    for name, tags in (("1", ["a"]), ("2", ["a", "b"]), ("3", ["b"])):
        door.push(DOCUMENT | {"id": name, "tags": tags}, INDEX)
    gone = door.push({"document_ids": ["1", "3"], "tags": ["a"]}, DELETE).json()
    assert gone == {"nb-deleted-documents": 1, "undeleted-document-ids": ["3"]}
    assert door.push({"tags": ["a", "x"]}, DELETE).json()["nb-deleted-documents"] == 1
    assert set(door.inbox.standing("docs")) == {"3"}
