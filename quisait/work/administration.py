"""The administrator's page: the state of each part and source, without names of documents."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import partial
from itertools import islice

import sqlalchemy as sa

from connectors.installed import kind_label
from connectors.ports import SourceError
from connectors.rule_reports import SIDECAR_SUFFIX
from indexer.errors import IndexerError
from quisait.application.assembly import Application
from quisait.application.engines import (
    check_glossary,
    open_index_storage,
)
from quisait.application.plugins import installed_ranker
from quisait.application.sources import DIRECTORY, has_directory
from quisait.checks.references import check_topics
from quisait.features import installed_features
from quisait.privacy.retention import frequent_queries, hidden_queries
from quisait.settings import beside_file
from quisait.settings.sources import SourceSettings
from quisait.work.crawl import forget_reading
from quisait.work.index_limit import limit_warning
from quisait.work.runs import observed_run, observed_runs
from quisait.work.source_status import (
    FAILURE_LABELS,
    NO_READERS_REMEDY,
    REMEDIES,
    SHOWN_RUNS,
    UNKNOWN_PRINCIPAL,
    UNKNOWN_PRINCIPAL_REMEDY,
    SourceStatus,
    backup_state,
    directory_run_text,
    directory_state,
    late_directory,
    moment,
    removed_source_statuses,
    run_text,
    soon,
    status_of,
)
from quisait.work.worker import BUILD, task_trouble, tasks_of
from search_api.administration.system_status import (
    CountedQuestion,
    MissingDocument,
    MissingDocuments,
    PartState,
    QuestionFigures,
    SourceState,
    SystemStatus,
)
from search_api.query_log.counts import QueryCounts
from search_api.wording import day, number

QUESTION_DAYS = 30
"""Period, in days, in which questions without an answer are counted."""
QUESTIONS_SHOWN = 20
SHOWN_MISSING = 20
"""Maximum number of missing documents that the page lists for one reason."""

INDEX_NAMES = {"embedded": "intégré", "opensearch": "OpenSearch"}
"""French names of the engines."""


@dataclass(frozen=True, slots=True)
class ApplicationAdministration:
    """Checks the parts of the application separately."""

    application: Application

    def __call__(self) -> SystemStatus:
        """Return the current state."""
        now = datetime.now(UTC)
        sources = [self._source(source, now) for source in self.application.settings.sources]
        sources += self._unnamed(now)
        return SystemStatus(tuple(self._parts()), sources, self._questions(now))

    def read_soon(self, source: str) -> None:
        """Request a reading, or a part's task, by the next worker. Raises `KeyError`."""
        known = {one.name for one in self.application.settings.sources}
        known |= {DIRECTORY} if has_directory(self.application.settings) else set()
        known |= {BUILD} if self.application.settings.topics.file else set()
        if source not in known:
            raise KeyError(source)
        self.application.state.request_run(source)

    def read_again(self, source: str, folder: str) -> None:
        """Request that a folder, or a whole source if it is empty, is read again by the worker.

        Raises `KeyError` for an unknown source, and the errors of `forget_reading`.
        """
        if source not in {one.name for one in self.application.settings.sources}:
            raise KeyError(source)
        forget_reading(self.application, source, folder)
        self.application.state.request_run(source)

    def _parts(self) -> Iterator[PartState]:
        settings, application = self.application.settings, self.application
        yield _part_state(
            "Index",
            lambda: f"{INDEX_NAMES[settings.index.engine]}, répond{self._size()}",
            self._asked,
        )
        yield _part_state("Base d’état", lambda: "répond", lambda: application.book.agent(""))
        if has_directory(settings):
            directory = _part_state("Annuaire", self._directory_read, run=DIRECTORY)
            yield replace(directory, history=self._directory_history())
        if settings.topics.file:
            yield _part_state("Cartographie", self._built, run=BUILD)
        yield _part_state("Tâches de fond", self._tasks_run)
        yield _part_state("Sauvegarde", partial(backup_state, application.state))
        yield _part_state("Encodeur", lambda: application.encoder.name)
        yield _part_state("Registre des suppressions", lambda: "à jour", self._noted)
        ranking = partial(installed_ranker().state, settings, lambda: application.encoder.name)
        yield _part_state("Classement", ranking)
        for feature in installed_features():
            for name, shown in feature.shown_states(application).items():
                yield _part_state(name.capitalize(), shown)
            for name, state in feature.states(settings).items():
                yield _part_state(name.capitalize(), partial(state, application.database))
        if settings.search.glossary:
            yield _part_state("Glossaire", partial(check_glossary, settings.search.glossary))
        if settings.topics.file:
            yield _part_state("Sujets", partial(check_topics, settings.topics.file))

    def _asked(self) -> None:
        """Query the index as a reader without rights.

        Raises `ValueError` if the index is nearly full.
        """
        self.application.search.probe()
        if warning := limit_warning(self.application.whole_index):
            raise ValueError(warning)

    def _size(self) -> str:
        """Return numbers of documents, vectors and bytes of the index, if the engine gives them."""
        application, settings = self.application, self.application.settings
        documents = sum(application.index.count(one.name) for one in settings.sources)
        storage = open_index_storage(settings.index, beside_file(settings.folder))
        pointers = storage.pointers()
        size = storage.size_bytes(pointers.live) / 1e6 if pointers else 0
        fill = application.whole_index.fill()
        vectors = f", {number(fill.passages)} vecteurs" if fill else ""
        return f" : {number(documents)} documents{vectors}, {number(round(size))} Mo"

    def _built(self) -> str:
        """Return the day of the current build. Raises `ValueError` if the last one failed."""
        last = observed_run(self.application.state, self.application.locks, BUILD)
        if last and last.outcome == "failed":
            raise ValueError(f"en échec le {moment(last.started)} : {last.reason}")
        stamp = self.application.builds.current()
        return f"du {day(stamp.day)}" if stamp else "aucune encore"

    def _directory_read(self) -> str:
        """Return in French how the last reading of the directory ended.

        Raises `ValueError` if it failed, or if the last complete reading is long ago.
        """
        if late := late_directory(self.application.settings, self.application.state):
            raise ValueError(late)
        last = observed_run(self.application.state, self.application.locks, DIRECTORY)
        if last and last.outcome not in ("done", "running"):
            raise ValueError(directory_state(self.application).removeprefix("annuaire : "))
        return directory_run_text(last) if last else ""

    def _tasks_run(self) -> str:
        """Return the number of tasks in French. Raises `ValueError` if a task is late or failed."""
        state, now = self.application.state, datetime.now(UTC)
        tasks = tasks_of(self.application)
        wrong = [why for task in tasks if (why := task_trouble(self.application, task, now))]
        if wrong:
            raise ValueError(" ; ".join(wrong))
        if not any(state.last_done(task.name) for task in tasks):
            return "aucune encore : « quisait run » les fait"
        return f"{number(len(tasks))} à leur rythme"

    def _directory_history(self) -> tuple[str, ...]:
        state, locks = self.application.state, self.application.locks
        with suppress(sa.exc.SQLAlchemyError):  # the part says that the database is away
            return tuple(
                map(directory_run_text, observed_runs(state, locks, DIRECTORY, SHOWN_RUNS))
            )
        return ()

    def _noted(self) -> None:
        """Raise `ValueError` if deletions or withdrawals wait for the register."""
        if count := self.application.privacy.register.complete():
            raise ValueError(
                f"faits qui attendent d'être notés : {count}. Une sauvegarde restaurée les "
                "ignorerait ; « quisait check » dit pourquoi"
            )

    def _source(self, source: SourceSettings, now: datetime) -> SourceState:
        try:
            status = status_of(self.application, source, now)
        except IndexerError:
            away = "l’index ne répond pas : l’état n’est pas connu"
            return SourceState(
                source.name, kind_label(source.kind), None, away, False, None, "", None, None, 0, ()
            )
        return _source_state(source.name, kind_label(source.kind), status, now)

    def _unnamed(self, now: datetime) -> list[SourceState]:
        """Return the state of indexed sources that the settings no longer name."""
        try:
            kept = removed_source_statuses(self.application)
        except IndexerError:
            return []  # the other sources report that it does not answer
        return [
            replace(_source_state(status.source, "retirée", status, now), well=False)
            for status in kept
        ]

    def _questions(self, now: datetime) -> QuestionFigures | None:
        if not self.application.settings.journal.enabled:
            return None
        counts = self.application.journal.counts(now, QUESTION_DAYS)

        def most(number: Callable[[QueryCounts], int]) -> tuple[CountedQuestion, ...]:
            found = frequent_queries(counts, number, QUESTIONS_SHOWN)
            return tuple(
                CountedQuestion(one.text or "", one.asked_for, number(one)) for one in found
            )

        return QuestionFigures(
            QUESTION_DAYS,
            sum(count.askings for count in counts),
            sum(count.zero for count in counts),
            most(lambda count: count.zero),
            most(lambda count: count.counted - count.zero),
            hidden_queries(counts).zero,
        )


