"""Read a tree of real files, with rules that say who may read them.

`FolderConnector.changes` shows the flow; `rules` defines the rules and `walk` walks the tree.
"""

import base64
import hashlib
import json
import zlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path
from typing import Self, TypeVar

from connectors.file_patterns import EVERY_FILE, FileSelection
from connectors.files import FileState, OpenFile, disk_timeout_error, open_contained
from connectors.folder.documents import described, ruled_document
from connectors.folder.rules import Rule, RuleScope, access_by_rule, read_outside_table
from connectors.folder.walk import (
    FoundFile,
    ListedFolder,
    UnreadableFolder,
    WalkEntry,
    find_file,
    root_identity,
    walk,
)
from connectors.parts import WHOLE, Part
from connectors.ports import (
    AccessChanged,
    AccessNarrowed,
    Change,
    Checkpoint,
    ContentStale,
    Listing,
    Malformed,
    RecordVanished,
    SourceRefused,
    SourceUnreachable,
    SubtreeHidden,
    Upsert,
)
from connectors.timeouts import DISK_TIMEOUT_S, call_with_timeout
from connectors.titles import title_of_path
from connectors.values import Access, Content, Document

FileDigests = tuple[str, str]
"""Digests of a file as last yielded: of everything but its access, and of its access."""

_Value = TypeVar("_Value")

CHECKPOINT_FILES = 200
CHECKED_ENTRIES = 2_000
"""Number of files and folders that `check` looks at."""
_MAX_CURSOR_BYTES = 1024 * 1024 * 1024


