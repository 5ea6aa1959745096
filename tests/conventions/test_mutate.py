"""Each mutant of `make mutate` is one small fault, which a failing test notices."""

import ast
import itertools
import types
from pathlib import Path

import pytest

from tests import mutate

pytestmark = pytest.mark.sources

TEXT = """
class Rows:
    def first(self, rows, least=3):
        if not rows or len(
            rows
        ) < least:
            return None
        self.told(rows)
        return min(rows) + 1

    def told(self, rows):
        seen: int | None = None
        return (f"{len(rows) + 1}" for one in rows if one)
"""


def test_each_mutant_changes_one_thing() -> None:
    found = {
        (one.function, " ".join(one.before.split()), one.after)
        for one in mutate.mutants("a.py", TEXT)
    }
    assert found == {
        ("Rows.first", "not rows or len( rows ) < least", "(not rows and len(rows) < least)"),
        ("Rows.first", "not rows", "(rows)"),
        ("Rows.first", "len( rows ) < least", "(len(rows) <= least)"),
        ("Rows.first", "self.told(rows)", "(None)"),
        ("Rows.first", "min(rows) + 1", "(min(rows) - 1)"),
        ("Rows.first", "min", "(max)"),
        ("Rows.first", "1", "(2)"),
        ("Rows.told", "one", "(not one)"),
    }


def test_every_module_has_mutants_that_can_be_read() -> None:
    """Else a module that was renamed would be measured no longer. Tries one mutant in ten."""
    assert all(list(mutate.REPOSITORY.glob(one)) for one in mutate.MODULES)
    for file in mutate.targets():
        text = Path(mutate.REPOSITORY / file).read_text("utf-8")
        honest = ast.dump(ast.parse(text))
        for one in itertools.islice(mutate.mutants(file, text), 0, None, 10):
            changed = mutate.changed_text(text, [one])
            assert ast.dump(ast.parse(changed)) != honest, one
            assert changed.count("\n") == text.count("\n"), one


def test_every_left_out_right_and_every_test_of_leaks_is_still_there() -> None:
    """Else `make mutate` would try it no longer."""
    for rules in (mutate.RIGHTS, mutate.OPENSEARCH_RIGHTS):
        for mutant in mutate.rights_mutants(rules):
            text = (mutate.REPOSITORY / mutant.file).read_text("utf-8")
            ast.parse(mutate.changed_text(text, [mutant]))
    for file in mutate.NO_LEAK:
        assert "may_read" in (mutate.REPOSITORY / file).read_text("utf-8"), file


def test_no_random_test_asks_the_filter_that_it_tests() -> None:
    """`AccessFilter` agrees with its own faults: `tests/oracle.py` says what may be read."""
    tests = mutate.REPOSITORY / "tests"
    for path in sorted((*tests.glob("property/*.py"), *tests.glob("faults/*.py"))):
        tree = ast.parse(path.read_text("utf-8"))
        called = {node.attr for node in ast.walk(tree) if isinstance(node, ast.Attribute)}
        assert not called & {"admits", "reaches"}, path.name


def test_functions_that_exist_get_the_changed_code_of_their_lines() -> None:
    """The methods of a class that was made before, and no other."""
    made: dict[str, types.FunctionType] = {}
    exec(compile(TEXT, "a.py", "exec"), made)  # noqa: S102 - the text above
    rows = made["Rows"]()
    honest = rows.told.__func__.__code__
    assert rows.first([3, 1, 2]) == 2
    (one,) = (one for one in mutate.mutants("a.py", TEXT) if one.after == "(max)")
    mutate.put(mutate.changed_text(TEXT, [one]), [type(rows).first])
    assert rows.first([3, 1, 2]) == 4
    assert rows.told.__func__.__code__ is honest


def test_a_text_may_have_several_changes_that_do_not_overlap() -> None:
    made = list(mutate.mutants("a.py", TEXT))
    groups = mutate.together(made)
    assert sorted(one.key for group in groups for one in group) == sorted(one.key for one in made)
    for group in groups:
        ast.parse(mutate.changed_text(TEXT, group))
    assert len(groups[0]) > 1


def test_which_changes_a_test_notices_is_found_by_halves() -> None:
    made = list(mutate.mutants("a.py", TEXT))
    guilty = [made[1], made[5]]
    assert mutate.halved(made, lambda some: any(one in guilty for one in some)) == guilty
    assert mutate.halved(made, lambda _: False) == []
