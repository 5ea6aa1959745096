"""The embedded indexes: a folder for each, and a file that says which one is live.

The file is replaced by a rename, so that it is always complete. Every process reads the file at
each request and batch.
"""

import errno
import json
import os
import secrets
import shutil
import threading
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from indexer.embedded.index import EmbeddedIndex
from indexer.embedded.rows import PLACED_FACETS, indexed_of
from indexer.embedded.store import FORMAT, engine_faults, salvaged_rows
from indexer.errors import IndexDamaged, IndexFileMissing, IndexRefused, IndexUnreachable
from indexer.french.signature import analysis_signature
from indexer.live_index import EncoderRecord, IndexSpec, NamedIndex, Pointers
from indexer.values import FACETS, IndexedDocument

POINTER = "generations.json"
UNNAMED = NamedIndex("", IndexSpec(EncoderRecord("", 0), "", ""))
"""The index of a version without a pointer file; it lies in the folder itself."""
_DELETIONS = 5
"""Tries to delete a folder that another process writes to, before the error is raised."""


class EmbeddedStorage:
    """The `IndexStorage` in a local folder; with `read_only`, nothing in it is changed."""

    def __init__(self, folder: Path, *, read_only: bool = False) -> None:
        self._folder, self._read_only = folder, read_only
        self._opened: dict[str, EmbeddedIndex] = {}
        self._opening = threading.Lock()

    def spec(self, encoder: EncoderRecord) -> IndexSpec:
        """Return the spec of the indexes that this code creates, with any facets added since."""
        further = [name for name in FACETS if name not in PLACED_FACETS]
        return IndexSpec(encoder, " ".join([analysis_signature(), *further]), FORMAT)

    def pointers(self) -> Pointers | None:
        """Read the file; without it, an index in the folder itself is the live index."""
        with engine_faults():
            try:
                text = (self._folder / POINTER).read_text("utf-8")
            except FileNotFoundError:
                there = (self._folder / "index.sqlite").exists()
                return Pointers(UNNAMED) if there else None
        try:
            stored = json.loads(text)
            live, beside = stored["live"], stored.get("next")
            return Pointers(_named(live), _named(beside) if beside else None)
        except (ValueError, KeyError, TypeError) as error:
            raise IndexDamaged(POINTER) from error

    def index(self, named: NamedIndex) -> EmbeddedIndex:
        """Open an index's folder, once per process."""
        with self._opening:
            if named.name not in self._opened:
                # SQLite would fill a missing or emptied file: its documents would vanish silently.
                if not _size(self._folder / named.name / "index.sqlite"):
                    pointers = self.pointers()
                    if pointers is not None and named in (pointers.live, pointers.next):
                        raise IndexFileMissing(str(self._folder / named.name / "index.sqlite"))
                    raise IndexUnreachable("Cet index vient d'être supprimé : recommencez.")
                self._opened[named.name] = EmbeddedIndex(
                    self._folder / named.name,
                    named.spec.encoder.dimension,
                    read_only=self._read_only,
                )
            return self._opened[named.name]

    def identity(self, named: NamedIndex) -> str:
        """Return the index's name after the engine's: names are never used twice."""
        return f"embedded:{named.name}"

    def create(self, spec: IndexSpec) -> NamedIndex:
        """Create the folder, then point to it; `clear` deletes folders without a pointer."""
        pointers = self.pointers()
        # A name is never used twice: an opened index cannot turn into another one.
        created = NamedIndex(f"{datetime.now(UTC):%Y%m%d%H%M%S}-{secrets.token_hex(2)}", spec)
        EmbeddedIndex(self._folder / created.name, spec.encoder.dimension)
        self._point(Pointers(pointers.live, created) if pointers else Pointers(created))
        return created

    def promote(self) -> None:
        """Move the pointer with one rename, then delete other indexes."""
        pointers = self.pointers()
        if pointers is None or pointers.next is None:
            raise IndexRefused("Il n'y a pas d'index à mettre en service : rien n'a été changé.")
        self._point(Pointers(pointers.next))
        self.clear()

    def drop_next(self) -> None:
        """Remove the pointer to the next index, then delete it."""
        pointers = self.pointers()
        if pointers is not None:
            self._point(Pointers(pointers.live))
            self.clear()

    def clear(self) -> None:
        """Delete every folder with an index to which no pointer points."""
        pointers = self.pointers()
        if pointers is None:
            return
        named = {pointer.name for pointer in (pointers.live, pointers.next) if pointer}
        with engine_faults():
            for store in self._folder.glob("*/index.sqlite"):
                if store.parent.name not in named:
                    self._opened.pop(store.parent.name, None)
                    with suppress(OSError):  # another process may still hold files
                        _delete_folder(store.parent)
            if UNNAMED.name not in named:
                for path in (*self._folder.glob("index.sqlite*"), *self._folder.glob("text*")):
                    _delete_folder(path) if path.is_dir() else path.unlink(missing_ok=True)

    def delete_all(self) -> None:
        """Delete the whole folder."""
        with engine_faults():
            self._opened.clear()
            if self._folder.exists():
                _delete_folder(self._folder)

    def size_bytes(self, named: NamedIndex) -> int:
        """Return the size of the index's files; files that vanish meanwhile count 0."""
        with engine_faults():
            return sum(map(_size, (self._folder / named.name).rglob("*")))

    def salvage(self, named: NamedIndex) -> Iterator[IndexedDocument | None]:
        """Yield each document of a damaged file, and None for each unreadable row."""
        for row in salvaged_rows(self._folder / named.name / "index.sqlite"):
            try:
                yield indexed_of(row, named.spec.encoder.dimension) if row else None
            except (TypeError, ValueError, KeyError):
                yield None

    def _point(self, pointers: Pointers) -> None:
        """Replace the file; durable once this returns, even against a power failure."""
        named = {"live": pointers.live, "next": pointers.next}
        text = json.dumps({role: _row(pointer) for role, pointer in named.items() if pointer})
        written = self._folder / f"{POINTER}.new"
        with engine_faults():
            with written.open("w", encoding="utf-8") as file:
                file.write(text)
                file.flush()
                os.fsync(file.fileno())
            written.replace(self._folder / POINTER)
            folder = os.open(self._folder, os.O_RDONLY)
            try:
                os.fsync(folder)
            finally:
                os.close(folder)


def _delete_folder(folder: Path) -> None:
    """Delete a folder, even if tantivy takes a lock in it meanwhile.

    A thread of the engine watches an index for a while after it was opened.
    """
    tries = 0
    while folder.exists():
        tries += 1
        try:
            shutil.rmtree(folder)
        except OSError as error:
            if tries == _DELETIONS or error.errno not in (errno.ENOTEMPTY, errno.ENOENT):
                raise


def _size(path: Path) -> int:
    try:
        return path.stat().st_size if path.is_file() else 0
    except FileNotFoundError:
        return 0


def _row(named: NamedIndex) -> dict[str, Any]:
    """Return the pointer as JSON that an earlier version can read, and so notice that it is old."""
    return {"name": named.name, "made": asdict(named.spec)}


def _named(row: dict[str, Any]) -> NamedIndex:
    made = row["made"]
    try:
        encoder = EncoderRecord(**made["encoder"])
        return NamedIndex(row["name"], IndexSpec(encoder, made["analysis"], made["format"]))
    except (KeyError, TypeError):  # written by another version
        return NamedIndex(row["name"], UNNAMED.spec)
