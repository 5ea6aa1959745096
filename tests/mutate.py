"""Measure how many small faults the tests notice: `make mutate ARGS='--count 400 --seed 1'`.

A mutant is one small change in a module whose errors would cost most. This process imports and
collects the tests that need no server, and tries each mutant in a fork of itself, whose functions
get the changed code. Two waves note which test reaches which statement; a mutant is tried by
the quickest tests of each that reach it, then, together with all others that are left, by every
test. A test that fails on several mutants is tried on halves of them, to find which it notices.
With `--rounds` pytest runs the tests that need servers or start processes, for hours, on a copy of
the tree with all mutants that are left. An interrupted run goes on where it stopped, unless modules
or tests have changed; `--table` prints what is known (docs/decisions/0096-mutants-in-forks.md).
Before the sample, each mutant of `RIGHTS` is tried on each file of `NO_LEAK`, which must notice it.
`--rounds opensearch` does the same on a real OpenSearch: the rules of `OPENSEARCH_RIGHTS`, on the
tests of `NO_LEAK` that ask it.
"""

import argparse
import ast
import builtins
import gc
import hashlib
import json
import os
import random
import select
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import traceback
from collections import Counter, defaultdict
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from functools import _lru_cache_wrapper, cache, partial
from pathlib import Path
from types import CodeType, FunctionType
from typing import Any
from xml.etree import ElementTree

import pytest
from _pytest.runner import runtestprotocol
from hypothesis import Phase, settings

from tests.engines import ensure_opensearch
from tests.needs import NO_SERVERS, PART_VARIABLE, Part
from tests.run_all import RESULTS

REPOSITORY = Path(__file__).resolve().parents[1]
MODULES = (
    "indexer/access.py",
    "search_api/ranking/*.py",
    "expertise/votes.py",
    "indexer/crawl/pipeline.py",
    "search_api/identity/readers.py",
    "quisait/privacy/replay.py",
)
RIGHTS = (
    (
        "indexer/access.py",
        "AccessFilter.admits",
        "self.principals.isdisjoint(access.denied)",
        "True",
    ),
    (
        "indexer/access.py",
        "AccessFilter.admits",
        "self.unanswered.isdisjoint(map(authority_of, access.denied))",
        "True",
    ),
    ("indexer/access.py", "AccessFilter.strangers", "self.known and denied", "False"),
    (
        "indexer/access.py",
        "AccessFilter.reaches",
        "self.sources is None or source in self.sources",
        "True",
    ),
    (
        "indexer/access.py",
        "AccessFilter.reaches",
        "self.spaces is None or space in self.spaces",
        "True",
    ),
)
"""Rules of `AccessFilter` to leave out: file, function, expression, and its replacement."""
_LISTS = "indexer/opensearch/access_lists.py"
OPENSEARCH_RIGHTS = (
    (_LISTS, "access_clause", '{"terms": {"denied": principals}}', '{"terms": {"denied": []}}'),
    (_LISTS, "access_clause", "sorted(access.unanswered)", "[]"),
    (_LISTS, "read_readable", "strangers.isdisjoint(whom)", "True"),
    (_LISTS, "access_clause", "access.sources is None", "True"),
    (_LISTS, "ReadableLists.clause_for", "access.spaces is None", "True"),
)
"""The same rules where they are requests to OpenSearch."""
NO_LEAK = (
    *(f"tests/property/test_no_leak{name}.py" for name in ("", "_copies", "_histories", "_words")),
    "packages/mcp/test_no_leak_assistants.py",
    "packages/feeds/test_no_leak_feeds.py",
    "packages/written-answer/test_no_leak_written.py",
)
"""Tests that compare answers with `tests/oracle.py`: none may pass with a mutant of `RIGHTS`."""
OPENSEARCH_NO_LEAK = tuple(file for file in NO_LEAK if not file.endswith("_copies.py"))
"""Those that ask OpenSearch too: none may pass with a mutant of `OPENSEARCH_RIGHTS`."""
CALLS = RESULTS.absolute() / "mutate-calls.jsonl"
TREE = RESULTS.absolute() / "mutate-tree"
LANES = 2
WAVES = {
    "near": ("tests/unit/", "tests/contract/test_index_embedded"),
    "far": ("tests/property/", "tests/pages/", "tests/service/"),
}
"""Tests whose statements are noted. Most mutants are noticed by a near one that takes no second."""
WAVE_S = {"near": 10, "far": 60}
"""Tests of a wave that reach a mutant are tried until they would take so many seconds together."""
UNKNOWN_S = 6
"""A test that the first pass did not run is taken to last so long."""
LONGEST_TIMES, LONGEST_S = 10, 60
"""A mutant counts as noticed if a test takes so many times as long and so many seconds more."""

