"""An OpenSearch of a test's own, that it may kill and start again on the same data."""

import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.engines import (
    OPENSEARCH_CONFIG,
    START_TIMEOUT_S,
    STOP_TIMEOUT_S,
    _answers,
    _unprivileged_user,
    find_jdk,
    opensearch_home,
)

HEAP = "512m"


class OwnOpenSearch:
    """Its data outlive its process."""

    def __init__(self, folder: Path, heap: str = HEAP) -> None:
        self._user, self._run, self._heap = _unprivileged_user(), folder, heap
        self._home = opensearch_home()
        with (
            socket.create_server(("127.0.0.1", 0)) as free,
            socket.create_server(("127.0.0.1", 0)) as other,
        ):
            self._port, inner = free.getsockname()[1], other.getsockname()[1]
        shutil.copytree(self._home / "config", folder / "config", dirs_exist_ok=True)
        written = OPENSEARCH_CONFIG.format(port=self._port, transport_port=inner, run=folder)
        (folder / "config/opensearch.yml").write_text(written)
        for name in ("data", "logs"):
            (folder / name).mkdir(exist_ok=True)
        if self._user:
            subprocess.run(["chown", "-R", self._user, str(self._home), str(folder)], check=True)
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._port}"

    def start(self) -> None:
        """Start it, and wait until it answers."""
        as_user = ["runuser", "-u", self._user, "--"] if self._user else []
        with (self._run / "output").open("ab") as output:
            self._process = subprocess.Popen(
                [*as_user, str(self._home / "bin/opensearch")],
                env=os.environ
                | {
                    "OPENSEARCH_JAVA_HOME": str(find_jdk(21, "OPENSEARCH_JAVA_HOME", "JAVA_HOME")),
                    "OPENSEARCH_PATH_CONF": str(self._run / "config"),
                    "OPENSEARCH_JAVA_OPTS": f"-Xms{self._heap} -Xmx{self._heap}",
                },
                cwd=self._run,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,
            )
        deadline = time.monotonic() + START_TIMEOUT_S
        ready = f"{self.url}/_cluster/health?wait_for_status=yellow&timeout=10s"
        while not _answers(ready):
            assert self._process.poll() is None, (self._run / "output").read_text()[-2000:]
            assert time.monotonic() < deadline, "OpenSearch did not answer in time"
            time.sleep(0.3)

    @property
    def pid(self) -> int:
        """Of what was started: it, or a child of it, is the engine."""
        assert self._process
        return self._process.pid

    def stop(self) -> None:
        """Let it end by itself, with what it has in memory kept."""
        if self._process and self._process.poll() is None:
            os.killpg(self._process.pid, signal.SIGTERM)
            self._process.wait(STOP_TIMEOUT_S)

    def kill(self) -> None:
        """kill -9, of all that it runs."""
        if self._process and self._process.poll() is None:
            os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()


@contextmanager
def own_opensearch() -> Iterator[OwnOpenSearch]:
    """Started, and gone with its data after use."""
    folder = Path(tempfile.mkdtemp(prefix="quisait-opensearch-"))
    engine = OwnOpenSearch(folder)
    try:
        engine.start()
        yield engine
    finally:
        engine.kill()
        shutil.rmtree(folder, ignore_errors=True)
