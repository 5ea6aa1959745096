"""A real `quisait run` under load: each reader is answered, during a crawl or an attack.

`python -m benchmarks.load` measures how long they wait.
"""

from pathlib import Path

import pytest

from tests.load import (
    HOSTILE,
    QUESTIONS,
    READERS,
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


def _read(one: Running, source: str) -> bool:
    return one.measured("quisait_source_last_outcome", outcome="done", source=source) == 1


def test_questions_wait_for_no_crawl_and_for_no_other_reader(tmp_path: Path) -> None:
    """While a source is read; then beside one reader with many of the worst questions."""
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
        with doing_their_worst(one.pages, HOSTILE, CONNECTIONS) as hostile:
            attacked = asked_by(one.pages, READERS, QUESTIONS, lambda count: count < EACH, PAUSE_S)
            assert one.get("/health/ready", one.pages).json() == {"status": "ok"}
        assert set(attacked.statuses) == {200}
        assert set(hostile.statuses) == {200}
