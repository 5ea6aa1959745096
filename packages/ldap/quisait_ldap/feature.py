"""Declares the LDAP directory: its settings, how it is opened, and its servers."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from quisait.features import ConfiguredDirectory, Feature, SettingsPart

if TYPE_CHECKING:
    from connectors.ports import Directory
    from quisait.settings import Settings
    from quisait_ldap.settings import LdapSettings


def _table(settings: Settings) -> LdapSettings:
    from quisait_ldap.settings import LdapSettings

    return settings.table(LdapSettings)


def _require(settings: Settings) -> None:
    """Refuse a source whose groups have the directory's authority.

    `TableDirectory` and `open_authorities` refuse the same for groups of a table.
    """
    ldap = _table(settings)
    if ldap.urls and ldap.authority in settings.group_sources:
        raise ValueError(
            f"[[sources]] « {ldap.authority} » a des groupes (scim, reader_groups), qui "
            "seraient ceux de l'annuaire ([ldap] authority) : donnez un autre nom à l'un des deux"
        )


def _directory(settings: Settings) -> ConfiguredDirectory | None:
    ldap = _table(settings)
    if not ldap.urls:
        return None

    def open_it() -> Directory:
        from quisait_ldap.opening import open_directory  # ldap3 takes a third of a second

        return open_directory(settings)

    return ConfiguredDirectory("ldap", ldap.authority, ldap.oldest, open_it)


def _tls_servers(settings: Settings) -> Iterator[tuple[str, int]]:
    from urllib.parse import urlsplit

    for url in _table(settings).urls:
        address = urlsplit(url)
        if address.scheme == "ldaps" and address.hostname:
            yield address.hostname, address.port or 636


FEATURE = Feature(
    name="ldap",
    settings=(SettingsPart("ldap", "quisait_ldap.settings:LdapSettings"),),
    require=_require,
    directory=_directory,
    tls_servers=_tls_servers,
)
