"""The state of each source with the remedy, and of sources that the settings no longer name."""

import sys
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Annotated

import sqlalchemy as sa
import typer

from connectors.batches import batches
from connectors.rule_reports import principals_of_report
from indexer.access import PrincipalLookup
from indexer.ports import Index, IndexContents, IndexDenials
from indexer.state import RunRow, State, reference_of
from indexer.values import Failure, Remove
from quisait.application.assembly import Application, index_with_deletion_log
from quisait.application.locks import Locks, hold_source_lock
from quisait.application.opening import Opening
from quisait.application.progress import duration, left_of, plural_count
from quisait.application.sources import (
    DIRECTORY,
    configured_directory,
    directory_age,
    has_directory,
    source_stores,
)
from quisait.application.startup import opened_application
from quisait.privacy.retention import register_warning
from quisait.settings import Settings, beside_file
from quisait.settings.files import LOCKS_FOLDER
from quisait.settings.sources import SourceSettings
from quisait.work.runs import (
    BACKUP,
    IMMEDIATELY,
    next_due,
    observed_run,
    observed_runs,
    source_pace,
    wait_text,
)
from search_api.wording import plural, safe_text

UNKNOWN_DENIAL_REMEDY = (
    "Si une application pousse ce groupe, elle le redit. Sinon corrigez ce nom à la source, ou "
    "complétez l'annuaire, puis lancez « quisait crawl ». Si le refus est voulu tel quel (un "
    "groupe supprimé, par exemple), ajoutez-le à [access] accepted_denials et redémarrez."
)


@dataclass(frozen=True, slots=True)
class UnknownDenial:
    """A denial that names nobody known; nobody reads the documents with this denial."""

    principal: str
    documents: int
    remedy: str

    @property
    def closed(self) -> str:
        """Number of documents that it closes, in French."""
        return plural(
            "{num} document fermé à tous", "{num} documents fermés à tous", self.documents
        )


def unknown_denials(
    index: IndexDenials, known: PrincipalLookup, source: str
) -> tuple[UnknownDenial, ...]:
    """Return a source's unknown denials, most documents first. Raises errors of the index."""
    denials = index.denials(source)
    strangers = known.strangers(denials)
    found = (
        UnknownDenial(stranger, denials[stranger], UNKNOWN_DENIAL_REMEDY) for stranger in strangers
    )
    return tuple(sorted(found, key=lambda denial: (-denial.documents, denial.principal)))


@dataclass(frozen=True, slots=True)
class SourceProblem:
    """A reason why a source is not in order, in French, with the remedy.

    `about` is the subject in one word, which begins the line of `quisait check`. `serious`:
    documents are missing, or closed to everybody, until a person acts.
    """

    about: str
    text: str
    serious: bool = False


@dataclass(frozen=True, slots=True)
class SourceHealth:
    """The facts by which commands, pages and metrics tell whether a source is in order.

    `without_readers`: number of documents that name no reader. `unknown_principals`: (place,
    reason) of each rule that names a principal whom nobody knows.
    """

    source: str
    documents: int
    last_run: RunRow | None
    failure_counts: Mapping[str, int]
    unknown_principals: tuple[tuple[str, str], ...]
    unknown_denials: tuple[UnknownDenial, ...]
    without_readers: int

    @property
    def problems(self) -> tuple[SourceProblem, ...]:
        """Return the problems of the source, serious ones first; empty if it is in order."""
        problems = [*self._problems_of_reading(), *self._problems_of_rights()]
        unread = {
            FAILURE_LABELS.get(kind, kind): count
            for kind, count in self.failure_counts.items()
            if kind not in _NEED_NOTHING and kind != UNKNOWN_PRINCIPAL
        }
        if unread:
            kinds = ", ".join(f"{label} : {count}" for label, count in unread.items())
            text = plural("{num} manque", "{num} manquent", sum(unread.values()))
            remedy = f"« quisait sources {self.source} » dit lesquels, et que faire"
            problems.append(SourceProblem("documents", f"{text} ({kinds}) ; {remedy}"))
        return tuple(sorted(problems, key=lambda problem: not problem.serious))

    def _problems_of_reading(self) -> Iterator[SourceProblem]:
        last = self.last_run
        if last and last.outcome in ("done", "running"):
            return
        needs_person = last is not None and last.outcome in ("held", "refused")
        yield SourceProblem("lecture", _state(last), serious=needs_person)

    def _problems_of_rights(self) -> Iterator[SourceProblem]:
        if self.documents and self.without_readers == self.documents:
            text = f"personne ne lit aucun de ses documents. {NO_READERS_REMEDY}"
            yield SourceProblem("lecteurs", text, serious=True)
        for where, reason in self.unknown_principals:
            text = f"{where} : {reason}. {UNKNOWN_PRINCIPAL_REMEDY}"
            yield SourceProblem("règles", text, serious=True)
        for denial in self.unknown_denials:
            message = f"« {denial.principal} » ne nomme personne de connu : {denial.closed}."
            yield SourceProblem("refus", f"{message} {denial.remedy}", serious=True)


