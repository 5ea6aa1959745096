"""Every regular expression of the product, and how long each takes on texts meant to slow it down.

Patterns are collected from the modules themselves, so that a new one is measured without being
named anywhere.
"""

import ast
import importlib
import math
import pkgutil
import re
import signal
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import takewhile
from pathlib import Path
from re import _parser
from re._constants import IN, LITERAL, RANGE  # type: ignore[import-not-found]
from types import ModuleType
from typing import Any

ROOT = Path(__file__).parent.parent
PACKAGES = (
    "connectors", "indexer", "expertise", "search_api", "quisait",
    *sorted(init.parent.name for init in ROOT.glob("packages/*/quisait_*/__init__.py")),
)  # fmt: skip
NOT_IMPORTED = ("quisait.migrations", "quisait_connector_kit.example")
"""Scripts that Alembic runs, and an example that is copied."""

METHODS = frozenset({"search", "match", "fullmatch", "sub", "split", "findall", "finditer"})
_BY_WIDTH = ("sub", "split", "findall", "finditer", "search", "match")
_MADE = METHODS | {"compile", "subn"}
_CALL = re.compile(rf"\b(?!re\.)(\w+)\.({'|'.join(METHODS)})\b")
_INDENTED_CALL = re.compile(rf"^ .*\bre\.(?:{'|'.join(_MADE)})\(", re.MULTILINE)
_ANY_USE = frozenset({"search", "fullmatch", "sub"})

STAND_INS: dict[str, dict[str, Any]] = {
    "quisait_export.schema": {"key": b"id"},
    "indexer.encoding.unigram": {"names": "<s>|</s>|<unk>"},
    "indexer.opensearch.storage": {"alias": "quisait", "name": r"\d{14}"},
    "search_api.openapi": {"pattern": r"^/api/v1/questions"},
    "search_api.people.service": {"one": type("Expansion", (), {"words": "plan local"})},
    "quisait_written_answer.service": {"name": "marie|durand"},
    "quisait_matrix.bot": {
        "self": type("Bot", (), {"rules": type("Rules", (), {"name": "quisait"})}),
        "pattern": r"<a href=\"[^\"]*\">quisait</a>[\s:,]*",
    },
    "quisait_desk.source_forms": {"key": "groups"},
    "quisait_dokuwiki.rights": {"pieces": ["equipe:", "%GROUP%", ":*"]},
}
"""Values of the local variables from which a function makes its pattern."""


@dataclass(slots=True)
class UsedPattern:
    """A pattern, where it stands, and the methods that are called on it."""

    pattern: re.Pattern[Any]
    places: list[str] = field(default_factory=list)
    methods: set[str] = field(default_factory=set)

    def measured_methods(self) -> list[str]:
        """Return the methods to measure: those that do all that the others do.

        Four methods go through the whole text in the same way; `search` stops at the first match,
        `match` at the first character. `fullmatch` may step back where they do not.
        """
        widest = [method for method in _BY_WIDTH if method in self.methods][:1]
        return [*widest, *(self.methods & {"fullmatch"})]


def modules() -> Iterator[ModuleType]:
    """Yield every module of the product and of its packages of connectors."""
    for name in PACKAGES:
        root = importlib.import_module(name)
        yield root
        for info in pkgutil.walk_packages(root.__path__, f"{name}."):
            if not info.name.startswith(NOT_IMPORTED) and not info.name.endswith("__main__"):
                yield importlib.import_module(info.name)


