"""Each answer has one function; code that renders an answer calls no engine and no `expertise`.

Routes, schemas, templates and commands import values from below, to show them. Whatever reads for a
reader is in the other modules of its feature, which apply their rights and who may be shown.
"""

import ast
import importlib
import inspect
from collections.abc import Callable, Iterator
from datetime import date, datetime
from enum import Enum
from pathlib import Path
from types import ModuleType
from typing import Any, get_args, get_origin, get_type_hints

import pytest

from expertise.answer_values import BuildStatus
from expertise.community_management import ProposalDecisions
from expertise.current_build import BuildReader, OpenBuild, nearest_topic
from indexer.access import Reader, access_filter
from indexer.errors import IndexRefused
from search_api.engine import Search

pytestmark = pytest.mark.trust

REPOSITORY = Path(__file__).resolve().parents[2]
ROUTES = (
    *sorted((REPOSITORY / "search_api").glob("*/*routes.py")),
    REPOSITORY / "search_api/administration/health.py",
    *sorted((REPOSITORY / "packages").glob("*/quisait_*/*routes.py")),
)
RENDERING = (
    *ROUTES,
    *sorted((REPOSITORY / "search_api").glob("*/*schemas.py")),
    *sorted((REPOSITORY / "search_api").glob("*/responses.py")),
    *(REPOSITORY / f"search_api/topics/{name}.py" for name in ("maps", "outlines", "spreadsheets")),
    *(REPOSITORY / f"search_api/{name}.py" for name in ("templating", "parameters")),
    *sorted((REPOSITORY / "quisait/commands").glob("*.py")),
    REPOSITORY / "packages/desk/quisait_desk/commands.py",
)
ASKED = ("indexer", "expertise", "search_api.engine")
"""What only answers may ask. The analysis of French asks nothing of anybody."""
PLAIN = frozenset({str, int, float, bool, bytes, date, datetime, object, type(None), ...})
TEXT = ("indexer.french",)
READING = {"search", "overview", "index", "builds"}
"""Attributes of services by which a route could read."""

EXCEPTIONS = {
    ("quisait/commands/journal.py", "SqlDirectory"): "finds an agent's id, for who runs quisait",
    ("search_api/administration/health.py", "search"): "asks if the engine answers, for nobody",
}
"""By file and name, with the reason."""


def imported(path: Path) -> Iterator[tuple[str, object]]:
    """(name, what it is) of all that a file imports from below, wherever in it."""
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.module and is_asked(node.module):
            module = importlib.import_module(node.module)
            for alias in node.names:
                if not hasattr(module, alias.name):
                    importlib.import_module(f"{node.module}.{alias.name}")
                yield alias.name, getattr(module, alias.name)
        elif isinstance(node, ast.Import):
            for alias in node.names:
                if is_asked(alias.name):
                    yield alias.name, importlib.import_module(alias.name)


def is_asked(module: str) -> bool:
    def within(packages: tuple[str, ...]) -> bool:
        return any(module == one or module.startswith(f"{one}.") for one in packages)

    return within(ASKED) and not within(TEXT)


def is_value(found: object) -> bool:
    """An enumeration, an error, a constant, or a frozen value that holds nothing but values."""
    if isinstance(found, ModuleType) or inspect.isroutine(found):
        return False
    return not inspect.isclass(found) or issubclass(found, Exception) or holds_values(found)


def holds_values(found: Any) -> bool:
    """Whether there is nothing in it that could be asked: no store, no index, no function."""
    inside = get_args(found)
    if inside:
        return get_origin(found) is not Callable and all(map(holds_values, inside))
    if found in PLAIN or (inspect.isclass(found) and issubclass(found, Enum)):
        return True
    if not inspect.isclass(found):
        return isinstance(found, str)  # what a `Literal` allows
    parameters: Any = vars(found).get("__dataclass_params__")
    fixed = issubclass(found, tuple) or (parameters is not None and parameters.frozen)
    return fixed and all(map(holds_values, get_type_hints(found).values()))


def test_the_rule_knows_a_value_from_what_reads() -> None:
    """Else it would pass whatever the files import."""
    assert all(map(is_value, (BuildStatus, Reader, IndexRefused, 3)))
    asking = (Search, BuildReader, OpenBuild, ProposalDecisions, nearest_topic, access_filter)
    assert not any(map(is_value, asking))
    assert is_asked("expertise.peers")
    assert not is_asked("indexer.french.analysis")
    assert len(RENDERING) > 20


def test_what_renders_an_answer_reads_nothing() -> None:
    """It imports values alone; what reads for a reader is imported by a service."""
    reading = [
        (name, one)
        for path in RENDERING
        for name in [str(path.relative_to(REPOSITORY))]
        for one, found in imported(path)
        if not is_value(found) and (name, one) not in EXCEPTIONS
    ]
    assert reading == []


def test_no_route_reaches_an_engine_through_its_services() -> None:
    """`services.search.answer(…)` needs no import, and is as much a way around the answers."""
    reached = [
        f"{name}, line {node.lineno}: {node.value.attr}.{node.attr}"
        for path in ROUTES
        for name in [str(path.relative_to(REPOSITORY))]
        for node in ast.walk(ast.parse(path.read_text("utf-8")))
        if isinstance(node, ast.Attribute)
        and isinstance(node.value, ast.Attribute)
        and node.value.attr in READING
        and (name, node.value.attr) not in EXCEPTIONS
    ]
    assert reached == []


def test_a_role_holder_is_made_in_one_place() -> None:
    """By `open_by_role`, which writes the access to the audit log first."""
    made = [
        (str(path.relative_to(REPOSITORY)), function.name)
        for package in ("search_api", "quisait", "packages")
        for path in sorted((REPOSITORY / package).rglob("*.py"))
        if not path.name.startswith("test_")
        for function in ast.walk(ast.parse(path.read_text("utf-8")))
        if isinstance(function, ast.FunctionDef)
        for call in ast.walk(function)
        if isinstance(call, ast.Call)
        and getattr(call.func, "attr", getattr(call.func, "id", "")) == "RoleHolder"
    ]
    assert made == [("search_api/context.py", "open_by_role")]
