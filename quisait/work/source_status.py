"""Where a source stands, in words that say what to do."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from indexer.state import RunRow
from quisait.assembly import House, has_directory
from quisait.assembly.authorities import DIRECTORY
from quisait.commands.progress import duration
from quisait.settings import SourceSettings
from quisait.work.schedule import AT_ONCE, LOOKED_BACK, next_run, source_pace
from quisait.work.unknown_denials import UnknownDenial, unknown_denials
from search_api.catalogue.texts import _, marked

REMEDIES = {
    "encrypted": marked("Déposez une version sans mot de passe."),
    "unreadable": marked(
        "Ouvrez le fichier : s'il est abîmé, remplacez-le ; sinon signalez son format."
    ),
    "empty": marked("Le fichier ne contient pas de texte : rien à faire, ou complétez-le."),
    "image_only": marked("Déposez une version avec du texte (numérisation avec reconnaissance)."),
    "too_large": marked(
        "Découpez le fichier, ou relevez la limite nommée (réglages [extractor]), puis "
        "relancez « quisait crawl --full »."
    ),
    "timed_out": marked(
        "Un dossier est réessayé trois fois de lui-même ; sinon relevez [extractor] timeout_s, "
        "puis relancez « quisait crawl --full »."
    ),
    "vanished": marked(
        "Illisible, ou disparu, pendant la lecture : un dossier est réessayé trois fois de "
        "lui-même ; s'il existe encore, vérifiez ses droits sur le disque, puis relancez « "
        "quisait crawl --full »."
    ),
    "malformed": marked(
        "Corrigez l'enregistrement à la source ; il sera relu au prochain passage."
    ),
    "refused": marked(
        "L'index a refusé ce document, qui n'est plus trouvé : signalez-le avec ce message, "
        "puis relancez « quisait crawl --full »."
    ),
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
class RunningStatus:
    """A run that goes on: `left_s` is None where it cannot be told."""

    since: datetime
    done: int
    expected: int | None
    rate: float
    left_s: int | None


@dataclass(frozen=True, slots=True)
class SourceStatus:
    """A source as `quisait sources` shows it.

    `lag_s` counts from the beginning of the last run that went to its end, None where none
    did. `next_run` is None where the source is read by hand only, or is being read.
    `unknown_denials` close the documents that carry them to everybody.
    """

    source: str
    documents: int
    state: str
    last_run: RunRow | None
    next_run: datetime | None
    lag_s: int | None
    running: RunningStatus | None
    failure_counts: Mapping[str, int]
    failures: tuple[FailureStatus, ...]
    unknown_denials: tuple[UnknownDenial, ...] = ()


def status_of(house: House, source: SourceSettings, now: datetime) -> SourceStatus:
    """Raises `IndexUnreachable` or `IndexRefused`."""
    name = source.name
    runs = list(house.state.runs_of(name, LOOKED_BACK))
    last, good = next(iter(runs), None), house.state.last_done(name)
    running = _running(last) if last and house.leases.holder(name) else None
    pace = source_pace(house.settings, source)
    due = None if running else next_run(name, runs, pace, now)
    return SourceStatus(
        source=name,
        documents=house.index.count(name),
        state=_running_state(running, last, now) if running and last else _state(last),
        last_run=last,
        next_run=max(due, now) if due else None,
        lag_s=max(0, round((now - good.started).total_seconds())) if good else None,
        running=running,
        failure_counts=house.state.failure_counts(name),
        failures=tuple(
            FailureStatus(row.key, row.kind, row.reason, row.since, REMEDIES.get(row.kind, ""))
            for row in house.state.failures_of(name)
        ),
        unknown_denials=unknown_denials(house.index, house.known(), name),
    )


def directory_state(house: House) -> str:
    """Why the directory was not read at its last turn, and what to do; empty where it was."""
    last = next(iter(house.state.runs_of(DIRECTORY, 1)), None)
    told = has_directory(house.settings) and last is not None
    if last is None or not told or last.outcome in ("done", "running"):
        return ""
    day = moment(last.ended or last.noted or last.started)
    why = last.reason.removeprefix("annuaire : ") or "relancez « quisait crawl » pour voir pourquoi"
    return f"annuaire : non relu le {day}, celui d'avant reste en place. {why[:1].upper()}{why[1:]}"


def _running(last: RunRow) -> RunningStatus | None:
    if last.outcome != "running":  # the lease was taken, its run is about to begin
        return None
    so_far = last.progress
    left_s = None
    if so_far.expected is not None and so_far.rate > 0:
        left_s = round(max(0, so_far.expected - so_far.done) / so_far.rate)
    return RunningStatus(last.started, so_far.done, so_far.expected, so_far.rate, left_s)


def _running_state(running: RunningStatus, last: RunRow, now: datetime) -> str:
    parts = [_("lecture en cours depuis le %(moment)s", moment=moment(running.since))]
    if last.noted is not None:
        seen = str(running.done)
        if running.expected is not None:
            seen = _("%(done)s sur %(expected)s", done=seen, expected=running.expected)
        rate = f"{running.rate:.1f}"
        parts.append(_("%(seen)s documents vus, %(rate)s/s", seen=seen, rate=rate))
    if running.left_s is not None:
        parts.append(_("reste environ %(duration)s", duration=duration(running.left_s)))
    silent_s = round((now - (last.noted or last.started)).total_seconds())
    if silent_s >= 120:
        silent = duration(silent_s)
        parts.append(_("sans nouvelle depuis %(time)s : la source répond-elle ?", time=silent))
    return ", ".join(parts)


_STATES = {
    "done": marked("à jour au %(day)s"),
    "running": marked(
        "interrompue le %(day)s : relancez « quisait crawl » pour reprendre, ou laissez faire "
        "« quisait run »"
    ),
    "held": marked("suppressions en attente depuis le %(day)s : vérifiez, puis --accept-deletions"),
}


def _state(last: RunRow | None) -> str:
    if last is None:
        return _("jamais lue : lancez « quisait crawl », ou laissez faire « quisait run »")
    day = moment(last.ended or last.noted or last.started)
    outcome = "running" if last.outcome == "interrupted" else last.outcome
    if outcome in _STATES:
        return _(_STATES[outcome], day=day)
    if outcome == "refused":
        return _("arrêtée le %(day)s, il faut y remédier : %(why)s", day=day, why=last.reason)
    why = last.reason or _("relancez « quisait crawl » pour voir pourquoi")
    return _("en échec le %(day)s, « quisait run » réessaiera : %(why)s", day=day, why=why)


def moment(instant: datetime) -> str:
    """In the machine's own time."""
    return instant.astimezone().strftime("%d/%m/%Y %H:%M")


def soon(instant: datetime | None, now: datetime) -> str:
    """When a source is read next, in words; empty where it is not read by itself."""
    if instant is None:
        return ""
    wait_s = round((instant - now).total_seconds())
    if instant == AT_ONCE or wait_s <= 0:
        return _("dès que « quisait run » le peut")
    return _("dans %(duration)s", duration=duration(wait_s))
