"""How the reader of a request was named."""

from dataclasses import dataclass
from enum import StrEnum

from fastapi import Request

from search_api.sign_on.sessions import Session


class Way(StrEnum):
    """How a reader was named."""

    SESSION = "session"
    SIGNED_HEADER = "signed_header"
    PERSONAL_TOKEN = "personal_token"  # noqa: S105 - a way's name
    SIGNED_TOKEN = "signed_token"  # noqa: S105


IN_PERSON = frozenset({Way.SESSION, Way.SIGNED_HEADER})
"""Ways of a person at a browser; the others are programs'."""


@dataclass(frozen=True, slots=True)
class Identified:
    """What a request said of who asks; `agent_id` is None where it was not believed."""

    agent_id: str | None
    way: Way
    session: Session | None = None


def identified(request: Request) -> Identified | None:
    """How the reader of this request was named, once they have been; None for nobody."""
    who: Identified | None = getattr(request.state, "identified", None)
    return who
