"""An encoder that encodes no text twice: vectors kept in one SQLite file, by content."""

import hashlib
import logging
import sqlite3
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from indexer.errors import IndexUnreachable
from indexer.ports import Encoder
from indexer.values import Vectors

log = logging.getLogger(__name__)

BATCH_TEXTS = 64
"""How many texts are encoded between two writes: what an interruption costs at most."""

_BUSY_TIMEOUT_S = 60.0
_LOOKUP = 500

Progress = Callable[[int, int], None]
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
    a vector is made and not kept. Raises `IndexUnreachable` where the file cannot be read.
    """

    def __init__(
        self,
        encoder: Encoder,
        path: Path,
        keep_queries: bool = False,
        progress: Progress | None = None,
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
        return self._through(texts, f"{self.name}/query", self._encoder.queries)

    def beginning(self, text: str) -> str:
        """The wrapped encoder's."""
        return self._encoder.beginning(text)

    def forget(self, texts: Sequence[str]) -> int:
        """Delete the vectors of these texts, of whatever encoder, so that no trace stays.

        How many are gone.
        """
        hashes = [
            (hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest(),) for text in texts
        ]
        gone = 0
        with self._alone, _faults(), self._database:
            # The table has a key by encoder first: each text is looked for under every one.
            names = self._database.execute(_ENCODERS).fetchall()
            for (name,) in names:
                pairs = [(name, *one) for one in hashes]
                gone += self._database.executemany(_DELETE, pairs).rowcount
        return gone

    def close(self) -> None:
        """Close the file."""
        self._database.close()

    def _through(
        self, texts: Sequence[str], side: str, encode: Callable[[Sequence[str]], Vectors]
    ) -> Vectors:
        hashes = [hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest() for text in texts]
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
            found.update((key, np.frombuffer(vector, np.float32)) for key, vector in rows)
        return found

    def _keep(self, side: str, hashes: Sequence[bytes], vectors: Vectors) -> None:
        rows = [
            (side, key, np.ascontiguousarray(vector, np.float32).tobytes())
            for key, vector in zip(hashes, vectors, strict=True)
        ]
        try:
            with self._alone, self._database:
                self._database.executemany("insert or ignore into vectors values (?, ?, ?)", rows)
        except sqlite3.Error as error:
            fields = {"error": type(error).__name__, "vectors": len(rows)}
            log.warning("vectors not kept", extra=fields)


@contextmanager
def _faults() -> Iterator[None]:
    try:
        yield
    except sqlite3.Error as error:
        raise IndexUnreachable(
            f"Les vecteurs gardés (vectors.sqlite) ne peuvent être lus ({error}) : vérifiez la "
            "place sur le disque et les droits ; supprimer ce fichier ne coûte que du temps."
        ) from error