NO_READERS_REMEDY = (
    "Nommez leurs lecteurs à la source, ou dans « allowed » de sa table [[sources]], puis lancez "
    "« quisait crawl »."
)
UNKNOWN_PRINCIPAL = "unknown_principal"
UNKNOWN_PRINCIPAL_REMEDY = (
    "Corrigez ce nom dans la table ou le fichier, ou complétez l'annuaire, puis lancez "
    "« quisait crawl »."
)


def source_health(
    state: State, locks: Locks, index: Index, known: PrincipalLookup, source: str
) -> SourceHealth:
    """Return the facts about the health of a source. Raises errors of the index."""
    counts = state.failure_counts(source)
    unknown = []
    if counts.pop(UNKNOWN_PRINCIPAL, 0):
        # Names that became known after the folder was read, or were accepted, are no problem.
        reported = (row for row in state.failures_of(source) if row.kind == UNKNOWN_PRINCIPAL)
        unknown = [row for row in reported if known.strangers(principals_of_report(row.reason))]
        counts |= {UNKNOWN_PRINCIPAL: len(unknown)} if unknown else {}
    return SourceHealth(
        source,
        index.count(source),
        observed_run(state, locks, source),
        counts,
        tuple((row.key, row.reason) for row in unknown),
        unknown_denials(index, known, source),
        index.without_readers(source),
    )


def backup_state(state: State) -> str:
    """Return in French when the last backup was made. Raises `ValueError` if there is none."""
    if last := state.last_done(BACKUP):
        return f"du {moment(last.started)}"
    raise ValueError("aucune encore : « quisait backup DOSSIER » en fait une (docs/que-faire.md)")


_READ_AGAIN = (
    "relisez son dossier (« quisait crawl SOURCE --folder DOSSIER », ou la page Administration)."
)
_FAILURES = {
    "encrypted": ("protégés par un mot de passe", "Déposez une version sans mot de passe."),
    "unreadable": (
        "illisibles",
        "Ouvrez le fichier : s'il est abîmé, remplacez-le ; sinon signalez son format.",
    ),
    "empty": ("sans texte", "Le fichier ne contient pas de texte : rien à faire, ou complétez-le."),
    "image_only": (
        "numérisés, sans texte",
        "Déposez une version avec du texte (numérisation avec reconnaissance), ou réglez [scans], "
        f"puis {_READ_AGAIN}",
    ),
    "awaits_recognition": (
        "numérisés, texte bientôt reconnu",
        "Rien à faire : « quisait scans » dit où en est la reconnaissance.",
    ),
    "not_text": (
        "sans texte par nature",
        "Rien à faire : un fichier sans texte n'est trouvé par personne. Le réglage « exclude » "
        "de la source le laisse de côté.",
    ),
    "too_large": (
        "trop grands",
        "Découpez le fichier, ou relevez la limite nommée (réglages [extractor]), puis "
        f"{_READ_AGAIN}",
    ),
    "timed_out": (
        "trop longs à lire",
        "Un dossier est réessayé trois fois de lui-même ; sinon relevez [extractor] timeout_s, "
        f"puis {_READ_AGAIN}",
    ),
    "vanished": (
        "disparus ou fermés pendant la lecture",
        "Illisible, ou disparu, pendant la lecture : un dossier est réessayé trois fois de "
        "lui-même ; s'il existe encore, vérifiez ses droits sur le disque, puis "
        f"{_READ_AGAIN}",
    ),
    "unreached": (
        "dont le serveur ne répond pas",
        "Redemandé à chaque lecture : vérifiez que le serveur de fichiers répond, et le jeton que "
        "nomme « file_hosts ».",
    ),
    "malformed": (
        "mal formés",
        "Corrigez l'enregistrement à la source ; il sera relu au prochain passage.",
    ),
    "rule": (
        "règles de droits mal comprises",
        "Corrigez la table ou le fichier nommé, puis lancez « quisait crawl » : ce que la règle "
        "pourrait viser reste fermé à tous.",
    ),
    "unknown_principal": ("règles qui nomment un inconnu", UNKNOWN_PRINCIPAL_REMEDY),
    "closed_folder": (
        "dossiers fermés à ce compte",
        "Donnez à ce compte la lecture de ce dossier, ou laissez-le de côté (« exclude ») ; il est "
        "redemandé à chaque lecture.",
    ),
    "refused": (
        "refusés par l'index",
        "L'index a refusé ce document, qui n'est plus trouvé : signalez-le avec ce message, "
        f"puis {_READ_AGAIN}",
    ),
}
"""French label, about several documents, and remedy for each kind of failure."""
_NEED_NOTHING = frozenset({Failure.EMPTY, Failure.NOT_TEXT, Failure.AWAITS_RECOGNITION})
"""Kinds of failures about which nobody has to do anything: files without text, or not yet with it.
"""
FAILURE_LABELS = {kind: label for kind, (label, _) in _FAILURES.items()}
REMEDIES = {kind: remedy for kind, (_, remedy) in _FAILURES.items()}


