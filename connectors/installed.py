"""Find and open the kinds of sources: quisait's own, and those that other packages install.

A package's `pyproject.toml` names a `ConnectorKind` in the group `quisait.connectors`; the entry
point's name is the `kind` of a source in the settings. docs/connecteur.md walks through one.
"""

import logging
import traceback
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from importlib import import_module
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

from pydantic import BaseModel

from connectors.http_limits import HttpLimits
from connectors.plugins import PluginMissing, load_entry
from connectors.ports import (
    AccessChanged,
    AccessNarrowed,
    Change,
    Connector,
    ContentStale,
    Delete,
    Former,
    Gone,
    Listed,
    ListedFolder,
    Listing,
    ListingItem,
    ListingSource,
    Malformed,
    SourceError,
    SourceRefused,
    SubtreeHidden,
    SupportsCheck,
    SupportsCount,
    SupportsFingerprint,
    SupportsRefetch,
    SupportsSelection,
    UnchangedFolder,
    Unlisted,
    Upsert,
)
from connectors.snapshot import Snapshot, each_of, listing_of, rights_of, roots_read_by
from connectors.values import Access, Document

if TYPE_CHECKING:
    import sqlalchemy as sa

    from connectors.http_host import HttpHost

log = logging.getLogger(__name__)

GROUP = "quisait.connectors"
"""The group of entry points by which a package adds kinds of sources."""
OWN_KINDS = ("folder",)
"""Kinds of `connectors`; the other kinds come from packages."""


@dataclass(frozen=True, slots=True)
class SourcePlace:
    """The settings of a source, without its options.

    `folder` is the base of relative paths. `default_access` are the source's `allowed` readers, for
    documents that name no readers themselves; empty means nobody. `password` raises `SourceRefused`
    if the settings name none. `database` is quisait's own, for kinds that read what it stores; None
    where a source is only tried.
    """

    source: str
    folder: Path
    default_access: Access
    password: Callable[[], str]
    database: "sa.Engine | None" = None

    def file(self, path: str) -> str:
        """Return an option's path, resolved in the settings' folder; an empty path stays empty."""
        return str(self.folder / path) if path else ""

    def http(
        self, options: Any, called: str = "Le site", user: str = "", **limits: int
    ) -> "HttpHost":
        """Return an HTTP client for the options `url`, `rate_per_s` and `ca_file`.

        It sends the password of `user`, if that is set. Raises `SourceRefused` without a password.
        """
        from connectors.http_host import HttpHost  # imported here: `requests` is slow to import

        bounds = HttpLimits(options.rate_per_s, **limits)
        account = (user, self.password()) if user else None
        return HttpHost(options.url, bounds, self.file(options.ca_file), called, account)


@dataclass(frozen=True, slots=True)
class ConnectorKind:
    """A kind of source, which an entry point names: how to describe, configure and open it.

    `label` is French, for the register of processing: « boîte aux lettres ». `options` is the model
    of the source's `options` table; each field's description is for the administrator. `open`
    returns the connector without sending a request; it raises `SourceRefused` or
    `SourceUnreachable`.

    Three fields help the person who adds a source: `about` is a French sentence on what is read
    and who will read it; `credential` names what the file `password_file` holds, empty if the
    source needs no secret; `asks` are the settings of every source that the form asks for.

    The last fields have other uses: `groups` returns an authority that is asked for the
    groups of each reader's accounts if the option `reader_groups` is set; `capitalized_accounts`
    tells that account names begin with a capital letter; `personal_data` is a French sentence for
    the register of processing. Backups contain the options only with `has_no_secret_option`.
    `every` is how often a source is read unless its settings say otherwise. `check` replaces the
    reading of a first change by `quisait check`: it returns in French what it saw, or raises
    `ValueError` with the remedy.
    """

    label: str
    options: type[BaseModel]
    open: Callable[[SourcePlace, Any], ListingSource | Connector]
    about: str = ""
    credential: str = "le mot de passe du compte qui lit"
    asks: tuple[str, ...] = ("allowed", "every", "trust", "join")
    groups: Callable[[SourcePlace, Any, HttpLimits], Any] | None = None
    capitalized_accounts: bool = False
    personal_data: str = ""
    has_no_secret_option: bool = False
    every: str = "1 h"
    check: Callable[[SourcePlace, Any], str] | None = None


