"""Walk a tree of files in name order, with the rules that apply in each folder."""

import os
import stat
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path

from connectors.file_patterns import EVERY_FILE, FileSelection
from connectors.files import (
    FileStamp,
    FileState,
    UnsafePath,
    disk_timeout_error,
    open_root,
    open_subfolder,
    read_contained,
    read_file_at,
    stamp_at,
)
from connectors.folder.rules import (
    MAX_RULE_BYTES,
    NO_READER_ADDED,
    TABLE_NAME,
    Rule,
    RuleScope,
    RuleTable,
    Strangers,
    is_skipped,
    parse_sidecar,
    parse_table,
    rule_and_ignored,
    tables_digest,
    unknown_in_sidecar,
    unknown_in_table,
    unreadable_table,
)
from connectors.ports import ListedFolder, Malformed, SourceUnreachable, Unlisted
from connectors.rule_reports import SIDECAR_SUFFIX
from connectors.timeouts import DISK_TIMEOUT_S, iterate_with_timeout

_MAX_DEPTH = 200
_UNREADABLE_RULE = "règle illisible : personne ne lit ce dont elle parle"


@dataclass(frozen=True, slots=True)
class FoundFile:
    """A regular file. `path` is in NFC, `raw_path` opens it; both are relative to the root.

    `rule` is None if an invalid rule may apply to the file; `problem` says why the file cannot be
    read. `rule_stamps`, as in `FileState`, are the stamps of its tables and its sidecar.
    """

    path: str
    raw_path: str
    size: int
    mtime_ns: int
    rule: Rule | None
    problem: str = ""
    rule_stamps: tuple[tuple[str, FileStamp | None], ...] = ()

    def read(self, root: Path) -> bytes:
        """Return the file's bytes.

        Raises `SourceUnreachable`, or `RecordVanished` if it changed.
        """
        listed = FileState(self.size, self.mtime_ns)
        return read_contained(root, self.raw_path, listed)


WalkEntry = FoundFile | ListedFolder | Unlisted | Malformed
"""Items of a walk. `rights` of a folder is a digest of the rule tables above it."""


def document_path(raw_path: str) -> str:
    """Return a file's path as used in its id: NFC, with bytes that are not UTF-8 escaped."""
    written = raw_path.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")
    return unicodedata.normalize("NFC", written)


def check_listable(root: Path) -> None:
    """Raise `SourceUnreachable` if the root cannot be listed."""
    try:
        with os.scandir(root):
            pass
    except OSError as error:
        raise SourceUnreachable(
            f"Le dossier {root} ne peut être lu ({error.strerror}) : vérifiez le chemin et "
            "les droits."
        ) from error


def walk(
    root: Path,
    selection: FileSelection = EVERY_FILE,
    timeout_s: float = DISK_TIMEOUT_S,
    scope: RuleScope | None = None,
    source: str = "",
    strangers: Strangers | None = None,
) -> Iterator[WalkEntry]:
    """Yield every selected file below `root`, and reports of unreadable files and invalid rules.

    The roots of folders begin with the name of the `source`. With `strangers`, rules that name
    unknown principals are reported too. Raises `SourceUnreachable` if the disk does not answer for
    `timeout_s`.
    """
    folder = _Folder(source, selection=selection, strangers=strangers)
    folder = folder.in_scope(scope or RuleScope())
    return iterate_with_timeout(_walk(root, folder), timeout_s, disk_timeout_error(root))


@dataclass(frozen=True, slots=True)
class _Folder:
    """A folder during the walk: its path below the root, and the tables that apply to it.

    `told`: tables and sidecars already reported because their added readers are ignored.
    """

    source: str = ""
    raw_parts: tuple[str, ...] = ()
    tables: tuple[RuleTable, ...] = ()
    rule_stamps: tuple[tuple[str, FileStamp | None], ...] = ()
    selection: FileSelection = EVERY_FILE
    scope: RuleScope = field(default_factory=RuleScope)
    strangers: Strangers | None = None
    told: set[tuple[str, ...]] = field(default_factory=set)

    def in_scope(self, scope: RuleScope) -> "_Folder":
        """Return the root folder, with the tables that are kept outside the tree."""
        return replace(self, scope=scope, tables=scope.outside)

    @property
    def parts(self) -> tuple[str, ...]:
        return tuple(map(document_path, self.raw_parts))

    def raw_path(self, name: str) -> str:
        return "/".join((*self.raw_parts, name))

    def path(self, name: str) -> str:
        return "/".join((*self.parts, document_path(name)))

    def subfolder(self, name: str) -> "_Folder":
        return replace(self, raw_parts=(*self.raw_parts, name))

    def leaves_out(self, name: str, *, is_folder: bool) -> bool:
        """Return whether the selection excludes this entry."""
        path = (*self.parts, document_path(name))
        if is_folder:
            return not self.selection.enters(path)
        return not self.selection.takes(path)

    def with_table(self, stamp: FileStamp | None, *table: RuleTable) -> "_Folder":
        """Return the folder with its own table, if it has one, and that table's stamp."""
        rule_stamps = (*self.rule_stamps, (self.raw_path(TABLE_NAME), stamp))
        return replace(self, tables=(*self.tables, *table), rule_stamps=rule_stamps)

    @property
    def rights(self) -> bytes:
        return tables_digest(self.tables).encode()

    def unreadable(self, name: str, reason: str) -> Unlisted:
        """Return the report of a subfolder that cannot be listed."""
        return Unlisted(f"{self.source}:{self.path(name)}", reason, self.rights)


