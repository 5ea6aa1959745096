"""The tables of a build, as Parquet files in one folder: written, computed, read, and deleted.

They hold ids of agents, accounts and documents: the folder is its owner's alone (0700), is in no
backup, and goes with the build; what a crash leaves is deleted by the next build, and where a
worker starts. DuckDB reads and writes them in bounded memory, and spills beside them.
"""

import os
import shutil
import tempfile
import weakref
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    import duckdb

FOLDER = "cartographie-en-cours"
"""The folder of a build under way, in the data folder."""
_SPILL = "spill"
ROWS_AT_ONCE = 10_000
"""Rows read at once: so many are in memory."""


class EngineUnusable(ValueError):
    """The engine is missing, does not start, or has too little memory or disk; says what to do."""


class SqlEngine(Protocol):
    """Computes a table from the tables of a folder, each a folder of Parquet files."""

    name: str

    def compute(self, folder: Path, table: str, query: str) -> None:
        """Write the rows of a query as `folder/table/*.parquet`."""
        ...

    def close(self) -> None:
        """End what was started."""
        ...


@dataclass(frozen=True, slots=True)
class BuildMeans:
    """Where a build is computed, and with how much.

    `folder` is the data folder; without one, a temporary folder serves. DuckDB takes at most
    `memory_bytes`, beside what Python holds, and so many `threads` (0: as many as there are cores).
    `spark_master` names who computes instead of DuckDB: `local[2]`, `spark://host:7077`.
    """

    folder: Path | None = None
    memory_bytes: int = 2_000_000_000
    threads: int = 0
    spark_master: str = ""


Columns = Mapping[str, tuple[str, Sequence[Any] | NDArray[Any]]]
"""By name: (SQL type, values). All of one length."""


class BuildFiles:
    """A folder of tables, and the DuckDB that reads them. Closed, or forgotten, it is deleted."""

    def __init__(self, means: BuildMeans) -> None:
        # Imported here: a tenth of a second, and most commands build nothing.
        import duckdb

        self.folder = _empty_folder(means.folder)
        self._parts: dict[str, int] = {}
        self.rows_written = 0
        self.read = duckdb.connect(":memory:")
        spill = str(self.folder / _SPILL).replace("'", "''")
        for setting in (
            f"SET memory_limit = '{means.memory_bytes}B'",
            f"SET temp_directory = '{spill}'",
            # Order is asked for where it matters, and costs memory everywhere else.
            "SET preserve_insertion_order = false",
            # Nothing is looked for on a network.
            "SET autoinstall_known_extensions = false",
            "SET autoload_known_extensions = false",
            *([f"SET threads = {means.threads}"] if means.threads else []),
        ):
            self.read.execute(setting)
        self.engine: SqlEngine = _DuckEngine(self.read)
        self._end = weakref.finalize(self, _delete, self.folder)
        if means.spark_master:
            from expertise.spark_engine import SparkEngine

            try:
                self.engine = SparkEngine(means.spark_master, means.memory_bytes, self.folder)
            except BaseException:
                self.close()
                raise

    def add(self, table: str, columns: Columns) -> None:
        """Write one more part of a table. Raises `ValueError` for text that is no Unicode."""
        number = self._parts[table] = self._parts.get(table, -1) + 1
        folder = self.folder / table
        folder.mkdir(mode=0o700, exist_ok=True)
        held = {name: _array(kind, values) for name, (kind, values) in columns.items()}
        self.rows_written += max(map(len, held.values()))
        cast = ", ".join(f"CAST({name} AS {kind}) AS {name}" for name, (kind, _) in columns.items())
        self.read.register("part", held)
        self._copy(f"SELECT {cast} FROM part", folder / f"{number:06}.parquet")
        self.read.unregister("part")
        if not number:
            self._view(table)

    def compute(self, table: str, query: str) -> None:
        """Make a table of tables, by the engine of the build."""
        self.engine.compute(self.folder, table, query)
        for path in (self.folder / table).iterdir():
            path.chmod(0o600)
        self._view(table)

    def rearrange(self, table: str, query: str) -> None:
        """Make a table of tables that were read, by DuckDB whatever the engine."""
        _DuckEngine(self.read).compute(self.folder, table, query)
        self._view(table)

    def arrays(self, query: str) -> dict[str, NDArray[Any]]:
        """All rows of a small query, by column."""
        with _errors_in_french():
            found: dict[str, NDArray[Any]] = self.read.cursor().execute(query).fetchnumpy()
        return found

    def rows(self, query: str) -> Iterator[tuple[Any, ...]]:
        """The rows of a query, of which a few are in memory at once."""
        with _errors_in_french():
            cursor = self.read.cursor().execute(query)
            some = cursor.fetchmany(ROWS_AT_ONCE)
        while some:
            yield from some
            with _errors_in_french():
                some = cursor.fetchmany(ROWS_AT_ONCE)

    def keep_only(self, tables: Collection[str]) -> None:
        """Delete the tables that nothing reads any more: a large build's take gigabytes."""
        for path in self.folder.iterdir():
            if path.name not in (*tables, _SPILL):
                self.read.execute(f"DROP VIEW IF EXISTS {path.name}")
                _delete(path)

    def adopt(self, folder: Path) -> None:
        """Move here the tables that another process wrote by `add`."""
        for path in folder.iterdir():
            self._parts[path.name] = len(list(path.glob("*.parquet"))) - 1
            path.rename(self.folder / path.name)
            self._view(path.name)

    def parts(self, table: str) -> int:
        """In how many parts a table was written."""
        return self._parts.get(table, -1) + 1

    def part(self, table: str, number: int) -> str:
        """One part, as SQL names it."""
        return f"read_parquet('{_quoted(self.folder / table / f'{number:06}.parquet')}')"

    def close(self) -> None:
        """Delete the folder."""
        self.engine.close()
        self.read.close()
        self._end()

    def _copy(self, query: str, path: Path) -> None:
        _copy(self.read, query, path)

    def _view(self, table: str) -> None:
        files = _quoted(self.folder / table / "*.parquet")
        query = f"CREATE OR REPLACE VIEW {table} AS SELECT * FROM read_parquet('{files}')"
        self.read.execute(query)


