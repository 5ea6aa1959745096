"""The state of the system for administrators: sources, engines, files, questions, remedies.

No document's name stands here: a role opens no document. Whoever has access to the machine
reads the names of failed files by `quisait sources`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol


@dataclass(frozen=True, slots=True)
class MissingDocuments:
    """How many documents are missing for one reason, and what a person can do."""

    said: str
    count: int
    remedy: str


@dataclass(frozen=True, slots=True)
class SourceState:
    """A source: `documents` is None where the index does not answer.

    `state` and `next_run` are French sentences. `done` of `expected` documents were seen by
    a crawl that is running; both are None where none is, `expected` where it is unknown.
    `closed_rules` counts access rules that were not understood: the documents that they may
    be about are closed to everybody.
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


@dataclass(frozen=True, slots=True)
class PartState:
    """An engine, a database or a file: whether it works, and what was seen or what to do."""

    name: str
    well: bool
    said: str


@dataclass(frozen=True, slots=True)
class CountedQuestion:
    """How often a question was asked that enough people asked for it to be shown."""

    text: str
    asked_for: str
    count: int


@dataclass(frozen=True, slots=True)
class QuestionFigures:
    """What was asked in the last `days`, `zero` of it without a result; the most asked of both.

    `hidden` counts unanswered questions that too few people asked for them to be shown.
    """

    days: int
    askings: int
    zero: int
    unanswered: tuple[CountedQuestion, ...]
    answered: tuple[CountedQuestion, ...]
    hidden: int


@dataclass(frozen=True, slots=True)
class SystemStatus:
    """The whole state now. `questions` is None where there is no query log."""

    parts: Sequence[PartState]
    sources: Sequence[SourceState]
    questions: QuestionFigures | None


class SystemStatusReader(Protocol):
    """Reads the state; a part that does not answer is reported, and the others are still read."""

    def __call__(self) -> SystemStatus:
        """The state now."""
        ...


@dataclass(frozen=True, slots=True)
class SearchFile:
    """A file that administrators edit: the glossary or the best bets.

    `version` changes with the text. `faults` are the lines that are left out; `locked` says why
    the file cannot be written, empty where it can. All three texts are French.
    """

    name: str
    label: str
    text: str
    version: str
    faults: tuple[str, ...]
    locked: str


class FileChanged(ValueError):
    """Somebody else wrote the file since it was opened. Its text is a French sentence."""


class SearchFiles(Protocol):
    """Reads and writes the files that the settings name."""

    def names(self) -> Mapping[str, str]:
        """By label, the name of each in addresses."""
        ...

    def read(self, name: str) -> SearchFile:
        """The file now. Raises `KeyError` for a name of none, `ValueError` with a sentence."""
        ...

    def write(self, name: str, text: str, version: str) -> None:
        """Put this text in place of what is there, whole or not at all.

        Raises `KeyError`; `FileChanged` where it changed since `version`; `ValueError` with a
        sentence where a line is wrong or it cannot be written.
        """
        ...