@dataclass(frozen=True, slots=True)
class FailureStatus:
    """A document or file that is missing in the index, the reason, and the remedy.

    `reference` names it in the logs.
    """

    key: str
    reference: str
    kind: str
    reason: str
    since: datetime
    remedy: str


@dataclass(frozen=True, slots=True)
class RunningStatus:
    """A run in progress; `left` is the remaining time in French, empty if unknown."""

    since: datetime
    done: int
    expected: int | None
    rate: float
    left: str


@dataclass(frozen=True, slots=True)
class SourceStatus:
    """A source as shown by `quisait sources`.

    `lag_s` is the time since the beginning of the last complete run, None without a complete run.
    `next_run` is None if the source is read only by hand, or is being read. Documents with
    `unknown_denials` are closed to everybody. Files of kinds without text are not failures:
    `without_text` counts them by kind.
    `to_reread`: the cursor describes another index, so that nobody can search this index before the
    source has been read in full. `history`: its last runs, newest first. `problems` is empty if the
    source is in order.
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
    without_text: Mapping[str, int] = field(default_factory=dict)
    to_reread: bool = False
    history: tuple[RunRow, ...] = ()
    without_readers: int = 0
    problems: tuple[SourceProblem, ...] = ()


SHOWN_RUNS = 10
"""Number of runs in a source's history."""

TO_REREAD = (
    "à lire en entier dans cet index, où personne ne cherche avant (« quisait crawl » ; "
    "« quisait reindex --from » le remplit depuis un autre moteur)"
)


def status_of(application: Application, source: SourceSettings, now: datetime) -> SourceStatus:
    """Return the status of a source. Raises `IndexUnreachable` or `IndexRefused`."""
    name = source.name
    health = source_health(
        application.state, application.locks, application.index, application.known(), name
    )
    runs = tuple(observed_runs(application.state, application.locks, name, SHOWN_RUNS))
    last, good = next(iter(runs), None), application.state.last_done(name)
    running = _running(last) if last else None
    to_reread = name in application.whole_index.unread({name})
    pace = source_pace(application.settings, source)
    due = None if running else next_due(application.state, name, pace, now, unread=to_reread)
    counts = dict(health.failure_counts)
    counts.pop(Failure.NOT_TEXT, None)
    missing, unknown = application.state.failures_of(name), set(health.unknown_principals)
    state = _running_state(running, last, now) if running and last else _state(last)
    if to_reread:
        state = f"{TO_REREAD} ; {state}"
    return SourceStatus(
        source=name,
        documents=health.documents,
        state=state,
        last_run=last,
        next_run=max(due, now) if due else None,
        lag_s=max(0, round((now - good.started).total_seconds())) if good else None,
        running=running,
        failure_counts=counts,
        failures=tuple(
            FailureStatus(
                row.key,
                reference_of(row.key),
                row.kind,
                row.reason,
                row.since,
                REMEDIES.get(row.kind, ""),
            )
            for row in missing
            if row.kind != Failure.NOT_TEXT
            and (row.kind != UNKNOWN_PRINCIPAL or (row.key, row.reason) in unknown)
        ),
        unknown_denials=health.unknown_denials,
        # A plain dict: `asdict` would build a Counter from pairs, and count the pairs.
        without_text=dict(Counter(row.reason for row in missing if row.kind == Failure.NOT_TEXT)),
        to_reread=to_reread,
        history=runs,
        without_readers=health.without_readers,
        problems=health.problems,
    )


