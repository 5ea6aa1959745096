"""Configure and open the directory that the settings name."""

from connectors.ports import Directory
from quisait.settings import Settings, file_named
from quisait_ldap.config import (
    ACTIVE_DIRECTORY_AGENTS,
    ACTIVE_DIRECTORY_ATTRIBUTES,
    ACTIVE_DIRECTORY_GROUPS,
    AGENT_ATTRIBUTES,
    LdapConfig,
)
from quisait_ldap.directory import LdapDirectory
from quisait_ldap.settings import LdapSettings


def open_directory(settings: Settings) -> Directory:
    """Return the LDAP directory of the settings, without a request."""
    return LdapDirectory(ldap_config(settings))


def ldap_config(settings: Settings) -> LdapConfig:
    """Return the addresses, branches, attributes and limits of the directory in the settings."""
    ldap, usual = settings.table(LdapSettings), AGENT_ATTRIBUTES
    agents_filter, groups_filter = ldap.agents_filter, ldap.groups_filter
    if ldap.active_directory:
        usual, initial = ACTIVE_DIRECTORY_ATTRIBUTES, LdapSettings()
        # `quisait init` writes the initial filters into the settings: unchanged, nobody chose them.
        if agents_filter == initial.agents_filter:
            agents_filter = ACTIVE_DIRECTORY_AGENTS
        if groups_filter == initial.groups_filter:
            groups_filter = ACTIVE_DIRECTORY_GROUPS
    return LdapConfig(
        urls=tuple(ldap.urls),
        agents_base=ldap.agents_base,
        agents_filter=agents_filter,
        groups_base=ldap.groups_base,
        groups_filter=groups_filter,
        user=ldap.user,
        password=ldap.password,
        start_tls=ldap.start_tls,
        ca_file=file_named(ldap.ca_file),
        authority=ldap.authority,
        attributes={**usual, **ldap.attributes},
        group_id=ldap.group_id,
        members=tuple(ldap.members),
        active_directory=ldap.active_directory,
        sid_sources=tuple(source.name for source in settings.sources if "sid" in source.join),
        page_size=ldap.page_size,
        timeout_s=ldap.timeout_s,
    )
