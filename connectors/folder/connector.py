"""A tree of real files, with rules that say who may read them.

`FolderConnector.changes` shows the flow; `rules` defines the rules and `walk` walks the tree.
"""

import base64
import hashlib
import json
import re
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import TypeVar
from urllib.parse import quote

from connectors.files import disk_timeout_error
from connectors.folder.rules import NOBODY, Rule
from connectors.folder.walk import FoundFile, ListedFolder, UnreadableFolder, root_identity, walk
from connectors.ports import (
    AccessChanged,
    AccessNarrowed,
    Change,
    Checkpoint,
    ContentStale,
    Listing,
    Malformed,
    SourceUnreachable,
    SubtreeHidden,
    Upsert,
)
from connectors.timeouts import DISK_TIMEOUT_S, call_with_timeout
from connectors.values import (
    Access,
    Content,
    Contribution,
    ContributorRole,
    Document,
    EvidencePolicy,
)

FileDigests = tuple[str, str]
"""Digests of a file as it was last yielded: of all but its access, and of its access."""

_Value = TypeVar("_Value")

CHECKPOINT_FILES = 200
_MAX_CURSOR_BYTES = 1024 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class FolderConnector:
    """Every ordinary file under `root` that is not hidden; links are not followed.

    `default_access` holds where no rule names any readers; without it, nobody reads.
    A file whose size and modification time are the same has not changed.
    """

    source: str
    root: Path
    default_access: Access = field(default_factory=Access)

    def changes(self, since: str | None) -> Iterator[Change]:
        """Yield new and changed files, then the listing. Raises `SourceUnreachable`.

        A folder or file that cannot be read is reported and counts as still there: of what
        lies below such a folder the listing does not speak. Nobody reads what is kept of it
        where the tables above it have changed since, or where the cursor does not tell.
        """
        root = _resolved(self.root)
        identity = _identity(root)
        before, formerly_above = _read_cursor(since)
        seen: dict[str, FileDigests] = {}
        above: dict[str, str] = {}
        held: set[str] = set()
        unlisted: list[str] = []
        pending = 0
        for found in walk(root):
            match found:
                case Malformed():
                    yield found
                case ListedFolder(path=path, above=tables):
                    above[path] = tables
                case UnreadableFolder(path=path):
                    yield from self._unlisted(found, formerly_above)
                    below = _below(path, before)
                    held |= below.keys()
                    unlisted.append(f"{self.source}:{path}")
                    if formerly_above.get(path) != found.above:
                        below = {
                            name: (content, _NO_ACCESS_DIGEST)
                            for name, (content, _) in below.items()
                        }
                    seen |= below
                    above |= {**_below(path, formerly_above), path: found.above}
                case FoundFile():
                    yield from self._file(root, found, before, seen)
                    held.add(found.path)
            pending += not isinstance(found, ListedFolder)
            # The cursor grows with the tree: write it more rarely as it does.
            if pending >= max(CHECKPOINT_FILES, len(seen) // 10):
                pending = 0
                yield _checkpoint({**before, **seen}, {**formerly_above, **above})
        if _identity(root) != identity:
            raise SourceUnreachable(
                f"Le dossier {self.root} a été remplacé pendant la lecture : relancez."
            )
        ids = frozenset(f"{self.source}:{path}" for path in held)
        yield Listing(ids, tuple(unlisted))
        yield _checkpoint(seen, above)

    def count_pending(self, since: str | None) -> int | None:
        """How many files there are: unchanged ones bring nothing."""
        return sum(isinstance(found, FoundFile) for found in walk(_resolved(self.root)))

    def refetch(self, document_ids: frozenset[str]) -> Iterator[Change]:
        """Yield these files, read anew. Raises `SourceUnreachable`."""
        root = _resolved(self.root)
        wanted = set(document_ids)
        for found in walk(root):
            if isinstance(found, FoundFile) and f"{self.source}:{found.path}" in wanted:
                wanted.discard(f"{self.source}:{found.path}")
                if not found.problem:
                    yield Upsert(self._document(root, found))

    def _unlisted(self, folder: UnreadableFolder, formerly: Mapping[str, str]) -> Iterator[Change]:
        """Its own tables cannot be known: where others may hold now, nobody, until it is listed."""
        yield Malformed(folder.path or ".", folder.reason)
        if formerly.get(folder.path) != folder.above:
            yield SubtreeHidden(f"{self.source}:{folder.path}")

    def _file(
        self,
        root: Path,
        found: FoundFile,
        before: Mapping[str, FileDigests],
        seen: dict[str, FileDigests],
    ) -> Iterator[Change]:
        if found.path in seen:
            yield Malformed(found.path, "un autre fichier porte le même nom", None)
            return
        document = self._document(root, found)
        content, access = _digests(document)
        former = before.get(found.path)
        if found.problem:
            yield Malformed(found.path, found.problem, document.id)
            if former is not None and former[0] == content:
                # The text that is kept is still the file's.
                yield AccessNarrowed(document.id, document.access)
            else:
                content = _UNKNOWN_DIGEST
                yield ContentStale(document.id)
            seen[found.path] = (content, _UNKNOWN_DIGEST)
            return
        seen[found.path] = (content, access)
        if former is None or former[0] != content:
            yield Upsert(document)
        elif former[1] != access:
            yield AccessChanged(document.id, document.access)

    def _document(self, root: Path, found: FoundFile) -> Document:
        rule = found.rule or Rule()
        modified = rule.modified or datetime.fromtimestamp(found.mtime_ns / 1e9, tz=UTC)
        created = rule.created
        return Document(
            id=f"{self.source}:{found.path}",
            source=self.source,
            title=rule.title or readable_title(found.path),
            access=self._access(found.rule),
            content=Content(
                found.path.rpartition("/")[2], lambda: found.read(root), None, found.size
            ),
            url=(rule.url or "").replace("{path}", quote(found.path)),
            kind=rule.kind or "document",
            language=rule.language or "fr",
            created=_aware(created) if created else None,
            modified=_aware(modified),
            valid_from=rule.valid_from,
            valid_until=rule.valid_until,
            replaces=tuple(f"{self.source}:{name}" for name in rule.replaces or ()),
            space=rule.space or "",
            part_of=f"{self.source}:{rule.part_of}" if rule.part_of else "",
            entity=rule.entity or "",
            area=rule.area or "",
            evidence=rule.evidence or EvidencePolicy.YES,
            contributions=tuple(self._author(name, created or modified) for name in _authors(rule)),
            version=f"{found.size}:{found.mtime_ns}",
        )

    def _access(self, rule: Rule | None) -> Access:
        if rule is None:
            return Access()
        allowed, denied = self.default_access.allowed, self.default_access.denied
        if rule.allowed is not None:
            allowed = frozenset() if NOBODY in rule.allowed else frozenset(rule.allowed)
        if rule.denied is not None:
            denied = frozenset(rule.denied)
        return Access(allowed, denied)

    def _author(self, name: str, moment: datetime) -> Contribution:
        day = moment.date()
        account = f"{self.source}:{name}"
        return Contribution(account, ContributorRole.AUTHOR, name, 1, day, day, ((day.year, 1),))


def readable_title(path: str) -> str:
    """A file's name as a title: without extension, words apart, a capital in front."""
    name = path.rpartition("/")[2]
    stem = re.sub(r"(?<=.)\.[A-Za-z0-9]{1,8}$", "", name)
    title = re.sub(r"[_\s]+", " ", stem).strip()
    if " " not in title and len(re.findall(r"[^\W\d_]{3,}-", title)) >= 2:
        title = re.sub(r"(?<=[^\W_])-(?=[^\W_])", " ", title)
    return title[:1].upper() + title[1:] if title else name


def _authors(rule: Rule) -> tuple[str, ...]:
    return tuple(dict.fromkeys(rule.author or ()))


def _aware(moment: datetime) -> datetime:
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment


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


def _below(path: str, known: Mapping[str, _Value]) -> dict[str, _Value]:
    """What is known at that path and of what lies below; the root's is empty."""
    return {
        name: kept
        for name, kept in known.items()
        if not path or name == path or name.startswith(f"{path}/")
    }


def _digests(document: Document) -> FileDigests:
    said = [
        document.version, document.title, document.url, document.kind, document.language,
        str(document.created), str(document.modified), str(document.valid_from),
        str(document.valid_until), list(document.replaces), document.space, document.part_of,
        document.entity, document.area, document.evidence.value,
        [contribution.account for contribution in document.contributions],
    ]  # fmt: skip
    access = [sorted(document.access.allowed), sorted(document.access.denied)]
    return _digest(said), _digest(access)


def _digest(value: object) -> str:
    digest = hashlib.blake2b(json.dumps(value).encode(), digest_size=9).digest()
    return base64.urlsafe_b64encode(digest).decode()


_NO_ACCESS_DIGEST = _digest([[], []])
"""The digest of an access that lets nobody in."""
_UNKNOWN_DIGEST = ""
"""Stands for the digest of what could not be read: it equals no digest, so that the next
reading that succeeds brings it."""


def _checkpoint(known: Mapping[str, FileDigests], above: Mapping[str, str]) -> Checkpoint:
    told = {"v": 1, "files": known, "above": above}
    state = json.dumps(told, sort_keys=True, ensure_ascii=False)
    return Checkpoint(base64.b64encode(zlib.compress(state.encode())).decode())


def _read_cursor(since: str | None) -> tuple[dict[str, FileDigests], dict[str, str]]:
    """(files, folders with the digest of the tables above them) that a cursor knows.

    None where it is not understood.
    """
    try:
        packed = base64.b64decode(since or "", validate=True)
        state = json.loads(zlib.decompressobj().decompress(packed, _MAX_CURSOR_BYTES))
        files = state["files"] if state["v"] == 1 else {}
        known = {str(path): (str(said[0]), str(said[1])) for path, said in files.items()}
        return known, {str(path): str(digest) for path, digest in state.get("above", {}).items()}
    except (ValueError, TypeError, KeyError, AttributeError, zlib.error):
        return {}, {}