def installed_connectors() -> dict[str, EntryPoint]:
    """Return the entry points by kind, without importing their packages."""
    return {entry.name: entry for entry in entry_points(group=GROUP)}


def load_kind(name: str) -> ConnectorKind:
    """Return the kind of that name. Raises `SourceRefused` if it is missing or fails to load."""
    if name in OWN_KINDS:
        own: ConnectorKind = import_module(f"connectors.{name}.connector").KIND
        return own
    entry = installed_connectors().get(name)
    if entry is None:
        raise SourceRefused(
            f"Le connecteur « {name} » n'est pas installé : installez son paquet, ou corrigez "
            "« kind » de la source (« quisait connector list » les nomme)."
        )
    try:
        return load_entry(entry, ConnectorKind, f"Le connecteur « {name} »")
    except PluginMissing as error:
        raise SourceRefused(str(error)) from error


def kind_label(name: str) -> str:
    """Return the French label of a kind of source; its name if the kind cannot be loaded."""
    try:
        return load_kind(name).label
    except SourceRefused:
        return name


def open_own(kind: ConnectorKind, place: SourcePlace, options: Any) -> Connector:
    """Open a connector of one of `OWN_KINDS`. Raises `SourceError`."""
    found = kind.open(place, options)
    return found if isinstance(found, _Changes) else Snapshot(found)


def open_installed(name: str, kind: ConnectorKind, place: SourcePlace, options: Any) -> Connector:
    """Open the connector; unexpected errors become `SourceRefused`. Raises `SourceError`."""
    guard = _Guard(name, place.source)
    with guard:
        connector = kind.open(place, options)
    if not isinstance(connector, _Changes):
        return Snapshot(_GuardedSource(connector, guard))
    if isinstance(connector, SupportsRefetch):
        return _GuardedRereadable(connector, guard, connector)
    return _GuardedConnector(connector, guard)


def names_in(change: Change) -> list[str]:
    """Return every id, reference and account in a change; each starts with its source's name."""
    match change:
        case Upsert(document):
            names = [document.id, *document.replaces, *filter(None, [document.part_of])]
            names += [one.account for one in document.contributions]
            return names + [one.author for one in document.sections if one.author]
        case (
            AccessChanged(document_id)
            | AccessNarrowed(document_id)
            | ContentStale(document_id)
            | Delete(document_id)
            | Malformed(document_id=str(document_id))
        ):
            return [document_id]
        case Listing(document_ids, unlisted):
            return [*document_ids, *unlisted]
        case SubtreeHidden(root):
            return [root]
    return []


@dataclass(frozen=True, slots=True)
class _Guard:
    """Turns unexpected errors into `SourceRefused`, so that other sources are still read."""

    kind: str
    source: str

    def __enter__(self) -> None:
        pass

    def __exit__(self, _: object, error: BaseException | None, where: TracebackType | None) -> None:
        if not isinstance(error, Exception) or isinstance(error, SourceError):
            return
        *_, last = traceback.extract_tb(where)
        about = {"source": self.source, "kind": self.kind, "error": type(error).__name__}
        log.error("connector failed", extra=about | {"at": f"{last.name}:{last.lineno}"})
        raise SourceRefused(
            f"{self.source} : le connecteur « {self.kind} » a rencontré une erreur qu'il "
            f"n'attendait pas ({type(error).__name__}). Ce qui est déjà lu reste ; signalez-la à "
            "qui l'a écrit, le journal dit où."
        ) from error

    def require_own(self, names: Iterable[str]) -> None:
        """Raise `SourceRefused` if a document or account belongs to another source."""
        if not all(name.startswith(f"{self.source}:") for name in names):
            raise SourceRefused(
                f"{self.source} : le connecteur « {self.kind} » nomme un document ou un "
                "compte d'une autre source. Ce qui est déjà lu reste ; signalez-le à qui l'a écrit."
            )

    def document(self, document: Document) -> Document:
        """Return the document; reading its content then raises only the errors of a connector.

        Raises `SourceRefused` if it names a document or an account of another source.
        """
        self.require_own([f"{document.source}:", *names_in(Upsert(document))])
        content = document.content
        if content is None:
            return document

        def read() -> bytes:
            with self:
                return content.read()

        return replace(document, content=replace(content, read=read))


