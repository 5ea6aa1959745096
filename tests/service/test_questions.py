"""Questions in the assembled application: at once in the index, kept through a whole reading.

Through another index and a restored backup too, where what was deleted stays so.
"""

import json
import shutil
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from unittest.mock import patch

import pytest
from fastapi.testclient import TestClient
from typer.testing import CliRunner

from quisait.application import engines
from quisait.application.assembly import Application, open_application
from quisait.application.locks import hold_source_lock
from quisait.cli import app
from quisait.clock import now_s
from quisait.server.app import app_of, tokens_of
from quisait.settings import QUESTIONS_SOURCE, load_settings
from quisait.work import questions as work_of_questions
from quisait.work.administration import ApplicationAdministration
from quisait.work.backup import back_up
from quisait.work.crawl import crawl_sources, read_directory
from quisait.work.questions import move_on, publish_questions
from quisait.work.restore import restore
from quisait.work.worker import QUESTIONS, tasks_of
from search_api.query_log.recording import NoQueryLog
from tests.opensearch_index import engine_settings
from tests.service.place import Place, make_place

pytestmark = [pytest.mark.trust, pytest.mark.sources]

WORD, TAKEN_BACK, DELETED = "mandragore", "belladone", "jusquiame"


@pytest.fixture(scope="module", autouse=True)
def one_encoder() -> Iterator[None]:
    """The real encoder, opened once for this module."""
    with patch.object(engines, "open_encoder", cache(engines.open_encoder)):
        yield


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Place:
    return made_place(tmp_path / "place", monkeypatch)


def made_place(folder: Path, monkeypatch: pytest.MonkeyPatch, **settings: str) -> Place:
    made = make_place(folder, QUISAIT_QUESTIONS__ENABLED="true", **settings)
    made.enter(monkeypatch)
    with open_application(load_settings()) as application:
        read_directory(application)
        sources = [one for one in application.settings.sources if one.name != "wiki"]
        assert all(one.report for one in crawl_sources(application, sources, quiet=True))
    return made


@pytest.fixture(params=["embedded", "opensearch"])
def on_either(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Place]:
    """The same on each engine."""
    with engine_settings(request.param) as index:
        yield made_place(tmp_path / "place", monkeypatch, **index)


def client_of(application: Application, agent_id: str) -> TestClient:
    token = tokens_of(application.settings).make(agent_id, now_s())
    headers = {"Authorization": f"Bearer {token}"}
    return TestClient(app_of(application, NoQueryLog()), "http://localhost", headers=headers)


def ask(application: Application, title: str) -> str:
    made = client_of(application, "ag-2").post("/api/v1/questions", json={"title": title})
    assert made.status_code == 200, made.text
    return str(made.json()["id"])


def act(application: Application, agent_id: str, question: str, **body: str) -> None:
    path = f"/api/v1/questions/{question}"
    assert client_of(application, agent_id).post(path, json=body).status_code == 204


def found(word: str) -> list[str]:
    """Ids of questions that a search of ag-1 finds, in an application opened for it."""
    with open_application(load_settings()) as application:
        answer = client_of(application, "ag-1").get("/api/v1/search", params={"q": f'"{word}"'})
        ids = [str(one["id"]) for one in answer.json()["documents"]]
    return [id_ for id_ in ids if id_.startswith("questions:")]


def asked(application: Application) -> str:
    """One agent asks, another answers: the question's id."""
    question = ask(application, f"Faut-il une {WORD} pour le bornage ?")
    act(application, "ag-1", question, action="answer", text=f"Aucune {WORD}.")
    answer = client_of(application, "ag-1").get("/api/v1/search", params={"q": WORD})
    (document,) = (
        one for one in answer.json()["documents"] if one["id"] == f"questions:{question}"
    )
    names = {one["name"] for one in document["authors"]}
    assert names == {"Ana Le Goff", "Ben Amrani"}
    return question


