"""Every directory passes the contract."""

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.contract.directory_contract import CHECKS, DirectoryHarness
from tests.contract.directory_harnesses import LdapDirectoryHarness, TableDirectoryHarness

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
