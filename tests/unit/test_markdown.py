"""Markdown's headings become those of sections; what only looks like one stays text."""

import time
from html import unescape

import pytest

from indexer.extraction.files import ExtractionLimits
from indexer.extraction.tika_answer import TikaPart, read_answer

pytestmark = pytest.mark.sources

PLAIN = "text/plain; charset=UTF-8"


def read(
    text: str, name: str = "note.md", path: str = "", kind: str = PLAIN
) -> list[tuple[str, str]]:
    """(heading, text) of each section, of a text as Tika writes it."""
    page = f"<html><head><title></title></head>\n<body><p>{text}\n</p>\n</body></html>"
    part = TikaPart(page, {"Content-Type": kind}, path)
    parts = [TikaPart("", {"Content-Type": "application/zip"}), part] if path else [part]
    extracted = read_answer(parts, text.encode(), ExtractionLimits(), name)
    return [(section.heading, section.text) for section in extracted.sections]


@pytest.mark.parametrize(
    ("written", "heading"),
    [
        ("# Les régies", "Les régies"),
        ("###### Les régies ##", "Les régies"),
        ("   ## C# &amp; F#", "C# & F#"),
        ("#\tLes régies", "Les régies"),
        ("Les régies\n==========", "Les régies"),
        ("Les régies\n---", "Les régies"),
        ("**Les régies**\n===", "**Les régies**"),
        ("1.5 million\n---", "1.5 million"),
        ("# Partie\n\n## Les régies", "Partie – Les régies"),
    ],
)
def test_a_heading_is_one_without_its_marks(written: str, heading: str) -> None:
    assert read(f"{written}\n\nUn texte.") == [(heading, "Un texte.")]


@pytest.mark.parametrize(
    "written",
    [
        "#régies sans blanc",
        "####### sept",
        "```sh\n# un commentaire\n```",
        "~~~\n# un commentaire\n```\n# encore\n~~~",
        "texte\n\n    # du code",
        "- un point\n---\nsuite",
        "deux lignes\nde texte\n---\nsuite",
        "&gt; citation\n---\nsuite",
        "un\u2028# deux",
        "```en ligne``` et `code`",
    ],
)
def test_what_only_looks_like_a_heading_stays(written: str) -> None:
    ((heading, text),) = read(written)
    assert heading == ""
    assert text.split() == unescape(written).split()


def test_a_fence_ends_where_it_ends() -> None:
    """A heading after code is one again; a longer fence holds a shorter one."""
    found = read("````\n```\n# code\n```\n````\n\n## Suite\n\nLe texte.")
    assert found[-1] == ("Suite", "Le texte.")
    assert "# code" in found[0][1]
    found = read("1. un point\n   ```\n   # code\n    ```\n\n# Suite\n\nLe texte.")
    assert found[-1] == ("Suite", "Le texte.")


def test_only_a_text_with_such_a_name_is_markdown() -> None:
    """In a text, sharps may be anything; what is no text keeps what it says."""
    assert read("# un", "notes.txt") == [("", "# un")]
    assert read("# un\n\ndeux", "notes.MARKDOWN") == [("un", "deux")]
    assert read("# un\n\ndeux", kind="text/x-web-markdown; charset=UTF-8") == [("un", "deux")]
    assert read("# un", kind="application/xml") == [("", "# un")]


def test_a_part_goes_by_its_own_name() -> None:
    """An archive's or a mail's part is Markdown by its name, not by that of the whole."""
    assert read("# un\n\ndeux", "tout.zip", "dossier/lisez.md") == [("un", "deux")]
    assert read("# un\n\ndeux", "tout.md", "dossier/lisez.txt") == [("", "# un\n\ndeux")]


@pytest.mark.parametrize("line", ["# " + "# " * 500_000, "`" * 1_000_000, " " * 1_000_000 + "="])
def test_no_line_takes_long(line: str) -> None:
    begun = time.monotonic()
    read(f"mot\n\n{line}x")
    assert time.monotonic() - begun < 5
