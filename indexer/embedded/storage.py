"""The embedded indexes: a folder each, and one file that says which of them is live.

The file is replaced by a rename, so that it is always whole; every process reads it at
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
from indexer.embedded.rows import indexed_of
from indexer.embedded.store import FORMAT, engine_faults, salvaged_rows
from indexer.errors import IndexDamaged, IndexRefused, IndexUnreachable
from indexer.french.signature import analysis_signature
from indexer.live_index import EncoderRecord, IndexSpec, NamedIndex, Pointers
from indexer.values import IndexedDocument

POINTER = "generations.json"
UNNAMED = NamedIndex("", IndexSpec(EncoderRecord("", 0), "", ""))
"""An index of before there was a pointer lies in the folder itself."""
_DELETIONS = 5
"""Of a folder in which somebody writes meanwhile, before its removal is an error."""


class EmbeddedStorage:
    """Adapter of `IndexStorage`."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._opened: dict[str, EmbeddedIndex] = {}
        self._opening = threading.Lock()

    def spec(self, encoder: EncoderRecord) -> IndexSpec:
        """What this code makes indexes with."""
        return IndexSpec(encoder, analysis_signature(), FORMAT)

    def pointers(self) -> Pointers | None:
        """Read the file; without it, an index that lies in the folder itself is the live one."""
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
        """Open an index's folder, once in this process."""
        with self._opening:
            if named.name not in self._opened:
                if not (self._folder / named.name / "index.sqlite").exists():
                    raise IndexUnreachable("Cet index vient d'être supprimé : recommencez.")
                self._opened[named.name] = EmbeddedIndex(
                    self._folder / named.name, named.spec.encoder.dimension
                )
            return self._opened[named.name]

    def identity(self, named: NamedIndex) -> str:
        """Return the index's name behind the engine's: no name is used twice."""
        return f"embedded:{named.name}"

    def create(self, spec: IndexSpec) -> NamedIndex:
        """Make the folder, then name it: what is made and never named, `clear` deletes."""
        pointers = self.pointers()
        # A name is never used twice: what a process has opened cannot become another.
        created = NamedIndex(f"{datetime.now(UTC):%Y%m%d%H%M%S}-{secrets.token_hex(2)}", spec)
        EmbeddedIndex(self._folder / created.name, spec.encoder.dimension)
        self._point(Pointers(pointers.live, created) if pointers else Pointers(created))
        return created

    def promote(self) -> None:
        """One rename; then delete what is not named any more."""
        pointers = self.pointers()
        if pointers is None or pointers.next is None:
            raise IndexRefused("Il n'y a pas d'index à mettre en service : rien n'a été changé.")
        self._point(Pointers(pointers.next))
        self.clear()

    def drop_next(self) -> None:
        """Name it no more, then delete it."""
        pointers = self.pointers()
        if pointers is not None:
            self._point(Pointers(pointers.live))
            self.clear()

    def clear(self) -> None:
        """Delete every folder with an index that the file does not name."""
        pointers = self.pointers()
        if pointers is None:
            return
        named = {pointer.name for pointer in (pointers.live, pointers.next) if pointer}
        with engine_faults():
            for store in self._folder.glob("*/index.sqlite"):
                if store.parent.name not in named:
                    self._opened.pop(store.parent.name, None)
                    with suppress(OSError):  # of files that somebody still holds
                        _delete_folder(store.parent)
            if UNNAMED.name not in named:
                for path in (*self._folder.glob("index.sqlite*"), *self._folder.glob("text*")):
                    _delete_folder(path) if path.is_dir() else path.unlink(missing_ok=True)

    def delete_all(self) -> None:
        """Delete the folder."""
        with engine_faults():
            self._opened.clear()
            if self._folder.exists():
                _delete_folder(self._folder)

    def size_bytes(self, named: NamedIndex) -> int:
        """Size of the index's files, as far as they stay while they are counted."""
        with engine_faults():
            return sum(map(_size, (self._folder / named.name).rglob("*")))

    def salvage(self, named: NamedIndex) -> Iterator[IndexedDocument | None]:
        """Yield each document of a file that may be damaged; None for a row that cannot be read."""
        for row in salvaged_rows(self._folder / named.name / "index.sqlite"):
            try:
                yield indexed_of(row, named.spec.encoder.dimension) if row else None
            except (TypeError, ValueError, KeyError):
                yield None

    def _point(self, pointers: Pointers) -> None:
        """Replace the file; once this returns, it outlasts a loss of power."""
        named = {"live": pointers.live, "next": pointers.next}
        text = json.dumps({role: _row(one) for role, one in named.items() if one})
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
    """Delete it whole, also where tantivy takes a lock in it meanwhile.

    An index that was opened a moment ago is looked at from a thread of the engine's own.
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
    """As every version reads it: one that is still running has to say that it is a former one."""
    return {"name": named.name, "made": asdict(named.spec)}


def _named(row: dict[str, Any]) -> NamedIndex:
    made = row["made"]
    try:
        encoder = EncoderRecord(**made["encoder"])
        return NamedIndex(row["name"], IndexSpec(encoder, made["analysis"], made["format"]))
    except (KeyError, TypeError):  # written by another version
        return NamedIndex(row["name"], UNNAMED.spec)
