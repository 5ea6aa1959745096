"""Generations of the embedded index: a folder each, and one file that says which is which.

The file is replaced by a rename, so that it is always whole; every process reads it at
each request and batch.
"""

import json
import os
import secrets
import shutil
import threading
from collections.abc import Iterator
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from indexer.embedded.former import FormerIndex
from indexer.embedded.index import EmbeddedIndex
from indexer.embedded.store import FORMAT, engine_faults, kept_made
from indexer.errors import IndexRefused, IndexUnreachable
from indexer.french.signature import analysis_signature
from indexer.generations import EncoderRecord, Generation, Signature, Standing

POINTER = "generations.json"
FORMER_LAYOUT = ""
"""An index made before there were generations lies in the folder itself."""


class EmbeddedGenerations:
    """Adapter of `GenerationWorks`; what changes it holds the gate alone."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._opened: dict[str, EmbeddedIndex | FormerIndex] = {}
        self._opening = threading.Lock()

    def signature(self, encoder: EncoderRecord) -> Signature:
        """What this code makes indexes with."""
        return Signature(encoder, analysis_signature(), FORMAT)

    def standing(self) -> Standing | None:
        """Read the file; without it, an index that lies in the folder itself is the live one."""
        with engine_faults():
            try:
                text = (self._folder / POINTER).read_text("utf-8")
            except FileNotFoundError:
                return self._of_former_layout()
        told = {role: _generation(row) for role, row in json.loads(text).items() if row}
        return Standing(told["live"], told.get("filling"), told.get("former"))

    def index(self, generation: Generation) -> EmbeddedIndex | FormerIndex:
        """Open a generation's folder, once in this process; of a former format, to be read."""
        with self._opening:
            if generation.name not in self._opened:
                if not (self._path(generation.name) / "index.sqlite").exists():
                    raise IndexUnreachable(
                        "Cette génération de l'index vient d'être supprimée : recommencez."
                    )
                kind = EmbeddedIndex if generation.made.format == FORMAT else FormerIndex
                self._opened[generation.name] = kind(
                    self._path(generation.name), generation.made.encoder.dimension
                )
            return self._opened[generation.name]

    def begin(self, made: Signature) -> Generation:
        """Make the folder, then name it; a folder that was made and never named is cleared."""
        standing = self.standing()
        # A name is never used twice: what a process has opened cannot become another.
        name = f"{datetime.now(UTC):%Y%m%d%H%M%S}-{secrets.token_hex(2)}"
        begun = Generation(name, made)
        with engine_faults():
            self._clear_unnamed(standing)
        EmbeddedIndex(self._path(name), made.encoder.dimension)
        self._tell(Standing(standing.live, filling=begun) if standing else Standing(begun))
        return begun

    def record(self, made: Signature) -> None:
        """Write what the live generation was made with."""
        standing = self.standing()
        if standing is not None:
            live = Generation(standing.live.name, made)
            self._tell(Standing(live, standing.filling, standing.former))

    def swap(self) -> None:
        """One rename."""
        standing, other = self._two()
        self._tell(Standing(other, former=standing.live))

    def drop(self) -> None:
        """Name it no more, then delete it."""
        standing, other = self._two()
        self._tell(Standing(standing.live))
        self._opened.pop(other.name, None)
        with engine_faults():
            self._delete(other.name)

    def size_bytes(self, generation: Generation) -> int:
        """Size of the generation's files, as far as they stay while they are counted."""
        with engine_faults():
            return sum(_size(path) for path in self._files(generation.name))

    def _two(self) -> tuple[Standing, Generation]:
        standing = self.standing()
        if standing is None or standing.other is None:
            raise IndexRefused("Il n'y a qu'une génération de l'index : rien n'a été changé.")
        return standing, standing.other

    def _of_former_layout(self) -> Standing | None:
        found = kept_made(self._folder / "index.sqlite")
        if found is None:
            return None
        dimension, kept_format = found
        made = Signature(EncoderRecord("", dimension), "", kept_format)
        return Standing(Generation(FORMER_LAYOUT, made))

    def _tell(self, standing: Standing) -> None:
        """Replace the file; once this returns, it outlasts a loss of power."""
        text = json.dumps({role: asdict(standing)[role] for role in ("live", "filling", "former")})
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

    def _path(self, name: str) -> Path:
        return self._folder / name

    def _files(self, name: str) -> Iterator[Path]:
        if name == FORMER_LAYOUT:
            tops = [*self._folder.glob("index.sqlite*"), *self._folder.glob("text*")]
        else:
            tops = [self._path(name)]
        for top in tops:
            yield from (top, *top.rglob("*"))

    def _delete(self, name: str) -> None:
        if name != FORMER_LAYOUT:
            shutil.rmtree(self._path(name), ignore_errors=True)
            return
        for path in sorted(self._files(name), reverse=True):
            path.rmdir() if path.is_dir() else path.unlink(missing_ok=True)

    def _clear_unnamed(self, standing: Standing | None) -> None:
        named = {one.name for one in standing.written} if standing else set()
        for store in self._folder.glob("*/index.sqlite"):
            if store.parent.name not in named:
                shutil.rmtree(store.parent, ignore_errors=True)


def _size(path: Path) -> int:
    try:
        return path.stat().st_size if path.is_file() else 0
    except FileNotFoundError:
        return 0


def _generation(row: dict[str, Any]) -> Generation:
    made = row["made"]
    return Generation(
        row["name"],
        Signature(EncoderRecord(**made["encoder"]), made["analysis"], made["format"]),
    )