STAGES = ("rights", *WAVES, "all")
ENGINE = "opensearch"
"""The stage of the rights on OpenSearch, which only `--rounds` runs."""
TEST, SOAK = "test", "soak"
ROUNDS: dict[str, tuple[str, str, tuple[str, ...]]] = {
    "servers": (TEST, Part.TOGETHER, ("-m", "server and not browser")),
    "processes": (TEST, Part.TOGETHER, ("-m", "not server", "tests/service")),
    "alone": (TEST, Part.ALONE, ("tests/faults", "tests/service")),
    "drawn": (
        SOAK,
        "drawn",
        (
            "-m",
            "not server",
        ),
    ),
    "engines": (SOAK, "engines", ()),
    "faults": (SOAK, "faults", ()),
    "sources": (SOAK, "sources", ()),
    "relevance": (SOAK, "relevance", ()),
    "files": (SOAK, "files", ()),
}
"""What pytest runs on the copy: whose column counts it, the part of the tests, and arguments."""

_SWAPS: dict[type[ast.AST], type[ast.AST]] = {
    ast.Lt: ast.LtE, ast.LtE: ast.Lt, ast.Gt: ast.GtE, ast.GtE: ast.Gt,
    ast.Eq: ast.NotEq, ast.NotEq: ast.Eq, ast.In: ast.NotIn, ast.NotIn: ast.In,
    ast.Is: ast.IsNot, ast.IsNot: ast.Is, ast.And: ast.Or, ast.Or: ast.And,
    ast.Add: ast.Sub, ast.Sub: ast.Add, ast.Mult: ast.Div, ast.Div: ast.Mult,
    ast.BitOr: ast.BitAnd, ast.BitAnd: ast.BitOr,
}  # fmt: skip
_NAMES = {"min": "max", "max": "min", "any": "all", "all": "any"}
_NOTE = "__note_statement__"
_SAID = os.dup(2)
"""Where to say what happens: tests of the children write to nowhere."""


@dataclass(frozen=True, slots=True)
class Mutant:
    """One change: the piece of a file that it replaces, and the function and statement around."""

    file: str
    function: str
    line: int
    statement: tuple[int, int]
    begin: int
    end: int
    before: str
    after: str

    def __str__(self) -> str:
        return f"{self.file}:{self.line} {self.function}: {self.before!r} -> {self.after!r}"

    @property
    def key(self) -> str:
        """Names the mutant in the files of results."""
        return f"{self.file}:{self.begin}-{self.end}:{self.after}"

    @property
    def group(self) -> str:
        """The one of `MODULES` that the file belongs to."""
        return next(one for one in MODULES if Path(self.file).match(one))


def mutants(file: str, text: str) -> Iterator[Mutant]:
    """Yield every mutant of a module's functions."""
    return _replacements(file, text, lambda _function, node, _before: _changed(node))


def rights_mutants(rules: Sequence[tuple[str, str, str, str]] = RIGHTS) -> list[Mutant]:
    """Return a mutant for each rule. Raises `ValueError` if one is not in its module any more."""
    made: list[Mutant] = []
    for file in sorted({rule[0] for rule in rules}):
        text = (REPOSITORY / file).read_text("utf-8")
        wanted = {(rule[1], rule[2]): rule[3] for rule in rules if rule[0] == file}
        made += _replacements(file, text, partial(_replacement, wanted))
    if len(made) != len(rules):
        raise ValueError(f"{len(rules)} rules name {len(made)} places of the code")
    return made


def _replacement(
    wanted: Mapping[tuple[str, str], str], function: str, _node: ast.expr, before: str
) -> str | None:
    return wanted.get((function, before))


def _rights_files() -> list[str]:
    return sorted({rule[0] for rule in (*RIGHTS, *OPENSEARCH_RIGHTS)})


def _replacements(
    file: str, text: str, changed: Callable[[str, ast.expr, str], str | None]
) -> Iterator[Mutant]:
    """Yield a mutant for each expression that `changed` (function, node, text) replaces."""
    raw = text.encode()
    lines = raw.splitlines(keepends=True)
    starts = [sum(map(len, lines[:n])) for n in range(len(lines))]
    for name, function in _functions(ast.parse(text)):
        for statement in function.body:
            for node, around in _expressions(statement, statement):
                begin = starts[node.lineno - 1] + node.col_offset
                end = starts[(node.end_lineno or 0) - 1] + (node.end_col_offset or 0)
                before = raw[begin:end].decode()
                after = changed(name, node, before)
                if after is None:
                    continue
                place = (around.lineno, around.col_offset)
                yield Mutant(file, name, node.lineno, place, begin, end, before, f"({after})")


