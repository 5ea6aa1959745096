"""The table of the French analysis has no wrong row, on either engine."""

import tempfile
from pathlib import Path

import pytest

from benchmarks.analysis import ENCODER, PAGE, Row, meetings, page, rows
from benchmarks.analysis_cases import CASES, Case
from indexer.embedded.index import EmbeddedIndex

pytestmark = pytest.mark.search


@pytest.fixture(scope="module")
def found() -> list[Row]:
    return rows()


def test_no_row_is_wrong(found: list[Row]) -> None:
    """What should meet meets, and what should not does not, on both engines."""
    assert [(row.case, row.right) for row in found if not all(row.right.values())] == []


def test_the_page_is_that_of_the_command(found: list[Row]) -> None:
    """`python -m benchmarks.analysis --write` would write what stands there."""
    assert PAGE.read_text("utf-8") == page(found)


def test_a_wrong_row_is_seen() -> None:
    """Words that have nothing in common do not meet, and one that is there does."""
    cases = [Case("", "chat", "chien"), Case("", "impôt", "les impôts", meet=False)]
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        met = meetings(EmbeddedIndex(Path(folder), ENCODER.dimension), cases)
    assert [found == case.meet for found, case in zip(met, cases, strict=True)] == [False, False]


def test_each_case_stands_once() -> None:
    """No row says again what another says."""
    assert len({(case.asked, case.text) for case in CASES}) == len(CASES)
