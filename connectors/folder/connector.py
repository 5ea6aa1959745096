"""Read a tree of real files, with rules that say who may read them.

`FolderSource.listing` shows the flow; `rules` defines the rules and `walk` walks the tree.
"""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from connectors.file_patterns import EVERY_FILE, FileSelection, parse_selection
from connectors.files import (
    FileStamp,
    FileState,
    OpenFile,
    disk_timeout_error,
    open_contained,
    rules_unchanged,
)
from connectors.folder.documents import ReadFile, described, ruled_document
from connectors.folder.options import FolderOptions
from connectors.folder.rules import (
    Rule,
    RuleScope,
    Strangers,
    access_by_rule,
    read_outside_table,
    unknown_in_table,
)
from connectors.folder.walk import (
    FoundFile,
    WalkEntry,
    check_listable,
    find_file,
    walk,
)
from connectors.installed import ConnectorKind, SourcePlace
from connectors.ports import (
    Listed,
    ListingItem,
    Malformed,
    RecordVanished,
    SourceUnreachable,
    Unlisted,
)
from connectors.timeouts import DISK_TIMEOUT_S, call_with_timeout
from connectors.titles import title_of_path
from connectors.values import Access, Content, Document

CHECKED_S = 10.0
"""Longest duration of `check`, in seconds; a large share would take an hour."""
NO_READERS = (
    "personne ne lit ce dossier : nommez ses lecteurs dans « allowed », ou dans une table "
    "_quisait.csv"
)


