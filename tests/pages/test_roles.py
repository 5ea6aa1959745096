"""Pages that need a role: who may open them; each access is in the audit log before it is shown."""

from dataclasses import replace
from typing import Annotated

import pytest
import sqlalchemy as sa
from fastapi import APIRouter, FastAPI
from fastapi.testclient import TestClient

from quisait.clock import now
from search_api.app import create_app
from search_api.audit.port import EVERY_S, RefusedAccesses
from search_api.audit.sql import SqlAudit
from search_api.authorization import require
from search_api.context import RoleHolder
from search_api.identity.principals import Grant, Grants, Role
from search_api.identity.readers import reader_of
from search_api.templating import ROLE_PAGES
from tests.pages.administration import TODAY
from tests.pages.conftest import NOW_S, TOKENS, Parts

pytestmark = [pytest.mark.pages, pytest.mark.trust]

GRANTS = Grants(
    (
        Grant(Role.OFFICER, agents=frozenset({"ag-5"})),
        Grant(Role.ADMINISTRATOR, groups=frozenset({"ldap:group:fraude"})),
        Grant(Role.ANIMATOR, agents=frozenset({"ag-1"}), topics=frozenset({"foncier"})),
    )
)
desk = APIRouter()


@desk.get("/api/v1/desk/{agent}")
def desk_of(agent: str, holder: Annotated[RoleHolder, require(Role.ADMINISTRATOR, "agent")]) -> str:
    return f"{holder.reader.agent_id} reads {agent}"


@pytest.fixture
def audit(database: sa.Engine) -> SqlAudit:
    return SqlAudit(database, now)


@pytest.fixture
def app(parts: Parts, audit: SqlAudit) -> FastAPI:
    services = parts.services(grants=GRANTS, audit=audit)
    app = create_app(services)
    app.include_router(desk)
    return app


def client(app: FastAPI, agent: str | None) -> TestClient:
    headers = {"Authorization": f"Bearer {TOKENS.make(agent, NOW_S)}"} if agent else {}
    return TestClient(app, headers=headers, follow_redirects=False)


def test_a_role_opens_its_pages_and_no_others(app: FastAPI) -> None:
    """403 as a problem for who does not hold it, 401 for nobody."""
    statuses = {
        (agent, path): client(app, agent).get(path).status_code
        for agent in (None, "ag-1", "ag-4", "ag-5")
        for path in ("/audit", "/api/v1/audit", "/api/v1/desk/ag-2")
    }
    assert {key: status for key, status in statuses.items() if status == 200} == {
        ("ag-5", "/audit"): 200,
        ("ag-5", "/api/v1/audit"): 200,
        ("ag-4", "/api/v1/desk/ag-2"): 200,
    }
    assert {status for (agent, _), status in statuses.items() if agent is None} == {401}
    refused = client(app, "ag-1").get("/api/v1/audit")
    assert refused.status_code == 403
    assert refused.headers["content-type"] == "application/problem+json"
    assert refused.json()["code"] == "forbidden"
    assert client(app, "ag-1").get("/audit").status_code == 403


def test_a_reading_is_in_the_audit_with_its_subject(app: FastAPI, audit: SqlAudit) -> None:
    """Whom it was about, never what else the address said."""
    client(app, "ag-4").get("/api/v1/desk/ag-2?q=hippocampe")
    (entry,) = audit.newest(10)
    assert (entry.actor, entry.role) == ("ag-4", "administrator")
    assert (entry.reading, entry.subject) == ("GET /api/v1/desk/{agent}", "agent:ag-2")
    page = client(app, "ag-5").get("/audit").text
    assert "agent ag-2" in page
    assert "hippocampe" not in page
    shown = client(app, "ag-5").get("/api/v1/audit?limit=2").json()
    assert [one["reading"] for one in shown["entries"]] == ["GET /api/v1/audit", "GET /audit"]
    assert shown["following"] == 2
    assert shown["broken"] is None


