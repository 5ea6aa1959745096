"""Put first on the path of a process with a faked clock: its sleeps last what they should.

libfaketime 0.9.10 moves the monotonic deadline of `clock_nanosleep` even where it is told to
leave that clock alone: a sleep ends at once, years later, or with EINVAL. `select` takes a
duration, which no clock moves.
"""

import select
import time
from typing import Any


def sleep(seconds: Any) -> None:
    """As `time.sleep`."""
    select.select([], [], [], seconds)


time.sleep = sleep
