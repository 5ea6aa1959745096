"""Wrappers of encoders: with a cache of vectors, or with priority for queries over passages."""

import hashlib
import logging
import os
import sqlite3
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path

import numpy as np

from connectors.batches import batches
from indexer.errors import IndexDamaged, IndexUnreachable
from indexer.ports import Encoder
from indexer.values import Vectors

log = logging.getLogger(__name__)

BATCH_TEXTS = 64
"""Number of texts encoded between two writes: the most that an interruption can lose."""

KEPT_VECTORS = "vectors.sqlite"
"""Name of the file of cached vectors in the working folder."""
_BUSY_TIMEOUT_S = 60.0
_DAMAGED = frozenset({sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB})
_LENGTH_ERROR = 1e-3
"""Vectors have length 1; a larger deviation means that the stored vector is damaged."""
_LOOKUP = 500

_SCHEMA = """
create table if not exists vectors (
    encoder text not null, text_hash blob not null, vector blob not null,
    primary key (encoder, text_hash)
) without rowid
"""


_DELETE = "delete from vectors where encoder = ? and text_hash = ?"
_ENCODERS = """
with recursive names(name) as (
    select min(encoder) from vectors
    union all select (select min(encoder) from vectors where encoder > name) from names
    where name is not null
) select name from names where name is not null
"""
_SELECT = "select text_hash, vector from vectors where encoder = ?"


class CachedEncoder:
    """Caches the vectors of an encoder in a file, written after each batch.

    Processes and threads may share the file. Queries are only cached with `keep_queries`: a
    reader's query must not stay on disk. If the disk is full, vectors are returned but not cached.
    Raises `IndexUnreachable` if the file cannot be read, `IndexDamaged` if it is damaged.
    """

    def __init__(self, encoder: Encoder, path: Path, keep_queries: bool = False) -> None:
        self._encoder, self.name, self.dimension = encoder, encoder.name, encoder.dimension
        self._keep_queries = keep_queries
        self._alone = threading.Lock()
        path.parent.mkdir(parents=True, exist_ok=True)
        with _faults():
            self._database = sqlite3.connect(path, timeout=_BUSY_TIMEOUT_S, check_same_thread=False)
            self._database.execute("pragma journal_mode = wal")
            self._database.execute("pragma synchronous = normal")
            # A deleted vector would still reveal its text: overwrite its bytes.
            self._database.execute("pragma secure_delete = on")
            with self._database:
                self._database.execute(_SCHEMA)

    def passages(self, texts: Sequence[str]) -> Vectors:
        """Return float32 (n, d), rows of length 1, in the order of `texts`."""
        return self._through(texts, f"{self.name}/passage", self._encoder.passages)

    def queries(self, texts: Sequence[str]) -> Vectors:
        """Return the vectors of queries, like `passages`."""
        if not self._keep_queries:
            return self._encoder.queries(texts)
        # Keyed by the encoded part: vectors of encoders that read more must not be found.
        read = [self._encoder.beginning(text) for text in texts]
        return self._through(read, f"{self.name}/query", self._encoder.queries)

    def beginning(self, text: str) -> str:
        """Return the part of a query that `queries` encodes."""
        return self._encoder.beginning(text)

    def forget(self, texts: Sequence[str]) -> int:
        """Delete these texts' vectors of all encoders; return the number of deleted vectors."""
        hashes = [(_hash(text),) for text in texts]
        gone = 0
        with self._alone, _faults(), self._database:
            # The table's key begins with the encoder: look for each text under every encoder.
            names = self._database.execute(_ENCODERS).fetchall()
            for (name,) in names:
                pairs = [(name, *hash_) for hash_ in hashes]
                gone += self._database.executemany(_DELETE, pairs).rowcount
        return gone

    def keep(self, texts: Sequence[str], vectors: Vectors) -> None:
        """Keep the vectors that this encoder once made of these passages."""
        self._keep(f"{self.name}/passage", [_hash(text) for text in texts], vectors)

    def close(self) -> None:
        """Close the file."""
        self._database.close()

    def _through(
        self, texts: Sequence[str], side: str, encode: Callable[[Sequence[str]], Vectors]
    ) -> Vectors:
        hashes = [_hash(text) for text in texts]
        cached = self._kept(side, sorted(set(hashes)))
        missing = {key: text for key, text in zip(hashes, texts, strict=True) if key not in cached}
        # Texts of similar length together: a batch is padded to its longest text.
        keys = sorted(missing, key=lambda key: len(missing[key]))
        for start in range(0, len(keys), BATCH_TEXTS):
            batch = keys[start : start + BATCH_TEXTS]
            vectors = encode([missing[key] for key in batch])
            self._keep(side, batch, vectors)
            cached.update(zip(batch, vectors, strict=True))
        if not texts:
            return np.empty((0, self.dimension), np.float32)
        return np.stack([cached[key] for key in hashes])

    def _kept(self, side: str, hashes: Sequence[bytes]) -> dict[bytes, Vectors]:
        cached: dict[bytes, Vectors] = {}
        for batch in batches(hashes, _LOOKUP):
            marks = ",".join("?" * len(batch))
            query = _SELECT + f" and text_hash in ({marks})"
            with self._alone, _faults():
                rows = self._database.execute(query, (side, *batch)).fetchall()
            size = self.dimension * np.dtype(np.float32).itemsize
            vectors = (
                (key, np.frombuffer(stored, np.float32))
                for key, stored in rows
                if len(stored) == size
            )
            cached.update((key, vector) for key, vector in vectors if _has_length_1(vector))
        return cached

    def _keep(self, side: str, hashes: Sequence[bytes], vectors: Vectors) -> None:
        rows = [
            (side, key, np.ascontiguousarray(vector, np.float32).tobytes())
            for key, vector in zip(hashes, vectors, strict=True)
        ]
        try:
            with self._alone, self._database:
                self._database.executemany("insert or replace into vectors values (?, ?, ?)", rows)
        except sqlite3.Error as error:
            fields = {"error": type(error).__name__, "vectors": len(rows)}
            log.warning("vectors not kept", extra=fields)


