"""Load of one real server by many readers at once, one of them hostile; limited in time.

The server is a process of its own, on loopback; the readers are threads here, each with one
connection at a time.
"""

import os
import shutil
import subprocess
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import cycle
from pathlib import Path

import httpx
import numpy as np

from search_api.identity.tokens import DEMO_COOKIE
from tests.service.place import COMMAND
from tests.service.running import free_port, wait_until

DEMO = Path(__file__).resolve().parents[1] / "demo"
QUESTIONS = (
    "exonération de taxe foncière des personnes âgées",
    "Que laisser sur un compte joint saisi ?",
    "Combien de temps garder les dossiers de remise gracieuse ?",
    "bornage contradictoire",
    "Peut-on voler au drone au-dessus d'un bois ?",
    "télétravail jours par semaine",
)
READERS = ("ag-0010", "ag-0011", "ag-0013", "ag-0014", "ag-0015", "ag-0016")
HOSTILE = "ag-0020"
"""Agents of the demo who are in post."""
WORST = ("a.b.c.d." * 250, "a-" * 1000, "e" + "\u0301" * 1999, "l'" * 1000, "1 " * 1000)
"""Of 2 000 characters each, the most that is read, and as many tokens as can be."""
TIMEOUT_S = 120.0


@dataclass(slots=True)
class Waits:
    """Durations of answers, in seconds, and the statuses of the answers."""

    seconds: list[float] = field(default_factory=list)
    statuses: Counter[int] = field(default_factory=Counter)

    def p(self, percent: float) -> float:
        """A percentile, in seconds."""
        return float(np.percentile(self.seconds, percent))

    def line(self) -> str:
        """For a person."""
        told = ", ".join(f"{status}: {count}" for status, count in sorted(self.statuses.items()))
        if not self.seconds:
            return "no answer"
        return (
            f"{len(self.seconds)} answers ({told}), p50 {self.p(50) * 1000:.0f} ms, "
            f"p95 {self.p(95) * 1000:.0f} ms, longest {max(self.seconds) * 1000:.0f} ms"
        )


def copied_demo(folder: Path, sources: Sequence[str] = ()) -> Path:
    """Copy the demo into a folder, with these sources or all; return its settings' file.

    `quisait run` reads its directory, which the demo itself reads only once.
    """
    shutil.copytree(DEMO, folder / "demo")
    file = folder / "demo" / "quisait.toml"
    head, *parts = file.read_text("utf-8").split("[[sources]]")
    before, directory, after = head.partition("[directory]\n")
    head = before + directory + after.replace('every = "jamais"', 'every = "1 h"', 1)
    kept = [one for one in parts if not sources or any(f'"{name}"' in one for name in sources)]
    file.write_text("[[sources]]".join([head, *kept]), "utf-8")
    return file


def quisait(settings: Path, *arguments: str) -> None:
    """Run a command to its end."""
    subprocess.run([*COMMAND, *arguments], env=_environment(settings), check=True)


@contextmanager
def started(settings: Path, command: str) -> Iterator[str]:
    """`quisait serve` or `quisait run` in a process of its own: its address, once it answers."""
    port = free_port()
    with (settings.parent / f"{command}.journal").open("wb") as journal:
        process = subprocess.Popen(
            [*COMMAND, command, "--port", str(port)],
            env=_environment(settings),
            stdout=journal,
            stderr=journal,
        )
    address = f"http://127.0.0.1:{port}"
    try:
        wait_until(lambda: httpx.get(f"{address}/health/live", trust_env=False).is_success)
        yield address
    finally:
        process.kill()
        process.wait()


def _environment(settings: Path) -> dict[str, str]:
    return {**os.environ, "QUISAIT_FILE": str(settings)}


def ask(address: str, agent: str, question: str, path: str = "/") -> tuple[int, float]:
    """(status, seconds) of one answer, of a reader of the demo; status 0 where none came."""
    with httpx.Client(trust_env=False, timeout=TIMEOUT_S, cookies={DEMO_COOKIE: agent}) as client:
        began = time.monotonic()
        try:
            status = client.get(f"{address}{path}", params={"q": question}).status_code
        except httpx.TimeoutException:
            status = 0
        return status, time.monotonic() - began


def asked_by(
    address: str,
    agents: Sequence[str],
    questions: Sequence[str],
    goes_on: Callable[[int], bool],
    pause_s: float = 0.0,
) -> Waits:
    """Each agent asks, one question after the other, while `goes_on(questions asked)`."""
    waits, lock = Waits(), threading.Lock()

    def read(number: int, agent: str) -> None:
        first = number % len(questions)
        asked, count = cycle([*questions[first:], *questions[:first]]), 0
        while goes_on(count):
            status, seconds = ask(address, agent, next(asked))
            count += 1
            with lock:
                waits.seconds.append(seconds)
                waits.statuses[status] += 1
            time.sleep(pause_s)

    threads = [threading.Thread(target=read, args=one) for one in enumerate(agents)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return waits


@contextmanager
def doing_their_worst(address: str, agent: str, at_once: int) -> Iterator[Waits]:
    """One reader who asks the worst over so many connections, all the while."""
    waits, stop = Waits(), threading.Event()

    def attack() -> None:
        found = asked_by(address, [agent] * at_once, WORST, lambda _count: not stop.is_set())
        waits.seconds += found.seconds
        waits.statuses += found.statuses

    thread = threading.Thread(target=attack)
    thread.start()
    try:
        time.sleep(0.5)
        yield waits
    finally:
        stop.set()
        thread.join()
