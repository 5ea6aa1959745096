"""The real engines of the tests: OpenSearch with its kNN plugin, and a Tika server.

`python -m tests.engines start` fetches them through Maven, unpacks them under `.engines/`,
starts them detached on loopback and waits until they answer; `stop` ends them by pid.
Whatever already answers on their addresses is used as it is.
"""

import contextlib
import fcntl
import os
import pwd
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import httpx

from deploy.kit.engines import (
    KNN,
    OPENSEARCH,
    OPENSEARCH_VERSION,
    TIKA,
    TIKA_VERSION,
    Engine,
    fetch,
    without_rar_reader,
)
from tests.needs import refuse_where_fast, starting

NEXT_OPENSEARCH = "3.6.0"
_SHA512 = {
    NEXT_OPENSEARCH: (
        "b82066a97902879c47e26608848d068c09e74d2128edee2802e622867abd451d"
        "34a366acc6519d0b40fc97acc89d61c5bb330ab8b2086cf6ffa0f9fe4b9acaa4",
        "fc5152c44729e636e0efc31c97f339f18bc8401376f1ac0a404016b654ff5372"
        "c2af01b37d537f234e9c132c0c39d576f02afc5da2bc0c38fa0c82c2cb47bb42",
    )
}
"""Of versions that are tried beside the one that the kit brings: the engine, then its plugin."""

TRIED_OPENSEARCH = os.environ.get("TESTS_OPENSEARCH") or OPENSEARCH_VERSION
"""The version that the tests ask; each stands on a port of its own."""
OPENSEARCH_URL = (
    "http://127.0.0.1:19200" if TRIED_OPENSEARCH == OPENSEARCH_VERSION else "http://127.0.0.1:19260"
)
TIKA_URL = "http://127.0.0.1:19998"
OPENSEARCH_USER = "opensearch"
START_TIMEOUT_S = 180
STOP_TIMEOUT_S = 30

REPOSITORY = Path(__file__).resolve().parent.parent
CACHE = REPOSITORY / ".engines"
DOWNLOADS = CACHE / "downloads"

OPENSEARCH_CONFIG = """
cluster.name: quisait-tests
discovery.type: single-node
network.host: 127.0.0.1
http.port: {port}
transport.port: {transport_port}
path.data: {run}/data
path.logs: {run}/logs
cluster.routing.allocation.disk.threshold_enabled: false
"""

# Tika forks: the child's heap is bounded here, the parent's on its command line. A child
# that ran out of memory may answer 503 for ever: it must end, so that the parent starts another.
TIKA_CONFIG = """<?xml version="1.0" encoding="UTF-8"?>
<properties>
  <server>
    <params>
      <host>127.0.0.1</host>
      <port>{port}</port>
      <javaPath>{java}</javaPath>
      <taskTimeoutMillis>120000</taskTimeoutMillis>
      <forkedJvmArgs>
        <arg>-Xmx512m</arg>
        <arg>-XX:+ExitOnOutOfMemoryError</arg>
        <arg>-Djava.awt.headless=true</arg>
      </forkedJvmArgs>
    </params>
  </server>
</properties>
"""


class EngineMissingError(RuntimeError):
    """An engine cannot be had here; the text says what is missing and where one gets it."""


def ensure_opensearch() -> str:
    """The address of an OpenSearch that answers; starts one where none does."""
    answers = starting("opensearch")
    with _locked():
        if not _answers(OPENSEARCH_URL):
            _start_opensearch()
            answers()
    return OPENSEARCH_URL


def opensearch_home(version: str = TRIED_OPENSEARCH) -> Path:
    """The folder of OpenSearch's program, fetched first where it is not there."""
    refuse_where_fast("opensearch")
    with _locked():
        java_home = find_jdk(21, "OPENSEARCH_JAVA_HOME", "JAVA_HOME")
        return _opensearch_home(_base_for(_unprivileged_user()), java_home, version)


def ensure_tika() -> str:
    """The address of a Tika server that answers; starts one where none does."""
    answers = starting("tika")
    with _locked():
        if not _answers(f"{TIKA_URL}/version"):
            _start_tika()
            answers()
    return TIKA_URL


def stop() -> None:
    """End what `start` started, each with its children."""
    with _locked():
        for name in ("opensearch", f"opensearch-{NEXT_OPENSEARCH}", "tika"):
            _end(CACHE / f"{name}.pid")


