"""Extract a Wagtail page's text and authors from the fields that the API gives.

Sites choose their own fields and blocks, so text is distinguished from settings, colours and keys
by its form. An object with its own URL (an image, another page) is not this page's text, and may
have other readers.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from html import escape
from typing import Any

_MARKED_UP = re.compile(r"<[a-zA-Z/]")
_HEADING = re.compile(r"heading|title|titre|^h[1-6]$", re.IGNORECASE)
_NO_TEXT = ("id", "meta", "title", "type")
_MOST_DEPTH = 50


def html_of(page: Mapping[str, Any], fields: Sequence[str], left_out: Sequence[str]) -> str:
    """Return the text of a page's fields as HTML; only of `fields`, if they are not empty."""
    found: list[str] = []
    for name, value in page.items():
        if name not in (*_NO_TEXT, *left_out) and (not fields or name in fields):
            found += _html(value, name, 0)
    return "\n".join(found)


def names_of(value: Any, depth: int = 0) -> Iterator[str]:
    """Yield the authors' names in a field: a text, an object with a name, or a list."""
    if depth > _MOST_DEPTH:
        return
    if isinstance(value, str):
        if value.strip():
            yield " ".join(value.split())
    elif isinstance(value, list):
        for one in value:
            yield from names_of(one, depth + 1)
    elif isinstance(value, dict):
        if "first_name" in value and "last_name" in value:
            yield from names_of(f"{value['first_name'] or ''} {value['last_name'] or ''}")
            return
        for key in ("name", "nom", "title", "author", "value"):
            if value.get(key):
                yield from names_of(value[key], depth + 1)
                return


def _html(value: Any, name: str, depth: int) -> Iterator[str]:
    if depth > _MOST_DEPTH:
        return
    if isinstance(value, str):
        yield from _of_text(value, name)
    elif isinstance(value, list):
        if value and all(isinstance(one, list) for one in value):
            yield _table(value)
            return
        for one in value:
            yield from _html(one, name, depth + 1)
    elif isinstance(value, dict) and not _has_an_address(value):
        if isinstance(value.get("type"), str) and "value" in value:  # a block
            value = {value["type"]: value["value"]}
        for key, one in value.items():
            if key not in ("id", "meta"):
                yield from _html(one, key, depth + 1)


def _of_text(text: str, name: str) -> Iterator[str]:
    if _MARKED_UP.search(text):
        yield f"<div>{text}</div>"
    elif text.strip() and _HEADING.search(name):
        yield f"<h2>{escape(text)}</h2>"
    elif len(text.split()) > 1:
        lines = "<br>".join(map(escape, text.splitlines()))
        yield f"<p>{lines}</p>"


def _table(rows: Sequence[Sequence[Any]]) -> str:
    made = (
        "".join(
            f"<td>{escape(str(cell))}</td>" for cell in row if isinstance(cell, str | int | float)
        )
        for row in rows
    )
    return f"<table>{''.join(f'<tr>{row}</tr>' for row in made)}</table>"


def _has_an_address(value: Mapping[str, Any]) -> bool:
    meta = value.get("meta")
    return isinstance(meta, dict) and bool(meta.get("detail_url") or meta.get("download_url"))
