"""Open what installed packages provide, with the options that the settings give them."""

from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from expertise.build_engines import BuildEngineKind, installed_engine
from expertise.build_files import BuildFiles, BuildMeans, DuckEngine, SqlEngine
from quisait.settings import DUCKDB, ExpertiseSettings
from quisait.settings.types import fault_lines

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
