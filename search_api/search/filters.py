"""Find filter values that do not exist, or that no readable document has."""

from collections.abc import Mapping
from dataclasses import dataclass

from connectors.geography import DEPARTEMENTS
from expertise.current_build import is_area
from indexer.access import Reader
from search_api.context import AnswerContext, InvalidParameter
from search_api.plain_text import safe_text

_READABLE = ("source", "year")
"""Facets whose known values are those of the documents that the reader may read."""

LONGEST_SHOWN = 60
"""Maximum length of an unknown value in a message, in characters."""


@dataclass(frozen=True, slots=True)
class UnknownFilter:
    """A filter with unknown `values`; `known` are the values that the reader may choose."""

    facet: str
    values: tuple[str, ...]
    known: tuple[str, ...]

    def __str__(self) -> str:
        values = ", ".join(f"« {safe_text(value[:LONGEST_SHOWN])} »" for value in self.values)
        known = ", ".join(self.known) or "aucune valeur, aucun document ne vous est ouvert"
        return f"{self.facet} : {values} n’est pas connu ; sont connus : {known}"


def unknown_filters(
    context: AnswerContext, reader: Reader, filters: Mapping[str, tuple[str, ...]]
) -> tuple[UnknownFilter, ...]:
    """Return the filters by source, département and year that name unknown values.

    A source is unknown to a reader who may read none of its documents, like one that does not
    exist. Raises `IndexUnreachable`.
    """
    readable = tuple(facet for facet in _READABLE if filters.get(facet))
    known = dict(context.search.readable_values(readable, reader)) if readable else {}
    if filters.get("area"):
        known["area"] = tuple(sorted(DEPARTEMENTS))
    return tuple(
        UnknownFilter(facet, unknown, values)
        for facet, values in known.items()
        if (unknown := tuple(value for value in filters[facet] if value not in values))
    )


def require_known_filters(
    context: AnswerContext, reader: Reader, filters: Mapping[str, tuple[str, ...]]
) -> None:
    """Raise `InvalidParameter`, which names the known values, if there are `unknown_filters`."""
    if unknown := unknown_filters(context, reader, filters):
        raise InvalidParameter(". ".join(map(str, unknown)) + ".")


def is_known_area(area: str) -> bool:
    """Return whether an area is empty, a département or a region."""
    return not area or is_area(area)
