"""Settings of sources, directory, access lists, authorities and roles."""

import re
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field, ValidationInfo, model_validator
from pydantic_core import PydanticCustomError

from connectors.file_patterns import parse_selection
from connectors.installed import installed_connectors
from connectors.ldap.config import AGENT_ATTRIBUTES, OPTIONAL_AGENT_FIELDS
from connectors.options import LOOPBACK
from connectors.parts import MOST_PARTS
from connectors.push.addresses import is_origin
from connectors.values import RESERVED_AUTHORITIES
from quisait.settings.types import (
    Duration,
    Principal,
    Secret,
    SettingsTable,
    pace,
    without_password,
)
from search_api.identity.principals import Grant, Role

DIVISIBLE = frozenset({"folder", "export", "mediawiki"})
"""Kinds of sources that can be read in parts."""

BUILT_IN_KINDS = ("folder", "export", "mediawiki", "push", "questions")

OF_KINDS: dict[str, tuple[str, ...]] = {
    "path": ("folder", "export"),
    "include": ("folder",),
    "exclude": ("folder",),
    "rules": ("folder",),
    "tables": ("folder",),
    "open_reach": ("push",),
    "link": ("folder", "push"),
    "file_hosts": ("push",),
    "scim": ("push",),
    "search_client": ("push",),
    "url": ("mediawiki",),
    "user": ("mediawiki",),
    "namespaces": ("mediawiki",),
    "rate_per_s": ("mediawiki",),
    "ca_file": ("mediawiki", "push"),
    "reader_groups": ("mediawiki",),
}
"""Settings of a source and the only kinds that read them; any other kind refuses them."""


def _authority(name: str) -> str:
    if name in RESERVED_AUTHORITIES:
        raise ValueError(f"« {name} » est réservé")
    return name


def _known_kind(kind: str) -> str:
    """Return a built-in kind, or that of an installed connector, loaded when the source is read."""
    if kind in BUILT_IN_KINDS:
        return kind
    installed = sorted(installed_connectors())
    if kind not in installed:
        known = [f"« {name} »" for name in (*BUILT_IN_KINDS[:-1], *installed)]
        raise ValueError(
            f"sorte de source inconnue ; connues : {', '.join(known)}. Un autre connecteur "
            "s'installe avec son paquet (docs/connecteur.md)"
        )
    return kind


def _where_it_is_read(path: str, about: ValidationInfo) -> str:
    """Require a path for a source on this machine."""
    if not path and about.data.get("kind") in ("folder", "export"):
        raise PydanticCustomError("missing", "path is missing")
    return path


def _where_it_answers(url: str, about: ValidationInfo) -> str:
    """Require an http(s) address, without a password, for a wiki."""
    if url:
        without_password(url)
        if not url.startswith(("https://", "http://")):
            raise ValueError("donnez une adresse en https:// ou http://")
    elif about.data.get("kind") == "mediawiki":
        raise PydanticCustomError("missing", "url is missing")
    return url


def _file_patterns(patterns: list[str]) -> list[str]:
    parse_selection(patterns, ())
    return patterns


def _file_hosts(hosts: dict[str, str]) -> dict[str, str]:
    for origin in hosts:
        if not is_origin(origin):
            # The refused text may contain a password: it is not repeated.
            raise ValueError(
                "donnez l'origine seule, en minuscules : https://hote ou https://hote:port, sans "
                "chemin ni compte ; http:// pour cette machine seulement"
            )
    return hosts


def password_variable(source: str) -> str:
    """Return the name of the environment variable that holds the password of a source."""
    return f"QUISAIT_PASSWORD_{source.upper().replace('-', '_')}"