def changed_text(text: str, changes: Iterable[Mutant]) -> str:
    """Return the text with these changes, which do not overlap; every line keeps its number."""
    raw = text.encode()
    for one in sorted(changes, key=lambda one: -one.begin):
        lines = "\n" * one.before.count("\n")
        raw = raw[: one.begin] + f"{one.after[:-1]}{lines})".encode() + raw[one.end :]
    return raw.decode()


def _functions(
    node: ast.AST, around: str = ""
) -> Iterator[tuple[str, ast.FunctionDef | ast.AsyncFunctionDef]]:
    """Yield the functions and methods that stand in no other function."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef):
            yield f"{around}{child.name}", child
        elif isinstance(child, ast.ClassDef):
            yield from _functions(child, f"{around}{child.name}.")
        else:
            yield from _functions(child, around)


def _expressions(node: ast.AST, statement: ast.stmt) -> Iterator[tuple[ast.expr, ast.stmt]]:
    """Yield each expression that is evaluated, with the statement that it stands in.

    Annotations are not evaluated, and the places within formatted strings are wrong before 3.12.
    """
    for name, value in ast.iter_fields(node):
        for child in value if isinstance(value, list) else [value]:
            if (
                not isinstance(child, ast.AST)
                or name in ("annotation", "returns")
                or isinstance(child, ast.JoinedStr)
            ):
                continue
            inner = child if isinstance(child, ast.stmt) else statement
            if isinstance(child, ast.expr):
                is_condition = name in ("test", "ifs") and not isinstance(node, ast.Assert)
                child._is_condition = is_condition  # type: ignore[attr-defined]
                child._is_dropped = isinstance(node, ast.Expr)  # type: ignore[attr-defined]
                yield child, inner
            yield from _expressions(child, inner)


def _changed(node: ast.expr) -> str | None:
    """Return the changed source of an expression, or None if it is left as it is."""
    if isinstance(node, ast.Constant):
        if isinstance(node.value, bool):
            return repr(not node.value)
        return repr(node.value + 1) if isinstance(node.value, int | float) else None
    if isinstance(node, ast.IfExp):
        return ast.unparse(ast.IfExp(node.test, node.orelse, node.body))
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not):
        return ast.unparse(node.operand)
    if isinstance(node, ast.Compare) and type(node.ops[0]) in _SWAPS:
        ops = [_SWAPS[type(node.ops[0])](), *node.ops[1:]]
        return ast.unparse(ast.Compare(node.left, ops, node.comparators))  # type: ignore[arg-type]
    if isinstance(node, ast.BoolOp | ast.BinOp) and type(node.op) in _SWAPS:
        copy = ast.parse(ast.unparse(node), mode="eval").body
        copy.op = _SWAPS[type(node.op)]()  # type: ignore[attr-defined]
        return ast.unparse(copy)
    if isinstance(node, ast.Name) and node.id in _NAMES:
        return _NAMES[node.id]
    if getattr(node, "_is_condition", False):
        return f"not {ast.unparse(node)}"
    called = node.value if isinstance(node, ast.Await) else node
    if getattr(node, "_is_dropped", False) and isinstance(called, ast.Call):
        return None if ast.unparse(called).startswith("log.") else "None"
    return None


def targets() -> list[str]:
    """Return the files of `MODULES`."""
    return sorted(
        path.relative_to(REPOSITORY).as_posix() for one in MODULES for path in REPOSITORY.glob(one)
    )


def with_notes(file: str, numbers: dict[str, int]) -> ast.Module:
    """Return a module whose functions note each statement before it, by its number."""
    tree = ast.parse((REPOSITORY / file).read_text("utf-8"))
    for _, function in _functions(tree):
        for node in ast.walk(function):
            for name in ("body", "orelse", "finalbody"):
                body = getattr(node, name, None)
                if isinstance(body, list) and body and isinstance(body[0], ast.stmt):
                    noted = [[_note(file, one, numbers), one] for one in body]
                    setattr(node, name, [one for pair in noted for one in pair])
    return ast.fix_missing_locations(tree)


def _note(file: str, statement: ast.stmt, numbers: dict[str, int]) -> ast.stmt:
    place = f"{file}:{statement.lineno}:{statement.col_offset}"
    number = numbers.setdefault(place, len(numbers))
    call = ast.Call(ast.Name(_NOTE, ast.Load()), [ast.Constant(number)], [])
    return ast.copy_location(ast.Expr(call), statement)


def loaded_functions() -> dict[str, list[FunctionType]]:
    """Return the functions of the modules with mutants that exist in this process."""
    wanted = {str(REPOSITORY / file): file for file in (*targets(), *_rights_files())}
    found = defaultdict[str, list[FunctionType]](list)
    for one in gc.get_objects():
        if isinstance(one, FunctionType) and (file := wanted.get(one.__code__.co_filename)):
            found[file].append(one)
    return found


def put(source: ast.Module | str, functions: Iterable[FunctionType]) -> None:
    """Give functions the code that they have in another text of their module."""
    functions = list(functions)
    if not functions:
        return
    module = compile(source, functions[0].__code__.co_filename, "exec", dont_inherit=True)
    codes = {(one.co_qualname, one.co_firstlineno): one for one in _codes(module)}
    for function in functions:
        old = function.__code__
        if new := codes.get((old.co_qualname, old.co_firstlineno)):
            function.__code__ = new


def _codes(code: CodeType) -> Iterator[CodeType]:
    for one in code.co_consts:
        if isinstance(one, CodeType):
            yield one
            yield from _codes(one)


@dataclass(frozen=True, slots=True)
class Item:
    """Data about a test that the first pass recorded."""

    seconds: float
    passed: bool
    reached: frozenset[int]


@dataclass(eq=False)
class Trials:
    """A plugin of pytest that runs, in the place of the tests, all mutants of a sample."""

    sample: Sequence[Mutant]
    stages: Sequence[str]
    session: pytest.Session = field(init=False)
    functions: dict[str, list[FunctionType]] = field(init=False)
    numbers: dict[str, int] = field(default_factory=dict)
    items: dict[str, Item] = field(default_factory=dict)
    noted: set[int] = field(default_factory=set)
    caches: list[Any] = field(init=False)
    by_fixture: dict[int, set[int]] = field(default_factory=lambda: defaultdict(set))
    failed: bool = False
    honest: dict[str, bool] = field(default_factory=dict)
    killers: Counter[str] = field(default_factory=Counter)

    def pytest_sessionstart(self) -> None:
        """A failing example is enough: it is not made smaller."""
        phases = (Phase.explicit, Phase.generate)
        parent = settings.get_profile("repeatable")
        settings.register_profile(
            "mutants", parent, phases=phases, database=None, report_multiple_bugs=False
        )
        settings.load_profile("mutants")

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Note whether the present test failed, or was not run."""
        self.failed |= not report.passed

    @pytest.hookimpl(wrapper=True)
    def pytest_fixture_setup(self, fixturedef: Any) -> Generator[None, object, object]:
        """Count the code that a shared fixture runs for each test that uses the fixture."""
        if fixturedef.scope == "function":
            return (yield)
        before = set(self.noted)
        self.noted.clear()
        try:
            return (yield)
        finally:
            self.by_fixture[id(fixturedef)] |= self.noted
            self.noted.update(before)

    def pytest_runtestloop(self, session: pytest.Session) -> bool:
        """Try the sample."""
        self.session = session
        self.functions = loaded_functions()
        loaded = {id(one) for functions in self.functions.values() for one in functions}
        self.caches = [
            one
            for one in gc.get_objects()
            if isinstance(one, _lru_cache_wrapper) and id(one.__wrapped__) in loaded
        ]
        for file in targets():
            with_notes(file, self.numbers)
        gc.collect()
        gc.freeze()
        if "rights" in self.stages:
            _in_lanes(partial(self._try_rights, NO_LEAK, rights_mutants()))
        if ENGINE in self.stages:
            changes = rights_mutants(OPENSEARCH_RIGHTS)
            _in_lanes(partial(self._try_rights, OPENSEARCH_NO_LEAK, changes))
        for wave in WAVES:
            if wave in self.stages:
                self._read_items(wave)
                _in_lanes(partial(self._try_wave, wave, left(self.sample, wave)))
        if "all" in self.stages:
            rest = left(self.sample, "all")
            _in_lanes(partial(self._try_all, together(rest)))
            for one in rest:
                _write_verdict(one, "all", "")
        return True

    def _read_items(self, wave: str) -> None:
        """Read what each test reaches; run the tests of this wave of which no run noted it."""
        state = hashlib.sha256("".join(sorted(self.numbers)).encode()).hexdigest()
        kept = CALLS.read_text("utf-8").splitlines() if CALLS.exists() else []
        if not kept or json.loads(kept[0]) != state:
            kept = [json.dumps(state)]
        known = {json.loads(line)[0] for line in kept[1:]}
        items = [one for one in self.session.items if one.nodeid.startswith(WAVES[wave])]
        if items := [one for one in items if one.nodeid not in known]:
            begun = time.monotonic()
            _in_lanes(partial(self._note_items, items))
            lanes = [Path(f"{CALLS}.{lane}") for lane in range(LANES)]
            kept += [line for lane in lanes for line in lane.read_text("utf-8").splitlines()]
            CALLS.write_text("\n".join(kept) + "\n", "utf-8")
            _say(f"{wave}: what {len(items)} tests reach, {time.monotonic() - begun:.0f} s")
        for line in kept[1:]:
            name, seconds, passed, reached = json.loads(line)
            self.items[name] = Item(seconds, passed, frozenset(reached))
        if lost := [name for name, one in self.items.items() if not one.passed]:
            _say(f"{len(lost)} are not used, since they do not pass without any mutant")

    def _note_items(self, some: Sequence[pytest.Item], lane: int) -> None:
        """Run the tests of every other file."""
        _hide_output()
        setattr(builtins, _NOTE, self.noted.add)
        for file in targets():
            put(with_notes(file, self.numbers), self.functions[file])
        items = self._of_lane(lane, some)
        with Path(f"{CALLS}.{lane}").open("w", encoding="utf-8") as opened:
            for item, following in zip(items, [*items, None][1:], strict=True):
                self.noted.clear()
                for kept in self.caches:
                    kept.cache_clear()
                self.failed = False
                begun = time.monotonic()
                item.ihook.pytest_runtest_protocol(item=item, nextitem=following)
                seconds = time.monotonic() - begun
                reached = set(self.noted)
                for definitions in item._fixtureinfo.name2fixturedefs.values():  # type: ignore[attr-defined]
                    for one in definitions:
                        reached |= self.by_fixture.get(id(one), set())
                told = [item.nodeid, round(seconds, 3), not self.failed, sorted(reached)]
                opened.write(f"{json.dumps(told)}\n")
                opened.flush()

    def fails_on(self, changes: Sequence[Mutant], items: Sequence[pytest.Item]) -> int | None:
        """Return the first of these tests that fails or hangs with these changes."""
        limits = [LONGEST_S + LONGEST_TIMES * self._seconds(one) for one in items]
        folder = tempfile.mkdtemp(prefix="mutant-")
        reading, writing = os.pipe()
        child = os.fork()
        if not child:
            os.close(reading)
            with os.fdopen(writing, "w") as told:
                try:
                    self._run_in_child(changes, items, limits, folder, told)
                finally:
                    told.flush()
                    os._exit(0)
        os.close(writing)
        heard = -1
        with os.fdopen(reading, "rb") as told:
            for limit in limits:
                if not select.select([told], [], [], limit + 2 * LONGEST_S)[0]:
                    break
                if not (line := told.readline()) or line.startswith(b"f"):
                    break
                heard += 1
        _end_group(child)
        shutil.rmtree(folder, ignore_errors=True)
        return heard + 1 if heard + 1 < len(items) else None

    def _run_in_child(
        self,
        changes: Sequence[Mutant],
        items: Sequence[pytest.Item],
        limits: Sequence[float],
        folder: str,
        told: Any,
    ) -> None:
        os.setsid()
        _hide_output()
        tempfile.tempdir = folder
        self.session.config._tmp_path_factory._basetemp = Path(folder)  # type: ignore[attr-defined]
        by_file = defaultdict[str, list[Mutant]](list)
        for one in changes:
            by_file[one.file].append(one)
        for file, some in by_file.items():
            text = (REPOSITORY / file).read_text("utf-8")
            put(changed_text(text, some), self.functions[file])
        for kept in self.caches:
            kept.cache_clear()
        signal.signal(signal.SIGALRM, lambda *_: os._exit(0))
        following = [*items, None][1:]
        for item, after, limit in zip(items, following, limits, strict=True):
            signal.alarm(int(limit) + 1)
            reports = runtestprotocol(item, log=False, nextitem=after)
            failed = not all(report.passed for report in reports)
            if failed and after:
                # What shared fixtures made on a server is removed, as after the last test.
                with suppress(Exception):
                    self.session._setupstate.teardown_exact(None)
            told.write("f\n" if failed else "p\n")
            told.flush()
            if failed:
                return

    def _try_rights(self, files: Sequence[str], changes: Sequence[Mutant], lane: int) -> None:
        """Try each mutant on every other file, with the file as its stage.

        Raises `ValueError` if a file fails without any mutant.
        """
        for file in files[lane::LANES]:
            items = [item for item in self.session.items if _file(item) == file]
            failing = self.fails_on([], items)
            if failing is not None:
                raise ValueError(f"{items[failing].nodeid} fails without any mutant")
            for mutant in changes if items else ():
                failing = self.fails_on([mutant], items)
                killer = "" if failing is None else items[failing].nodeid
                _write_verdict(mutant, file, killer)
                _say(f"{mutant} {killer or f'passes {file}'}")

    def noticed(self, changes: Sequence[Mutant], item: pytest.Item) -> list[Mutant]:
        """Return the changes on each of which this test alone fails."""
        if item.nodeid not in self.honest:
            self.honest[item.nodeid] = self.fails_on([], [item]) is None
        if not self.honest[item.nodeid]:
            return []
        return halved(changes, lambda some: self.fails_on(some, [item]) is not None)

    def _seconds(self, item: pytest.Item) -> float:
        known = self.items.get(item.nodeid)
        return known.seconds if known else UNKNOWN_S

    def _of_lane(self, lane: int, items: Iterable[pytest.Item]) -> list[pytest.Item]:
        """Return the tests of every other file."""
        items = list(items)
        files = list(dict.fromkeys(map(_file, items)))
        mine = set(files[lane::LANES])
        return [item for item in items if _file(item) in mine]

    def _try_wave(self, wave: str, some: Sequence[Mutant], lane: int) -> None:
        """Try every other mutant on the quickest tests of a wave that reach it."""
        by_name = {
            item.nodeid: item for item in self.session.items if item.nodeid.startswith(WAVES[wave])
        }
        for mutant in some[lane::LANES]:
            begun = time.monotonic()
            items = [by_name[name] for name in self._nearest(mutant, by_name, WAVE_S[wave])]
            killer = ""
            while items and not killer:
                failing = self.fails_on([mutant], items)
                if failing is None:
                    break
                if self.noticed([mutant], items[failing]):
                    killer = items[failing].nodeid
                    self.killers[killer] += 1
                items = items[failing + 1 :]
            _write_verdict(mutant, wave, killer)
            _say(f"{time.monotonic() - begun:.0f} s {mutant} {killer or 'is left'}")

    def _nearest(self, mutant: Mutant, names: Iterable[str], most_s: float) -> list[str]:
        """Return the tests that reach a mutant: what noticed another first, then the quickest."""
        place = self.numbers[f"{mutant.file}:{mutant.statement[0]}:{mutant.statement[1]}"]
        known = ((name, self.items[name]) for name in names if name in self.items)
        reaching = [name for name, one in known if one.passed and place in one.reached]
        reaching.sort(key=lambda name: self.items[name].seconds)
        of_function = Counter[str]()
        rank = {}
        for name in reaching:
            function = name.partition("[")[0]
            of_function[function] += 1
            rank[name] = of_function[function] > 2
        reaching.sort(key=lambda n: (-self.killers[n], rank[n], self.items[n].seconds))
        chosen, seconds = list[str](), 0.0
        for name in reaching:
            seconds += self.items[name].seconds + 0.01
            if chosen and seconds > most_s:
                break
            chosen.append(name)
        return chosen

    def _try_all(self, groups: Sequence[Sequence[Mutant]], lane: int) -> None:
        """Try the mutants that are left, together, on every test of every other file."""
        lost = {name for name, one in self.items.items() if not one.passed}
        every = [item for item in self.session.items if item.nodeid not in lost]
        every.sort(key=lambda item: item.nodeid.startswith(WAVES["near"]))
        for changes in groups:
            items = self._of_lane(lane, every)
            while items:
                known = verdicts()
                some = [one for one in changes if not known[one.key].killer]
                failing = self.fails_on(some, items) if some else None
                if failing is None:
                    break
                test = items[failing]
                found = self.noticed(some, test)
                for one in found:
                    _write_verdict(one, "all", test.nodeid)
                _say(f"{test.nodeid} notices {len(found)}: {'; '.join(map(str, found))}")
                items = items[failing + 1 :]


