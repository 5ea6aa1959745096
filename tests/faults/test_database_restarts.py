"""PostgreSQL that ends and comes back beneath a crawl and beneath what runs."""

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.faults.conftest import Tally
from tests.faults.mortal import STATE_URL
from tests.faults.trial import Trial, assert_true, trial_in
from tests.postgres_server import Postgres, database, own_postgres
from tests.service.index_places import index_place

pytestmark = pytest.mark.sources

POINTS = 6
SEED = 51


@pytest.fixture(scope="module")
def server() -> Iterator[Postgres]:
    with own_postgres() as started:
        yield started


@pytest.fixture
def trial(server: Postgres, tmp_path: Path) -> Iterator[Trial]:
    with database(server.url) as url, index_place("embedded", tmp_path) as place:
        (place.folder / STATE_URL).write_text(url, "utf-8")
        with trial_in(place, SEED) as made:
            yield made


def test_a_database_that_restarts_loses_nothing(
    server: Postgres, trial: Trial, tally: Tally
) -> None:
    """The crawl ends, or says that the database is away; the next one brings the whole truth."""
    draw, whole_s = trial.history.draw, trial.seconds_undisturbed()
    for _ in range(POINTS * tally.times):
        with tally.point("PostgreSQL ended as by a crash and restarted"):
            trial.move()
            end = threading.Timer(draw.uniform(0, whole_s), server.stop, ["immediate"])
            trial.crawler.begin("crawl")
            end.start()
            trial.crawler.ended(may_stop=True)
            end.join()
            server.start()
            trial.check()
            assert_true(trial)
