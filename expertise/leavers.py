"""A directory that lost most of its agents or groups at once waits for a person's word."""

from collections.abc import Collection

from connectors.errors import SourceRefused
from indexer.guard import Guard


class LeaversHeld(SourceRefused):
    """More agents or groups are missing than the guard lets go: nothing was replaced."""


def check_leavers(
    what: str, kept: Collection[str], coming: Collection[str], share: float
) -> frozenset[str]:
    """Which of the kept ids do not come again.

    Raises `LeaversHeld` where they are too many by the rules of `Guard`; a `share` of 1
    lets all go.
    """
    leaving = frozenset(kept).difference(coming)
    if not Guard(what, len(kept), share).lets_go(len(leaving)):
        raise LeaversHeld(
            f"annuaire : {len(leaving)} {what} sur {len(kept)} n'y sont plus. Rien n'a été "
            "remplacé : vérifiez l'annuaire, la base et le filtre ; si c'est bien cela, "
            "confirmez par « quisait directory --accept-departures »."
        )
    return leaving