def _start_opensearch() -> None:
    java_home = find_jdk(21, "OPENSEARCH_JAVA_HOME", "JAVA_HOME")
    user = _unprivileged_user()
    home = _opensearch_home(_base_for(user), java_home)
    name = _opensearch_name()
    run = home.parent / "run" / name
    # What an earlier start kept is of no use to a test.
    shutil.rmtree(run, ignore_errors=True)
    shutil.copytree(home / "config", run / "config")
    port = _port(OPENSEARCH_URL)
    (run / "config/opensearch.yml").write_text(
        OPENSEARCH_CONFIG.format(port=port, transport_port=port + 100, run=run)
    )
    for folder in ("data", "logs"):
        (run / folder).mkdir()
    command = [str(home / "bin/opensearch")]
    if user:
        command = ["runuser", "-u", user, "--", *command]
        subprocess.run(["chown", "-R", user, str(home), str(run)], check=True)
    environment = {
        "OPENSEARCH_JAVA_HOME": str(java_home),
        "OPENSEARCH_PATH_CONF": str(run / "config"),
        "OPENSEARCH_JAVA_OPTS": "-Xms1g -Xmx1g",
    }
    _spawn(name, command, environment)
    _await(name, OPENSEARCH_URL)


def _opensearch_name() -> str:
    """Return the name of the folder of the OpenSearch version that the tests use."""
    return (
        "opensearch" if TRIED_OPENSEARCH == OPENSEARCH_VERSION else f"opensearch-{TRIED_OPENSEARCH}"
    )


def _start_tika() -> None:
    java = find_jdk(11, "JAVA_HOME") / "bin/java"
    jar = _tika_jar()
    config = CACHE / "tika-config.xml"
    config.write_text(TIKA_CONFIG.format(port=_port(TIKA_URL), java=java))
    _spawn("tika", [str(java), "-Xmx128m", "-jar", str(jar), "-c", str(config)], {})
    _await("tika", f"{TIKA_URL}/version")


def find_jdk(minimum: int, *variables: str) -> Path:
    """The first JDK of at least that major version: named by a variable, or installed."""
    named = [Path(os.environ[name]) for name in variables if os.environ.get(name)]
    for home in [*named, *sorted(Path("/usr/lib/jvm").glob("*"))]:
        release = home / "release"
        if not (home / "bin/java").exists() or not release.exists():
            continue
        version = re.search(r'JAVA_VERSION="(\d+)', release.read_text())
        if version and int(version[1]) >= minimum:
            return home.resolve()
    raise EngineMissingError(
        f"No JDK {minimum} or later: set {variables[0]} to one, or install one under /usr/lib/jvm "
        "(Debian 12 packages only 17; Debian 13 has openjdk-21-jre-headless, "
        "adoptium.net has archives of Temurin 21 and 25)."
    )


def _unprivileged_user() -> str | None:
    """The user that runs OpenSearch, which refuses root; None where we are not root."""
    if os.geteuid() != 0:
        return None
    try:
        pwd.getpwnam(OPENSEARCH_USER)
    except KeyError:
        subprocess.run(["useradd", "-r", "-M", OPENSEARCH_USER], check=True)
    return OPENSEARCH_USER


def _base_for(user: str | None) -> Path:
    """The cache, or a temporary folder where that user cannot reach the cache."""
    if user is None:
        return CACHE
    reach = subprocess.run(["runuser", "-u", user, "--", "test", "-x", str(CACHE)], check=False)
    if reach.returncode == 0:
        return CACHE
    # Not `tempfile.gettempdir()`: engines outlive the tests, whose folder is in memory.
    elsewhere = Path(os.environ.get("TMPDIR", "/tmp")) / "quisait-engines"  # noqa: S108
    elsewhere.mkdir(mode=0o755, exist_ok=True)
    if elsewhere.stat().st_uid != os.geteuid() or elsewhere.is_symlink():
        raise EngineMissingError(f"{elsewhere} belongs to somebody else: remove it.")
    return elsewhere


def _archives(version: str) -> tuple[Engine, Engine]:
    """The engine and its plugin. Raises `EngineMissingError` for a version that is not known."""
    if version == OPENSEARCH_VERSION:
        return OPENSEARCH, KNN
    if version not in _SHA512:
        raise EngineMissingError(f"OpenSearch {version}: tests/engines.py has no digest of it.")
    engine, plugin = _SHA512[version]
    return (
        replace(OPENSEARCH, version=version, sha512=engine),
        replace(KNN, version=f"{version}.0", sha512=plugin),
    )


