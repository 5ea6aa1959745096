"""Settings of the web server: request limits, sign-on, pages, embedding."""

import ipaddress
import re
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, Field, model_validator

from quisait.settings.types import Duration, Secret, SettingsTable

_HOST = r"[a-z0-9]([a-z0-9.-]*[a-z0-9])?|\[[0-9a-f:]+\]"
_ORIGIN = re.compile(rf"(https?)://({_HOST})(:[1-9][0-9]{{0,4}})?")
_USUAL_PORTS = {"http": ":80", "https": ":443"}


def web_origin(written: str) -> str:
    """Return an origin unchanged. Raises `ValueError` unless it is written like browsers write it.

    Origins are compared as a whole (RFC 6454, 6.2).
    """
    found = _ORIGIN.fullmatch(written)
    if not found or found[4] == _USUAL_PORTS[found[1]]:
        raise ValueError(
            f"« {written} » n'est pas une origine : écrivez-la comme https://intranet.exemple.fr, "
            "en minuscules, sans chemin, sans « / » final, avec le port s'il n'est pas l'habituel"
        )
    return written


class EmbedSettings(SettingsTable):
    """La recherche dans les pages d'autres sites (docs/intranet.md)."""

    origins: list[Annotated[str, AfterValidator(web_origin)]] = Field(
        [],
        description="origines de l'intranet dont les pages peuvent chercher au nom de l'agent ; "
        "vide : aucune",
    )


_HOST_NAME = re.compile(r"[a-z0-9]([a-z0-9._-]*[a-z0-9])?")


def _host(written: str) -> str:
    if not _HOST_NAME.fullmatch(written):
        raise ValueError(
            f"« {written} » n'est pas un nom d'hôte : écrivez-le comme quisait.exemple.fr, en "
            "minuscules, sans https:// ni port"
        )
    return written


def _network(written: str) -> str:
    try:
        ipaddress.ip_network(written)
    except ValueError:
        raise ValueError(
            f"« {written} » n'est ni une adresse ni un réseau : écrivez 10.1.2.3, ou 10.1.2.0/24"
        ) from None
    return written


class DoorSettings(SettingsTable):
    """La porte : à quel nom elle s'ouvre, à quel rythme et pour combien de temps."""

    hosts: list[Annotated[str, AfterValidator(_host)]] = Field(
        [],
        description="noms sous lesquels quisait est connu, sans port ; les adresses et "
        "« localhost » conviennent toujours, tout autre nom est refusé",
    )
    proxies: list[Annotated[str, AfterValidator(_network)]] = Field(
        ["127.0.0.1", "::1"],
        description="mandataires dont « X-Forwarded-For » et « X-Forwarded-Proto » sont crus : "
        "adresses ou réseaux",
    )
    servers: int = Field(
        1,
        ge=1,
        le=1_000,
        description="serveurs de pages entre lesquels un mandataire répartit les demandes : chacun "
        "applique sa part des bornes qui suivent, qui sinon s'ajouteraient",
    )
    reader_per_minute: int = Field(
        300, ge=0, description="demandes d'un agent par minute ; 0 : sans borne"
    )
    reader_questions: int = Field(
        2,
        ge=0,
        description="questions d'un agent traitées à la fois ; les suivantes attendent leur tour ; "
        "0 : sans borne",
    )
    token_per_minute: int = Field(
        600, ge=0, description="envois d'un jeton de source par minute ; 0 : sans borne"
    )
    address_per_minute: int = Field(
        600, ge=0, description="demandes sans session d'une adresse par minute ; 0 : sans borne"
    )
    body_s: float = Field(30, gt=0, description="temps pour recevoir une demande, en secondes")
    answer_s: float = Field(60, gt=0, description="temps pour commencer à répondre, en secondes")


class PagesSettings(SettingsTable):
    """Ce que l'on voit (docs/intranet.md)."""

    theme: str = Field(
        "",
        description="dossier d'un habillage : son « theme.css » s'ajoute au style des pages ; "
        "vide : aucun",
    )
    contact: str = Field(
        "", description="adresse électronique de qui l'on prévient d'un défaut d'accessibilité"
    )


Algorithm = Literal[
    "RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "Ed25519"
]
_HEADER_NAME = re.compile(r"[A-Za-z0-9-]+")


def _address(written: str) -> str:
    return written and web_origin(written)


def _issuer(written: str) -> str:
    if written and not re.fullmatch(r"https?://[^\s?#]+", written):
        raise ValueError(
            f"« {written} » n'est pas l'adresse d'un fournisseur : écrivez-la comme lui "
            "(« issuer » de sa page .well-known/openid-configuration)"
        )
    return written


def _header(written: str) -> str:
    if written and not _HEADER_NAME.fullmatch(written):
        raise ValueError(f"« {written} » n'est pas le nom d'un en-tête")
    return written


class SignOnSettings(SettingsTable):
    """Qui se connecte, et comment on le retrouve dans l'annuaire (docs/connexion.md)."""

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


class OidcSettings(SettingsTable):
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
    introspection_claim: Literal["client_id", "aud"] = Field(
        "client_id",
        description="ce qui, dans ce qu'il dit d'un jeton d'accès, nomme l'application pour "
        "laquelle il a été fait",
    )
    introspection_scopes: Annotated[list[str], Field(min_length=1)] = Field(
        ["openid"], description="un tel jeton doit porter l'une de ces portées (« scope »)"
    )
    signed_introspection: bool = Field(
        False, description="n'admettre qu'une réponse signée (RFC 9701) ; false : JSON par TLS"
    )

    @model_validator(mode="after")
    def _with_a_client(self) -> Self:
        if self.issuer and not (self.client_id and self.client_secret):
            raise ValueError("issuer demande client_id et client_secret (un fichier de secrets)")
        return self


class SignedHeaderSettings(SettingsTable):
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