def _walk(root: Path, folder: _Folder) -> Iterator[WalkEntry]:
    try:
        with open_root(root) as descriptor:
            yield from _walk_folder(descriptor, folder)
    except FileNotFoundError:
        return
    except OSError as error:
        yield Unlisted(f"{folder.source}:", _unreadable_reason(error), folder.rights)


def find_file(
    root: Path, path: str, selection: FileSelection = EVERY_FILE, scope: RuleScope | None = None
) -> FoundFile | None:
    """Return the file at a document's path with its current rules, as `walk` would, or None.

    Folders are opened one in the other, and no link is followed. Raises OSError.
    """
    parts = path.split("/")
    if len(parts) > _MAX_DEPTH + 1 or not selection.takes(tuple(parts)):
        return None
    with open_root(root) as descriptor:
        return _found_below(descriptor, _Folder().in_scope(scope or RuleScope()), parts)


def _found_below(descriptor: int, folder: _Folder, parts: Sequence[str]) -> FoundFile | None:
    """Return the first file of that path: names may differ only in their Unicode form."""
    listed = sorted(os.listdir(descriptor))
    names = {document_path(one): one for one in listed}
    if TABLE_NAME in names:
        folder, _ = _with_own_table(descriptor, folder)
    else:
        folder = folder.with_table(None)
    for name in (one for one in listed if document_path(one) == parts[0] and not is_skipped(one)):
        with suppress(OSError, UnsafePath):
            if len(parts) == 1:
                entries: Iterable[WalkEntry] = _found_file(descriptor, folder, name, names)
                found = next((one for one in entries if isinstance(one, FoundFile)), None)
            else:
                with open_subfolder(descriptor, name) as inner:
                    found = _found_below(inner, folder.subfolder(name), parts[1:])
            if found is not None:
                return found
    return None


def _walk_folder(descriptor: int, folder: _Folder) -> Iterator[WalkEntry]:
    """Yield the files in an open folder and below.

    Raises OSError if the folder cannot be listed.
    """
    with os.scandir(descriptor) as listed:
        entries = sorted(listed, key=lambda entry: entry.name)
    yield ListedFolder(f"{folder.source}:{'/'.join(folder.parts)}", folder.rights)
    names = {document_path(entry.name): entry.name for entry in entries}
    if TABLE_NAME in names:
        folder, problems = _with_own_table(descriptor, folder)
        yield from problems
    else:
        folder = folder.with_table(None)
    for entry in entries:
        if is_skipped(entry.name):
            continue
        try:
            is_folder, is_file = _kind(entry)
        except OSError as error:
            if folder.leaves_out(entry.name, is_folder=True):
                continue
            reason = f"il ne peut être lu ({error.strerror})"
            yield folder.unreadable(entry.name, reason)
            continue
        if folder.leaves_out(entry.name, is_folder=is_folder):
            continue
        if is_folder:
            yield from _walk_subfolder(descriptor, folder, entry.name)
        elif is_file:
            yield from _found_file(descriptor, folder, entry.name, names)


def _walk_subfolder(descriptor: int, folder: _Folder, name: str) -> Iterator[WalkEntry]:
    if len(folder.raw_parts) >= _MAX_DEPTH:
        reason = f"plus de {_MAX_DEPTH} dossiers l'un dans l'autre"
        yield folder.unreadable(name, reason)
        return
    try:
        with open_subfolder(descriptor, name) as inner:
            yield from _walk_folder(inner, folder.subfolder(name))
    except FileNotFoundError:
        return  # deleted since its parent was listed
    except UnsafePath as error:  # replaced by a link
        yield folder.unreadable(name, str(error))
    except OSError as error:
        yield folder.unreadable(name, _unreadable_reason(error))


