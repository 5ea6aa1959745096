"""Settings of sources, directory, access lists, authorities and roles."""

from collections.abc import Mapping
from typing import Annotated, Any, Literal, Self

from pydantic import (
    AfterValidator,
    BaseModel,
    Field,
    ValidationInfo,
    field_validator,
    model_validator,
)
from pydantic_core import PydanticCustomError

from connectors.folder.options import FolderOptions
from connectors.installed import OWN_KINDS, installed_connectors
from connectors.options import Principal
from connectors.values import RESERVED_AUTHORITIES
from quisait.settings.types import Duration, SettingsTable, pace
from search_api.identity.principals import Grant, Role

BUILT_IN_KINDS = (*OWN_KINDS, "questions")

_OPTIONS: dict[str, type[BaseModel]] = {
    "folder": FolderOptions,
}
"""The settings that only these kinds of sources accept; all other kinds refuse them."""


def unreserved_authority(name: str) -> str:
    """Return the name of an authority. Raises `ValueError` for one of quisait's own."""
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


def password_variable(source: str) -> str:
    """Return the name of the environment variable that holds the password of a source."""
    return f"QUISAIT_PASSWORD_{source.upper().replace('-', '_')}"


class EverySource(SettingsTable):
    """The settings that all kinds of sources have."""

    name: Annotated[
        str, Field(pattern=r"^[a-z0-9][a-z0-9_-]{0,99}$"), AfterValidator(unreserved_authority)
    ] = Field(
        description="nom court, sans deux-points : il commence l'identifiant de ses documents"
    )
    kind: Annotated[str, AfterValidator(_known_kind)] = Field(
        description="« folder » (dossier de fichiers), ou un connecteur installé, comme « push » "
        "ou « export » (« quisait connector list ») ; « questions » est ajoutée par [questions]"
    )
    every: Annotated[str, AfterValidator(pace)] = Field(
        "",
        description="rythme de lecture par « quisait run » : « 15 min », « 2 h », « 1 j », ou "
        "« jamais » ; vide : « 1 h », et « 1 min » pour « push »",
    )
    allowed: list[Principal] = Field(
        [],
        description="lecteurs de ce qui n'en nomme pas, comme les fichiers sans règle d'un "
        "dossier ; vide : personne",
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
    password_file: str = Field(
        "", description="fichier du mot de passe ; ou la variable QUISAIT_PASSWORD_ suivie du nom"
    )
    options: dict[str, Any] = Field(
        {},
        repr=False,
        description="d'un connecteur installé, ses propres réglages, que « quisait connector "
        "list » décrit ; ils peuvent s'écrire aussi dans la table de la source même",
    )
    join: list[Literal["uid", "email", "sid"]] = Field(
        [],
        description="ce qui y nomme le compte d'un agent : « uid » (son identifiant), « email » "
        "(son adresse, que la source a vérifiée), « sid » (partage Windows, avec "
        "active_directory) ; vide : les comptes que donne l'annuaire",
    )


_REMOVED = frozenset({"parts"})
"""Settings of earlier versions, which have no effect any more."""


def options_in_place(table: Mapping[str, Any]) -> dict[str, Any]:
    """Return a source's table with each option where its kind expects it.

    Options of every kind may be written in the source's own table or under `options`. Those of
    quisait's own kinds belong into the own table, those of installed kinds under `options`. Raises
    `ValueError` if an option is written in both places.
    """
    table = {name: value for name, value in table.items() if name not in _REMOVED}
    options = table.get("options", {})
    if not isinstance(options, Mapping):
        return table  # refused by the field
    own = {name: value for name, value in table.items() if name not in EverySource.model_fields}
    is_built_in = table.get("kind") in BUILT_IN_KINDS
    if twice := sorted(options.keys() & (table if is_built_in else own).keys()):
        raise ValueError(
            f"{', '.join(twice)} est écrit deux fois, dans la table de la source et sous "
            "« options » : gardez-en un"
        )
    rest = {name: value for name, value in table.items() if name != "options" and name not in own}
    if is_built_in:
        return {**rest, **own, **options}
    return {**rest, "options": {**options, **own}}


class SourceSettings(FolderOptions, EverySource):
    """Une source de documents."""

    path: str = Field(
        "",
        validate_default=True,
        description="dossier, relatif à quisait.toml ; rien pour les autres",
    )

    @model_validator(mode="before")
    @classmethod
    def _in_place(cls, table: Any) -> Any:
        """Return the table with its options where they belong, without removed settings."""
        return options_in_place(table) if isinstance(table, dict) else table

    @property
    def reader_groups(self) -> bool:
        """Whether the source is asked for the groups of each reader's accounts.

        This is an option of the kinds that have `ConnectorKind.groups`.
        """
        return bool(self.options.get("reader_groups"))

    @property
    def has_own_groups(self) -> bool:
        """Whether principals `name:group:…` are groups that the source gives or receives."""
        return self.reader_groups or bool(self.options.get("scim"))

    @property
    def address(self) -> str:
        """The address that the source reads, from its option `url`; empty if it has none."""
        return str(self.options.get("url") or "")

    @field_validator("path")
    @classmethod
    def _given_where_needed(cls, place: str, about: ValidationInfo) -> str:
        """Require the place of a source if its kind has one."""
        own = _OPTIONS.get(about.data.get("kind", ""))
        if not place and own and about.field_name in own.model_fields:
            raise PydanticCustomError("missing", "the place is missing")
        return place

    @model_validator(mode="after")
    def _of_its_kind(self) -> Self:
        """Refuse settings that the source's kind does not read."""
        for name, field in type(self).model_fields.items():
            kinds = [kind for kind, own in _OPTIONS.items() if name in own.model_fields]
            if kinds and self.kind not in kinds and getattr(self, name) != field.default:
                named = " ou ".join(f"« {kind} »" for kind in kinds)
                raise ValueError(f"{name} n'a de sens que pour une source {named} : retirez-le")
        return self


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
