"""Read a site's feeds (RSS, Atom): `FeedSource.listing` shows the flow.

A feed contains the site's current entries: an entry that left all feeds counts as deleted.
"""

import calendar
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from http import HTTPStatus
from io import BytesIO
from typing import Any
from urllib.parse import urlsplit

import feedparser

from connectors.digests import digest_of
from connectors.http_host import HttpHost, joined
from connectors.installed import ConnectorKind, SourcePlace
from connectors.ports import (
    Listed,
    Malformed,
    RecordUnreadable,
    SourceRefused,
    SourceUnreachable,
)
from connectors.values import Access, Document, EvidencePolicy, Section
from quisait_sites.options import FeedOptions
from quisait_sites.pages import NoText, html_tree, own_sections, signed_by

MOST_PAGES = 1_000
"""Maximum number of pages of all feeds together (RFC 5005: a feed names its next page)."""
_MOST_BYTES = 50 * 1024 * 1024
_HARMLESS = (feedparser.CharacterEncodingOverride, feedparser.NonXMLContentType)
"""Conflicts between a server's header and the feed, in which the feed is right."""


@dataclass(frozen=True, slots=True)
class FeedSource:
    """Lists the entries of a site's feeds by id; an entry in several feeds is read once."""

    source: str
    options: FeedOptions
    default_access: Access
    host: HttpHost
    _found: dict[str, "_Entry"] = field(default_factory=dict, init=False, compare=False)

    def listing(self) -> Iterator[Listed | Malformed]:
        """Yield every entry of the feeds with its readers. Raises `SourceError`."""
        entries, unread = self._entries()
        self._found.clear()
        self._found.update(entries)
        yield from unread
        yield from (Listed(one, entry.version, entry.access) for one, entry in entries.items())

    def read(self, listed: Listed) -> Document:
        """Return an entry as its feed gave it."""
        try:
            return self._document(listed.id, self._found[listed.id])
        except NoText as error:
            raise RecordUnreadable("le billet n'a ni titre ni texte") from error

    def rights(self, items: Sequence[Listed]) -> Mapping[str, Access]:
        """Return the readers of the feeds in which the texts were listed."""
        return {one.id: self._found[one.id].access for one in items}

    def check(self) -> Iterator[str]:
        """Yield a French sentence for each entry that is not read. Raises `SourceError`."""
        entries, unread = self._entries()
        yield from (f"{one.where} : {one.reason}" for one in unread)
        if not entries:
            yield "aucun billet dans les flux"

    def access(self, feed: str) -> Access:
        """Return the readers of a feed's entries."""
        allowed = self.options.readers.get(feed)
        return self.default_access if allowed is None else Access(frozenset(allowed))

    def _entries(self) -> tuple[dict[str, "_Entry"], list[Malformed]]:
        """Return every entry by its document's id, and reports of entries without an id.

        Raises `SourceError`, also if one feed cannot be read: its entries would seem deleted.
        """
        found: dict[str, _Entry] = {}
        unread: list[Malformed] = []
        pages = 0
        for feed in self.options.feeds:
            access, address = self.access(feed), joined(self.host.root, feed)
            seen: set[str] = set()
            while address and address not in seen:
                seen.add(address)
                if (pages := pages + 1) > MOST_PAGES:
                    raise SourceRefused(f"{self.host.host} : plus de {MOST_PAGES} pages de flux.")
                parsed, found_at = _parsed(self.host, address)
                for other in self._feeds_at(address, found_at):
                    access = access.narrowed_to(self.access(other))
                for raw in parsed.entries:
                    name = str(raw.get("id") or raw.get("link") or "").strip()
                    if not name:
                        where = urlsplit(address).path
                        unread.append(Malformed(where, "un billet n'a ni identifiant ni adresse"))
                        continue
                    document_id = f"{self.source}:{name}"
                    if document_id in found:
                        known = found[document_id]
                        found[document_id] = replace(known, access=known.access.narrowed_to(access))
                    else:
                        found[document_id] = _Entry(raw, access, _version(raw))
                links = parsed.feed.get("links", [])
                after = [one.get("href", "") for one in links if one.get("rel") == "next"]
                address = joined(address, after[0]) if after else ""
        return found, unread

    def _feeds_at(self, *addresses: str) -> list[str]:
        """Return the feeds of the settings at these addresses."""
        return [one for one in self.options.feeds if joined(self.host.root, one) in addresses]

    def _document(self, document_id: str, entry: "_Entry") -> Document:
        raw = entry.raw
        title = _plain(str(raw.get("title") or ""))
        created = _moment(_own_field(raw, "published_parsed"))
        modified = _moment(_own_field(raw, "updated_parsed")) or created
        names = [str(one.get("name") or "").strip() for one in raw.get("authors") or ()]
        return Document(
            id=document_id,
            source=self.source,
            title=title,
            sections=_sections(raw, title),
            access=entry.access,
            url=str(raw.get("link") or ""),
            kind="page",
            created=created,
            modified=modified,
            evidence=EvidencePolicy(self.options.evidence),
            contributions=signed_by(self.source, names, created, modified),
        )


