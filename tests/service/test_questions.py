"""Questions in the assembled application: at once in the index, kept through a whole reading."""

from pathlib import Path

import pytest
from fastapi.testclient import TestClient

from quisait.application.assembly import Application, open_application
from quisait.application.locks import hold_source_lock
from quisait.clock import now_s
from quisait.server.app import app_of, tokens_of
from quisait.settings import FILE_VARIABLE, QUESTIONS_SOURCE, load_settings
from quisait.work.crawl import crawl_sources, read_directory
from quisait.work.questions import publish_questions
from quisait.work.worker import QUESTIONS, tasks_of
from search_api.query_log.recording import NoQueryLog
from tests.service.place import Place, make_place

pytestmark = [pytest.mark.trust, pytest.mark.sources]

WORD = "mandragore"


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Place:
    made = make_place(tmp_path / "place", QUISAIT_QUESTIONS__ENABLED="true")
    for name, value in made.environment.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv(FILE_VARIABLE, str(made.folder / "quisait.toml"))
    return made


def asked(application: Application) -> str:
    """One agent asks, another answers: the question's id."""
    app, tokens = app_of(application, NoQueryLog()), tokens_of(application.settings)

    def client(agent_id: str) -> TestClient:
        token = tokens.make(agent_id, now_s())
        return TestClient(app, "http://localhost", headers={"Authorization": f"Bearer {token}"})

    body = {"title": f"Faut-il une {WORD} pour le bornage ?"}
    made = client("ag-2").post("/api/v1/questions", json=body)
    assert made.status_code == 200, made.text
    question = str(made.json()["id"])
    answer = {"action": "answer", "text": f"Aucune {WORD}."}
    path = f"/api/v1/questions/{question}"
    assert client("ag-1").post(path, json=answer).status_code == 204
    found = client("ag-1").get("/api/v1/search", params={"q": WORD}).json()["documents"]
    (document,) = (one for one in found if one["id"] == f"questions:{question}")
    names = {one["name"] for one in document["authors"]}
    assert names == {"Ana Le Goff", "Ben Amrani"}
    return question


def test_it_is_found_at_once_and_stays(place: Place) -> None:
    """By the agents' own accounts; the worker has its step; a whole reading keeps it."""
    with open_application(load_settings()) as application:
        read_directory(application)
        sources = [one for one in application.settings.sources if one.name != "wiki"]
        assert all(one.report for one in crawl_sources(application, sources, quiet=True))
        question = asked(application)
        assert QUESTIONS in {one.name for one in tasks_of(application)}
        with hold_source_lock(application.locks, QUESTIONS_SOURCE):
            assert not publish_questions(application), "another reading is under way"
        assert application.state.run_is_requested(QUESTIONS_SOURCE)
    shown = place.json("questions", "show", question, "--agent", "ag-1")
    assert [one["text"] for one in shown["answers"]] == [f"Aucune {WORD}."]
    assert "Aucune question n'avance" in place.run("questions", "step").stdout
    place.run("crawl", "--full", "questions")
    found = place.json("search", WORD, "--agent", "ag-1")["documents"]
    assert found[0]["id"] == f"questions:{question}"
