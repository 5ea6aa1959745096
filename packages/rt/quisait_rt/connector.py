"""The kind of source and its options; `quisait_rt.tickets` reads."""

from pydantic import Field

from connectors.installed import ConnectorKind, SourcePlace
from connectors.options import GroupPrincipals, Link, SourceOptions
from connectors.ports import ListingSource


class RtOptions(SourceOptions):
    """The source's table `options` in quisait.toml."""

    database: str = Field(
        description="base de RT, en lecture : postgresql+psycopg://lecteur@serveur/rt5"
    )
    link: Link = Field("", description="adresse de RT, pour y mener : https://rt.exemple/")
    queues: list[str] = Field([], description="files lues ; vide : toutes celles qui sont actives")
    exclude: list[str] = Field([], description="files laissées de côté")
    solved: list[str] = Field(["resolved"], description="états d'un ticket résolu")
    groups: GroupPrincipals = Field(
        {},
        description="groupes de RT et leur principal, à la place de leurs membres : "
        '{ "Compta" = "annuaire:group:comptables" }',
    )


def open_source(place: SourcePlace, options: RtOptions) -> ListingSource:
    """Return the source; nothing is read yet. Raises `SourceRefused` for a wrong address."""
    # Imported here: SQLAlchemy would take half a second of commands that list the kinds.
    from quisait_rt.tickets import open_rt

    return open_rt(place, options)


KIND = ConnectorKind(
    "Request Tracker",
    RtOptions,
    open_source,
    about="Les tickets d'un Request Tracker et leur solution, lus dans sa base. Chacun est lu par "
    "les comptes à qui ses droits montrent le ticket.",
    credential="le mot de passe du compte de la base",
)
