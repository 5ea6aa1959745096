"""The small faults of `make mutate` are faults, each in one place."""

import ast
from pathlib import Path

import pytest

from tests import mutate

pytestmark = pytest.mark.sources

TEXT = """
def first(rows, least=3):
    if not rows or len(rows) < least:
        return None
    return min(rows) + 1
"""


def test_each_mutant_changes_one_thing() -> None:
    found = {(one.function, one.before, one.after) for one in mutate.mutants("a.py", TEXT)}
    assert found == {
        ("first", "not rows or len(rows) < least", "(not rows and len(rows) < least)"),
        ("first", "not rows", "(rows)"),
        ("first", "len(rows) < least", "(len(rows) <= least)"),
        ("first", "min(rows) + 1", "(min(rows) - 1)"),
        ("first", "min", "(max)"),
        ("first", "1", "(2)"),
    }


def test_every_module_has_mutants_that_can_be_read() -> None:
    """A module that was renamed would be measured by none."""
    assert all(list(mutate.REPOSITORY.glob(one)) for one in mutate.MODULES)
    for file in mutate.targets():
        text = Path(mutate.REPOSITORY / file).read_text("utf-8")
        for one in mutate.mutants(file, text):
            assert ast.dump(ast.parse(one.source)) != ast.dump(ast.parse(text)), one
