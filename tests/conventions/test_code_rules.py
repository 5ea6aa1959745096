"""The project's own rules, held by reading its files."""

import ast
import os
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from quisait.cli import all_commands

pytestmark = pytest.mark.sources

REPOSITORY = Path(__file__).resolve().parents[2]
CORE = ("connectors", "indexer", "expertise", "search_api", "quisait")
PACKAGES = (*CORE, "evaluation")
ASSEMBLY = {
    "quisait.application.assembly",
    "quisait.application.database",
    "quisait.application.sources",
    "quisait.application.engines",
    "quisait.application.model_bars",
}
"""The one package that names adapters, module by module."""

ADAPTERS = {
    "indexer.opensearch": r"indexer\.opensearch(\..*)?",
    "indexer.embedded": r"indexer\.embedded(\..*)?",
    "indexer.encoding": r"indexer\.encoding(\..*)?",
    "indexer.extraction": r"indexer\.extraction(\..*)?",
    # The options of a kind of source belong to the settings.
    "connectors.folder": r"connectors\.folder(?!\.options\b)(\..*)?",
    "connectors.directory": r"connectors\.directory",
}
"""Each adapter, and the modules that it is made of."""

PUBLIC_HOSTS = {"pypi.org", "files.pythonhosted.org"}


@cache
def repository_files() -> tuple[Path, ...]:
    """Every file that is committed or about to be."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=REPOSITORY,
        capture_output=True,
        check=True,
    ).stdout.decode()
    paths = (REPOSITORY / name for name in listed.split("\0") if name)
    return tuple(path for path in paths if path.is_file())


def python_files(*folders: str) -> list[Path]:
    return [
        path
        for path in repository_files()
        if path.suffix == ".py" and path.relative_to(REPOSITORY).parts[0] in folders
    ]


def module_of(path: Path) -> str:
    parts = path.relative_to(REPOSITORY).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def imports_of(path: Path) -> Iterator[str]:
    """Every module that a file names, wherever in it; a name from a package counts as one."""
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def adapter_of(module: str) -> str | None:
    found = (name for name, made_of in ADAPTERS.items() if re.fullmatch(made_of, module))
    return next(found, None)


def test_the_rules_look_at_something() -> None:
    """The files are found, and the patterns know an adapter from its neighbour."""
    assert {module_of(path) for path in python_files(*PACKAGES)} > {*ASSEMBLY, "indexer.access"}
    assert set(imports_of(REPOSITORY / "quisait/application/engines.py")) > {
        "indexer.embedded.index"
    }
    assert adapter_of("indexer.opensearch.client") == "indexer.opensearch"
    assert adapter_of("connectors.folder.walk") == "connectors.folder"
    assert adapter_of("connectors.readers") is None
    assert adapter_of("indexer.french.analysis") is None


def test_only_the_assembly_names_adapters() -> None:
    """A package knows its ports; an adapter knows itself, and never another one."""
    named = [
        f"{module_of(path)} imports {imported}"
        for path in python_files(*PACKAGES)
        for imported in imports_of(path)
        if adapter_of(imported) not in (None, adapter_of(module_of(path)))
        and module_of(path) not in ASSEMBLY
    ]
    assert named == []


def test_the_core_imports_no_package() -> None:
    """Entry points alone lead to packages (`quisait.features`, `connectors.installed`)."""
    imported = {
        f"{module_of(path)} imports {module}"
        for path in python_files(*CORE)
        for module in imports_of(path)
        if module.startswith("quisait_")
    }
    assert imported == set()
    packages = python_files("packages")
    assert any(module.startswith("quisait_") for path in packages for module in imports_of(path))


def test_an_access_filter_is_made_in_one_place() -> None:
    """By `access_filter`, from a reader: there is no other way to be let in."""
    made = [
        (module_of(path), node.lineno)
        for path in python_files(*PACKAGES)
        for node in ast.walk(ast.parse(path.read_text("utf-8")))
        if isinstance(node, ast.Call)
        and (
            (isinstance(node.func, ast.Name) and node.func.id == "AccessFilter")
            or (isinstance(node.func, ast.Attribute) and node.func.attr == "AccessFilter")
        )
    ]
    assert [module for module, _ in made] == ["indexer.access"]


def registry_hosts() -> set[str]:
    """The hosts of the registries that this machine is told to use."""
    told = [
        value for name, value in os.environ.items() if re.match(r"(PIP|UV)_.*(URL|INDEX)", name)
    ]
    told.append(
        subprocess.run(
            [sys.executable, "-m", "pip", "config", "list"],
            capture_output=True,
            text=True,
            check=True,
        ).stdout
    )
    addresses = re.findall(r"https?://[^\s'\"]+", " ".join(told))
    return {host for address in addresses if (host := urlsplit(address).hostname)} - PUBLIC_HOSTS


def test_no_file_knows_this_machine() -> None:
    """Neither where the work is done nor where its packages come from."""
    secrets = [place.encode() for place in (str(REPOSITORY), *registry_hosts())]
    telling = [
        path.relative_to(REPOSITORY)
        for path in repository_files()
        if any(secret in path.read_bytes() for secret in secrets)
    ]
    assert telling == []


def test_requirements_name_no_index() -> None:
    """Pins only: where packages come from is each machine's own affair."""
    wrong = [
        f"{path.name}: {line}"
        for path in sorted(REPOSITORY.glob("requirements*.txt"))
        for line in path.read_text().splitlines()
        if line.strip()
        and not line.lstrip().startswith("#")
        and not re.match(r"[A-Za-z0-9._-]+(\[.+\])?==", line)
    ]
    assert wrong == []


