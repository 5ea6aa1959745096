"""A disk without room beneath the embedded index: a sentence, and nothing lost.

No file of the process may grow beyond a number of bytes (RLIMIT_FSIZE): to SQLite, tantivy
and the kept vectors that is a write that fails, at whichever of their files and pages it is.
"""

import os
import resource
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.faults.conftest import Tally
from tests.faults.trial import Trial, assert_true, trial_in
from tests.service.index_places import index_place
from tests.service.place import COMMAND, Place, export, make_place, post

pytestmark = pytest.mark.sources

POINTS = 10
COMMANDS = 4
MOST_BEYOND = 250_000
"""Bytes beyond the largest file: with so many, some steps of the history come to their end."""


@pytest.fixture
def trial(tmp_path: Path, seed: int) -> Iterator[Trial]:
    with index_place("embedded", tmp_path) as place, trial_in(place, seed) as made:
        yield made


def largest(folder: Path) -> int:
    return max(path.stat().st_size for path in folder.rglob("*") if path.is_file())


@pytest.mark.parametrize("seed", [21, 22])
def test_a_disk_that_fills_up_loses_nothing(trial: Trial, seed: int, tally: Tally) -> None:
    """The crawl says so and stops; with room again, the next one brings the whole truth."""
    stopped, draw, points = 0, trial.history.draw, POINTS * tally.times
    for _ in range(points):
        trial.move()
        room = draw.randint(4_096, largest(trial.place.folder / "index") + MOST_BEYOND)
        trial.crawler.begin(f"full {room}")
        if trial.crawler.ended(may_stop=True):
            continue
        stopped += 1
        with tally.point("disk full, embedded"):
            trial.check()
            if stopped % 4 == 0:
                assert_true(trial)
    assert_true(trial)
    assert stopped >= points // 3, "too few met the full disk to say anything"


def test_the_command_says_that_there_is_no_room(tmp_path: Path, tally: Tally) -> None:
    """Index, kept vectors and state lie on one disk: whichever fails, a sentence."""
    place = make_place(tmp_path / "place")
    place.run("crawl")
    many = [post(n, f"Le dossier {n} est instruit au service.", "ana") for n in range(40)]
    (place.folder / "export.jsonl").write_text(export(many), "utf-8")
    biggest = largest(place.folder / ".quisait")
    for number in range(COMMANDS):
        with tally.point("disk full, the command"):
            done = crawl_within(place, 8_192 + number * biggest // COMMANDS)
            assert "Traceback" not in done.stderr, done.stderr
            # Vectors that cannot be kept are made again: that alone stops nothing.
            assert done.returncode == 0 or "place" in done.stdout + done.stderr, done.stderr
    place.run("crawl", "wiki")
    (told,) = place.json("sources", "wiki")
    assert told["documents"] == len(many)


def crawl_within(place: Place, most_bytes: int) -> subprocess.CompletedProcess[str]:
    """`quisait crawl wiki` where no file may grow beyond so many bytes."""

    def bounded() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (most_bytes, most_bytes))

    return subprocess.run(
        [*COMMAND, "crawl", "wiki"],
        cwd=place.folder,
        env=os.environ | place.environment,
        preexec_fn=bounded,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
