"""The state of the system for administrators: sources, engines, files, questions, remedies.

No document's name stands here: a role opens no document. Whoever has access to the machine
reads the names of failed files by `quisait sources`.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol


@dataclass(frozen=True, slots=True)
class MissingDocuments:
    """So many documents that are missing for one reason, and what a person can do."""

    said: str
    count: int
    remedy: str


@dataclass(frozen=True, slots=True)
class SourceState:
    """A source: `documents` is None where the index does not answer.

    `state` and `next_run` are French sentences. `done` of `expected` documents were seen by
    a reading that goes on; both are None where none does, `expected` where it cannot be told.
    `closed_rules` counts rules of access that were not understood: what they may aim at is
    closed to everybody.
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
    """An engine, a database, a file: whether it is well, what was seen or what to do."""

    name: str
    well: bool
    said: str


@dataclass(frozen=True, slots=True)
class UnansweredQuestion:
    """A question that found nothing, as enough people asked it to be shown."""

    text: str
    asked_for: str
    count: int


@dataclass(frozen=True, slots=True)
class QuestionFigures:
    """What was asked in the last `days`. `hidden` unanswered ones are not shown in words."""

    days: int
    askings: int
    unanswered: tuple[UnansweredQuestion, ...]
    hidden: int


@dataclass(frozen=True, slots=True)
class SystemStatus:
    """Everything, as it is now. `questions` is None where no journal is kept."""

    parts: Sequence[PartState]
    sources: Sequence[SourceState]
    questions: QuestionFigures | None


class SystemStatusReader(Protocol):
    """Looks at everything; a part that is away is told, and takes no other with it."""

    def __call__(self) -> SystemStatus:
        """As it is now."""
        ...
