"""Settings of the expected questions that a language model proposes."""

from typing import Literal, Self

from pydantic import Field, model_validator
from quisait_written_answer.settings import ModelAddress

from quisait.settings.types import Secret, SettingsTable


class ProposedQuestionsSettings(SettingsTable):
    """Des questions attendues qu'un modèle propose (docs/questions-proposees.md) ; éteint sans « server »."""  # noqa: E501 - the title of the table

    server: ModelAddress = Field(
        "",
        description="adresse de base d'un serveur à l'API d'OpenAI (Albert API, vLLM, Ollama, "
        "llama.cpp), qui finit d'ordinaire par /v1 ; vide : aucune question proposée",
    )
    model: str = Field("", description="nom du modèle chez ce serveur")
    key: Secret = Field("", description="clé de ce serveur, plutôt par un fichier")
    ca_file: str = Field("", description="autorité de certification de ce serveur (PEM)")
    time_limit_s: float = Field(
        60.0, gt=0, le=600, description="temps accordé à la réponse pour un document, en secondes"
    )
    documents: Literal["everyone", "all"] = Field(
        "everyone",
        description="documents dont le texte est envoyé à ce serveur : « everyone », ceux qui sont "
        "ouverts à tous les agents ; « all », aussi ceux que quelques agents lisent",
    )
    per_document: int = Field(5, ge=1, le=20, description="questions gardées par document, au plus")
    per_minute: int = Field(10, ge=1, le=600, description="demandes par minute, au plus")
    per_day: int = Field(1_000, ge=1, description="demandes par jour, au plus")

    @model_validator(mode="after")
    def _whole(self) -> Self:
        if self.server and not self.model:
            raise ValueError("server demande model : le nom du modèle chez ce serveur")
        return self