def halved(changes: Sequence[Mutant], fails: Callable[[Sequence[Mutant]], bool]) -> list[Mutant]:
    """Return the changes that fail alone, from trials of ever smaller halves."""
    if not changes or not fails(changes):
        return []
    if len(changes) == 1:
        return list(changes)
    middle = len(changes) // 2
    return halved(changes[:middle], fails) + halved(changes[middle:], fails)


def together(changes: Sequence[Mutant]) -> list[list[Mutant]]:
    """Divide mutants into groups in which no two change the same text."""
    groups: list[list[Mutant]] = []
    for one in changes:
        for group in groups:
            if not any(
                one.file == other.file and one.begin < other.end and other.begin < one.end
                for other in group
            ):
                group.append(one)
                break
        else:
            groups.append([one])
    return groups


@dataclass(frozen=True, slots=True)
class Verdict:
    """The last stage that tried a mutant, and the test that noticed it, if one did."""

    stages: frozenset[str]
    killer: str
    noticed_in: str


@cache
def _verdicts_file() -> Path:
    """Return the file of what is known of the modules as they are; new tests begin another."""
    tests = (path.as_posix() for path in sorted(Path("tests").rglob("*.py")))
    texts = [*targets(), *_rights_files(), *tests, *NO_LEAK]
    state = hashlib.sha256(b"\0".join((REPOSITORY / one).read_bytes() for one in texts))
    return RESULTS.absolute() / f"mutate-verdicts-{state.hexdigest()[:12]}.jsonl"