@dataclass(frozen=True, slots=True)
class _Guarded:
    """Guards against the errors of another package's source; it has `check` and `count_pending`."""

    inner: Any
    guard: _Guard

    @property
    def source(self) -> str:
        """The source's name from the settings."""
        return self.guard.source

    def check(self) -> Iterator[str]:
        """Yield the sentences of the source's check, if it has one. Raises `SourceError`."""
        if isinstance(self.inner, SupportsCheck):
            with self.guard:
                yield from self.inner.check()

    def count_pending(self, since: str | None) -> int | None:
        """Return the source's count, or None if it cannot count."""
        if not isinstance(self.inner, SupportsCount):
            return None
        with self.guard:
            return self.inner.count_pending(since)


@dataclass(frozen=True, slots=True)
class _GuardedSource(_Guarded):
    """Wraps another package's listing: checks its ids and guards against its errors."""

    inner: ListingSource

    def listing_since(self, former: Former) -> Iterator[ListingItem]:
        """Yield the listing, without unchanged items if the source can skip them.

        Raises `SourceError`, also for ids of another source.
        """
        with self.guard:
            for item in listing_of(self.inner, former):
                match item:
                    case (
                        Listed(id=name)
                        | Gone(id=name)
                        | ListedFolder(root=name)
                        | Unlisted(root=name)
                        | UnchangedFolder(root=name)
                        | Malformed(document_id=str(name))
                    ):
                        self.guard.require_own([name])
                if isinstance(item, Listed):
                    self.guard.require_own(item.parts)
                yield item

    def read(self, listed: Listed) -> Iterator[Document | Malformed]:
        """Yield the document and its parts.

        Raises `SourceError`, also for ids of another source.
        """
        with self.guard:
            for found in each_of(self.inner.read(listed)):
                if isinstance(found, Document):
                    yield self.guard.document(found)
                else:
                    self.guard.require_own(names_in(found))
                    yield found

    def roots(self) -> Sequence[Path]:
        """Return the local folders and files that the source reads."""
        with self.guard:
            return roots_read_by(self.inner)
        raise AssertionError  # the guard lets no error pass

    def rights(self, items: Sequence[Listed]) -> Mapping[str, Access | None]:
        """Return the current readers of listed documents, by id. Raises `SourceError`."""
        with self.guard:
            return rights_of(self.inner, items)
        raise AssertionError  # the guard lets no error pass

    def fingerprint(self) -> str | None:
        """Return the source's fingerprint, or None if it has none. Raises `SourceError`."""
        if not isinstance(self.inner, SupportsFingerprint):
            return None
        with self.guard:
            return self.inner.fingerprint()

    def left_out(self) -> Callable[[str], bool] | None:
        """Return which documents the settings exclude, if the source can tell."""
        return self.inner.left_out() if isinstance(self.inner, SupportsSelection) else None


@runtime_checkable
class _Changes(Connector, Protocol):
    """A connector that finds the changes itself, instead of listing the source."""


@dataclass(frozen=True, slots=True)
class _GuardedConnector(_Guarded):
    """Wraps another package's connector: checks its changes and guards against its errors."""

    inner: Connector

    def changes(self, since: str | None) -> Iterator[Change]:
        """Yield the connector's changes. Raises `SourceError`, also for ids of another source."""
        with self.guard:
            for change in self.inner.changes(since):
                yield self._guarded(change)

    def _guarded(self, change: Change) -> Change:
        if isinstance(change, Upsert):
            return Upsert(self.guard.document(change.document))
        self.guard.require_own(names_in(change))
        return change


@dataclass(frozen=True, slots=True)
class _GuardedRereadable(_GuardedConnector):
    """Wraps a connector that can also read single documents again."""

    rereadable: SupportsRefetch

    def refetch(self, document_ids: frozenset[str]) -> Iterator[Change]:
        """Yield the connector's refetched documents. Raises `SourceError`."""
        with self.guard:
            for change in self.rereadable.refetch(document_ids):
                yield self._guarded(change)
