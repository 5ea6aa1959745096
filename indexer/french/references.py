"""Finds references that an administration writes in several ways, and normalises them.

These are numbers of forms (2042-C-PRO), articles of codes (L. 16 B), dates, grouped and decimal
numbers, percentages, and e-mail addresses. A query looks for a reference by its only name; a text
is also found by broader names («1407» finds «1407 ter»).
"""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from indexer.french.stop_words import STOP_WORDS


@dataclass(frozen=True, slots=True)
class NormalisedReference:
    """A reference at `start:end`; `words`, if given, replace those written there."""

    name: str
    start: int
    end: int
    broader: tuple[str, ...] = ()
    words: tuple[str, ...] | None = None


_MONTHS = {
    month: number
    for number, months in enumerate(
        (
            "janvier janv jan",
            "février fevrier févr fevr fév fev",
            "mars",
            "avril avr",
            "mai",
            "juin",
            "juillet juil",
            "août aout",
            "septembre sept",
            "octobre oct",
            "novembre nov",
            "décembre decembre déc dec",
        ),
        1,
    )
    for month in months.split()
}
_MONTH_NAMES = (
    *("janvier", "fevrier", "mars", "avril", "mai", "juin"),
    *("juillet", "aout", "septembre", "octobre", "novembre", "decembre"),
)
_BEFORE = r"(?<![\w])(?<![\w][-.,/'])"
_AFTER = r"(?![\w])"
_LATIN = (
    r"(?:(?:(?:un|duo|ter|quater|quin|sex|sept|octo|novo)(?:dec|vic|tric)|dec|vic|tric|quinqu|sex"
    r"|sept|oct|non)ies|bis|ter|quater)"
)
_PATTERNS = {
    "iso": rf"{_BEFORE}(?P<y1>\d{{4}})-(?P<m1>\d\d)-(?P<d1>\d\d)(?!\d)",
    "slashed": rf"{_BEFORE}(?P<d2>\d\d?)(?P<sep>[/.-])(?P<m2>\d\d?)(?P=sep)"
    rf"(?P<y2>\d{{4}}|\d\d){_AFTER}",
    "written": (
        rf"{_BEFORE}(?P<d3>\d\d?)(?:\s?er)?\s+(?P<m3>{'|'.join(_MONTHS)})\.?\s+(?P<y3>\d{{4}}){_AFTER}"
    ),
    "percent": rf"{_BEFORE}(?P<share>\d+(?:[.,]\d+)?)\s?(?:%|pour\s?cent{_AFTER})",
    # «L. 16 B», «R*196-1», «L3121-27»; «A» and «D» only where they cannot be words
    "lettered": (
        rf"{_BEFORE}(?P<code>[LRDlrd]|A(?=[.\d]))(?:\. ?| )?(?:\* ?)?"
        rf"(?P<at>\d{{1,4}}(?:-\d{{1,3}}){{0,4}})(?:\s?(?P<latin1>{_LATIN}){_AFTER})?"
        rf"(?:\s?(?P<last1>[A-Z]|(?<=\s)[b-z]|(?<=\d)[a-z]){_AFTER}(?!'))?{_AFTER}"
    ),
    "latin": (
        rf"{_BEFORE}(?P<number>\d{{1,4}}(?:-\d{{1,3}})*)\s?(?P<latin2>{_LATIN}){_AFTER}"
        rf"(?:\s(?P<last2>[A-Z]{{1,2}}){_AFTER})?"
    ),
    "form": (
        rf"{_BEFORE}(?:(?=\d+\*|\d+(?:[-*/]\w+){{0,40}}[-*][A-Za-z])\d{{2,5}}(?:[-*][A-Za-z0-9]{{1,5}})+"
        rf"|\d{{2,5}}[A-Za-z]{{1,6}}\d?"
        r"|(?!(?:19|20[0-3])\d)\d{4}(?:[ -](?!(?:%s)\b)[A-Z]{1,4}\d{0,2}(?![\w]))+)" % "|".join(
            sorted(word.upper() for word in STOP_WORDS if len(word) < 5))
        + _AFTER
    ),
    "numbered": (
        rf"{_BEFORE}(?!(?:19|20)\d\d-(?:19|20)\d\d{_AFTER})\d{{1,4}}(?:-\d{{1,3}}){{1,4}}{_AFTER}"
    ),
    "decimal": rf"{_BEFORE}(?P<units>\d+)\.(?P<tenths>\d{{1,2}})(?![\w.])",
    "grouped": (
        rf"{_BEFORE}(?P<whole>[1-9]\d{{0,2}}(?: \d{{3}}){{1,3}}(?! \d{{3}}{_AFTER})|\d+)"
        rf"(?P<part>,\d+)?{_AFTER}"
    ),
}  # fmt: skip
_EMAIL = r"(?P<email>(?<![\w.+-])[\w.+-]+@[\w-]+(?:\.[\w-]+)+)"
_NUMBERED = "|".join(f"(?P<{name}>{pattern})" for name, pattern in _PATTERNS.items())
_REFERENCE = re.compile(rf"(?=[\dLRDAlrd])(?:{_NUMBERED})")
_REFERENCE_OR_EMAIL = re.compile(rf"{_EMAIL}|{_NUMBERED}")


