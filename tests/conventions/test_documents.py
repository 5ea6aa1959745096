"""The developers' pages only name files, tests, settings and commands that exist."""

import ast
import copy
import re
import textwrap
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from connectors.installed import installed_connectors, load_kind
from quisait.cli import load_all
from quisait.settings import Settings

pytestmark = pytest.mark.sources

REPOSITORY = Path(__file__).resolve().parents[2]
DOCS = REPOSITORY / "docs"
DECISIONS = DOCS / "decisions"
PARTS = ["Context", "Decision", "Consequences"]
PAGES = [
    REPOSITORY / "CONTRIBUTING.md",
    REPOSITORY / "SECURITY.md",
    REPOSITORY / "README.md",
    *sorted(DOCS.rglob("*.md")),
]
"""Every path and link in them leads somewhere."""

_PATH = re.compile(
    r"`((?:connectors|indexer|expertise|search_api|quisait|evaluation|tests|benchmarks|docs|demo)"
    r"/[\w./-]+)`"
)
_LINK = re.compile(r"\]\((?!https?:)([^)#]+)(?:#[^)]*)?\)")
_MODULE = re.compile(r"`python -m ((?:benchmarks|tests)[\w.]*)")
_COMMAND = re.compile(r"(?:[`«(]\s?)quisait ([^`»#<|;&\n]+)")
_LINE = re.compile(r"^(?:docker compose exec \S+ )?quisait ([^#<|;&\n]+)", re.MULTILINE)
"""Commands in a sentence, and those of blocks of code."""
_ROW = re.compile(r"^\| (\d+) \| \[(.+)\]\((.+)\) \| (.+) \|$", re.MULTILINE)


def decisions() -> list[Path]:
    return sorted(DECISIONS.glob("[0-9]*.md"))


def text(page: Path) -> str:
    return page.read_text("utf-8")


def name_of(page: Path) -> str:
    return page.relative_to(REPOSITORY).as_posix()


def test_what_a_page_names_is_there() -> None:
    """Files in code style, links, and modules that `python -m` runs."""
    missing = []
    for page in PAGES:
        named = [REPOSITORY / path for path in _PATH.findall(text(page)) if "<" not in path]
        linked = [page.parent / path for path in _LINK.findall(text(page))]
        modules = [REPOSITORY / one.replace(".", "/") for one in _MODULE.findall(text(page))]
        lost = [path for path in (*named, *linked) if not path.exists()]
        lost += [
            path for path in modules if not (path.is_dir() or path.with_suffix(".py").exists())
        ]
        missing += [f"{name_of(page)}: {path}" for path in lost]
    assert missing == []


def anchors(page: Path) -> set[str]:
    """Return the anchors of a page's headings, as GitHub makes them."""
    prose = "\n".join(text(page).split("```")[::2])
    titles = re.findall(r"(?m)^#+ (.*)$", prose)
    return {re.sub(r"[^\w\- ]", "", one.lower()).replace(" ", "-") for one in titles}


def test_links_into_a_page_lead_to_a_heading() -> None:
    """Also those to another part of the same page."""
    lost = [
        f"{name_of(page)}: {path}#{anchor}"
        for page in PAGES
        for path, anchor in re.findall(r"\]\((?!https?:)([^)#]*)#([^)]+)\)", text(page))
        if anchor not in anchors((page.parent / path) if path else page)
    ]
    assert lost == []


def test_a_decision_has_one_number_and_one_form() -> None:
    """Its file's number is its title's; context, decision and consequences follow."""
    numbers = [page.name[:4] for page in decisions()]
    assert len(numbers) == len(set(numbers))
    other = [
        name_of(page)
        for page in decisions()
        if not text(page).startswith(f"# {int(page.name[:4])}. ")
        or re.findall(r"(?m)^\*\*(\w+)\b", text(page)) != PARTS
    ]
    assert other == []


def test_the_index_names_every_decision() -> None:
    """Number, title and file, and tests that are there."""
    rows = _ROW.findall(text(DECISIONS / "README.md"))
    assert [file for _, _, file, _ in rows] == [page.name for page in decisions()]
    for number, title, file, held_by in rows:
        assert text(DECISIONS / file).startswith(f"# {number}. {title}\n")
        assert re.search(r"`(tests|packages)/[\w/-]+\.py`", held_by), (
            f"no test holds decision {number}"
        )


def cited() -> Iterator[tuple[str, int]]:
    """(file, number) wherever the code or a page speaks of a decision."""
    folders = ("connectors", "indexer", "expertise", "search_api", "quisait", "evaluation")
    sources = [path for folder in folders for path in (REPOSITORY / folder).rglob("*.py")]
    for path in (*sources, *DOCS.rglob("*.md")):
        for number in re.findall(r"\bdecisions? (\d+)", text(path), re.IGNORECASE):
            yield name_of(path), int(number)


