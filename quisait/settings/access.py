"""Settings of the access lists: what of them is meant though it looks like a mistake."""

from pydantic import Field

from quisait.settings.types import Principal, Table


class AccessSettings(Table):
    """Les listes de droits : ce qu'il faut en confirmer (docs/administration.md)."""

    accepted_denials: list[Principal] = Field(
        [],
        description="refus qui ne nomment personne de connu, et c'est voulu, comme "
        "ldap:group:ancien : les documents qui les portent ne sont pas fermés pour cela",
    )
