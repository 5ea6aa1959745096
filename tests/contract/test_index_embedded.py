"""The embedded index keeps the contract of the `Index` port."""

import json
import os
import subprocess
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pytest
import tantivy
from hypothesis import given, settings
from hypothesis import strategies as st

from indexer.embedded import rankings
from indexer.embedded import text as text_module
from indexer.embedded.index import EmbeddedIndex
from indexer.embedded.storage import EmbeddedStorage
from indexer.errors import IndexRefused
from indexer.live_index import EncoderRecord
from indexer.values import Put, Remove
from tests.builders import ENCODER, allowed, asking, put, vector_of
from tests.contract.index_contract import IndexContract
from tests.encoders import FakeEncoder

pytestmark = pytest.mark.search

_LATE_FILE = 'echo; while [ -e "$1" ]; do :; done; : >"$2"'
"""Make a file once another one is gone."""


class TestEmbeddedIndex(IndexContract):
    """All checks of the contract, on SQLite, tantivy and numpy."""

    @pytest.fixture
    def index(self, tmp_path: Path) -> EmbeddedIndex:
        return EmbeddedIndex(tmp_path / "index", ENCODER.dimension)


def test_vectors_of_another_dimension_are_refused(tmp_path: Path) -> None:
    """Another encoder needs another folder, and a person is told so."""
    index = EmbeddedIndex(tmp_path, ENCODER.dimension)
    with pytest.raises(IndexRefused, match="16 nombres"):
        EmbeddedIndex(tmp_path, 8)
    with pytest.raises(IndexRefused):
        index.search(asking("cadastre", vector=FakeEncoder(8).queries(["a"])[0]))


def test_a_file_that_is_no_database_is_refused(tmp_path: Path) -> None:
    """Nothing is overwritten that is not ours."""
    (tmp_path / "index.sqlite").write_bytes(b"not a database" * 100)
    with pytest.raises(IndexRefused):
        EmbeddedIndex(tmp_path, ENCODER.dimension)


def test_a_full_disk_acknowledges_nothing(tmp_path: Path) -> None:
    """The batch is refused whole; what was kept before still answers."""
    index = EmbeddedIndex(tmp_path, ENCODER.dimension)
    index.write([put("wiki:1", "Le cadastre")])
    connection = index._store.connection()
    pages = connection.execute("PRAGMA page_count").fetchone()[0]
    connection.execute(f"PRAGMA max_page_count = {pages + 5}")
    with pytest.raises(IndexRefused, match="full"):
        index.write([put("wiki:2", "Le cadastre"), put("wiki:3", *["La parcelle " * 50] * 300)])
    assert index.search(asking()).total == index.search(asking("cadastre")).total == 1


def test_what_cannot_be_kept_is_reported_and_the_rest_is_kept(tmp_path: Path) -> None:
    """Half a surrogate pair in an id, or vectors of no number, fail that document alone."""
    index = EmbeddedIndex(tmp_path, ENCODER.dimension)
    odd = put("wiki:odd", "Le cadastre")
    broken = Put(replace(odd.indexed, vectors=odd.indexed.vectors * np.float32("nan")))
    report = index.write([broken, put("wiki:\ud800", "a"), put("wiki:1", "Le \ud800 cadastre")])
    assert report.written == 1
    assert [document_id for document_id, _ in report.failed] == ["wiki:odd", "wiki:\ud800"]
    assert [hit.document_id for hit in index.search(asking("cadastre")).lexical] == ["wiki:1"]


def test_threads_read_while_one_writes(tmp_path: Path) -> None:
    """Every answer is of one state: the words and the listing count the same documents."""
    index = EmbeddedIndex(tmp_path, ENCODER.dimension)

    def read(_: int) -> bool:
        answer = index.search(asking(vector=vector_of("a")))
        return answer.total == sum(value.count for value in answer.facets["source"])

    with ThreadPoolExecutor(4) as pool:
        answers = pool.map(read, range(80))
        for number in range(20):
            index.write([put(f"wiki:{number}", "Le cadastre")])
        assert all(answers)
    assert index.search(asking("cadastre")).total == 20


def test_several_open_one_new_folder_at_once(tmp_path: Path) -> None:
    """A server and a crawl that start together share one index."""
    with ThreadPoolExecutor(6) as pool:
        opened = list(pool.map(lambda _: EmbeddedIndex(tmp_path / "new", 16), range(6)))
        list(pool.map(lambda n: opened[n].write([put(f"wiki:{n}", "Le cadastre")]), range(6)))
    assert [index.search(asking("cadastre")).total for index in opened] == [6] * 6


