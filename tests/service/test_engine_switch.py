"""A state database and two engines: no reader meets an index that the state does not describe."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from threading import Event

import pytest
from fastapi.testclient import TestClient

from indexer.errors import IndexNotRead
from quisait.clock import today
from quisait.commands.answers import command_line_reader
from quisait.server.app import app_of
from quisait.work.worker import Worker
from search_api.query.query import Query
from search_api.query_log.recording import NoQueryLog
from tests.opensearch_index import engine_settings
from tests.service.place import Place, export, make_place, post

pytestmark = [pytest.mark.sources, pytest.mark.trust]

QUESTION = '"bornage"'
OPEN = {"wiki:1", "notes:bornage.txt"}


@dataclass(frozen=True, slots=True)
class TwoIndexes:
    """One state database; the settings of each place name an index of their own."""

    embedded: Place
    other: Place


@pytest.fixture(params=["embedded", "opensearch"])
def places(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[TwoIndexes]:
    """The small administration, read once; the other index is in another folder or engine."""
    with engine_settings(request.param) as index:
        made = make_place(
            tmp_path / "place",
            QUISAIT_INDEX__ALIAS=index["QUISAIT_INDEX__ALIAS"],
            QUISAIT_DATABASE=f"sqlite:///{tmp_path / 'state.sqlite'}",
        )
        made.run("crawl")
        if request.param == "embedded":
            index = {"QUISAIT_FOLDER": str(tmp_path / "other")}
        yield TwoIndexes(made, made.with_settings(**index))


def found(place: Place, agent: str = "ag-1") -> set[str]:
    """Return an agent's results in a newly started process. Raises `IndexNotRead`."""
    with place.opened() as application:
        reader = command_line_reader(application, agent)
        answer = application.search.answer(Query(QUESTION, wide=True), reader, today())
        return {one.card.document_id for one in answer.results}


def restrict(place: Place) -> None:
    """Leave `bornage.txt` and the first post to the agents of one group."""
    (place.folder / "notes/_quisait.csv").write_text(
        "pattern,allowed,author\nregie.md,everyone,ana\n*,annuaire:group:fraude,ana\n", "utf-8"
    )
    line = post(1, "Une parcelle à cheval sur deux communes se divise avant le bornage.", "ana")
    line["readers"] = {"allowed": ["annuaire:group:fraude"]}
    (place.folder / "export.jsonl").write_text(export([line]), "utf-8")


def closed(place: Place) -> bool:
    """Return whether no page, check or command reaches the index."""
    try:
        found(place)
    except IndexNotRead:
        return True
    return False


def test_a_restriction_made_on_another_index_is_in_force_on_return(places: TwoIndexes) -> None:
    first, other = places.embedded, places.other
    assert found(first) == OPEN
    assert closed(other)
    checks = {one["name"]: one["passed"] for one in other.json("check", status=1)}
    assert not checks["index"]
    told = other.json("sources")
    assert {one["to_reread"] for one in told} == {True}
    # As a worker reads them: at once, not after the hour that a source read well waits.
    soon = datetime.now(UTC) + timedelta(minutes=5)
    assert all(datetime.fromisoformat(one["next_run"]) < soon for one in told)
    assert found(first) == OPEN  # to look from the other settings changes nothing
    restrict(first)
    assert "notes, wiki" in other.run("crawl", "notes").stderr
    assert closed(other)
    assert closed(first)
    other.run("crawl")
    assert found(other) == set()
    assert found(other, "ag-2") == OPEN
    first.run("crawl", "notes")
    assert closed(first)
    assert {one["source"]: one["to_reread"] for one in first.json("sources")} == {
        "notes": False,
        "wiki": True,
    }
    first.run("crawl")
    assert found(first) == set()
    assert found(first, "ag-2") == OPEN


def test_readiness_and_pages_say_so_until_a_worker_has_read_all(places: TwoIndexes) -> None:
    """Its turn is at once, though every source was read a moment ago, into the other index."""
    demo = {"QUISAIT_SERVER__READER": "demo", "QUISAIT_SERVER__DEMO_AGENT": "ag-1"}
    with places.other.opened(**demo) as application:
        app = app_of(application, NoQueryLog())
        with TestClient(app, base_url="http://127.0.0.1", client=("127.0.0.1", 50_000)) as browser:
            asked = {"q": QUESTION}
            assert browser.get("/health/ready").json()["index"] == "unreachable"
            refused = browser.get("/api/v1/search", params=asked)
            assert (refused.status_code, refused.json()["code"]) == (503, "index_not_read")
            assert browser.get("/", params=asked).status_code == 503
            assert browser.get("/documents/wiki:1").status_code == 503
            with pytest.raises(IndexNotRead):
                list(application.index.scan("wiki"))
            Worker(application, Event()).round()
            assert browser.get("/health/ready").status_code == 200
            found_now = browser.get("/api/v1/search", params=asked).json()["documents"]
            assert {one["id"] for one in found_now} == OPEN


def test_an_index_that_is_put_aside_is_read_anew(places: TwoIndexes) -> None:
    """Deleted or replaced under the state: nobody meets an empty index whose sources are «read»."""
    place = places.embedded
    index = place.folder / ".quisait" / "index"
    index.rename(index.with_name("aside"))
    place.run("crawl", "notes")
    assert closed(place)
    place.run("crawl")
    assert found(place) == OPEN


@pytest.mark.parametrize("places", ["opensearch"], indirect=True)
def test_an_index_moves_between_engines_with_its_vectors(places: TwoIndexes) -> None:
    first, other = places.embedded, places.other
    assert "embedded" in first.run("reindex", "--from", "embedded", status=1).stderr
    (first.folder / ".quisait" / "vectors.sqlite").unlink()
    moved = other.json("reindex", "--from", "embedded")
    assert (moved["copied"]["encoded"], moved["documents"]) == (0, 6)
    assert found(other) == OPEN
    assert "0 écrit, 3 inchangés" not in other.run("crawl", "wiki").stdout  # nothing is reread
    restrict(first)
    other.run("crawl")
    assert found(other) == set()
    assert closed(first)
    assert other.run("reindex", "--from", "embedded", status=1).stderr
    first.json("reindex", "--from", "opensearch")
    assert found(first) == set()
    assert found(first, "ag-2") == OPEN
    first.run("crawl")
    assert found(first, "ag-2") == OPEN


@pytest.mark.parametrize("places", ["opensearch"], indirect=True)
def test_what_was_closed_since_an_index_was_used_is_not_moved(places: TwoIndexes) -> None:
    """Its rights are old, though nothing was read into the other engine yet."""
    other = places.other
    with other.opened() as application:
        application.privacy.register.note("closed", documents=["wiki:1"])
    other.run("reindex", "--from", "embedded")
    assert closed(other)
    other.run("crawl", "wiki")
    assert found(other) == OPEN