def verdicts() -> dict[str, Verdict]:
    """Return what is known of each mutant."""
    stages = defaultdict[str, set[str]](set)
    killer: dict[str, tuple[str, str]] = {}
    for key, stage, test in _verdict_lines():
        stages[key].add(stage)
        if test:
            killer.setdefault(key, (test, stage))
    return {
        key: Verdict(frozenset(some), *killer.get(key, ("", ""))) for key, some in stages.items()
    }


def _verdict_lines() -> list[tuple[str, str, str]]:
    """Return the keys of mutants, the stages that tried them, and what noticed them or nothing."""
    file = _verdicts_file()
    lines = file.read_text("utf-8").splitlines() if file.exists() else []
    return [(key, stage, test) for key, stage, test in map(json.loads, lines)]


def rights_lines() -> list[str]:
    """Return a line for each file of tests that passes with a mutant of the rights it tests."""
    noticed = {(key, stage): test for key, stage, test in _verdict_lines()}
    return [
        f"{file} passes with {mutant}"
        for rules, files in ((RIGHTS, NO_LEAK), (OPENSEARCH_RIGHTS, OPENSEARCH_NO_LEAK))
        for mutant in rights_mutants(rules)
        for file in files
        if noticed.get((mutant.key, file)) == ""
    ]


