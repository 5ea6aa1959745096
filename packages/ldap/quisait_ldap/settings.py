"""Settings of an LDAP directory, the table `[ldap]`."""

import re
from typing import Annotated
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field, ValidationInfo

from connectors.options import LOOPBACK
from quisait.settings.sources import unreserved_authority
from quisait.settings.types import Duration, Secret, SettingsTable
from quisait_ldap.config import AGENT_ATTRIBUTES, OPTIONAL_AGENT_FIELDS

_ATTRIBUTE = re.compile(r"([A-Za-z][A-Za-z0-9-]*)?")


def _addresses(urls: list[str]) -> list[str]:
    for url in urls:
        address = urlsplit(url)
        if address.scheme not in ("ldap", "ldaps") or not address.hostname:
            raise ValueError("donnez des adresses en ldaps:// ou ldap://")
    return urls


def _protected(start_tls: bool, about: ValidationInfo) -> bool:
    """Refuse to send a password unencrypted beyond this machine."""
    for url in about.data.get("urls", ()):
        address = urlsplit(url)
        if address.scheme == "ldap" and not start_tls and address.hostname not in LOOPBACK:
            raise ValueError("hors boucle locale, réglez ldaps:// ou start_tls = true")
    return start_tls


def _mapping(attributes: dict[str, str]) -> dict[str, str]:
    for field, attribute in attributes.items():
        if field not in {*AGENT_ATTRIBUTES, *OPTIONAL_AGENT_FIELDS}:
            raise ValueError(f"« {field} » n'est pas un champ d'un agent")
        if not _ATTRIBUTE.fullmatch(attribute) or (field == "id" and not attribute):
            raise ValueError(f"« {attribute} » n'est pas un attribut LDAP")
    return attributes


class LdapSettings(SettingsTable):
    """Un annuaire LDAP (docs/annuaire.md)."""

    urls: Annotated[list[str], AfterValidator(_addresses)] = Field(
        [], description="adresses, la première qui répond est lue : ldaps://… ; vide : pas de LDAP"
    )
    start_tls: Annotated[bool, AfterValidator(_protected)] = Field(
        False,
        validate_default=True,
        description="passer en TLS sur une adresse ldap:// (StartTLS), le certificat vérifié",
    )
    ca_file: str = Field("", description="autorité de certification de l'annuaire (PEM)")
    user: str = Field("", description="compte qui lit (DN) ; vide : anonyme")
    password: Secret = Field("", description="mot de passe de ce compte, plutôt par un fichier")
    active_directory: bool = Field(
        False,
        description="Active Directory : attributs et filtres habituels autres, comptes désactivés "
        "écartés, et « ldap:sid:S-1-… » dans les droits",
    )
    agents_base: str = Field("", description="base des agents : « ou=agents,dc=exemple,dc=fr »")
    agents_filter: str = Field(
        "(objectClass=inetOrgPerson)",
        description="filtre des agents ; y exclure les comptes désactivés",
    )
    attributes: Annotated[dict[str, str], AfterValidator(_mapping)] = Field(
        {},
        description="attribut de chaque champ d'un agent, où ce n'est pas l'habituel : "
        '{ departement = "st", departure = "dateFin" }',
    )
    groups_base: str = Field("", description="base des groupes ; vide : aucun groupe")
    groups_filter: str = Field(
        "(|(objectClass=groupOfNames)(objectClass=groupOfUniqueNames)(objectClass=posixGroup)"
        "(objectClass=group))",
        description="filtre des groupes",
    )
    group_id: str = Field("cn", description="attribut qui nomme un groupe dans les droits")
    members: list[str] = Field(
        ["member", "uniqueMember", "memberUid"], description="attributs des membres d'un groupe"
    )
    authority: Annotated[
        str, Field(pattern=r"^[a-z0-9][a-z0-9_-]{0,99}$"), AfterValidator(unreserved_authority)
    ] = Field("ldap", description="début des groupes dans les droits : « ldap:group:… »")
    page_size: int = Field(500, ge=1, le=10_000, description="entrées demandées à la fois")
    timeout_s: float = Field(30, gt=0, le=600, description="silence toléré, en secondes")
    oldest: Duration = Field(
        "2 j",
        description="âge de la dernière lecture au-delà duquel ses groupes ne sont plus crus ; dit "
        "dès la moitié",
    )
