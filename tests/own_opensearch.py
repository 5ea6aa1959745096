"""An OpenSearch of one or three nodes for a single test, which may kill and restart them."""

import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

import httpx

from tests.engines import (
    OPENSEARCH_CONFIG,
    START_TIMEOUT_S,
    TRIED_OPENSEARCH,
    _answers,
    _unprivileged_user,
    find_jdk,
    opensearch_home,
)

HEAP = "-Xms512m -Xmx512m"
# Compiled once and lightly: three nodes start on two cores.
SMALL_HEAP = "-Xms400m -Xmx400m -XX:TieredStopAtLevel=1"
STOP_TIMEOUT_S = 60
AGREE_TIMEOUT_S = 240

NODE_CONFIG = """
node.name: {name}
discovery.seed_hosts: [{seeds}]
cluster.initial_cluster_manager_nodes: [{names}]
# A node that has lost the others answers nothing: it would not know of rights that change.
cluster.no_cluster_manager_block: all
"""


def _free_ports(count: int) -> list[int]:
    with ExitStack() as stack:
        servers = [
            stack.enter_context(socket.create_server(("127.0.0.1", 0))) for _ in range(count)
        ]
        return [server.getsockname()[1] for server in servers]


class OwnOpenSearch:
    """One node. Its data outlive its process."""

    def __init__(
        self,
        folder: Path,
        *,
        name: str = "own",
        config: str = OPENSEARCH_CONFIG,
        ports: Sequence[int] = (),
        heap: str = HEAP,
        version: str = TRIED_OPENSEARCH,
    ) -> None:
        self._user, self._run = _unprivileged_user(), folder
        self._home, self._heap, self.name = opensearch_home(version), heap, name
        self._port, inner = ports or _free_ports(2)
        shutil.copytree(self._home / "config", folder / "config", dirs_exist_ok=True)
        written = config.format(port=self._port, transport_port=inner, run=folder)
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
        self.begin()
        self.wait()

    def begin(self) -> None:
        """Start it, and go on."""
        as_user = ["runuser", "-u", self._user, "--"] if self._user else []
        with (self._run / "output").open("ab") as output:
            self._process = subprocess.Popen(
                [*as_user, str(self._home / "bin/opensearch")],
                env=os.environ
                | {
                    "OPENSEARCH_JAVA_HOME": str(find_jdk(21, "OPENSEARCH_JAVA_HOME", "JAVA_HOME")),
                    "OPENSEARCH_PATH_CONF": str(self._run / "config"),
                    "OPENSEARCH_JAVA_OPTS": self._heap,
                },
                cwd=self._run,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,
            )

    def wait(self) -> None:
        """Until it answers, and every shard has a copy."""
        assert self._process, "not started"
        deadline = time.monotonic() + START_TIMEOUT_S
        ready = f"{self.url}/_cluster/health?wait_for_status=yellow&timeout=10s"
        while not _answers(ready):
            assert self._process.poll() is None, (self._run / "output").read_text()[-2000:]
            assert time.monotonic() < deadline, "OpenSearch did not answer in time"
            _allocate_again(self.url)
            time.sleep(0.3)

    @property
    def pid(self) -> int:
        """The id of the started process, which is the engine or its parent."""
        assert self._process
        return self._process.pid

    def stop(self) -> None:
        """Ask it to end, as an operator does, and wait for that."""
        if self._process and self._process.poll() is None:
            os.killpg(self._process.pid, signal.SIGTERM)
            self._process.wait(STOP_TIMEOUT_S)

    def kill(self) -> None:
        """kill -9, of all that it runs."""
        if self._process and self._process.poll() is None:
            os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()


def _allocate_again(url: str) -> None:
    """Have OpenSearch retry shards that it no longer assigns after five failures.

    On a slow machine a shard that is still closing fails so often within seconds.
    """
    with suppress(httpx.HTTPError):  # it doesn't answer yet
        httpx.post(f"{url}/_cluster/reroute?retry_failed=true", timeout=5, trust_env=False)


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


class OwnCluster:
    """Three nodes that know each other; each may lead, and each keeps data."""

    def __init__(self, folder: Path, version: str) -> None:
        names = [f"n{number}" for number in (1, 2, 3)]
        ports = _free_ports(2 * len(names))
        http, inner = ports[: len(names)], ports[len(names) :]
        single = OPENSEARCH_CONFIG.replace("discovery.type: single-node", "")
        seeds = ", ".join(f'"127.0.0.1:{port}"' for port in inner)
        self.nodes: list[OwnOpenSearch] = []
        for name, *own in zip(names, http, inner, strict=True):
            (folder / name).mkdir()
            shared = NODE_CONFIG.format(name=name, seeds=seeds, names=", ".join(names))
            self.nodes.append(
                OwnOpenSearch(
                    folder / name,
                    name=name,
                    config=single + shared,
                    ports=own,
                    heap=SMALL_HEAP,
                    version=version,
                )
            )

    @property
    def urls(self) -> list[str]:
        return [node.url for node in self.nodes]

    def start(self) -> None:
        """Start all three, and wait until they agree."""
        for node in self.nodes:
            node.begin()
        for node in self.nodes:
            node.wait()
        self.await_health(f"wait_for_nodes={len(self.nodes)}")

    def leader(self) -> OwnOpenSearch:
        """The node that the others follow now."""
        answer = httpx.get(f"{self.urls[0]}/_cat/cluster_manager?format=json", trust_env=False)
        (name,) = (row["node"] for row in answer.json())
        return next(node for node in self.nodes if node.name == name)

    def await_health(self, wanted: str) -> None:
        """Until a node says so (`wait_for_status=green`, say)."""
        deadline = time.monotonic() + AGREE_TIMEOUT_S
        while True:
            url = self._one_that_answers()
            asked = f"{url}/_cluster/health?{wanted}&timeout=10s"
            answer = httpx.get(asked, timeout=60, trust_env=False)
            if not answer.json()["timed_out"]:
                return
            assert time.monotonic() < deadline, answer.text
            _allocate_again(url)

    def drain(self, node: OwnOpenSearch | None) -> None:
        """Have what a node keeps go to the others, and wait for that; None ends it."""
        excluded = {"cluster.routing.allocation.exclude._name": node.name if node else None}
        url = self._one_that_answers()
        body = {"persistent": excluded}
        answer = httpx.put(f"{url}/_cluster/settings", json=body, timeout=60, trust_env=False)
        assert answer.is_success, answer.text
        deadline = time.monotonic() + AGREE_TIMEOUT_S
        while node and (kept := self._shards_of(node)):
            assert time.monotonic() < deadline, f"{node.name} still keeps shards: {kept}"
            _allocate_again(url)
            time.sleep(1)

    def _shards_of(self, node: OwnOpenSearch) -> list[str]:
        answer = httpx.get(
            f"{self._one_that_answers()}/_cat/shards?format=json", timeout=60, trust_env=False
        )
        return [str(row) for row in answer.json() if (row["node"] or "").split(" ")[0] == node.name]

    def _one_that_answers(self) -> str:
        return next(url for url in self.urls if _answers(url))


@contextmanager
def own_cluster(version: str) -> Iterator[OwnCluster]:
    """Three nodes, started, and gone with their data after use."""
    folder = Path(tempfile.mkdtemp(prefix="quisait-cluster-"))
    folder.chmod(0o755)
    cluster = OwnCluster(folder, version)
    try:
        cluster.start()
        yield cluster
    finally:
        for node in cluster.nodes:
            node.kill()
        shutil.rmtree(folder, ignore_errors=True)
