"""Write, compute, read and delete the tables of a build, as Parquet files in one folder.

They contain ids of agents, accounts and documents: only the owner can read the folder (0700), it is
in no backup, and it is deleted with the build. The next build, or a starting worker, deletes what a
crash left behind. DuckDB reads and writes the tables in bounded memory, and spills beside them.
"""

import os
import shutil
import tempfile
import weakref
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    import duckdb

FOLDER = "cartographie-en-cours"
"""Name of the folder of a running build, in the data folder."""
_SPILL = "spill"
ROWS_AT_ONCE = 10_000
"""Rows of a result that are in memory at once."""


class EngineUnusable(ValueError):
    """The engine is missing, does not start, or lacks memory or disk; the text says what to do."""


class SqlEngine(Protocol):
    """Computes a table from the tables of a folder; each table is a folder of Parquet files.

    `name` is the engine's name for people, such as `DuckDB`.
    """

    name: str

    def compute(self, folder: Path, table: str, query: str) -> None:
        """Write the rows of a query, in DuckDB's SQL, as `folder/table/*.parquet`."""

    def close(self) -> None:
        """Stop what the engine started."""


class DuckEngine:
    """Computes tables with the connection that reads them."""

    name = "DuckDB"

    def __init__(self, files: "BuildFiles", means: "BuildMeans") -> None:
        self._connection = files.read

    def compute(self, folder: Path, table: str, query: str) -> None:
        """Write the rows of a query as one file."""
        (folder / table).mkdir(mode=0o700, exist_ok=True)
        _copy(self._connection, query, folder / table / "000000.parquet")

    def close(self) -> None:
        """Do nothing: the owner of the connection closes it."""


@dataclass(frozen=True, slots=True)
class BuildMeans:
    """Where a build is computed, and with which resources.

    `folder` is the data folder; without it, a temporary folder is used. DuckDB takes at most
    `memory_bytes`, in addition to Python's memory, and `threads` threads (0: one per core).
    `open_engine` opens the engine that computes the tables; it may raise `EngineUnusable`.
    """

    folder: Path | None = None
    memory_bytes: int = 2_000_000_000
    threads: int = 0
    open_engine: "Callable[[BuildFiles, BuildMeans], SqlEngine]" = DuckEngine


Columns = Mapping[str, tuple[str, Sequence[Any] | NDArray[Any]]]
"""Columns by name, as (SQL type, values), all of the same length."""


class BuildFiles:
    """A folder of tables, and the DuckDB connection that reads them.

    The folder is deleted when the object is closed or garbage-collected.
    """

    def __init__(self, means: BuildMeans) -> None:
        # Imported here: it takes a tenth of a second, and most commands build nothing.
        import duckdb

        self.folder = _empty_folder(means.folder)
        self._parts: dict[str, int] = {}
        self.rows_written = 0
        self.read = duckdb.connect(":memory:")
        spill = str(self.folder / _SPILL).replace("'", "''")
        for setting in (
            f"SET memory_limit = '{means.memory_bytes}B'",
            f"SET temp_directory = '{spill}'",
            # Preserving order costs memory, and queries sort where order matters.
            "SET preserve_insertion_order = false",
            # No extension is downloaded.
            "SET autoinstall_known_extensions = false",
            "SET autoload_known_extensions = false",
            *([f"SET threads = {means.threads}"] if means.threads else []),
        ):
            self.read.execute(setting)
        self._duckdb = DuckEngine(self, means)
        self.engine: SqlEngine = self._duckdb
        self._end = weakref.finalize(self, _delete, self.folder)
        try:
            self.engine = means.open_engine(self, means)
        except BaseException:
            self.close()
            raise

    def add(self, table: str, columns: Columns) -> None:
        """Write one more part of a table.

        Raises `ValueError` for text that is not valid Unicode.
        """
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
        """Make a table from other tables, with the engine of the build."""
        self.engine.compute(self.folder, table, query)
        for path in (self.folder / table).iterdir():
            path.chmod(0o600)
        self._view(table)

    def rearrange(self, table: str, query: str) -> None:
        """Make a table from tables that were read, with DuckDB whichever engine computes builds."""
        self._duckdb.compute(self.folder, table, query)
        self._view(table)

    def arrays(self, query: str) -> dict[str, NDArray[Any]]:
        """Return all rows of a small query, by column."""
        with _errors_in_french():
            columns: dict[str, NDArray[Any]] = self.read.cursor().execute(query).fetchnumpy()
        return columns

    def rows(self, query: str) -> Iterator[tuple[Any, ...]]:
        """Yield the rows of a query, with at most `ROWS_AT_ONCE` in memory."""
        with _errors_in_french():
            cursor = self.read.cursor().execute(query)
            batch = cursor.fetchmany(ROWS_AT_ONCE)
        while batch:
            yield from batch
            with _errors_in_french():
                batch = cursor.fetchmany(ROWS_AT_ONCE)

    def keep_only(self, tables: Collection[str]) -> None:
        """Delete all tables except these, since the tables of a large build take gigabytes."""
        for path in self.folder.iterdir():
            if path.name not in (*tables, _SPILL):
                self.read.execute(f"DROP VIEW IF EXISTS {path.name}")
                _delete(path)

    def adopt(self, folder: Path) -> None:
        """Move the tables that another process wrote with `add` into this folder."""
        for path in folder.iterdir():
            self._parts[path.name] = len(list(path.glob("*.parquet"))) - 1
            path.rename(self.folder / path.name)
            self._view(path.name)

    def parts(self, table: str) -> int:
        """Return the number of parts that a table was written in."""
        return self._parts.get(table, -1) + 1

    def part(self, table: str, number: int) -> str:
        """Return one part as a table expression for SQL."""
        return f"read_parquet('{_quoted(self.folder / table / f'{number:06}.parquet')}')"

    def close(self) -> None:
        """Stop the engine, close the connection and delete the folder."""
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
    """Delete the files of a build that was killed; the caller must hold the build's lock."""
    _delete(folder / FOLDER)


def _copy(connection: "duckdb.DuckDBPyConnection", query: str, path: Path) -> None:
    # Create the file with its mode first, so that nobody else can ever read it, whatever the umask.
    os.close(os.open(path, os.O_WRONLY | os.O_CREAT, 0o600))
    with _errors_in_french():
        connection.execute(f"COPY ({query}) TO '{_quoted(path)}' (FORMAT parquet)")
    path.chmod(0o600)


@contextmanager
def _errors_in_french() -> Iterator[None]:
    """Turn a full memory or disk into `EngineUnusable`; other errors pass unchanged."""
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
