"""Every connector passes the contract."""

from collections.abc import Callable
from dataclasses import fields
from pathlib import Path

import pytest
from quisait_connector_kit.connector_contract import ConnectorHarness

from connectors.values import Document
from tests.contract.connector_harnesses import ExportHarness, FolderHarness
from tests.contract.samba_harness import ASKED, ShareHarness
from tests.recorded_servers import Check, Tape
from tests.samba_server import SambaServer, ensure_samba

pytestmark = pytest.mark.sources


QUICK = ("folder", "export", "export-complete")


SHARE_TAPE = Tape(
    Path(__file__).with_name("recorded_share.json.gz"),
    tuple((SambaServer, name) for name in ("write", "set_list", "sid_of")),
    seams=ASKED,
)


@pytest.fixture(params=QUICK)
def harness(request: pytest.FixtureRequest, tmp_path: Path) -> ConnectorHarness:
    root = tmp_path / "source"
    root.mkdir()
    return quick(request.param, root)


def quick(kind: str, root: Path) -> ConnectorHarness:
    if kind == "folder":
        return FolderHarness(root)
    return ExportHarness(root, complete=kind == "export-complete")


def test_connector_holds_to_the_contract(
    connector_check: Callable[[ConnectorHarness], None], harness: ConnectorHarness
) -> None:
    """Each connector passes each check."""
    connector_check(harness)


def test_share_holds_to_the_contract(connector_check: Check) -> None:
    """On a real Samba."""
    samba = ensure_samba()
    with SHARE_TAPE.recording(connector_check):
        connector_check(ShareHarness(samba))


def test_share_holds_to_the_contract_as_recorded(connector_check: Check, tmp_path: Path) -> None:
    """On what that Samba answered."""
    with SHARE_TAPE.playing(connector_check):
        connector_check(ShareHarness(SambaServer(tmp_path, "127.0.0.1")))


@pytest.mark.parametrize("harness", ["folder", "export"], indirect=True)
def test_the_complete_document_sets_every_field(harness: ConnectorHarness) -> None:
    """So that `check_carries_all_fields` notices a new field that a connector forgets.

    No source gives expected questions yet; a site adds them.
    """
    document = harness.add_complete_document()
    unset = {
        field.name for field in fields(Document) if getattr(document, field.name) == field.default
    }
    assert unset <= {"content", "version", "questions"}
