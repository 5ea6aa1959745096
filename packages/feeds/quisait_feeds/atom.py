"""A feed as an Atom document (RFC 4287)."""

from datetime import datetime
from uuid import NAMESPACE_URL, uuid5
from xml.etree import ElementTree as ET

from quisait_feeds.service import Entry, Feed
from search_api.wording import safe_text

ATOM = "application/atom+xml"
"""Media type of the document, which is in UTF-8."""
UNTITLED = "Sans titre"
_NEVER_IN_XML = dict.fromkeys((0xFFFE, 0xFFFF))


def atom(feed: Feed, site: str, empty_since: datetime) -> bytes:
    """Return the document; addresses in it are absolute, and none contains a token.

    `site`: this site's origin. `empty_since`: the date of a feed without entries.
    """
    root = ET.Element("feed", {"xmlns": "http://www.w3.org/2005/Atom", "xml:lang": "fr"})
    updated = feed.entries[0].updated if feed.entries else empty_since
    _head(root, site + feed.page, f"Qui sait ? — {feed.title}", updated)
    _person(root, "Qui sait ?")
    for entry in feed.entries:
        _add_entry(root, entry, site)
    document: bytes = ET.tostring(root, "utf-8", xml_declaration=True)
    return document


def _add_entry(root: ET.Element, entry: Entry, site: str) -> None:
    element = ET.SubElement(root, "entry")
    _head(element, site + entry.page, entry.title or UNTITLED, entry.updated)
    for name in entry.authors:
        _person(element, name)
    if entry.summary:
        _text(element, "summary", entry.summary)


def _head(element: ET.Element, address: str, title: str, updated: datetime) -> None:
    _text(element, "id", uuid5(NAMESPACE_URL, address).urn)
    _text(element, "title", title)
    _text(element, "updated", updated.isoformat(timespec="seconds"))
    ET.SubElement(element, "link", {"rel": "alternate", "type": "text/html", "href": address})


def _person(element: ET.Element, name: str) -> None:
    _text(ET.SubElement(element, "author"), "name", name)


def _text(element: ET.Element, name: str, text: str) -> None:
    ET.SubElement(element, name).text = safe_text(text).translate(_NEVER_IN_XML)
