"""Settings of sign-on: the provider, the reverse proxy's header, which agent they name."""

import re
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, Field, model_validator

from quisait.settings.embed import origin
from quisait.settings.types import Duration, Secret, Table

Algorithm = Literal[
    "RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "Ed25519"
]
_HEADER = re.compile(r"[A-Za-z0-9-]+")


def _address(written: str) -> str:
    return written and origin(written)


def _issuer(written: str) -> str:
    if written and not re.fullmatch(r"https?://[^\s?#]+", written):
        raise ValueError(
            f"« {written} » n'est pas l'adresse d'un fournisseur : écrivez-la comme lui "
            "(« issuer » de sa page .well-known/openid-configuration)"
        )
    return written


def _header(written: str) -> str:
    if written and not _HEADER.fullmatch(written):
        raise ValueError(f"« {written} » n'est pas le nom d'un en-tête")
    return written


class SignOnSettings(Table):
    """Qui se connecte, et comment on le retrouve dans l'annuaire (docs/administration.md)."""

    address: Annotated[str, AfterValidator(_address)] = Field(
        "",
        description="adresse de quisait pour les agents, comme https://quisait.exemple.fr ; "
        "en https, les témoins (cookies) sont « Secure »",
    )
    claim: str = Field(
        "uid", description="ce que dit le fournisseur et qui désigne l'agent : « uid », « email »…"
    )
    agent_by: Literal["id", "email", "account"] = Field(
        "id", description="ce que c'est dans l'annuaire : « id », « email » ou « account » (compte)"
    )
    account_source: str = Field("", description="source du compte, si agent_by est « account »")
    email_trusted: bool = Field(
        False, description="croire une adresse que le fournisseur ne dit pas vérifiée"
    )
    accepted: dict[str, list[str]] = Field(
        {},
        description="valeurs admises d'autres attributs (idp_id, siret…) : toute autre est refusée",
    )
    whom_to_ask: str = Field(
        "la personne qui administre le service",
        description="si l'annuaire ne connaît pas l'agent, à qui s'adresser (« adressez-vous à »)",
    )
    idle: Duration = Field("1 h", description="une session sans usage finit après")
    absolute: Duration = Field("10 h", description="toute session finit après")
    token_days: int = Field(
        90, ge=0, le=366, description="durée la plus longue d'un jeton personnel ; 0 : aucun"
    )

    @model_validator(mode="after")
    def _of_a_source(self) -> Self:
        if self.agent_by == "account" and not self.account_source:
            raise ValueError('agent_by = "account" demande account_source')
        return self


class OidcSettings(Table):
    """Le fournisseur d'identité (OpenID Connect), comme ProConnect."""

    issuer: Annotated[str, AfterValidator(_issuer)] = Field(
        "", description="son adresse, telle qu'il la dit (« issuer ») ; vide : aucun"
    )
    client_id: str = Field("", description="identifiant de quisait chez lui")
    client_secret: Secret = Field(
        "", description="secret de quisait chez lui, plutôt par un fichier"
    )
    scopes: str = Field(
        "openid uid email", description="ce qui lui est demandé, séparé par des espaces"
    )
    acr_values: str = Field("", description="niveaux d'authentification demandés ; vide : aucun")
    algorithms: list[Algorithm] = Field(
        ["RS256", "ES256"], description="algorithmes admis pour ses signatures"
    )
    signed_userinfo: bool = Field(
        True, description="n'admettre que des attributs signés (ProConnect) ; false : JSON par TLS"
    )
    skew_s: int = Field(
        30, ge=0, le=300, description="écart admis entre son horloge et la nôtre, en secondes"
    )
    timeout_s: float = Field(
        10.0, gt=0, le=60, description="temps qui lui est laissé pour répondre, en secondes"
    )
    ca_file: str = Field("", description="autorité de certification du fournisseur (PEM)")

    @model_validator(mode="after")
    def _with_a_client(self) -> Self:
        if self.issuer and not (self.client_id and self.client_secret):
            raise ValueError("issuer demande client_id et client_secret (un fichier de secrets)")
        return self


class SignedHeaderSettings(Table):
    """L'en-tête signé (JWT) d'un mandataire qui authentifie ; un en-tête nu n'est jamais cru."""

    name: Annotated[str, AfterValidator(_header)] = Field(
        "", description="nom de l'en-tête ; vide : aucun"
    )
    issuer: str = Field("", description="« iss » attendu")
    audience: str = Field("", description="« aud » attendu")
    keys_file: str = Field("", description="clés publiques du mandataire : JWKS ou PEM")
    keys_url: str = Field("", description="ou l'adresse de son JWKS")
    algorithms: list[Algorithm] = Field(
        ["RS256", "ES256"], description="algorithmes admis pour sa signature"
    )
    skew_s: int = Field(
        30, ge=0, le=300, description="écart admis entre son horloge et la nôtre, en secondes"
    )

    @model_validator(mode="after")
    def _whole(self) -> Self:
        if not self.name:
            return self
        if not (self.issuer and self.audience):
            raise ValueError("name demande issuer et audience : un jeton pour d'autres est refusé")
        if bool(self.keys_file) == bool(self.keys_url):
            raise ValueError("name demande keys_file ou keys_url, l'un des deux")
        return self
