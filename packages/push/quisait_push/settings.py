"""The settings table `[push]`, and the sources that applications push to."""

from typing import TYPE_CHECKING

from pydantic import Field, ValidationError

from quisait.settings.types import SettingsTable, fault_lines
from quisait_push.options import PushOptions

if TYPE_CHECKING:
    from quisait.settings import Settings


class PushSettings(SettingsTable):
    """Ce que les applications peuvent pousser, pour toutes les sources « push »."""

    max_request_bytes: int = Field(
        20_000_000, gt=0, description="taille maximale d'un envoi, en octets"
    )
    max_document_bytes: int = Field(
        5_000_000, gt=0, description="taille maximale d'un document poussé, en octets"
    )
    max_documents: int = Field(5_000, gt=0, description="nombre maximal de documents d'un envoi")
    max_waiting: int = Field(
        100_000, gt=0, description="documents d'une source en attente au-delà desquels on refuse"
    )


def push_sources(settings: "Settings") -> dict[str, PushOptions]:
    """Return the options of each source of kind `push` by its name.

    Raises `ValueError`, in French, if a source has an invalid option.
    """
    found = {}
    for source in settings.sources:
        if source.kind == "push":
            try:
                found[source.name] = PushOptions.model_validate(source.options)
            except ValidationError as error:
                faults = (f"options de {source.name}, {line}" for line in fault_lines(error))
                raise ValueError("\n".join(faults)) from None
    return found
