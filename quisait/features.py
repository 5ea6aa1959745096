"""Features that packages add to quisait, each declared as one `Feature`.

A package's `pyproject.toml` names its `Feature` in the group `quisait.features`. The settings,
database, worker, checks, commands and web application read what it declares, so that no module of
quisait names a feature. docs/fonctionnalite.md walks through one.

The module of a `Feature` is imported by every command, even for its help. Therefore it imports
nothing but this module, and its functions import the rest when they are called.
"""

import pkgutil
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from importlib.metadata import entry_points
from threading import Event
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

from connectors.plugins import load_entry

if TYPE_CHECKING:
    import sqlalchemy as sa
    from prometheus_client.core import Metric

    from connectors.ports import Directory
    from expertise.directory import GroupMemberships
    from quisait.application.assembly import Application
    from quisait.application.locks import SourceLock
    from quisait.privacy.register import RegisterLine
    from quisait.settings import Settings
    from quisait.settings.types import SettingsTable
    from quisait.work.runs import Pace
    from search_api.features import WebFeature


Addition = TypeVar("Addition")

GROUP = "quisait.features"
"""The group of entry points by which a package adds a feature."""


@dataclass(frozen=True, slots=True)
class SettingsPart:
    """A table of `quisait.toml`: `[name]`, or any number of `[[name]]` if it is `repeated`.

    `place` names its class as `package.module:Class`; it is imported with the settings, not for
    `quisait --help`. The docstring of the class is the table's title, in French. For a repeated
    table, `each` says in French what one table is, `about` is a paragraph of docs/reglages.md, and
    `example` are values for the commented table of `quisait init`.
    """

    name: str
    place: str
    repeated: bool = False
    each: str = ""
    about: str = ""
    example: Mapping[str, Any] = field(default_factory=dict)

    @property
    def model(self) -> "type[SettingsTable]":
        """Return the pydantic model of the table."""
        model: type[SettingsTable] = pkgutil.resolve_name(self.place)
        return model


@dataclass(frozen=True, slots=True)
class Task:
    """A task of a worker. `name` begins with `@`, unlike a source's.

    `work` returns the number of changes, soon after its event is set, while its lock is held; it
    may raise the errors of a crawl. `first`: the task is tried before the first crawl.
    """

    name: str
    pace: "Pace"
    work: "Callable[[SourceLock, Event], int]"
    first: bool = False


@dataclass(frozen=True, slots=True)
class ConfiguredDirectory:
    """A directory that the settings of a feature configure, instead of the tables of `[directory]`.

    `table` is the feature's table of settings, for messages. `authority` begins the principals of
    the directory's groups. Groups of a reading older than `oldest` (a duration of the settings) are
    not trusted. `open` raises `SourceRefused`, and sends no request.
    """

    table: str
    authority: str
    oldest: str
    open: "Callable[[], Directory]"


class SourceStore(Protocol):
    """What a feature stores of sources in the state's database."""

    def holds(self, source: str) -> bool:
        """Return whether anything of the source is stored."""

    def forget(self, source: str) -> None:
        """Delete everything of a source, after its documents were deleted from the index."""

    def withdraw(self, source: str, names: Collection[str]) -> int:
        """Remove documents that were deleted or closed after the backup that was restored.

        `names` are ids without the source's name. Returns the number of removed documents.
        """


