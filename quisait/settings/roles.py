"""Settings of roles: who animates, administers, and watches over personal data."""

from typing import Literal

from pydantic import Field, model_validator

from quisait.settings.types import Principal, Table
from search_api.identity.grants import Grant, Role


class RoleSettings(Table):
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

    @model_validator(mode="after")
    def _for_somebody_and_something(self) -> "RoleSettings":
        if not self.agents and not self.groups:
            raise ValueError("un rôle demande au moins un agent (agents) ou un groupe (groups)")
        if "everyone" in self.groups:
            raise ValueError("un rôle n'est pas donné à tout le monde (everyone)")
        bounded = bool(self.topics or self.communities)
        if bounded != (self.role == "animator"):
            raise ValueError(
                "« animator » demande des sujets (topics) ou des espaces (communities), et lui seul"
            )
        return self


def grant_of(settings: RoleSettings) -> Grant:
    """The grant, as the rooms take it."""
    return Grant(
        Role(settings.role),
        frozenset(settings.agents),
        frozenset(settings.groups),
        frozenset(settings.topics),
        frozenset(settings.communities),
    )
