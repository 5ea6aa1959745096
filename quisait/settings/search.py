"""The settings of what answers a question."""

from pydantic import Field

from quisait.settings.types import Duration, Table


class SearchSettings(Table):
    """Ce qui aide à comprendre une question (fichiers relus sans rien relancer) et à y répondre."""

    glossary: str = Field(
        "", description="glossaire : un groupe d'équivalents par ligne, séparés par « ; » (.csv)"
    )
    best_bets: str = Field(
        "", description="réponses à mettre en tête : question, document ou adresse, titre (.csv)"
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
