"""A Tika server of a test's own, that it may fell."""

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import httpx

from tests.engines import TIKA_CONFIG, EngineMissingError, _tika_jar, ensure_tika, find_jdk
from tests.needs import starting
from tests.server_process import begun, wait_for
from tests.service.running import free_port


@dataclass(frozen=True, slots=True)
class OwnTika:
    """Its address, and the process that forks the one that reads."""

    url: str
    pid: int

    def fell_child(self) -> None:
        """Kill the process that reads; the server starts another."""
        os.kill(int(self._children()[0]), signal.SIGKILL)

    def _children(self) -> list[str]:
        return Path(f"/proc/{self.pid}/task/{self.pid}/children").read_text().split() or [
            child
            for task in Path(f"/proc/{self.pid}/task").iterdir()
            for child in (task / "children").read_text().split()
        ]


@contextmanager
def own_tika(folder: Path) -> Iterator[OwnTika]:
    """Started on a free port, as the shared one is; ended with its child."""
    ensure_tika()  # fetches the program, where it is not there yet
    answers = starting("tika")
    port = free_port()
    java = find_jdk(11, "JAVA_HOME") / "bin/java"
    config = folder / "tika-config.xml"
    config.write_text(TIKA_CONFIG.format(port=port, java=java))
    log, url = folder / "tika.log", f"http://127.0.0.1:{port}"
    command = [str(java), "-Xmx128m", "-jar", str(_tika_jar()), "-c", str(config)]
    server = begun(command, log, start_new_session=True)
    try:
        asked = f"{url}/version"
        ready = partial(httpx.get, asked, timeout=2, trust_env=False)
        wait_for(server, log, lambda: ready().is_success, EngineMissingError)
        answers()
        yield OwnTika(url, server.pid)
    finally:
        os.killpg(server.pid, signal.SIGKILL)
        server.wait()