def _hash(text: str) -> bytes:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest()


def _has_length_1(vector: Vectors) -> bool:
    """Return whether the length is 1; a damaged vector may contain NaN, for which this is false."""
    return bool(abs(np.linalg.norm(vector) - 1) < _LENGTH_ERROR)


def check_kept_vectors(path: Path) -> None:
    """Read the whole file, if there is one. Raises `IndexDamaged`, or `IndexUnreachable`."""
    if not path.exists():
        return
    with _faults(), closing(sqlite3.connect(path, timeout=_BUSY_TIMEOUT_S)) as database:
        if database.execute("pragma quick_check(1)").fetchone() != ("ok",):
            raise IndexDamaged(KEPT_VECTORS)


def drop_damaged_vectors(path: Path) -> bool:
    """Delete the file if it is damaged, and return whether it was.

    No other process may have it open. Raises `IndexUnreachable` if it cannot be read for another
    reason.
    """
    try:
        check_kept_vectors(path)
    except IndexDamaged:
        for suffix in ("-wal", "-shm", ""):
            Path(f"{path}{suffix}").unlink(missing_ok=True)
        log.warning("damaged vectors deleted", extra={"file": path.name})
        return True
    return False


@contextmanager
def _faults() -> Iterator[None]:
    try:
        yield
    except sqlite3.Error as error:
        if getattr(error, "sqlite_errorcode", 0) & 0xFF in _DAMAGED:
            raise IndexDamaged(KEPT_VECTORS) from error
        raise IndexUnreachable(
            f"Les vecteurs gardés ({KEPT_VECTORS}) ne peuvent être lus ({error}) : vérifiez la "
            "place sur le disque et les droits."
        ) from error


SLICE_TEXTS = max(4, os.cpu_count() or 1)
"""Number of passages encoded before waiting queries are considered: as many as an encoder runs in
parallel.
"""
CONCURRENT_QUERIES = max(4, os.cpu_count() or 1)
"""Number of queries encoded in parallel; further queries wait. A long query does not delay a short
one.
"""
MAX_WAIT_S = 1.0
"""Longest time that a slice of passages waits for queries, in seconds, so that a crawl continues.
"""


class QueryPriority:
    """Gives queries priority over passages, across all encoders of a process."""

    def __init__(self, at_once: int = CONCURRENT_QUERIES, patience_s: float = MAX_WAIT_S) -> None:
        self._places = threading.Semaphore(at_once)
        self._patience_s = patience_s
        self._changed = threading.Condition()
        self._asked = 0

    @contextmanager
    def question(self) -> Iterator[None]:
        """Hold one of the places for queries while a query is encoded; wait if all are taken."""
        with self._changed:
            self._asked += 1
        try:
            with self._places:
                yield
        finally:
            with self._changed:
                self._asked -= 1
                if not self._asked:
                    self._changed.notify_all()

    def give_way(self) -> None:
        """Wait, before a slice of passages, until no query runs, or for `patience_s` seconds."""
        with self._changed:
            self._changed.wait_for(lambda: not self._asked, self._patience_s)


class QueryPriorityEncoder:
    """Wraps an encoder so that a query waits for at most one slice of passages."""

    def __init__(
        self,
        encoder: Encoder,
        precedence: QueryPriority | None = None,
        slice_texts: int = SLICE_TEXTS,
    ) -> None:
        self._encoder, self.name, self.dimension = encoder, encoder.name, encoder.dimension
        self._precedence = precedence or QueryPriority()
        self._slice = slice_texts

    def passages(self, texts: Sequence[str]) -> Vectors:
        """Return float32 (n, d), rows of length 1, in the order of `texts`."""
        vectors = np.empty((len(texts), self.dimension), np.float32)
        for start in range(0, len(texts), self._slice):
            self._precedence.give_way()
            batch = texts[start : start + self._slice]
            vectors[start : start + len(batch)] = self._encoder.passages(batch)
        return vectors

    def queries(self, texts: Sequence[str]) -> Vectors:
        """Return the vectors of queries, each of which waits for its own place."""
        vectors = np.empty((len(texts), self.dimension), np.float32)
        for row, text in enumerate(texts):
            with self._precedence.question():
                vectors[row] = self._encoder.queries([text])[0]
        return vectors

    def beginning(self, text: str) -> str:
        """Return the part of a query that `queries` encodes."""
        return self._encoder.beginning(text)
