"""Commands of installed packages: `quisait evaluate`, which the product does not import."""

import subprocess
import sys
from pathlib import Path

import pytest

from evaluation.measures import IR_MEASURES_MISSING
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
    unwanted = "{'evaluation', 'fastapi', 'authlib', 'requests', 'opensearchpy'}"
    after = f"import atexit; atexit.register(lambda: print({unwanted} & set(sys.modules)))"
    shown = quisait("sources", "--help", before=after)
    assert shown.stdout.endswith("set()\n"), shown.stdout


def test_without_the_measures_a_sentence_says_what_to_install(tmp_path: Path) -> None:
    """Before anything is indexed."""
    failed = quisait(
        "evaluate", "search", str(tmp_path), before="sys.modules['ir_measures'] = None"
    )
    assert failed.returncode == 1
    assert failed.stderr.strip() == IR_MEASURES_MISSING
