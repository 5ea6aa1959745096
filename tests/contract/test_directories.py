"""Every directory passes the contract, and rejects faulty ones."""

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.contract.directory_contract import CHECKS, DirectoryHarness
from tests.contract.directory_harnesses import LdapDirectoryHarness, TableDirectoryHarness
from tests.contract.lying_directories import LIES, Lie, LyingDirectoryHarness

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


@pytest.mark.parametrize("harness", ["table"], indirect=True)
@pytest.mark.parametrize(("name", "lie"), LIES, ids=[f"{n}-{lie.__name__}" for n, lie in LIES])
def test_contract_rejects_a_lie(name: str, lie: Lie, harness: DirectoryHarness) -> None:
    """Each check rejects a directory with a fault in what it checks."""
    with pytest.raises(AssertionError):
        CHECKS[name](LyingDirectoryHarness(harness, lie))


def test_every_check_has_its_liar() -> None:
    """Each check rejects at least one faulty directory."""
    assert set(CHECKS) == {name for name, _ in LIES}
