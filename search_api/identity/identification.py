"""How the reader of a request was identified."""

from dataclasses import dataclass
from enum import StrEnum

from fastapi import Request


class IdentificationMethod(StrEnum):
    """How a reader was identified."""

    SESSION = "session"
    SIGNED_HEADER = "signed_header"
    PERSONAL_TOKEN = "personal_token"  # noqa: S105 - a method's name
    SIGNED_TOKEN = "signed_token"  # noqa: S105


IN_PERSON_METHODS = frozenset({IdentificationMethod.SESSION, IdentificationMethod.SIGNED_HEADER})
"""Methods of a person with a browser; the others are for programs."""


@dataclass(frozen=True, slots=True)
class Identification:
    """How the sender of a request was identified; `agent_id` is None for an invalid credential.

    `session_key`: the key of the browser's session, or empty.
    """

    agent_id: str | None
    method: IdentificationMethod
    session_key: str = ""


def identification_of(request: Request) -> Identification | None:
    """Return how the reader was identified; None if nobody was identified yet."""
    who: Identification | None = getattr(request.state, "identified", None)
    return who


def by_personal_token(request: Request) -> bool:
    """Return whether the reader used a personal token, which gives no access to personal data."""
    who = identification_of(request)
    return who is not None and who.method is IdentificationMethod.PERSONAL_TOKEN
