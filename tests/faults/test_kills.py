"""Crawls and reindexes killed at any point: nothing acknowledged is lost or half-written.

No deleted document is found again, no former reader reads, and the next run goes on.
"""

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from indexer.reindex import reindex
from tests.engines import ensure_opensearch
from tests.faults.conftest import Tally
from tests.faults.mortal import STATE_URL
from tests.faults.trial import Trial, assert_true, trial_in
from tests.postgres_server import database
from tests.service.index_places import IndexPlace, index_place

pytestmark = [pytest.mark.sources, pytest.mark.trust]

KILLS = 16
REINDEX_KILLS = 12


@pytest.fixture(params=["embedded", "opensearch"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[IndexPlace]:
    if request.param == "opensearch":
        ensure_opensearch()
    with index_place(request.param, tmp_path) as made:
        yield made


@pytest.fixture
def trial(place: IndexPlace, seed: int) -> Iterator[Trial]:
    with trial_in(place, seed) as made:
        yield made


@pytest.fixture
def trial_on_postgresql(place: IndexPlace, seed: int, postgres: str) -> Iterator[Trial]:
    with database(postgres) as url:
        (place.folder / STATE_URL).write_text(url, "utf-8")
        with trial_in(place, seed) as made:
            yield made


@pytest.mark.parametrize("seed", range(4))
def test_a_crawl_killed_at_any_point_loses_nothing(trial: Trial, seed: int, tally: Tally) -> None:
    """Kill after kill, each at a moment of its own."""
    kill_after_kill(trial, tally, f"crawl killed, {trial.place.engine}")


@pytest.mark.parametrize("seed", [5])
@pytest.mark.parametrize("place", ["embedded"], indirect=True)
def test_a_crawl_killed_with_its_state_in_postgresql_loses_nothing(
    trial_on_postgresql: Trial, tally: Tally
) -> None:
    """Cursor and failures are in another process than the one that dies."""
    kill_after_kill(trial_on_postgresql, tally, "crawl killed, embedded, state in PostgreSQL")


def kill_after_kill(trial: Trial, tally: Tally, fault: str) -> None:
    killed, kills, whole_s = 0, KILLS * tally.times, trial.seconds_undisturbed()
    for _ in range(kills):
        trial.move()
        if trial.crawl(trial.history.draw.uniform(0, whole_s)):
            whole_s = trial.seconds_undisturbed()
            continue
        killed += 1
        with tally.point(fault):
            trial.check()
    assert_true(trial)
    assert killed >= kills // 3, "too few were killed before their end to say anything"


@pytest.mark.parametrize("seed", [10, 11])
def test_a_reindex_killed_beside_a_crawl_loses_nothing(
    trial: Trial, seed: int, tally: Tally
) -> None:
    """The crawl is killed too, every other time; in the end one index holds the truth."""
    draw, killed, made = trial.history.draw, 0, 0
    begun = time.monotonic()
    reindex(trial.place.parts(), trial.place.spec(analysis="first"))
    whole_s = time.monotonic() - begun
    held_at_first = len(trial.place.held())
    kills = REINDEX_KILLS * tally.times
    for number in range(kills):
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
        with tally.point(f"reindex killed beside a crawl, {trial.place.engine}"):
            trial.check()
    assert_true(trial)
    reindex(trial.place.parts(), trial.place.spec(analysis=f"made{made}"))
    trial.check()
    assert trial.held() == trial.history.truth
    assert len(trial.place.held()) == held_at_first, "something is left of a former index"
    assert killed >= kills // 3, "too few were killed before their end to say anything"
