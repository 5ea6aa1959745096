"""The audit page describes in words every access by a role: page, API route or command."""

import ast
import inspect
import re
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import quisait_demo.command
import quisait_tune.command
import sqlalchemy as sa
from fastapi.testclient import TestClient
from quisait_moderation.service import ModerationAct
from quisait_moderation.web import moderation_web

import quisait.commands
import quisait.server.app
from quisait.clock import now
from search_api.administration.service import AUDIT_PAGE
from search_api.administration.tables import EntryAct
from search_api.app import Services, create_app
from search_api.audit.descriptions import OPENED, about, opened, way
from search_api.audit.port import REFUSED, AuditEntry, PrivilegedAccess
from search_api.audit.sql import FORGOTTEN, SqlAudit
from search_api.authorization import RoleRequired
from search_api.communities.management import ProposalAction
from search_api.communities.pages import CommunityPageAct
from search_api.expected.service import ExpectedAct
from search_api.identity.principals import Grant, Grants, Role
from search_api.people.corrections import HolderAction
from search_api.verification.service import MarkedAct
from tests.pages.access_routes import each_route
from tests.pages.conftest import NOW_S, TOKENS, Parts

pytestmark = [pytest.mark.pages, pytest.mark.trust]

OFFICER = Grants((Grant(Role.OFFICER, agents=frozenset({"ag-5"})),))
TECHNICAL = re.compile(
    r"(?:GET|POST|PUT|PATCH|DELETE) /|/api/|[{}]|quisait \w|proposal |question \w+$|audit forg"
)


@pytest.fixture
def audit(database: sa.Engine) -> SqlAudit:
    return SqlAudit(database, now)


@pytest.fixture
def services(parts: Parts, audit: SqlAudit) -> Services:
    return parts.services(grants=OFFICER, audit=audit)


def asks_a_role(dependant: Any) -> bool:
    return isinstance(dependant.call, RoleRequired) or any(
        asks_a_role(one) for one in dependant.dependencies
    )


def of_routes(services: Services) -> set[str]:
    """Return the accesses that need a role, as `RoleRequired` writes them."""
    routes = [one for one in each_route(create_app(services).routes) if hasattr(one, "dependant")]
    privileged = [one for one in routes if asks_a_role(one.dependant)]
    return {f"{method} {one.path}" for one in privileged for method in one.methods}


WRITES = {
    "audit_command": (1, ""),
    "audited_reader": (2, ""),
    "opened_for_reader": (1, ""),
    "opened_for_animator": (1, "quisait "),
}
"""Which argument of a call names what a command reads, and what comes before it."""


def of_commands(files: Iterable[Path]) -> set[str]:
    """Return the commands in these files that write an access of their own."""
    found = set()
    for file in files:
        for call in ast.walk(ast.parse(file.read_text())):
            if isinstance(call, ast.Call):
                name = getattr(call.func, "attr", getattr(call.func, "id", ""))
                at, before = WRITES.get(name, (0, ""))
                said = call.args[at] if at and len(call.args) > at else None
                if isinstance(said, ast.Constant) and isinstance(said.value, str):
                    found.add(f"{before}{said.value}")
    return found


def test_all_that_a_role_opens_has_words_and_nothing_else_has(services: Services) -> None:
    """Routes as they are served, commands as they are written, verdicts, and what is let go."""
    beside = (
        Path(inspect.getfile(one))
        for one in (quisait.server.app, quisait_demo.command, quisait_tune.command)
    )
    files = (*Path(quisait.commands.__path__[0]).glob("*.py"), *beside)
    routes, commands = of_routes(services), of_commands(files)
    assert {"GET /audit", "POST /api/v1/animation/communities/{topic_id:path}"} <= routes
    assert {"quisait journal", "quisait topics risks"} <= commands
    verdicts = {f"proposal {one}" for one in ProposalAction}
    verdicts |= {f"community {one}" for one in CommunityPageAct}
    verdicts |= {f"question {one}" for one in ModerationAct}
    verdicts |= {f"holder {one}" for one in HolderAction}
    verdicts |= {f"entry {one}" for one in EntryAct}
    verdicts |= {f"document {one}" for one in MarkedAct}
    verdicts |= {f"expected {act}" for act in ExpectedAct}
    routes = {one.replace("/api/v1/", "/") for one in routes}
    moderation = set(moderation_web().accesses)
    assert set(OPENED) | moderation == routes | commands | verdicts | {FORGOTTEN, "source folder"}


def test_no_command_reads_as_an_agent_unwritten() -> None:
    """A reader is made for a command where it is written down, and nowhere else."""
    root = Path(quisait.commands.__path__[0]).parent
    callers = {
        str(file.relative_to(root))
        for file in root.rglob("*.py")
        for node in ast.walk(ast.parse(file.read_text()))
        if isinstance(node, ast.Call)
        and getattr(node.func, "attr", getattr(node.func, "id", "")) == "command_line_reader"
    }
    assert callers == {"commands/privacy.py", "commands/answers.py"}


def test_the_page_shows_no_method_and_no_path(services: Services, audit: SqlAudit) -> None:
    """Whether it was shown or refused, of this version or of another."""
    unknown = "GET /api/v1/ancien/{agent}"
    for reading in (*OPENED, *(REFUSED + one for one in OPENED), unknown):
        audit.write(PrivilegedAccess("ag-1", Role.ANIMATOR, reading, "topic_id:foncier"))
    headers = {"Authorization": f"Bearer {TOKENS.make('ag-5', NOW_S)}"}
    client, entries = TestClient(create_app(services), headers=headers), 2 * len(OPENED) + 2
    pages = [client.get(f"/audit?before={before + 1}") for before in range(entries, 0, -AUDIT_PAGE)]
    assert {page.status_code for page in pages} == {200}
    table = "".join(one.text.partition("<tbody")[2].partition("</tbody>")[0] for one in pages)
    assert table.count("<tr") == entries
    assert TECHNICAL.findall(re.sub(r"<[^>]*>", "", table)) == []
    assert "registre des consultations" in table
    assert "sujet foncier" in table


def entry(reading: str, subject: str = "") -> AuditEntry:
    return AuditEntry(1, datetime(2026, 1, 1, tzinfo=UTC), "ag-1", "", reading, subject, "", "")


def test_what_how_and_about_whom() -> None:
    refused = entry("refused GET /api/v1/audit")
    assert (opened(refused), way(refused)) == ("registre des consultations", "par l’API")
    assert way(entry("quisait journal")) == "en ligne de commande"
    assert way(entry("GET /audit")) == ""
    assert about(entry("GET /x", "agent:ag-2")) == "agent ag-2"
    assert about(entry("quisait search", "as:ag-2")) == "au nom de l’agent ag-2"
    assert about(entry("quisait serve", "as:*")) == "au nom de tout agent que l’on choisit"
    assert about(entry("quisait sessions list", "ag-2")) == "ag-2"
    assert about(entry(FORGOTTEN, "12 ab34")) == "jusqu’à l’entrée 12"
    assert about(entry("GET /audit")) == ""
