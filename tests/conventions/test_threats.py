"""The threat model names a test for each threat, and each is there."""

import ast
import re
from functools import cache
from pathlib import Path

import pytest

pytestmark = pytest.mark.trust

REPOSITORY = Path(__file__).resolve().parents[2]
PAGE = REPOSITORY / "docs/menaces.md"
NAMED = re.compile(r"`((?:tests|packages)/[\w/-]+\.py)::(test_\w+)`")


@cache
def names_in(path: Path) -> frozenset[str]:
    tree = ast.parse(path.read_text("utf-8"))
    return frozenset(one.name for one in ast.walk(tree) if isinstance(one, ast.FunctionDef))


def rows() -> list[str]:
    """The lines of the threats' table."""
    lines = PAGE.read_text("utf-8").splitlines()
    return [line for line in lines if re.match(r"\| [STRIDE]+ \|", line)]


def test_every_threat_has_a_test_that_exists() -> None:
    """One at least, in a file of the tests, under that very name."""
    assert len(rows()) > 20
    without = [row for row in rows() if not NAMED.search(row)]
    assert without == []
    missing = [
        f"{path}::{name}"
        for row in rows()
        for path, name in NAMED.findall(row)
        if not (REPOSITORY / path).is_file() or name not in names_in(REPOSITORY / path)
    ]
    assert missing == []


def test_every_kind_of_threat_is_looked_at() -> None:
    """Spoofing, tampering, repudiation, disclosure, denial of service, elevation."""
    kinds = {letter for row in rows() for letter in row.split("|")[1].strip()}
    assert kinds == set("STRIDE")
