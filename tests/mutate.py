"""Measure how many small faults the tests notice: `make mutate ARGS='--count 400 --seed 1'`.

A mutant is one changed operator, constant, condition or result in a module whose errors would cost
most. The first run notes which test files call which function of these modules, which takes about
twice the time of `make test`; a mutant is then tried by the files that call its function, the
quickest first, in a copy of the tree. A file that fails there without any mutant tries none. Prints
the mutants that no test noticed, and the share of the others.
"""

import argparse
import ast
import json
import os
import random
import shutil
import subprocess
import sys
import time
from collections import defaultdict
from collections.abc import Generator, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.needs import PART_VARIABLE, Part
from tests.run_all import NO_TEST, RESULTS

REPOSITORY = Path(__file__).resolve().parents[1]
MODULES = (
    "indexer/access.py",
    "search_api/ranking/*.py",
    "expertise/votes.py",
    "indexer/crawl/pipeline.py",
    "search_api/identity/readers.py",
    "quisait/privacy/replay.py",
)
CALLS = RESULTS.absolute() / "mutate-calls.json"
TREE = RESULTS.absolute() / "mutate-tree"
CALLS_VARIABLE = "TESTS_MUTATE_CALLS"
LONGEST_TIMES, LONGEST_S = 4, 60
"""A mutant counts as noticed if its tests take so many times as long and so many seconds more."""

_SWAPS: dict[type[ast.AST], type[ast.AST]] = {
    ast.Lt: ast.LtE, ast.LtE: ast.Lt, ast.Gt: ast.GtE, ast.GtE: ast.Gt,
    ast.Eq: ast.NotEq, ast.NotEq: ast.Eq, ast.In: ast.NotIn, ast.NotIn: ast.In,
    ast.Is: ast.IsNot, ast.IsNot: ast.Is, ast.And: ast.Or, ast.Or: ast.And,
    ast.Add: ast.Sub, ast.Sub: ast.Add, ast.Mult: ast.Div, ast.Div: ast.Mult,
    ast.BitOr: ast.BitAnd, ast.BitAnd: ast.BitOr,
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Mutant:
    """One change: the file, the function around it, and the piece of the text that it replaces."""

    file: str
    function: str
    line: int
    before: str
    after: str
    source: str

    def __str__(self) -> str:
        return f"{self.file}:{self.line} {self.function}: {self.before!r} -> {self.after!r}"


def mutants(file: str, text: str) -> Iterator[Mutant]:
    """Yield every mutant of a module's functions."""
    lines = text.encode().splitlines(keepends=True)
    starts = [sum(map(len, lines[:n])) for n in range(len(lines))]
    for function in ast.walk(ast.parse(text)):
        if not isinstance(function, ast.FunctionDef):
            continue
        for node in (one for part in function.body for one in ast.walk(part)):
            changed = _changed(node)
            if changed is None or not isinstance(node, ast.expr):
                continue
            begin = starts[node.lineno - 1] + node.col_offset
            end = starts[(node.end_lineno or 0) - 1] + (node.end_col_offset or 0)
            raw, after = text.encode(), f"({changed})"
            source = (raw[:begin] + after.encode() + raw[end:]).decode()
            before = raw[begin:end].decode()
            yield Mutant(file, function.name, node.lineno, before, after, source)


def _changed(node: ast.AST) -> str | None:
    """Return the changed source of an expression, or None if it is left as it is."""
    if isinstance(node, ast.Constant):
        if isinstance(node.value, bool):
            return repr(not node.value)
        return repr(node.value + 1) if isinstance(node.value, int | float) else None
    if isinstance(node, ast.IfExp):
        return ast.unparse(ast.IfExp(node.test, node.orelse, node.body))
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not):
        return ast.unparse(node.operand)
    if isinstance(node, ast.Name) and node.id in ("min", "max", "any", "all"):
        return {"min": "max", "max": "min", "any": "all", "all": "any"}[node.id]
    if isinstance(node, ast.Compare) and type(node.ops[0]) in _SWAPS:
        ops = [_SWAPS[type(node.ops[0])](), *node.ops[1:]]
        return ast.unparse(ast.Compare(node.left, ops, node.comparators))  # type: ignore[arg-type]
    if isinstance(node, ast.BoolOp | ast.BinOp) and type(node.op) in _SWAPS:
        copy = ast.parse(ast.unparse(node), mode="eval").body
        copy.op = _SWAPS[type(node.op)]()  # type: ignore[attr-defined]
        return ast.unparse(copy)
    return None


