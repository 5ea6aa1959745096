"""Whether one reader holds up the others: `python -m benchmarks.load [CONNECTIONS]`.

The demo, served by processes of its own on loopback. Six readers ask the page, each ten times
with a pause between; first alone, then beside one who asks the worst questions over many
connections at once (12 unless told otherwise). Then `quisait run` reads the demo anew while
one reader asks. Fails where the six wait more than twice as long (p95), and beyond what
a machine varies by.
"""

import statistics
import sys
import tempfile
import time
from pathlib import Path

import httpx

from tests.load import (
    HOSTILE,
    QUESTIONS,
    READERS,
    WORST,
    Waits,
    ask,
    asked_by,
    copied_demo,
    doing_their_worst,
    quisait,
    started,
)

EACH, PAUSE_S = 10, 0.5
PHASE_S = 60.0
"""Nobody begins another question after that."""
CONNECTIONS = 12
LEAST_S = 0.3
"""What a machine varies by."""
MOST_TIMES = 2.0
CRAWL_S = 60.0


def quiet_and_attacked(address: str, connections: int) -> tuple[Waits, Waits]:
    """What six readers wait, alone and beside one who does their worst."""
    ask(address, READERS[0], QUESTIONS[0])
    alone = statistics.median(ask(address, READERS[0], question)[1] for question in QUESTIONS)
    worst = statistics.median(ask(address, HOSTILE, question)[1] for question in WORST)
    print(f"one page alone: {alone * 1000:.0f} ms; of the worst: {worst * 1000:.0f} ms", flush=True)
    quiet = six_readers(address)
    print(f"six readers: {quiet.line()}", flush=True)
    with doing_their_worst(address, HOSTILE, connections) as hostile:
        attacked = six_readers(address)
        began = time.monotonic()
        ready = httpx.get(f"{address}/health/ready", trust_env=False, timeout=120).status_code
        ready_s = time.monotonic() - began
    print(f"beside {connections} connections of one: {attacked.line()}")
    print(f"that one: {hostile.line()}; /health/ready: {ready} after {ready_s * 1000:.0f} ms")
    return quiet, attacked


def six_readers(address: str) -> Waits:
    """What each of them waits."""
    ends = time.monotonic() + PHASE_S

    def goes_on(count: int) -> bool:
        return count < EACH and time.monotonic() < ends

    return asked_by(address, READERS, QUESTIONS, goes_on, PAUSE_S)


def while_crawling(address: str) -> Waits:
    """What one reader waits while the same process reads the demo's sources."""
    ends = time.monotonic() + CRAWL_S
    return asked_by(address, READERS[:1], QUESTIONS, lambda _count: time.monotonic() < ends, 0.3)


def main(arguments: list[str]) -> None:
    """Measure, and fail where one reader holds up the others."""
    connections = int(arguments[0]) if arguments else CONNECTIONS
    with tempfile.TemporaryDirectory() as folder:
        settings = copied_demo(Path(folder) / "crawling")
        with started(settings, "run") as address:
            print(f"while `quisait run` reads: {while_crawling(address).line()}", flush=True)
        settings = copied_demo(Path(folder) / "served")
        quisait(settings, "crawl", "--json")
        with started(settings, "serve") as address:
            quiet, attacked = quiet_and_attacked(address, connections)
    if attacked.p(95) > max(MOST_TIMES * quiet.p(95), LEAST_S):
        raise SystemExit(
            f"More than {MOST_TIMES:.0f} times as long beside one who does their worst"
        )


if __name__ == "__main__":
    main(sys.argv[1:])
