"""Settings of a mailbox source."""

from typing import Annotated, Literal

from pydantic import AfterValidator, Field, model_validator

from connectors.options import LOOPBACK, Evidence, GroupPrincipals, Link, SourceOptions, on_form
from connectors.readers import Readers

ACL = "acl"


def _readers(
    folders: dict[str, list[str] | Literal["acl"]],
) -> dict[str, list[str] | Literal["acl"]]:
    for name, readers in folders.items():
        if not name or not name.isprintable():
            raise ValueError("un dossier a un nom, comme « INBOX » ou « INBOX/Questions »")
        if readers != ACL:
            Readers(allowed=list(readers))
    return folders


class MailboxOptions(SourceOptions):
    """The source's table `options` in quisait.toml."""

    host: str = Field(min_length=1, description="serveur IMAP")
    port: int = Field(
        993,
        ge=1,
        le=65_535,
        description="port ; 143 avec « starttls »",
        json_schema_extra=on_form("place"),
    )
    security: Literal["tls", "starttls", "none"] = Field(
        "tls",
        description="« tls », « starttls », ou « none » sur la boucle locale seulement",
        title="Protection de la connexion",
        json_schema_extra=on_form("place", tls="TLS", starttls="STARTTLS", none="aucune"),
    )
    ca_file: str = Field("", description="autorité de certification du serveur (PEM)")
    user: str = Field(min_length=1, description="compte qui lit la boîte, en lecture seule")
    folders: Annotated[dict[str, list[str] | Literal["acl"]], AfterValidator(_readers)] = Field(
        min_length=1,
        description='les seuls dossiers lus, et leurs lecteurs : { "INBOX/Questions" = '
        '["annuaire:group:cadastre"] } ; [] : personne ; "acl" : ceux de ses droits (GETACL)',
        title="Dossiers lus, et leurs lecteurs",
        json_schema_extra=on_form("readers"),
    )
    identifiers: GroupPrincipals = Field(
        {},
        description='droits que désignent les groupes du serveur : { "group=compta" = '
        '"ldap:group:compta" } ; un autre groupe n\'est personne',
    )
    evidence: Evidence = Field(
        "none", description="« yes » : ceux qui répondent dans la boîte comptent parmi qui sait"
    )
    domains: list[str] = Field(
        [],
        description="domaines dont les adresses comptent comme auteurs (« exemple.gouv.fr ») ; "
        "vide : tous, usagers compris",
    )
    link: Link = Field(
        "",
        description="adresse d'un message dans la messagerie en ligne, où {folder}, {id} et "
        "{month} (AAAA-MM) tiennent leur place ; vide : aucune",
    )
    rate_per_s: float = Field(50, gt=0, le=1_000, description="demandes par seconde au plus")

    @model_validator(mode="after")
    def _protected(self) -> "MailboxOptions":
        """Refuse settings that send a password in the clear beyond this machine."""
        if self.security == "none" and self.host not in LOOPBACK:
            raise ValueError("hors boucle locale, réglez security = « tls » ou « starttls »")
        return self
