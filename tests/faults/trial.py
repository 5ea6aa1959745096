"""A source, an index that killed children fill from it, and what that index may hold."""

import contextlib
import json
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

from connectors.values import Access
from indexer.access import Reader, access_filter
from indexer.ports import Index
from indexer.values import ShowRequest
from tests.builders import asking, reader_with, vector_of
from tests.faults.history import GROUP, PIECES, SOURCE, History, PageState, pieces
from tests.faults.mortal import STOPPED, open_state
from tests.opensearch_index import client
from tests.oracle import may_read
from tests.service.index_places import IndexPlace

LANDING_S, LANDED_S = 0.3, 30.0
"""After the first the engine has begun what a killed child had sent, and before the second it
is done: it is not looked at in between. A busy machine takes its time."""

COMMAND = [sys.executable, "-m", "tests.faults.mortal"]
ANYONE, MEMBER = reader_with(), reader_with(GROUP)


@dataclass(slots=True)
class Mortal:
    """Begins children, one at a time, and kills them where it is told to."""

    parent: subprocess.Popen[str]
    child: int = 0

    def begin(self, work: str) -> None:
        assert self.parent.stdin is not None
        assert self.parent.stdout is not None
        self.parent.stdin.write(f"{work}\n")
        self.parent.stdin.flush()
        self.child = int(self.parent.stdout.readline())

    def kill(self) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.kill(self.child, signal.SIGKILL)

    def ended(self, *, may_stop: bool = False) -> bool:
        """Wait for its end; whether it came by itself, with nothing gone wrong.

        `may_stop`: it may say that its index or its database is away.
        """
        assert self.parent.stdout is not None
        status = int(self.parent.stdout.readline())
        expected = {0, -signal.SIGKILL, *([STOPPED] if may_stop else [])}
        assert status in expected, "it failed by itself"
        return status == 0


@contextmanager
def mortal(place: IndexPlace, **environment: str) -> Iterator[Mortal]:
    """A parent of such children, ended after use."""
    parent = subprocess.Popen(
        [*COMMAND, str(place.folder), place.engine, place.alias],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env=os.environ | environment,
        cwd=Path(__file__).parents[2],
    )
    with parent:
        yield Mortal(parent)
        assert parent.stdin is not None
        parent.stdin.close()


@dataclass(slots=True)
class Trial:
    """`possible` holds every state that a document may be found in (None: not at all)."""

    place: IndexPlace
    history: History
    index: Index
    crawler: Mortal
    reindexer: Mortal
    possible: dict[str, set[PageState | None]] = field(default_factory=dict)
    heard: int = 0

    def crawl(self, killed_after_s: float | None = None) -> bool:
        """Crawl in a child; whether it came to its end before it was killed."""
        self.crawler.begin("crawl")
        if killed_after_s is not None:
            time.sleep(killed_after_s)
            self.crawler.kill()
        whole = self.crawler.ended()
        if not whole:
            self.let_land()
        return whole

    def seconds_undisturbed(self) -> float:
        """Return the duration of one step's crawl without a fault; check the index afterwards."""
        self.move()
        begun = time.monotonic()
        assert self.crawl()
        taken_s = time.monotonic() - begun
        self.check()
        return taken_s

    def let_land(self) -> None:
        """Wait until requests sent before a kill are applied and visible."""
        if self.place.engine == "opensearch":
            time.sleep(LANDING_S)
            deadline = time.monotonic() + LANDED_S
            while _writing() and time.monotonic() < deadline:
                time.sleep(LANDING_S)
            client().indices.refresh(index=f"{self.place.alias}*")

    def move(self, births: int = 4) -> None:
        """The source moves on; the index may come to hold what it says now.

        A text that is to be read again loses first the readers that it has no more.
        """
        self.history.move(births=births)
        for document_id in self.possible.keys() | self.history.truth.keys():
            states = self.possible.setdefault(document_id, {None})
            now = self.history.truth.get(document_id)
            if now:
                states |= {_narrowed(one, now.access) for one in states if one}
            states.add(now)

    def check(self) -> None:
        """The index holds a possible state of every document, whole, for its readers alone."""
        self._hear()
        held = self.held()
        for document_id in self.possible.keys() | held.keys():
            assert held.get(document_id) in self.possible[document_id], document_id
            self.possible[document_id] = {
                held.get(document_id),
                self.history.truth.get(document_id),
            }
        for reader in (ANYONE, MEMBER):
            readable = {
                name for name, state in held.items() if may_read(reader, state.access, SOURCE, "")
            }
            assert self._found(reader) == readable

    def held(self) -> dict[str, PageState]:
        """Every document that is kept, with the version and the readers that it has."""
        kept = {one.document_id: one.access for one in self.index.scan(SOURCE)}
        request = ShowRequest(
            access_filter(MEMBER),
            tuple(kept),
            asking().question,
            None,
            PIECES,
        )
        held = {}
        for shown in self.index.show(request):
            name = shown.card.document_id
            version = int(shown.card.title.rpartition("version")[2])
            texts = sorted(found.passage.text for found in shown.passages)
            assert texts == sorted(pieces(name, version)), "half of one version"
            held[name] = PageState(version, kept[name])
        assert held.keys() == kept.keys()
        return held

    def _hear(self) -> None:
        """Read acknowledged changes: each replaces the former possible states of its page."""
        path = self.place.folder / "acknowledged"
        lines = path.read_text("utf-8").splitlines() if path.exists() else []
        for line in lines[self.heard :]:
            said = json.loads(line)
            access = Access(frozenset(said.get("allowed", ())))
            now: set[PageState | None] = {None}
            if "version" in said:
                now = {PageState(said["version"], access)}
            elif "allowed" in said:
                before = self.possible[said["id"]]
                now = {state and replace(state, access=access) for state in before}
            self.possible[said["id"]] = now
        self.heard = len(lines)

    def _found(self, reader: Reader) -> set[str]:
        access, vector = access_filter(reader), vector_of("cadastre")
        answer = self.index.search(asking("cadastre", access=access, vector=vector, window=1_000))
        by_words = {hit.document_id for hit in answer.lexical}
        assert by_words == {hit.document_id for hit in answer.vector}
        assert answer.total == len(by_words)
        return by_words


@contextmanager
def trial_in(place: IndexPlace, seed: int, **environment: str) -> Iterator[Trial]:
    """A small source, crawled once without disturbance."""
    history = History(place.folder / "export.jsonl", random.Random(seed))
    with mortal(place, **environment) as crawler, mortal(place) as reindexer:
        trial = Trial(place, history, place.live(), crawler, reindexer)
        trial.move(births=40)
        assert trial.crawl()
        trial.check()
        yield trial


def _narrowed(state: PageState, access: Access) -> PageState:
    return replace(state, access=state.access.narrowed_to(access))


def assert_true(trial: Trial) -> None:
    """A last crawl brings the whole truth, and nothing is said to be missing."""
    assert trial.crawl()
    trial.check()
    assert trial.held() == trial.history.truth
    assert open_state(trial.place.folder).failures_of(SOURCE) == ()


def _writing() -> bool:
    """Return whether the engine is still writing."""
    return bool(client().tasks.list(actions="indices:data/write*")["nodes"])
