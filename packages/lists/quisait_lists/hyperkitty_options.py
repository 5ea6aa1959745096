"""Settings of a source of Mailman 3 archives."""

from typing import Self
from urllib.parse import urlsplit

from pydantic import Field, model_validator

from connectors.options import (
    LOOPBACK,
    BaseUrl,
    Evidence,
    OptionalReaders,
    SourceOptions,
    evidence_of,
    on_form,
)


class ArchivedListOptions(SourceOptions):
    """One list, in the table `lists`."""

    readers: OptionalReaders = Field(
        None,
        description="lecteurs de la liste ; [] : personne ; absent : « allowed » de la source",
        title="Lecteurs",
    )
    readers_are_members: bool = Field(
        False,
        description="« readers » sont les abonnés, au dire de qui règle : ceux que Mailman nomme "
        "ne sont pas demandés (pour une liste de plus de 1 000 abonnés)",
        title="Ces lecteurs sont les abonnés",
    )
    evidence: Evidence | None = Field(
        None, description="de cette liste seule ; absent : « evidence » de la source"
    )

    @model_validator(mode="after")
    def _says_who_they_are(self) -> Self:
        if self.readers_are_members and self.readers is None:
            raise ValueError("« readers_are_members » demande « readers »")
        return self


class HyperkittyOptions(SourceOptions):
    """The source's table `options` in quisait.toml."""

    url: BaseUrl = Field(
        description="adresse de HyperKitty : « https://listes.exemple.fr/archives/ »"
    )
    user: str = Field(
        "", description="compte qui lit, abonné à chaque liste privée ; vide : sans compte"
    )
    login: str = Field(
        "/accounts/login/",
        pattern="^/",
        description="chemin de la page où ce compte se connecte, sur le même hôte ; Debian : "
        "« /mailman3/accounts/login/ »",
    )
    core_url: BaseUrl = Field(
        description="adresse de l'interface REST de Mailman, d'où viennent les abonnés et la "
        "politique d'archivage : « http://127.0.0.1:8001/3.1/ »"
    )
    core_user: str = Field("restadmin", description="compte de cette interface")
    core_password_file: str = Field(
        min_length=1, description="fichier de son mot de passe, relatif à quisait.toml"
    )
    lists: dict[str, ArchivedListOptions] = Field(
        min_length=1,
        description='les seules listes lues, par leur adresse : { "cadastre@exemple.fr" = {} } ; '
        "aussi readers, readers_are_members, evidence",
        title="Nom de la liste",
        json_schema_extra=on_form(row="Liste"),
    )
    domains: list[str] = Field(
        [],
        description="domaines dont les adresses comptent comme auteurs (« exemple.gouv.fr ») ; "
        "vide : tous",
    )
    evidence: Evidence = evidence_of("les messages")
    rate_per_s: float = Field(10, gt=0, le=100, description="demandes par seconde au plus")
    ca_file: str = Field("", description="autorité de certification des deux adresses (PEM)")

    @model_validator(mode="after")
    def _no_password_in_the_clear(self) -> Self:
        """Refuse settings that send a password in the clear beyond this machine."""
        for url in (self.core_url, *([self.url] if self.user else [])):
            parts = urlsplit(url)
            if parts.scheme == "http" and parts.hostname not in LOOPBACK:
                raise ValueError(f"hors boucle locale, {url} doit être en https://")
        return self

    @model_validator(mode="after")
    def _lists_have_addresses(self) -> Self:
        for name in self.lists:
            local, _, domain = name.partition("@")
            if not local or not domain or set(name) & set("/ ?#{}%@:") - {"@"} or "@" in domain:
                raise ValueError(f"« {name} » n'est pas l'adresse d'une liste")
        return self
