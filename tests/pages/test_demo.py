"""The demo's choice of an agent: on this machine only, and never a way out of the site."""

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

from tests.pages.administration import SECRET

pytestmark = [pytest.mark.pages, pytest.mark.trust]


def choose(client: TestClient, agent: str, back: str = "/") -> str:
    response = client.post("/demo/agent", data={"agent": agent, "back": back})
    assert response.status_code == 303
    return str(response.headers["location"])


def test_another_agent_reads_otherwise(demo: TestClient) -> None:
    """The chosen agent's rights apply at once; the cookie is out of scripts' reach."""
    assert SECRET not in demo.get("/").text
    response = demo.post("/demo/agent", data={"agent": "ag-4", "back": "/?q=zanz"})
    cookie = response.headers["set-cookie"]
    assert "HttpOnly" in cookie
    assert "SameSite=lax" in cookie
    assert SECRET in demo.get(response.headers["location"]).text


@pytest.mark.parametrize(
    "back",
    ["https://ailleurs.example/", "//ailleurs.example", "/\\ailleurs.example", "\\\\ailleurs",
     "javascript:alert(1)", "", "ailleurs", "/\t/ailleurs.example", " //ailleurs"],
)  # fmt: skip
def test_no_way_out_of_the_site(demo: TestClient, back: str) -> None:
    """Coming back leads to a path of this site, else to its first page."""
    assert choose(demo, "ag-2", back) == "/"


def test_coming_back_to_the_same_search(demo: TestClient) -> None:
    """A local path and its query are kept."""
    assert choose(demo, "ag-2", "/?q=taxe+fonci%C3%A8re&kind=fiche").startswith("/?q=taxe+fonci")


@pytest.mark.parametrize("agent", ["", "ag-3", "ag-999", "'; --"])
def test_only_agents_in_service_can_be_chosen(demo: TestClient, agent: str) -> None:
    """Who left or never was is a problem 400, and no cookie is set."""
    response = demo.post("/demo/agent", data={"agent": agent})
    assert response.status_code == 400
    assert "set-cookie" not in response.headers


def test_a_forged_cookie_opens_nothing(demo: TestClient) -> None:
    """An unknown agent reads nothing, and the bar lets the person choose again."""
    demo.cookies.set("quisait_demo_agent", "ag-999")
    response = demo.get("/")
    assert response.status_code == 401
    assert "— choisissez —" in response.text


def test_nobody_from_elsewhere(demo_app: FastAPI) -> None:
    """From another machine the demo shows neither documents nor its agents."""
    elsewhere = TestClient(demo_app, client=("192.0.2.7", 50000))
    response = elsewhere.get("/")
    assert response.status_code == 401
    assert "Le Bihan" not in response.text
    assert elsewhere.post("/demo/agent", data={"agent": "ag-1"}).status_code == 404


def test_no_choice_outside_the_demo(claire: TestClient) -> None:
    """The route does not exist for real readers, and no bar shows."""
    assert claire.post("/demo/agent", data={"agent": "ag-4"}).status_code == 404
    assert "Démonstration" not in claire.get("/").text
