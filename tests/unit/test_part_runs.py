"""Parts of a source: whose turn it is, what is kept of each, and how much each may delete."""

from pathlib import Path

import pytest
import sqlalchemy as sa

from connectors.parts import Part, parts
from connectors.ports import Listing, Upsert
from indexer.crawl.batches import GUARD_FLOOR, DeletionGuard
from indexer.crawl.pipeline import CrawlReport, crawl
from indexer.errors import DeletionsHeld, LockLost
from indexer.part_runs import MOST_TRIES, PartRuns, PartTurn
from indexer.state import State
from tests.unit.test_pipeline import CrawlBench, ScriptedSource, page

pytestmark = pytest.mark.sources

FIRST = Part(1, 2)


@pytest.fixture
def state(engine: sa.Engine) -> State:
    return State(engine)


@pytest.fixture
def runs(engine: sa.Engine, state: State) -> PartRuns:
    return PartRuns(engine, state)


def begun(runs: PartRuns, state: State, of: int = 2, *, whole: bool = False) -> int:
    run_id, _ = state.start_run("wiki")
    runs.begin("wiki", of, run_id, whole=whole, accept_deletions=False)
    return run_id


def taken(runs: PartRuns, number: int = 1) -> PartTurn:
    turn = runs.take("wiki", runs.rows("wiki")[number - 1])
    assert turn is not None
    return turn


def test_who_lost_a_part_saves_no_cursor(runs: PartRuns, state: State) -> None:
    """However long after: neither cursor, nor progress, nor end of the part is theirs any more."""
    begun(runs, state)
    suspended = taken(runs)
    suspended.state().save("wiki", "a")
    other = taken(runs)
    with pytest.raises(LockLost, match="partie 1/2"):
        suspended.state().save("wiki", "b")
    assert other.state().load("wiki") == "a"
    suspended.end("done", CrawlReport("wiki", seen=9))
    suspended.release(CrawlReport("wiki", seen=9))
    assert (runs.rows("wiki")[0].outcome, runs.rows("wiki")[0].report.seen) == ("", 0)
    other.state().save("wiki", "c")
    assert other.state().load("wiki") == "c"
    assert taken(runs, 2).state().load("wiki") is None


def test_a_new_run_takes_every_part_from_who_reads_it(runs: PartRuns, state: State) -> None:
    """A reader of a former run saves nothing in the next."""
    begun(runs, state)
    former = taken(runs)
    begun(runs, state)
    with pytest.raises(LockLost):
        former.state().save("wiki", "a")


def test_a_part_that_ends_its_readers_is_given_up(runs: PartRuns, state: State) -> None:
    """After so many tries in one run; a reader that was asked to stop does not count."""
    begun(runs, state)
    for _ in range(MOST_TRIES + 1):
        taken(runs).release(CrawlReport("wiki"))
    for _ in range(MOST_TRIES):
        taken(runs)
    assert runs.take("wiki", runs.rows("wiki")[0]) is None
    assert runs.rows("wiki")[0].outcome == "failed"
    assert taken(runs, 2).part == Part(2, 2)


def test_another_division_is_read_whole_once(runs: PartRuns, state: State) -> None:
    """A cursor of another division may be older than what the index holds."""
    state.save("wiki", "whole")
    state.save("notes", "kept")
    begun(runs, state)
    assert state.load("wiki") is None
    taken(runs).state().save("wiki", "a")
    begun(runs, state)
    assert taken(runs).state().load("wiki") == "a"
    begun(runs, state, whole=True)
    assert taken(runs).state().load("wiki") is None
    taken(runs).state().save("wiki", "a")
    begun(runs, state, 3)
    assert taken(runs).state().load("wiki") is None
    runs.end_division("wiki")
    assert runs.rows("wiki") == ()
    assert state.load("notes") == "kept"


def test_a_reindex_from_the_source_leaves_no_cursor_of_a_part(runs: PartRuns, state: State) -> None:
    """The new index was filled by a reading of the whole: a part's cursor knows nothing of it."""
    begun(runs, state)
    taken(runs).state().save("wiki", "a")
    taken(runs, 2).state().record("wiki", "wiki:9", "empty", "vide")
    beside = state.beside("new")
    beside.save("wiki", "whole")
    state.adopt(beside, ["wiki"])
    assert (state.load("wiki"), taken(runs).state().load("wiki")) == ("whole", None)
    assert state.failures_of("wiki") == ()
    begun(runs, state)
    assert (state.load("wiki"), taken(runs).state().load("wiki")) == (None, None)


def test_failures_of_parts_are_the_sources(runs: PartRuns, state: State) -> None:
    """What several parts report is shown once; what one mends stays as long as another has it."""
    begun(runs, state)
    one, two = taken(runs, 1).state(), taken(runs, 2).state()
    for part in (one, two):
        part.record("wiki", "export.jsonl:3", "malformed", "mal formé")
    two.record("wiki", "wiki:9", "empty", "vide")
    assert {row.key for row in state.failures_of("wiki")} == {"export.jsonl:3", "wiki:9"}
    assert state.failure_counts("wiki") == {"empty": 1, "malformed": 1}
    assert one.keys("wiki") == {"export.jsonl:3"}
    one.resolve("wiki", "export.jsonl:3")
    assert state.failure_counts("wiki") == {"empty": 1, "malformed": 1}
    state.forget("wiki")
    assert state.failures_of("wiki") == ()


def test_a_run_ends_once_with_what_all_parts_did(runs: PartRuns, state: State) -> None:
    """Whoever ends it second changes nothing."""
    run_id = begun(runs, state)
    taken(runs, 1).end("done", CrawlReport("wiki", put=2))
    taken(runs, 2).end("done", CrawlReport("wiki", put=3, removed=1))
    assert runs.end_run("wiki", run_id, "done", "")
    assert not runs.end_run("wiki", run_id, "failed", "trop tard")
    last = next(state.runs_of("wiki"))
    assert (last.outcome, last.changed, last.reason) == ("done", 6, "")


@pytest.mark.parametrize(("kept", "going", "held"), [(100, 20, False), (100, 21, True)])
def test_a_part_loses_the_share_of_a_source(kept: int, going: int, held: bool) -> None:
    """And no more: what a source may lose without a person's word, each part may in proportion."""
    guard = DeletionGuard("wiki", 0, 0.2, parts=4, count=lambda: kept)
    assert guard.lets_go(going) is not held
    if held:
        with pytest.raises(DeletionsHeld):
            guard.check()


def test_parts_together_never_lose_all_of_a_small_source() -> None:
    """Nor all but a few of it: a part has its own part of what a small source may lose."""
    assert not DeletionGuard("wiki", 0, 0.2, parts=4, count=lambda: 1).lets_go(1)
    assert not DeletionGuard("wiki", 0, 0.2, parts=4, count=lambda: 9).lets_go(4)
    assert DeletionGuard("wiki", 0, 0.2, parts=4, count=lambda: 9).lets_go(GUARD_FLOOR // 4)


def test_a_listing_of_a_part_deletes_nothing_of_another(tmp_path: Path) -> None:
    """Even one that names no document at all."""
    bench = CrawlBench(tmp_path)
    bench.crawl(*(Upsert(page(number)) for number in range(20)))
    part = parts(3)[1]
    source = ScriptedSource([Listing(frozenset())])
    crawl(source, bench.dependencies, part=part, accept_deletions=True)
    assert bench.ids() == {f"wiki:{n}" for n in range(20) if not part.holds(f"wiki:{n}")}