@settings(deadline=None)
@given(
    texts=st.lists(st.sampled_from(["cadastre", "cadastre parcelle", "parcelle"]), max_size=40),
    secret=st.sets(st.integers(0, 39)),
    window=st.integers(1, 12),
    phrases=st.sampled_from([(), ("cadastre parcelle",)]),
    excluded=st.sampled_from([(), ("parcelle",)]),
)
def test_the_best_matches_settle_a_ranking_as_all_of_them_do(
    texts: list[str],
    secret: set[int],
    window: int,
    phrases: tuple[str, ...],
    excluded: tuple[str, ...],
) -> None:
    """However many are read first: the same rankings, totals and facets, ties and rights too."""
    hidden = allowed("ldap:group:x")
    with TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        index = EmbeddedIndex(Path(folder), ENCODER.dimension)
        kept = [
            put(f"wiki:{n:02}", text, **({"access": hidden} if n in secret else {}))
            for n, text in enumerate(texts)
        ]
        index.write(kept[::-1])  # or ties would be read by id
        near = vector_of("cadastre")
        wanted = asking("cadastre", phrases=phrases, excluded=excluded, vector=near, window=window)
        answers = []
        for first in (1, rankings.WINDOWS_READ_FIRST, 1_000):
            with pytest.MonkeyPatch.context() as patched:
                patched.setattr(rankings, "WINDOWS_READ_FIRST", first)
                patched.setattr(rankings, "MAX_SHARE_READ_FIRST", 1)
                answers.append(index.search(wanted))
    assert answers[0] == answers[1] == answers[2]
    readable = {f"wiki:{n:02}" for n in range(len(texts)) if n not in secret}
    assert {hit.document_id for hit in (*answers[0].lexical, *answers[0].vector)} <= readable


RARE = {"wiki:r": ("zanzibaresque", "chronopotamie")}
"""A document with a word in its text and one in its title that no other has."""


def with_a_rare_one(folder: Path) -> EmbeddedIndex:
    index = EmbeddedIndex(folder, ENCODER.dimension)
    ((id_, (text, title)),) = RARE.items()
    others = [put(f"wiki:{n}", f"bonjour {n}", title=f"titre {n}") for n in range(40)]
    index.write([*others, put(id_, f"le {text} tourne", title=title)])
    assert index.search(asking(text)).total == 1
    return index


def words_kept(folder: Path) -> set[str]:
    """Where a rare word stands: in a file as it is written, or in the text's dictionary.

    The dictionary is a compressed automaton, in which no word stands letter by letter: it is
    asked. What was deleted counts until it has left the file.
    """
    (text, title) = RARE["wiki:r"]
    files = [file for file in folder.rglob("*") if file.is_file()]
    found = {
        file.name
        for file in files
        for word in (text, title)
        if word[:-3].encode() in file.read_bytes()
    }
    searcher = tantivy.Index.open(str(next(folder.glob("text-*")))).searcher()
    for field, word in (("text", f"={text}"), ("words", title)):
        found |= {field} if searcher.doc_freq(field, word) else set()
    return found


def strays(folder: Path) -> set[str]:
    """Files of the text that belong to no segment, and segments with deleted documents."""
    text = next(folder.glob("text-*"))
    meta = json.loads((text / "meta.json").read_text("utf-8"))
    known = {one["segment_id"].replace("-", "") for one in meta["segments"]}
    segments = {file.name for file in text.glob("*.*") if not file.name.startswith((".", "meta"))}
    return {name for name in segments if name.partition(".")[0] not in known} | {
        one["segment_id"] for one in meta["segments"] if one["deletes"]
    }


@pytest.mark.parametrize("change", ["removed", "written again"])
def test_no_file_keeps_a_word_of_what_was_removed(tmp_path: Path, change: str) -> None:
    """Once it is expunged: neither tantivy's segments, nor SQLite's file, nor its journal."""
    index = with_a_rare_one(tmp_path)
    assert words_kept(tmp_path) >= {"text", "words"}
    index.write([Remove("wiki:r") if change == "removed" else put("wiki:r", "autre", title="x")])
    assert index.search(asking("zanzibaresque")).total == 0
    before = index.search(asking("bonjour"))
    index.expunge()
    assert words_kept(tmp_path) == set()
    assert strays(tmp_path) == set()
    after = index.search(asking("bonjour"))
    assert {one.document_id for one in after.lexical} == {one.document_id for one in before.lexical}
    assert EmbeddedIndex(tmp_path, ENCODER.dimension).search(asking("bonjour")).total == 40
    index.expunge()
    assert index.search(asking("bonjour")).total == 40


