"""Encoders over another encoder: with a cache of vectors, and with questions before passages."""

import hashlib
import logging
import os
import sqlite3
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path

import numpy as np

from indexer.errors import IndexDamaged, IndexUnreachable
from indexer.ports import Encoder
from indexer.values import Vectors

log = logging.getLogger(__name__)

BATCH_TEXTS = 64
"""How many texts are encoded between two writes: what an interruption costs at most."""

KEPT_VECTORS = "vectors.sqlite"
"""The file of kept vectors in the working folder."""
_BUSY_TIMEOUT_S = 60.0
_DAMAGED = frozenset({sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB})
_LENGTH_ERROR = 1e-3
"""A vector has length 1. One that is farther from it than this was damaged on the disk."""
_LOOKUP = 500

EncodingProgress = Callable[[int, int], None]
"""Called with (texts done, texts asked for) at the start and after each batch."""

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
    """Wraps an encoder; keeps each batch as it comes, so that kill -9 loses at most one.

    Two processes may share the file, as may threads. Queries are kept only where
    `keep_queries` says so: a reader's query must not stay on disk. Without room on the disk
    a vector is made and not kept. Raises `IndexUnreachable` where the file cannot be read,
    `IndexDamaged` where it is damaged.
    """

    def __init__(
        self,
        encoder: Encoder,
        path: Path,
        keep_queries: bool = False,
        progress: EncodingProgress | None = None,
    ) -> None:
        self._encoder = encoder
        self._keep_queries = keep_queries
        self._progress = progress or (lambda _done, _total: None)
        self._alone = threading.Lock()
        path.parent.mkdir(parents=True, exist_ok=True)
        with _faults():
            self._database = sqlite3.connect(path, timeout=_BUSY_TIMEOUT_S, check_same_thread=False)
            self._database.execute("pragma journal_mode = wal")
            self._database.execute("pragma synchronous = normal")
            # A deleted vector still tells of its text: its bytes go too.
            self._database.execute("pragma secure_delete = on")
            with self._database:
                self._database.execute(_SCHEMA)

    @property
    def name(self) -> str:
        """The wrapped encoder's."""
        return self._encoder.name

    @property
    def dimension(self) -> int:
        """The wrapped encoder's."""
        return self._encoder.dimension

    def passages(self, texts: Sequence[str]) -> Vectors:
        """float32 (n, d), rows of length 1, in the order of `texts`."""
        return self._through(texts, f"{self.name}/passage", self._encoder.passages)

    def queries(self, texts: Sequence[str]) -> Vectors:
        """The same for questions."""
        if not self._keep_queries:
            return self._encoder.queries(texts)
        # An encoder reads a beginning only: a cache of one that read more holds other vectors.
        read = [self._encoder.beginning(text) for text in texts]
        return self._through(read, f"{self.name}/query", self._encoder.queries)

    def beginning(self, text: str) -> str:
        """The wrapped encoder's."""
        return self._encoder.beginning(text)

    def forget(self, texts: Sequence[str]) -> int:
        """Delete the vectors of these texts, of whatever encoder, so that no trace stays.

        How many are gone.
        """
        hashes = [(_hash(text),) for text in texts]
        gone = 0
        with self._alone, _faults(), self._database:
            # The table has a key by encoder first: each text is looked for under every one.
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
        found = self._kept(side, sorted(set(hashes)))
        missing = {key: text for key, text in zip(hashes, texts, strict=True) if key not in found}
        # Like lengths together: a batch is padded to its longest text.
        keys = sorted(missing, key=lambda key: len(missing[key]))
        done = len(texts) - len(keys)
        self._progress(done, len(texts))
        for start in range(0, len(keys), BATCH_TEXTS):
            batch = keys[start : start + BATCH_TEXTS]
            vectors = encode([missing[key] for key in batch])
            self._keep(side, batch, vectors)
            found.update(zip(batch, vectors, strict=True))
            self._progress(done + start + len(batch), len(texts))
        if not texts:
            return np.empty((0, self.dimension), np.float32)
        return np.stack([found[key] for key in hashes])

    def _kept(self, side: str, hashes: Sequence[bytes]) -> dict[bytes, Vectors]:
        found: dict[bytes, Vectors] = {}
        for start in range(0, len(hashes), _LOOKUP):
            some = hashes[start : start + _LOOKUP]
            marks = ",".join("?" * len(some))
            query = _SELECT + f" and text_hash in ({marks})"
            with self._alone, _faults():
                rows = self._database.execute(query, (side, *some)).fetchall()
            size = self.dimension * np.dtype(np.float32).itemsize
            vectors = (
                (key, np.frombuffer(kept, np.float32)) for key, kept in rows if len(kept) == size
            )
            found.update((key, vector) for key, vector in vectors if _has_length_1(vector))
        return found

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
    """False too for what is not a number: SQLite keeps no checksum of what it holds."""
    return bool(abs(np.linalg.norm(vector) - 1) < _LENGTH_ERROR)


