"""What the developers' pages say of files, tests, settings and commands is true."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from expertise import clustering, directory, knowing, votes, who_knows
from indexer import near_duplicates, parsed_query
from indexer.opensearch import access_lists
from search_api import server
from search_api.audit import sql as audit
from search_api.questions import query
from search_api.ranking import fusion

pytestmark = pytest.mark.sources

REPOSITORY = Path(__file__).resolve().parents[2]
DOCS = REPOSITORY / "docs"
DECISIONS = DOCS / "decisions"
PARTS = ["Context", "Decision", "Consequences"]
MOST_LINES = 22
PAGES = [
    DOCS / "architecture.md",
    DOCS / "evaluation.md",
    REPOSITORY / "CONTRIBUTING.md",
    REPOSITORY / "SECURITY.md",
    REPOSITORY / "README.md",
    *sorted(DECISIONS.glob("*.md")),
]
"""Every path and link in them leads somewhere."""

FIGURES = [
    (1, access_lists.MOST_READABLE, "65 536 lists"),
    (3, votes.RANKING_DEPTH, "first 1 000 hits"),
    (3, votes.VOTERS, "700 documents vote"),
    (3, votes.VOLUME_DISCOUNT, "counts .8 to the i"),
    (3, votes.EDITS_EXPONENT, "power .3 of"),
    (3, votes.VOLUME_FLOOR, "at least .1"),
    (3, parsed_query.MAX_MINIMUM_MATCH, "more\nthan 5 of"),
    (3, query.TYPED_WORDS, "more than 30 words"),
    (4, parsed_query.MINIMUM_MATCH_PERCENT, "20 % of"),
    (6, parsed_query.EXACT_WEIGHT, "(weight .5)"),
    (6, parsed_query.PAIR_WEIGHT, "side by side (.7)"),
    (65, knowing.FEWEST_COMPARED, "fewer than 50 documents"),
    (65, knowing.CARD, "from .5 on"),
    (65, knowing.FURTHER_CARD, "from .75"),
    (65, knowing.NEAR, "From .15 on"),
    (8, fusion.FAR_COSINES["multilingual-e5-small"], "(.845 for"),
    (11, audit.YOUNGEST_GOING_DAYS, "younger than 365 days"),
    (12, server.HEAD_S, "in 15 s"),
    (14, near_duplicates.LEAST_RESEMBLANCE, "90 % of"),
    (15, clustering.CLUSTER_DISTANCE, "cut at .6"),
    (16, who_knows.WALK_WEIGHT, "has .2 of a score"),
    (27, directory.MOST_ACCOUNTS_CACHED, "20 000 accounts"),
    (41, who_knows.SAME_QUESTION, "have .6 of"),
]
"""A constant, and where its decision states it."""

_PATH = re.compile(
    r"`((?:connectors|indexer|expertise|search_api|quisait|evaluation|tests|benchmarks|docs|demo)"
    r"/[\w./-]+)`"
)
_LINK = re.compile(r"\]\((?!https?:)([^)#]+)(?:#[^)]*)?\)")
_MODULE = re.compile(r"`python -m ((?:benchmarks|tests)[\w.]*)")
_ROW = re.compile(r"^\| (\d+) \| \[(.+)\]\((.+)\) \| (.+) \|$", re.MULTILINE)


def decisions() -> list[Path]:
    return sorted(DECISIONS.glob("[0-9]*.md"))


def text(page: Path) -> str:
    return page.read_text("utf-8")


def name_of(page: Path) -> str:
    return page.relative_to(REPOSITORY).as_posix()


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_what_a_page_names_is_there(page: Path) -> None:
    """Files in code style, links, and modules that `python -m` runs."""
    named = [REPOSITORY / path for path in _PATH.findall(text(page)) if "<" not in path]
    linked = [page.parent / path for path in _LINK.findall(text(page))]
    modules = [REPOSITORY / module.replace(".", "/") for module in _MODULE.findall(text(page))]
    missing = [path for path in (*named, *linked) if not path.exists()]
    missing += [path for path in modules if not (path.is_dir() or path.with_suffix(".py").exists())]
    assert missing == []


def test_decisions_are_numbered_without_gaps() -> None:
    """By their file and by their title."""
    assert [int(page.name[:4]) for page in decisions()] == [*range(1, len(decisions()) + 1)]
    for page in decisions():
        assert text(page).startswith(f"# {int(page.name[:4])}. "), page.name


@pytest.mark.parametrize("page", decisions(), ids=name_of)
def test_a_decision_has_one_form(page: Path) -> None:
    """Title, context, decision, consequences, in few lines; a table may be as long as it is."""
    title, *lines = text(page).splitlines()
    assert title.startswith("# ")
    assert re.findall(r"(?m)^\*\*(\w+)\b", "\n".join(lines)) == PARTS
    assert sum(not line.startswith("|") for line in lines) <= MOST_LINES


def test_the_index_names_every_decision() -> None:
    """Number, title and file, and tests that are there."""
    rows = _ROW.findall(text(DECISIONS / "README.md"))
    assert [file for _, _, file, _ in rows] == [page.name for page in decisions()]
    for number, title, file, held_by in rows:
        assert text(DECISIONS / file).startswith(f"# {number}. {title}\n")
        assert re.search(r"`tests/[\w/]+\.py`", held_by), f"no test holds decision {number}"


@pytest.mark.parametrize(("number", "value", "stated"), FIGURES)
def test_decisions_state_the_constants_that_serve(number: int, value: float, stated: str) -> None:
    """In the unit of the sentence: a share may be written in per cent."""
    page = text(decisions()[number - 1]).replace("\n", " ")
    assert stated.replace("\n", " ") in page
    figures = [
        float(one.replace(" ", "")) for one in re.findall(r"\d[\d ]*(?:\.\d+)?|\.\d+", stated)
    ]
    assert value in figures or value * 100 in figures


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
