"""The judged sets on the fictional administration, written in BEIR's layout.

`python -m tests.judged_sets FOLDER` writes FOLDER/search and FOLDER/experts, which
`quisait evaluate` reads; tests/judged/README.md says what is in them.
"""

import json
import shutil
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent / "judged"
DEMO = HERE.parents[1] / "demo"

Line = dict[str, Any]


def write_search_set(folder: Path) -> Path:
    """Threads and wiki pages as documents, with the questions about them."""
    pages = (
        {"_id": id_, "title": line["title"], "text": _text(line)} for id_, line in _documents()
    )
    return _written(folder, "search", {"corpus.jsonl": pages})


def write_expert_set(folder: Path) -> Path:
    """Threads as documents; whoever asked or answered is a candidate."""
    threads = [(id_, line) for id_, line in _documents() if line.get("author")]
    documents = [
        {"_id": id_, "title": line["title"], "text": _text(line), "authors": _authors(line)}
        for id_, line in threads
    ]
    names = dict(_accounts())
    writers = {author for document in documents for author in document["authors"]}
    candidates = ({"_id": id_, "name": names[id_], "labelled": True} for id_ in sorted(writers))
    return _written(
        folder, "experts", {"documents.jsonl": documents, "candidates.jsonl": candidates}
    )


def _written(folder: Path, name: str, files: dict[str, Iterable[Line]]) -> Path:
    directory = folder / name
    shutil.copytree(HERE / name, directory)
    for file, lines in files.items():
        with (directory / file).open("w", encoding="utf-8") as written:
            written.writelines(json.dumps(line, ensure_ascii=False) + "\n" for line in lines)
    return directory


def _lines() -> Iterator[tuple[str, Line]]:
    """(source, line) of both exports of the demo."""
    for path in sorted(DEMO.glob("wi*/*.jsonl")):
        for line in path.read_text("utf-8").splitlines():
            yield path.parent.name, json.loads(line)


def _documents() -> Iterator[tuple[str, Line]]:
    for source, line in _lines():
        if line.get("text") or line.get("sections"):
            yield f"{source}:{line['id']}", line


def _accounts() -> Iterator[tuple[str, str]]:
    for source, line in _lines():
        if line.get("type") == "account":
            yield f"{source}:{line['id']}", line["name"]


def _authors(thread: Line) -> list[str]:
    answers = [answer["author"] for answer in thread.get("answers", ())]
    return sorted({f"wifip:{author}" for author in (thread["author"], *answers)})


def _text(line: Line) -> str:
    sections = (f"{one['heading']}\n{one['text']}" for one in line.get("sections", ()))
    answers = (answer["text"] for answer in line.get("answers", ()))
    return "\n\n".join([text for text in (line.get("text", ""), *sections, *answers) if text])


if __name__ == "__main__":
    write_search_set(Path(sys.argv[1]))
    write_expert_set(Path(sys.argv[1]))
