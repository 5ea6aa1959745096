"""Read `analysis_cases.txt`: pairs of texts that must match, and pairs that must not."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

FILE = Path(__file__).with_suffix(".txt")
_LINE = re.compile(r"(?P<asked>.+) (?P<sign>[↔→≠↛]) (?P<text>.+?)(?: : (?P<why>.+))?")
SHOWN = {"⍽": "\u202f", "⏎": "\n"}
"""Signs that stand for invisible characters in the file and on the page."""


@dataclass(frozen=True, slots=True)
class Case:
    """A query and a text. `both`: the same is expected with query and text exchanged."""

    subject: str
    asked: str
    text: str
    meet: bool = True
    both: bool = True
    why: str = ""


def read_cases() -> tuple[Case, ...]:
    """Read every case of the file. Raises `ValueError` for a line that is not a case."""
    return tuple(_cases(FILE.read_text("utf-8").splitlines()))


def _cases(lines: list[str]) -> Iterator[Case]:
    subject = ""
    for line in lines:
        if line.startswith("## "):
            subject = line.removeprefix("## ")
        elif line and not line.startswith("#"):
            found = _LINE.fullmatch(line)
            if found is None:
                raise ValueError(f"not a case: {line}")
            yield Case(
                subject,
                _seen(found["asked"]),
                _seen(found["text"]),
                meet=found["sign"] in "↔→",
                both=found["sign"] in "↔≠",
                why=found["why"] or "",
            )


def _seen(text: str) -> str:
    for sign, character in SHOWN.items():
        text = text.replace(sign, character)
    return text


CASES = read_cases()
