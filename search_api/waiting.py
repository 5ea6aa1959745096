"""What waits for a reader because of a role, told by features through parts of the context."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from indexer.access import Reader
from search_api.context import AnswerContext


@dataclass(frozen=True, slots=True)
class WaitingLink:
    """A link to what waits, in French; `detail` is a second line."""

    path: str
    label: str
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Waiting:
    """What waits for a reader in one feature.

    `tasks`: entries of the home page's list «À faire». `desk`: lines of the page of animators.
    `questions`: document ids of unanswered questions asked here, by topic.
    """

    tasks: tuple[WaitingLink, ...] = ()
    desk: tuple[WaitingLink, ...] = ()
    questions: Mapping[str, Sequence[str]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class WaitingOf:
    """A feature's function that returns a reader's tasks, on texts that the reader may read.

    A feature gives it to `AnswerContext` as a part; `waiting_of` calls all of them.
    """

    of: Callable[[AnswerContext, Reader], Waiting]


def waiting_of(context: AnswerContext, reader: Reader) -> tuple[Waiting, ...]:
    """Return what waits for the reader in each feature."""
    return tuple(part.of(context, reader) for part in context.parts if isinstance(part, WaitingOf))
