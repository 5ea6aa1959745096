"""What is said between an application that pushes and the inbox that takes in its documents."""

from dataclasses import dataclass
from enum import StrEnum


class Outcome(StrEnum):
    """What became of one item of a push."""

    ACCEPTED = "accepted"
    UNCHANGED = "unchanged"
    REFUSED = "refused"


@dataclass(frozen=True, slots=True)
class Receipt:
    """The answer to one item. `document_id` is as it was pushed, without the source in front.

    `code` is for programs, `reason` a French sentence; neither holds anything of the
    document's text. `place` is the field at fault, where it is known.
    """

    document_id: str
    outcome: Outcome
    code: str = ""
    reason: str = ""
    place: str = ""


@dataclass(frozen=True, slots=True)
class PushLimits:
    """How much is taken: bytes of a request, bytes and number of its documents."""

    request_bytes: int
    document_bytes: int
    documents: int


@dataclass(frozen=True, slots=True)
class SuiteRules:
    """What La Suite's documents leave to the settings of their source.

    `open_reach` holds the reaches (`public`, `authenticated`) whose documents every agent
    finds; `link` is a document's address, with `{id}` in it, empty for none.
    """

    open_reach: frozenset[str] = frozenset()
    link: str = ""


class InboxFull(Exception):
    """Too much of a source waits to be applied: nothing was taken, try again later."""


class InboxUnreachable(Exception):
    """The database did not answer, or not in time: nothing was taken, try again later."""
