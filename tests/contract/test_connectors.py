"""Every connector passes the contract, and the contract rejects those that lie."""

from pathlib import Path

import pytest

from tests.contract.connector_contract import CHECKS, Check, Stage
from tests.contract.connector_stages import ExportStage, FolderStage
from tests.contract.lying_connectors import LIES, Lie, LyingStage
from tests.contract.push_stage import PushStage
from tests.contract.wiki_stage import WikiStage

pytestmark = pytest.mark.sources


QUICK = ("folder", "export", "export-complete", "push")


@pytest.fixture(params=[*QUICK, "wiki"])
def stage(request: pytest.FixtureRequest, tmp_path: Path) -> Stage:
    root = tmp_path / "source"
    root.mkdir()
    if request.param == "wiki":
        return WikiStage()
    if request.param == "push":
        return PushStage(root)
    if request.param == "folder":
        return FolderStage(root)
    return ExportStage(root, complete=request.param == "export-complete")


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.name)
def test_connector_holds_to_the_contract(check: Check, stage: Stage) -> None:
    """Each connector passes each check."""
    check.run(stage)


@pytest.mark.parametrize("stage", QUICK, indirect=True)
@pytest.mark.parametrize(("name", "how", "lie"), LIES, ids=[f"{n}-{h}" for n, h, _ in LIES])
def test_contract_rejects_a_lie(name: str, how: str, lie: Lie, stage: Stage) -> None:
    """Each check rejects a connector that lies about what it checks."""
    check = next(check for check in CHECKS if check.name == name)
    with pytest.raises(AssertionError):
        check.run(LyingStage(stage, lie))


def test_every_check_has_its_liar() -> None:
    """No check stands without a connector that it rejects."""
    assert {check.name for check in CHECKS} == {name for name, _, _ in LIES}
