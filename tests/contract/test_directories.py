"""Every directory passes the contract, and the contract rejects those that lie."""

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.contract.directory_contract import CHECKS, Check, DirectoryStage
from tests.contract.directory_stages import LdapStage, TableStage
from tests.contract.lying_directories import LIES, Lie, LyingStage

pytestmark = pytest.mark.sources


@pytest.fixture(params=["table", "ldap"])
def stage(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[DirectoryStage]:
    with ExitStack() as stack:
        yield TableStage(tmp_path) if request.param == "table" else LdapStage(stack)


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.name)
def test_directory_holds_to_the_contract(check: Check, stage: DirectoryStage) -> None:
    """Each directory passes each check."""
    check.run(stage)


@pytest.mark.parametrize("stage", ["table"], indirect=True)
@pytest.mark.parametrize(("name", "lie"), LIES, ids=[f"{n}-{lie.__name__}" for n, lie in LIES])
def test_contract_rejects_a_lie(name: str, lie: Lie, stage: DirectoryStage) -> None:
    """Each check rejects a directory that lies about what it checks."""
    check = next(check for check in CHECKS if check.name == name)
    with pytest.raises(AssertionError):
        check.run(LyingStage(stage, lie))


def test_every_check_has_its_liar() -> None:
    """No check stands without a directory that it rejects."""
    assert {check.name for check in CHECKS} == {name for name, _ in LIES}
