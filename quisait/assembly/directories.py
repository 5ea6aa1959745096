"""The directory of the settings: tables or LDAP, its accounts joined by the sources' rules."""

from connectors.account_joins import JoinBy, JoiningDirectory, JoinRule, Stated
from connectors.directory import TableDirectory
from connectors.directory_lines import AccountLine
from connectors.directory_tables import lines_of
from connectors.errors import SourceRefused
from connectors.ldap.place import AGENT_ATTRIBUTES, Branch, GroupNames, LdapManners, LdapPlace
from connectors.ports import Directory
from quisait.settings import Settings, beside_file


def open_directory(settings: Settings) -> Directory | None:
    """The directory, or None where the settings name none.

    Raises `SourceRefused` where they name two, or the table of accounts is not understood.
    """
    found = _source(settings)
    return (
        None if found is None else JoiningDirectory(found, join_rules(settings), _stated(settings))
    )


def has_directory(settings: Settings) -> bool:
    """Whether the settings name a directory."""
    return bool(settings.directory.agents or settings.ldap.urls)


def join_rules(settings: Settings) -> tuple[JoinRule, ...]:
    """How the accounts of each source are named."""
    return tuple(
        JoinRule(one.name, tuple(map(JoinBy, one.join)), capital=one.kind == "mediawiki")
        for one in settings.sources
        if one.join
    )


def _source(settings: Settings) -> Directory | None:
    tables, ldap = settings.directory, settings.ldap
    if ldap.urls and tables.agents:
        raise SourceRefused("Réglez [directory] agents ou [ldap] urls, pas les deux.")
    if ldap.urls:
        # Imported here: the client is of use where there is a server to ask.
        from connectors.ldap.directory import LdapDirectory

        return LdapDirectory(ldap_place(settings))
    if not tables.agents:
        return None
    groups = beside_file(tables.groups) if tables.groups else None
    return TableDirectory(beside_file(tables.agents), groups)


def ldap_place(settings: Settings) -> LdapPlace:
    """Where the directory is, and how it is read."""
    ldap = settings.ldap
    return LdapPlace(
        urls=tuple(ldap.urls),
        agents=Branch(ldap.agents_base, ldap.agents_filter),
        groups=Branch(ldap.groups_base, ldap.groups_filter) if ldap.groups_base else None,
        user=ldap.user,
        password=ldap.password,
        start_tls=ldap.start_tls,
        ca_file=str(beside_file(ldap.ca_file)) if ldap.ca_file else "",
        authority=ldap.authority,
        attributes={**AGENT_ATTRIBUTES, **ldap.attributes},
        group_names=GroupNames(ldap.group_id, members=tuple(ldap.members)),
        manners=LdapManners(ldap.page_size, ldap.timeout_s),
    )


def _stated(settings: Settings) -> tuple[Stated, ...]:
    """The accounts that a person gave. A row that is not understood refuses the table."""
    if not settings.directory.accounts:
        return ()
    found = []
    for where, line in lines_of(beside_file(settings.directory.accounts), AccountLine, "account"):
        if not isinstance(line, AccountLine):
            raise SourceRefused(f"{where} : {line}. L'annuaire d'avant reste en place.")
        found.append(Stated(line.account, line.agent))
    return tuple(found)
