"""Every directory passes the contract, and rejects faulty ones."""

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.contract.directory_contract import CHECKS, DirectoryHarness
from tests.contract.directory_harnesses import LdapDirectoryHarness, TableDirectoryHarness
from tests.contract.lying_directories import LIES, Lie, LyingDirectoryHarness
from tests.each import each

pytestmark = pytest.mark.sources


@pytest.fixture(params=["table", "ldap"])
def harness(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[DirectoryHarness]:
    with ExitStack() as stack:
        yield (
            TableDirectoryHarness(tmp_path)
            if request.param == "table"
            else LdapDirectoryHarness(stack)
        )


@pytest.mark.parametrize("check", CHECKS)
def test_directory_holds_to_the_contract(check: str, harness: DirectoryHarness) -> None:
    """Each directory passes each check."""
    CHECKS[check](harness)


def test_contract_rejects_each_lie(tmp_path: Path) -> None:
    """Each check rejects a directory with a fault in what it checks."""

    def rejected(case: tuple[int, str, Lie]) -> None:
        number, name, lie = case
        (root := tmp_path / str(number)).mkdir()
        with pytest.raises(AssertionError):
            CHECKS[name](LyingDirectoryHarness(TableDirectoryHarness(root), lie))

    cases = ((f"{name} {lie.__name__}", (n, name, lie)) for n, (name, lie) in enumerate(LIES))
    each(cases, rejected)


def test_every_check_has_its_liar() -> None:
    """Each check rejects at least one faulty directory."""
    assert set(CHECKS) == {name for name, _ in LIES}
