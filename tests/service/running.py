"""A real `quisait run` in a process of its own."""

import json
import os
import random
import signal
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from tests.service.command import Process, start
from tests.service.place import Place

START_TIMEOUT_S = 90
_PORTS = 20_000, 32_768
"""From 32 768 on Linux gives them to connections, which would take one that a test has chosen."""


@dataclass(frozen=True, slots=True)
class Running:
    """The process, where its measures are served, and where its journal is kept."""

    process: Process
    measures: str
    pages: str
    journal: Path

    def get(self, path: str, at: str = "", **headers: str) -> httpx.Response:
        return httpx.get(f"{at or self.measures}{path}", headers=headers, trust_env=False)

    def measured(self, name: str, **labels: str) -> float | None:
        """The value of a measure, None where it is not there."""
        inside = ",".join(f'{key}="{value}"' for key, value in sorted(labels.items()))
        sample = f"{name}{{{inside}}} " if inside else f"{name} "
        lines = self.get("/metrics").text.splitlines()
        return next((float(x.removeprefix(sample)) for x in lines if x.startswith(sample)), None)

    def logged(self) -> list[dict[str, Any]]:
        """Every line of the journal: each is a JSON object."""
        return [json.loads(line) for line in self.journal.read_text("utf-8").splitlines()]

    def stop(self, number: signal.Signals = signal.SIGTERM) -> int:
        """Tell it to stop and return its exit status; raises if it does not end within a minute."""
        self.process.send_signal(number)
        return self.process.wait(60)


def free_port() -> int:
    """A port that nobody listens on, below those that the system gives to connections."""
    while True:
        port = random.SystemRandom().randrange(*_PORTS)
        with suppress(OSError), socket.create_server(("127.0.0.1", port)):
            return port


def wait_until(held: Any, timeout_s: float = START_TIMEOUT_S, every_s: float = 0.1) -> None:
    """Ask until it is so. What cannot be asked yet is not so."""
    deadline = time.monotonic() + timeout_s
    while time.monotonic() < deadline:
        try:
            if held():
                return
        except httpx.HTTPError:
            pass
        time.sleep(every_s)
    raise AssertionError("it did not come to pass in time")


@contextmanager
def running(place: Place, *arguments: str, name: str = "run") -> Iterator[Running]:
    """A `quisait run` that answers; it is ended after use, whatever came of it."""
    pages, measures = free_port(), free_port()
    environment = {
        "QUISAIT_SERVER__PORT": str(pages),
        "QUISAIT_METRICS__PORT": str(measures),
        "QUISAIT_LOG__FORMAT": "json",
        "QUISAIT_LOG__LEVEL": "info",
    }
    journal = place.folder / f"{name}.journal"
    said = {**os.environ, **environment, **place.environment}
    process = start(["run", *arguments], place.folder, said, Path(os.devnull), journal)
    one = Running(process, f"http://127.0.0.1:{measures}", f"http://127.0.0.1:{pages}", journal)
    try:
        wait_until(lambda: process.poll() is not None or one.get("/health/live").is_success)
        assert process.poll() is None, journal.read_text("utf-8")
        yield one
    finally:
        process.kill()
        process.wait()