def delete_leftovers(folder: Path) -> None:
    """Delete what a build that was killed left. Only for who holds the build's lock."""
    _delete(folder / FOLDER)


class _DuckEngine:
    name = "duckdb"

    def __init__(self, connection: "duckdb.DuckDBPyConnection") -> None:
        self._connection = connection

    def compute(self, folder: Path, table: str, query: str) -> None:
        (folder / table).mkdir(mode=0o700, exist_ok=True)
        _copy(self._connection, query, folder / table / "000000.parquet")

    def close(self) -> None:
        """The connection is closed by who made it."""


def _copy(connection: "duckdb.DuckDBPyConnection", query: str, path: Path) -> None:
    # Made first, so that it is nobody else's from the start, whatever the umask.
    os.close(os.open(path, os.O_WRONLY | os.O_CREAT, 0o600))
    with _errors_in_french():
        connection.execute(f"COPY ({query}) TO '{_quoted(path)}' (FORMAT parquet)")
    path.chmod(0o600)


@contextmanager
def _errors_in_french() -> Iterator[None]:
    """What is full, memory or disk, is said with what to do; a wrong query stays a fault."""
    import duckdb

    try:
        yield
    except (duckdb.OutOfMemoryException, duckdb.IOException) as error:
        raise EngineUnusable(
            f"DuckDB n'a pas pu calculer la cartographie ({type(error).__name__}) : faites de la "
            "place sur le disque de « folder », ou réglez [expertise] max_memory_bytes plus haut. "
            "La cartographie précédente reste en service."
        ) from error


def _quoted(path: Path) -> str:
    return str(path).replace("'", "''")


def _array(kind: str, values: Sequence[Any] | NDArray[Any]) -> NDArray[Any]:
    if isinstance(values, np.ndarray):
        return values
    return np.array(values, dtype=_NUMPY_TYPES[kind])


_NUMPY_TYPES = {
    "BIGINT": np.int64,
    "DOUBLE": np.float64,
    "FLOAT": np.float32,
    "BOOLEAN": np.bool_,
    "VARCHAR": object,
}


def _empty_folder(data: Path | None) -> Path:
    if data is None:
        return Path(tempfile.mkdtemp(prefix="quisait-"))
    delete_leftovers(data)
    folder = data / FOLDER
    folder.mkdir(mode=0o700)
    return folder


def _delete(folder: Path) -> None:
    shutil.rmtree(folder, ignore_errors=True)
