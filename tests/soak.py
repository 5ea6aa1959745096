"""Run what `make test` leaves out, file by file: `make soak ARGS='sources --seed 7'`.

Words that name a part of `tests.soak_parts.PARTS` choose it; without any, all parts are run. Other
arguments go to pytest. `--start HASH` begins at the file that a hash chooses, goes round, and
`--budget-s N` begins no further file after so many seconds: successive runs with other hashes cover
everything. Ends with the time of each part, what to run again, what was left, and one count.
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
from dataclasses import dataclass, field
from secrets import randbelow
from typing import Any

from tests.needs import PART_VARIABLE, UNITS_VARIABLE
from tests.run_all import FAILED, NO_TEST, RESULTS, Times, closing, read_report
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


@dataclass
class Soak:
    """The counts of a run."""

    seed: int
    arguments: Sequence[str]
    counts: Counter[str] = field(default_factory=Counter)
    seconds: Counter[str] = field(default_factory=Counter)
    failures: list[str] = field(default_factory=list)
    left: list[Unit] = field(default_factory=list)
    broken: list[str] = field(default_factory=list)
    deadline: float = math.inf
    lock: threading.Lock = field(default_factory=threading.Lock)

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
            self._run(unit)
        finally:
            free.release(lanes)

    def _run(self, unit: Unit) -> None:
        begun = time.monotonic()
        name = f"{unit.part}-{unit.file.replace('/', '-').removesuffix('.py')}"
        report, log = FOLDER / f"{name}.xml", FOLDER / f"{name}.log"
        report.unlink(missing_ok=True)
        command = [
            *(sys.executable, "-m", "pytest", unit.file, "-q", f"--junit-xml={report}"),
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
        took = time.monotonic() - begun
        with self.lock:
            self.seconds[unit.part] += took  # type: ignore[assignment]
            own = Counter[str]()
            failed = read_report(report, own, Times(report)) if report.exists() else []
            self.counts += own
            self.failures += failed
            if status == CUT:
                self.left.append(unit)
            elif status not in {0, FAILED, NO_TEST}:
                self.broken.append(f"FAILED {unit.file} ({unit.part}): pytest ended with an error")
            _say(f"{unit.part} {unit.file}: {own['tests']} tests, {took:.0f} s")
            if status not in {0, NO_TEST, CUT}:
                _say(log.read_text("utf-8", "replace")[-20_000:])

    def lines(self) -> list[str]:
        """Times, what was left, failures and how to run them again, then one count."""
        times = ", ".join(f"{part} {self.seconds[part]:.0f} s" for part in self.seconds)
        told = [f"Parts (seconds of their files together): {times or 'none'}"]
        if self.left:
            left = " ".join(f"{one.part}:{one.file}" for one in self.left)
            told.append(f"Left for want of time, {len(self.left)} files: {left}")
        if failed := [*self.failures, *self.broken]:
            told += [*failed, f"Run them again with the same draws: --seed {self.seed}"]
        counts = self.counts + Counter(tests=len(self.broken), errors=len(self.broken))
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
    others = [word for word in rest if word not in PARTS]
    soak = Soak(options.seed, others, deadline=time.monotonic() + options.budget_s)
    soak.run(units)
    _say("\n".join(soak.lines()))
    return 1 if soak.failures or soak.broken else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
