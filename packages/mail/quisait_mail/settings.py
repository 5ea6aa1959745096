"""Settings of mail to agents."""

import re
from typing import TYPE_CHECKING, Annotated, Literal, Self

from pydantic import AfterValidator, Field, model_validator

from connectors.options import LOOPBACK
from quisait.settings.types import Secret, SettingsTable

if TYPE_CHECKING:
    from quisait.settings import Settings

_ADDRESS = re.compile(r"[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]+@[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)*")
"""Matches an ASCII mail address."""


def checked_address(written: str) -> str:
    """Return the text unchanged if it is empty or an ASCII address, else raise `ValueError`."""
    if written and not _ADDRESS.fullmatch(written):
        raise ValueError("écrivez une adresse seule, comme qui-sait@exemple.fr, sans accent")
    return written


class MailSettings(SettingsTable):
    """Courriels aux agents : questions et réponses (docs/questions.md) ; éteint sans « host »."""

    host: str = Field("", description="serveur SMTP ; vide : aucun courriel n'est envoyé")
    port: int = Field(587, ge=1, le=65_535, description="port du serveur")
    security: Literal["starttls", "tls", "none"] = Field(
        "starttls",
        description="« starttls », « tls » (port 465), ou « none » : en clair, sans compte ou sur "
        "cette machine",
    )
    user: str = Field("", description="compte du serveur, s'il en demande un")
    password: Secret = Field(
        "", description="mot de passe de ce compte, plutôt par un fichier (mail__password)"
    )
    ca_file: str = Field("", description="autorité de certification du serveur (PEM)")
    sender: Annotated[str, AfterValidator(checked_address)] = Field(
        "",
        description="adresse de qui envoie, comme qui-sait@exemple.fr ; en démonstration, sans "
        "« host », les courriels se lisent alors à /demo/mails",
    )
    sender_name: str = Field("Qui sait ?", description="nom montré devant cette adresse")
    per_minute: int = Field(60, ge=1, description="messages par minute au plus, en tout")
    titled_entities: list[str] = Field(
        [],
        description="services, par leur chemin dans l'annuaire, qui permettent que leurs titres "
        "d'accès restreint soient écrits dans un courriel ; vide : aucun",
    )

    @model_validator(mode="after")
    def _whole(self) -> Self:
        if self.host and not self.sender:
            raise ValueError("donnez « sender » : un courriel vient d'une adresse")
        if self.user and self.security == "none" and self.host not in LOOPBACK:
            raise ValueError(
                "un mot de passe ne part pas en clair : donnez security « starttls » ou « tls »"
            )
        return self


def sends_mail(settings: "Settings") -> bool:
    """Return whether mails are written: to send by SMTP, or to show on the demo's page of mails."""
    host = settings.table(MailSettings).host
    return settings.questions.enabled and bool(host or shows_mails(settings))


def shows_mails(settings: "Settings") -> bool:
    """Return whether a page of the demo shows the mails, because no server is set to send them."""
    mail = settings.table(MailSettings)
    return settings.server.reader == "demo" and bool(mail.sender) and not mail.host