class SourceSettings(SettingsTable):
    """Une source de documents."""

    name: Annotated[
        str, Field(pattern=r"^[a-z0-9][a-z0-9_-]{0,99}$"), AfterValidator(_authority)
    ] = Field(
        description="nom court, sans deux-points : il commence l'identifiant de ses documents"
    )
    kind: Annotated[str, AfterValidator(_known_kind)] = Field(
        description="« folder » (dossier de fichiers), « export » (JSON Lines), « mediawiki » "
        "(wiki), « push » (reçus d'une application), ou un connecteur installé "
        "(« quisait connector list ») ; « questions » est ajoutée par [questions]"
    )
    path: Annotated[str, AfterValidator(_where_it_is_read)] = Field(
        "",
        validate_default=True,
        description="dossier ou fichier, relatif à quisait.toml ; rien pour les autres",
    )
    every: Annotated[str, AfterValidator(pace)] = Field(
        "",
        description="rythme de lecture par « quisait run » : « 15 min », « 2 h », « 1 j », ou "
        "« jamais » ; vide : « 1 h », et « 1 min » pour « push »",
    )
    allowed: list[Principal] = Field(
        [],
        description="lecteurs de ce qui n'en nomme pas : fichiers sans règle (dossiers), espace "
        "principal (wiki) ; vide : personne",
    )
    include: Annotated[list[str], AfterValidator(_file_patterns)] = Field(
        [],
        description="d'un dossier, les seuls fichiers lus : « *.pdf », « notes/** » ; vide : tous",
    )
    exclude: Annotated[list[str], AfterValidator(_file_patterns)] = Field(
        [],
        description="d'un dossier, les fichiers et dossiers laissés de côté : « *.png », "
        "« archives » ; l'emporte sur include",
    )
    rules: str = Field(
        "",
        description="d'un dossier, table de règles (pattern, allowed…) gardée hors de lui, "
        "relative à quisait.toml ; celles du dossier ne font alors que restreindre ; vide : aucune",
    )
    tables: Literal["narrow", "trusted"] = Field(
        "narrow",
        description="d'un dossier, ce que peuvent les tables _quisait.csv des sous-dossiers et les "
        "fiches : « narrow » : ôter des lecteurs ; « trusted » : en ajouter aussi",
    )
    scans: bool = Field(
        True, description="reconnaître le texte de ses documents numérisés, si [scans] est allumé"
    )
    trust: float = Field(
        1,
        ge=0.1,
        le=2,
        description="confiance : multiplie la note de ses documents ; ils remplacent ceux de leur "
        "source, et ceux de sources de confiance moindre",
    )
    open_reach: list[Literal["public", "authenticated"]] = Field(
        [],
        description="documents de La Suite que tout agent trouve, de ceux qu'un lien ouvre : "
        "« public », « authenticated » ; vide : aucun",
        title="Documents de La Suite que tout agent trouve",
    )
    link: str = Field(
        "",
        description="adresse d'un document de La Suite, où {id} tient sa place, ou d'un fichier "
        "d'un dossier, où {path} tient la place de son chemin ; vide : aucune",
    )
    file_hosts: Annotated[dict[str, str], AfterValidator(_file_hosts)] = Field(
        {},
        description="serveurs où chercher les fichiers qu'une application pousse par leur adresse, "
        "et le fichier du jeton à leur présenter (vide : aucun jeton) : "
        '{ "https://drive.exemple" = "drive.jeton" } ; vide : aucun fichier n\'est cherché',
    )
    scim: bool = Field(
        False,
        description="prend les groupes que l'application envoie (SCIM 2.0) ; sans cela ils ne sont "
        "personne",
    )
    search_client: str = Field(
        "",
        description="identifiant, chez le fournisseur d'identité, de l'application de La Suite qui "
        "cherche ici au nom de ses agents ; vide : aucune",
    )
    url: Annotated[str, AfterValidator(_where_it_answers)] = Field(
        "", validate_default=True, description="adresse de api.php d'un wiki"
    )
    user: str = Field(
        "", description="compte qui lit le wiki (« compte@robot » pour un mot de passe de robot)"
    )
    password_file: str = Field(
        "", description="fichier du mot de passe ; ou la variable QUISAIT_PASSWORD_ suivie du nom"
    )
    namespaces: dict[str, list[Principal]] = Field(
        {},
        description="espaces de noms lus (nom ou numéro) et leurs lecteurs ; [] : personne",
        title="Espaces de noms lus, et leurs lecteurs",
    )
    rate_per_s: float = Field(
        10,
        ge=0,
        description="demandes par seconde au plus, toutes parties ensemble ; 0 : sans attendre",
    )
    parts: int = Field(
        1,
        ge=1,
        le=MOST_PARTS,
        description="en tant de parties que plusieurs lecteurs se partagent (dossier, export, "
        "wiki ; base PostgreSQL) ; 1 : lue entière",
    )
    ca_file: str = Field(
        "", description="autorité de certification du wiki, ou de « file_hosts » (PEM)"
    )
    options: dict[str, Any] = Field(
        {},
        repr=False,
        description="d'un connecteur installé, ses propres réglages, que « quisait connector "
        "list » décrit",
    )
    reader_groups: bool = Field(
        False,
        description="demander au wiki les groupes du compte de chaque lecteur : droits "
        "« nom:group:groupe »",
    )
    join: list[Literal["uid", "email", "sid"]] = Field(
        [],
        description="ce qui y nomme le compte d'un agent : « uid » (son identifiant), « email » "
        "(son adresse, que la source a vérifiée), « sid » (partage Windows, avec "
        "active_directory) ; vide : les comptes que donne l'annuaire",
    )

    @model_validator(mode="after")
    def _where_it_has_a_meaning(self) -> "SourceSettings":
        if self.options and self.kind in BUILT_IN_KINDS:
            raise ValueError("options n'a de sens que pour un connecteur installé")
        for name, kinds in OF_KINDS.items():
            usual = type(self).model_fields[name].default
            if self.kind in kinds or getattr(self, name) == usual:
                continue
            if self.kind in BUILT_IN_KINDS:
                named = " ou ".join(f"« {kind} »" for kind in kinds)
                raise ValueError(f"{name} n'a de sens que pour une source {named} : retirez-le")
            raise ValueError(
                f"{name} serait ignoré : les réglages du connecteur « {self.kind} » s'écrivent "
                "sous [sources.options] (« quisait connector list » les dit)"
            )
        return self

    @model_validator(mode="after")
    def _divided_where_it_can_be(self) -> "SourceSettings":
        if self.parts > 1 and self.kind not in DIVISIBLE:
            raise ValueError("parts n'a de sens que pour un dossier, un export ou un wiki")
        return self


