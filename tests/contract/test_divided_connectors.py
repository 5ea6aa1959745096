"""Every connector that reads in parts passes their contract, which rejects faulty divisions."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.parts import MOST_PARTS, parts
from connectors.testing.connector_contract import ConnectorHarness
from tests.contract.connector_harnesses import ExportHarness, FolderHarness
from tests.contract.lying_parts import PART_LIES, PartLie, lying
from tests.contract.part_contract import PART_CHECKS
from tests.each import each

pytestmark = pytest.mark.sources

DIVISIBLE = ("folder", "export-complete")
"""A folder, which divides its walk, and one of the other sources, which `Snapshot` divides."""


@pytest.fixture(params=DIVISIBLE)
def harness(request: pytest.FixtureRequest, tmp_path: Path) -> ConnectorHarness:
    root = tmp_path / "source"
    root.mkdir()
    return quick(request.param, root)


def quick(kind: str, root: Path) -> ConnectorHarness:
    if kind == "folder":
        return FolderHarness(root)
    return ExportHarness(root, complete=True)


@pytest.mark.parametrize("check", PART_CHECKS)
def test_parts_hold_to_the_contract(check: str, harness: ConnectorHarness) -> None:
    """Each divisible connector passes each check."""
    PART_CHECKS[check](harness)


@pytest.mark.parametrize("kind", DIVISIBLE)
def test_contract_rejects_each_faulty_division(kind: str, tmp_path: Path) -> None:
    """Each check rejects a division with a fault in what it checks."""

    def rejected(case: tuple[str, str, PartLie]) -> None:
        name, how, lie = case
        (root := tmp_path / f"{name}-{how}").mkdir()
        with pytest.raises(AssertionError):
            PART_CHECKS[name](lying(quick(kind, root), lie))

    each(((f"{name}-{how}", (name, how, lie)) for name, how, lie in PART_LIES), rejected)


def test_every_part_check_has_its_liar() -> None:
    """Each check rejects at least one faulty division."""
    assert set(PART_CHECKS) == {name for name, _, _ in PART_LIES}


@given(st.text(max_size=40), st.integers(1, MOST_PARTS))
def test_each_id_is_in_exactly_one_part(document_id: str, of: int) -> None:
    """Whatever the id: no document is in two parts, or in none."""
    assert sum(part.holds(document_id) for part in parts(of)) == 1


def test_parts_are_of_like_size() -> None:
    """Ids that differ by a number alone spread over all parts."""
    for of in (2, 4, 8):
        for part in parts(of):
            held = sum(part.holds(f"wiki:{number}") for number in range(4000))
            assert 0.8 < held * of / 4000 < 1.2
