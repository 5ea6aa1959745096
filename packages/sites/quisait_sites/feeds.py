"""Read a site's feeds (RSS, Atom): `FeedConnector.changes` shows the flow.

A feed contains the site's current entries: an entry that left all feeds counts as deleted.
"""

import calendar
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from http import HTTPStatus
from io import BytesIO
from typing import Any
from urllib.parse import urlsplit

import feedparser
import trafilatura

from connectors.digests import digest_of
from connectors.http_host import HttpHost, joined
from connectors.http_limits import HttpLimits
from connectors.installed import ConnectorKind, SourcePlace
from connectors.ports import (
    AccessNarrowed,
    Change,
    Checkpoint,
    ContentStale,
    Listing,
    Malformed,
    SourceRefused,
    SourceUnreachable,
    Upsert,
)
from connectors.values import Access, Document, EvidencePolicy, Section
from quisait_sites.cursor import SiteCursor, in_parts, read_cursor
from quisait_sites.options import FeedOptions
from quisait_sites.pages import NoText, own_sections, signed_by

CHECKPOINT_ENTRIES = 50
MOST_PAGES = 1_000
"""Maximum number of pages of all feeds together (RFC 5005: a feed names its next page)."""
_MOST_BYTES = 50 * 1024 * 1024
_HARMLESS = (feedparser.CharacterEncodingOverride, feedparser.NonXMLContentType)
"""Conflicts between a server's header and the feed, in which the feed is right."""


@dataclass(frozen=True, slots=True)
class FeedConnector:
    """Reads the entries of a site's feeds by id; an entry in several feeds is read once."""

    source: str
    options: FeedOptions
    default_access: Access
    ca_file: str = ""
    limits: HttpLimits = field(default_factory=HttpLimits)

    def changes(self, since: str | None) -> Iterator[Change]:
        """Yield changes, removed readers first, then the listing. Raises `SourceError`."""
        before = read_cursor(since)
        entries, unread = self._entries()
        told = sorted(f"{one} {_readers(entry.access)}" for one, entry in entries.items())
        readers = digest_of(told).hex()
        parts = in_parts(entries)
        digests = {
            part: digest_of(f"{entries[one].digest}{_readers(entries[one].access)}" for one in ids)
            for part, ids in parts.items()
        }
        # Forget changed parts first: a page that is removed now may come back unchanged.
        cursor = before.only({one for one in parts if digests[one] == before.digest(one)})
        yield Checkpoint(cursor.text())
        yield from unread
        if before.readers != readers:
            yield from (AccessNarrowed(one, entry.access) for one, entry in entries.items())
        cursor = SiteCursor(cursor.digests, readers)
        said = 0
        for part, ids in parts.items():
            if digests[part] == cursor.digest(part):
                continue
            for one in ids:
                yield from self._changes_of(one, entries[one])
                said += 1
            cursor = cursor.with_part(part, digests[part])
            if said >= CHECKPOINT_ENTRIES:
                said = 0
                yield Checkpoint(cursor.text())
        yield Listing(frozenset(entries))
        yield Checkpoint(cursor.text())

    def refetch(self, document_ids: frozenset[str]) -> Iterator[Change]:
        """Yield these entries as they are now. Raises `SourceError`."""
        entries, _ = self._entries()
        for one in sorted(document_ids & entries.keys()):
            yield from self._changes_of(one, entries[one])

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
        host = HttpHost(self.options.url, self.limits, self.ca_file)
        found: dict[str, _Entry] = {}
        unread: list[Malformed] = []
        pages = 0
        for feed in self.options.feeds:
            access, address = self.access(feed), joined(host.root, feed)
            seen: set[str] = set()
            while address and address not in seen:
                seen.add(address)
                if (pages := pages + 1) > MOST_PAGES:
                    raise SourceRefused(f"{host.host} : plus de {MOST_PAGES} pages de flux.")
                parsed = _parsed(host, address)
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
                        found[document_id] = _Entry(raw, access, _digest(raw))
                links = parsed.feed.get("links", [])
                after = [one.get("href", "") for one in links if one.get("rel") == "next"]
                address = joined(address, after[0]) if after else ""
        return found, unread

    def _changes_of(self, document_id: str, entry: "_Entry") -> Iterator[Change]:
        try:
            yield Upsert(self._document(document_id, entry))
        except NoText:
            yield ContentStale(document_id)
            yield Malformed(document_id, "le billet n'a ni titre ni texte", document_id)

    def _document(self, document_id: str, entry: "_Entry") -> Document:
        raw = entry.raw
        title = _plain(str(raw.get("title") or ""))
        created = _moment(_told(raw, "published_parsed"))
        modified = _moment(_told(raw, "updated_parsed")) or created
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
            contributions=signed_by(
                self.source,
                names,
                created.date() if created else None,
                modified.date() if modified else None,
            ),
        )


@dataclass(frozen=True, slots=True)
class _Entry:
    """An entry as parsed, its readers, and a digest of all that makes its document."""

    raw: Any
    access: Access
    digest: str


def _parsed(host: HttpHost, address: str) -> Any:
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
    return parsed


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
    return trafilatura.load_html(page) if text.strip() else None


def _plain(title: str) -> str:
    """Return a title without tags: in RSS, it may or may not be HTML."""
    tree = trafilatura.load_html(f"<html><body><p>{title}</p></body></html>") if title else None
    return " ".join(tree.text_content().split()) if tree is not None else ""


def _told(entry: Any, name: str) -> Any:
    """Return an entry's own field: feedparser would substitute another date for a missing one."""
    return dict.get(entry, name)


def _moment(parsed: Any) -> datetime | None:
    """Return the UTC moment of feedparser's tuple, or None if it is missing or out of range."""
    try:
        return datetime.fromtimestamp(calendar.timegm(parsed), UTC) if parsed else None
    except (ValueError, OverflowError, OSError):
        return None


def _digest(raw: Any) -> str:
    said = [raw.get("title"), raw.get("link"), _told(raw, "published"), _told(raw, "updated")]
    names = [one.get("name") for one in raw.get("authors") or ()]
    return digest_of([repr(said), repr(names), repr(_contents(raw))]).hex()


def _readers(access: Access) -> str:
    return f"{sorted(access.allowed)} {sorted(access.denied)}"


def open_feed(place: SourcePlace, options: FeedOptions) -> FeedConnector:
    """Return the connector of one source; no request is sent yet."""
    ca_file = str(place.folder / options.ca_file) if options.ca_file else ""
    limits = HttpLimits(rate_per_s=options.rate_per_s, max_bytes=_MOST_BYTES)
    return FeedConnector(place.source, options, place.default_access, ca_file, limits)


KIND = ConnectorKind(
    "flux RSS ou Atom",
    FeedOptions,
    open_feed,
    about="Les billets de flux RSS ou Atom d'un même site. Un flux est lu par ceux que vous dites.",
    credential="",
)
