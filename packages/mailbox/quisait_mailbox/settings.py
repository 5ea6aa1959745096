"""Settings of the mailbox that receives answers by mail and bounces."""

from typing import Annotated, Literal, Self

from pydantic import AfterValidator, Field, model_validator
from quisait_mail.settings import checked_address

from connectors.options import LOOPBACK
from quisait.settings.types import Secret, SettingsTable
from quisait_mailbox.reply_addresses import LONGEST_LOCAL_PART


class MailboxSettings(SettingsTable):
    """La boîte des réponses par courriel et des avis de non-remise ; éteinte sans « host »."""

    host: str = Field("", description="serveur IMAP ; vide : aucun courriel n'est lu")
    port: int = Field(993, ge=1, le=65_535, description="port du serveur")
    security: Literal["starttls", "tls", "none"] = Field(
        "tls",
        description="« tls », « starttls » (port 143), ou « none » : en clair, sur cette machine",
    )
    user: str = Field("", description="compte de la boîte, qui ne sert qu'à cela")
    password: Secret = Field(
        "", description="mot de passe de ce compte, plutôt par un fichier (mailbox__password)"
    )
    ca_file: str = Field("", description="autorité de certification du serveur (PEM)")
    address: Annotated[str, AfterValidator(checked_address)] = Field(
        "",
        description="adresse de la boîte, comme reponses@exemple.fr, qui reçoit aussi "
        f"reponses+…@exemple.fr ; {LONGEST_LOCAL_PART} caractères au plus devant le @",
    )
    folder: str = Field("INBOX", description="dossier qui est lu")
    done: str = Field("Traités", description="dossier de ce qui a été lu")
    aside: str = Field("Écartés", description="dossier de ce dont quisait n'a rien pu faire")
    days: int = Field(30, ge=1, le=365, description="jours où l'on peut répondre à un courriel")
    kept_days: int = Field(
        30, ge=1, description="jours où un courriel lu reste dans ces dossiers, puis est effacé"
    )
    most_bytes: int = Field(
        10_000_000, ge=10_000, description="octets d'un courriel au plus, pièces jointes comprises"
    )
    trusted_server: str = Field(
        "",
        description="nom du serveur de courriel dont l'en-tête Authentication-Results fait foi : "
        "le domaine de l'expéditeur doit alors passer DMARC ; vide : rien n'est exigé de plus que "
        "l'adresse",
    )

    @model_validator(mode="after")
    def _whole(self) -> Self:
        if not self.host:
            return self
        if not self.address or not self.user:
            raise ValueError("donnez « address » et « user » : une boîte a une adresse, un compte")
        if len(self.address.partition("@")[0]) > LONGEST_LOCAL_PART:
            raise ValueError(
                f"« address » a {LONGEST_LOCAL_PART} caractères au plus devant le @ : ce qui signe "
                "l'adresse vient derrière, et le tout en a 64"
            )
        if self.security == "none" and self.host not in LOOPBACK:
            raise ValueError(
                "un mot de passe ne part pas en clair : donnez security « tls » ou « starttls »"
            )
        # INBOX is case-insensitive (RFC 3501, 5.1); on some servers all folder names are.
        if len({one.strip().casefold() for one in (self.folder, self.done, self.aside)}) < 3:
            raise ValueError(
                "« folder », « done » et « aside » sont trois dossiers, en toute casse : un "
                "courriel lu y serait relu sans fin"
            )
        return self
