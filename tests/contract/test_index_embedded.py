"""The embedded index keeps the contract of the `Index` port."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from indexer.embedded import rankings
from indexer.embedded.index import EmbeddedIndex
from indexer.errors import IndexRefused
from indexer.values import Put
from tests.builders import ENCODER, allowed, asking, put, vector_of
from tests.contract.index_contract import IndexContract
from tests.encoders import FakeEncoder

pytestmark = pytest.mark.search


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
    with TemporaryDirectory() as folder:
        index = EmbeddedIndex(Path(folder), ENCODER.dimension)
        kept = [
            put(f"wiki:{n:02}", text, **({"access": hidden} if n in secret else {}))
            for n, text in enumerate(texts)
        ]
        index.write(kept[::-1])  # or ties would be read by id
        near = vector_of("cadastre")
        wanted = asking("cadastre", phrases=phrases, excluded=excluded, vector=near, window=window)
        answers = []
        for first in (1, rankings.READ_FIRST, 1_000):
            with pytest.MonkeyPatch.context() as patched:
                patched.setattr(rankings, "READ_FIRST", first)
                patched.setattr(rankings, "MUCH", 1)
                answers.append(index.search(wanted))
    assert answers[0] == answers[1] == answers[2]
    readable = {f"wiki:{n:02}" for n in range(len(texts)) if n not in secret}
    assert {hit.document_id for hit in (*answers[0].lexical, *answers[0].vector)} <= readable
