"""Who reads what stands at a path: the readers that the settings state by section."""

import unicodedata
from collections.abc import Mapping, Sequence
from urllib.parse import unquote

from connectors.values import Access

Sections = Mapping[str, Sequence[str]]
"""Readers by the beginning of a path, which may be written as a browser shows or copies it."""


def readers_by_path(path: str, sections: Sections, default: Access) -> Access:
    """The readers of the longest section that fits the path, or `default` where none does.

    Some servers tell `/RH/` from `/rh/`, or `/rh` from `/rh/`, others do not, and one letter may
    be written in two ways: a page has the readers of all.
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
    """Whether a section says who reads what stands there, however both are written."""
    written = _folded(_closed(path))
    return any(written.startswith(_folded(unquote(section))) for section in sections)


def _closed(path: str) -> str:
    return path if path.endswith("/") else f"{path}/"


def _folded(path: str) -> str:
    return unicodedata.normalize("NFC", path.casefold())


def _of_section(path: str, sections: Sections, default: Access) -> Access:
    fitting = [section for section in sections if path.startswith(section)]
    return Access(frozenset(sections[max(fitting, key=len)])) if fitting else default
