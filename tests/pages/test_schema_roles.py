"""The whole API by its schema, for every role and with identifiers that exist: nothing is refused.

Whoever keeps to the schema is answered as it says: no undocumented status or body, and no request
that it allows is called wrong.
"""

import re
from dataclasses import replace
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from search_api.app import create_app
from search_api.identity.principals import Grant, Grants, Role
from tests.pages.test_animation import GRANTS
from tests.pages.test_schema import CHECKS, PATIENCE_S
from tests.pages.test_write_routes import MANAGER, OTHER, SITE, Site, site
from tests.pushed_documents import DOCUMENT

pytestmark = [pytest.mark.pages, pytest.mark.trust]

__all__ = ["site"]

ANY_JSON = re.compile(r"\w+ (/api/v1/push/|/api/v1\.0/documents/index/|/scim/)")
"""Bodies that the schema leaves open: another document says what is taken."""
CALLED_WRONG = {"invalid_parameter", "bad_request"}
"""Codes of a request that is not of the schema; other codes say what the state forbids."""
MAY_REFUSE = re.compile(
    r"(GET|POST) /api/v1/(push|communities|animation/(communit\w+|documents|questions))|"
    r"(POST|PUT|PATCH) /scim/|"
    r"POST /api/v1/(me/wishes|animation/proposals|questions/\{question_id\}$)|"
    r"(POST|DELETE) /api/v1/questions/\{question_id\}/reports|"
    r"DELETE /api/v1/documents/\{document_id\}/expected-questions"
)
"""What takes a body that the schema leaves open, or a state that few draws meet."""
NAMED = {"document_id": "document_id", "document": "document_id", "topic": "topic_id",
         "into": "topic_id", "agent": "agent_id", "to": "agent_id"}  # fmt: skip
"""Fields of a body that name something, and which path parameter names it too."""
BOUNDED = settings(
    max_examples=8,
    derandomize=True,
    database=None,
    deadline=None,
    suppress_health_check=list(HealthCheck),
)


def identifiers(site: Site) -> dict[str, list[str]]:
    """Return existing values for each path parameter."""
    asker = site.client(OTHER)
    topics = [one["id"] for one in asker.get("/api/v1/topics").json()["topics"]]
    found = asker.get("/api/v1/search", params={"page_size": 50}).json()["documents"]
    return {
        "topic_id": topics[:20],
        "agent_id": ["ag-1", "ag-5", "ag-8"],
        "document_id": [one["id"] for one in found][:20],
        "proposal_id": [site.proposal()],
        "decision_id": [site.decision()],
        "source": ["docs"],
        "group_id": ["g"],
        "name": ["Group", "urn:ietf:params:scim:schemas:core:2.0:Group"],
    }


def a_question(site: Site) -> str:
    """The id of a new question, of whoever may still ask one today."""
    for agent in (OTHER, "ag-6", "ag-7", "ag-8", MANAGER):
        asked = site.client(agent).post("/api/v1/questions", json={"title": "Qui sait ?"})
        if asked.status_code == 200:
            return str(asked.json()["id"])
    raise AssertionError("everybody has asked too much")


def name_what_exists(case: Any, data: st.DataObject, known: dict[str, list[str]]) -> None:
    """Put identifiers that exist in most places of a request that name something."""
    for name in case.path_parameters or ():
        if data.draw(st.integers(0, 3)):
            case.path_parameters[name] = data.draw(st.sampled_from(known[name]))
    for name in sorted(set(NAMED) & set(case.body if isinstance(case.body, dict) else ())):
        if data.draw(st.booleans()):
            case.body[name] = data.draw(st.sampled_from(known[NAMED[name]]))


def callers_of(site: Site) -> dict[str, dict[str, str]]:
    """The headers of each role: animators, an officer, an administrator, and programs."""
    token = site.tokens.make(OTHER, "un programme", 30)
    return {
        "nobody": {},
        **{
            agent: {"Cookie": f"quisait_session={site.session(agent)}", "Origin": SITE}
            for agent in (MANAGER, OTHER, "ag-7", "ag-8")
        },
        "program": {"Authorization": f"Bearer {token}"},
        "pushing": {"Authorization": f"Bearer {site.push_token}"},
        "application": {"Authorization": "Bearer jeton"},
    }


def test_every_route_for_every_role(site: Site) -> None:
    site.provider.token_claims |= {"client_id": "docs-app", "sub": "a1"}
    grants = Grants((*GRANTS.every, Grant(Role.OFFICER, agents=frozenset({"ag-7"}))))
    app = create_app(replace(site.services, grants=grants))
    callers, known = callers_of(site), identifiers(site)
    pushed = site.client().post(
        "/api/v1.0/documents/index/", json=DOCUMENT, headers=callers["pushing"]
    )
    assert pushed.status_code == 201
    asked, answered = set(), set()
    for found in schemathesis.openapi.from_asgi("/openapi.json", app).get_all_operations():
        operation = found.ok()  # type: ignore[union-attr]  # else it raises, which is meant

        if "{question_id}" in operation.path:  # others deleted those of before
            known["question_id"] = [a_question(site)]

        @BOUNDED
        @given(case=operation.as_strategy(), data=st.data())
        def answers(case: Any, data: st.DataObject) -> None:
            label = case.operation.label
            name_what_exists(case, data, known)
            for who, headers in callers.items():
                answer = case.call(headers=headers, base_url=SITE, timeout=PATIENCE_S)
                case.validate_response(answer, checks=CHECKS)
                if answer.status_code in (400, 422) and not ANY_JSON.match(label):
                    problem = answer.json()
                    assert problem["code"] not in CALLED_WRONG, f"{label}, {who}: {problem}"
                if answer.status_code < 300:
                    answered.add(label)

        answers()
        asked.add(operation.label)
    assert len(asked) > 60
    assert {one for one in asked - answered if not MAY_REFUSE.match(one)} == set()
