"""State of the system for administrators: sources, engines, files, questions, remedies.

The state names no document, because a role gives access to no document: a missing document is only
named to readers who may read it. People with access to the machine see the names of failed files
with `quisait sources`.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime

from search_api.administration.tables import EditedTables


@dataclass(frozen=True, slots=True)
class MissingDocument:
    """A missing document, or a record of a source: `reference` names it in the logs.

    `key` is its id, or its location in the source, and is shown to nobody.
    """

    key: str
    reference: str
    since: datetime


@dataclass(frozen=True, slots=True)
class MissingDocuments:
    """The number of documents that are missing for one reason, the remedy, and the oldest ones."""

    said: str
    count: int
    remedy: str
    oldest: tuple[MissingDocument, ...] = ()


@dataclass(frozen=True, slots=True)
class SourceState:
    """State of a source. `documents` is None if the index does not answer.

    `kind` is a French label; `state`, `next_run` and the runs of `history` (newest first) are
    French sentences. `done` of `expected` documents were read by the running crawl; both are None
    without a crawl, `expected` also if unknown. `closed_rules`: number of invalid access rules;
    nobody can read the documents to which they may apply.
    """

    name: str
    kind: str
    documents: int | None
    state: str
    well: bool
    last_end: datetime | None
    next_run: str
    done: int | None
    expected: int | None
    closed_rules: int
    troubles: tuple[MissingDocuments, ...]
    history: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class PartState:
    """State of an engine, a database or a file: whether it works, and a finding or a remedy.

    `run`: the name of the task that an administrator may run again, or empty. `history`: its last
    runs in French, newest first.
    """

    name: str
    well: bool
    said: str
    run: str = ""
    history: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class CountedQuestion:
    """A question that enough people asked for it to be shown, and how often it was asked."""

    text: str
    asked_for: str
    count: int


@dataclass(frozen=True, slots=True)
class QuestionFigures:
    """Numbers of questions in the last `days`, and the most frequent questions.

    `zero` counts questions without a result. `hidden`: number of unanswered questions that too few
    people asked for them to be shown.
    """

    days: int
    askings: int
    zero: int
    unanswered: tuple[CountedQuestion, ...]
    answered: tuple[CountedQuestion, ...]
    hidden: int


@dataclass(frozen=True, slots=True)
class SystemStatus:
    """The current state of the system. `questions` is None without a query log."""

    parts: Sequence[PartState]
    sources: Sequence[SourceState]
    questions: QuestionFigures | None


@dataclass(frozen=True, slots=True)
class Administration:
    """Dependencies of the pages for administrators.

    `tables`: files that administrators edit. `read_soon` requests a crawl of a source, and raises
    `KeyError` for a source that the settings do not name; `read_again` requests that a folder of a
    source, or all of it, is read again. `directory_reading` tells in French how the directory was
    last read.
    """

    status: Callable[[], SystemStatus]
    tables: EditedTables
    read_soon: Callable[[str], None]
    read_again: Callable[[str, str], None]
    directory_reading: Callable[[], str]
