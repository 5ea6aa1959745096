"""docs/architecture.md is true: each hop that it lists is run, in that order."""

import re
import sys
import threading
import tomllib
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType

import pytest
from fastapi.testclient import TestClient
from typer.testing import CliRunner

from indexer.cards import card_of
from indexer.embedded.index import EmbeddedIndex
from quisait.cli import app
from search_api.engine import Search
from tests.conventions.test_code_rules import ASSEMBLY, PACKAGES, REPOSITORY
from tests.judging import client as client_of
from tests.made_site import agent_book
from tests.pages.administration import ENCODER, documents

pytestmark = pytest.mark.sources

PAGE = REPOSITORY / "docs" / "architecture.md"
FEW = 20
"""A way through the code is shown by fewer files than this."""
SETTINGS = """
[[sources]]
name = "notes"
kind = "folder"
path = "notes"
allowed = ["everyone"]
"""
_HOP = re.compile(r"^\d+\. `([\w/]+\.py)`, `([\w.]+)`:", re.MULTILINE)

Hop = tuple[str, str]
"""A file, and a function of it."""


def section(title: str) -> str:
    _, _, after = PAGE.read_text("utf-8").partition(f"## {title}\n")
    assert after, title
    return after.partition("\n## ")[0]


def hops(title: str) -> list[Hop]:
    return _HOP.findall(section(title))


@contextmanager
def followed(title: str) -> Iterator[None]:
    """Each hop of the section is called in the block, and after the one before it."""
    listed = hops(title)
    assert 0 < len({file for file, _ in listed}) < FEW
    calls: list[Hop] = []
    with _each_call(frozenset(listed), calls):
        yield
    assert [hop for hop in listed if hop not in calls] == []
    later = iter(calls)
    called = "\n".join(f"`{file}`, `{name}`" for file, name in dict.fromkeys(calls))
    assert [hop for hop in listed if hop not in later] == [], f"not in this order, but\n{called}"


@contextmanager
def _each_call(wanted: Collection[Hop], calls: list[Hop]) -> Iterator[None]:
    """Note every call of these functions, in this thread and in those that begin meanwhile."""
    names = {name for _, name in wanted}

    def note(frame: FrameType, event: str, _: object) -> None:
        code = frame.f_code
        if event != "call" or code.co_qualname not in names:
            return
        file = code.co_filename.removeprefix(f"{REPOSITORY}/")
        if (file, code.co_qualname) in wanted:
            calls.append((file, code.co_qualname))

    before = sys.getprofile()
    threading.setprofile(note)
    sys.setprofile(note)
    try:
        yield
    finally:
        sys.setprofile(before)
        threading.setprofile(None)


def test_a_document_goes_this_way(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """`quisait crawl` of a folder with one file."""
    (tmp_path / "notes").mkdir()
    (tmp_path / "notes/régie.md").write_text("# Régie\n\nLe régisseur tient la caisse.\n", "utf-8")
    (tmp_path / "quisait.toml").write_text(SETTINGS, "utf-8")
    monkeypatch.chdir(tmp_path)
    with followed("One document"):
        done = CliRunner().invoke(app, ["crawl"])
        assert done.exit_code == 0, done.output


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestClient]:
    """The application over the fictional documents, for one agent with a token."""
    folder = tmp_path_factory.mktemp("architecture")
    index = EmbeddedIndex(folder / "index", ENCODER.dimension)
    assert index.write(documents()).failed == ()
    with agent_book(folder) as book:
        yield client_of(Search(index, ENCODER, book), book)


@pytest.mark.parametrize(
    ("title", "address"),
    [("One question", "/?q=cadastre"), ('One "who knows"', "/experts?q=cadastre")],
)
def test_a_question_goes_this_way(title: str, address: str, client: TestClient) -> None:
    """Through the real application, from the middleware to the page."""
    card_of.cache_clear()  # a question before this one may have read the same cards
    with followed(title):
        assert client.get(address).status_code == 200


def test_the_packages_are_those_of_the_project() -> None:
    """Each with a file to begin with."""
    rows = re.findall(r"(?m)^\| `(\w+)` \| .+ \| `([\w/]+\.py)` \|$", section("Packages"))
    assert [package for package, _ in rows] == list(PACKAGES)
    for package, begin in rows:
        assert begin.startswith(f"{package}/")
        assert (REPOSITORY / begin).is_file()


def test_the_layers_are_those_that_are_checked() -> None:
    """In the order of import-linter."""
    project = tomllib.loads((REPOSITORY / "pyproject.toml").read_text("utf-8"))
    contracts = project["tool"]["importlinter"]["contracts"]
    (layers,) = [one["layers"] for one in contracts if one["type"] == "layers"]
    (acyclic,) = [one["ancestors"] for one in contracts if one["type"] == "acyclic_siblings"]
    assert acyclic == ["search_api"]
    assert f"`{' → '.join(layers)}`" in section("Packages")


def test_adapters_are_named_where_the_page_says() -> None:
    """`test_code_rules` checks that no other module names an adapter."""
    (listed,) = re.findall(
        r"Adapters are named in\s+(.+?) only\.", PAGE.read_text("utf-8"), re.DOTALL
    )
    files = re.findall(r"`([\w/]+)\.py`", listed)
    assert {file.replace("/", ".") for file in files} == ASSEMBLY


def test_each_port_that_is_named_has_its_contract() -> None:
    """Each port has a suite with faulty adapters, or a module of tests with altered answers."""
    _, _, after = section("What holds everywhere").partition("The ports of ")
    ports = re.split(r",\s+|\s+and\s+", after.partition(" have a contract suite")[0])
    singular = [re.sub(r"ies$", "y", port).removesuffix("s") for port in ports]
    folders = ("tests/contract", "packages/connector-kit/quisait_connector_kit")
    suites = {p.name for folder in folders for p in (REPOSITORY / folder).glob("*_contract.py")}
    named = {f"{port.replace('indexe', 'index')}_contract.py" for port in singular}
    assert named <= suites
    assert {suite for suite in suites if not suite.startswith("test_")} == named


def test_words_are_defined_where_the_page_says() -> None:
    """Each class in the file that follows it."""
    said = re.findall(r"((?:`\w+`(?:, )?)+) in\s+`([\w/]+\.py)`", section("Words"))
    assert len(said) == section("Words").count(".py`")
    for names, file in said:
        defined = set(re.findall(r"(?m)^class (\w+)", (REPOSITORY / file).read_text("utf-8")))
        assert set(re.findall(r"\w+", names)) <= defined
