"""Each mutant of `make mutate` is one small fault, which a failing test notices."""

import ast
import itertools
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
    """Else a module that was renamed would be measured no longer. Tries one mutant in ten."""
    assert all(list(mutate.REPOSITORY.glob(one)) for one in mutate.MODULES)
    for file in mutate.targets():
        text = Path(mutate.REPOSITORY / file).read_text("utf-8")
        honest = ast.dump(ast.parse(text))
        for one in itertools.islice(mutate.mutants(file, text), 0, None, 10):
            assert ast.dump(ast.parse(one.source)) != honest, one


def test_a_mutant_is_noticed_by_a_test_that_fails_on_it_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(mutate, "TREE", tmp_path)
    (tmp_path / "fault.py").write_text(TEXT, "utf-8")
    (tmp_path / "test_fault.py").write_text(
        "import fault\n\n\ndef test_first():\n    assert fault.first([1, 2, 3]) == 2\n", "utf-8"
    )
    assert mutate.passes(["test_fault.py"], 1)
    made = {one.before: one for one in mutate.mutants("fault.py", TEXT)}
    assert mutate.is_noticed(made["min(rows) + 1"], ["test_fault.py"], 1)
    assert not mutate.is_noticed(made["not rows or len(rows) < least"], ["test_fault.py"], 1)
    assert (tmp_path / "fault.py").read_text("utf-8") == TEXT