@dataclass(slots=True)
class _FolderState:
    """The content of a cursor: known files, and folders with a digest of the tables above them."""

    files: dict[str, FileDigests] = field(default_factory=dict)
    upper_tables: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class FolderConnector:
    """Reads every regular file under `root` that is not hidden; links are not followed.

    `default_access` applies if no rule names any readers; without it, nobody may read. A file whose
    size and modification time are unchanged has not changed. Files that `selection` excludes count
    as deleted, and nobody may read them until their deletion is applied. `link` is the URL of files
    whose rule sets none, with `{path}` for the path. Each `part` lists every folder, and reads only
    its own files. `rules` is a table kept outside `root`; tables and sidecars below `root` may add
    readers only as `RuleScope` says. `noted_root` is `root_now` of an earlier crawl: if it differs
    now, the crawl is refused.
    """

    source: str
    root: Path
    default_access: Access = field(default_factory=Access)
    selection: FileSelection = EVERY_FILE
    link: str = ""
    part: Part = WHOLE
    rules: Path | None = None
    trusts_tables: bool = False
    noted_root: str = ""

    def root_now(self) -> str:
        """Return the identity of the root: its path without links, and its inode.

        The device is left out: a network share gets a new one at each mount. Raises
        `SourceUnreachable`.
        """
        root = _resolved(self.root)
        return f"{_identity(root)[1]}:{root}"

    def _read_root(self) -> Path:
        """Return the root without links. Raises `SourceUnreachable`, `SourceRefused`."""
        if self.noted_root and self.noted_root != self.root_now():
            raise SourceRefused(
                f"Le dossier de {self.source} n'est plus celui qui était lu (un lien, un autre "
                "dossier, un disque qui n'est pas monté) : rien n'en est lu. S'il est le bon : "
                f"quisait crawl {self.source} --accept-root."
            )
        return _resolved(self.root)

    def of_part(self, part: Part) -> Self:
        """Return the same folder, limited to the files of this part."""
        return replace(self, part=part)

    def _scope(self) -> tuple[RuleScope, tuple[Malformed, ...]]:
        """Return the current rules outside the folder, and problems with them."""
        if self.rules is None:
            return RuleScope(self.default_access, (), self.trusts_tables), ()
        table, problems = read_outside_table(self.rules, self.rules.name)
        return RuleScope(self.default_access, (table,), self.trusts_tables), problems

    def _walk(self, root: Path) -> Iterator[WalkEntry]:
        scope, problems = self._scope()
        yield from problems

        def held(path: str) -> bool:
            return self.part.holds(f"{self.source}:{path}")

        held_here = held if self.part != WHOLE else None
        yield from walk(root, self.selection, held=held_here, scope=scope)

    def changes(self, since: str | None) -> Iterator[Change]:
        """Yield new and changed files, then the listing. Raises `SourceUnreachable`.

        A folder or file that cannot be read is reported and counts as existing: the listing
        deletes nothing below such a folder. Its indexed files are hidden if the tables above
        it changed since the cursor, or if the cursor does not know them.
        """
        root = self._read_root()
        identity = _identity(root)
        before, now = _read_cursor(since), _FolderState()
        existing: set[str] = set()
        unlisted: list[str] = []
        pending = 0
        yield from self._left_out(before.files)
        for entry in self._walk(root):
            match entry:
                case Malformed():
                    yield entry
                case ListedFolder(path=path):
                    now.upper_tables[path] = entry.upper_tables
                case UnreadableFolder(path=path):
                    yield Malformed(path or ".", entry.reason, kind="closed_folder")
                    files = _at_or_below(path, before.files)
                    if before.upper_tables.get(path) != entry.upper_tables:
                        # Other tables may apply now, and the folder's own are unknown.
                        yield SubtreeHidden(f"{self.source}:{path}")
                        files = {
                            name: (text, _NO_ACCESS_DIGEST) for name, (text, _) in files.items()
                        }
                    existing |= files.keys()
                    unlisted.append(f"{self.source}:{path}")
                    now.files |= files
                    now.upper_tables |= _at_or_below(path, before.upper_tables)
                    now.upper_tables[path] = entry.upper_tables
                case FoundFile():
                    yield from self._file_changes(root, entry, before.files, now.files)
                    existing.add(entry.path)
            pending += not isinstance(entry, ListedFolder)
            # The cursor grows with the tree, so it is written less often in large trees.
            if pending >= max(CHECKPOINT_FILES, len(now.files) // 10):
                pending = 0
                files = {**before.files, **now.files}
                tables = {**before.upper_tables, **now.upper_tables}
                yield _checkpoint(_FolderState(files, tables))
        if _identity(root) != identity:
            raise SourceUnreachable(
                f"Le dossier {self.root} a été remplacé pendant la lecture : relancez."
            )
        ids = frozenset(f"{self.source}:{path}" for path in existing)
        yield Listing(ids, tuple(unlisted), self.selection.left_out(self.source))
        yield _checkpoint(now)

    def _left_out(self, known: Iterable[str]) -> Iterator[AccessNarrowed]:
        """Remove all readers of files that the selection excludes: their deletion may wait."""
        for path in known:
            if not self.selection.takes(tuple(path.split("/"))):
                yield AccessNarrowed(f"{self.source}:{path}", Access())

    def count_pending(self, since: str | None) -> int | None:
        """Return the number of files, unchanged files included."""
        entries = self._walk(self._read_root())
        return sum(isinstance(entry, FoundFile) for entry in entries)

    def check(self) -> Iterator[str]:
        """Yield a French sentence for each table or sidecar whose added readers are ignored.

        Raises `SourceError`. Looks only at the first `CHECKED_ENTRIES`; a crawl looks at all
        entries.
        """
        for entry in islice(self._walk(self._read_root()), CHECKED_ENTRIES):
            if isinstance(entry, Malformed):
                yield f"{entry.where} : {entry.reason}"

    def refetch(self, document_ids: frozenset[str]) -> Iterator[Change]:
        """Yield these files, read again. Raises `SourceUnreachable`."""
        root = self._read_root()
        wanted = set(document_ids)
        for entry in self._walk(root):
            if isinstance(entry, FoundFile) and f"{self.source}:{entry.path}" in wanted:
                wanted.discard(f"{self.source}:{entry.path}")
                if not entry.problem:
                    yield Upsert(self._document(root, entry))

    def open_original(self, document_id: str) -> tuple[Access, OpenFile] | None:
        """Return a document's open file and its current access, or None if it does not exist.

        File and rules are of the same moment. Raises `SourceUnreachable`, `SourceRefused`.
        """
        source, _, path = document_id.partition(":")
        if source != self.source or not path:
            return None
        root = self._read_root()
        return call_with_timeout(
            DISK_TIMEOUT_S, lambda: self._open_original(root, path), disk_timeout_error(root)
        )

    def _open_original(self, root: Path, path: str) -> tuple[Access, OpenFile] | None:
        try:
            found = find_file(root, path, self.selection, self._scope()[0])
            if found is None or found.problem:
                return None
            listed = FileState(found.size, found.mtime_ns, found.rule_stamps)
            return self._access(found.rule), open_contained(root, found.raw_path, listed)
        except (OSError, ValueError, RecordVanished):
            return None

    def _file_changes(
        self,
        root: Path,
        found: FoundFile,
        before: Mapping[str, FileDigests],
        now: dict[str, FileDigests],
    ) -> Iterator[Change]:
        if found.path in now:
            yield Malformed(found.path, "un autre fichier porte le même nom", None)
            return
        document = self._document(root, found)
        content, access = _digests(document)
        former_content, former_access = before.get(found.path, (_UNKNOWN_DIGEST, _UNKNOWN_DIGEST))
        if found.problem:
            yield Malformed(found.path, found.problem, document.id)
            if former_content == content:  # the indexed text is still the file's
                yield AccessNarrowed(document.id, document.access)
            else:
                content = _UNKNOWN_DIGEST
                yield ContentStale(document.id)
            now[found.path] = (content, _UNKNOWN_DIGEST)
            return
        now[found.path] = (content, access)
        if former_content != content:
            yield Upsert(document)
        elif former_access != access:
            yield AccessChanged(document.id, document.access)

    def _document(self, root: Path, found: FoundFile) -> Document:
        return ruled_document(
            self.source,
            found.path,
            found.rule,
            self._access(found.rule),
            content=Content(
                found.path.rpartition("/")[2],
                lambda: found.read(root),
                None,
                found.size,
                title_of_path(found.path),
            ),
            modified=datetime.fromtimestamp(found.mtime_ns / 1e9, tz=UTC),
            link=self.link,
            version=f"{found.size}:{found.mtime_ns}",
        )

    def _access(self, rule: Rule | None) -> Access:
        return access_by_rule(rule, self.default_access)


def _identity(root: Path) -> tuple[int, int]:
    return call_with_timeout(DISK_TIMEOUT_S, lambda: root_identity(root), disk_timeout_error(root))


def _resolved(root: Path) -> Path:
    try:
        return call_with_timeout(
            DISK_TIMEOUT_S, lambda: root.resolve(strict=True), disk_timeout_error(root)
        )
    except (OSError, RuntimeError) as error:
        raise SourceUnreachable(
            f"Le dossier {root} est introuvable : vérifiez le chemin, ou que le disque est monté."
        ) from error


def _at_or_below(path: str, values: Mapping[str, _Value]) -> dict[str, _Value]:
    """Return the values of a path and of all paths below it; the root's path is empty."""
    return {
        name: value
        for name, value in values.items()
        if not path or name == path or name.startswith(f"{path}/")
    }


def _digests(document: Document) -> FileDigests:
    access = [sorted(document.access.allowed), sorted(document.access.denied)]
    return _digest(described(document)), _digest(json.dumps(access))


def _digest(text: str) -> str:
    digest = hashlib.blake2b(text.encode(), digest_size=9).digest()
    return base64.urlsafe_b64encode(digest).decode()


_NO_ACCESS_DIGEST = _digest(json.dumps([[], []]))
"""The digest of an access that allows nobody."""
_UNKNOWN_DIGEST = ""
"""Stands for an unreadable file or access. It differs from every digest, so the next crawl that can
read the file yields it.
"""


def _checkpoint(state: _FolderState) -> Checkpoint:
    values = {"v": 1, "files": state.files, "above": state.upper_tables}
    text = json.dumps(values, sort_keys=True, ensure_ascii=False)
    return Checkpoint(base64.b64encode(zlib.compress(text.encode())).decode())


def _read_cursor(since: str | None) -> _FolderState:
    """Return the state that a cursor stores, or an empty state if it cannot be parsed."""
    try:
        packed = base64.b64decode(since or "", validate=True)
        values = json.loads(zlib.decompressobj().decompress(packed, _MAX_CURSOR_BYTES))
        files = values["files"] if values["v"] == 1 else {}
        return _FolderState(
            {
                str(path): (str(content), str(access))
                for path, (content, access, *_) in files.items()
            },
            {str(path): str(digest) for path, digest in values.get("above", {}).items()},
        )
    except (ValueError, TypeError, KeyError, AttributeError, zlib.error):
        return _FolderState()