def left(sample: Iterable[Mutant], stage: str) -> list[Mutant]:
    """Return the mutants that nothing noticed and that a stage has not tried."""
    known = verdicts()
    nothing = Verdict(frozenset(), "", "")
    some = ((one, known.get(one.key, nothing)) for one in sample)
    return [one for one, told in some if not told.killer and stage not in told.stages]


def _write_verdict(mutant: Mutant, stage: str, killer: str) -> None:
    with _verdicts_file().open("a", encoding="utf-8") as opened:
        opened.write(f"{json.dumps([mutant.key, stage, killer])}\n")


def _in_lanes(work: Callable[[int], None]) -> None:
    """Do a work in two processes, each for its lane."""
    children = []
    for lane in range(LANES):
        child = os.fork()
        if not child:
            status = 1
            try:
                work(lane)
                status = 0
            except BaseException:  # noqa: BLE001 - said here, since this process ends at once
                _say(traceback.format_exc())
            finally:
                os._exit(status)
        children.append(child)
    statuses = [os.waitpid(one, 0)[1] for one in children]
    if any(statuses):
        raise SystemExit("A lane ended with an error.")


def _end_group(child: int) -> None:
    """End a child and what it started."""
    try:
        os.killpg(child, signal.SIGKILL)
    except ProcessLookupError:
        os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)


