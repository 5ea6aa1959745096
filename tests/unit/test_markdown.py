"""Markdown headings become headings of sections; lines that only look like headings stay text."""

from html import unescape
from pathlib import Path

import pytest
from quisait_export.documents import RecordContext, documents_of
from quisait_export.schema import RecordLine

from connectors.markdown import looks_like_markdown, read_markdown
from connectors.values import Document
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
        ("**Les régies**\n===", "Les régies"),
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
    assert text.split() == [word for word in unescape(written).split() if word != "---"]


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
def test_no_line_takes_the_square_of_its_length(line: str) -> None:
    """Which would take hours."""
    read(f"mot\n\n{line}x")


DOCUSAURUS = """---
title: "Ouvrir une régie"
tags: [régie, caisse]
---
{% include entete.html %}
<!-- relire
avant mars -->
## Qui la tient

Le **régisseur**, nommé par [arrêté](https://exemple.fr/arrete_(1)).<br>

| mois | encaisse |
|------|:--------:|
| mars | 300 |

```jinja
{% reste %} <!-- reste -->
```
***
"""


def test_what_is_no_text_is_left_out() -> None:
    """Front matter, directives, comments, rules; of links, bold and tables the words stay."""
    found = read_markdown(DOCUSAURUS)
    assert found.title == "Ouvrir une régie"
    ((heading, text),) = [(part.heading, part.text) for part in found.parts]
    assert heading == "Qui la tient"
    assert text.split() == [
        "Le",
        "régisseur,",
        "nommé",
        "par",
        "arrêté.",
        "|",
        "mois",
        "|",
        "encaisse",
        "|",
        "|",
        "mars",
        "|",
        "300",
        "|",
        "```jinja",
        "{%",
        "reste",
        "%}",
        "<!--",
        "reste",
        "-->",
        "```",
    ]
    assert found.plain.split()[:3] == ["Qui", "la", "tient"]


@pytest.mark.parametrize(
    "written",
    [
        "<!-- jamais fermé\n\nun texte",
        "{% jamais fermé\n\nun texte",
        "---\nun texte entre deux traits\n---",
        "---\ntitle: jamais fermé\n\nun texte",
        "a `{% b` c\n\nd %}",
        "[un](texte",
        "**un texte",
    ],
)
def test_what_is_not_closed_is_text(written: str) -> None:
    """No word is lost to a mark that its writer forgot."""
    words = {word for word in written.split() if word.strip("-")}
    assert words <= set(read_markdown(written).plain.split())


def test_markdown_is_seen_by_two_kinds_of_marks() -> None:
    """A text with sharps, or with stars, may be a list of articles or a table of notes."""
    assert looks_like_markdown(DOCUSAURUS)
    assert looks_like_markdown("# Régie\n\nVoir [la note](/note).")
    for written in ("# un seul titre", "note *1 et note *2", "a -- b\n---\nc", "", "[1] (voir 2)"):
        assert not looks_like_markdown(written)


def test_an_export_is_indexed_without_its_marks() -> None:
    """Headings of a page become headings of sections; in an answer they become lines of text."""
    context = RecordContext("s", Path(), {}, {})

    def sections(**values: object) -> list[tuple[str, str]]:
        record = RecordLine.model_validate({"id": "1", "title": "t", "author": "a", **values})
        (found,) = documents_of(record, context, "x:1")
        assert isinstance(found, Document)
        return [(one.heading, " ".join(one.text.split())) for one in found.sections]

    written = "# Régie\n\nVoir [la note](/note)."
    assert sections(type="page", text=written) == [("Régie", "Voir la note.")]
    assert sections(type="page", text=written, format="text") == [
        ("", "# Régie Voir [la note](/note).")
    ]
    assert sections(type="page", text="# un titre", format="markdown") == [("un titre", "")]
    asked = sections(type="thread", text=written, answers=[{"author": "b", "text": written}])
    assert asked == [("", "Régie Voir la note."), ("Réponse", "Régie Voir la note.")]