def directory_state(application: Application) -> str:
    """Return in French how the last reading of the directory ended, and a remedy if it failed.

    The result is empty if the settings name no directory, or if it was never read.
    """
    last = observed_run(application.state, application.locks, DIRECTORY)
    late = late_directory(application.settings, application.state)
    if last is None or not has_directory(application.settings):
        return ""
    if last.outcome in ("done", "running"):
        return f"annuaire : {late or directory_run_text(last)}"
    day = moment(last.ended or last.noted or last.started)
    why = last.reason.removeprefix("annuaire : ") or f"{READ_DIRECTORY} dit pourquoi"
    told = f"annuaire : non relu le {day}, celui d'avant reste en place. {why[:1].upper()}{why[1:]}"
    return f"{told} ({late})" if late else told


READ_DIRECTORY = "« quisait directory read »"


def late_directory(settings: Settings, state: State) -> str:
    """Return in French the consequences of an old directory, and the remedy.

    The result is empty if the directory is recent.
    """
    found = directory_age(settings, state)
    if found is None or not found.is_late:
        return ""
    if found.age is None:
        return f"jamais lu : ce que ses groupes ouvrent est fermé à tous ; {READ_DIRECTORY} le lit"
    old = f"lu pour la dernière fois il y a {duration(round(found.age.total_seconds()))}"
    configured = configured_directory(settings)
    limit = f"[{configured.table if configured else 'directory'}] oldest"
    most = duration(round(found.oldest.total_seconds()))
    closed = "sont fermés à tous" if found.is_stale else f"seront fermés à tous à {most}"
    return (
        f"{old}, les documents que ses groupes ouvrent ou ferment {closed} ({limit}) ; "
        f"{READ_DIRECTORY} le relit"
    )


def _running(last: RunRow) -> RunningStatus | None:
    if last.outcome != "running":
        return None
    so_far = last.progress
    elapsed_s = ((last.noted or last.started) - last.started).total_seconds()
    left = left_of(so_far.done, so_far.expected, elapsed_s, so_far.rate)
    return RunningStatus(last.started, so_far.done, so_far.expected, so_far.rate, left)


def _running_state(running: RunningStatus, last: RunRow, now: datetime) -> str:
    parts = [f"lecture en cours depuis le {moment(running.since)}"]
    if last.noted is not None:
        seen = str(running.done)
        if running.expected is not None:
            seen = f"{seen} sur {running.expected}"
        rate = f"{running.rate:.1f}"
        parts.append(f"{seen} documents vus, {rate}/s")
    if running.left:
        parts.append(running.left)
    if waiting := wait_text(last.progress.waiting, last.progress.waited_s):
        parts.append(waiting)
    silent_s = round((now - (last.noted or last.started)).total_seconds())
    if silent_s >= 120:
        silent = duration(silent_s)
        parts.append(f"sans nouvelle depuis {silent} : la source répond-elle ?")
    return ", ".join(parts)


_STATES = {
    "done": "à jour au {day}",
    "interrupted": (
        "interrompue le {day} : relancez « quisait crawl » pour reprendre, ou laissez faire "
        "« quisait run »"
    ),
    "held": "suppressions en attente depuis le {day} : vérifiez, puis --accept-deletions",
}


def _state(last: RunRow | None) -> str:
    if last is None:
        return "jamais lue : lancez « quisait crawl », ou laissez faire « quisait run »"
    day = moment(last.ended or last.noted or last.started)
    if last.outcome in _STATES:
        return _STATES[last.outcome].format(day=day)
    if last.outcome == "refused":
        return f"arrêtée le {day}, il faut y remédier : {last.reason}"
    why = last.reason or "relancez « quisait crawl » pour voir pourquoi"
    return f"en échec le {day}, « quisait run » réessaiera : {why}"


def directory_reading(settings: Settings, database: sa.Engine) -> str:
    """Return in French when the directory was last read and how that ended.

    The result is empty if the settings name no directory.
    """
    if not has_directory(settings):
        return ""
    locks = Locks(database, beside_file(settings.folder) / LOCKS_FOLDER)
    last = observed_run(State(database), locks, DIRECTORY)
    return directory_run_text(last) if last else f"jamais lu ; {READ_DIRECTORY} le lit"


def directory_run_text(run: RunRow) -> str:
    """Return a reading of the directory in French. A reading that found no change has no count."""
    return run_text(run, plural_count(run.changed, "agent") if run.changed else "inchangé")


