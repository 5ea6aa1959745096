"""tests/needs.py finds in a test's code what it needs; a run names the data that are missing."""

import json
import math
import re
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest

from tests import needs, run_all, shared_files, soak, soak_parts
from tests.builders import make_document
from tests.coverage_lines import lines
from tests.engines import ensure_opensearch
from tests.every_file import endings
from tests.ldap_server import ensure_ldap
from tests.opensearch_index import fresh_index
from tests.own_opensearch import OwnOpenSearch
from tests.pages.states import STATES
from tests.selection import examples

pytestmark = pytest.mark.sources


def _of_an_attribute(made: Any) -> object:
    return made.ensure_wiki


@pytest.mark.parametrize(
    ("starts", "servers"),
    [
        (ensure_opensearch, {"opensearch"}),
        (fresh_index, {"opensearch"}),
        (OwnOpenSearch, {"opensearch"}),
        (endings, {"tika"}),
        (ensure_ldap, {"ldap"}),
        (make_document, set()),
        (_of_an_attribute, set()),
    ],
    ids=["itself", "context", "class", "two-engines", "cached", "none", "attribute"],
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
    """The whole, and each package; a line that either part executed counts once, as executed."""
    parts = {
        "first": {"indexer/a.py": ([1, 2], [3, 4]), "quisait/b.py": ([1], [2])},
        "second": {"indexer/a.py": ([2, 3], [1, 4])},
    }
    for part, files in parts.items():
        measured = {
            name: {"executed_lines": executed, "missing_lines": missing}
            for name, (executed, missing) in files.items()
        }
        (tmp_path / part).write_text(json.dumps({"files": measured}))
    whole, each = lines(tmp_path / part for part in parts)
    assert whole.startswith("Coverage: 67 % of the product's lines")
    assert "indexer 75 %" in each
    assert "quisait 50 %" in each
    assert "connectors 0 %" in each


@pytest.mark.parametrize(
    ("statuses", "status"),
    [([0, 0], 0), ([0, 1], 1), ([1, 0], 1), ([0, 5], 0), ([5, 0], 0), ([5, 5], 5), ([5, 1, 0], 1)],
)
def test_a_failure_in_any_part_fails(statuses: list[int], status: int) -> None:
    """A part in which no test was selected does not, unless there was none in the others either."""
    assert run_all.status_of(statuses) == status


def test_every_test_is_in_a_part_that_is_run(request: pytest.FixtureRequest) -> None:
    """Each collected test is in a part of `make test`, or in one of `make soak`."""
    assert set(run_all.PYTEST_ARGUMENTS) == set(needs.Part)
    parts = [needs.parts_of(item) for item in request.session.items]
    assert all(parts)
    assert set().union(*parts) <= {*needs.Part, *soak_parts.PARTS}
    assert needs.parts_of(request.node) == {needs.Part.TOGETHER}


@pytest.mark.parametrize(
    ("node_id", "needed", "part"),
    [
        ("tests/unit/test_access.py::test_a", set(), ""),
        ("tests/contract/test_encoders.py::test_a[onnx]", {"torch", "slow"}, "models"),
        ("tests/contract/test_index_opensearch.py::test_a", {"opensearch"}, ""),
        ("tests/pages/test_animation.py::test_a[opensearch]", {"opensearch"}, "engines"),
        ("tests/faults/test_kills.py::test_a[embedded-0]", {"slow"}, ""),
        ("tests/faults/test_kills.py::test_a[embedded-1]", {"slow"}, "faults"),
        ("packages/cmis/test_quisait_cmis.py::test_a", {"cmis"}, "sources"),
        ("tests/service/test_source_faults.py::test_a[pipe-True]", {"slow"}, "faults"),
        ("tests/service/test_source_faults.py::test_a[True]", {"slow"}, ""),
    ],
)
def test_what_is_dear_is_left_to_the_soak(node_id: str, needed: set[str], part: str) -> None:
    assert soak_parts.soak_part(node_id, frozenset(needed)) == part


def test_the_soak_draws_more(monkeypatch: pytest.MonkeyPatch) -> None:
    for part, drawn in ((needs.Part.TOGETHER, 2), (soak_parts.DRAWN, 20)):
        monkeypatch.setenv(needs.PART_VARIABLE, part)
        assert examples(2, 20).max_examples == drawn


def test_every_rule_names_files_that_are_there() -> None:
    """A file that was renamed would come into `make test` unseen."""
    patterns = [pattern for _, _, pattern in soak_parts._RULES]
    named = {one for pattern in patterns for one in re.findall(r"tests/\w+/[\w]*", pattern)}
    root = Path(needs.__file__).parent.parent
    assert [one for one in sorted(named) if not any(root.glob(f"{one}*"))] == []
    assert set(soak_parts.STATES) <= {state.name for state in STATES}


def test_a_slice_begins_where_the_hash_says_and_goes_round(tmp_path: Path) -> None:
    """Nothing is left out; without any time everything is named as left."""
    units = [soak.Unit("files", f"tests/test_{n}.py") for n in range(5)]
    assert soak.turned(units, "") == units
    turned = soak.turned(units, "a7")
    assert turned == units[2:] + units[:2]
    run = soak.Soak(1, [], deadline=0)
    run.run(turned)
    assert run.left == turned
    assert not run.outcomes


@pytest.mark.parametrize("fails_again", [False, True])
def test_only_a_failure_that_comes_again_counts(
    monkeypatch: pytest.MonkeyPatch, fails_again: bool
) -> None:
    unit, line = soak.Unit("files", "tests/test_late.py"), "FAILED tests.test_late::test_a"
    failed = soak.Outcome(run_all.FAILED, 2.0, Counter(tests=1, failures=1), (line,))
    passed = soak.Outcome(0, 1.0, Counter(tests=1), ())
    monkeypatch.setattr(soak.Soak, "_run", lambda *_: failed if fails_again else passed)
    run = soak.Soak(1, [], outcomes={unit: failed})
    run.run_failed_again()
    assert run.failures == [line] * fails_again
    assert run.failed_once == [line] * (not fails_again)


def test_a_file_that_does_not_end_in_time_is_cut() -> None:
    """It is interrupted, so that it ends what it began; one that goes on all the same is killed."""
    for begun in ("", "import signal; signal.signal(signal.SIGINT, signal.SIG_IGN); "):
        waits = [sys.executable, "-c", f"{begun}import time; time.sleep(100)"]
        assert soak._within(0.1, waits, 0.1, stderr=subprocess.DEVNULL) == soak.CUT
    assert soak._within(math.inf, [sys.executable, "-c", "raise SystemExit(5)"]) == 5


def test_starts_and_tests_are_timed(tmp_path: Path) -> None:
    """A server's slowest start; of tests the seconds by marker, read off the report of pytest."""
    (tmp_path / "starts").write_text("wiki 4.0\nwiki 6.5\nsamba 9.1\n")
    times = run_all.Times(tmp_path / "starts")
    for needed, seconds in (("opensearch wiki", "2"), ("wiki", "3.4"), ("", "1")):
        properties = f'<properties><property name="needs" value="{needed}"/></properties>'
        case = f'<testcase time="{seconds}">{properties}</testcase>'
        times.add(ElementTree.fromstring(case))  # noqa: S314 - written above
    started, spent = times.lines()
    assert started.endswith("samba 9.1 s (1×), wiki 6.5 s (2×)")
    assert spent.endswith("wiki 5 s (2), opensearch 2 s (1), none 1 s (1)")


def test_a_start_is_noted_once_the_server_answers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And not before."""
    monkeypatch.setenv(needs.START_TIMES, str(tmp_path / "starts"))
    monkeypatch.delenv(needs.NO_SERVERS, raising=False)
    answers = needs.starting("samba")
    assert not (tmp_path / "starts").exists()
    answers()
    assert (tmp_path / "starts").read_text().startswith("samba 0.")