def _opensearch_home(base: Path, java_home: Path, version: str = TRIED_OPENSEARCH) -> Path:
    home = base / f"opensearch-{version}"
    if home.exists():
        return home
    archive, plugin = (fetch(one, DOWNLOADS) for one in _archives(version))
    unpacked = Path(tempfile.mkdtemp(prefix="unpacking-", dir=base))
    # unzip, not zipfile: the scripts' execute bits matter.
    subprocess.run(["unzip", "-q", str(archive), "-d", str(unpacked)], check=True)
    inner = unpacked / home.name
    subprocess.run(
        [str(inner / "bin/opensearch-plugin"), "install", "-b", plugin.as_uri()],
        check=True,
        env=os.environ | {"OPENSEARCH_JAVA_HOME": str(java_home)},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,  # its warnings about the permissions that kNN takes
    )
    subprocess.run(["chmod", "-R", "a+rX", str(inner)], check=True)
    inner.rename(home)
    shutil.rmtree(unpacked)
    return home


def _tika_jar() -> Path:
    """The server without its RAR reader, whose licence is not an open one."""
    jar = CACHE / f"tika-server-standard-{TIKA_VERSION}-without-junrar.jar"
    if not jar.exists():
        without_rar_reader(fetch(TIKA, DOWNLOADS), jar)
    return jar


@contextlib.contextmanager
def _locked() -> Iterator[None]:
    """Two starts at the same time wait for one another."""
    CACHE.mkdir(exist_ok=True)
    with (CACHE / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _spawn(name: str, command: list[str], environment: dict[str, str]) -> None:
    with (CACHE / f"{name}.log").open("wb") as output:
        engine = subprocess.Popen(
            command,
            env=os.environ | environment,
            cwd=CACHE,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    (CACHE / f"{name}.pid").write_text(f"{engine.pid} {_born(engine.pid)}")


def _born(pid: int) -> str | None:
    """When that process began, in ticks since boot: tells it from a later one of the same id."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return None
    state, *_, born = stat.rpartition(")")[2].split()[:20]
    return None if state == "Z" else born


def _running(pid_file: Path) -> int | None:
    """The process that we started, if it still runs."""
    if not pid_file.exists():
        return None
    pid, _, born = pid_file.read_text().partition(" ")
    return int(pid) if _born(int(pid)) == born else None


def _end(pid_file: Path) -> None:
    for kind in (signal.SIGTERM, signal.SIGKILL):
        deadline = time.monotonic() + STOP_TIMEOUT_S
        if pid := _running(pid_file):
            os.killpg(pid, kind)
        while _running(pid_file) and time.monotonic() < deadline:
            time.sleep(0.2)
    pid_file.unlink(missing_ok=True)


def _await(name: str, url: str) -> None:
    deadline = time.monotonic() + START_TIMEOUT_S
    while time.monotonic() < deadline and _running(CACHE / f"{name}.pid"):
        if _answers(url):
            return
        time.sleep(0.3)
    _end(CACHE / f"{name}.pid")
    tail = (CACHE / f"{name}.log").read_text(errors="replace")[-2000:]
    raise EngineMissingError(f"{name} did not start:\n{tail}")


def _answers(url: str) -> bool:
    try:
        return httpx.get(url, timeout=5, trust_env=False).is_success
    except httpx.HTTPError:
        return False


def _port(url: str) -> int:
    return int(url.rpartition(":")[2])


def _report(line: str) -> None:
    sys.stdout.write(line + "\n")


def main(action: str) -> None:
    """`start`, `stop` or `status`."""
    if action == "start":
        _report(f"Tika {ensure_tika()}")
        _report(f"OpenSearch {ensure_opensearch()}")
    elif action == "stop":
        stop()
    elif action == "status":
        for name, url in (("OpenSearch", OPENSEARCH_URL), ("Tika", f"{TIKA_URL}/version")):
            _report(f"{name} {url} {'answers' if _answers(url) else 'does not answer'}")
    else:
        sys.exit("usage: python -m tests.engines start|stop|status")


if __name__ == "__main__":
    try:
        main(sys.argv[1] if len(sys.argv) > 1 else "")
    except EngineMissingError as missing:
        sys.exit(str(missing))
