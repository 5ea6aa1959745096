"""Print every French sentence that people are shown, by file: `make sentences`.

Read it as a whole after a change of words. The last line counts the test functions that assert a
part of such a sentence: others assert codes, fields and behaviour.
"""

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

PRODUCT = ("connectors", "indexer", "expertise", "search_api", "quisait", "packages/*/quisait_*")
TESTS = ("tests", "packages/*/test_*")
FEWEST_WORDS = 4
_FRENCH = re.compile(
    r"[éèêàçùâîôœ’«]|\b(le|la|les|des|un|une|est|sont|pas|vous|dans|par|pour|du|de)\b", re.I
)
_MARKUP = re.compile(r"<[^>]*>|\{%.*?%\}|\{#.*?#\}", re.S)
_SPACE = re.compile(r"(\s|&nbsp;|\\s)+")


def files(places: tuple[str, ...], *endings: str) -> list[Path]:
    """Return the tracked files of some places with one of these endings."""
    patterns = [f"{place}*{ending}" for place in places for ending in endings]
    patterns += [f"{place}/**{ending}" for place in places for ending in endings]
    listed = subprocess.run(["git", "ls-files", *patterns], capture_output=True, check=True)
    return sorted({Path(line) for line in listed.stdout.decode().splitlines()})


def plain(text: str) -> str:
    """Return a text with single spaces only."""
    return _SPACE.sub(" ", text).strip()


def is_sentence(text: str) -> bool:
    """Return whether a text looks like a part of a French sentence."""
    many = len(text.split()) >= FEWEST_WORDS
    return many and _FRENCH.search(text) is not None and not text.startswith(("/", "<"))


def sentences(path: Path) -> Iterator[str]:
    """Yield the French sentences of a module, without docstrings, or of a template."""
    text = path.read_text("utf-8")
    if path.suffix != ".py":
        yield from filter(is_sentence, map(plain, _MARKUP.sub("\n", text).splitlines()))
        return
    tree = ast.parse(text)
    alone = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in alone:
            said = plain(node.value)
            if is_sentence(said):
                yield said


def asserted(path: Path) -> Iterator[tuple[str, list[str]]]:
    """Yield each test function of a module, with the French texts in its assertions."""
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.FunctionDef) and node.name.startswith("test_"):
            compared = (one.test for one in ast.walk(node) if isinstance(one, ast.Assert))
            texts = (value for test in compared for value in ast.walk(test))
            found = [
                plain(one.value)
                for one in texts
                if isinstance(one, ast.Constant) and isinstance(one.value, str)
            ]
            yield node.name, list(filter(is_sentence, found))


def main() -> None:
    """Print the catalogue, then the count."""
    catalogue = {path: list(sentences(path)) for path in files(PRODUCT, ".py", ".html", ".txt")}
    for path, said in catalogue.items():
        if said:
            sys.stdout.write("\n".join([f"\n{path}", *said]) + "\n")
    everything = "\n".join(one for said in catalogue.values() for one in said)
    tests = [one for path in files(TESTS, ".py") for one in asserted(path)]
    those = [name for name, texts in tests if any(text in everything for text in texts)]
    count = sum(map(len, catalogue.values()))
    sys.stdout.write(f"\n{count} sentences; {len(those)} of {len(tests)} tests assert one\n")


if __name__ == "__main__":
    main()
