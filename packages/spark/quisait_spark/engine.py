"""Compute the tables of a build with Spark, on this machine or on a cluster that reads its folder.

`pyspark` needs a Java runtime: Java 17 or 21.
"""

import os
import re
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field

from expertise.build_engines import BuildEngineKind
from expertise.build_files import BuildFiles, BuildMeans, EngineUnusable

JAVA_VERSIONS = frozenset({17, 21})
"""Versions of Java that Spark 4 supports."""
_INSTALLED = Path("/usr/lib/jvm")
_MASTER_PORT, _MASTER_WAIT_S = 7077, 5
_PARTITIONS_HERE = 4
"""Parts of a shuffle on one machine; Spark's default of 200 is for a cluster."""


class SparkOptions(BaseModel):
    """Options of the engine, in the table `[expertise.options]`."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    master: str = Field(
        "local[2]", description="« local[2] » (deux cœurs d'ici) ou « spark://hôte:7077 »"
    )


def find_java() -> Path:
    """Return the folder of a JDK or JRE for Spark: `JAVA_HOME`, else one in `/usr/lib/jvm`.

    Raises `EngineUnusable` if there is none.
    """
    named = os.environ.get("JAVA_HOME", "")
    installed = sorted(_INSTALLED.iterdir()) if _INSTALLED.is_dir() else []
    for home in [*([Path(named)] if named else []), *installed]:
        if java_version(home) in JAVA_VERSIONS:
            return home
    raise EngineUnusable(
        "Spark demande Java 17 ou 21, qui n'est ni dans JAVA_HOME ni dans /usr/lib/jvm : "
        "installez-le (sous Debian, openjdk-17-jre-headless), ou réglez [expertise] engine sur "
        "« duckdb »."
    )


def java_version(home: Path) -> int:
    """Return the feature release of the Java in a folder, 0 if there is none."""
    java = home / "bin" / "java"
    if not java.is_file():
        return 0
    with_release = home / "release"
    said = with_release.read_text("utf-8", "replace") if with_release.is_file() else ""
    found = re.search(r'JAVA_VERSION="(\d+)', said)
    if found is None:
        done = subprocess.run([java, "-version"], capture_output=True, text=True, check=False)  # noqa: S603 - a path of the machine's own
        found = re.search(r'version "(\d+)', done.stderr)
    return int(found[1]) if found else 0


def check_spark_installed() -> None:
    """Raise `EngineUnusable` if `pyspark`, `sqlglot` or Java is missing."""
    if find_spec("pyspark") is None or find_spec("sqlglot") is None:
        raise EngineUnusable(
            "Spark n'est pas installé : « pip install pyspark sqlglot », ou réglez [expertise] "
            "engine sur « duckdb »."
        )
    find_java()


class SparkEngine:
    """One Spark session, ended with the build. Raises `EngineUnusable` if none can be started."""

    name = "Spark"

    def __init__(self, master: str, memory_bytes: int, folder: Path) -> None:
        check_spark_installed()
        # Imported here: it is an optional package that only a build by Spark needs.
        from pyspark.errors import PySparkException
        from pyspark.sql import SparkSession

        settings = {
            "spark.app.name": "quisait",
            "spark.ui.enabled": "false",
            "spark.ui.showConsoleProgress": "false",
            "spark.local.dir": str(folder / "spill"),
            "spark.sql.warehouse.dir": str(folder / "spill" / "warehouse"),
            "spark.driver.memory": f"{memory_bytes // 2**20}m",
            # Write no marker file beside a table.
            "spark.hadoop.mapreduce.fileoutputcommitter.marksuccessfuljobs": "false",
        }
        if master.startswith("local") or urlsplit(master).hostname in ("127.0.0.1", "localhost"):
            settings |= {
                "spark.driver.host": "127.0.0.1",
                "spark.driver.bindAddress": "127.0.0.1",
                "spark.sql.shuffle.partitions": str(_PARTITIONS_HERE),
            }
        (folder / "spill").mkdir(mode=0o700, exist_ok=True)
        builder = SparkSession.builder.master(master)
        for name, value in settings.items():
            builder = builder.config(name, value)
        try:
            with _java_home(find_java()):
                self._session: SparkSession = builder.getOrCreate()
        except (PySparkException, OSError, RuntimeError, _java_error()) as error:
            raise EngineUnusable(
                f"Spark ne démarre pas avec « {master} » ({type(error).__name__}) : vérifiez "
                "[expertise.options] master, que ce maître répond, et la mémoire de cette machine."
            ) from error
        self._session.sparkContext.setLogLevel("ERROR")
        self._known = {"spill"}

    def compute(self, folder: Path, table: str, query: str) -> None:
        """Write the rows of a query, in DuckDB's SQL, as `folder/table/*.parquet`."""
        from pyspark.errors import PySparkException

        try:
            # Once for each table, since Spark opens its files to learn their columns.
            for path in folder.iterdir():
                if path.name not in self._known:
                    self._session.read.parquet(f"file://{path}").createOrReplaceTempView(path.name)
                    self._known.add(path.name)
            self._session.sql(in_spark_sql(query)).write.parquet(f"file://{folder / table}")
        except (PySparkException, _java_error()) as error:
            raise EngineUnusable(
                f"Spark n'a pas pu calculer la cartographie ({type(error).__name__}, table "
                f"« {table} ») : chaque machine du groupe doit voir le dossier de quisait sous le "
                "même chemin, et avoir de la mémoire. La cartographie précédente reste en service."
            ) from error

    def close(self) -> None:
        """End the session."""
        self._session.stop()


def in_spark_sql(query: str) -> str:
    """Return a query of DuckDB's dialect in Spark's."""
    from sqlglot import transpile  # imported here: only a build by Spark needs it

    (translated,) = transpile(query, read="duckdb", write="spark")
    return str(translated)


def _java_error() -> type[Exception]:
    from py4j.protocol import Py4JError

    found: type[Exception] = Py4JError
    return found


@contextmanager
def _java_home(home: Path) -> Iterator[None]:
    before = os.environ.get("JAVA_HOME")
    os.environ["JAVA_HOME"] = str(home)
    try:
        yield
    finally:
        if before is None:
            del os.environ["JAVA_HOME"]
        else:
            os.environ["JAVA_HOME"] = before


def check_spark(options: SparkOptions) -> str:
    """Check Java and `pyspark`, and that the master answers.

    Raises `ValueError` with what is missing.
    """
    check_spark_installed()
    master = options.master
    found = urlsplit(master)
    if found.scheme == "spark":
        try:
            port = found.port or _MASTER_PORT
            with socket.create_connection((found.hostname or "", port), timeout=_MASTER_WAIT_S):
                pass
        except (OSError, ValueError) as error:
            raise ValueError(
                f"le maître {master} ne répond pas ({type(error).__name__}) : démarrez-le, ou "
                "réglez [expertise.options] master"
            ) from error
    elif not re.fullmatch(r"local(\[(\d+|\*)\])?", master):
        raise ValueError(
            f"[expertise.options] master = « {master} » : « local[2] » ou « spark://hôte:7077 »"
        )
    return f"{master}, Java {java_version(find_java())}"


def _open(options: SparkOptions, files: BuildFiles, means: BuildMeans) -> SparkEngine:
    return SparkEngine(options.master, means.memory_bytes, files.folder)


KIND = BuildEngineKind(SparkOptions, _open, check_spark)
