"""A clock that jumps, forwards and backwards, between and amidst what is done."""

import random
import subprocess
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from search_api.identity.tokens import SignedTokens
from tests.engines import ensure_opensearch
from tests.faults.conftest import Tally
from tests.faults.faked_clock import DAY_S, JUMPS_S, ZONES, FakedClock, faked_clock
from tests.faults.trial import Trial, assert_true, trial_in
from tests.service.index_places import index_place
from tests.service.place import Place, export, make_place, post
from tests.service.running import Running, running, wait_until

pytestmark = pytest.mark.sources

POINTS = 10
ROUNDS = 3
SEED = 31


@pytest.fixture
def clock(tmp_path: Path) -> FakedClock:
    return faked_clock(tmp_path)


@pytest.fixture(params=["embedded", "opensearch"])
def trial(request: pytest.FixtureRequest, clock: FakedClock, tmp_path: Path) -> Iterator[Trial]:
    if request.param == "opensearch":
        ensure_opensearch()
    zone = random.Random(SEED).choice(ZONES)
    with (
        index_place(request.param, tmp_path) as place,
        trial_in(place, SEED, TZ=zone, **clock.environment()) as made,
    ):
        yield made


def test_a_clock_that_jumps_amidst_crawls_loses_nothing(
    trial: Trial, clock: FakedClock, tally: Tally
) -> None:
    """Two jumps a crawl, one before it and one amidst it."""
    draw, whole_s = trial.history.draw, trial.seconds_undisturbed()
    for _ in range(POINTS * tally.times):
        with tally.point(f"clock jumped, {trial.place.engine}"):
            trial.move()
            clock.jump(draw.choice(JUMPS_S))
            trial.crawler.begin("crawl")
            time.sleep(draw.uniform(0, whole_s))
            clock.jump(draw.choice(JUMPS_S))
            assert trial.crawler.ended()
            trial.check()
            assert trial.held() == trial.history.truth
    assert_true(trial)


def test_two_machines_whose_clocks_disagree_lose_nothing(
    clock: FakedClock, tmp_path: Path, tally: Tally
) -> None:
    """Locks know no clock: one reads the source, the other is told that it is being read."""
    draw = random.Random(SEED)
    here = make_place(tmp_path / "place")
    there = Place(here.folder, {**here.environment, **clock.environment()})
    here.run("crawl")
    posts = []
    for number in range(ROUNDS * tally.times):
        with tally.point("two crawls, clocks a day and more apart"):
            posts = [post(n, f"Dossier {n}, tour {number}.", "ana") for n in range(80 + number)]
            (here.folder / "export.jsonl").write_text(export(posts), "utf-8")
            clock.jump(draw.choice((-1, 1)) * draw.randint(1, 400) * DAY_S)
            with ThreadPoolExecutor(2) as both:
                done = list(both.map(crawled, (here, there)))
            assert all("Traceback" not in one.stderr for one in done)
            assert 0 in [one.returncode for one in done]
            here.run("crawl", "wiki")
            (told,) = here.json("sources", "wiki")
            assert (told["documents"], told["last_run"]["outcome"]) == (len(posts), "done")


def crawled(place: Place) -> subprocess.CompletedProcess[str]:
    """A crawl that may be told that it is not its turn."""
    try:
        return place.run("crawl", "wiki")
    except AssertionError as error:
        status, out, err = error.args[0]
        assert status == 1, (out, err)
        return subprocess.CompletedProcess([], status, out, err)


def test_what_runs_goes_on_whatever_its_clock_says(
    clock: FakedClock, tmp_path: Path, tally: Tally
) -> None:
    """Sources are read at their pace after each jump, questions answered, and it stops cleanly."""
    place = make_place(
        tmp_path / "place",
        QUISAIT_RUN__JITTER="0",
        QUISAIT_METRICS__TOKEN="",
        **clock.environment(),
    )
    with running(place) as one:
        wait_until(lambda: rounds(one) == 1)
        off_s = 0
        for number, jump_s in enumerate((2 * DAY_S, -5 * DAY_S, 35 * DAY_S, -400 * DAY_S)):
            with tally.point("clock jumped, quisait run"):
                word = f"jalon{number}"
                (place.folder / "notes" / f"{word}.txt").write_text(f"Le {word} du cadastre.")
                off_s += jump_s
                clock.jump(off_s)
                wait_until(lambda number=number: rounds(one) >= number + 2)
                assert found(one, word, off_s)
                assert one.get("/health/ready").json() == {"status": "ok"}
        assert one.stop() == 0
    told = place.run("sources").stdout
    assert "ÉCHEC" not in told


def rounds(one: Running) -> int:
    """Return how often all due tasks were run."""
    done = [line["source"] for line in one.logged() if line["message"] == "run done"]
    return min(done.count(name) for name in ("@annuaire", "notes", "wiki"))


def found(one: Running, word: str, off_s: int) -> bool:
    """Return whether a reader who signs on by the server's clock finds the note with this word."""
    bearer = f"Bearer {SignedTokens('k' * 32).make('ag-1', int(time.time()) + off_s)}"
    answer = one.get(f"/api/v1/search?q={word}", one.pages, Authorization=bearer)
    assert answer.status_code == 200, answer.text
    return f"notes:{word}.txt" in [one["id"] for one in answer.json()["documents"]]
