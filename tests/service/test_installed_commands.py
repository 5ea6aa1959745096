"""Commands are imported when they are used; `quisait evaluate`, where its package is installed."""

import subprocess
import sys
from pathlib import Path

import pytest

from evaluation.measures import IR_MEASURES_MISSING
from quisait.cli import all_commands, load_all
from tests.service.place import Place

pytestmark = pytest.mark.sources

RUN = (
    "import sys; {before}; sys.argv = ['quisait', *{arguments}]; from quisait.cli import app; app()"
)


def quisait(*arguments: str, before: str = "pass") -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", RUN.format(before=before, arguments=list(arguments))],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def loaded_by(*arguments: str, unwanted: set[str]) -> set[str]:
    """Those of these modules that the command has imported when it ends."""
    after = f"import atexit; atexit.register(lambda: print(*{unwanted} & set(sys.modules)))"
    shown = quisait(*arguments, before=after)
    assert shown.returncode == 0, shown.stderr
    assert shown.stdout
    return set(shown.stdout.splitlines()[-1].split())


def test_the_help_lists_all_commands_and_imports_none() -> None:
    heavy = {"sqlalchemy", "numpy", "onnxruntime", "fastapi", "pydantic", "quisait.settings"}
    assert loaded_by("--help", unwanted=heavy) == set()
    shown = quisait("--help").stdout
    assert [name for name in all_commands() if f" {name.split()[0]} " not in shown] == []


@pytest.mark.parametrize(
    "command",
    [["init", "--print"], ["schema", "export"], ["check", "--help"], ["connector", "list"]],
)
def test_commands_that_read_no_index_load_no_engine(command: list[str]) -> None:
    """What they print takes half a second; these modules take two more."""
    heavy = {"sqlalchemy", "numpy", "onnxruntime", "fastapi", "expertise.directory"}
    assert loaded_by(*command, unwanted=heavy) == set()


def test_each_command_has_the_line_of_help_that_is_listed() -> None:
    commands = load_all()
    listed = {name: line for name, (_, line) in all_commands().items() if " " not in name}
    assert commands.keys() == listed.keys()
    told = {name: command.help.partition("\n\n")[0] for name, command in commands.items()}
    assert told == listed


def test_evaluate_is_found_where_its_package_is_installed(tmp_path: Path) -> None:
    shown = Place(tmp_path, {}).run("evaluate", "--help")
    assert all(name in shown.stdout for name in ("search", "experts", "nobody"))


def test_without_its_package_the_other_commands_work() -> None:
    """As in the container, which does not have it."""
    refused = (
        "sys.modules['evaluation'] = None; from typer.testing import CliRunner; "
        "from quisait.cli import app; print(CliRunner().invoke(app, ['evaluate']).exit_code)"
    )
    shown = quisait("--help", before=refused)
    assert shown.returncode == 0, shown.stderr
    assert shown.stdout.startswith("2\n")
    assert "crawl" in shown.stdout
    assert "evaluate" not in shown.stdout


def test_other_commands_load_neither_it_nor_the_web_framework() -> None:
    """The product imports nothing of it; what only pages need costs a command a second."""
    unwanted = {"evaluation", "fastapi", "authlib", "requests", "opensearchpy"}
    unwanted |= {"onnxruntime", "tokenizers", "sqlalchemy.dialects.postgresql"}
    assert loaded_by("sources", "--help", unwanted=unwanted) == set()


def test_without_the_measures_a_sentence_says_what_to_install(tmp_path: Path) -> None:
    """Before anything is indexed."""
    failed = quisait(
        "evaluate", "search", str(tmp_path), before="sys.modules['ir_measures'] = None"
    )
    assert failed.returncode == 1
    assert failed.stderr.strip() == IR_MEASURES_MISSING
