"""Connectors of other packages: each is named by an entry point, and opened with its options.

A package's `pyproject.toml` names a `ConnectorKind` under the group `quisait.connectors`; its name
there is the `kind` of a source in the settings. docs/connecteur.md walks through one.
"""

import logging
import traceback
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from types import TracebackType
from typing import Any

from pydantic import BaseModel

from connectors.ports import (
    AccessChanged,
    AccessNarrowed,
    Change,
    Connector,
    ContentStale,
    Delete,
    Listing,
    Malformed,
    SourceError,
    SourceRefused,
    SubtreeHidden,
    SupportsCheck,
    SupportsCount,
    SupportsRefetch,
    Upsert,
)
from connectors.values import Access

log = logging.getLogger(__name__)

GROUP = "quisait.connectors"
"""The group of entry points by which a package adds kinds of sources."""


@dataclass(frozen=True, slots=True)
class SourcePlace:
    """What the settings say of a source beside its options.

    `folder` is what relative paths start from. `default_access` are the source's `allowed`
    readers: those of what names none itself, or nobody. `password` raises `SourceRefused` where
    the settings name none.
    """

    source: str
    folder: Path
    default_access: Access
    password: Callable[[], str]


@dataclass(frozen=True, slots=True)
class ConnectorKind:
    """What an entry point names: how a kind of source is described, set and opened.

    `label` is French, for the register of processing: « boîte aux lettres ». `options` is the
    model of the source's table `options`; a field's description tells an administrator what it is.
    `open` asks the source for nothing yet, and raises `SourceRefused` or `SourceUnreachable`.

    For who adds a source: `about` is a French sentence on what is read and who will read it,
    `credential` says what the file `password_file` holds, empty where the source asks for none.
    """

    label: str
    options: type[BaseModel]
    open: Callable[[SourcePlace, Any], Connector]
    about: str = ""
    credential: str = "le mot de passe du compte qui lit"


def installed_connectors() -> dict[str, EntryPoint]:
    """The entry points by kind; none of their packages is imported."""
    return {entry.name: entry for entry in entry_points(group=GROUP)}


def load_kind(name: str) -> ConnectorKind:
    """The kind of that name. Raises `SourceRefused` where it is not installed or does not load."""
    entry = installed_connectors().get(name)
    if entry is None:
        raise SourceRefused(
            f"Le connecteur « {name} » n'est pas installé : installez son paquet, ou corrigez "
            "« kind » de la source (« quisait connector list » les nomme)."
        )
    try:
        kind = entry.load()
    except Exception as error:
        log.error("connector not loaded", extra={"kind": name, "error": type(error).__name__})
        raise SourceRefused(
            f"Le connecteur « {name} » ne se charge pas ({type(error).__name__}) : réinstallez "
            f"son paquet, ou demandez à qui l'a écrit ({entry.value})."
        ) from error
    if not isinstance(kind, ConnectorKind):
        raise SourceRefused(
            f"Le connecteur « {name} » n'en est pas un : {entry.value} doit nommer un "
            "ConnectorKind (docs/connecteur.md)."
        )
    return kind


def open_installed(name: str, kind: ConnectorKind, place: SourcePlace, options: Any) -> Connector:
    """The connector, whose unforeseen errors are refusals. Raises `SourceError`."""
    guard = _Guard(name, place.source)
    with guard:
        connector = kind.open(place, options)
    if isinstance(connector, SupportsRefetch):
        return _GuardedRereadable(connector, guard, connector)
    return _Guarded(connector, guard)


def names_in(change: Change) -> list[str]:
    """Every id, reference and account of a change; each starts with its source's name."""
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
    """An error that the connector did not foresee is a refusal: other sources are still read."""

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


@dataclass(frozen=True, slots=True)
class _Guarded:
    """A connector of another package. What it cannot do has the answer of one that cannot."""

    connector: Connector
    guard: _Guard

    @property
    def source(self) -> str:
        """The source's name, which the settings give."""
        return self.guard.source

    def changes(self, since: str | None) -> Iterator[Change]:
        """The connector's. Raises `SourceError`."""
        with self.guard:
            for change in self.connector.changes(since):
                yield self._guarded(change)

    def count_pending(self, since: str | None) -> int | None:
        """The connector's; None if it cannot tell."""
        if not isinstance(self.connector, SupportsCount):
            return None
        with self.guard:
            return self.connector.count_pending(since)

    def check(self) -> Iterable[str]:
        """The connector's; nothing if it cannot tell. Raises `SourceError`."""
        if isinstance(self.connector, SupportsCheck):
            with self.guard:
                yield from self.connector.check()

    def _guarded(self, change: Change) -> Change:
        prefix = f"{self.source}:"
        another = isinstance(change, Upsert) and change.document.source != self.source
        if another or not all(name.startswith(prefix) for name in names_in(change)):
            raise SourceRefused(
                f"{self.source} : le connecteur « {self.guard.kind} » nomme un document ou un "
                "compte d'une autre source. Ce qui est déjà lu reste ; signalez-le à qui l'a écrit."
            )
        if not isinstance(change, Upsert) or change.document.content is None:
            return change
        content = change.document.content

        def read() -> bytes:
            with self.guard:
                return content.read()

        return Upsert(replace(change.document, content=replace(content, read=read)))


@dataclass(frozen=True, slots=True)
class _GuardedRereadable(_Guarded):
    """The same of one that can read single documents again."""

    rereadable: SupportsRefetch

    def refetch(self, document_ids: frozenset[str]) -> Iterator[Change]:
        """The connector's. Raises `SourceError`."""
        with self.guard:
            for change in self.rereadable.refetch(document_ids):
                yield self._guarded(change)
