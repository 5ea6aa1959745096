"""Random histories of a whole place: nothing leaks, comes back or is lost.

Documents are written, closed, opened and deleted; the commands crawl, are killed, back up, restore
elsewhere and move to the other engine. After each step two agents search and open by id whatever
anybody ever found. Every history kills a crawl in progress and restores a backup at least once; a
failure names the steps and how often each had which outcome. `make soak` draws new seeds.
"""

import random
import re
import shutil
import signal
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path
from unittest.mock import patch
from uuid import uuid4

import pytest

from connectors.values import EVERYONE, Access
from indexer.access import Reader
from indexer.errors import IndexNotRead
from quisait.application import engines
from quisait.clock import today
from quisait.commands.answers import command_line_reader
from search_api.query.query import Query
from tests.engines import ensure_opensearch
from tests.opensearch_index import client
from tests.oracle import may_read
from tests.postgres_server import database
from tests.service.place import Place, export, make_place, post

pytestmark = [pytest.mark.sources, pytest.mark.trust]

STEPS, DOCUMENTS = 24, 12
GROUP = "annuaire:group:fraude"
OPEN, CLOSED = Access(frozenset({EVERYONE})), Access(frozenset({GROUP}))
DENIED = Access(frozenset({EVERYONE}), frozenset({GROUP}))
READERS = {
    "ag-1": Reader("ag-1", frozenset({EVERYONE})),
    "ag-2": Reader("ag-2", frozenset({EVERYONE, GROUP})),
}
WORD = re.compile(r"mot\d+x")
ENGINES = ("embedded", "opensearch")
BEGINS = [f"begins_on_{engine}" for engine in ENGINES]
"""Each history meets both engines: no parameter chooses one (`tests/needs.py`)."""
KILLED, RESTORED = "crawl killed in progress", "backup restored"


@pytest.fixture(autouse=True)
def one_encoder() -> Iterator[None]:
    """The real encoder, opened once."""
    with patch.object(engines, "open_encoder", cache(engines.open_encoder)):
        yield


@dataclass(frozen=True)
class Version:
    """A text, by the word that only it has, and its readers."""

    word: str
    access: Access


@dataclass
class History:
    """A place and its source. `truth` is what the source holds now.

    `applied` is what it held when a crawl last came to its end, and `since` what it held after that
    crawl: a reader may be shown what one of these permits. `readers` are all that a text ever had.
    `outcomes` counts what the steps led to.
    """

    place: Place
    draw: random.Random
    stack: ExitStack
    postgres: str
    truth: dict[str, Version] = field(default_factory=dict)
    applied: dict[str, Version] = field(default_factory=dict)
    since: list[dict[str, Version]] = field(default_factory=list)
    readers: dict[str, set[Access]] = field(default_factory=lambda: defaultdict(set))
    backups: list[Path] = field(default_factory=list)
    found: set[str] = field(default_factory=set)
    steps: list[str] = field(default_factory=list)
    outcomes: Counter[str] = field(default_factory=Counter)
    engine: str = "embedded"
    whole_s: float = 2.0

    def random_step(self) -> None:
        self.step(
            self.draw.choice(
                (
                    *(self.write, self.close, self.close, self.delete, self.open),
                    *(self.crawl, self.crawl, self.kill_crawl, self.kill_crawl),
                    *(self.back_up, self.restore, self.restore, self.switch),
                )
            )
        )

    def step(self, act: Callable[[], None]) -> None:
        self.steps.append(act.__name__)
        act()
        self.check()

    def report(self) -> str:
        """Return the steps and the number of each outcome."""
        return f"{self.steps}, {dict(self.outcomes)}"

    def change(self, **documents: Version | None) -> None:
        self.since.append(dict(self.truth))
        for name, version in documents.items():
            if version is None:
                self.truth.pop(name, None)
            else:
                self.truth[name] = version
                self.readers[version.word].add(version.access)
        self.since.append(dict(self.truth))
        self.write_source()

    def write_source(self) -> None:
        lines = []
        for name, version in self.truth.items():
            line = post(int(name[1:]), f"Un texte commun, {version.word}.", "ana")
            line["title"] = f"Titre {version.word}"
            allowed, denied = map(sorted, (version.access.allowed, version.access.denied))
            lines.append(line | {"readers": {"allowed": allowed, "denied": denied}})
        (self.place.folder / "export.jsonl").write_text(export(lines), "utf-8")

    def some(self) -> list[str]:
        known = sorted(self.truth)
        return self.draw.sample(known, min(3, len(known)))

    def write(self) -> None:
        access = self.draw.choice((OPEN, CLOSED, DENIED))
        names = [f"d{self.draw.randrange(1, DOCUMENTS)}" for _ in range(3)]
        self.change(**{one: Version(self.word(), access) for one in names})

    def word(self) -> str:
        return f"mot{len(self.readers)}{self.draw.randrange(10**6)}x"

    def close(self) -> None:
        access = self.draw.choice((CLOSED, DENIED, Access()))
        self.change(**{one: replace(self.truth[one], access=access) for one in self.some()})

    def open(self) -> None:
        self.change(**{one: replace(self.truth[one], access=OPEN) for one in self.some()})

    def delete(self) -> None:
        self.change(**dict.fromkeys(self.some()))

    def crawl(self) -> None:
        begun = time.monotonic()
        self.place.run("crawl", "--accept-deletions")
        self.whole_s = time.monotonic() - begun
        self.applied, self.since = dict(self.truth), []
        self.check(whole=True)

    def kill_crawl(self) -> None:
        process = self.place.begun("crawl", "--accept-deletions")
        time.sleep(self.draw.uniform(0, self.whole_s))
        process.kill()
        killed = process.wait(60) == -signal.SIGKILL
        self.outcomes[KILLED if killed else "crawl ended before its kill"] += 1

    def back_up(self) -> None:
        target = self.place.folder.parent / f"backup-{uuid4().hex}"
        done = self.place.ended("backup", str(target))
        assert target.exists() == (done.returncode == 0), done.stderr
        if target.exists():
            self.backups.append(target)
        self.outcomes["backup made" if target.exists() else "backup refused"] += 1

    def restore(self) -> None:
        """Restore a backup on another machine, with the register of this one."""
        folder = self.place.folder.parent / f"place-{uuid4().hex}"
        register = self.place.folder / "registre.jsonl"
        kept = shutil.ignore_patterns(".quisait", "registre*")
        shutil.copytree(self.place.folder, folder, ignore=kept)
        other = Place(folder, dict(self.place.environment)).with_settings(
            **own_places(self.stack, self.postgres)
        )
        backup = self.draw.choice(self.backups)
        done = other.ended("restore", str(backup), "--register", str(register))
        assert done.returncode == 0, done.stderr
        self.place = other
        self.outcomes[RESTORED] += 1

    def switch(self) -> None:
        """Go on with the other engine: filled from this one, or read anew by the next crawl."""
        former, self.engine = self.engine, ENGINES[self.engine == ENGINES[0]]
        self.place = self.place.with_settings(QUISAIT_INDEX__ENGINE=self.engine)
        if self.draw.random() < 0.5:
            done = self.place.ended("reindex", "--from", former)
            self.outcomes[f"reindex --from, status {done.returncode}"] += 1

    def check(self, *, whole: bool = False) -> None:
        """Compare what each agent is shown with the rules; `whole`: nothing is missing either."""
        for agent, reader in READERS.items():
            shown = self.shown(agent, closed=not whole)
            states = [self.applied, *self.since]
            for name, word in shown:
                was_theirs = any(may_read(reader, one, "wiki", "") for one in self.readers[word])
                assert was_theirs, (
                    f"{agent} is shown {word}, which was never theirs: {self.report()}"
                )
                still = any(
                    name in state and may_read(reader, state[name].access, "wiki", "")
                    for state in states
                )
                assert still, f"{agent} is shown {name}, which is closed or gone: {self.report()}"
            if whole:
                theirs = {
                    (name, one.word)
                    for name, one in self.truth.items()
                    if may_read(reader, one.access, "wiki", "")
                }
                assert shown == theirs, f"{agent}: {self.report()}"

    def shown(self, agent: str, *, closed: bool) -> set[tuple[str, str]]:
        """Return (document, word) of what an agent finds, and opens by any id ever found."""
        with self.place.opened() as application:
            reader = command_line_reader(application, agent)
            try:
                query = Query('"commun"', wide=True, page_size=50)
                results = application.search.answer(query, reader, today()).results
                texts = {
                    (one.card.document_id, f"{one.card.title} {one.passages}") for one in results
                }
                self.found |= {name for name, _ in texts}
                for name in self.found:
                    if opened := application.search.open(name, "commun", reader, today()):
                        texts.add((name, f"{opened.result.card.title} {opened.passages}"))
            except IndexNotRead:
                assert closed
                return set()
        return {
            (f"d{name.partition(':')[2]}", word)
            for name, text in texts
            for word in WORD.findall(text)
        }