def _hide_output() -> None:
    nothing = os.open(os.devnull, os.O_RDWR)
    os.dup2(nothing, 1)
    os.dup2(nothing, 2)


def _file(item: pytest.Item) -> str:
    return item.nodeid.partition("::")[0]


def _say(text: str) -> None:
    os.write(_SAID, f"{text}\n".encode())


def copy_tree() -> None:
    """Copy the files that git knows, so that no mutant stands in the working tree."""
    shutil.rmtree(TREE, ignore_errors=True)
    listed = subprocess.run(["git", "ls-files", "-z"], capture_output=True, check=True).stdout
    for name in filter(None, listed.decode().split("\0")):
        if Path(name).exists():
            (TREE / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(name, TREE / name)


def failures(changes: Iterable[Mutant], part: str, arguments: Sequence[str]) -> list[str]:
    """Return the tests that fail on the copy of the tree with these changes."""
    by_file = defaultdict[str, list[Mutant]](list)
    for one in changes:
        by_file[one.file].append(one)
    for file in targets():
        text = (REPOSITORY / file).read_text("utf-8")
        (TREE / file).write_text(changed_text(text, by_file[file]), "utf-8")
    report = RESULTS.absolute() / "mutate-report.xml"
    report.unlink(missing_ok=True)
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--tb=no"]
    command += [f"--junit-xml={report}", "-o", "junit_family=xunit1", *arguments]
    paths = [str(TREE), *(str(one.parent) for one in TREE.glob("packages/*/pyproject.toml"))]
    environment = {**os.environ, PART_VARIABLE: part, "PYTHONPATH": os.pathsep.join(paths)}
    environment.pop(NO_SERVERS, None)
    subprocess.run(command, cwd=TREE, env=environment, check=False, stdout=subprocess.DEVNULL)
    cases = ElementTree.parse(report).iter("testcase")  # noqa: S314 - pytest wrote it
    bad = (one for one in cases if one.find("failure") is not None or one.find("error") is not None)
    return [f"{one.get('file')}::{one.get('name')}" for one in bad]


def _fails(part: str, test: str, changes: Sequence[Mutant]) -> bool:
    return bool(failures(changes, part, [test]))


def try_round(sample: Sequence[Mutant], name: str) -> None:
    """Try the mutants that are left, together, on a round's tests in processes of their own."""
    _, part, arguments = ROUNDS[name]
    for changes in together(left(sample, name)):
        begun = time.monotonic()
        rest = list(changes)
        for test in failures(rest, part, arguments):
            if failures([], part, [test]):
                continue
            for one in halved(rest, partial(_fails, part, test)):
                _write_verdict(one, name, test)
                _say(f"{one} {test}")
                rest.remove(one)
        for one in rest:
            _write_verdict(one, name, "")
        _say(f"{name}: {len(changes)} mutants, {time.monotonic() - begun:.0f} s")


def table(sample: Sequence[Mutant]) -> list[str]:
    """Return the mutants of each module, and how many each run of the tests notices."""
    known = verdicts()
    tried = [one for one in sample if one.key in known]
    lines = [
        "| modules | mutants | noticed by `make test` | by `make soak` too |",
        "|---|--:|--:|--:|",
    ]
    for group in [*MODULES, ""]:
        some = [one for one in tried if group in ("", one.group)]
        noticed = [known[one.key] for one in some if known[one.key].killer]
        soak = [one for one in noticed if ROUNDS.get(one.noticed_in, (TEST,))[0] == SOAK]
        shares = (
            f"{number} ({100 * number / max(len(some), 1):.1f} %)"
            for number in (len(noticed) - len(soak), len(noticed))
        )
        lines.append(f"| {f'`{group}`' if group else 'all'} | {len(some)} | {' | '.join(shares)} |")
    return lines


def drawn(count: int, seed: int) -> list[Mutant]:
    """Return a sample with as many mutants of each of `MODULES`, while it has more."""
    every = [one for file in targets() for one in mutants(file, Path(file).read_text("utf-8"))]
    random.Random(seed).shuffle(every)
    turn, turns = Counter[str](), {}
    for one in every:
        turn[one.group] += 1
        turns[one] = turn[one.group]
    return sorted(every, key=turns.__getitem__)[:count]


def main(arguments: list[str]) -> None:
    """Try a seeded sample of the mutants."""
    parser = argparse.ArgumentParser(prog="make mutate ARGS=…")
    parser.add_argument("--count", type=int, default=400)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--rounds", nargs="*", choices=[*STAGES, ENGINE, *ROUNDS])
    parser.add_argument("--table", action="store_true", help="print what is known and try none")
    options, rest = parser.parse_known_args(arguments)
    RESULTS.mkdir(exist_ok=True)
    sample = drawn(options.count, options.seed)
    chosen = STAGES if options.rounds is None else options.rounds
    if not options.table and set(STAGES) & set(chosen):
        os.environ |= {PART_VARIABLE: Part.TOGETHER, NO_SERVERS: "1"}
        _collect(["-m", "not server", *rest], Trials(sample, sorted({*chosen} - {ENGINE})))
    if ENGINE in chosen and not options.table:
        for name in (PART_VARIABLE, NO_SERVERS):
            os.environ.pop(name, None)
        ensure_opensearch()
        _collect(["-m", ENGINE, *OPENSEARCH_NO_LEAK], Trials(sample, [ENGINE]))
    if rounds := [one for one in ROUNDS if one in chosen and not options.table]:
        copy_tree()
        for name in rounds:
            try_round(sample, name)
    for one in left(sample, ""):
        _say(f"not noticed: {one}")
    sys.stdout.write("\n".join(table(sample)) + "\n")
    if unnoticed := rights_lines():
        raise SystemExit("\n".join(unnoticed))


def _collect(arguments: Sequence[str], trials: Trials) -> None:
    """Collect the tests that these arguments choose, and run the trials in their place."""
    quiet = ["-qq", "-s", "--tb=no", "--assert=plain", "-p", "no:cacheprovider"]
    if pytest.main([*quiet, *arguments], plugins=[trials]):
        raise SystemExit("The mutants were not tried: see above.")


if __name__ == "__main__":
    main(sys.argv[1:])
