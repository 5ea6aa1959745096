"""A source that is read in parts gives the same index as one that is read whole.

This holds for any division and any changes meanwhile, even if a worker dies between two steps.
"""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
import sqlalchemy as sa
from hypothesis import given
from hypothesis import strategies as st

from connectors.folder.connector import FolderSource
from connectors.snapshot import Snapshot
from connectors.values import Access
from indexer.crawl.pipeline import CrawlDependencies, crawl
from indexer.embedded.index import EmbeddedIndex
from indexer.part_runs import PartRuns
from indexer.state import State
from indexer.values import IndexEntry, Write, WriteReport
from quisait.application.database import migrate
from quisait.application.locks import Locks, SourceBusy, hold_source_lock
from quisait.work.parts import DividedSource, read_parts
from quisait.work.runs import CrawlOptions
from tests.encoders import FakeEncoder
from tests.selection import examples
from tests.unit.test_pipeline import FileReader

pytestmark = pytest.mark.sources

IN_MEMORY = "/dev/shm" if Path("/dev/shm").is_dir() else None  # noqa: S108 - made unique below it
"""What is killed here is no machine: waiting for a disk would only take time."""
NAMES = [f"{folder}/{number}.txt" for folder in "abc" for number in range(4)]
GROUPS = ("s:group:a", "s:group:b")
EVERY_DELETION = 1.0


class Killed(BaseException):
    """The process is gone: nothing that it still tries happens."""


@dataclass
class Steps:
    """Counts a worker's statements and writes, and ends it before the one of this number."""

    dies_at: int | None = None
    done: int = 0
    meanwhile: Callable[[], None] | None = None
    """What another worker does before this one's first write."""

    def step(self) -> None:
        self.done += 1
        if self.dies_at is not None and self.done >= self.dies_at:
            raise Killed

    def write(self) -> None:
        other, self.meanwhile = self.meanwhile, None
        if other:
            other()
        self.step()


@dataclass
class MortalIndex:
    """An index as one worker sees it."""

    index: EmbeddedIndex
    steps: Steps

    def write(self, batch: Sequence[Write]) -> WriteReport:
        self.steps.write()
        return self.index.write(batch)

    def kept(self, document_ids: Collection[str]) -> Mapping[str, IndexEntry]:
        return self.index.kept(document_ids)

    def count(self, source: str) -> int:
        return self.index.count(source)

    def scan(self, source: str) -> Iterator[IndexEntry]:
        return self.index.scan(source)

    def flush(self) -> None:
        self.index.flush()


@cache
def empty_state() -> bytes:
    """A database without a row: made once, it takes longer than a crawl."""
    with TemporaryDirectory(dir=IN_MEMORY) as folder:
        file = Path(folder) / "state.sqlite"
        migrate(sa.create_engine(f"sqlite:///{file}")).dispose()
        return file.read_bytes()


@dataclass
class World:
    """A folder of files, an index, and a database that workers share."""

    place: Path
    index: EmbeddedIndex = field(init=False)

    def __post_init__(self) -> None:
        self.root.mkdir()
        for folder in "abc":
            (self.root / folder).mkdir()
        self.index = EmbeddedIndex(self.place / "index", 16)
        (self.place / "state.sqlite").write_bytes(empty_state())

    @property
    def root(self) -> Path:
        return self.place / "source"

    @property
    def url(self) -> str:
        return f"sqlite:///{self.place / 'state.sqlite'}"

    def connector(self) -> Snapshot:
        return Snapshot(FolderSource("s", self.root, default_access=Access(frozenset({GROUPS[0]}))))

    def write(self, name: str, text: str) -> None:
        (self.root / name).write_text(text, "utf-8")

    def move(self, name: str, to: str) -> None:
        if (self.root / name).exists():
            (self.root / name).rename(self.root / to)

    def remove(self, name: str) -> None:
        (self.root / name).unlink(missing_ok=True)

    def set_readers(self, folder: str, group: str) -> None:
        (self.root / folder / "_quisait.csv").write_text(f"pattern,allowed\n*,{group}\n", "utf-8")

    def read(self, of: int, steps: Steps, *, begins: bool = True) -> None:
        """As one worker does, until its end or its death."""
        engine = sa.create_engine(self.url)
        sa.event.listen(engine, "before_cursor_execute", lambda *_: steps.step())
        state, locks = State(engine), Locks(engine, self.place / "locks")
        runs = PartRuns(engine, state)
        index = MortalIndex(self.index, steps)
        parts = CrawlDependencies(FileReader(), FakeEncoder(), index, state, state)
        try:
            if of == 1:
                with hold_source_lock(locks, "s"):
                    runs.end_division("s")
                    crawl(self.connector(), parts, guard_share=EVERY_DELETION)
            else:
                divided = DividedSource("s", of, self.connector, state, runs, locks, EVERY_DELETION)
                asked = CrawlOptions(quiet=True)
                read_parts(divided, parts, asked, may_begin=lambda: begins)
        except (Killed, SourceBusy):
            pass
        finally:
            engine.dispose()

    def kept(self) -> dict[str, IndexEntry]:
        return {entry.document_id: entry for entry in self.index.scan("s")}

    def truth(self) -> dict[str, IndexEntry]:
        """Return the index that one worker writes when it reads the whole source."""
        with TemporaryDirectory(dir=IN_MEMORY) as folder:
            index = EmbeddedIndex(Path(folder) / "index", 16)
            (Path(folder) / "state.sqlite").write_bytes(empty_state())
            state = State(sa.create_engine(f"sqlite:///{folder}/state.sqlite"))
            parts = CrawlDependencies(FileReader(), FakeEncoder(), index, state, state)
            crawl(self.connector(), parts, guard_share=EVERY_DELETION)
            return {entry.document_id: entry for entry in index.scan("s")}

    def outcomes(self) -> list[str]:
        engine = sa.create_engine(self.url)
        found = [run.outcome for run in State(engine).runs_of("s")]
        engine.dispose()
        return found


