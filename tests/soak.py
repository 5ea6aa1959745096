"""Run what `make test` leaves out, file by file: `make soak ARGS='sources --seed 7'`.

Words that name a part of `tests.soak_parts.PARTS` choose it; without any, all parts are run. Other
arguments go to pytest. `--start HASH` begins at the file that a hash chooses, goes round, and
`--budget-s N` begins no further file after so many seconds: successive runs with other hashes cover
everything. A file with a failure is run once more, alone and with the same draws, and only what
fails again counts: among so many servers on two cores, one is late now and then. `--coverage`
prints the share of the product's lines that these tests and those of the last
`make test ARGS=--coverage` executed. Ends with the time of each part, what to run again, what was
left, and one count.
"""

import argparse
import json
import math
import os
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from secrets import randbelow
from typing import Any

from tests import coverage_lines
from tests.needs import PART_VARIABLE, UNITS_VARIABLE
from tests.run_all import (
    COVERAGE,
    FAILED,
    NO_TEST,
    RESULTS,
    Times,
    closing,
    read_report,
    slipcover_arguments,
)
from tests.soak_parts import ALONE, PARTS

FOLDER = RESULTS.absolute() / "soak"
LANES = 2
"""Files that run at once, except those of the parts in `ALONE`."""
GRACE_S, END_S = 600, 60
"""After the budget, a file that runs still has so long; it is then interrupted, and ended."""
CUT = -1
"""The status of a file that was interrupted so; what it left counts as left."""


@dataclass(frozen=True, slots=True, order=True)
class Unit:
    """The tests of one file that belong to one part."""

    part: str
    file: str


@dataclass(frozen=True, slots=True)
class Outcome:
    """The result of one file. `failures` are lines to print; `counts` are pytest's."""

    status: int
    seconds: float
    counts: Counter[str]
    failures: tuple[str, ...]


@dataclass
class Soak:
    """A run: `outcomes` by file, files that were `left`, and failures that did not come again.

    `measures`: measure the product's lines that the tests execute.
    """

    seed: int
    arguments: Sequence[str]
    deadline: float = math.inf
    measures: bool = False
    outcomes: dict[Unit, Outcome] = field(default_factory=dict)
    left: list[Unit] = field(default_factory=list)
    failed_once: list[str] = field(default_factory=list)

    def run(self, units: Iterable[Unit]) -> None:
        """Run the files in two lanes, one that has to be alone when no other runs."""
        free = threading.Semaphore(LANES)
        with ThreadPoolExecutor(LANES) as lanes:
            for unit in units:
                needed = LANES if unit.part in ALONE else 1
                for _ in range(needed):
                    free.acquire()
                if time.monotonic() > self.deadline:
                    self.left.append(unit)
                    free.release(needed)
                    continue
                lanes.submit(self._run_and_release, unit, free, needed)

    def _run_and_release(self, unit: Unit, free: threading.Semaphore, lanes: int) -> None:
        try:
            self._keep(unit, self._run(unit))
        finally:
            free.release(lanes)

    def run_failed_again(self) -> None:
        """Run each file with a failure once more, alone, and keep the outcome of that run."""
        for unit, first in sorted(self.outcomes.items()):
            if not first.failures:
                continue
            _say(f"{unit.part} {unit.file}: again")
            again = self._run(unit)
            if again.status == CUT:
                continue
            self._keep(unit, replace(again, seconds=first.seconds + again.seconds))
            self.failed_once += sorted({*first.failures} - {*again.failures})

    def _keep(self, unit: Unit, outcome: Outcome) -> None:
        if outcome.status == CUT:
            self.left.append(unit)
        self.outcomes[unit] = outcome

    def _run(self, unit: Unit) -> Outcome:
        begun = time.monotonic()
        name = f"{unit.part}-{unit.file.replace('/', '-').removesuffix('.py')}"
        report, log = FOLDER / f"{name}.xml", FOLDER / f"{name}.log"
        report.unlink(missing_ok=True)
        coverage = FOLDER / f"coverage-{name}.json"
        slipcover = slipcover_arguments(coverage) if self.measures else ()
        command = [
            *(sys.executable, *slipcover, "-m", "pytest", unit.file, "-q"),
            f"--junit-xml={report}",
            *(f"--hypothesis-seed={self.seed}", *self.arguments),
        ]
        environment = {**os.environ, PART_VARIABLE: unit.part}
        with log.open("wb") as output:
            status = _within(
                self.deadline + GRACE_S - begun,
                command,
                env=environment,
                stdout=output,
                stderr=subprocess.STDOUT,
            )
        took, counts = time.monotonic() - begun, Counter[str]()
        failures = read_report(report, counts, Times(report)) if report.exists() else []
        if status not in {0, FAILED, NO_TEST, CUT}:
            failures.append(f"FAILED {unit.file} ({unit.part}): pytest ended with an error")
            counts.update(tests=1, errors=1)
        told = f"{unit.part} {unit.file}: {counts['tests']} tests, {took:.0f} s"
        if status not in {0, NO_TEST, CUT}:
            told += "\n" + log.read_text("utf-8", "replace")[-20_000:]
        _say(told)
        return Outcome(status, took, counts, tuple(failures))

    @property
    def failures(self) -> list[str]:
        """The failures that came again, or that could not be tried again."""
        return [line for one in self.outcomes.values() for line in one.failures]

    def lines(self) -> list[str]:
        """Times, what was left, failures and how to run them again, then one count."""
        seconds, counts = Counter[str](), Counter[str]()
        for unit, outcome in self.outcomes.items():
            seconds[unit.part] += outcome.seconds  # type: ignore[assignment]
            counts.update(outcome.counts)
        times = ", ".join(f"{part} {seconds[part]:.0f} s" for part in seconds)
        told = [f"Parts (seconds of their files together): {times or 'none'}"]
        if self.left:
            left = " ".join(f"{one.part}:{one.file}" for one in self.left)
            told.append(f"Left for want of time, {len(self.left)} files: {left}")
        if self.failed_once:
            told += ["Failed once, and passed when run again:", *self.failed_once]
        if self.failures:
            told += [*self.failures, f"Run them again with the same draws: --seed {self.seed}"]
        if self.measures:
            told += coverage_lines.lines([*RESULTS.glob("coverage-*"), *FOLDER.glob("coverage-*")])
        return [*told, closing(counts, "soak")]


