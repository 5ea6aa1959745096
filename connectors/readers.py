"""Readers as options and records of sources write them."""

from typing import Annotated, TypeVar

from pydantic import BaseModel, ConfigDict, FailFast, Field

from connectors.values import MAX_PRINCIPALS, Access

# NUL breaks ids and database columns; no real name contains one.
Name = Annotated[str, Field(min_length=1, max_length=2000, pattern=r"^[^\x00]*$")]
# Text that is not a principal is refused: as a denial it would match nobody and widen access.
Principal = Annotated[Name, Field(pattern=r"^(everyone|[^:\s]+:\S[^\x00]*)$")]

Item = TypeVar("Item")
FailFastList = Annotated[list[Item], FailFast()]
"""A list whose validation stops at the first invalid item: each error takes a kilobyte of memory.
"""

Principals = Annotated[FailFastList[Principal], Field(max_length=MAX_PRINCIPALS)]


class Readers(BaseModel):
    """Principals allowed and denied; if none is allowed, nobody may read."""

    model_config = ConfigDict(extra="forbid", frozen=True, str_strip_whitespace=True)

    allowed: Principals
    denied: Principals = []


def access_of(readers: Readers | None) -> Access:
    """Return the access that a record's readers give; without readers, it admits nobody."""
    if readers is None:
        return Access()
    return Access(frozenset(readers.allowed), frozenset(readers.denied))