def test_it_is_found_at_once_and_stays(on_either: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    """By the agents' own accounts; the worker has its step; a whole reading keeps it."""
    place = on_either
    monkeypatch.setattr(work_of_questions, "PUBLISH_WAIT_S", 0.1)
    with open_application(load_settings()) as application:
        question = asked(application)
        assert QUESTIONS in {one.name for one in tasks_of(application)}
        with hold_source_lock(application.locks, QUESTIONS_SOURCE):
            assert not publish_questions(application), "another reading is under way"
        assert application.state.run_is_requested(QUESTIONS_SOURCE)
        gone = ask(application, f"Faut-il une {DELETED} ?")
        act(application, "ag-2", gone, action="delete")
        assert move_on(application) == 0
    assert found(DELETED) == []
    assert "Aucune question n'avance" in place.run("questions", "step").stdout
    place.run("crawl", "--full", "questions")
    assert found(WORD) == [f"questions:{question}"]


def test_an_index_of_another_version_is_filled_with_them(place: Place) -> None:
    """From the database, as every source; what was deleted is not among them."""
    with open_application(load_settings()) as application:
        question = asked(application)
        act(application, "ag-2", ask(application, f"Une {DELETED} ?"), action="delete")
    file = place.folder / ".quisait" / "index" / "generations.json"
    told = json.loads(file.read_text("utf-8"))
    told["live"]["made"]["format"] = "0"
    file.write_text(json.dumps(told), "utf-8")
    place.run("reindex")
    assert found(WORD) == [f"questions:{question}"]
    assert found(DELETED) == []


def with_two(application: Application) -> tuple[str, str, str]:
    """Two questions, of which the second is to be deleted: (first, its answer, second)."""
    first = ask(application, f"Le bornage d'une {WORD} ?")
    act(application, "ag-1", first, action="answer", text=f"Par la {TAKEN_BACK}.")
    answers = client_of(application, "ag-1").get(f"/api/v1/questions/{first}").json()["answers"]
    return first, str(answers[0]["id"]), ask(application, f"Le bornage d'une {DELETED} ?")


def delete(application: Application, first: str, answer: str, second: str) -> None:
    act(application, "ag-1", first, action="delete_answer", answer=answer)
    act(application, "ag-2", second, action="delete")


@pytest.mark.parametrize("register", ["kept", "lost"])
def test_a_restored_backup_brings_nothing_deleted_back(
    place: Place, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, register: str
) -> None:
    """Without its register nothing of any question comes back: all may have been deleted."""
    with open_application(load_settings()) as application:
        first, answer, second = with_two(application)
        back_up(application, tmp_path / "backup")
        delete(application, first, answer, second)
    other = Place(tmp_path / "other", place.environment)
    kept = shutil.ignore_patterns(".quisait", "registre*")
    shutil.copytree(place.folder, other.folder, ignore=kept)
    other.enter(monkeypatch)
    if register == "kept":
        old = place.folder / "registre.jsonl"
        restore(load_settings(), tmp_path / "backup", register_file=old)
    else:
        restore(load_settings(), tmp_path / "backup", register_lost=True)
    for _ in range(2):
        assert (found(TAKEN_BACK), found(DELETED)) == ([], [])
        with open_application(load_settings()) as application:
            (source,) = (s for s in application.settings.sources if s.name == QUESTIONS_SOURCE)
            (outcome,) = crawl_sources(application, [source], quiet=True)
            assert outcome.report, outcome.error
            assert application.index.count(QUESTIONS_SOURCE) == int(register == "kept")
    assert found(WORD) == ([f"questions:{first}"] if register == "kept" else [])


@pytest.mark.parametrize("part", ["index", "state.sqlite"])
def test_one_half_restored_is_told_by_the_other(place: Place, tmp_path: Path, part: str) -> None:
    """An old index beside the database, an old database beside the index: both as it is now."""
    with open_application(load_settings()) as application:
        first, answer, second = with_two(application)
    shutil.copytree(place.folder / ".quisait", tmp_path / "saved")
    with open_application(load_settings()) as application:
        delete(application, first, answer, second)
        late = ask(application, f"Une {WORD} tardive ?")
    target = place.folder / ".quisait" / part
    if part == "index":
        shutil.rmtree(target)
        shutil.copytree(tmp_path / "saved" / part, target)
    else:
        for file in target.parent.glob("state.sqlite*"):
            file.unlink()
        shutil.copy(tmp_path / "saved" / part, target)
    for _ in range(2):
        assert (found(TAKEN_BACK), found(DELETED)) == ([], [])
        with open_application(load_settings()) as application:
            assert publish_questions(application)
    stays = {f"questions:{first}"} | ({f"questions:{late}"} if part == "index" else set())
    assert set(found(WORD)) == stays


def test_a_report_that_waits_for_nobody_is_told_to_who_administers(place: Place) -> None:
    """By a command that fails and by the desk: numbers and what to do, no title, reason or name."""
    runner = CliRunner()
    assert "aucun n'attend" in runner.invoke(app, ["questions", "reports"]).output
    with open_application(load_settings()) as application:
        question = ask(application, f"Faut-il une {WORD} ?")
        path = f"/api/v1/questions/{question}/reports"
        client = client_of(application, "ag-1")
        assert client.post(path, json={"reason": DELETED}).status_code == 204
        (part,) = (
            one
            for one in ApplicationAdministration(application)().parts
            if one.name == "Signalements"
        )
        assert not part.well
        told = runner.invoke(app, ["questions", "reports"])
        assert told.exit_code != 0
        for said in (part.said, told.output):
            assert "[[roles]]" in said
            assert "personne ne peut modérer : 1" in " ".join(said.split())
            assert not {WORD, DELETED, "ag-1", "Ana"} & set(said.split())
        assert client.delete(path).status_code == 204
    assert "aucun n'attend" in runner.invoke(app, ["questions", "reports"]).output
