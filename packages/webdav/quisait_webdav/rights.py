"""The port for readers of files during a walk, and its adapter for tables of rules."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol, TypeVar

from connectors.digests import digest_of
from connectors.folder.rules import (
    MAX_RULE_BYTES,
    NO_READER_ADDED,
    TABLE_NAME,
    Rule,
    RuleScope,
    RuleTable,
    access_by_rule,
    parse_sidecar,
    parse_table,
    rule_and_ignored,
    tables_digest,
    unreadable_table,
)
from connectors.ports import Malformed, RecordVanished
from connectors.rule_reports import SIDECAR_SUFFIX
from connectors.values import Access
from quisait_webdav.client import DavClient
from quisait_webdav.multistatus import DavEntry

Context = TypeVar("Context")
"""The data that a folder passes to everything below it; None above the root."""


@dataclass(frozen=True, slots=True)
class Ruled:
    """A file's readers and rule. `problem` says why nobody may read the file.

    `said` contains reports of rules whose added readers are ignored.
    """

    access: Access
    rule: Rule | None = None
    problem: Malformed | None = None
    said: tuple[Malformed, ...] = ()


class Rights(Protocol[Context]):
    """Readers of files, determined folder by folder from the root down."""

    @property
    def trusts_tags(self) -> bool:
        """Whether a folder with an unchanged tag can be skipped: nothing below it changed."""
        ...

    def load(self) -> Sequence[Malformed]:
        """Read rights of the whole server; return reports of inexpressible ones.

        Raises `SourceError`.
        """
        ...

    def upper(self, above: Context | None, folder: DavEntry) -> bytes:
        """Return a digest of everything that decides the readers below an unlisted folder."""
        ...

    def enter(
        self, above: Context | None, folder: DavEntry, inside: Mapping[str, DavEntry]
    ) -> tuple[Context, Sequence[Malformed]]:
        """Return the context of a listed folder, from its entries by name, and problems."""
        ...

    def ruled(self, context: Context, file: DavEntry, inside: Mapping[str, DavEntry]) -> Ruled:
        """Return the readers of a file in that folder."""
        ...


@dataclass(frozen=True, slots=True)
class TableRights:
    """Tables and sidecars, as in a folder of files (`connectors.folder.rules`), read each time.

    Nobody may read files to which an unreadable table or sidecar may apply.
    """

    client: DavClient
    scope: RuleScope
    trusts_tags: bool = False

    def load(self) -> Sequence[Malformed]:
        """Return no problems, because no rule applies to the whole server."""
        return ()

    def upper(self, above: tuple[RuleTable, ...] | None, folder: DavEntry) -> bytes:
        """Return a digest of the tables above the folder, and of the source's own readers."""
        default = sorted(self.scope.default.allowed)
        return digest_of([tables_digest(above or ()), str(self.scope.trusted), *default], 8)

    def enter(
        self, above: tuple[RuleTable, ...] | None, folder: DavEntry, inside: Mapping[str, DavEntry]
    ) -> tuple[tuple[RuleTable, ...], Sequence[Malformed]]:
        """Return the tables above with the folder's own table, if it has one."""
        tables, entry = above or (), inside.get(TABLE_NAME)
        if entry is None:
            return tables, ()
        parts = tuple(folder.path.split("/")) if folder.path else ()
        content = self._read(entry)
        if content is None:
            reason = "règle illisible : personne ne lit ce dont elle parle"
            return (*tables, unreadable_table(parts)), (Malformed(entry.path, reason),)
        table, problems = parse_table(content, parts, trusted=self.scope.trusts(parts))
        return (*tables, table), problems

    def ruled(
        self, context: tuple[RuleTable, ...], file: DavEntry, inside: Mapping[str, DavEntry]
    ) -> Ruled:
        """Return the readers of a file, from the tables above it and its own sidecar."""
        path = tuple(file.path.split("/"))
        sidecar: Rule | None = None
        if (entry := inside.get(file.name + SIDECAR_SUFFIX)) is not None:
            content = self._read(entry)
            sidecar, reason = (
                parse_sidecar(content, path[:-1]) if content is not None else (None, "illisible")
            )
            if sidecar is None:
                return Ruled(Access(), None, Malformed(entry.path, reason))
        rule, ignored = rule_and_ignored(path, context, sidecar, self.scope)
        names = [*("/".join((*one.folder, TABLE_NAME)) for one in context)]
        names.append(file.path + SIDECAR_SUFFIX)
        said = tuple(Malformed(names[one], NO_READER_ADDED) for one in ignored)
        return Ruled(access_by_rule(rule, self.scope.default), rule, said=said)

    def _read(self, entry: DavEntry) -> bytes | None:
        if entry.is_folder or (entry.size or 0) > MAX_RULE_BYTES:
            return None
        try:
            return self.client.read(entry)
        except RecordVanished:
            return None
