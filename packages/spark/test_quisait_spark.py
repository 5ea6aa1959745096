"""Spark builds what DuckDB builds, to the last record: on this machine, and on a cluster of two."""

import json
import os
import socket
import subprocess
import time
import urllib.request
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from functools import partial
from pathlib import Path

import pytest
from quisait_spark import engine
from quisait_spark.engine import KIND, SparkOptions, check_spark, find_java

from connectors.values import EVERYONE, Access, Agent, Contribution, ContributorRole, Mission
from expertise.build_files import FOLDER, BuildMeans, EngineUnusable
from expertise.build_rules import BuildRules
from expertise.topics import Topic, TopicKind
from indexer.values import IndexedDocument, Passage
from tests.builders import make_document
from tests.planted import ENCODER, TODAY, plant
from tests.sql_builds import History, sql_records

pytestmark = pytest.mark.experts

RULES = BuildRules(least_known=0)


@pytest.fixture(autouse=True)
def _quick_java(monkeypatch: pytest.MonkeyPatch) -> None:
    """One compiler, the quick one: a JVM that runs for seconds. It serves all builds."""
    monkeypatch.setenv("SPARK_SUBMIT_OPTS", "-XX:TieredStopAtLevel=1")


MEMORY_BYTES = 600_000_000


def in_spark(folder: Path, master: str = "local[2]") -> BuildMeans:
    options = SparkOptions(master=master)
    opened = partial(KIND.open, options)
    return BuildMeans(folder, MEMORY_BYTES, threads=2, open_engine=opened)


def made() -> History:
    """Return data that both dialects could treat differently: ties, letters, halves, missions."""
    topics = [
        Topic("t0", "matière0x"),
        Topic("t1", "matière1x", broader=("t0",)),
        Topic("m", "géomètre", broader=("t0",), kind=TopicKind.METIER),
    ]
    codes = ("22", "22", "974", "", "29")
    agents = [
        Agent(
            f"{letter}-agent",
            "Jo",
            "Rey",
            metier="géomètre" if number == 2 else "",
            departement=codes[number],
            skills=("matière1x",) if number == 3 else (),
            missions=(Mission("t1", TODAY - timedelta(days=9)),) if number == 4 else (),
            accounts=(f"wiki:a{number}", f"wiki:b{number}"),
        )
        for number, letter in enumerate(("Z", "a", "é", "œ", "\U0001f917"))
    ]
    documents = []
    for number in range(40):
        rows = [
            Contribution(f"wiki:{'ab'[n % 2]}{(number + n) % 5}", role, last=TODAY)
            for n, role in enumerate(
                (ContributorRole.AUTHOR, ContributorRole.COMMENTER, ContributorRole.EDITOR)
            )
        ]
        if number % 7 == 0:
            answer = Contribution("wiki:a3", ContributorRole.ACCEPTED_ANSWERER, last=TODAY)
            rows += [replace(answer, last=TODAY - timedelta(days=3_000)), answer]
        kept = make_document(
            f"wiki:{'éZa_'[number % 4]}{number}",
            title=("matière0x", "matière1x", "matière0x matière1x", "Note")[number % 4],
            kind="offre d'emploi" if number % 9 == 0 else "note",
            access=Access(frozenset({EVERYONE})),
            contributions=tuple(rows[: 1 + number % 5]),
        )
        passages = (Passage("matière1x"), Passage("rien"))
        vectors = ENCODER.passages([one.text for one in passages])
        documents.append(IndexedDocument(kept, passages, vectors, "c", f"r{number}"))
    return History(documents, topics, agents)


def test_spark_gives_the_planted_truth_as_duckdb_does(tmp_path: Path) -> None:
    """Every record, in the same order; and no file is left."""
    planted = History.of(plant(1, circles=2))
    assert sql_records(planted, RULES, in_spark(tmp_path)) == sql_records(planted, RULES)
    assert not (tmp_path / FOLDER).exists()


def test_spark_gives_a_made_history_as_duckdb_does(tmp_path: Path) -> None:
    history = made()
    found = sql_records(history, RULES, in_spark(tmp_path))
    assert found == sql_records(history, RULES) == list(history.by_reference(RULES).records())


def _free_ports(count: int) -> list[int]:
    held = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [int(one.getsockname()[1]) for one in held]
    for one in held:
        one.close()
    return ports


@pytest.fixture
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a standalone master, with two workers of one core each."""
    import pyspark

    home, logs = Path(pyspark.__file__).parent, tmp_path_factory.mktemp("spark")
    port, page, first, second = _free_ports(4)
    master = f"spark://127.0.0.1:{port}"
    package = "org.apache.spark.deploy"
    worker = [f"{package}.worker.Worker", "--cores", "1", "--memory", "1100m"]
    commands = [[f"{package}.master.Master", "--port", str(port), "--webui-port", str(page)]]
    for own in (first, second):
        place = ["--webui-port", str(own), "--work-dir", str(logs / str(own))]
        commands.append([*worker, *place, master])
    environment = {
        **os.environ,
        "JAVA_HOME": str(find_java()),
        "SPARK_HOME": str(home),
        "SPARK_DAEMON_MEMORY": "256m",
        "SPARK_LOCAL_IP": "127.0.0.1",
    }
    started = []
    try:
        for number, (name, *rest) in enumerate(commands):
            with (logs / f"{number}.log").open("w") as log:
                command = [str(home / "bin" / "spark-class"), name, "--host", "127.0.0.1", *rest]
                # `spark-class` becomes Java: the process is the server's own.
                started.append(subprocess.Popen(command, env=environment, stdout=log, stderr=log))
        _wait_for_workers(page, 2)
        yield master
    finally:
        for process in reversed(started):
            process.terminate()
        for process in started:
            process.wait(30)


def _wait_for_workers(page: int, count: int) -> None:
    for _ in range(240):
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{page}/json/", timeout=5) as answer:
                if json.load(answer)["aliveworkers"] == count:
                    return
        except OSError:
            pass
        time.sleep(0.5)
    raise AssertionError("the workers are not there")


def test_a_cluster_of_two_workers_gives_it_too(cluster: str, tmp_path: Path) -> None:
    """Each worker reads and writes the files of the folder."""
    history = made()
    assert cluster in check_spark(SparkOptions(master=cluster))
    assert sql_records(history, RULES, in_spark(tmp_path, cluster)) == sql_records(history, RULES)
    assert not list(tmp_path.iterdir())


def test_without_java_it_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The error is raised before anything is computed, and no file is left behind."""
    monkeypatch.delenv("JAVA_HOME", raising=False)
    monkeypatch.setattr(engine, "_INSTALLED", tmp_path / "none")
    with pytest.raises(EngineUnusable, match="Java 17 ou 21"):
        made().in_sql(RULES, in_spark(tmp_path))
    with pytest.raises(ValueError, match="Java 17 ou 21"):
        check_spark(SparkOptions())
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("master", ["spark://127.0.0.1:1", "spark://", "local[x]", "yarn"])
def test_a_master_that_is_not_there_is_said(master: str) -> None:
    with pytest.raises(ValueError, match="master"):
        check_spark(SparkOptions(master=master))


def test_versions_of_java_are_read(tmp_path: Path) -> None:
    """From the file beside it; nothing where there is no Java."""
    (tmp_path / "bin").mkdir()
    assert engine.java_version(tmp_path) == 0
    (tmp_path / "bin" / "java").touch(0o755)
    (tmp_path / "release").write_text('JAVA_VERSION="21.0.4"\n')
    assert engine.java_version(tmp_path) == 21
