"""Settings of a Matrix source."""

from typing import Annotated

from pydantic import AfterValidator, Field

from connectors.options import BaseUrl, Evidence, ReadersByName, SourceOptions

DEFAULT_LINK = "https://matrix.to/#/{room}/{event}"


def _rooms(readers: dict[str, list[str]]) -> dict[str, list[str]]:
    for room in readers:
        if not room.startswith("!"):
            raise ValueError("nommez un salon par son identifiant, qui commence par « ! »")
    return readers


class MatrixOptions(SourceOptions):
    """The source's table `options` in quisait.toml."""

    url: BaseUrl = Field(description="adresse du serveur Matrix qui tient le compte")
    evidence: Evidence = Field(
        "none",
        description="« none » : ce qui s'écrit dans les salons ne dit jamais qui sait ; « yes » : "
        "les réponses comptent. Demandez d'abord aux membres",
    )
    evidence_by_room: dict[str, Evidence] = Field(
        {}, description='exceptions, par identifiant de salon : { "!abc:serveur" = "yes" }'
    )
    open_rooms: Annotated[ReadersByName, AfterValidator(_rooms)] = Field(
        {},
        description="lecteurs d'un salon dont l'historique est lisible par tous (world_readable), "
        'par identifiant : { "!abc:serveur" = ["everyone"] } ; [] : personne ; les autres salons '
        "n'ont que leurs membres",
    )
    servers: list[str] = Field(
        [],
        description="serveurs dont le nom court d'un compte désigne un agent ; vide : celui du "
        "compte qui lit",
    )
    mail_domains: list[str] = Field(
        [],
        description="domaines, où un compte s'appelle comme l'adresse de l'agent, l'arobase "
        "devenue tiret (Tchap) : « finances.gouv.fr » lit "
        "« jean.dupont-finances.gouv.fr » comme jean.dupont@finances.gouv.fr",
    )
    invitations_from: list[str] = Field(
        [],
        description="serveurs dont les invitations sont acceptées ; vide : celui du compte qui lit",
    )
    link: str = Field(
        DEFAULT_LINK,
        description="adresse d'un message, où {room} et {event} tiennent la place du salon et du "
        "message",
    )
    rate_per_s: float = Field(10, gt=0, le=100, description="demandes par seconde au plus")
    ca_file: str = Field("", description="autorité de certification du serveur (PEM)")
