"""Open the inputs that the settings name: sources, wikis, directory, authorities."""

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from pathlib import Path
from typing import TypeVar

import sqlalchemy as sa
from pydantic import BaseModel, ValidationError

from connectors.account_linking import AccountAssignment, LinkBy, LinkedDirectory, LinkRule
from connectors.directory import AccountRecord, TableDirectory, read_records
from connectors.files import OpenFile
from connectors.folder.connector import FolderSource, open_folder
from connectors.folder.rules import Strangers
from connectors.http_limits import HttpLimits
from connectors.installed import (
    OWN_KINDS,
    SourcePlace,
    installed_connectors,
    load_kind,
    open_installed,
    open_own,
)
from connectors.ports import Connector, Directory, SourceRefused
from connectors.roots import check_roots, noted_identities, written_roots
from connectors.snapshot import Snapshot
from connectors.values import APPLICATION_AUTHORITY, Access, normalize_principals
from expertise.directory import GroupMemberships, SqlDirectory
from indexer.access import AccessFilter, PrincipalLookup
from indexer.errors import IndexRefused
from indexer.moment import once
from indexer.ports import IndexDenials
from indexer.state import RunRow, State
from quisait.features import ConfiguredDirectory, SourceStore, installed_features
from quisait.settings import DIRECTORY as DIRECTORY
from quisait.settings import Settings, beside_file
from quisait.settings.sources import SourceSettings, password_variable
from quisait.settings.types import fault_lines, seconds_of
from search_api.identity.known_principals import CurrentKnownPrincipals, KnownPrincipalRules
from search_api.identity.readers import Authorities, Authority, AuthorityLimits
from search_api.questions.documents import QuestionsConnector
from search_api.questions.storage import SqlQuestions

Options = TypeVar("Options", bound=BaseModel)


def source_names(settings: Settings) -> frozenset[str]:
    """Return the current names of the sources; the desk may add a source at any time."""
    return frozenset(source.name for source in settings.sources)


def sources_named(settings: Settings, names: list[str]) -> list[SourceSettings]:
    """Return the named sources in the settings' order; without names, return all sources.

    Raises `IndexRefused` for unknown names.
    """
    known = {source.name for source in settings.sources}
    unknown = sorted(set(names) - known)
    if unknown:
        raise IndexRefused(
            f"Source inconnue : {', '.join(unknown)}. Sources réglées : "
            f"{', '.join(sorted(known)) or 'aucune'}."
        )
    return [source for source in settings.sources if not names or source.name in names]


def source_password(settings: SourceSettings) -> str:
    """Return the password from the environment or its own file, never from the settings.

    Raises `SourceRefused` if it is missing or cannot be read.
    """
    variable = password_variable(settings.name)
    if given := os.environ.get(variable):
        return given
    if not settings.password_file:
        raise SourceRefused(
            f"Le mot de passe de {settings.name} manque : donnez-le par la variable {variable}, "
            "ou réglez « password_file »."
        )
    try:
        return beside_file(settings.password_file).read_text("utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise SourceRefused(
            f"Le mot de passe de {settings.name} ne se lit pas : vérifiez « password_file »."
        ) from error


def open_source(
    settings: SourceSettings, database: sa.Engine | None, questions: SqlQuestions | None = None
) -> Connector:
    """Return the connector of a source.

    A source that applications push to reads the state's `database`, the source of asked questions
    reads `questions`. Raises `SourceRefused` if a password's file cannot be read, or if an
    installed connector cannot be loaded or refuses its options.
    """
    if settings.kind == "questions":
        assert questions is not None  # noqa: S101 - nothing else can be read
        return QuestionsConnector(questions)
    kind, place = load_kind(settings.kind), place_of(settings, database)
    if settings.kind in OWN_KINDS:
        return open_own(kind, place, settings)
    return open_installed(settings.kind, kind, place, validated_options(settings, kind.options))


def on_noted_root(
    connector: Connector,
    settings: SourceSettings,
    state: State,
    strangers: Strangers | None = None,
    *,
    accept: bool = False,
) -> Connector:
    """Return the connector; if it reads local folders, it refuses to read replaced folders.

    The identities of the folders are noted at the first reading, again if their paths in the
    settings change, and always with `accept`. A folder also reports rules that name principals of
    `strangers`. Raises `SourceUnreachable`.
    """
    if not (isinstance(connector, Snapshot) and (roots := connector.roots())):
        return connector
    written = written_roots(roots)
    former = state.root_of(settings.name, written)
    noted = noted_identities(roots, "" if accept else former)
    if noted != former:
        state.note_root(settings.name, written, noted)
    if strangers is not None and isinstance(origin := connector.origin, FolderSource):
        connector = replace(connector, origin=replace(origin, strangers=strangers))
    return replace(connector, noted_roots=noted)


