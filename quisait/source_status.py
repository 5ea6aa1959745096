"""Where a source stands, in words that say what to do."""

from dataclasses import dataclass
from datetime import UTC, datetime

from indexer.state import RunRow
from quisait.assembly import House

REMEDIES = {
    "encrypted": "Déposez une version sans mot de passe.",
    "unreadable": "Ouvrez le fichier : s'il est abîmé, remplacez-le ; sinon signalez son format.",
    "empty": "Le fichier ne contient pas de texte : rien à faire, ou complétez-le.",
    "image_only": "Déposez une version avec du texte (numérisation avec reconnaissance).",
    "too_large": "Découpez le fichier, ou relevez [extractor] max_bytes.",
    "timed_out": "Relancez « quisait crawl --full », ou relevez [extractor] timeout_s.",
    "vanished": "Illisible, ou disparu, pendant la lecture : s'il existe encore, vérifiez ses "
    "droits sur le disque, puis relancez « quisait crawl --full ».",
    "malformed": "Corrigez l'enregistrement à la source ; il sera relu au prochain passage.",
    "refused": "L'index a refusé ce document, qui n'est plus trouvé : signalez-le avec ce "
    "message, puis relancez « quisait crawl --full ».",
}
"""What a person can do, by kind of failure."""


@dataclass(frozen=True, slots=True)
class FailureStatus:
    """What is missing from the index, why, and what a person can do."""

    key: str
    kind: str
    reason: str
    since: datetime
    remedy: str


@dataclass(frozen=True, slots=True)
class SourceStatus:
    """A source as `quisait sources` shows it."""

    source: str
    documents: int
    state: str
    last_run: RunRow | None
    failures: tuple[FailureStatus, ...]


def status_of(house: House, source: str) -> SourceStatus:
    """Raises `IndexUnreachable` or `IndexRefused`."""
    last = next(house.state.runs_of(source), None)
    failures = tuple(
        FailureStatus(row.key, row.kind, row.reason, row.since, REMEDIES.get(row.kind, ""))
        for row in house.state.failures_of(source)
    )
    documents = sum(1 for _ in house.index.scan(source))
    return SourceStatus(source, documents, _state(last), last, failures)


def _state(last: RunRow | None) -> str:
    if last is None:
        return "jamais lue : lancez « quisait crawl »"
    day = _local(last.started).strftime("%d/%m/%Y %H:%M")
    if last.ended is None:
        return (
            f"en cours ou interrompue depuis le {day} : relancez « quisait crawl » pour reprendre"
        )
    return {
        "done": f"à jour au {day}",
        "interrupted": f"interrompue le {day} : relancez « quisait crawl » pour reprendre",
        "held": f"suppressions en attente depuis le {day} : vérifiez, puis --accept-deletions",
    }.get(last.outcome, f"en échec le {day} : relancez « quisait crawl » pour voir pourquoi")


def _local(moment: datetime) -> datetime:
    """In the machine's own time; SQLite gives UTC without saying so."""
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).astimezone()
