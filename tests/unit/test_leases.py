"""A source has one owner at a time, by the database's word, on both databases."""

import threading
import time
from collections.abc import Iterator

import pytest
import sqlalchemy as sa

from indexer.leases import Leases, leases
from quisait.application.database import connect, migrate

pytestmark = pytest.mark.sources

LEASE_S = 1.0


@pytest.fixture
def engine(database_url: str) -> Iterator[sa.Engine]:
    engine = migrate(connect(database_url))
    yield engine
    engine.dispose()


@pytest.fixture
def kept(engine: sa.Engine) -> Leases:
    return Leases(engine, lease_s=LEASE_S)


def test_a_lease_has_one_owner(kept: Leases) -> None:
    """Others are refused until it is given back; another source is another lease."""
    assert kept.take("wiki", "a")
    assert not kept.take("wiki", "b")
    assert kept.take("notes", "b")
    assert kept.holder("wiki") == "a"
    kept.release("wiki", "b")
    assert kept.holder("wiki") == "a"
    kept.release("wiki", "a")
    assert kept.holder("wiki") is None
    assert kept.take("wiki", "b")


def test_of_many_that_ask_at_once_one_is_served(kept: Leases) -> None:
    """The first time, when there is no row yet, and when it has to be taken over."""
    for _ in range(2):
        taken: list[str] = []
        ready = threading.Barrier(8)

        def ask(name: str, taken: list[str] = taken, ready: threading.Barrier = ready) -> None:
            ready.wait()
            if kept.take("wiki", name):
                taken.append(name)

        threads = [threading.Thread(target=ask, args=(f"worker-{n}",)) for n in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert len(taken) == 1
        time.sleep(LEASE_S + 0.2)


def test_a_lease_that_nobody_renews_ends(kept: Leases) -> None:
    """And its former owner learns it when it asks; one that is renewed lasts."""
    assert kept.take("wiki", "a")
    for _ in range(4):
        time.sleep(LEASE_S / 2)
        assert kept.renew("wiki", "a")
    time.sleep(LEASE_S + 0.2)
    assert kept.holder("wiki") is None
    assert kept.take("wiki", "b")
    assert not kept.renew("wiki", "a")
    assert kept.holder("wiki") == "b"


def test_the_late_owner_of_a_lease_that_nobody_took_has_it_still(kept: Leases) -> None:
    """Nobody wrote meanwhile: there is nothing to stop for."""
    assert kept.take("wiki", "a")
    time.sleep(LEASE_S + 0.2)
    assert kept.renew("wiki", "a")
    assert not kept.take("wiki", "b")


def test_who_is_known_to_have_ended_is_not_waited_for(engine: sa.Engine) -> None:
    """A process of this machine that was killed holds nothing."""
    kept = Leases(engine, lambda owner: owner == "dead", lease_s=60)
    assert kept.take("wiki", "dead")
    assert kept.holder("wiki") is None
    assert kept.take("wiki", "b")
    assert not kept.take("wiki", "c")


def test_a_clock_that_was_set_back_makes_no_lease_eternal(kept: Leases, engine: sa.Engine) -> None:
    """A lease that ends later than any given now was given by another clock."""
    assert kept.take("wiki", "a")
    with engine.begin() as connection:
        connection.execute(sa.update(leases).values(until=leases.c.until + 86400))
    assert kept.holder("wiki") is None
    assert kept.take("wiki", "b")