def _source_state(name: str, kind: str, status: SourceStatus, now: datetime) -> SourceState:
    last, running = status.last_run, status.running
    counts = dict(status.failure_counts)
    counts.pop(UNKNOWN_PRINCIPAL, None)
    rules = counts.pop("rule", 0)
    return SourceState(
        name=name,
        kind=kind,
        documents=status.documents,
        state=status.state,
        well=not status.problems,
        last_end=last.ended if last else None,
        next_run=soon(status.next_run, now),
        done=running.done if running else None,
        expected=running.expected if running else None,
        closed_rules=rules,
        troubles=(*_missing_texts(status, counts), *_access_troubles(status)),
        history=tuple(map(run_text, status.history)),
    )


def _missing_texts(status: SourceStatus, counts: Mapping[str, int]) -> Iterator[MissingDocuments]:
    """Yield documents that are missing by kind of failure, and files of kinds without text."""
    for kind, count in counts.items():
        label, remedy = FAILURE_LABELS.get(kind, kind), REMEDIES.get(kind, "")
        yield MissingDocuments(label, count, remedy, _oldest(status, kind))
    for kind, count in sorted(status.without_text.items()):
        yield MissingDocuments(f"sans texte par nature ({kind})", count, REMEDIES["not_text"])


def _access_troubles(status: SourceStatus) -> Iterator[MissingDocuments]:
    """Yield rules and denials that name unknown principals, and documents without readers."""
    yield from _unknown_principals(status)
    if status.without_readers:
        yield MissingDocuments("que personne ne lit", status.without_readers, NO_READERS_REMEDY)
    for denial in status.unknown_denials:
        label = "fermés à tous : leur refus ne nomme personne de connu"
        remedy = f"« quisait sources {status.source} » dit lequel, et que faire"
        yield MissingDocuments(label, denial.documents, remedy)