def _nothing(*_: object) -> tuple[()]:
    return ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Feature:
    """Everything that a feature adds. Each function is called with the settings or application.

    `name` is unique; it marks the feature's schema in the database, so it must never change.
    """

    name: str
    settings: Sequence[SettingsPart] = ()
    require: "Callable[[Settings], object]" = _nothing
    """Raises `ValueError`, in French, if the feature's settings conflict with others."""
    tables: "Callable[[], Sequence[sa.MetaData]]" = _nothing
    """Returns the tables, which are created when the feature is first installed. Rows with a column
    `agent_key` are personal data: they are erased with their agent (see `indexer.sql`).
    """
    migrations: "Sequence[Callable[[sa.Connection], object]]" = ()
    """Changes of the tables since the first version, oldest first; new tables need none of them."""
    accesses: Mapping[str, str] = field(default_factory=dict)
    """French name of each kind of access that the tables give (`quisait.privacy.accesses`)."""
    forget_agent: "Callable[[sa.Connection, str], int]" = lambda *_: 0
    """Deletes rows of an agent (by id) from tables without `agent_key`; returns their number."""
    source_stores: "Callable[[sa.Engine], Sequence[SourceStore]]" = _nothing
    """Returns what the tables hold of sources, which is deleted with a source."""
    memberships: "Callable[[Settings, sa.Engine], Sequence[GroupMemberships]]" = _nothing
    """Returns the memberships of groups besides the directory's own."""
    tasks: "Callable[[Application], Iterable[Task]]" = _nothing
    """Returns the tasks of a worker; none if the settings do not enable the feature."""
    threads: "Callable[[Application], Mapping[str, Callable[[Event], object]]]" = lambda _: {}
    """Returns functions by name, each of which runs in a thread while pages are served and returns
    soon after its event is set.
    """
    each_second: "Callable[[Application], Callable[[], object]]" = lambda _: _nothing
    """Returns a function that each process of `quisait run` or `serve` calls every second."""
    before_build: "Callable[[Application], object]" = _nothing
    """Called before a new build of the expertise replaces the current one."""
    states: "Callable[[Settings], Mapping[str, Callable[[sa.Engine], str]]]" = lambda _: {}
    """Returns functions by French name, for `quisait check` and the page of the administration.
    Each returns what it saw, or raises `ValueError` with the remedy.
    """
    directory: "Callable[[Settings], ConfiguredDirectory | None]" = lambda _: None
    """Returns the directory of the agents, if the feature's settings configure one."""
    checks: "Callable[[Settings], Mapping[str, Callable[[], str]]]" = lambda _: {}
    """Returns functions like those of `states`, for `quisait check` alone: they may ask servers."""
    shown_states: "Callable[[Application], Mapping[str, Callable[[], str]]]" = lambda _: {}
    """Returns functions like those of `states`, for the page of the administration alone."""
    tls_servers: "Callable[[Settings], Iterable[tuple[str, int]]]" = _nothing
    """Returns host and port of servers whose certificates are watched until they expire."""
    secret_files: "Callable[[Settings], Iterable[str]]" = _nothing
    """Returns files of secrets that the settings name, which other accounts must not read."""
    metrics: "Callable[[Application], Iterable[Metric]]" = _nothing
    """Returns gauges for `/metrics`, each time that they are read."""
    report: "Callable[[Settings], Mapping[str, Sequence[str]]]" = lambda _: {}
    """Returns French lines of `quisait privacy report` by section: `data`, `recipients`,
    `transfers` (recipients outside the administration), `periods`, `off`.
    """
    commands: Mapping[str, tuple[str, str]] = field(default_factory=dict)
    """Place (`package.module:function` or Typer group) and French help of each command. The name
    `mail receive` adds `receive` to the group `mail`.
    """
    additions: "Callable[[Settings], Iterable[object]]" = _nothing
    """Returns what the feature adds to others, each of a class of theirs (`additions_of`)."""
    parts: "Callable[[Application], Iterable[object]]" = _nothing
    """Returns objects for `AnswerContext.part`, which finds an object by its class."""
    web: "Callable[[Application], WebFeature | None]" = lambda _: None
    """Returns the routes, templates and menu entries of the feature; None if it has none now."""
    purge: "Callable[[Settings, sa.Engine], object]" = _nothing
    """Deletes what has expired; called once a day."""
    register_lines: "Mapping[str, Callable[[sa.Engine, RegisterLine], object]]" = field(
        default_factory=dict
    )
    """Functions by kind of line that the feature notes in the register of deletions; each applies a
    line to a restored database.
    """
    restored: "Callable[[sa.Engine], object]" = _nothing
    """Called for a restored database before lines of the register are applied to it."""
    withdraw_all: "Callable[[sa.Engine, Iterable[str]], object]" = _nothing
    """Ends what agents chose, those of these ids and any others, in a database that is restored
    without its register: they may have ended it after the backup.
    """
    prepare_demo: "Callable[[Application], object]" = _nothing
    """Makes the choices of the demo's agents, before its first visitor."""


@cache
def installed_features() -> tuple[Feature, ...]:
    """Return the installed features in the order of their names. Raises `PluginMissing`."""
    entries = sorted(entry_points(group=GROUP), key=lambda entry: entry.name)
    return tuple(
        load_entry(entry, Feature, f"La fonctionnalité « {entry.name} »") for entry in entries
    )


def additions_of(settings: "Settings", kind: type[Addition]) -> tuple[Addition, ...]:
    """Return what installed features add of this class."""
    added = (one for feature in installed_features() for one in feature.additions(settings))
    return tuple(one for one in added if isinstance(one, kind))


def settings_parts() -> dict[str, SettingsPart]:
    """Return the tables of `quisait.toml` that features add, by name."""
    return {part.name: part for feature in installed_features() for part in feature.settings}
