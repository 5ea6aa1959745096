"""Run the tests of `make test` in two parts, one after the other.

First, in one process, the tests that must run alone (`tests.needs`), then the others in three
processes, which share OpenSearch and Tika. Arguments go to pytest in each part, except
`--coverage`. That prints the share of the product's lines that the tests execute, and runs all
tests in one process: of a whole run in three, SlipCover kept only what was imported. The last lines
give the start times of servers, the times of tests by the servers they need, and the counts.
"""

import os
import subprocess
import sys
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from xml.etree import ElementTree

from tests import coverage_lines
from tests.needs import ALONE, NEEDS_PROPERTY, PART_VARIABLE, START_TIMES, Part

RESULTS = Path(".cache")
START_TIMES_FILE = RESULTS.absolute() / "start-times"
PYTEST_ARGUMENTS: dict[Part, tuple[str, ...]] = {
    # First, since `make test` checks the types meanwhile, on the other core.
    Part.ALONE: (),
    # Three processes on two cores: a test often waits for a server or another process.
    Part.TOGETHER: ("-n", "3", "--dist", "loadfile"),
}
COVERAGE = "--coverage"
FAILED, NO_TEST = 1, 5
"""Exit statuses of pytest; any other but 0 says that it could not run the tests."""


def main(arguments: list[str]) -> int:
    """The exit status of pytest for all parts."""
    RESULTS.mkdir(exist_ok=True)
    statuses, measured = [], []
    times = Times(START_TIMES_FILE)
    times.path.unlink(missing_ok=True)
    counts, failures = Counter[str](), list[str]()
    measures = COVERAGE in arguments
    arguments = [one for one in arguments if one != COVERAGE]
    places = any(Path(one.partition("::")[0]).exists() for one in arguments)
    for part, options in PYTEST_ARGUMENTS.items():
        options = () if measures else options
        if part is Part.ALONE and not places:
            # Its files alone are collected, which takes half a minute less.
            options = (*options, *_files_of(ALONE))
        coverage, junit = RESULTS / f"coverage-{part}.json", RESULTS / f"tests-{part}.xml"
        junit.unlink(missing_ok=True)
        slipcover = slipcover_arguments(coverage) if measures else []
        statuses.append(_run(part, slipcover, [*options, f"--junit-xml={junit}", *arguments]))
        if junit.exists():
            measured += [coverage] * measures
            failures += read_report(junit, counts, times)
        if statuses[-1] not in {0, FAILED, NO_TEST}:
            break
    covered = coverage_lines.lines(measured) if measured else []
    lines = [*covered, *times.lines(), *failures, closing(counts, "test")]
    sys.stdout.write("\n".join(lines) + "\n")
    return status_of(statuses)


def closing(counts: Counter[str], run: str) -> str:
    """Return the last line of a run; it is kept in a file, for what adds up several runs."""
    failed = counts["failures"] + counts["errors"]
    passed = counts["tests"] - failed - counts["skipped"]
    line = f"{passed} passed, {failed} failed, {counts['skipped']} skipped"
    (RESULTS / f"closing-{run}").write_text(f"{line}\n", "utf-8")
    return line


def status_of(statuses: list[int]) -> int:
    """The first part's that is not good; that no test was found only where none found one."""
    if bad := [status for status in statuses if status not in {0, NO_TEST}]:
        return bad[0]
    return min(statuses)


def _files_of(beginnings: Iterable[str]) -> list[str]:
    files = (path.as_posix() for path in Path("tests").glob("*/test_*.py"))
    return sorted(path for path in files if path.startswith(tuple(beginnings)))


def slipcover_arguments(coverage: Path) -> list[str]:
    """Return arguments of Python by which SlipCover writes the executed lines to a JSON file."""
    packages = ",".join(coverage_lines.PACKAGES)
    return ["-m", "slipcover", "--source", packages, "--json", "--out", str(coverage)]


def _run(part: Part, slipcover: list[str], arguments: list[str]) -> int:
    environment = {**os.environ, PART_VARIABLE: part, START_TIMES: str(START_TIMES_FILE)}
    command = [sys.executable, *slipcover, "-m", "pytest", *arguments]
    return subprocess.run(command, env=environment, check=False).returncode


@dataclass
class Times:
    """Seconds of tests by their markers, and those of starts in the file at `path`."""

    path: Path
    tests: Counter[str] = field(default_factory=Counter)
    counts: Counter[str] = field(default_factory=Counter)

    def add(self, case: ElementTree.Element) -> None:
        """A test counts with each of its markers; its fixtures count with it."""
        given = case.find(f"properties/property[@name='{NEEDS_PROPERTY}']")
        needed = (given.get("value", "") if given is not None else "").split()
        for name in needed or ["none"]:
            self.tests[name] += float(case.get("time", 0))  # type: ignore[assignment]
            self.counts[name] += 1

    def lines(self) -> list[str]:
        """The starts, then the tests, the dearest first."""
        starts: dict[str, list[float]] = {}
        for line in self.path.read_text("utf-8").splitlines() if self.path.exists() else ():
            server, _, seconds = line.partition(" ")
            starts.setdefault(server, []).append(float(seconds))
        started = sorted(starts.items(), key=lambda one: -max(one[1]))
        told = [f"{name} {max(took):.1f} s ({len(took)}×)" for name, took in started]
        spent = [
            f"{name} {seconds:.0f} s ({self.counts[name]})"
            for name, seconds in self.tests.most_common()
        ]
        return [
            f"Servers started (the slowest start, how often): {', '.join(told) or 'none'}",
            f"Tests by what they need (how many; each counts wherever it is): {', '.join(spent)}",
        ]


def read_report(junit: Path, counts: Counter[str], times: Times) -> list[str]:
    """Add a report to the counts and times. Returns a line for each test that failed."""
    lines = []
    for suite in ElementTree.parse(junit).iter("testsuite"):  # noqa: S314 - pytest wrote it
        for name in ("tests", "failures", "errors", "skipped"):
            counts[name] += int(suite.get(name, 0))
        for case in suite.iter("testcase"):
            times.add(case)
            if case.find("failure") is not None or case.find("error") is not None:
                lines.append(f"FAILED {case.get('classname')}::{case.get('name')}")
    return lines


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