def references(text: str) -> Iterator[NormalisedReference]:
    """Yield the references of a text, in reading order.

    `text` has unified apostrophes, hyphens and spaces (`indexer/french/analysis.py`).
    """
    pattern = _REFERENCE_OR_EMAIL if "@" in text else _REFERENCE
    for match in pattern.finditer(text):
        kind = str(match.lastgroup)
        if reference := _reading[kind](match):
            yield reference


def _email(match: re.Match[str]) -> NormalisedReference:
    return NormalisedReference(match[0].lower().strip(".+-"), *match.span())


def _date(match: re.Match[str]) -> NormalisedReference | None:
    number = next(n for n in "123" if match[f"y{n}"])
    day, month, year = (match[f"{part}{number}"] for part in "dmy")
    at = _MONTHS.get(month.lower()) or int(month)
    if not (1 <= int(day) <= 31 and 1 <= at <= 12):
        return None
    if len(year) == 2:
        if match["sep"] != "/":
            return None
        year = f"20{year}"
    words = (str(int(day)), _MONTH_NAMES[at - 1], year)
    return NormalisedReference(f"{year}-{at:02}-{int(day):02}", *match.span(), words=words)


def _percent(match: re.Match[str]) -> NormalisedReference:
    number = _decimal(match["share"])
    return NormalisedReference(f"{number}%", *match.span(), words=(number,))


def _lettered(match: re.Match[str]) -> NormalisedReference:
    code, at = match["code"].lower(), match["at"]
    tail = (match["latin1"] or "") + (match["last1"] or "").lower()
    names = [at + tail, *_beginnings(at)] if tail else _beginnings(at)
    broader = [*(f"{code}{name}" for name in names), *names]
    return NormalisedReference(f"{code}{at}{tail}", *match.span(), broader=tuple(broader))


def _latin(match: re.Match[str]) -> NormalisedReference:
    number, tail = match["number"], (match["last2"] or "").lower()
    name = number + match["latin2"]
    broader = ([name] if tail else []) + _beginnings(number)
    return NormalisedReference(name + tail, *match.span(), broader=tuple(broader))


def _form(match: re.Match[str]) -> NormalisedReference | None:
    pieces = [piece for piece in re.split(r"[-*/ ]", match[0].lower()) if piece]
    name = pieces[0]
    for piece in pieces[1:]:
        name += f"-{piece}" if name[-1].isdigit() and piece[0].isdigit() else piece
    number = re.match(r"\d+", name)
    if name in _ORDINALS or number is None:
        return None
    return NormalisedReference(name, *match.span(), broader=(number[0],))


def _numbered(match: re.Match[str]) -> NormalisedReference:
    return NormalisedReference(match[0], *match.span(), broader=tuple(_beginnings(match[0])[1:]))


def _grouped(match: re.Match[str]) -> NormalisedReference | None:
    pieces = match["whole"].split(" ")
    name = _decimal("".join(pieces) + (match["part"] or ""))
    if name == match[0] and "," not in name:
        return None
    # «120 340» may be two columns of a table; «1 500» is hardly so.
    columns = len(pieces) > 1 and len(pieces[0]) == 3
    return NormalisedReference(name, *match.span(), words=tuple(pieces) if columns else (name,))


def _dotted(match: re.Match[str]) -> NormalisedReference:
    name = _decimal(match[0])
    return NormalisedReference(name, *match.span(), words=(name,))


def _decimal(written: str) -> str:
    whole, _, part = written.replace(".", ",").partition(",")
    part = part.rstrip("0")
    return f"{whole},{part}" if part else whole


def _beginnings(number: str) -> list[str]:
    """Return «39-1-2», «39-1» and «39» for «39-1-2»."""
    pieces = number.split("-")
    return ["-".join(pieces[:count]) for count in range(len(pieces), 0, -1)]


_reading: dict[str, Callable[[re.Match[str]], NormalisedReference | None]] = {
    "email": _email,
    "iso": _date,
    "slashed": _date,
    "written": _date,
    "percent": _percent,
    "lettered": _lettered,
    "latin": _latin,
    "form": _form,
    "numbered": _numbered,
    "grouped": _grouped,
    "decimal": _dotted,
}
_ORDINALS = frozenset({"1er", "1ere", "1re", "2e", "2eme", "2nd", "2nde"}) | {
    f"{number}{ending}" for number in range(3, 100) for ending in ("e", "eme", "è", "ème")
}
