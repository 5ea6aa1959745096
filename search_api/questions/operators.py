"""Field operators of a query («auteur:», «avant:»…) found in it, and dates as people write them."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from enum import StrEnum

from indexer.french import fold

PHRASE = r'-?"[^"]*"'
"""What stands in quotes is no operator."""


class Field(StrEnum):
    """What an operator narrows; the facets by their own names."""

    AUTHOR = "author"
    SINCE = "since"
    BEFORE = "before"
    ENTITY = "entity"
    KIND = "kind"
    SOURCE = "source"
    SPACE = "space"


FACET_FIELDS = frozenset({Field.ENTITY, Field.KIND, Field.SOURCE, Field.SPACE})

_NAMES = {
    "auteur": Field.AUTHOR,
    "autrice": Field.AUTHOR,
    "apres": Field.SINCE,
    "depuis": Field.SINCE,
    "avant": Field.BEFORE,
    "entite": Field.ENTITY,
    "service": Field.ENTITY,
    "type": Field.KIND,
    "nature": Field.KIND,
    "source": Field.SOURCE,
    "espace": Field.SPACE,
}
_MONTHS = {
    name: number
    for number, names in enumerate(
        (
            ("janvier", "janv"),
            ("fevrier", "fevr"),
            ("mars",),
            ("avril", "avr"),
            ("mai",),
            ("juin",),
            ("juillet", "juil"),
            ("aout",),
            ("septembre", "sept"),
            ("octobre", "oct"),
            ("novembre", "nov"),
            ("decembre", "dec"),
        ),
        1,
    )
    for name in names
}
_WRITTEN_DATE = r"(?:(?:\d{1,2}(?:er)?\s+)?[^\W\d_]{3,9}\.?\s+\d{4}(?!\w))"
_FOUND = re.compile(
    rf"(?<!\S){PHRASE}"
    r"|(?<!\S)(?P<name>auteur|autrice|apr[eè]s|depuis|avant|entit[eé]|service|type|nature|source"
    rf"|espace)\s?:\s?(?P<value>\"[^\"]*\"|{_WRITTEN_DATE}|[^\s\"]+)",
    re.IGNORECASE,
)
_ISO = re.compile(r"(\d{4})(?:-(\d{1,2})(?:-(\d{1,2}))?)?")
_SLASHED = re.compile(r"(?:(\d{1,2})[/.])?(\d{1,2})[/.](\d{4})")
_WRITTEN = re.compile(r"(?:(\d{1,2})(?:er)?\s+)?([^\W\d_]+)\.?\s+(\d{4})")


@dataclass(frozen=True, slots=True)
class Operator:
    """One operator: `text[start:end]` is the whole of it, `value` comes without its quotes."""

    field: Field
    value: str
    start: int
    end: int


def operators_in(text: str) -> Iterator[Operator]:
    """Every operator with a value, in reading order. `text` has straight quotes only."""
    at = 0
    while match := _FOUND.search(text, at):
        at = match.end()
        if not match["name"]:
            continue
        field, value = _NAMES[fold(match["name"].lower())], match["value"]
        if value[0] != '"' and field not in (Field.SINCE, Field.BEFORE):
            value = value.split()[0]  # a written date belongs to the operators of dates alone
            at = match.start("value") + len(value)
        bare = value.strip('"').strip()
        if bare:
            yield Operator(field, bare, match.start(), at)


def read_day(written: str) -> date | None:
    """The first day of what is written: 2024, 2024-03, 12/03/2024, 03/2024, «12 mars 2024».

    None where it is no date.
    """
    if match := _ISO.fullmatch(written):
        year, month, day = match[1], match[2], match[3]
    elif match := _SLASHED.fullmatch(written):
        day, month, year = match[1], match[2], match[3]
    elif match := _WRITTEN.fullmatch(written):
        number = _MONTHS.get(fold(match[2].lower()), 0)
        day, month, year = match[1], str(number), match[3]
    else:
        return None
    try:
        return date(int(year), int(month or 1), int(day or 1))
    except ValueError:
        return None
