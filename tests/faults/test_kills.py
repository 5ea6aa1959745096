"""Crawls and reindexes killed at any point: nothing acknowledged is lost or half-written.

No deleted document is found again, no former reader reads, and the next run goes on.
"""

import random
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from indexer.reindex import reindex, roll_back
from tests.engines import ensure_opensearch
from tests.faults.history import SOURCE, History
from tests.faults.mortal import open_state
from tests.faults.trial import Trial, mortal
from tests.service.generations import Ground, ground

pytestmark = [pytest.mark.sources, pytest.mark.trust]

KILLS = 16
REINDEX_KILLS = 12
Record = Callable[[str, object], None]


@pytest.fixture(params=["embedded", "opensearch"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Ground]:
    if request.param == "opensearch":
        ensure_opensearch()
    with ground(request.param, tmp_path) as made:
        yield made


@pytest.fixture
def trial(place: Ground, seed: int) -> Iterator[Trial]:
    """A small source, crawled once without disturbance."""
    history = History(place.folder / "export.jsonl", random.Random(seed))
    with mortal(place) as crawler, mortal(place) as reindexer:
        trial = Trial(place, history, place.live(), crawler, reindexer)
        trial.move(births=40)
        assert trial.crawl()
        trial.check()
        yield trial


def assert_true(trial: Trial) -> None:
    """A last crawl brings the whole truth, and nothing is said to be missing."""
    assert trial.crawl()
    trial.check()
    assert trial.held() == trial.history.truth
    assert open_state(trial.ground.folder).failures_of(SOURCE) == ()


@pytest.mark.parametrize("seed", range(4))
def test_a_crawl_killed_at_any_point_loses_nothing(
    trial: Trial, seed: int, record_testsuite_property: Record
) -> None:
    """Kill after kill, each at a moment of its own."""
    killed, whole_s = 0, trial.seconds_undisturbed()
    for _ in range(KILLS):
        trial.move()
        if trial.crawl(trial.history.draw.uniform(0, whole_s)):
            whole_s = trial.seconds_undisturbed()
        else:
            killed += 1
        trial.check()
    assert_true(trial)
    record_testsuite_property(f"crawls killed, {trial.ground.engine}, seed {seed}", killed)
    assert killed >= KILLS // 3, "too few were killed before their end to say anything"


@pytest.mark.parametrize("seed", [10, 11])
def test_a_reindex_killed_beside_a_crawl_loses_nothing(
    trial: Trial, seed: int, record_testsuite_property: Record
) -> None:
    """The crawl is killed too, every other time; in the end both generations hold the truth."""
    draw, killed, made = trial.history.draw, 0, 0
    begun = time.monotonic()
    reindex(trial.ground.works(), trial.ground.made(analysis="first"))
    whole_s = time.monotonic() - begun
    for number in range(REINDEX_KILLS):
        trial.move()
        trial.reindexer.begin(f"reindex made{made}")
        trial.crawler.begin("crawl")
        time.sleep(draw.uniform(0, whole_s))
        trial.reindexer.kill()
        if number % 2:
            time.sleep(draw.uniform(0, whole_s / 4))
            trial.crawler.kill()
        if not trial.crawler.ended():
            trial.let_land()
        if trial.reindexer.ended():
            made += 1
        else:
            killed += 1
            trial.let_land()
        trial.check()
    assert_true(trial)
    reindex(trial.ground.works(), trial.ground.made(analysis=f"made{made}"))
    assert trial.held() == trial.history.truth
    roll_back(trial.ground.works())
    trial.check()
    assert trial.held() == trial.history.truth
    record_testsuite_property(f"reindexes killed, {trial.ground.engine}, seed {seed}", killed)
    assert killed >= REINDEX_KILLS // 3, "too few were killed before their end to say anything"
