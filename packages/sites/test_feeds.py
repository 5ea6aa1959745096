"""A site's feeds, read from a real web server."""

from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass, field
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from xml.sax.saxutils import escape

import pytest
from quisait_connector_kit.connector_contract import ConnectorHarness, apply, last_cursor, read
from quisait_connector_kit.memory_seen import MemorySeen
from quisait_sites.feeds import FeedSource
from quisait_sites.options import FeedOptions
from test_quisait_sites import QUICK, ServedPage, Site, page_of_jeanne

from connectors.http_host import HttpHost
from connectors.ports import (
    AccessChanged,
    Change,
    Malformed,
    SourceRefused,
    SourceUnreachable,
    Upsert,
)
from connectors.snapshot import Snapshot
from connectors.values import Access, Document, Section

pytestmark = pytest.mark.sources

SEEN = MemorySeen()
ATOM = {"Content-Type": "application/atom+xml; charset=utf-8"}


@dataclass
class FeedHarness:
    """A site with one feed for each set of readers."""

    site: Site
    entries: dict[str, str] = field(default_factory=dict)
    readers: dict[str, tuple[str, ...]] = field(default_factory=dict)
    resumable_count: int = 160
    seen: MemorySeen = field(default_factory=MemorySeen)

    def connector(self) -> Snapshot:
        feeds: dict[str, list[str]] = {}
        for name, allowed in self.readers.items():
            digest = sha256(repr(allowed).encode()).hexdigest()[:8]
            feeds.setdefault(f"{digest}.xml", []).append(name)
        for feed, names in feeds.items():
            self.serve(feed, "".join(self.entries[name] for name in names))
        readers = {feed: list(self.readers[names[0]]) for feed, names in feeds.items()}
        options = FeedOptions(url=self.site.url, feeds=[*feeds], readers=readers)
        return Snapshot(FeedSource("t", options, Access(), HttpHost(options.url, QUICK)), self.seen)

    def serve(self, feed: str, entries: str, links: str = "") -> None:
        body = f'<feed xmlns="http://www.w3.org/2005/Atom"><title>F</title>{links}{entries}</feed>'
        self.site.pages[f"/{feed}"] = ServedPage(body.encode(), headers=ATOM)

    def document_id(self, name: str) -> str:
        return f"t:urn:{name}"

    def add(self, name: str, text: str, allowed: tuple[str, ...]) -> None:
        self.entries[name] = atom(name, text)
        self.readers[name] = allowed

    def set_readers(self, name: str, allowed: tuple[str, ...]) -> None:
        self.readers[name] = allowed

    def remove(self, name: str) -> None:
        del self.entries[name], self.readers[name]

    def add_invalid_records(self) -> int:
        self.add("nameless", "x", ("everyone",))
        self.entries["nameless"] = "<entry><title>Sans nom</title></entry>"
        self.add("empty", "x", ("everyone",))
        self.entries["empty"] = "<entry><id>urn:vide</id></entry>"
        return 2

    def add_complete_document(self) -> Document:
        self.add("é", "x", ("everyone",))
        self.entries["é"] = (
            "<entry><id>urn:é</id><title type='html'>L’&lt;b&gt;été&lt;/b&gt;</title>"
            "<link href='/note'/><published>2019-05-04T00:00:00Z</published>"
            "<updated>2019-06-01T12:00:00+02:00</updated>"
            "<author><name>Jeanne Dupont</name></author>"
            f"<content type='html'>{escape(HTML)}</content></entry>"
        )
        return page_of_jeanne(
            id="t:urn:é",
            title="L’été",
            sections=(Section("Le régisseur verse ses fonds."), Section("Chaque mois.", "Quand")),
            url=f"{self.site.url}note",
            created=datetime(2019, 5, 4, tzinfo=UTC),
            modified=datetime(2019, 6, 1, 10, tzinfo=UTC),
        )


