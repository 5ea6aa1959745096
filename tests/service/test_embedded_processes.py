"""The embedded index among processes: read while another writes, and killed at any point."""

import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from indexer.embedded.index import EmbeddedIndex
from indexer.ports import Index
from tests.builders import ENCODER, asking, reading, vector_of
from tests.service.embedded_writer import DEATHS, batch

pytestmark = pytest.mark.sources

EVERYTHING = reading("agent:z")


def _writer(folder: Path, *arguments: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "tests.service.embedded_writer", str(folder), *arguments]
    return subprocess.Popen(
        command, stdout=subprocess.PIPE, text=True, cwd=Path(__file__).parents[2]
    )


def _expected(batches: int) -> tuple[set[str], set[str]]:
    """(ids kept, ids that anyone may read) after that many batches."""
    kept = {f"wiki:{b}-{n}" for b in range(batches) for n in range(10)}
    kept -= {f"wiki:{b}-0" for b in range(batches - 1)}
    return kept, kept - {f"wiki:{b}-1" for b in range(batches - 1)}


def _found(index: Index, text: str = "cadastre", **fields: object) -> set[str]:
    answer = index.search(asking(text, window=10_000, **fields))  # type: ignore[arg-type]
    return {hit.document_id for hit in (*answer.lexical, *answer.vector)}


def _assert_whole(index: Index, acknowledged: int) -> None:
    """All acknowledged batches stand, and at most the next one: by words, vectors and listing."""
    kept, readable = _expected(acknowledged)
    if _found(index, access=EVERYTHING) != kept:
        kept, readable = _expected(acknowledged + 1)
    assert _found(index, access=EVERYTHING) == kept
    assert {found.document_id for found in index.scan("wiki")} == kept
    vector = vector_of("cadastre lot0 piece3")
    assert _found(index) == readable
    assert _found(index, vector=vector, lexical=False) == readable
    assert _found(index, "") == readable
    assert index.search(asking("cadastre")).total == len(readable)


def test_a_reader_sees_what_another_process_has_written(tmp_path: Path) -> None:
    """Each batch that the child acknowledges is in the parent's next answer."""
    index = EmbeddedIndex(tmp_path, ENCODER.dimension)
    assert _found(index) == set()
    with _writer(tmp_path, "12") as child:
        assert child.stdout is not None
        for line in child.stdout:
            kept, _ = _expected(int(line) + 1)
            newest = {document_id for document_id in kept if f":{int(line)}-" in document_id}
            # The child goes on meanwhile: of its next batch two old documents may be gone.
            assert len(newest & _found(index, access=EVERYTHING)) >= len(newest) - 1
    assert child.returncode == 0
    _assert_whole(index, 12)


@pytest.mark.parametrize("seed", range(4))
def test_a_killed_writer_loses_nothing_acknowledged(tmp_path: Path, seed: int) -> None:
    """Killed at any moment; a new process opens the folder, and writing goes on."""
    drawn = random.Random(seed)
    with _writer(tmp_path, "1000") as child:
        assert child.stdout is not None
        lines = [child.stdout.readline() for _ in range(drawn.randrange(1, 8))]
        time.sleep(drawn.random() * 0.02)
        child.send_signal(signal.SIGKILL)
        acknowledged = len([*lines, *child.stdout.readlines()])
    index = EmbeddedIndex(tmp_path, ENCODER.dimension)
    _assert_whole(index, acknowledged)
    index.write(batch(2000))
    assert {f"wiki:2000-{n}" for n in range(10)} <= _found(index)


@pytest.mark.parametrize("death", DEATHS)
@pytest.mark.parametrize("opened", ["before", "after"])
def test_death_between_two_commits_loses_nothing(tmp_path: Path, death: str, opened: str) -> None:
    """The text index catches up from the store: in a process that was reading, and in a new one.

    What was removed or closed in the last batch stays so, whatever tantivy still holds.
    """
    reader = EmbeddedIndex(tmp_path, ENCODER.dimension) if opened == "before" else None
    with _writer(tmp_path, "5", death, "3") as child:
        assert child.stdout is not None
        acknowledged = len(child.stdout.readlines())
    assert child.returncode == -signal.SIGKILL
    assert acknowledged == 3
    _assert_whole(reader or EmbeddedIndex(tmp_path, ENCODER.dimension), acknowledged)


def test_a_lost_text_index_is_made_anew(tmp_path: Path) -> None:
    """Whatever becomes of tantivy's folder, the store holds all that it held."""
    index = EmbeddedIndex(tmp_path, ENCODER.dimension)
    for number in range(3):
        index.write(batch(number))
    (folder,) = tmp_path.glob("text-*")
    (folder / "meta.json").write_text("{broken", encoding="utf-8")
    _assert_whole(EmbeddedIndex(tmp_path, ENCODER.dimension), 3)