def test_make_test_installs_neither_torch_nor_spark() -> None:
    """They weigh several GB; only `make soak` needs them."""
    pins = (REPOSITORY / "requirements-test.txt").read_text()
    assert re.findall(r"(?m)^(torch|nvidia-\w+|pyspark|sentence-transformers)\b", pins) == []


def test_every_package_says_that_it_is_typed() -> None:
    """Each package, and none is left out of the distribution."""
    project = tomllib.loads((REPOSITORY / "pyproject.toml").read_text())
    included = project["tool"]["setuptools"]["packages"]["find"]["include"]
    assert sorted(included) == sorted(f"{package}*" for package in PACKAGES)
    assert [
        package for package in PACKAGES if not (REPOSITORY / package / "py.typed").is_file()
    ] == []


def test_the_readmes_commands_exist() -> None:
    """Each `make` target stands in the Makefile, each command on the command line."""
    readme = (REPOSITORY / "README.md").read_text("utf-8")
    targets = set(re.findall(r"(?m)^([a-z-]+):", (REPOSITORY / "Makefile").read_text()))
    asked = set(re.findall(r"(?m)(?:^|`)make ([a-z-]+)", readme))
    assert {"demo", "test"} <= asked <= targets
    named = set(re.findall(r"(?m)(?:^|`)quisait ([a-z]+)", readme))
    commands = all_commands().keys()
    assert {"init", "crawl"} <= named <= commands
    pages = "".join(page.read_text("utf-8") for page in (REPOSITORY / "docs/sources").glob("*.md"))
    assert {"check"} <= set(re.findall(r"`quisait ([a-z]+)", pages)) <= commands


def test_no_random_test_asks_the_filter_that_it_tests() -> None:
    """`AccessFilter` agrees with its own faults: `tests/oracle.py` says what may be read."""
    tests = REPOSITORY / "tests"
    for path in sorted((*tests.glob("property/*.py"), *tests.glob("faults/*.py"))):
        tree = ast.parse(path.read_text("utf-8"))
        called = {node.attr for node in ast.walk(tree) if isinstance(node, ast.Attribute)}
        assert not called & {"admits", "reaches"}, path.name
