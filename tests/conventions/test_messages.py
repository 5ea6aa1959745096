"""What an administrator reads is French: the reasons that errors and reports carry."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

pytestmark = pytest.mark.sources

REPOSITORY = Path(__file__).resolve().parents[2]
SPOKEN = {
    "SourceUnreachable", "SourceRefused", "RecordVanished", "Malformed", "TableUnreadable",
    "OutsideFolder", "UnreadableFolder", "ExtractionFailed", "ExtractorUnreachable",
    "IndexUnreachable", "IndexRefused",
}  # fmt: skip
ENGLISH = {"the", "is", "are", "not", "cannot", "of", "and", "file", "line", "has", "holds", "no"}


def spoken(source: str) -> Iterator[tuple[int, str]]:
    """(line, text) of every text that a call of a spoken name is given."""
    for node in ast.walk(ast.parse(source)):
        if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Name)):
            continue
        if node.func.id in SPOKEN:
            for part in (p for argument in node.args for p in ast.walk(argument)):
                if isinstance(part, ast.Constant) and isinstance(part.value, str):
                    yield part.lineno, part.value


def english(text: str) -> bool:
    return bool(ENGLISH & set(text.lower().replace("'", " ").split()))


@pytest.mark.parametrize("package", ["connectors/**", "indexer/**", "quisait/**"])
def test_reasons_are_french(package: str) -> None:
    """No error or report that reaches a person speaks English."""
    found = [
        f"{path.relative_to(REPOSITORY)}:{line}: {text}"
        for path in sorted(REPOSITORY.glob(f"{package}/*.py"))
        for line, text in spoken(path.read_text("utf-8"))
        if english(text)
    ]
    assert not found


def test_an_english_reason_would_be_seen() -> None:
    """The check above bites."""
    assert [english(text) for _, text in spoken('IndexRefused(f"The {x} is gone.")')] == [
        True,
        True,
    ]
