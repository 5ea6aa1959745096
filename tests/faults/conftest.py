"""Count the faults that were tried and their losses, and print them at the end of a run.

`make soak ARGS='faults --points 5'` tries five times as many points.
"""

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import pytest


@dataclass(slots=True)
class Tally:
    """Points tried and points where something was lost, by the name of the fault."""

    times: int = 1
    tried: Counter[str] = field(default_factory=Counter)
    lost: Counter[str] = field(default_factory=Counter)

    @contextmanager
    def point(self, fault: str) -> Iterator[None]:
        """One more point; whatever does not hold in the block is a loss."""
        self.tried[fault] += 1
        try:
            yield
        except BaseException:
            self.lost[fault] += 1
            raise

    def lines(self) -> list[str]:
        """One line a fault."""
        return [
            f"{fault}: {count} points tried, {self.lost[fault]} losses"
            for fault, count in sorted(self.tried.items())
        ]


KEPT = pytest.StashKey[Tally]()


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--points", type=int, default=1, help="so many times as many faults")


@pytest.fixture(scope="session")
def tally(pytestconfig: pytest.Config) -> Tally:
    """The counts of this run."""
    return pytestconfig.stash.setdefault(KEPT, Tally(pytestconfig.getoption("points", 1)))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    kept = terminalreporter.config.stash.get(KEPT, None)
    if kept and kept.tried:
        terminalreporter.section("faults")
        for line in kept.lines():
            terminalreporter.write_line(line)
