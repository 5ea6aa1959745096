"""Which index the kept cursors describe."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import sqlalchemy as sa

from indexer.described_indexes import UNNAMED, DescribedIndexes
from indexer.embedded.storage import EmbeddedStorage
from indexer.live_index import LiveIndex
from indexer.reindex import ReindexDependencies, rebuild, reindex
from indexer.state import State, source_indexes
from indexer.values import Remove
from quisait.application.locks import WriteGate
from tests.builders import put
from tests.service.index_places import OLD, encoders, recorded
from tests.service.test_damaged_index import cut_pointer, cut_vectors

pytestmark = pytest.mark.sources

NAMES = frozenset({"wiki", "notes"})


def parts(engine: sa.Engine, folder: Path) -> ReindexDependencies:
    described = DescribedIndexes(engine)
    gate = WriteGate(sa.create_engine("sqlite://"), folder.parent / "locks")
    return ReindexDependencies(EmbeddedStorage(folder), encoders, gate, described)


def live(engine: sa.Engine, folder: Path) -> LiveIndex:
    opened = parts(engine, folder)
    return LiveIndex(opened.storage, encoders, opened.gate, recorded(OLD), opened.described)


def unname(engine: sa.Engine) -> None:
    """Leave the rows as a restored backup or a former version does."""
    with engine.begin() as connection:
        connection.execute(sa.update(source_indexes).values(index_id=UNNAMED))


def read(index: LiveIndex, state: State, source: str) -> None:
    """Write two documents of a source, and save a cursor, like a crawl."""
    index.begin(source)
    index.write([put(f"{source}:1", "Le cadastre"), put(f"{source}:2", "Le bornage")])
    state.save(source, "7")
    index.finish(source)


def test_a_source_is_read_in_full_once_for_each_index(engine: sa.Engine, tmp_path: Path) -> None:
    one, other, state = live(engine, tmp_path / "a"), live(engine, tmp_path / "b"), State(engine)
    assert not one.begin("wiki")  # it holds nothing: no reader waits for its first reading
    read(one, state, "wiki")
    read(one, state, "notes")
    assert one.unread(NAMES) == set()
    assert other.unread(NAMES) == NAMES
    assert state.load("wiki") == "7"
    assert other.begin("wiki")
    assert (state.load("wiki"), state.load("notes")) == (None, "7")
    assert one.unread(NAMES) == {"wiki"}
    assert other.unread(NAMES) == NAMES
    read(other, state, "wiki")
    assert one.unread(NAMES) == {"wiki"}
    assert other.unread(NAMES) == {"notes"}


def test_a_lost_state_describes_nothing(engine: sa.Engine, tmp_path: Path) -> None:
    read(live(engine, tmp_path / "a"), State(engine), "wiki")
    State(engine).forget("wiki")
    index = live(engine, tmp_path / "a")
    assert index.unread(NAMES) == {"wiki"}
    assert index.begin("wiki")
    index.finish("wiki")
    assert index.unread(NAMES) == frozenset()


def test_a_removal_reaches_the_index_that_has_the_document(
    engine: sa.Engine, tmp_path: Path
) -> None:
    """One that is not described loses it too, and takes nothing from the one that is."""
    one, other, state = live(engine, tmp_path / "a"), live(engine, tmp_path / "b"), State(engine)
    read(one, state, "wiki")
    other.write([Remove("wiki:1")])  # purged while the other was in use: it stands in the first
    assert one.unread(NAMES) == {"wiki"}
    assert state.load("wiki") is None
    read(one, state, "wiki")
    read(other, state, "wiki")
    one.write([Remove("wiki:1")])  # by a look at the former one, which knew less
    assert one.unread(NAMES) == {"wiki"}
    assert other.unread(NAMES) == frozenset()
    assert state.load("wiki") == "7"


def test_a_reindex_takes_the_cursors_along(engine: sa.Engine, tmp_path: Path) -> None:
    index, state = live(engine, tmp_path / "a"), State(engine)
    read(index, state, "wiki")
    opened = parts(engine, tmp_path / "a")
    made = opened.storage.spec(recorded(OLD))
    reindex(opened, replace(made, analysis="other"))
    assert index.unread(NAMES) == frozenset()
    index.write([put("wiki:3", "La cantine")])
    assert (index.unread(NAMES), state.load("wiki")) == (frozenset(), "7")


def test_a_reindex_of_an_empty_index_takes_no_cursor_along(
    engine: sa.Engine, tmp_path: Path
) -> None:
    """Rows of a former version describe another one: nothing would ever be read into it."""
    read(live(engine, tmp_path / "a"), State(engine), "wiki")
    unname(engine)
    assert live(engine, tmp_path / "b").unread({"wiki"}) == {"wiki"}
    opened = parts(engine, tmp_path / "b")
    made = opened.storage.spec(recorded(OLD))
    reindex(opened, replace(made, analysis="other"))
    assert live(engine, tmp_path / "b").unread({"wiki"}) == {"wiki"}
    assert live(engine, tmp_path / "b").begin("wiki")


@pytest.mark.parametrize("damage", [cut_vectors, cut_pointer])
def test_what_a_rebuild_lost_is_read_again(
    engine: sa.Engine, tmp_path: Path, damage: Callable[[Path], None]
) -> None:
    """Of an index that this version has not met before, too."""
    read(live(engine, tmp_path / "a"), State(engine), "wiki")
    unname(engine)
    damage(tmp_path / "a")
    opened = parts(engine, tmp_path / "a")
    assert not rebuild(opened, opened.storage.spec(recorded(OLD))).complete
    assert live(engine, tmp_path / "a").begin("wiki")
    assert live(engine, tmp_path / "a").unread({"wiki"}) == {"wiki"}


@pytest.mark.parametrize("first", ["a", "b"])
def test_rows_of_a_former_version_describe_the_index_with_documents(
    engine: sa.Engine, tmp_path: Path, first: str
) -> None:
    """An empty one that is looked at takes nothing; one that is written to is another."""
    state = State(engine)
    read(live(engine, tmp_path / "a"), state, "wiki")
    read(live(engine, tmp_path / "a"), state, "notes")
    unname(engine)
    assert live(engine, tmp_path / "b").unread(NAMES) == NAMES
    index = live(engine, tmp_path / first)
    read(index, state, "wiki")
    assert index.unread(NAMES) == (frozenset() if first == "a" else {"notes"})
