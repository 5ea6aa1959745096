"""Engines for builds that other packages install, in the group `quisait.build_engines`."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel

from connectors.plugins import load_plugin
from expertise.build_files import BuildFiles, BuildMeans, SqlEngine

GROUP = "quisait.build_engines"
"""The group of entry points; an entry's name is the value of `[expertise] engine`."""


@dataclass(frozen=True, slots=True)
class BuildEngineKind:
    """A kind of engine for builds, which a package provides.

    `options` is the model of the table `[expertise.options]`. `open` opens the engine for a build
    and raises `EngineUnusable` if it cannot. `check` returns a French sentence on the engine's
    state, or raises `ValueError` with what is missing.
    """

    options: type[BaseModel]
    open: Callable[[Any, BuildFiles, BuildMeans], SqlEngine]
    check: Callable[[Any], str]


def installed_engine(name: str) -> BuildEngineKind:
    """Return the installed engine of that name. Raises `PluginMissing`."""
    return load_plugin(GROUP, name, BuildEngineKind, f"quisait-{name}", "[expertise] engine")