names, texts = st.sampled_from(NAMES), st.sampled_from(["un", "deux", "trois mots ici"])
changes = st.one_of(
    st.tuples(st.just("write"), names, texts),
    st.tuples(st.just("move"), names, names),
    st.tuples(st.just("remove"), names),
    st.tuples(st.just("set_readers"), st.sampled_from("abc"), st.sampled_from(GROUPS)),
)
"""A file that moves has another id, and mostly another part."""
readings = st.tuples(
    st.sampled_from([1, 3, 3, 3, 4]),
    st.one_of(st.none(), st.integers(1, 60)),
    st.one_of(st.none(), st.integers(1, 60)),
)
"""(how divided, the step before which the worker dies, and one that joins it meanwhile)."""
histories = st.lists(st.tuples(st.lists(changes, max_size=5), readings), max_size=6)


@examples(10, 100)
@given(st.lists(st.tuples(names, texts), max_size=12), histories, st.integers(2, 4))
def test_parts_end_in_the_index_of_the_whole(
    first: list[tuple[str, str]],
    history: list[tuple[list[tuple[str, ...]], tuple[int, int | None, int | None]]],
    of: int,
) -> None:
    """Changes, deaths and divisions in any order; then one reading that nothing disturbs."""
    with TemporaryDirectory(dir=IN_MEMORY) as folder:
        world = World(Path(folder))
        for name, text in first:
            world.write(name, text)
        for moves, (divided, dies_at, joiner_dies_at) in history:
            for what, *about in moves:
                getattr(world, what)(*about)
            steps = Steps(dies_at)
            if joiner_dies_at is not None:
                joiner = Steps(joiner_dies_at)
                steps.meanwhile = lambda divided=divided, joiner=joiner: world.read(
                    divided, joiner, begins=False
                )
            world.read(divided, steps)
        world.read(of, Steps())
        assert world.kept() == world.truth()
        assert world.outcomes()[0] == "done"


@examples(6, 60)
@given(st.integers(1, 120), st.integers(2, 4))
def test_what_a_dead_worker_left_goes_on_with_another(dies_at: int, of: int) -> None:
    """It reads the part that was left, and no document of another part is deleted meanwhile."""
    with TemporaryDirectory(dir=IN_MEMORY) as folder:
        world = World(Path(folder))
        for name in NAMES:
            world.write(name, name)
        world.read(of, Steps())
        before = world.kept().keys()
        for name in NAMES[::3]:
            world.write(name, "autre")
        world.remove(NAMES[1])
        world.read(of, Steps(dies_at))
        assert before - world.kept().keys() <= {f"s:{NAMES[1]}"}
        world.read(of, Steps())
        assert world.kept() == world.truth()


def test_the_joined_worker_takes_parts_that_the_other_never_reads() -> None:
    """Of two, each part is read by one: the second takes those that the first has not begun."""
    with TemporaryDirectory(dir=IN_MEMORY) as folder:
        world = World(Path(folder))
        for name in NAMES:
            world.write(name, name)
        joiner = Steps()
        steps = Steps(meanwhile=lambda: world.read(4, joiner, begins=False))
        world.read(4, steps)
        assert joiner.done > 0
        assert world.kept() == world.truth()
        assert world.outcomes() == ["done"]