def are_roots_noted(connector: Connector, settings: SourceSettings, state: State) -> bool:
    """Return whether the connector reads local folders that were read before at these paths."""
    roots = connector.roots() if isinstance(connector, Snapshot) else ()
    return bool(roots and state.root_of(settings.name, written_roots(roots)))


def validated_options(settings: SourceSettings, model: type[Options]) -> Options:
    """Return the options of a source. Raises `SourceRefused`, with one line for each fault."""
    try:
        return model.model_validate(settings.options)
    except ValidationError as error:
        faults = "\n".join(f"options de {settings.name}, {line}" for line in fault_lines(error))
        raise SourceRefused(faults) from None


def place_of(settings: SourceSettings, database: sa.Engine | None = None) -> SourcePlace:
    """Return the settings of a source that connectors of every kind get."""
    return SourcePlace(
        settings.name,
        beside_file(""),
        Access(frozenset(settings.allowed)),
        lambda: source_password(settings),
        database,
    )


@dataclass(frozen=True, slots=True)
class FolderOriginals:
    """Adapter of `Originals`: the folders that the settings name. `known` is called each time."""

    settings: Settings
    known: Callable[[], PrincipalLookup]
    state: State

    def holds(self, source: str) -> bool:
        """Return whether the source is a folder."""
        return self._folder(source) is not None

    def open(self, source: str, document_id: str, access: AccessFilter) -> OpenFile | None:
        """Return the document's file if the folder's current rules admit the reader, else None."""
        named = self._folder(source)
        if named is None:
            return None
        try:
            folder = open_folder(place_of(named), named)
            roots = folder.roots()
            check_roots(source, roots, self.state.root_of(source, written_roots(roots)))
            found = folder.open_original(document_id)
        except SourceRefused:
            return None
        if found is None:
            return None
        readers, file = found
        if access.knowing(self.known()).admits(readers):
            return file
        file.file.close()
        return None

    def _folder(self, source: str) -> SourceSettings | None:
        folders = (one for one in self.settings.sources if one.kind == "folder")
        return next((one for one in folders if one.name == source), None)


def open_directory(settings: Settings) -> Directory | None:
    """Return the directory, or None if the settings name none.

    Raises `SourceRefused` if they name two, or if the table of accounts is not understood.
    """
    found = _unjoined_directory(settings)
    return (
        None
        if found is None
        else LinkedDirectory(found, join_rules(settings), _manual_accounts(settings))
    )


def has_directory(settings: Settings) -> bool:
    """Return whether the settings name a directory."""
    return bool(settings.directory.agents or configured_directory(settings))


def configured_directory(settings: Settings) -> ConfiguredDirectory | None:
    """Return the directory that a feature configures, or None. There is at most one."""
    found = (feature.directory(settings) for feature in installed_features())
    return next((directory for directory in found if directory is not None), None)


def join_rules(settings: Settings) -> tuple[LinkRule, ...]:
    """Return, for each source, the rules that link its accounts to agents."""
    return tuple(
        LinkRule(
            source.name,
            tuple(LinkBy(one) for one in source.join if one != "sid"),
            capitalized=_has_capitalized_accounts(source.kind),
        )
        for source in settings.sources
        if set(source.join) - {"sid"}
    )


def _has_capitalized_accounts(kind: str) -> bool:
    """Return whether accounts of a kind of source begin with a capital; False if it is missing."""
    try:
        return kind in installed_connectors() and load_kind(kind).capitalized_accounts
    except SourceRefused:
        return False


def _unjoined_directory(settings: Settings) -> Directory | None:
    tables, configured = settings.directory, configured_directory(settings)
    if configured and tables.agents:
        raise SourceRefused(f"Réglez [directory] agents ou [{configured.table}], pas les deux.")
    if configured:
        return configured.open()
    if not tables.agents:
        return None
    groups = beside_file(tables.groups) if tables.groups else None
    return open_tables(beside_file(tables.agents), groups, settings.group_sources)


def open_tables(
    agents: Path, groups: Path | None = None, claimed: frozenset[str] = frozenset()
) -> Directory:
    """Return the directory in these tables, without accounts linked by rules.

    `claimed`: see `TableDirectory`.
    """
    return TableDirectory(agents, groups, claimed)


def _manual_accounts(settings: Settings) -> tuple[AccountAssignment, ...]:
    """Return the accounts assigned by hand. Raises `SourceRefused` for a faulty row."""
    if not settings.directory.accounts:
        return ()
    found = []
    for where, line in read_records(
        beside_file(settings.directory.accounts), AccountRecord, "account"
    ):
        if not isinstance(line, AccountRecord):
            raise SourceRefused(f"{where} : {line}. L'annuaire d'avant reste en place.")
        found.append(AccountAssignment(line.account, line.agent))
    return tuple(found)


