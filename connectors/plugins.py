"""Load what other packages install: values that entry points of their `pyproject.toml` name."""

import logging
from importlib.metadata import EntryPoint, entry_points
from typing import TypeVar

log = logging.getLogger(__name__)

T = TypeVar("T")


class PluginMissing(ValueError):
    """A package is missing or fails to load. The error's text is a French sentence."""


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
    return load_entry(entry, kind, f"{setting} demande « {name} », qui")


def load_entry(entry: EntryPoint, kind: type[T], subject: str) -> T:
    """Return the value of an installed entry point, an instance of `kind`.

    `subject` begins the French sentence of the error. Raises `PluginMissing` if the value cannot be
    imported or is something else.
    """
    try:
        plugin = entry.load()
    except Exception as error:
        fields = {"plugin": entry.name, "group": entry.group, "error": type(error).__name__}
        log.error("plug-in not loaded", extra=fields)
        raise PluginMissing(
            f"{subject} ne se charge pas ({type(error).__name__}) : réinstallez son paquet avec "
            f"ses dépendances, ou retirez-le ({entry.value})."
        ) from error
    if not isinstance(plugin, kind):
        raise PluginMissing(
            f"{subject} ne se charge pas : {entry.value} doit nommer un {kind.__name__}."
        )
    return plugin
