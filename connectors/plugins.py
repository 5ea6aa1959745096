"""Load what other packages install: values that entry points of their `pyproject.toml` name."""

import logging
from importlib.metadata import entry_points
from typing import TypeVar

log = logging.getLogger(__name__)

T = TypeVar("T")


class PluginMissing(ValueError):
    """A package that the settings need is missing or fails to load; the text says what to do."""


def plugin_names(group: str) -> list[str]:
    """Return the names of the installed entry points of a group, sorted."""
    return sorted(entry.name for entry in entry_points(group=group))


def load_plugin(group: str, name: str, kind: type[T], package: str, setting: str) -> T:
    """Return the value that an entry point names, an instance of `kind`.

    `package` provides it, and `setting` is where an administrator asked for it. Raises
    `PluginMissing`.
    """
    entry = next(iter(entry_points(group=group, name=name)), None)
    if entry is None:
        raise PluginMissing(
            f"{setting} demande « {name} », qui n'est pas installé : installez le paquet {package} "
            "de cette version (le kit l'a dans « wheels »), ou changez ce réglage."
        )
    try:
        plugin = entry.load()
    except Exception as error:
        log.error("plug-in not loaded", extra={"plugin": name, "error": type(error).__name__})
        raise PluginMissing(
            f"{setting} demande « {name} », qui ne se charge pas ({type(error).__name__}) : "
            f"réinstallez le paquet {package} avec ses dépendances, ou changez ce réglage."
        ) from error
    if not isinstance(plugin, kind):
        raise PluginMissing(f"{entry.value} ({setting}) doit nommer un {kind.__name__}.")
    return plugin
