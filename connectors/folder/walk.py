"""Walking a tree of files in name order, with the rules that hold in each folder."""

import os
import stat
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from connectors.bounded import SILENCE_S, watched
from connectors.changes import Malformed
from connectors.contained import OutsideFolder, read_contained, regular_file, silent
from connectors.errors import RecordVanished, SourceUnreachable
from connectors.folder.rules import (
    SIDECAR_SUFFIX,
    TABLE_NAME,
    Rule,
    Table,
    broken_table,
    effective,
    parse_sidecar,
    parse_table,
    tables_digest,
)

_SKIPPED = frozenset({TABLE_NAME, "Thumbs.db", "desktop.ini"})
_MAX_DEPTH = 200
_UNREADABLE_RULE = "règle illisible : personne ne lit ce dont elle parle"


@dataclass(frozen=True, slots=True)
class FoundFile:
    """An ordinary file. `path` is in NFC, `raw_path` opens it; both relative to the root.

    `rule` is None where one that is not understood may speak of the file; `problem`
    says why the file cannot be read.
    """

    path: str
    raw_path: str
    size: int
    mtime_ns: int
    rule: Rule | None
    problem: str = ""


@dataclass(frozen=True, slots=True)
class ListedFolder:
    """A folder that was listed, before what it holds. `above`: digest of the tables above it."""

    path: str
    above: str


@dataclass(frozen=True, slots=True)
class UnreadableFolder:
    """A folder that could not be listed: what it holds is unknown, as are its own tables."""

    path: str
    reason: str
    above: str


Found = FoundFile | ListedFolder | UnreadableFolder | Malformed


def document_path(raw_path: str) -> str:
    """A file's path as its id has it: NFC; bytes that are not UTF-8 are written out."""
    written = raw_path.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")
    return unicodedata.normalize("NFC", written)


def root_identity(root: Path) -> tuple[int, int]:
    """Device and inode of a root that can be listed. Raises `SourceUnreachable`."""
    try:
        with os.scandir(root):
            pass
        status = root.stat()
    except OSError as error:
        raise SourceUnreachable(
            f"Le dossier {root} ne peut être lu ({error.strerror}) : vérifiez le chemin et "
            "les droits."
        ) from error
    return status.st_dev, status.st_ino


def walk(root: Path, silence_s: float = SILENCE_S) -> Iterator[Found]:
    """Every file below `root`, and what could not be read or understood.

    Raises `SourceUnreachable` where the disk says nothing for `silence_s`.
    """
    return watched(_walk(root, (), ()), silence_s, silent(root))


def _walk(root: Path, raw_parts: tuple[str, ...], tables: tuple[Table, ...]) -> Iterator[Found]:
    folder = tuple(map(document_path, raw_parts))
    try:
        with os.scandir(root.joinpath(*raw_parts)) as listed:
            entries = sorted(listed, key=lambda entry: entry.name)
    except FileNotFoundError:
        return  # went away since its parent was listed
    except OSError as error:
        reason = f"ce dossier ne peut être lu ({error.strerror})"
        yield UnreadableFolder("/".join(folder), reason, tables_digest(tables))
        return
    yield ListedFolder("/".join(folder), tables_digest(tables))
    names = {document_path(entry.name): entry.name for entry in entries}
    if TABLE_NAME in names:
        table, problems = _table(root, raw_parts, folder)
        tables = (*tables, table)
        yield from problems
    for entry in entries:
        if _skipped(entry.name):
            continue
        try:
            is_folder, is_file = _kind(entry)
        except OSError as error:
            path = "/".join((*folder, document_path(entry.name)))
            reason = f"il ne peut être lu ({error.strerror})"
            yield UnreadableFolder(path, reason, tables_digest(tables))
            continue
        if is_folder and len(raw_parts) >= _MAX_DEPTH:
            path = "/".join((*folder, document_path(entry.name)))
            reason = f"plus de {_MAX_DEPTH} dossiers l'un dans l'autre"
            yield UnreadableFolder(path, reason, tables_digest(tables))
        elif is_folder:
            yield from _walk(root, (*raw_parts, entry.name), tables)
        elif is_file:
            yield from _file(root, (*raw_parts, entry.name), tables, names)


def _kind(entry: "os.DirEntry[str]") -> tuple[bool, bool]:
    """(folder, file); neither of what went away. Raises OSError where nobody can tell."""
    try:
        return entry.is_dir(follow_symlinks=False), entry.is_file(follow_symlinks=False)
    except (FileNotFoundError, NotADirectoryError):
        return False, False


def _skipped(name: str) -> bool:
    """Whether a name is hidden, a lock of an office program, or a rule of ours."""
    return name.startswith((".", "~$")) or name in _SKIPPED or name.endswith(SIDECAR_SUFFIX)


def _file(
    root: Path, raw_parts: tuple[str, ...], tables: tuple[Table, ...], names: dict[str, str]
) -> Iterator[Found]:
    path = tuple(map(document_path, raw_parts))
    full = root.joinpath(*raw_parts)
    size, mtime_ns, problem = 0, 0, ""
    try:
        status = full.lstat()
        if not stat.S_ISREG(status.st_mode):
            return
        size, mtime_ns = status.st_size, status.st_mtime_ns
        if not os.access(full, os.R_OK, effective_ids=os.access in os.supports_effective_ids):
            problem = "droits insuffisants pour lire le fichier"
    except (FileNotFoundError, NotADirectoryError):
        return  # went away since its folder was listed
    except OSError as error:
        # As in a folder whose names may be read, and nothing of what bears them.
        problem = f"le fichier ne peut être lu ({error.strerror})"
    rule = effective(path, tables)
    beside = names.get(path[-1] + SIDECAR_SUFFIX)
    if beside is not None:
        sidecar, reason = _sidecar(root, (*raw_parts[:-1], beside), path[:-1])
        if sidecar is None:
            yield Malformed("/".join(path) + SIDECAR_SUFFIX, reason)
        rule = effective(path, tables, sidecar) if sidecar else None
    yield FoundFile("/".join(path), "/".join(raw_parts), size, mtime_ns, rule, problem)


def _table(
    root: Path, raw_parts: tuple[str, ...], folder: tuple[str, ...]
) -> tuple[Table, tuple[Malformed, ...]]:
    content = _rule_file(root, root.joinpath(*raw_parts, TABLE_NAME))
    if content is None:
        where = "/".join((*folder, TABLE_NAME))
        return broken_table(folder), (Malformed(where, _UNREADABLE_RULE),)
    return parse_table(content, folder)


def _sidecar(
    root: Path, raw_parts: tuple[str, ...], folder: tuple[str, ...]
) -> tuple[Rule | None, str]:
    content = _rule_file(root, root.joinpath(*raw_parts))
    return (None, _UNREADABLE_RULE) if content is None else parse_sidecar(content, folder)


def _rule_file(root: Path, path: Path) -> bytes | None:
    """The bytes of a table or sidecar; None where it is a link or cannot be read."""
    try:
        if path.is_symlink():
            return None
        regular_file(root, path)
        return read_contained(root, path)
    except (OSError, OutsideFolder, RecordVanished):
        return None
