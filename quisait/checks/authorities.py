"""Whether a source says its readers' groups, as it is asked when a reader comes."""

from connectors.errors import SourceError
from quisait.assembly import asked_authorities
from quisait.in_time import in_time
from quisait.settings import Settings, SourceSettings

_CLOSED = "tant qu'il ne dit rien, ce que ses groupes ouvrent est fermé à tous"


def tried_authority(settings: Settings, source: SourceSettings) -> str:
    """What was seen. Raises `ValueError` with what to do where it does not answer in time.

    It is asked about an account that need not be there.
    """
    (one,) = asked_authorities(settings.model_copy(update={"sources": [source]}))
    wait_s = settings.authorities.wait_s
    late = (
        f"pas de réponse en {wait_s:g} s : {_CLOSED} ; vérifiez « url » et le réseau, ou allongez "
        "[authorities] wait_s"
    )
    try:
        in_time(lambda: one.principals("", frozenset({f"{source.name}:Quisait"})), wait_s, late)
    except SourceError as error:
        said = str(error).splitlines()[0].rstrip(".")
        raise ValueError(f"{said} : {_CLOSED} ; vérifiez « url », « user » et le réseau") from error
    return f"demandés quand un lecteur arrive, en {wait_s:g} s au plus"