def test_a_refused_attempt_is_written_once_an_hour_by_agent_and_page(
    app: FastAPI, audit: SqlAudit
) -> None:
    """Who and which page, with the role that they lack; not what the address was about."""
    clock = [0.0]
    app.state.services = replace(app.state.services, refusals=RefusedAccesses(lambda: clock[0]))
    for name in ("ag-2", "ag-3", "hippocampe"):
        assert client(app, "ag-1").get(f"/api/v1/desk/{name}").status_code == 403
    assert client(app, None).get("/api/v1/desk/ag-2").status_code == 401
    (entry,) = audit.newest(10)
    assert (entry.actor, entry.role, entry.subject) == ("ag-1", "administrator", "")
    assert entry.refused
    assert entry.asked == "GET /api/v1/desk/{agent}"
    client(app, "ag-1").get("/audit")
    client(app, "ag-2").get("/audit")
    assert len(audit.newest(10)) == 3
    clock[0] = EVERY_S
    client(app, "ag-1").get("/audit")
    assert len(audit.newest(10)) == 4
    assert (
        "<strong>Refusé</strong>&nbsp;: registre des consultations</td>"
        in client(app, "ag-5").get("/audit").text
    )
    shown = client(app, "ag-5").get("/api/v1/audit").json()["entries"]
    assert [one["reading"] for one in shown].count("refused GET /audit") == 3


def test_a_refusal_stands_where_it_cannot_be_written(app: FastAPI, database: sa.Engine) -> None:
    """403 as ever, and tried again the next time."""
    with database.begin() as connection:
        connection.exec_driver_sql("alter table audit_entries rename to away")
    assert client(app, "ag-1").get("/audit").status_code == 403
    with database.begin() as connection:
        connection.exec_driver_sql("alter table away rename to audit_entries")
    assert client(app, "ag-1").get("/audit").status_code == 403
    assert [one.actor for one in SqlAudit(database, now).newest(10)] == ["ag-1"]


def test_what_cannot_be_written_down_is_not_shown(app: FastAPI, database: sa.Engine) -> None:
    """The page answers that it cannot, and nothing of what it holds."""
    with database.begin() as connection:
        connection.exec_driver_sql("drop table audit_entries")
    answer = client(app, "ag-4").get("/api/v1/desk/ag-2")
    assert answer.status_code == 503
    assert answer.json()["code"] == "audit_unwritable"
    assert "reads" not in answer.text


def test_the_navigation_offers_what_one_may_open(app: FastAPI) -> None:
    """The officer's desk to the officer alone."""
    pages = {id_: client(app, id_).get("/").text for id_ in ("ag-1", "ag-4", "ag-5")}
    assert [id_ for id_, page in pages.items() if 'href="/audit"' in page] == ["ag-5"]


def test_a_departed_officer_is_nobody(parts: Parts, audit: SqlAudit) -> None:
    """A role is held by a reader, and who left is none."""
    grants = Grants((Grant(Role.OFFICER, agents=frozenset({"ag-3"})),))
    services = parts.services(grants=grants, audit=audit)
    assert client(create_app(services), "ag-3").get("/audit").status_code == 401


def test_roles_bound_what_is_animated(parts: Parts) -> None:
    """An animator's topics are theirs; the others are not."""
    held = GRANTS.held_by(reader_of("ag-1", parts.book, TODAY))
    assert held.roles == {Role.AGENT, Role.ANIMATOR}
    assert held.animates_topic("foncier")
    assert not held.animates_topic("cadastre")


def test_every_desk_is_closed_to_the_other_roles(app: FastAPI) -> None:
    """What the navigation offers to one role answers 403 to all others."""
    holder = {Role.AGENT: "ag-2", Role.ANIMATOR: "ag-1"}
    holder |= {Role.ADMINISTRATOR: "ag-4", Role.OFFICER: "ag-5"}
    for desk in ROLE_PAGES:
        statuses = {
            role: client(app, id_).get(desk.path).status_code for role, id_ in holder.items()
        }
        refused = {role for role, status in statuses.items() if status == 403}
        assert refused == set(Role) - {desk.role}, desk.path