def used_patterns() -> list[UsedPattern]:
    """Return each distinct pattern once.

    Raises `AssertionError` for a pattern that is made from a local variable not in `STAND_INS`.
    """
    sources = {module: _source(module) for module in modules()}
    calls: dict[tuple[str, str], set[str]] = {}
    for module, source in sources.items():
        for name, method in _CALL.findall(source):
            # Only names without an underscore are imported by other modules.
            where = module.__name__ if name.startswith("_") else ""
            calls.setdefault((where, name), set()).add(method)
    found: dict[tuple[Any, int], UsedPattern] = {}

    def note(pattern: re.Pattern[Any], place: str, methods: set[str] | frozenset[str]) -> None:
        used = found.setdefault((pattern.pattern, pattern.flags), UsedPattern(pattern))
        used.places.append(place)
        used.methods |= methods

    for module, source in sources.items():
        for name, value in _values(module):
            for pattern in _patterns_in(value):
                short = name.rpartition(".")[2]
                where = module.__name__ if short.startswith("_") else ""
                methods = calls.get((where, short), _ANY_USE)
                note(pattern, f"{module.__name__}.{name}", methods)
        for call in _calls(source):
            place = f"{module.__name__}:{call.lineno}"
            method = str(getattr(call.func, "attr", "")).replace("subn", "sub")
            note(_made(call, module, place), place, {method} if method in METHODS else _ANY_USE)
    return list(found.values())


def _source(module: ModuleType) -> str:
    path = getattr(module, "__file__", None)
    return Path(path).read_text("utf-8") if path else ""


def _values(module: ModuleType) -> Iterator[tuple[str, object]]:
    for name, value in list(vars(module).items()):
        yield name, value
        if isinstance(value, type) and value.__module__ == module.__name__:
            yield from ((f"{name}.{inner}", kept) for inner, kept in vars(value).items())


def _patterns_in(value: object, depth: int = 0) -> Iterator[re.Pattern[Any]]:
    if isinstance(value, re.Pattern):
        yield value
    elif depth < 4 and isinstance(value, tuple | list | frozenset | set):
        for member in value:
            yield from _patterns_in(member, depth + 1)
    elif depth < 4 and isinstance(value, Mapping):
        for pair in list(value.items()):
            yield from _patterns_in(pair, depth + 1)


def _calls(source: str) -> list[ast.Call]:
    """Return the calls of `re` within functions."""
    if not _INDENTED_CALL.search(source):
        return []  # parsing every module takes seconds
    functions = (
        node
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    )
    calls = {
        node: None
        for function in functions
        for node in ast.walk(function)
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and isinstance(node.func.value, ast.Name)
        and node.func.value.id == "re"
        and node.func.attr in _MADE
    }
    return list(calls)


def _made(call: ast.Call, module: ModuleType, place: str) -> re.Pattern[Any]:
    names = {**vars(module), **STAND_INS.get(module.__name__, {})}

    def value(node: ast.expr) -> Any:
        return eval(compile(ast.Expression(node), place, "eval"), names)  # noqa: S307 - our own code

    flags = next((value(one.value) for one in call.keywords if one.arg == "flags"), 0)
    try:
        return re.compile(value(call.args[0]), flags)
    except NameError as error:
        raise AssertionError(
            f"{place}: give {error.name} a value in STAND_INS, to measure this pattern"
        ) from error


RUNS = (
    " ", "\n", " \n", "[", "a", "\u0301", "e\u0301", "1", "-", "'", '"', "a ", "<", "(", "é", "한",
)  # fmt: skip
"""Hostile runs of the longest texts."""

FRAGMENTS = (
    *RUNS, "\n ", "\t", "\u00a0", "A", "A ", "1 ", "aA", "a1", "a-", "- ", "--", "a'", "’", "«",
    "»", "“", "”", ")", "]", "[[", "{", "}", ">", "<a ", "&", "@", "a@", "a@a.", ".", "a.", ". ",
    "! ", ",", ";", ":", "/", "a/", "\\", "|", "*", "**", "_", "#", "=", "~", "`", "%", "+",
    "a\n", "\na", "\r", "\r\n", "1. ", "1-", "1.", "1/", "·e", "\u200b", "😀", "\x00", "a OU ",
    "http://", "l'", "A.", "_a", "$", "?",
)  # fmt: skip

_MOST_LITERALS = 20


def own_fragments(pattern: re.Pattern[Any]) -> list[str]:
    """Return texts made of the literals of a pattern, alone and beside a blank or a letter."""
    literals = list(dict.fromkeys(_literals(_parser.parse(pattern.pattern, pattern.flags))))
    kept = literals[:_MOST_LITERALS]
    return [form for one in kept for form in (one, f"{one} ", f"a{one}")]


