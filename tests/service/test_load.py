"""A real `quisait run` under load: a crawl, and a reader who does their worst, hold up nobody.

`python -m benchmarks.load` measures the same at length.
"""

from pathlib import Path

import pytest

from tests.load import (
    HOSTILE,
    QUESTIONS,
    READERS,
    Waits,
    ask,
    asked_by,
    copied_demo,
    doing_their_worst,
)
from tests.service.place import Place
from tests.service.running import Running, running, wait_until

pytestmark = pytest.mark.trust

NOTES = 30
"""Some seconds to read."""
CONNECTIONS = 8
EACH, PAUSE_S = 4, 0.2
ROUNDS = 3
"""A machine that does something else meanwhile may spoil one round, hardly three."""
MOST_TIMES = 3.0
"""The attacked readers' slowest against the quiet ones': 1.1 to 2.5 as it is, 4 to 6 where one
reader may have 16 questions under way (`QUISAIT_DOOR__READER_QUESTIONS=16`)."""
DURING_CRAWL_S = 10.0
"""On the former code: 20 s as a rule, 80 s at worst."""


def _read(one: Running, source: str) -> bool:
    return one.measured("quisait_source_last_outcome", outcome="done", source=source) == 1


def _six_readers(one: Running) -> Waits:
    return asked_by(one.pages, READERS, QUESTIONS, lambda count: count < EACH, PAUSE_S)


def test_questions_wait_for_no_crawl_and_for_no_other_reader(tmp_path: Path) -> None:
    """While its source is read; then beside one reader with many of the worst questions."""
    settings = copied_demo(tmp_path, sources=("notes",))
    notes = sorted((settings.parent / "notes").rglob("[!_]*.*"))
    for note in notes[NOTES:]:
        note.unlink()
    with running(Place(tmp_path, {"QUISAIT_FILE": str(settings)})) as one:
        wait_until(lambda: ask(one.pages, READERS[0], QUESTIONS[0])[0] == 200)  # directory read
        crawling = asked_by(
            one.pages, READERS[:1], QUESTIONS, lambda _count: not _read(one, "notes"), PAUSE_S
        )
        assert set(crawling.statuses) == {200}
        assert len(crawling.seconds) > 2, "the crawl ended before anybody asked"
        assert max(crawling.seconds) < DURING_CRAWL_S, crawling.line()
        told = []
        for _ in range(ROUNDS):
            quiet = _six_readers(one)
            with doing_their_worst(one.pages, HOSTILE, CONNECTIONS) as hostile:
                attacked = _six_readers(one)
                assert one.get("/health/ready", one.pages).json() == {"status": "ok"}
            assert set(quiet.statuses + attacked.statuses) == {200}
            assert set(hostile.statuses) == {200}
            told.append(f"{quiet.line()}; attacked: {attacked.line()}")
            if attacked.p(95) <= MOST_TIMES * quiet.p(95):
                break
        else:
            pytest.fail("\n".join(told))