_OUTCOMES = {
    "running": "en cours",
    "interrupted": "interrompue",
    "done": "lue",
    "held": "suppressions en attente",
    "refused": "arrêtée, il faut y remédier",
    "failed": "en échec",
}


def run_text(run: RunRow, changed: str = "") -> str:
    """Return a run in French: its beginning, its outcome, and what it changed.

    `changed` replaces the number of changes of a finished run.
    """
    said = _OUTCOMES[run.outcome]
    lasted = (
        f" en {duration(round((run.ended - run.started).total_seconds()))}" if run.ended else ""
    )
    why = f" : {run.reason}" if run.reason else ""
    changed = changed if run.outcome == "done" else ""
    count = changed or plural_count(run.changed, "changement")
    return f"{moment(run.started)}, {said}{lasted}, {count}{why}"


def moment(instant: datetime) -> str:
    """Return the time in the machine's time zone."""
    return instant.astimezone().strftime("%d/%m/%Y %H:%M")


def soon(instant: datetime | None, now: datetime) -> str:
    """Return in French when a source is read next; empty if it is read only by hand."""
    if instant is None:
        return ""
    wait_s = round((instant - now).total_seconds())
    if instant == IMMEDIATELY or wait_s <= 0:
        return "dès que « quisait run » le peut"
    return f"dans {duration(wait_s)}"


DELETED_AT_ONCE = 500
"""Number of documents deleted in one write."""


def removed_sources(index: IndexContents, settings: Settings) -> tuple[str, ...]:
    """Return indexed sources that the settings do not name. Raises errors of the index."""
    return tuple(sorted(index.sources() - {source.name for source in settings.sources}))


def removed_source_remedy(source: str) -> str:
    """Return in French that the source was removed, and the remedy."""
    return (
        "absente de quisait.toml : personne ne trouve plus ses documents. « quisait forget "
        f"{source} » les efface ; sinon, remettez sa table [[sources]]"
    )


def removed_source_statuses(application: Application) -> list[SourceStatus]:
    """Return the statuses of removed sources for `quisait sources`."""
    return [
        SourceStatus(
            source=name,
            documents=application.whole_index.count(name),
            state=removed_source_remedy(name),
            last_run=observed_run(application.state, application.locks, name),
            next_run=None,
            lag_s=None,
            running=None,
            failure_counts={},
            failures=(),
        )
        for name in removed_sources(application.whole_index, application.settings)
    ]


def forget_source(application: Application, source: str) -> int:
    """Delete all data of a source that the settings do not name; return its number of documents.

    Documents are deleted first, and recorded in the register like every deletion, so that no backup
    restores them; then what features store of the source, its cursor, failures and runs. If the
    command is interrupted, run it again. Raises `ValueError` if the settings name the source or it
    has no data, `SourceBusy`, and the errors of the index.
    """
    if source in {one.name for one in application.settings.sources}:
        raise ValueError(
            f"« {source} » est une source de quisait.toml : retirez-en sa table [[sources]], "
            "redémarrez « quisait run », puis recommencez."
        )
    if not _has_data(application, source):
        raise ValueError(f"Rien n'est gardé d'une source « {source} » : vérifiez son nom.")
    index = index_with_deletion_log(application)
    with hold_source_lock(application.locks, source) as held:
        ids = [entry.document_id for entry in index.scan(source)]
        for some in batches(ids, DELETED_AT_ONCE):
            held.check()
            index.write([Remove(document_id) for document_id in some])
        for store in source_stores(application.database):
            store.forget(source)
        application.state.forget(source)
    return len(ids)


def forget(source: Annotated[str, typer.Argument(help="Source retirée de quisait.toml")]) -> None:
    """Efface tout ce qui reste d'une source que les réglages ne nomment plus."""
    with opened_application(Opening.WRITE) as application:
        count = forget_source(application, source)
        left = register_warning(application.privacy.register)
    gone = plural_count(count, "document")
    print(safe_text(f"{source} : effacée ({gone})."))
    if left:
        print(left, file=sys.stderr)
        raise typer.Exit(1)


def _has_data(application: Application, source: str) -> bool:
    kept: Sequence[object] = (
        application.whole_index.count(source),
        application.state.load(source),
        application.state.keys(source),
        next(application.state.runs_of(source, 1), None),
        any(store.holds(source) for store in source_stores(application.database)),
    )
    return any(kept)
