"""Globs that name files of a tree, to include them or to exclude them."""

import unicodedata
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase


@dataclass(frozen=True, slots=True)
class FileSelection:
    """Decides which files of a tree are read, by patterns from `parse_selection`.

    A pattern names a file, or a folder with all that is below it, ignoring case. If `include` is
    empty, every file is read that `exclude` does not name.
    """

    include: tuple[tuple[str, ...], ...] = ()
    exclude: tuple[tuple[str, ...], ...] = ()

    def enters(self, folder: tuple[str, ...]) -> bool:
        """Return whether a file below that folder may be read."""
        return not _names_any(self.exclude, folder)

    def takes(self, path: tuple[str, ...]) -> bool:
        """Return whether the file at that path is read."""
        wanted = not self.include or _names_any(self.include, path)
        return wanted and not _names_any(self.exclude, path)

    def left_out(self, source: str) -> Callable[[str], bool] | None:
        """Return a function that tells whether the settings exclude a document, by its id.

        An id is `source:path`. Returns None if the settings exclude no file.
        """
        return None if self == EVERY_FILE else _LeftOut(self, source)


@dataclass(frozen=True, slots=True)
class _LeftOut:
    """Returns whether a document's file is outside the selection.

    This is a class, so that the predicates of two crawls with the same settings are equal.
    """

    selection: FileSelection
    source: str

    def __call__(self, document_id: str) -> bool:
        path = document_id.removeprefix(f"{self.source}:")
        return not self.selection.takes(tuple(path.split("/")))


EVERY_FILE = FileSelection()


def parse_selection(include: Sequence[str], exclude: Sequence[str]) -> FileSelection:
    """Parse globs relative to the root; a glob without a slash matches at any depth (`*.png`).

    Raises `ValueError` if one is invalid.
    """
    return FileSelection(*(tuple(map(_selecting, some)) for some in (include, exclude)))


def _selecting(written: str) -> tuple[str, ...]:
    bare = written.removeprefix("/").removesuffix("/")
    pattern = parse_pattern(bare.casefold())
    if not pattern:
        raise ValueError(f"« {written} » n'est pas un motif de fichiers, comme « *.png »")
    return pattern if "/" in bare or written.startswith("/") else ("**", *pattern)


def _names_any(patterns: Sequence[tuple[str, ...]], path: tuple[str, ...]) -> bool:
    """Return whether a pattern matches the path or a folder above it."""
    folded = tuple(part.casefold() for part in path) if patterns else ()
    return any(
        matches(pattern, folded[:end]) for pattern in patterns for end in range(1, len(folded) + 1)
    )


def parse_pattern(written: str) -> tuple[str, ...]:
    """Return the segments of a pattern, or an empty tuple if it is invalid."""
    if len(written) > 1000 or "\\" in written:
        return ()
    segments = tuple(unicodedata.normalize("NFC", written).removeprefix("./").split("/"))
    wrong = any(s in {"", ".", ".."} or ("**" in s and s != "**") for s in segments)
    return () if wrong or segments.count("**") > 4 else segments


def matches(pattern: tuple[str, ...], path: tuple[str, ...]) -> bool:
    """Return whether the pattern matches the whole path."""
    if not pattern:
        return not path
    ends = {0}
    for segment in pattern[:-1]:
        if segment == "**":
            ends = set(range(min(ends), len(path)))
        else:
            ends = {at + 1 for at in ends if at < len(path) and _matches_segment(path[at], segment)}
        if not ends:
            return False
    if pattern[-1] == "**":
        return min(ends) < len(path)
    return len(path) - 1 in ends and _matches_segment(path[-1], pattern[-1])


def _matches_segment(name: str, segment: str) -> bool:
    return fnmatchcase(name, segment.replace("[", "[[]"))