@dataclass(frozen=True, slots=True)
class DirectoryAge:
    """The age of the directory's last complete reading, None without one, and its limit."""

    age: timedelta | None
    oldest: timedelta

    @property
    def is_late(self) -> bool:
        """Whether half of the limit has passed, so that a warning is due."""
        return self.age is None or self.age > self.oldest / 2

    @property
    def is_stale(self) -> bool:
        """Whether the directory is too old for its groups to be trusted."""
        return self.age is None or self.age > self.oldest


def directory_age(settings: Settings, state: State) -> DirectoryAge | None:
    """Return the age of the directory's last reading; None if the settings name no directory."""
    if not has_directory(settings):
        return None
    configured = configured_directory(settings)
    written = configured.oldest if configured else settings.directory.oldest
    last = _last_directory_run(state)
    age = datetime.now(UTC) - last.started if last else None
    return DirectoryAge(age, timedelta(seconds=seconds_of(written)))


def _last_directory_run(state: State) -> RunRow | None:
    return once(state, "last run of the directory", lambda: state.last_done(DIRECTORY))


@contextmanager
def open_authorities(
    settings: Settings, book: SqlDirectory, state: State, own: Sequence[Authority] = ()
) -> Iterator[Authorities]:
    """Open all authorities, without a request. Raises `SourceRefused` if a password is missing.

    `own` are the authorities that the application itself provides.
    """
    claimed = settings.group_sources.union(one.name for one in own)

    @lru_cache(maxsize=1)
    def claimed_twice(reading: str) -> frozenset[str]:
        """Return the claimed authorities that also have groups in this reading of the directory."""
        return book.with_groups_of(claimed)

    def silent() -> frozenset[str]:
        """Return authorities claimed twice, and the directory's authority if it is outdated."""
        twice = claimed_twice(book.reading()) if claimed else frozenset()
        age = directory_age(settings, state)
        if age is None or not age.is_stale:
            return twice
        configured = configured_directory(settings)
        own_groups = {configured.authority} if configured else set()
        return twice | book.group_authorities() | own_groups

    def stamp() -> int | None:
        last = _last_directory_run(state)
        return last.id if last else None

    wait = settings.authorities
    limits = AuthorityLimits(
        seconds_of(wait.fresh), wait.wait_s, wait.failures, seconds_of(wait.rest)
    )
    authorities = Authorities(
        [*reader_group_authorities(settings), *own], book, limits, stamp, silent
    )
    try:
        yield authorities
    finally:
        authorities.close()


def pushed_memberships(settings: Settings, database: sa.Engine) -> list[GroupMemberships]:
    """Return the memberships of groups that applications push."""
    features = installed_features()
    return [added for one in features for added in one.memberships(settings, database)]


def source_stores(database: sa.Engine) -> list[SourceStore]:
    """Return what features store of sources in the state's database."""
    return [store for feature in installed_features() for store in feature.source_stores(database)]


def known_principals(
    settings: Settings, book: SqlDirectory, index: IndexDenials
) -> CurrentKnownPrincipals:
    """Return the lookup that tells whether a denial names somebody."""
    asked = frozenset(source.name for source in settings.sources if source.reader_groups)
    asked |= {APPLICATION_AUTHORITY}
    accepted = normalize_principals(settings.access.accepted_denials)
    return CurrentKnownPrincipals(book, index, KnownPrincipalRules(asked, accepted))


def strangers_in_rules(
    settings: Settings, book: SqlDirectory, known: PrincipalLookup
) -> Strangers | None:
    """Return the lookup of unknown principals in rules, or None if no directory has been read."""
    return known.strangers if has_directory(settings) and book.reading() else None


def reader_group_authorities(settings: Settings) -> list[Authority]:
    """Return the authorities that are asked about each reader.

    Raises `SourceRefused` if a password is missing, if an option is refused, or if a kind of source
    has no groups.
    """
    # No retry: a second request would be too late for the waiting reader.
    quick = HttpLimits(
        rate_per_s=0, timeout_s=settings.authorities.wait_s, max_wait_s=0, total_timeout_s=10
    )
    return [_reader_groups(source, quick) for source in settings.sources if source.reader_groups]


def _reader_groups(source: SourceSettings, limits: HttpLimits) -> Authority:
    kind = load_kind(source.kind)
    if kind.groups is None:
        raise SourceRefused(
            f"{source.name} : une source « {source.kind} » ne donne pas de groupes : retirez "
            "« reader_groups »."
        )
    authority: Authority = kind.groups(
        place_of(source), validated_options(source, kind.options), limits
    )
    return authority