def test_feed_that_redirects_to_a_restricted_feed_has_its_readers(harness: FeedHarness) -> None:
    """Whatever the way to the other feed: a redirect, or the next page."""
    group = "test:group:rh"
    harness.serve("rh.xml", atom("secret", "Le zanzibar."))
    harness.site.pages["/porte.xml"] = ServedPage(b"", "", 302, {"Location": "/rh.xml"})
    harness.serve("suite.xml", atom("note", "Une note."), "<link rel='next' href='/rh.xml'/>")
    for feed in ("porte.xml", "suite.xml"):
        readers = {"rh.xml": [group], feed: ["everyone"]}
        options = FeedOptions(url=harness.site.url, feeds=[feed, "rh.xml"], readers=readers)
        source = FeedSource("t", options, Access(), HttpHost(options.url, QUICK))
        kept = apply(Snapshot(source, MemorySeen()).changes(None))
        assert kept["t:urn:secret"].access == Access(frozenset({group}))


HTML = "<p>Le régisseur verse ses fonds.</p><h2>Quand</h2><p>Chaque mois.</p><script>x()</script>"
RSS = (
    '<?xml version="1.0"?><rss version="2.0" xmlns:dc="http://purl.org/dc/elements/1.1/"><channel>'
    "<title>F</title><item><title>Bornage</title><link>{url}bornage</link>"
    "<guid isPermaLink='false'>b1</guid><pubDate>Thu, 15 Jan 2026 09:00:00 GMT</pubDate>"
    "<dc:creator>Ana Le Goff</dc:creator><description>&lt;p&gt;Le bornage se signe.&lt;/p&gt;"
    "</description></item></channel></rss>"
)


def atom(name: str, text: str) -> str:
    return (
        f"<entry><id>urn:{name}</id><title>{name}</title><updated>2026-01-15T09:00:00Z</updated>"
        f"<content type='text'>{escape(text)}</content></entry>"
    )


@pytest.fixture
def site() -> Iterator[Site]:
    with closing(Site()) as running:
        yield running


@pytest.fixture
def harness(site: Site) -> FeedHarness:
    return FeedHarness(site)


def connector(site: Site, **options: object) -> Snapshot:
    made = FeedOptions.model_validate({"url": site.url, "feeds": ["a.xml"]} | options)
    return Snapshot(
        FeedSource("t", made, Access(frozenset({"everyone"})), HttpHost(made.url, QUICK)), SEEN
    )


def test_contract(
    connector_check: Callable[[ConnectorHarness], None], harness: FeedHarness
) -> None:
    """Every check of the contract, from a real server."""
    connector_check(harness)


def test_rss_is_read_as_atom_is(site: Site) -> None:
    """With its author, its date and its text without tags."""
    site.pages["/a.xml"] = ServedPage(RSS.format(url=site.url).encode())
    (made,) = apply(connector(site).changes(None)).values()
    assert (made.id, made.title, made.url) == ("t:b1", "Bornage", f"{site.url}bornage")
    assert made.sections == (Section("Le bornage se signe."),)
    assert [one.account for one in made.contributions] == ["t:Ana Le Goff"]
    assert made.created == datetime(2026, 1, 15, 9, tzinfo=UTC)


def test_pages_of_a_feed_are_followed_on_the_host_alone(harness: FeedHarness) -> None:
    """Links follow RFC 5005; a circle of pages ends, and another host is refused."""
    harness.serve("a.xml", atom("1", "un"), "<link rel='next' href='b.xml'/>")
    harness.serve("b.xml", atom("2", "deux"), "<link rel='next' href='a.xml'/>")
    assert set(apply(connector(harness.site).changes(None))) == {"t:urn:1", "t:urn:2"}
    harness.serve("b.xml", atom("2", "deux"), "<link rel='next' href='https://ailleurs.example/'/>")
    with pytest.raises(SourceRefused, match=r"ailleurs\.example"):
        list(connector(harness.site).changes(None))