def _unknown_principals(status: SourceStatus) -> Iterator[MissingDocuments]:
    """Yield the rules that name unknown principals.

    The table of a rule is shown with its line. The name of a rule's file (`.quisait.json`) contains
    that of its document: it is shown like a missing document, only to readers of the document.
    """
    of_documents = dict[str, list[MissingDocument]]()
    for row in status.failures:
        if row.kind != UNKNOWN_PRINCIPAL:
            continue
        path, _, _ = row.key.rpartition(SIDECAR_SUFFIX)
        if path:
            shown = MissingDocument(f"{status.source}:{path}", row.reference, row.since)
            of_documents.setdefault(row.reason, []).append(shown)
        else:
            yield MissingDocuments(f"règle {row.key} : {row.reason}", 1, row.remedy)
    for reason, documents in of_documents.items():
        yield MissingDocuments(
            f"règles d’un fichier (.quisait.json) : {reason}",
            len(documents),
            UNKNOWN_PRINCIPAL_REMEDY,
            tuple(documents[:SHOWN_MISSING]),
        )


def _oldest(status: SourceStatus, kind: str) -> tuple[MissingDocument, ...]:
    """Return the documents that have been missing longest for a reason, oldest first."""
    missing = (one for one in status.failures if one.kind == kind)
    return tuple(
        MissingDocument(one.key, one.reference, one.since) for one in islice(missing, SHOWN_MISSING)
    )


def _part_state(
    name: str,
    tell: Callable[[], str],
    attempt: Callable[[], object] = lambda: None,
    run: str = "",
) -> PartState:
    try:
        attempt()
        return PartState(name, True, tell(), run)
    except (IndexerError, sa.exc.SQLAlchemyError):
        return PartState(name, False, "ne répond pas : « quisait check » dit pourquoi", run)
    except (SourceError, ValueError, OSError) as error:
        return PartState(name, False, str(error), run)
