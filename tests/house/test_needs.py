"""What tests/needs.py reads off the code of a test; what a run says of the data that it lacks."""

import json
from pathlib import Path

import pytest

from tests import needs, shared_files
from tests.builders import make_document
from tests.coverage_lines import lines
from tests.engines import ensure_opensearch
from tests.every_file import endings
from tests.ldap_server import ensure_ldap
from tests.opensearch_index import fresh_index
from tests.own_opensearch import OwnOpenSearch
from tests.wiki_server import ensure_wiki

pytestmark = pytest.mark.sources


@pytest.mark.parametrize(
    ("starts", "servers"),
    [
        (ensure_opensearch, {"opensearch"}),
        (fresh_index, {"opensearch"}),
        (OwnOpenSearch, {"opensearch"}),
        (endings, {"tika"}),
        (ensure_ldap, {"ldap"}),
        (ensure_wiki, {"wiki"}),
        (make_document, set()),
    ],
    ids=["itself", "context", "class", "two-engines", "cached", "wiki", "none"],
)
def test_servers_are_read_off_the_code(starts: object, servers: set[str]) -> None:
    """Of functions, context managers and classes, through what they name."""
    assert needs.servers_of(starts) == servers


def test_a_test_is_marked_by_what_it_needs(request: pytest.FixtureRequest) -> None:
    """This one needs nothing; its markers are registered, and mean something."""
    assert not {mark.name for mark in request.node.iter_markers()} & needs.MARKERS.keys()
    registered = "\n".join(request.config.getini("markers"))
    assert all(f"{name}: {meaning}" in registered for name, meaning in needs.MARKERS.items())


@pytest.mark.parametrize("server", needs.SERVERS)
def test_a_server_that_no_marker_names_is_refused(
    server: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where no server may be started, the sentence says which marker is missing."""
    monkeypatch.setenv(needs.NO_SERVERS, "1")
    with pytest.raises(AssertionError, match=f"not marked {server}"):
        needs.refuse_where_fast(server)
    monkeypatch.delenv(needs.NO_SERVERS)
    needs.refuse_where_fast(server)


def test_what_lies_beside_the_clone_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One line with everything that is missing; none where nothing is."""
    monkeypatch.setattr(shared_files, "SHARED", tmp_path)
    said = shared_files.what_is_missing()
    assert "\n" not in said
    assert all(what in said for what in shared_files.ADDS.values())
    for folder in shared_files.ADDS:
        (tmp_path / folder).mkdir(parents=True)
    assert shared_files.what_is_missing() == ""


def test_lines_are_counted_by_package(tmp_path: Path) -> None:
    """The whole, and each package; one that nothing was measured of has none."""
    measured = tmp_path / "coverage.json"
    summary = {"covered_lines": 3, "missing_lines": 1}
    files = {name: {"summary": summary} for name in ("indexer/a.py", "quisait/b.py")}
    measured.write_text(json.dumps({"files": files}))
    whole, each = lines(measured)
    assert whole.startswith("Coverage: 75 % of the product's lines")
    assert "indexer 75 %" in each
    assert "connectors 0 %" in each
