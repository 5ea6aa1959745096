"""Settings of answers whose sentences a language model chooses."""

import re
from typing import Annotated, Self

from pydantic import AfterValidator, Field, model_validator

from quisait.settings.types import Address, Secret, SettingsTable


def _web_address(written: str) -> str:
    if written and not re.fullmatch(r"https?://[^\s?#]+", written):
        raise ValueError(
            "donnez l'adresse de base de l'API, comme https://albert.api.etalab.gouv.fr/v1"
        )
    return written


ModelAddress = Annotated[Address, AfterValidator(_web_address)]
"""Address of a language model's API, such as `http://127.0.0.1:8000/v1`, or empty."""


class WrittenAnswerSettings(SettingsTable):
    """Des phrases choisies par un modèle (docs/phrases-choisies.md) ; éteint sans « url »."""

    url: ModelAddress = Field(
        "",
        description="adresse de base d'un serveur à l'API d'OpenAI (Albert API, vLLM, Ollama, "
        "llama.cpp), qui finit d'ordinaire par /v1 ; vide : aucune phrase choisie",
    )
    model: str = Field("", description="nom du modèle chez ce serveur")
    key: Secret = Field("", description="clé de ce serveur, plutôt par un fichier")
    ca_file: str = Field("", description="autorité de certification de ce serveur (PEM)")
    time_limit_s: float = Field(
        60.0, gt=0, le=600, description="temps accordé à une réponse entière, en secondes"
    )
    sources: list[str] = Field(
        [],
        description="sources dont des extraits peuvent être envoyés à ce serveur ; à nommer une à "
        "une, aucune ne l'est d'office",
    )
    spaces: list[str] = Field(
        [], description="espaces de ces sources auxquels se limiter ; vide : tous"
    )
    restricted: bool = Field(
        False,
        description="envoyer aussi des extraits de documents qui ne sont pas ouverts à tous les "
        "agents, à la demande d'un agent qui peut les lire",
    )
    passages: int = Field(8, ge=1, le=30, description="extraits envoyés au plus pour une réponse")
    per_minute: int = Field(6, ge=1, le=60, description="choix par minute, au plus, pour un agent")

    @model_validator(mode="after")
    def _whole(self) -> Self:
        if self.url and not (self.model and self.sources):
            raise ValueError(
                "url demande model, et sources : les sources dont des extraits peuvent être envoyés"
            )
        return self
