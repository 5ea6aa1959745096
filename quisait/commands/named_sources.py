"""The sources that a command names."""

from indexer.errors import IndexRefused
from quisait.settings import Settings, SourceSettings


def sources_named(settings: Settings, names: list[str]) -> list[SourceSettings]:
    """The named sources in the settings' order, or all. Raises `IndexRefused` for others."""
    known = {source.name for source in settings.sources}
    unknown = sorted(set(names) - known)
    if unknown:
        raise IndexRefused(
            f"Source inconnue : {', '.join(unknown)}. Sources réglées : "
            f"{', '.join(sorted(known)) or 'aucune'}."
        )
    return [source for source in settings.sources if not names or source.name in names]