def test_an_entry_of_two_feeds_has_the_readers_of_both(harness: FeedHarness) -> None:
    """A public feed does not open what a restricted one holds."""
    for feed in ("a.xml", "rh.xml"):
        harness.serve(feed, atom("1", "un"))
    both = connector(harness.site, feeds=["a.xml", "rh.xml"], readers={"rh.xml": ["x:group:rh"]})
    (made,) = apply(both.changes(None)).values()
    assert made.access == Access(frozenset({"x:group:rh"}))


def test_narrowed_readers_close_first(harness: FeedHarness) -> None:
    """Before any text is said."""
    harness.serve("a.xml", atom("1", "un"))
    cursor = last_cursor(connector(harness.site).changes(None))
    changes = list(connector(harness.site, readers={"a.xml": []}).changes(cursor))
    assert changes[0] == AccessChanged("t:urn:1", Access())


@pytest.mark.parametrize("fault", ["cut", "empty", "html", "404", "500"])
def test_a_feed_that_is_not_whole_deletes_nothing(harness: FeedHarness, fault: str) -> None:
    """It ends the reading before anything is said."""
    harness.serve("a.xml", atom("1", "un") + atom("2", "deux"))
    page = harness.site.pages["/a.xml"]
    match fault:
        case "cut":
            page.body = page.body[:-30]
        case "empty":
            page.body = b""
        case "html":
            page.body, page.headers = b"<html><p>Connexion</p></html>", {}
        case status:
            page.status = int(status)
    changes: list[Change] = []
    with pytest.raises((SourceUnreachable, SourceRefused)):
        changes += connector(harness.site).changes(None)
    assert not changes


def test_only_what_changed_is_said_again(harness: FeedHarness) -> None:
    """Only the changed entry of a large feed is yielded."""
    for number in range(200):
        harness.add(f"{number}", f"le billet {number}", ("everyone",))
    cursor = last_cursor(read(harness))
    harness.add("7", "un autre billet", ("everyone",))
    changed = [c.document.id for c in read(harness, cursor) if isinstance(c, Upsert)]
    assert changed == ["t:urn:7"]


def test_an_entity_is_not_read(harness: FeedHarness, tmp_path: Path) -> None:
    """No file of this machine: a feed that needs one is none."""
    (tmp_path / "secret").write_text("xylophone")
    harness.serve("a.xml", atom("1", "avant &x; après").replace("&amp;", "&") + atom("2", "deux"))
    page = harness.site.pages["/a.xml"]
    named = f'<!DOCTYPE feed [<!ENTITY x SYSTEM "file://{tmp_path}/secret">]>'
    page.body = named.encode() + page.body
    with pytest.raises(SourceUnreachable):
        list(connector(harness.site).changes(None))


def test_a_file_of_this_machine_is_not_read(harness: FeedHarness, tmp_path: Path) -> None:
    """The site answers the name of a local file, which could be secret or endless."""
    harness.serve("a.xml", atom("1", "xylophone"))
    page = harness.site.pages["/a.xml"]
    secret = tmp_path / "a.xml"
    secret.write_bytes(page.body)
    page.body = str(secret).encode()
    with pytest.raises(SourceUnreachable):
        list(connector(harness.site).changes(None))


def test_the_check_says_what_is_not_read(harness: FeedHarness) -> None:
    """An entry without a name; a feed without an entry; readers of no feed."""
    harness.serve("a.xml", "")
    assert len(list(connector(harness.site).check())) == 1
    harness.serve("a.xml", atom("1", "un") + "<entry><title>Sans nom</title></entry>")
    assert [c.where for c in connector(harness.site).changes(None) if isinstance(c, Malformed)] == [
        "/a.xml"
    ]
    with pytest.raises(ValueError, match="absent de « feeds »"):
        connector(harness.site, readers={"b.xml": []})