def check_kept_vectors(path: Path) -> None:
    """Read the whole file, if there is one. Raises `IndexDamaged`, or `IndexUnreachable`."""
    if not path.exists():
        return
    with _faults(), closing(sqlite3.connect(path, timeout=_BUSY_TIMEOUT_S)) as database:
        if database.execute("pragma quick_check(1)").fetchone() != ("ok",):
            raise IndexDamaged(KEPT_VECTORS)


def drop_damaged_vectors(path: Path) -> bool:
    """Delete the file if it is damaged, and return whether it was. Nobody else may have it open.

    Raises `IndexUnreachable` where it cannot be read for another reason.
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
"""Passages encoded in one go, between two looks at whether somebody asks: as many as an encoder
takes side by side."""
CONCURRENT_QUERIES = max(4, os.cpu_count() or 1)
"""Questions encoded side by side; the next one waits. A long one does not hold up a short one."""
MAX_WAIT_S = 1.0
"""How long a slice of passages waits for questions to end, so that a crawl goes on at last."""


class QueryPriority:
    """Who goes first, for all encoders of one process: they share its processors."""

    def __init__(self, at_once: int = CONCURRENT_QUERIES, patience_s: float = MAX_WAIT_S) -> None:
        self._places = threading.Semaphore(at_once)
        self._patience_s = patience_s
        self._changed = threading.Condition()
        self._asked = 0

    @contextmanager
    def question(self) -> Iterator[None]:
        """While a question is encoded; waits where enough others are."""
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
        """Before a slice of passages: wait until nobody asks, or for `patience_s` seconds."""
        with self._changed:
            self._changed.wait_for(lambda: not self._asked, self._patience_s)


class QueryPriorityEncoder:
    """Wraps an encoder: no more than a slice of passages is encoded while a question waits."""

    def __init__(
        self,
        encoder: Encoder,
        precedence: QueryPriority | None = None,
        slice_texts: int = SLICE_TEXTS,
    ) -> None:
        self._encoder = encoder
        self._precedence = precedence or QueryPriority()
        self._slice = slice_texts

    @property
    def name(self) -> str:
        """The wrapped encoder's."""
        return self._encoder.name

    @property
    def dimension(self) -> int:
        """The wrapped encoder's."""
        return self._encoder.dimension

    def passages(self, texts: Sequence[str]) -> Vectors:
        """float32 (n, d), rows of length 1, in the order of `texts`."""
        vectors = np.empty((len(texts), self.dimension), np.float32)
        for start in range(0, len(texts), self._slice):
            self._precedence.give_way()
            some = texts[start : start + self._slice]
            vectors[start : start + len(some)] = self._encoder.passages(some)
        return vectors

    def queries(self, texts: Sequence[str]) -> Vectors:
        """The same for questions; of several, each waits for its own place."""
        vectors = np.empty((len(texts), self.dimension), np.float32)
        for row, text in enumerate(texts):
            with self._precedence.question():
                vectors[row] = self._encoder.queries([text])[0]
        return vectors

    def beginning(self, text: str) -> str:
        """The wrapped encoder's."""
        return self._encoder.beginning(text)