@dataclass(frozen=True, slots=True)
class _Entry:
    """An entry as parsed, with its readers."""

    raw: Any
    access: Access
    version: bytes


def _parsed(host: HttpHost, address: str) -> tuple[Any, str]:
    """Return a feed and its address after redirects. Raises `SourceError`."""
    answer = host.request("GET", address)
    path = urlsplit(address).path
    if answer.status_code != HTTPStatus.OK:
        raise SourceRefused(
            f"{host.host} : le flux {path} répond {answer.status_code} ; corrigez « feeds »."
        )
    told = {"content-location": answer.url or address}
    if kind := answer.headers.get("Content-Type"):
        told["content-type"] = kind
    # Not as bytes: feedparser would take them for the name of a local file and open it.
    parsed = feedparser.parse(BytesIO(answer.content), response_headers=told)
    broken = parsed.bozo and not isinstance(parsed.get("bozo_exception"), _HARMLESS)
    if broken or not parsed.get("version"):
        raise SourceUnreachable(
            f"{host.host} : le flux {path} est coupé ou ne se lit pas : rien n'a été supprimé, il "
            "sera relu plus tard."
        )
    return parsed, answer.url or address


def _contents(raw: Any) -> list[tuple[str, str]]:
    """Return (media type, text) of an entry's content, or else of its summary."""
    found = list(raw.get("content") or ())
    if not found and raw.get("summary_detail"):
        found = [raw["summary_detail"]]
    return [(str(one.get("type") or ""), str(one.get("value") or "")) for one in found]


def _sections(raw: Any, title: str) -> tuple[Section, ...]:
    """Return an entry's sections. Raises `NoText` if it has neither a text nor a title."""
    sections: list[Section] = []
    for kind, text in _contents(raw):
        if kind == "text/plain":
            sections += [Section(text.strip())] if text.strip() else []
        elif (tree := _tree(text)) is not None:
            try:
                sections += own_sections(tree, title)
            except NoText:
                continue
    if not sections and not title:
        raise NoText
    return tuple(sections)


def _tree(text: str) -> Any:
    page = f"<html><body><main><article>{text}</article></main></body></html>"
    return html_tree(page) if text.strip() else None


def _plain(title: str) -> str:
    """Return a title without tags: in RSS, it may or may not be HTML."""
    tree = html_tree(f"<html><body><p>{title}</p></body></html>") if title else None
    return " ".join(tree.text_content().split()) if tree is not None else ""


def _own_field(entry: Any, name: str) -> Any:
    """Return an entry's own field: feedparser would substitute another date for a missing one."""
    return dict.get(entry, name)


def _moment(parsed: Any) -> datetime | None:
    """Return the UTC moment of feedparser's tuple, or None if it is missing or out of range."""
    try:
        return datetime.fromtimestamp(calendar.timegm(parsed), UTC) if parsed else None
    except (ValueError, OverflowError, OSError):
        return None


def _version(raw: Any) -> bytes:
    """Return a digest of everything from which an entry's document is made."""
    said = [
        raw.get("title"),
        raw.get("link"),
        _own_field(raw, "published"),
        _own_field(raw, "updated"),
    ]
    names = [one.get("name") for one in raw.get("authors") or ()]
    return digest_of([repr(said), repr(names), repr(_contents(raw))], 16)


def open_feed(place: SourcePlace, options: FeedOptions) -> FeedSource:
    """Return the connector of one source; no request is sent yet."""
    host = place.http(options, max_bytes=_MOST_BYTES)
    return FeedSource(place.source, options, place.default_access, host)


KIND = ConnectorKind(
    "flux RSS ou Atom",
    FeedOptions,
    open_feed,
    about="Les billets de flux RSS ou Atom d'un même site. Un flux est lu par ceux que vous dites.",
    credential="",
)