def _unreadable_reason(error: OSError) -> str:
    return f"ce dossier ne peut être lu ({error.strerror})"


def _kind(entry: "os.DirEntry[str]") -> tuple[bool, bool]:
    """Return (is a folder, is a file); both false if it was deleted. Raises OSError if unknown."""
    try:
        return entry.is_dir(follow_symlinks=False), entry.is_file(follow_symlinks=False)
    except (FileNotFoundError, NotADirectoryError):
        return False, False


def _found_file(
    descriptor: int, folder: _Folder, name: str, names: dict[str, str]
) -> Iterator[WalkEntry]:
    size, mtime_ns, problem = 0, 0, ""
    try:
        status = os.stat(name, dir_fd=descriptor, follow_symlinks=False)
        if not stat.S_ISREG(status.st_mode):
            return
        size, mtime_ns = status.st_size, status.st_mtime_ns
        effective_ids = os.access in os.supports_effective_ids
        if not os.access(name, os.R_OK, dir_fd=descriptor, effective_ids=effective_ids):
            problem = "droits insuffisants pour lire le fichier"
    except (FileNotFoundError, NotADirectoryError):
        return  # deleted since its folder was listed
    except OSError as error:
        # The folder may be listed, but its entries may not be accessed.
        problem = f"le fichier ne peut être lu ({error.strerror})"
    path = (*folder.parts, document_path(name))
    rule, ignored = rule_and_ignored(path, folder.tables, None, folder.scope)
    sidecar_name = names.get(path[-1] + SIDECAR_SUFFIX)
    stamp = None
    if sidecar_name is not None:
        content, stamp = _read_rule_file(descriptor, sidecar_name)
        sidecar, reason = (
            (None, _UNREADABLE_RULE) if content is None else parse_sidecar(content, folder.parts)
        )
        if sidecar is None:
            yield Malformed("/".join(path) + SIDECAR_SUFFIX, reason, kind="rule")
        rule = None
        if sidecar:
            rule, ignored = rule_and_ignored(path, folder.tables, sidecar, folder.scope)
        if sidecar and content and folder.strangers:
            where = "/".join(path) + SIDECAR_SUFFIX
            yield from unknown_in_sidecar(sidecar, content, where, folder.strangers)
    yield from _readers_not_added(folder, path, ignored)
    sidecar_path = folder.raw_path(sidecar_name or name + SIDECAR_SUFFIX)
    rule_stamps = (*folder.rule_stamps, (sidecar_path, stamp))
    yield FoundFile(
        "/".join(path), folder.raw_path(name), size, mtime_ns, rule, problem, rule_stamps
    )


def _readers_not_added(
    folder: _Folder, path: tuple[str, ...], ignored: tuple[int, ...]
) -> Iterator[Malformed]:
    """Report each table or sidecar whose added readers are ignored, once."""
    for number in ignored:
        where = (*path[:-1], path[-1] + SIDECAR_SUFFIX)
        if number < len(folder.tables):
            where = (*folder.tables[number].folder, TABLE_NAME)
        if where not in folder.told:
            folder.told.add(where)
            yield Malformed("/".join(where), NO_READER_ADDED, kind="rule")


def _with_own_table(descriptor: int, folder: _Folder) -> tuple[_Folder, tuple[Malformed, ...]]:
    """Return the folder with its own table applied, and the invalid rows of that table."""
    content, stamp = _read_rule_file(descriptor, TABLE_NAME)
    if content is None:
        table = unreadable_table(folder.parts)
        report = Malformed(folder.path(TABLE_NAME), _UNREADABLE_RULE, kind="rule")
        problems: tuple[Malformed, ...] = (report,)
    else:
        trusted = folder.scope.trusts(folder.parts)
        table, problems = parse_table(content, folder.parts, trusted=trusted)
        if folder.strangers:
            unknown = unknown_in_table(table, folder.path(TABLE_NAME), folder.strangers)
            problems = (*problems, *unknown)
    return folder.with_table(stamp, table), problems


def _read_rule_file(descriptor: int, name: str) -> tuple[bytes | None, FileStamp | None]:
    """Return the bytes of a table or sidecar of an open folder, and its stamp.

    The bytes are None if the file is a link, too large or unreadable. The stamp is None if the
    file's status cannot be read.
    """
    try:
        return read_file_at(descriptor, name, MAX_RULE_BYTES)
    except (OSError, UnsafePath):
        with suppress(OSError):
            return None, stamp_at(descriptor, name)
        return None, None