def test_an_empty_index_has_nothing_to_expunge(tmp_path: Path) -> None:
    """Before the first document, and after the last."""
    index = EmbeddedIndex(tmp_path, ENCODER.dimension)
    index.expunge()
    index.write([put("wiki:r", "rare")])
    index.write([Remove("wiki:r")])
    index.expunge()
    assert strays(tmp_path) == set()
    assert index.search(asking()).total == 0


def test_what_is_removed_is_deleted_from_the_text(tmp_path: Path) -> None:
    """The catalogue hides it too: without this the text would grow with every crawl."""
    index = with_a_rare_one(tmp_path)
    for n in range(3):
        index.write([Remove("wiki:r"), put("wiki:1", f"bonjour {n}")])
    assert index._text.snapshot().num_docs == 40


def test_an_index_of_a_former_version_is_rid_of_what_it_kept(tmp_path: Path) -> None:
    """It deleted nothing: rows that the store lacks stand in its text, in no segment's count."""
    index = with_a_rare_one(tmp_path)
    folder = next(tmp_path.glob("text-*"))
    former = tantivy.Index.open(str(folder))
    writer = former.writer(heap_size=32_000_000, num_threads=1)
    document = tantivy.Document()
    document.add_unsigned("row", 10_000)
    document.add_text("words", "chronopotamie")
    writer.add_document(document)
    writer.commit()
    writer.wait_merging_threads()
    index.write([Remove("wiki:r")])
    index.expunge()
    assert words_kept(tmp_path) == set()


def test_a_deletion_that_was_killed_is_made_again(tmp_path: Path) -> None:
    """Killed before its commit: the file of deleted rows that it leaves is in nobody's way."""
    index = with_a_rare_one(tmp_path)
    meta = next(tmp_path.glob("text-*/meta.json"))
    before, (_, applied) = meta.read_bytes(), index._store.progress()
    EmbeddedIndex(tmp_path, ENCODER.dimension).write([Remove("wiki:r")])
    left = list(meta.parent.glob("*.del"))
    assert left
    meta.write_bytes(before)
    index._store.mark_applied(applied)
    assert index.search(asking("zanzibaresque")).total == 0
    assert index._text.snapshot().num_docs == 40
    assert len(list(meta.parent.glob("*.del"))) == 1


def test_an_expunging_in_pieces_loses_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Seven rows of a commit, while others search and write."""
    monkeypatch.setattr(text_module, "_ROWS_OF_A_COMMIT", 7)
    index = with_a_rare_one(tmp_path)
    index.write([Remove("wiki:r")])
    other = EmbeddedIndex(tmp_path, ENCODER.dimension)
    with ThreadPoolExecutor() as pool:
        asked = [pool.submit(lambda: other.search(asking("bonjour")).total) for _ in range(50)]
        done = pool.submit(index.expunge)
        wrote = [pool.submit(other.write, [put(f"wiki:n{n}", f"bonsoir {n}")]) for n in range(5)]
        assert {one.result() for one in asked} == {40}
        assert not done.result()
        assert all(one.result().written == 1 for one in wrote)
    index.expunge()
    assert words_kept(tmp_path) == set()
    assert [index.search(asking(word)).total for word in ("bonjour", "bonsoir")] == [40, 5]


def test_a_folder_is_deleted_whole_while_a_lock_is_taken_in_it(tmp_path: Path) -> None:
    """As tantivy does from a thread of its own after an index was opened."""
    storage = EmbeddedStorage(tmp_path / "index")
    made = storage.create(storage.spec(EncoderRecord("fake", 4)))
    [texts] = (tmp_path / "index" / made.name).glob("text-*")
    for n in range(5_000):
        (texts / f"{n}.segment").touch()
    first = next(os.scandir(texts))
    with subprocess.Popen(
        ["bash", "-c", _LATE_FILE, "-", first.path, str(texts / "late.lock")],
        stdout=subprocess.PIPE,
    ) as locking:
        assert locking.stdout is not None
        locking.stdout.readline()
        storage.delete_all()
    assert locking.returncode == 0
    assert not (tmp_path / "index").exists()
