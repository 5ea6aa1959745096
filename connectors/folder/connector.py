"""Read a tree of real files, with rules that say who may read them.

`FolderSource.listing_since` shows the flow; `rules` defines the rules and `walk` walks the tree.
"""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from connectors.file_patterns import EVERY_FILE, FileSelection, parse_selection
from connectors.files import FileState, OpenFile, disk_timeout_error, open_contained
from connectors.folder.documents import described, ruled_document
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
    find_file,
    root_identity,
    walk,
)
from connectors.installed import ConnectorKind, SourcePlace
from connectors.ports import (
    Former,
    Listed,
    ListingItem,
    Malformed,
    RecordVanished,
    SourceRefused,
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
    and sidecars below `root` may add readers only as `RuleScope` says. `noted_root` is `root_now`
    of an earlier crawl: if it differs now, the crawl is refused. With `strangers`, rules that name
    unknown principals are reported.
    """

    source: str
    root: Path
    default_access: Access = field(default_factory=Access)
    selection: FileSelection = EVERY_FILE
    link: str = ""
    rules: Path | None = None
    trusts_tables: bool = False
    noted_root: str = ""
    strangers: Strangers | None = None

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

    def _scope(self) -> tuple[RuleScope, tuple[Malformed, ...]]:
        """Return the current rules outside the folder, and problems with them."""
        if self.rules is None:
            return RuleScope(self.default_access, (), self.trusts_tables), ()
        table, problems = read_outside_table(self.rules, self.rules.name)
        if self.strangers:
            problems += tuple(unknown_in_table(table, self.rules.name, self.strangers))
        return RuleScope(self.default_access, (table,), self.trusts_tables), problems

    def _walk(self, root: Path, former: Former) -> Iterator[WalkEntry]:
        scope, problems = self._scope()
        yield from problems

        def held(path: str) -> bool:
            return former.holds(f"{self.source}:{path}")

        yield from walk(
            root,
            self.selection,
            held=held,
            scope=scope,
            source=self.source,
            strangers=self.strangers,
        )

    def listing_since(self, former: Former) -> Iterator[ListingItem]:
        """Yield every folder, and every file of this crawl's part with its readers.

        A folder that cannot be read is reported. Its indexed files are hidden if the tables above
        it changed since it was listed. Raises `SourceUnreachable`, `SourceRefused`.
        """
        root = self._read_root()
        identity = _identity(root)
        for entry in self._walk(root, former):
            if not isinstance(entry, FoundFile):
                yield entry
                continue
            made = self._document(root, entry)
            version = described(made).encode()
            yield Listed(made.id, version, made.access, (root, entry), entry.problem)
        if _identity(root) != identity:
            raise SourceUnreachable(
                f"Le dossier {self.root} a été remplacé pendant la lecture : relancez."
            )

    def read(self, listed: Listed) -> Document:
        """Return a file as it was listed; its text is read later."""
        return self._document(*listed.place)

    def left_out(self) -> Callable[[str], bool] | None:
        """Return whether the settings exclude a document."""
        return self.selection.left_out(self.source)

    def count_pending(self, since: str | None) -> int | None:
        """Return the number of files, unchanged files included."""
        entries = self._walk(self._read_root(), Former())
        return sum(isinstance(entry, FoundFile) for entry in entries)

    def check(self) -> Iterator[str]:
        """Yield French sentences about unlisted folders, faulty rules, and a tree without readers.

        Raises `SourceError`. Stops after `CHECKED_S`; a crawl looks at all entries.
        """
        until = time.monotonic() + CHECKED_S
        files = readable = 0
        for entry in self._walk(self._read_root(), Former()):
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

        The file and its rules are read at the same moment. Raises `SourceUnreachable`,
        `SourceRefused`.
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


def open_folder(place: SourcePlace, options: FolderOptions) -> FolderSource:
    """Return the source of one folder."""
    return FolderSource(
        place.source,
        (place.folder / options.path).resolve(),
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