def _within(timeout_s: float, command: Sequence[str], end_s: float = END_S, **how: Any) -> int:
    """Return the exit status of a command, or `CUT`; an interrupted one ends its own servers."""
    process = subprocess.Popen(command, **how)
    try:
        return process.wait(None if math.isinf(timeout_s) else max(timeout_s, 0))
    except subprocess.TimeoutExpired:
        process.send_signal(signal.SIGINT)
        try:
            process.wait(end_s)
        except subprocess.TimeoutExpired:
            process.kill()
        return CUT


def units_of(parts: Sequence[str]) -> list[Unit]:
    """Return the files of these parts, in the order of `PARTS`; collects every test once."""
    listed = FOLDER / "units.json"
    listed.unlink(missing_ok=True)
    command = [sys.executable, "-m", "pytest", "--collect-only", "-qq"]
    done = subprocess.run(
        command,
        env={**os.environ, UNITS_VARIABLE: str(listed)},
        stdout=subprocess.PIPE,
        text=True,
        check=False,
    )
    if done.returncode:
        sys.stdout.write(done.stdout[-20_000:])
        raise SystemExit(done.returncode)
    found = [Unit(*one) for one in json.loads(listed.read_text("utf-8"))]
    order = list(PARTS)
    return sorted(
        (one for one in found if one.part in parts),
        key=lambda one: (order.index(one.part), one.file),
    )


def turned(units: list[Unit], start: str) -> list[Unit]:
    """Return the units from the one that the hash chooses on, around to the one before it."""
    first = int(start, 16) % len(units) if units and start else 0
    return units[first:] + units[:first]


def _say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


def main(arguments: Sequence[str]) -> int:
    """Return the exit status: 1 if any test failed."""
    # What a shell starts in the background ignores interrupts, and so would each file.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    parser = argparse.ArgumentParser(prog="make soak ARGS=…", allow_abbrev=False)
    parser.add_argument("--start", default="", metavar="HASH")
    parser.add_argument("--budget-s", type=float, default=math.inf)
    parser.add_argument("--seed", type=int, default=randbelow(2**32))
    parser.add_argument(COVERAGE, action="store_true")
    parser.add_argument("--list", action="store_true", help="name the files and run none")
    options, rest = parser.parse_known_args(arguments)
    named = [word for word in rest if word in PARTS]
    FOLDER.mkdir(parents=True, exist_ok=True)
    units = turned(units_of(named or [*PARTS]), options.start)
    if not units:
        raise SystemExit(f"No test: the parts are {', '.join(PARTS)}.")
    _say(f"{len(units)} files from {units[0].part} {units[0].file} on, --seed {options.seed}")
    if options.list:
        _say("\n".join(f"{one.part} {one.file}" for one in units))
        return 0
    for former in FOLDER.glob("coverage-*") if options.coverage else ():
        former.unlink()
    others = [word for word in rest if word not in PARTS]
    deadline = time.monotonic() + options.budget_s
    soak = Soak(options.seed, others, deadline, measures=options.coverage)
    soak.run(units)
    soak.run_failed_again()
    _say("\n".join(soak.lines()))
    return 1 if soak.failures else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