def head_of(pattern: re.Pattern[Any]) -> str:
    """Return a text before a hostile run: the literals that a pattern begins with, or a letter."""
    parsed = _parser.parse(pattern.pattern, pattern.flags)
    return "".join(chr(value) for kind, value in takewhile(_is_literal, parsed)) or "a"


def _is_literal(item: tuple[Any, Any]) -> bool:
    return item[0] is LITERAL


def _literals(node: Any) -> Iterator[str]:
    """Yield the runs of literals of a parsed pattern, and the members of its sets."""
    run = ""
    for item in node:
        kind = item[0] if isinstance(item, tuple) and item else None
        if kind is LITERAL:
            run += chr(item[1])
            continue
        if run:
            yield run
            run = ""
        if kind is IN:
            members = (
                value if name is LITERAL else value[0]
                for name, value in item[1]
                if name in (LITERAL, RANGE)
            )
            yield from map(chr, members)
        elif isinstance(item, tuple | list | _parser.SubPattern):
            yield from _literals(item)
    if run:
        yield run


def hostile_call(used: UsedPattern, method: str, text: str) -> Callable[[], object]:
    """Return the call of a method of a pattern on a text."""
    given: Any = text
    empty: Any = ""
    if isinstance(used.pattern.pattern, bytes):
        given, empty = text.encode("utf-8", "replace"), b""
    called = getattr(used.pattern, method)
    if method == "sub":
        return lambda: called(empty, given)
    if method == "finditer":
        return lambda: sum(1 for _ in called(given))
    return lambda: called(given)


UNFELT_S = 0.01
"""Of the processor: below that a ratio says nothing."""
TURNS = 5
"""The least of so many is compared, on both sizes: another process may slow down any one."""
MOST_TIMES = 3
"""A text ten times as long may take thirty times as long; its square would be a hundred."""


CALL_S = 10
"""Of the processor: a longer call is aborted, so that a faulty pattern fails and does not hang."""


@dataclass(frozen=True, slots=True)
class Growth:
    """The time of the longest text in seconds, and where the time grew too fast, if it did."""

    last_s: float
    fault: str = ""


def growth(call_on: Callable[[int], Callable[[], object]], sizes: tuple[int, ...]) -> Growth:
    """Measure texts of growing sizes, until the time grows faster than the size.

    The longer texts are not tried after that: the test fails, it does not hang.
    """
    before = sizes[0]
    shorter = seconds(call_on(before))
    for size in sizes[1:]:
        if shorter == math.inf:
            break
        longer = seconds(call_on(size))
        if longer > max(UNFELT_S, MOST_TIMES * size / before * shorter) and longer < math.inf:
            shorter = min(seconds(call_on(before)) for _ in range(TURNS))
            longer = min(longer, *(seconds(call_on(size)) for _ in range(TURNS - 1)))
        if longer > max(UNFELT_S, MOST_TIMES * size / before * shorter):
            return Growth(longer, f"{before}: {shorter:.4f} s, {size}: {longer:.4f} s")
        before, shorter = size, longer
    return Growth(shorter, f"{before}: aborted" if shorter == math.inf else "")


class _CallTooLongError(Exception):
    """A call took more than `CALL_S`."""


def seconds(call: Callable[[], object]) -> float:
    """Return the processor's time of a call, or infinity for one that was aborted."""

    def abort_if_long(*_: object) -> None:
        if time.process_time() - began > CALL_S:
            raise _CallTooLongError

    # Not a timer of the processor's time: with one, `process_time` counts in steps of 2 ms.
    former = signal.signal(signal.SIGALRM, abort_if_long)
    began = time.process_time()
    timer = signal.setitimer(signal.ITIMER_REAL, CALL_S, CALL_S)
    try:
        call()
        return time.process_time() - began
    except _CallTooLongError:
        return math.inf
    finally:
        signal.setitimer(signal.ITIMER_REAL, *timer)
        signal.signal(signal.SIGALRM, former)