_ATTRIBUTE = re.compile(r"([A-Za-z][A-Za-z0-9-]*)?")


class DirectorySettings(SettingsTable):
    """L'annuaire des agents et des groupes : des tables, ou [ldap]."""

    agents: str = Field("", description="table des agents (.csv ou .jsonl)")
    groups: str = Field("", description="table des groupes (.csv ou .jsonl)")
    accounts: str = Field(
        "",
        description="table des comptes donnés à la main : account, agent (.csv ou .jsonl) ; "
        "l'emporte sur toute règle",
    )
    every: Annotated[str, AfterValidator(pace)] = Field(
        "1 h", description="rythme de lecture par « quisait run » ; « jamais » : à la main"
    )
    oldest: Duration = Field(
        "3 j",
        description="âge de la dernière lecture des tables au-delà duquel leurs groupes ne sont "
        "plus crus (LDAP : [ldap] oldest) ; dit dès la moitié",
    )


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
        str, Field(pattern=r"^[a-z0-9][a-z0-9_-]{0,99}$"), AfterValidator(_authority)
    ] = Field("ldap", description="début des groupes dans les droits : « ldap:group:… »")
    page_size: int = Field(500, ge=1, le=10_000, description="entrées demandées à la fois")
    timeout_s: float = Field(30, gt=0, le=600, description="silence toléré, en secondes")
    oldest: Duration = Field(
        "2 j",
        description="âge de la dernière lecture au-delà duquel ses groupes ne sont plus crus ; dit "
        "dès la moitié",
    )


class AccessSettings(SettingsTable):
    """Les listes de droits : ce qu'il faut en confirmer (docs/que-faire.md)."""

    accepted_denials: list[Principal] = Field(
        [],
        description="refus qui ne nomment personne de connu, et c'est voulu, comme "
        "ldap:group:ancien : les documents qui les portent ne sont pas fermés pour cela",
    )


class AuthoritySettings(SettingsTable):
    """Les sources de droits, interrogées quand un lecteur vient (docs/annuaire.md)."""

    fresh: Duration = Field(
        "1 min", description="temps pendant lequel les groupes d'un lecteur sont retenus"
    )
    wait_s: float = Field(
        2.0, gt=0, le=30, description="temps qu'un lecteur les attend au plus, en secondes"
    )
    failures: int = Field(
        3, ge=1, description="échecs de suite après lesquels une source de droits se repose"
    )
    rest: Duration = Field(
        "30 s", description="repos pendant lequel elle n'est pas demandée ; rien n'en est cru"
    )


class RoleSettings(SettingsTable):
    """Un rôle donné à des agents ou à des groupes de l'annuaire."""

    role: Literal["animator", "administrator", "officer"] = Field(
        description="« animator » (animation de réseau), « administrator » (administration) ou "
        "« officer » (protection des données)"
    )
    agents: list[str] = Field([], description="identifiants d'agents")
    groups: list[Principal] = Field([], description="groupes de l'annuaire, comme ldap:group:…")
    topics: list[str] = Field(
        [], description="pour « animator » : identifiants des sujets animés, ou « * »"
    )
    communities: list[str] = Field(
        [], description="pour « animator » : espaces animés, comme les documents les nomment"
    )
    entities: list[str] = Field(
        [],
        description="pour « animator » : entités (chemins) dont il suit et modère les questions "
        "sans sujet, avec celles qu'elles contiennent",
    )

    @model_validator(mode="after")
    def _for_somebody_and_something(self) -> "RoleSettings":
        if not self.agents and not self.groups:
            raise ValueError("un rôle demande au moins un agent (agents) ou un groupe (groups)")
        if "everyone" in self.groups:
            raise ValueError("un rôle n'est pas donné à tout le monde (everyone)")
        bounded = bool(self.topics or self.communities or self.entities)
        if bounded != (self.role == "animator"):
            raise ValueError(
                "« animator » demande des sujets (topics), des espaces (communities) ou des "
                "entités (entities), et lui seul"
            )
        return self


def grant_of(settings: RoleSettings) -> Grant:
    """Return the grant of a role's settings."""
    return Grant(
        Role(settings.role),
        frozenset(settings.agents),
        frozenset(settings.groups),
        frozenset(settings.topics),
        frozenset(settings.communities),
        frozenset(settings.entities),
    )
