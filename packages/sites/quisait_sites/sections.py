"""Find the readers of a page from its path: the settings state readers by section."""

import unicodedata
from collections.abc import Mapping, Sequence
from urllib.parse import unquote

from connectors.values import Access

Sections = Mapping[str, Sequence[str]]
"""Prefix of a path → readers; the prefix may be percent-encoded or not."""


def readers_by_path(path: str, sections: Sections, default: Access) -> Access:
    """Return the readers of the longest section that fits the path, or else `default`.

    Some servers distinguish `/RH/` from `/rh/`, or `/rh` from `/rh/`, others do not, and a letter
    may have two Unicode forms: readers must be admitted for every form.
    """
    sections = {unquote(section): allowed for section, allowed in sections.items()}
    folded = {_folded(section): allowed for section, allowed in sections.items()}
    access = _of_section(path, sections, default)
    for other in (
        _of_section(_closed(path), sections, default),
        _of_section(_folded(path), folded, default),
        _of_section(_folded(_closed(path)), folded, default),
    ):
        access = access if access == other else access.narrowed_to(other)
    return access


def is_in_a_section(path: str, sections: Sections) -> bool:
    """Return whether a section fits the path, in any spelling of both."""
    written = _folded(_closed(path))
    return any(written.startswith(_folded(unquote(section))) for section in sections)


def _closed(path: str) -> str:
    return path if path.endswith("/") else f"{path}/"


def _folded(path: str) -> str:
    return unicodedata.normalize("NFC", path.casefold())


def _of_section(path: str, sections: Sections, default: Access) -> Access:
    fitting = [section for section in sections if path.startswith(section)]
    return Access(frozenset(sections[max(fitting, key=len)])) if fitting else default
