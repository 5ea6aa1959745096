"""Who reads a file: the port that a walk asks, and the tables of rules of a plain server."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol, TypeVar

from connectors.folder.rules import (
    MAX_RULE_BYTES,
    NO_READER_ADDED,
    SIDECAR_SUFFIX,
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
from connectors.values import Access
from quisait_webdav.client import DavClient
from quisait_webdav.cursor import digest_of
from quisait_webdav.multistatus import DavEntry

Context = TypeVar("Context")
"""What a folder gives to all that is below it; None above the root."""


@dataclass(frozen=True, slots=True)
class Ruled:
    """A file's readers, and what else a rule says of it; `problem` is why nobody reads it.

    `said`: rules that name readers who are not added.
    """

    access: Access
    rule: Rule | None = None
    problem: Malformed | None = None
    said: tuple[Malformed, ...] = ()


class Rights(Protocol[Context]):
    """Readers by folder, from the root down."""

    @property
    def trusts_tags(self) -> bool:
        """Whether a folder's tag changes with anything below it: then it is not listed again."""
        ...

    def load(self) -> Sequence[Malformed]:
        """Read what holds for all; what cannot be said by readers. Raises `SourceError`."""
        ...

    def upper(self, above: Context | None, folder: DavEntry) -> bytes:
        """A digest of all that is known, before it is listed, of who reads in it or below."""
        ...

    def enter(
        self, above: Context | None, folder: DavEntry, inside: Mapping[str, DavEntry]
    ) -> tuple[Context, Sequence[Malformed]]:
        """What holds in a folder that was listed, by its entries' names."""
        ...

    def ruled(self, context: Context, file: DavEntry, inside: Mapping[str, DavEntry]) -> Ruled:
        """What holds for a file of that folder."""
        ...


@dataclass(frozen=True, slots=True)
class TableRights:
    """Tables and sidecars as of a folder of files (`connectors.folder.rules`), read each time.

    One that cannot be read leaves no reader to what it may speak of.
    """

    client: DavClient
    scope: RuleScope
    trusts_tags: bool = False

    def load(self) -> Sequence[Malformed]:
        """Nothing holds for all."""
        return ()

    def upper(self, above: tuple[RuleTable, ...] | None, folder: DavEntry) -> bytes:
        """Of the tables above it, and the source's own readers."""
        default = sorted(self.scope.default.allowed)
        return digest_of([tables_digest(above or ()), str(self.scope.trusted), *default])

    def enter(
        self, above: tuple[RuleTable, ...] | None, folder: DavEntry, inside: Mapping[str, DavEntry]
    ) -> tuple[tuple[RuleTable, ...], Sequence[Malformed]]:
        """With the folder's own table, if it has one."""
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
        """By the tables above it and its own sidecar."""
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