@dataclass(frozen=True, slots=True)
class FolderSource:
    """Lists every regular file under `root` that is not hidden; links are not followed.

    `default_access` applies if no rule names any readers; without it, nobody may read. A file whose
    size and modification time are unchanged has not changed. Files that `selection` excludes count
    as deleted, and nobody may read them until their deletion is applied. `link` is the URL of files
    whose rule sets none, with `{path}` for the path. `rules` is a table kept outside `root`; tables
    and sidecars below `root` may add readers only as `RuleScope` says. With `strangers`, rules that
    name unknown principals are reported.
    """

    source: str
    root: Path
    default_access: Access = field(default_factory=Access)
    selection: FileSelection = EVERY_FILE
    link: str = ""
    rules: Path | None = None
    trusts_tables: bool = False
    strangers: Strangers | None = None

    def roots(self) -> Sequence[Path]:
        """Return the folder as the settings name it."""
        return (self.root,)

    def _scope(self) -> tuple[RuleScope, tuple[Malformed, ...]]:
        """Return the current rules outside the folder, and problems with them."""
        if self.rules is None:
            return RuleScope(self.default_access, (), self.trusts_tables), ()
        table, problems = read_outside_table(self.rules, self.rules.name)
        if self.strangers:
            problems += tuple(unknown_in_table(table, self.rules.name, self.strangers))
        return RuleScope(self.default_access, (table,), self.trusts_tables), problems

    def _walk(self, root: Path) -> Iterator[WalkEntry]:
        scope, problems = self._scope()
        yield from problems
        yield from walk(
            root,
            self.selection,
            scope=scope,
            source=self.source,
            strangers=self.strangers,
        )

    def listing(self) -> Iterator[ListingItem]:
        """Yield every folder, and every file with its readers.

        A folder that cannot be read is reported. Its indexed files are hidden if the tables above
        it changed since it was listed. Raises `SourceUnreachable`, `SourceRefused`.
        """
        root = _readable_root(self.root)
        for entry in self._walk(root):
            if not isinstance(entry, FoundFile):
                yield entry
                continue
            made = self._document(root, entry)
            version = described(made).encode()
            yield Listed(made.id, version, made.access, (root, entry), entry.problem)

    def read(self, listed: Listed) -> Document:
        """Return a file as it was listed; its text is read later."""
        return self._document(*listed.place)

    def rights(self, items: Sequence[Listed]) -> Mapping[str, Access]:
        """Return the current readers of listed files. Raises `SourceError`."""
        scope, _ = self._scope()

        def rights() -> dict[str, Access]:
            return dict(self._rights_of(scope, items))

        return call_with_timeout(DISK_TIMEOUT_S, rights, disk_timeout_error(self.root))

    def _rights_of(self, scope: RuleScope, items: Sequence[Listed]) -> Iterator[tuple[str, Access]]:
        stamps: dict[str, FileStamp | None] = {}
        for item in items:
            root, listed = item.place
            with suppress(OSError, ValueError):  # it was deleted since, or is a link now
                if self.rules is None and rules_unchanged(root, listed.rule_stamps, stamps):
                    yield item.id, self._access(listed.rule)
                    continue
                found = find_file(root, listed.path, self.selection, scope)
                if found is not None and not found.problem:
                    yield item.id, self._access(found.rule)

    def left_out(self) -> Callable[[str], bool] | None:
        """Return whether the settings exclude a document."""
        return self.selection.left_out(self.source)

    def count_pending(self, since: str | None) -> int | None:
        """Return the number of files, unchanged files included."""
        entries = self._walk(_resolved(self.root))
        return sum(isinstance(entry, FoundFile) for entry in entries)

    def check(self) -> Iterator[str]:
        """Yield French sentences about unlisted folders, faulty rules, and a tree without readers.

        Raises `SourceError`. Stops after `CHECKED_S`; a crawl looks at all entries.
        """
        until = time.monotonic() + CHECKED_S
        files = readable = 0
        for entry in self._walk(_resolved(self.root)):
            match entry:
                case Malformed(where, reason):
                    yield f"{where} : {reason}"
                case Unlisted(root, reason):
                    yield f"{root.partition(':')[2] or '.'} : {reason}"
                case FoundFile(rule=rule):
                    files += 1
                    readable += bool(self._access(rule).allowed)
            if time.monotonic() > until:
                break
        if files and not readable:
            yield NO_READERS

    def open_original(self, document_id: str) -> tuple[Access, OpenFile] | None:
        """Return a document's open file and its current access, or None if it does not exist.

        The file and its rules are read at the same moment. Raises `SourceUnreachable`.
        """
        source, _, path = document_id.partition(":")
        if source != self.source or not path:
            return None
        root = _resolved(self.root)
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

    def _document(self, root: Path, found: FoundFile) -> Document:
        content = Content(
            found.path.rpartition("/")[2],
            lambda: found.read(root),
            None,
            found.size,
            title_of_path(found.path),
        )
        modified = datetime.fromtimestamp(found.mtime_ns / 1e9, tz=UTC)
        version = f"{found.size}:{found.mtime_ns}"
        file = ReadFile(found.path, content, modified, self.link, version)
        return ruled_document(self.source, file, found.rule, self._access(found.rule))

    def _access(self, rule: Rule | None) -> Access:
        return access_by_rule(rule, self.default_access)


def _readable_root(root: Path) -> Path:
    """Return the root's path without links. Raises `SourceUnreachable` if it cannot be listed."""
    resolved = _resolved(root)
    timeout = disk_timeout_error(resolved)
    call_with_timeout(DISK_TIMEOUT_S, lambda: check_listable(resolved), timeout)
    return resolved


def _resolved(root: Path) -> Path:
    try:
        return call_with_timeout(
            DISK_TIMEOUT_S, lambda: root.resolve(strict=True), disk_timeout_error(root)
        )
    except (OSError, RuntimeError) as error:
        raise SourceUnreachable(
            f"Le dossier {root} est introuvable : vérifiez le chemin, ou que le disque est monté."
        ) from error


def open_folder(place: SourcePlace, options: FolderOptions) -> FolderSource:
    """Return the source of one folder."""
    return FolderSource(
        place.source,
        place.folder / options.path,
        place.default_access,
        parse_selection(options.include, options.exclude),
        options.link,
        rules=(place.folder / options.rules).resolve() if options.rules else None,
        trusts_tables=options.tables == "trusted",
    )


KIND = ConnectorKind(
    "dossier de fichiers",
    FolderOptions,
    open_folder,
    about="Les fichiers d’un dossier de cette machine, ou monté sur elle. Ils sont lus par ceux "
    "que vous dites, ou que disent des tables _quisait.csv dans le dossier.",
    credential="",
    asks=("allowed", "every", "trust"),
)