def own_places(stack: ExitStack, postgres: str) -> dict[str, str]:
    """Return the settings of an alias, and of a database where a server is given, of its own."""
    alias = f"test-{uuid4().hex}"

    def remove() -> None:
        with client() as opensearch:
            opensearch.indices.delete(index=f"{alias}*", ignore_unavailable=True)

    stack.callback(remove)
    made = {"QUISAIT_INDEX__ALIAS": alias}
    return made | (
        {"QUISAIT_DATABASE": stack.enter_context(database(postgres))} if postgres else {}
    )


def live(folder: Path, engine: str, postgres: str, seed: int) -> None:
    """Let a history happen, to its end."""
    with ExitStack() as stack:
        url = {"QUISAIT_INDEX__URL": ensure_opensearch(), "QUISAIT_INDEX__ENGINE": engine}
        place = make_place(folder / "place", **url, **own_places(stack, postgres))
        history = History(place, random.Random(seed), stack, postgres, engine=engine)
        history.steps.append(f"seed {seed}")
        for act in (history.write, history.write, history.crawl, history.back_up):
            act()
        assert history.backups, history.report()
        for _ in range(STEPS):
            history.random_step()
        while not history.outcomes[KILLED]:
            history.step(history.kill_crawl)
        if not history.outcomes[RESTORED]:
            history.step(history.restore)
        history.step(history.crawl)


@pytest.fixture
def seed(request: pytest.FixtureRequest) -> int:
    """That of `make soak`, which draws one for each run; a failure names it."""
    return int(
        request.config.getoption("--hypothesis-seed") or random.SystemRandom().getrandbits(32)
    )


@pytest.mark.parametrize("engine", ENGINES, ids=BEGINS)
def test_nothing_leaks_or_is_lost_with_the_state_in_sqlite(
    tmp_path: Path, engine: str, seed: int
) -> None:
    live(tmp_path, engine, "", seed)


@pytest.mark.parametrize("engine", ENGINES, ids=BEGINS)
def test_nothing_leaks_or_is_lost_with_the_state_in_postgresql(
    tmp_path: Path, postgres: str, engine: str, seed: int
) -> None:
    live(tmp_path, engine, postgres, seed)
