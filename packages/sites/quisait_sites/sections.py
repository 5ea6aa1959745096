"""Who reads what stands at a path: the readers that the settings state by section."""

from collections.abc import Mapping, Sequence

from connectors.values import Access

Sections = Mapping[str, Sequence[str]]
"""Readers by the beginning of a path."""


def readers_by_path(path: str, sections: Sections, default: Access) -> Access:
    """The readers of the longest section that fits the path, or `default` where none does.

    Some servers tell `/RH/` from `/rh/`, others do not: a page has the readers of both.
    """
    written = _of_section(path, sections, default)
    folded = _of_section(
        path.casefold(),
        {section.casefold(): allowed for section, allowed in sections.items()},
        default,
    )
    return written if written == folded else written.narrowed_to(folded)


def is_in_a_section(path: str, sections: Sections) -> bool:
    """Whether a section says who reads what stands there, in upper or lower case."""
    return any(path.casefold().startswith(section.casefold()) for section in sections)


def _of_section(path: str, sections: Sections, default: Access) -> Access:
    fitting = [section for section in sections if path.startswith(section)]
    return Access(frozenset(sections[max(fitting, key=len)])) if fitting else default
