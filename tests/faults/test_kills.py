"""Crawls killed at any point: nothing acknowledged is lost, nothing is half-written.

No deleted document is found again, no former reader reads, and the next crawl goes on.
"""

import contextlib
import json
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from uuid import uuid4

import pytest

from connectors.values import Access
from indexer.access import AccessFilter
from indexer.ports import Index
from indexer.values import ShowRequest
from tests.builders import asking, reading, vector_of
from tests.engines import OPENSEARCH_URL, ensure_opensearch
from tests.faults.history import GROUP, PIECES, SOURCE, History, PageState, pieces
from tests.faults.mortal import open_index, open_state
from tests.opensearch_index import client

pytestmark = [pytest.mark.sources, pytest.mark.trust]

KILLS = 16
LANDING_S = 0.3
"""By then the engine has applied what a killed crawl had sent: it is not looked at in between."""

ANYONE, MEMBER = reading(), reading(GROUP)
States = dict[str, PageState]


@dataclass(slots=True)
class Trial:
    """A source, an index that is filled from it, and what the index may hold."""

    folder: Path
    engine: str
    alias: str
    index: Index
    history: History
    crawler: subprocess.Popen[str]
    possible: dict[str, set[PageState | None]] = field(default_factory=dict)
    acknowledged: int = 0

    def crawl(self, killed_after_s: float | None = None) -> bool:
        """Crawl in a child; whether it came to its end before it was killed."""
        assert self.crawler.stdin is not None
        assert self.crawler.stdout is not None
        self.crawler.stdin.write("\n")
        self.crawler.stdin.flush()
        child = int(self.crawler.stdout.readline())
        if killed_after_s is not None:
            time.sleep(killed_after_s)
            with contextlib.suppress(ProcessLookupError):
                os.kill(child, signal.SIGKILL)
        status = int(self.crawler.stdout.readline())
        if status and self.engine == "opensearch":
            time.sleep(LANDING_S)
            client().indices.refresh(index=f"{self.alias}*")
        assert status in (0, -signal.SIGKILL), "the crawl failed by itself"
        return status == 0

    def seconds_undisturbed(self) -> float:
        """How long the crawl of one step takes just now; the index is checked after it."""
        self.move()
        begun = time.monotonic()
        assert self.crawl()
        taken_s = time.monotonic() - begun
        self.hear()
        self.check()
        return taken_s

    def move(self) -> None:
        """The source moves on; the index may come to hold what it says now."""
        self.history.move()
        for document_id in self.possible.keys() | self.history.truth.keys():
            states = self.possible.setdefault(document_id, {None})
            states.add(self.history.truth.get(document_id))

    def hear(self) -> None:
        """What was acknowledged is held, and no longer what was before."""
        path = self.folder / "acknowledged"
        lines = path.read_text("utf-8").splitlines() if path.exists() else []
        for line in lines[self.acknowledged :]:
            said = json.loads(line)
            access = Access(frozenset(said.get("allowed", ())))
            now: set[PageState | None] = {None}
            if "version" in said:
                now = {PageState(said["version"], access)}
            elif "allowed" in said:
                before = self.possible[said["id"]]
                now = {state and replace(state, access=access) for state in before}
            self.possible[said["id"]] = now
        self.acknowledged = len(lines)

    def check(self) -> None:
        """The index holds a possible state of every document, whole, for its readers alone."""
        held = self._held()
        for document_id in self.possible.keys() | held.keys():
            assert held.get(document_id) in self.possible[document_id], document_id
            self.possible[document_id] = {
                held.get(document_id),
                self.history.truth.get(document_id),
            }
        for access in (ANYONE, MEMBER):
            wanted = {name for name, state in held.items() if access.admits(state.access)}
            assert self._found(access) == wanted

    def _held(self) -> States:
        kept = {one.document_id: one.access for one in self.index.scan(SOURCE)}
        everything = AccessFilter(
            frozenset().union(*(a.allowed for a in kept.values())), frozenset()
        )
        request = ShowRequest(everything, tuple(kept), asking().question, None, PIECES)
        held = {}
        for shown in self.index.show(request):
            name = shown.card.document_id
            version = int(shown.card.title.rpartition("version")[2])
            texts = sorted(found.passage.text for found in shown.passages)
            assert texts == sorted(pieces(name, version)), "half of one version"
            held[name] = PageState(version, kept[name])
        assert held.keys() == kept.keys()
        return held

    def _found(self, access: AccessFilter) -> set[str]:
        vector = vector_of("cadastre")
        asked = asking("cadastre", access=access, vector=vector, window=1_000)
        answer = self.index.search(asked)
        by_words = {hit.document_id for hit in answer.lexical}
        assert by_words == {hit.document_id for hit in answer.vector}
        assert answer.total == len(by_words)
        return by_words


@pytest.fixture(params=["embedded", "opensearch"])
def trial(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Trial]:
    """A small source, crawled once without disturbance."""
    alias = f"test-{uuid4().hex}"
    if request.param == "opensearch":
        ensure_opensearch()
    arguments = [str(tmp_path), request.param, alias, OPENSEARCH_URL]
    crawler = subprocess.Popen(
        [sys.executable, "-m", "tests.faults.mortal", *arguments],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd=Path(__file__).parents[2],
    )
    history = History(tmp_path / "export.jsonl", random.Random(0))
    index = open_index(tmp_path, request.param, alias, OPENSEARCH_URL)
    try:
        with crawler:
            yield Trial(tmp_path, request.param, alias, index, history, crawler)
    finally:
        if request.param == "opensearch":
            client().indices.delete(index=f"{alias}-*", ignore_unavailable=True)


@pytest.mark.parametrize("seed", range(4))
def test_a_crawl_killed_at_any_point_loses_nothing(
    trial: Trial, seed: int, record_testsuite_property: Callable[[str, object], None]
) -> None:
    """Kill after kill, each at a moment of its own; the last crawl brings the whole truth."""
    trial.history.draw = random.Random(seed)
    trial.history.move(births=40)
    trial.possible = {name: {None, state} for name, state in trial.history.truth.items()}
    assert trial.crawl()
    killed, whole_s = 0, trial.seconds_undisturbed()
    for _ in range(KILLS):
        trial.move()
        if trial.crawl(trial.history.draw.uniform(0, whole_s)):
            whole_s = trial.seconds_undisturbed()
        else:
            killed += 1
        trial.hear()
        trial.check()
    assert trial.crawl()
    trial.hear()
    trial.check()
    assert trial._held() == trial.history.truth
    assert open_state(trial.folder).failures_of(SOURCE) == ()
    record_testsuite_property(f"killed: {trial.engine}, {seed}", killed)
    assert killed >= KILLS // 3, "too few were killed before their end to say anything"
