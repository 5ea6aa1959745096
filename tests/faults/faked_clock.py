"""A clock that jumps, for real processes: libfaketime reads it from a file at every look."""

from dataclasses import dataclass
from pathlib import Path

from tests.engines import EngineMissingError

HOUR_S, DAY_S = 3_600, 86_400
JUMPS_S = (
    -1, 2, -HOUR_S, HOUR_S, -DAY_S, DAY_S, 35 * DAY_S, -200 * DAY_S, 10 * 366 * DAY_S,
    -20 * 366 * DAY_S,
)  # fmt: skip
"""What a clock may be off by, in seconds: an hour as of summer time put into the wrong clock,
a battery that died, a date typed wrongly."""
ZONES = ("Europe/Paris", "Pacific/Noumea", "America/Cayenne", "Indian/Reunion")


TRUE_SLEEP = Path(__file__).parent / "true_sleep"


@dataclass(frozen=True, slots=True)
class FakedClock:
    """The file that tells how far the clock of some processes is from ours."""

    path: Path

    def jump(self, off_s: int) -> None:
        """From now on the clock is off by so many seconds, in processes that run too."""
        written = self.path.with_suffix(".new")
        written.write_text(f"{off_s:+d}\n", "utf-8")
        written.replace(self.path)

    def environment(self) -> dict[str, str]:
        """Return the environment variables that make a process use this clock."""
        return {
            "LD_PRELOAD": str(_library()),
            "FAKETIME_TIMESTAMP_FILE": str(self.path),
            "FAKETIME_NO_CACHE": "1",
            # A real jump moves neither the monotonic clock nor the dates of files.
            "FAKETIME_DONT_FAKE_MONOTONIC": "1",
            "NO_FAKE_STAT": "1",
            "PYTHONPATH": str(TRUE_SLEEP),
        }


def faked_clock(folder: Path) -> FakedClock:
    """A clock that is right, to begin with."""
    clock = FakedClock(folder / "clock")
    clock.jump(0)
    return clock


def _library() -> Path:
    found = sorted(Path("/usr/lib").glob("*/faketime/libfaketimeMT.so.1"))
    if not found:
        raise EngineMissingError("No libfaketime: apt-get install libfaketime (`make servers`).")
    return found[-1]