def test_decisions_that_are_cited_exist() -> None:
    """A docstring that gives a reason by its number leads to it."""
    known = {int(page.name[:4]) for page in decisions()}
    assert [one for one in cited() if one[1] not in known] == []


def test_no_test_is_skipped() -> None:
    """What cannot run everywhere is defined where it can; nothing is expected to fail."""
    forbidden = {"skip", "skipif", "xfail", "importorskip"}
    skipping = [
        f"{name_of(path)}:{node.lineno}"
        for path in (REPOSITORY / "tests").rglob("*.py")
        for node in ast.walk(ast.parse(text(path)))
        if isinstance(node, ast.Attribute)
        and node.attr in forbidden
        and "pytest" in ast.unparse(node)
    ]
    assert skipping == []


def commands() -> Iterator[tuple[str, list[str]]]:
    """(page, words after `quisait`) of each command that a page shows, options included."""
    for page in (
        REPOSITORY / "README.md",
        *DOCS.rglob("*.md"),
        REPOSITORY / "deploy/kit/LISEZMOI.md",
    ):
        if DECISIONS in page.parents:
            continue  # they tell what was
        pieces = text(page).split("```")
        prose, code = "\n".join(pieces[::2]), "\n".join(pieces[1::2])
        for found in (*_COMMAND.finditer(prose), *_LINE.finditer(code)):
            yield name_of(page), found[1].split()


_SETTINGS = re.compile(r"(?ms)^ *```toml\n(.*?)^ *```$")
AROUND: Mapping[str, Any] = {
    "sign_on": {"address": "https://quisait.exemple"},
    "server": {"token_key": "k" * 32},
    "mail": {"host": "smtp.exemple", "sender": "quisait@exemple.fr"},
    "questions": {"enabled": True},
    "oidc": {"issuer": "https://f.exemple", "client_id": "quisait", "client_secret": "secret"},
    "sources": [
        {"name": "notes", "kind": "folder", "path": "notes"},
        {"name": "wiki", "kind": "export", "path": "wiki.jsonl"},
        {"name": "tchap", "kind": "matrix", "options": {"url": "https://tchap.exemple"}},
    ],
}
"""Settings that a page's example supposes, or that another of its examples gives."""
ELSEWHERE = {"annales", "dokuwiki", "rt"} - installed_connectors().keys()
"""Kinds of sources of pages that may not be installed where the tests run."""


def test_each_example_of_settings_is_one() -> None:
    """Each table of a page is read as quisait reads its file; so are the options of sources."""
    installed, tried = installed_connectors(), 0
    for page in DOCS.rglob("*.md"):
        for block in _SETTINGS.findall(text(page) if DECISIONS not in page.parents else ""):
            given = tomllib.loads(textwrap.dedent(block))
            if "project" in given or "annonce" in given:
                continue  # a package's own file, or settings of the feature that a page writes
            sources = given.get("sources", AROUND["sources"])
            if isinstance(sources, dict) or any(one["kind"] in ELSEWHERE for one in sources):
                continue  # the rest of a table, or a kind that the page has written before
            whole = copy.deepcopy({**AROUND, **given})
            for name in given.keys() & AROUND.keys() - {"sources"}:
                whole[name] = AROUND[name] | given[name]
            tried += 1
            try:
                read = Settings(**whole)
                for one in read.sources:
                    if one.kind in installed:
                        load_kind(one.kind).options.model_validate(one.options)
            except ValidationError as error:
                pytest.fail(f"{name_of(page)}: {error}")
    assert tried > 40


def fault_of(words: list[str], known: Mapping[str, Any]) -> str:
    """The word that the command line does not know; empty if it knows them all."""
    command: Any = None
    level: Mapping[str, Any] = known
    for word in words:
        if word in level:
            command = level[word]
            level = getattr(command, "commands", {})
        elif word.startswith("--"):
            options = (
                {"--help", *(one for p in command.params for one in p.opts)} if command else set()
            )
            if word.partition("=")[0] not in options | {"--config", "--help"}:
                return word
        elif word.islower() and word.isalpha() and (command is None or level):
            return word
    return ""


def test_each_command_of_a_page_is_one_of_the_command_line() -> None:
    """With the options that it is given."""
    known = load_all()
    shown = list(commands())
    assert len(shown) > 200
    wrong = {(page, " ".join(words)): fault_of(words, known) for page, words in shown}
    assert {one: fault for one, fault in wrong.items() if fault} == {}
