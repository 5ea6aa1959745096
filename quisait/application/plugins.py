"""Open what installed packages provide, with the options that the settings give them."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from connectors.plugins import load_plugin, plugin_names
from expertise.build_engines import BuildEngineKind, installed_engine
from expertise.build_files import BuildFiles, BuildMeans, DuckEngine, SqlEngine
from quisait.settings import DUCKDB, ExpertiseSettings, Settings
from quisait.settings.types import fault_lines
from search_api.ranking.reranker import KeptOrder, Reranker
from search_api.ranking.window import WindowOrder, fused_order

RANKERS = "quisait.rankers"
"""The group of the entry point that names a `RankerKind`."""
RERANKERS = "quisait.rerankers"
"""The group of the entry point that names a `RerankerKind`."""
Options = TypeVar("Options", bound=BaseModel)


def validated_options(table: str, options: Mapping[str, Any], model: type[Options]) -> Options:
    """Return the options of a settings table as a model. Raises `ValueError` in French."""
    try:
        return model.model_validate(options)
    except ValidationError as error:
        raise ValueError("\n".join(f"{table} {line}" for line in fault_lines(error))) from None


def build_engine(settings: ExpertiseSettings) -> Callable[[BuildFiles, BuildMeans], SqlEngine]:
    """Return what opens the engine of builds. Raises `ValueError` if it is not installed."""
    if settings.engine == DUCKDB:
        return DuckEngine
    kind, options = _installed(settings)
    return lambda files, means: kind.open(options, files, means)


def check_build_engine(settings: ExpertiseSettings) -> str:
    """Return a French sentence on an installed engine. Raises `ValueError` if it cannot work."""
    kind, options = _installed(settings)
    return kind.check(options)


def _installed(settings: ExpertiseSettings) -> tuple[BuildEngineKind, BaseModel]:
    kind = installed_engine(settings.engine)
    return kind, validated_options("[expertise.options]", settings.options, kind.options)


@dataclass(frozen=True, slots=True)
class RerankerKind:
    """A kind of reranker, which a package provides.

    `open` opens it, without a time limit for evaluations if the second argument is false; it raises
    `ValueError`. `checks` are the lines of `quisait check`: a French name, and a function that
    returns what it saw or raises `ValueError` with the remedy.
    """

    open: Callable[[Settings, bool], Reranker]
    checks: Callable[[Settings], Mapping[str, Callable[[], str]]]


NO_RERANKER = RerankerKind(lambda *_: KeptOrder(), lambda _: {})


def installed_reranker() -> RerankerKind:
    """Return the installed kind of reranker, or `NO_RERANKER`. Raises `PluginMissing`."""
    for name in plugin_names(RERANKERS):
        return load_plugin(RERANKERS, name, RerankerKind, f"quisait-{name}", "[reranker]")
    return NO_RERANKER


def open_reranker(settings: Settings, *, limited: bool = True) -> Reranker:
    """Return what rereads the first documents, with a time limit unless `limited` is false.

    Raises `ValueError` if the model of the settings cannot be opened.
    """
    return installed_reranker().open(settings, limited)


OWN_ORDER = "celui de quisait, sans réglage sur vos questions"
"""The state of an installation that has learned no order."""


@dataclass(frozen=True, slots=True)
class RankerKind:
    """A kind of order of the fused hits, which a package provides.

    `state` returns in French which order serves, or raises `ValueError`; it calls its second
    argument for the name of the encoder in use.
    """

    order: Callable[[Settings], WindowOrder]
    state: Callable[[Settings, Callable[[], str]], str]


NO_RANKER = RankerKind(lambda _: fused_order, lambda *_: OWN_ORDER)


def installed_ranker() -> RankerKind:
    """Return the installed kind of ranker, or `NO_RANKER`. Raises `PluginMissing`."""
    for name in plugin_names(RANKERS):
        return load_plugin(RANKERS, name, RankerKind, f"quisait-{name}", RANKERS)
    return NO_RANKER