def targets() -> list[str]:
    """Return the files of `MODULES`."""
    return sorted(
        path.relative_to(REPOSITORY).as_posix() for one in MODULES for path in REPOSITORY.glob(one)
    )


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item: pytest.Item) -> Generator[None, object, object]:
    """As a plugin: note the functions of `MODULES` that a test calls, and how long it took."""
    wanted = {str(REPOSITORY / file): file for file in targets()}
    called: set[str] = set()

    def note(frame: object, event: str, _: object) -> None:
        code = frame.f_code  # type: ignore[attr-defined]
        if event == "call" and (file := wanted.get(code.co_filename)):
            called.add(f"{file}:{code.co_name}")

    begun = time.monotonic()
    sys.setprofile(note)
    try:
        return (yield)
    finally:
        sys.setprofile(None)
        told = [item.nodeid.partition("::")[0], sorted(called), time.monotonic() - begun]
        with Path(os.environ[CALLS_VARIABLE]).open("a", encoding="utf-8") as opened:
            opened.write(f"{json.dumps(told)}\n")


def calls() -> tuple[dict[str, set[str]], dict[str, float]]:
    """Return the test files that call each function, and the seconds that each of them takes.

    Runs the tests first if no earlier run noted this.
    """
    if not CALLS.exists():
        environment = {**os.environ, PART_VARIABLE: Part.TOGETHER, CALLS_VARIABLE: f"{CALLS}.new"}
        command = [sys.executable, "-m", "pytest", "-q", "-p", "tests.mutate"]
        if subprocess.run(command, env=environment, check=False).returncode:
            raise SystemExit("The tests fail without any mutant: mend them first.")
        Path(f"{CALLS}.new").rename(CALLS)
    by_function, seconds = defaultdict[str, set[str]](set), defaultdict[str, float](float)
    for line in CALLS.read_text("utf-8").splitlines():
        file, called, took = json.loads(line)
        seconds[file] += took
        for one in called:
            by_function[one].add(file)
    return by_function, seconds


def is_noticed(mutant: Mutant, files: list[str], usual_s: float) -> bool:
    """Return whether any of the test files fails on the mutant, or hangs."""
    place = TREE / mutant.file
    honest = place.read_text("utf-8")
    place.write_text(mutant.source, "utf-8")
    try:
        return not passes(files, usual_s)
    finally:
        place.write_text(honest, "utf-8")


def passes(files: list[str], usual_s: float) -> bool:
    """Return whether the test files pass in the copy of the tree, in time."""
    command = [sys.executable, "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider", *files]
    paths = [str(TREE), *(str(one.parent) for one in TREE.glob("packages/*/pyproject.toml"))]
    of_this_run = ("PYTEST_", "SLIPCOVER_")  # a pytest within one that is measured
    kept = {name: one for name, one in os.environ.items() if not name.startswith(of_this_run)}
    environment = {**kept, PART_VARIABLE: Part.TOGETHER, "PYTHONPATH": os.pathsep.join(paths)}
    try:
        done = subprocess.run(
            command, cwd=TREE, env=environment, check=False, capture_output=True,
            timeout=LONGEST_TIMES * usual_s + LONGEST_S,
        )  # fmt: skip
    except subprocess.TimeoutExpired:
        return False
    return done.returncode in (0, NO_TEST)


def copy_tree() -> None:
    """Copy the files that git knows, so that no mutant stands in the working tree."""
    shutil.rmtree(TREE, ignore_errors=True)
    listed = subprocess.run(["git", "ls-files", "-z"], capture_output=True, check=True).stdout
    for name in filter(None, listed.decode().split("\0")):
        (TREE / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(name, TREE / name)


def main(arguments: list[str]) -> None:
    """Try a seeded sample of the mutants."""
    parser = argparse.ArgumentParser(prog="make mutate ARGS=…")
    parser.add_argument("--count", type=int, default=400)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args(arguments)
    RESULTS.mkdir(exist_ok=True)
    made = [one for file in targets() for one in mutants(file, Path(file).read_text("utf-8"))]
    sample = random.Random(options.seed).sample(made, min(options.count, len(made)))
    by_function, seconds = calls()
    copy_tree()
    callers = {file for one in sample for file in by_function[f"{one.file}:{one.function}"]}
    sound = {file for file in callers if passes([file], seconds[file])}
    for file in sorted(callers - sound):
        sys.stdout.write(f"fails in the copy without any mutant, and is left out: {file}\n")
    noticed = 0
    for mutant in sample:
        called = by_function[f"{mutant.file}:{mutant.function}"] & sound
        files = sorted(called, key=seconds.__getitem__)
        if files and is_noticed(mutant, files, sum(seconds[file] for file in files)):
            noticed += 1
        else:
            sys.stdout.write(f"not noticed: {mutant}\n")
    share = 100 * noticed / max(len(sample), 1)
    sys.stdout.write(f"{noticed} of {len(sample)} mutants noticed ({share:.1f} %)\n")


if __name__ == "__main__":
    main(sys.argv[1:])
