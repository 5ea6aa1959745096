"""Convert a web page or file to a document, with its own text, title, authors and dates."""

import logging
import posixpath
import re
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import PurePosixPath
from typing import Any
from urllib.parse import unquote, urlsplit

import trafilatura
from trafilatura.settings import use_config

from connectors.http_host import HttpResponse
from connectors.markdown import read_markdown
from connectors.values import (
    Access,
    Content,
    Contribution,
    ContributorRole,
    Document,
    EvidencePolicy,
    Section,
    date_of_iso,
)

MOST_AUTHORS = 20
_HTML = ("text/html", "application/xhtml+xml")

_SHORT_TEXTS = use_config()
"""Settings of trafilatura for short pages: below its default sizes, it would extract all text of a
page.
"""
for _name in ("MIN_EXTRACTED_SIZE", "MIN_OUTPUT_SIZE", "MIN_FILE_SIZE"):
    _SHORT_TEXTS.set("DEFAULT", _name, "1")
logging.getLogger("trafilatura").setLevel(logging.CRITICAL)  # unread pages are reported here


_NOT_IN_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
"""Characters that XML forbids. lxml parses them from references such as `&#12;`, but raises
`ValueError` if they are assigned to a text.
"""


class NoText(Exception):
    """The page has no text besides menus."""


class NotForSearch(Exception):
    """The page asks search engines not to index it."""


def page_document(
    source: str, address: str, lastmod: str, access: Access, answer: HttpResponse, evidence: str
) -> Document:
    """Return the document of a response. Raises `NoText`, `NotForSearch`."""
    kind = answer.headers.get("Content-Type", "").partition(";")[0].strip().lower()
    if "noindex" in answer.headers.get("X-Robots-Tag", "").lower():
        raise NotForSearch
    policy = EvidencePolicy(evidence)
    modified = date_of_iso(lastmod)
    document_id = page_id(source, address)
    if kind not in _HTML:
        content = answer.content
        name = PurePosixPath(unquote(urlsplit(address).path)).name or "fichier"
        return Document(
            id=document_id,
            source=source,
            title="",
            access=access,
            content=Content(name, lambda: content, kind or None, len(content), name),
            url=address,
            modified=modified,
            evidence=policy,
        )
    tree = html_tree(answer.content)
    if tree is None:
        raise NoText
    robots = tree.xpath("//meta[translate(@name, 'ROBTS', 'robts')='robots']/@content")
    if any("noindex" in value.lower() for value in robots):
        raise NotForSearch
    about = trafilatura.extract_metadata(tree, default_url=address)
    title = (about.title if about else "") or ""
    sections = own_sections(tree, title)
    authors = [name.strip() for name in ((about.author if about else "") or "").split(";")]
    created = date_of_iso((about.date if about else "") or "")
    written = modified or created or datetime.now(UTC)
    return Document(
        id=document_id,
        source=source,
        title=title,
        sections=sections,
        access=access,
        url=address,
        kind="page",
        created=created,
        modified=modified,
        evidence=policy,
        contributions=signed_by(source, authors, created, written),
    )


def html_tree(page: str | bytes) -> Any:
    """Return the tree of an HTML page, with blanks for characters that XML does not allow.

    Else trafilatura, which writes texts of the tree anew, fails. Returns None if there is no tree.
    """
    tree = trafilatura.load_html(page)
    for element in () if tree is None else tree.iter():
        for text in ("text", "tail"):
            former = getattr(element, text)
            if former and (plain := _NOT_IN_XML.sub(" ", former)) != former:
                setattr(element, text, plain)
    return tree


def own_sections(tree: Any, title: str) -> tuple[Section, ...]:
    """Return the text of an HTML tree under its headings, without menus. Raises `NoText`."""
    for around in tree.xpath("//nav | //footer | //aside | //script | //style | //template"):
        around.drop_tree()
    text = trafilatura.extract(
        tree,
        output_format="markdown",
        include_formatting=True,
        include_comments=False,
        config=_SHORT_TEXTS,
    )
    sections = tuple(_sections(text or "", title))
    if not sections:
        raise NoText
    return sections


def signed_by(
    source: str, names: Sequence[str], first: datetime | None, last: datetime | None
) -> tuple[Contribution, ...]:
    """Return contributions of authors, by the names that they signed with."""
    begun, ended = (moment.date() if moment else None for moment in (first, last))
    return tuple(
        Contribution(f"{source}:{name}", ContributorRole.AUTHOR, name, first=begun, last=ended)
        for name in dict.fromkeys(filter(None, names[:MOST_AUTHORS]))
    )


def page_id(source: str, address: str) -> str:
    """Return a page's id: its path and query, which identify it on its host."""
    parts = urlsplit(address)
    return f"{source}:{parts.path or '/'}{f'?{parts.query}' if parts.query else ''}"


def plain_path(address: str) -> str:
    """Return the path as a server understands it: `/a/../rh/` and `/%72h/` become `/rh/`."""
    path = unquote(urlsplit(address).path) or "/"
    plain = posixpath.normpath(f"/{path.lstrip('/')}")
    return f"{plain}/" if path.endswith("/") and plain != "/" else plain


def _sections(text: str, title: str) -> Iterator[Section]:
    for part in read_markdown(text).parts:
        if part.text.strip():
            yield Section(part.text, heading="" if part.heading == title else part.heading)
