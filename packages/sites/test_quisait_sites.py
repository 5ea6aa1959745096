"""A site read from a real web server, with its sitemap, robots.txt and faults."""

import gzip
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from email.utils import format_datetime, parsedate_to_datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from quisait_connector_kit.connector_contract import ConnectorHarness, apply, last_cursor, read
from quisait_connector_kit.memory_seen import MemorySeen
from quisait_sites.connector import SiteSource
from quisait_sites.options import SiteOptions

from connectors.http_host import HttpHost
from connectors.http_limits import HttpLimits
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
from connectors.snapshot import Snapshot
from connectors.values import Access, Contribution, ContributorRole, Document, Section

pytestmark = pytest.mark.sources

QUICK = HttpLimits(rate_per_s=0, timeout_s=5, total_timeout_s=10, max_wait_s=0)


@dataclass
class ServedPage:
    """The server's answer for a path."""

    body: bytes
    lastmod: str = ""
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    modified: datetime = datetime(2026, 1, 1, tzinfo=UTC)
    between_s: float = 0
    """From one byte to the next."""
    refusals: int = 0
    """How often it is asked for in vain: status 429."""


class Site:
    """A web server of a few pages, and what it was asked."""

    def __init__(self) -> None:
        self.pages: dict[str, ServedPage] = {}
        self.robots = ""
        self.asked: list[str] = []
        self.mapped: Callable[[], bytes] = self._sitemap
        site = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                site.asked.append(self.path)
                page = site.answer(self.path)
                since = self.headers.get("If-Modified-Since")
                unchanged = since and page.modified <= parsedate_to_datetime(since)
                status = 304 if unchanged and page.status == 200 else page.status
                body = b"" if status == 304 else page.body
                if page.refusals:
                    page.refusals -= 1
                    self.send_response(429)
                    self.send_header("Retry-After", "1")
                    self.send_header("Content-Length", "0")
                    self.end_headers()
                    return
                self.send_response(status)
                headers = {"Content-Type": "text/html; charset=utf-8"} | page.headers
                for name, value in headers.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                with suppress(OSError):  # the other end has waited long enough
                    for at in range(len(body)) if page.between_s else ():
                        self.wfile.write(body[at : at + 1])
                        time.sleep(page.between_s)
                    self.wfile.write(b"" if page.between_s else body)

            def log_message(self, *_: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}/"
        threading.Thread(target=self.server.serve_forever, args=(0.01,), daemon=True).start()

    def answer(self, path: str) -> ServedPage:
        if path == "/robots.txt":
            return ServedPage(self.robots.encode(), headers={"Content-Type": "text/plain"})
        if path == "/sitemap.xml":
            return ServedPage(self.mapped(), headers={"Content-Type": "application/xml"})
        return self.pages.get(path, ServedPage(b"absent", status=404))

    def _sitemap(self) -> bytes:
        entries = "".join(
            f"<url><loc>{self.url.rstrip('/')}{path}</loc>"
            + (f"<lastmod>{page.lastmod}</lastmod>" if page.lastmod else "")
            + "</url>"
            for path, page in self.pages.items()
        )
        schema = "http://www.sitemaps.org/schemas/sitemap/0.9"
        return f'<?xml version="1.0"?><urlset xmlns="{schema}">{entries}</urlset>'.encode()

    def close(self) -> None:
        self.server.shutdown()
        self.server.server_close()


def html(title: str, text: str, head: str = "") -> bytes:
    return (
        f"<html><head><title>{title}</title>{head}</head><body>"
        "<nav><ul><li><a href='/'>Accueil</a></li><li><a href='/menu'>Le menu</a></li></ul></nav>"
        f"<main><article><h1>{title}</h1><p>{text}</p></article></main>"
        "<footer>Mentions légales du site</footer></body></html>"
    ).encode()


@dataclass
class SiteHarness:
    """A site whose pages and settings the contract changes."""

    site: Site
    options: SiteOptions
    writes: int = 0
    resumable_count: int = 210
    seen: MemorySeen = field(default_factory=MemorySeen)

    def connector(self, limits: HttpLimits = QUICK) -> Snapshot:
        return Snapshot(
            SiteSource("t", self.options, Access(), HttpHost(self.options.url, limits)), self.seen
        )

    def document_id(self, name: str) -> str:
        return f"t:/{name}"

    def add(self, name: str, text: str, allowed: tuple[str, ...]) -> None:
        self.writes += 1
        lastmod = f"2026-01-15T09:{self.writes // 60 % 60:02}:{self.writes % 60:02}+00:00"
        self.site.pages[f"/{name}"] = ServedPage(html(name, text), lastmod)
        if allowed:
            self.set_readers(name, allowed)

    def set_readers(self, name: str, allowed: tuple[str, ...]) -> None:
        self.options.sections[f"/{name}"] = list(allowed)  # also for a crawl that is under way

    def remove(self, name: str) -> None:
        del self.site.pages[f"/{name}"]

    def add_invalid_records(self) -> int:
        self.site.pages |= {
            "/empty.html": ServedPage(b"", "2026-01-15"),
            "/menu.html": ServedPage(
                b"<html><nav><a href='/'>Accueil</a></nav></html>", "2026-01-15"
            ),
            "/broken.html": ServedPage(b"erreur", "2026-01-15", status=500),
            "/closed.html": ServedPage(b"non", "2026-01-15", status=403),
            "/away.html": ServedPage(b"", "hier", 302, {"Location": "https://ailleurs.example/"}),
            "/loop.html": ServedPage(b"", "2026-01-15", 302, {"Location": "/loop.html"}),
        }
        return 6

    def add_complete_document(self) -> Document:
        head = (
            '<meta name="author" content="Jeanne Dupont">'
            '<meta property="article:published_time" content="2019-05-04">'
        )
        text = "Le régisseur verse ses fonds chaque mois au comptable assignataire."
        page = ServedPage(html("L’été", text, head), "2019-06-01T10:00:00+00:00")
        self.site.pages["/été?page=2"] = page
        self.site.pages["/%C3%A9t%C3%A9?page=2"] = page
        self.set_readers("été", ("everyone",))
        return page_of_jeanne(
            id="t:/été?page=2",
            title="L’été",
            sections=(Section(text),),
            url=f"{self.site.url}été?page=2",
            created=datetime(2019, 5, 4, tzinfo=UTC),
            modified=datetime(2019, 6, 1, 10, tzinfo=UTC),
        )


def page_of_jeanne(*, created: datetime, modified: datetime, **said: Any) -> Document:
    """Return source `t`'s document of a page that is open to all and signed by Jeanne Dupont."""
    jeanne = Contribution(
        "t:Jeanne Dupont",
        ContributorRole.AUTHOR,
        "Jeanne Dupont",
        first=created.date(),
        last=modified.date(),
    )
    return Document(
        source="t",
        kind="page",
        access=Access(frozenset({"everyone"})),
        created=created,
        modified=modified,
        contributions=(jeanne,),
        **said,
    )


@pytest.fixture
def site() -> Iterator[Site]:
    with closing(Site()) as running:
        yield running


@pytest.fixture
def harness(site: Site) -> SiteHarness:
    return SiteHarness(site, SiteOptions(url=site.url))


def test_contract(
    connector_check: Callable[[ConnectorHarness], None], harness: SiteHarness
) -> None:
    """Every check of the contract, from a real server."""
    connector_check(harness)


def test_only_what_changed_is_asked_for(harness: SiteHarness) -> None:
    """A dated page is not asked for again."""
    for number in range(300):
        harness.add(f"p{number}.html", f"La page {number} parle des régies.", ("everyone",))
    cursor = last_cursor(read(harness))
    harness.add("p7.html", "Une autre page, sur les baux.", ("everyone",))
    harness.site.asked.clear()
    changed = [c.document.id for c in read(harness, cursor) if isinstance(c, Upsert)]
    assert changed == ["t:/p7.html"]
    assert harness.site.asked == ["/robots.txt", "/sitemap.xml", "/p7.html"]


def test_an_undated_page_is_asked_for_on_a_condition(harness: SiteHarness) -> None:
    """Since the last reading, by the site's own clock."""
    harness.add("p.html", "Les baux se renouvellent par écrit.", ("everyone",))
    page = harness.site.pages["/p.html"]
    page.lastmod = ""
    cursor = last_cursor(read(harness))
    harness.site.asked.clear()
    assert not [c for c in read(harness, cursor) if isinstance(c, Upsert)]
    assert "/p.html" in harness.site.asked
    page.body = html("p", "Les baux se résilient par lettre.")
    page.modified = datetime(2100, 1, 1, tzinfo=UTC)
    (changed,) = [c for c in read(harness, cursor) if isinstance(c, Upsert)]
    assert "résilient" in changed.document.sections[0].text
    assert "Accueil" not in changed.document.sections[0].text, "a menu is no text"


def test_robots_and_noindex_are_obeyed_at_once(harness: SiteHarness) -> None:
    """Pages that the site excludes from search are deleted in one reading."""
    for name in ("a.html", "prive/b.html", "c.html", "d.html"):
        harness.add(name, "Un texte que chacun peut lire.", ("everyone",))
    before = read(harness)
    harness.site.robots = "User-agent: *\nDisallow: /prive/\n"
    harness.site.pages["/c.html"].body = html(
        "c", "Un texte que chacun peut lire.", '<META name="ROBOTS" content="NOINDEX, follow">'
    )
    harness.site.pages["/c.html"].lastmod = "2026-02-01"
    harness.site.pages["/d.html"].headers["X-Robots-Tag"] = "noindex"
    harness.site.pages["/d.html"].lastmod = "2026-02-01"
    kept = apply(read(harness, last_cursor(before)), apply(before))
    assert set(kept) == {"t:/a.html"}
    (said,) = harness.connector().check()
    assert "robots.txt" in said


def test_narrowed_sections_close_before_anything_is_read(harness: SiteHarness) -> None:
    """Even where the page itself cannot be read any more."""
    harness.add("rh/a.html", "Une note sur les congés.", ("everyone",))
    cursor = last_cursor(read(harness))
    harness.set_readers("rh/a.html", ("annuaire:group:rh",))
    harness.site.pages["/rh/a.html"].status = 500
    changes = [one for one in read(harness, cursor) if not isinstance(one, Checkpoint)]
    assert changes[0] == AccessNarrowed("t:/rh/a.html", Access(frozenset({"annuaire:group:rh"})))


@pytest.mark.parametrize("path", ["/%72h/a.html", "/x/../rh/a.html", "//rh/a.html", "/RH/a.html"])
def test_another_spelling_of_a_path_has_its_section_s_readers(
    harness: SiteHarness, path: str
) -> None:
    """A server understands all of them as the same page."""
    options = SiteOptions(url=harness.site.url, sections={"/": ["everyone"], "/rh/": []})
    source = SiteSource("t", options, Access(), HttpHost(options.url))
    assert source.access(f"{harness.site.url.rstrip('/')}{path}") == Access()


def test_a_page_that_leads_into_a_section_has_its_readers(harness: SiteHarness) -> None:
    """A public address does not open what stands below a restricted one, or is restricted later."""
    harness.add("rh/a.html", "Une note sur les congés.", ("everyone",))
    harness.add("porte.html", "", ("everyone",))
    harness.site.pages["/porte.html"] = ServedPage(
        b"", "2026-01-15", 302, {"Location": "/rh/a.html"}
    )
    undated = harness.site.pages["/autre.html"] = replace(harness.site.pages["/porte.html"])
    undated.lastmod = ""
    harness.set_readers("autre.html", ("everyone",))
    first = read(harness)
    harness.set_readers("rh/a.html", ("annuaire:group:rh",))
    kept = apply(read(harness, last_cursor(first)), apply(first))
    assert {one.access for one in kept.values()} == {Access(frozenset({"annuaire:group:rh"}))}


FORBIDDEN = {
    "excluded": "/lu/exclu/secret.html",
    "outside of url": "/ailleurs/secret.html",
    "closed to robots": "/lu/robots/secret.html",
}


@pytest.fixture(params=FORBIDDEN)
def forbidden(request: pytest.FixtureRequest, site: Site) -> str:
    """The path of a page that the settings or robots.txt leave out."""
    path = FORBIDDEN[request.param]
    secret = html("Secret", "Le zanzibar du cadastre, <a href='/lu/b.html'>suite</a>.")
    site.pages[path] = ServedPage(secret, "2026-01-15")
    site.robots = "User-agent: *\nDisallow: /lu/robots/\n"
    return path


def below(site: Site, **options: Any) -> Snapshot:
    """The pages below `/lu/`, open to all."""
    given = SiteOptions(url=f"{site.url}lu/", exclude=["/lu/exclu/"], **options)
    everyone = Access(frozenset({"everyone"}))
    return Snapshot(SiteSource("t", given, everyone, HttpHost(given.url, QUICK)), MemorySeen())


def leading_to(path: str) -> ServedPage:
    return ServedPage(b"", "2026-01-15", 302, {"Location": path})


def test_page_that_redirects_to_forbidden_address_is_not_read(site: Site, forbidden: str) -> None:
    site.pages["/lu/porte.html"] = leading_to(forbidden)
    site.pages["/lu/a.html"] = ServedPage(html("A", "Une note sur les congés."), "2026-01-15")
    changes = list(below(site, sitemaps=["/sitemap.xml"]).changes(None))
    assert apply(changes).keys() == {"t:/lu/a.html"}
    assert [c.document_id for c in changes if isinstance(c, Malformed)] == ["t:/lu/porte.html"]
    assert forbidden not in site.asked


def test_followed_link_that_redirects_to_forbidden_address_is_not_read(
    site: Site, forbidden: str
) -> None:
    site.pages["/lu/"] = ServedPage(html("Accueil", "<a href='porte.html'>Une porte</a> ici."))
    site.pages["/lu/porte.html"] = leading_to(forbidden)
    site.pages["/lu/b.html"] = ServedPage(html("B", "Ce que seul le secret nomme."))
    assert apply(below(site, follow=10).changes(None)).keys() == {"t:/lu/"}
    assert forbidden not in site.asked
    site.pages["/lu/"] = leading_to(forbidden)
    with pytest.raises(SourceRefused, match="« exclude »"):
        list(below(site, follow=10).changes(None))


@pytest.mark.parametrize("named", ["sitemap", "index"])
def test_sitemap_that_redirects_to_forbidden_address_refuses_the_source(
    site: Site, forbidden: str, named: str
) -> None:
    """An unread sitemap would delete its pages; its other pages stay as they are."""
    schema = "http://www.sitemaps.org/schemas/sitemap/0.9"
    index = (
        f'<sitemapindex xmlns="{schema}"><sitemap><loc>{site.url}lu/plan.xml</loc></sitemap>'
        "</sitemapindex>"
    )
    site.pages["/lu/sitemap.xml"] = leading_to(forbidden)
    if named == "index":
        site.pages["/lu/sitemap.xml"] = ServedPage(index.encode())
        site.pages["/lu/plan.xml"] = leading_to(forbidden)
    with pytest.raises(SourceRefused, match="« exclude »"):
        list(below(site).changes(None))
    assert forbidden not in site.asked


def test_a_page_that_fails_is_stale_and_tried_again(harness: SiteHarness) -> None:
    """Its former text is not what the site shows; another reading brings it back."""
    harness.add("a.html", "Un texte que chacun peut lire.", ("everyone",))
    first = read(harness)
    page = harness.site.pages["/a.html"]
    page.status, page.lastmod = 403, "2026-03-01"
    changes = read(harness, last_cursor(first))
    assert ContentStale("t:/a.html") in changes
    assert [c.document_id for c in changes if isinstance(c, Malformed)] == ["t:/a.html"]
    page.status = 200
    again = read(harness, last_cursor(changes))
    assert [c.document.id for c in again if isinstance(c, Upsert)] == ["t:/a.html"]


def test_a_slow_site_is_waited_for_so_long_and_no_longer(harness: SiteHarness) -> None:
    """A page whose bytes never end is named and tried again; no other is lost."""
    for name in ("a.html", "lente.html", "z.html"):
        harness.add(name, "Un texte que chacun peut lire.", ("everyone",))
    page, slow = harness.site.pages["/z.html"], harness.site.pages["/lente.html"]
    page.between_s, slow.between_s = 0.0001, 0.05
    limits = HttpLimits(rate_per_s=0, timeout_s=5, total_timeout_s=1, max_wait_s=0)
    first = list(harness.connector(limits).changes(None))
    assert set(apply(first)) == {"t:/a.html", "t:/z.html"}
    assert [one.document_id for one in first if isinstance(one, Malformed)] == ["t:/lente.html"]
    slow.between_s = 0
    rest = harness.connector(limits).changes(last_cursor(first))
    assert set(apply(rest, apply(first))) == {"t:/a.html", "t:/lente.html", "t:/z.html"}


def test_a_site_that_asks_for_patience_has_it(harness: SiteHarness) -> None:
    """It says how long: the page is asked for again, and not lost."""
    harness.add("a.html", "Un texte que chacun peut lire.", ("everyone",))
    harness.site.pages["/a.html"].refusals = 1
    limits = HttpLimits(rate_per_s=0, timeout_s=5, total_timeout_s=10, max_wait_s=2)
    assert set(apply(harness.connector(limits).changes(None))) == {"t:/a.html"}
    assert harness.site.asked.count("/a.html") == 2


def test_a_deleted_page_still_in_the_map_is_deleted(harness: SiteHarness) -> None:
    """A site's map may be older than the site."""
    harness.add("a.html", "Un texte que chacun peut lire.", ("everyone",))
    first = read(harness)
    harness.site.pages["/a.html"].status = 410
    harness.site.pages["/a.html"].lastmod = "2026-03-01"
    changes = read(harness, last_cursor(first))
    assert ContentStale("t:/a.html") in changes
    assert not apply(changes, apply(first))


def test_a_page_that_comes_back_as_it_was_is_read(harness: SiteHarness) -> None:
    """It left the map, or refused, and nothing of it changed meanwhile."""
    harness.add("a.html", "Un texte que chacun peut lire.", ("everyone",))
    harness.add("b.html", "Un texte que chacun peut lire.", ("everyone",))
    page, undated = harness.site.pages["/a.html"], harness.site.pages["/b.html"]
    undated.lastmod = ""
    first = read(harness)
    harness.remove("a.html")
    undated.status = 403
    second = read(harness, last_cursor(first))
    kept = apply(second, apply(first))
    assert {one: document.access for one, document in kept.items()} == {"t:/b.html": Access()}
    harness.site.pages["/a.html"] = page
    undated.status = 200
    kept = apply(read(harness, last_cursor(second)), kept)
    everyone = Access(frozenset({"everyone"}))
    assert [document.access for document in kept.values()] == [everyone, everyone]


def test_a_map_that_is_cut_deletes_nothing(harness: SiteHarness) -> None:
    """An invalid or missing sitemap deletes nothing either."""
    harness.add("a.html", "Un texte que chacun peut lire.", ("everyone",))
    whole = harness.site.mapped()
    for cut in (whole[:-20], b"", b"<html><p>Connexion"):
        harness.site.mapped = lambda cut=cut: cut  # type: ignore[misc]
        changes = []
        with pytest.raises((SourceUnreachable, SourceRefused)):
            changes += harness.connector().changes(None)
        assert not [c for c in changes if isinstance(c, Listing)]


def test_an_index_of_packed_maps_is_followed(harness: SiteHarness) -> None:
    """Large sites have such an index; sitemaps on another host are not read."""
    harness.add("a.html", "Un texte que chacun peut lire.", ("everyone",))
    inner = harness.site.mapped()
    url = harness.site.url
    harness.site.pages["/part.xml.gz"] = ServedPage(gzip.compress(inner), status=200)
    harness.site.mapped = lambda: (
        f"<sitemapindex><sitemap><loc>{url}part.xml.gz</loc></sitemap>"
        "<sitemap><loc>https://ailleurs.example/x.xml</loc></sitemap></sitemapindex>"
    ).encode()
    assert set(apply(read(harness))) == {"t:/a.html"}
    (said,) = harness.connector().check()
    assert "ailleurs.example" in said


def test_entities_of_a_map_are_not_read(harness: SiteHarness) -> None:
    """No file of this machine, and no growth without end."""
    harness.site.mapped = lambda: (
        b'<!DOCTYPE u [<!ENTITY x SYSTEM "file:///etc/hostname">]>'
        b"<urlset><url><loc>/&x;</loc></url></urlset>"
    )
    assert not [c for c in read(harness) if isinstance(c, Upsert)]


def test_a_file_in_the_map_is_read_as_a_file(harness: SiteHarness) -> None:
    """Its text is extracted as any file's."""
    harness.site.pages["/guide.pdf"] = ServedPage(b"%PDF-1.4", "2026-01-15")
    harness.site.pages["/guide.pdf"].headers["Content-Type"] = "application/pdf"
    (upsert,) = [c for c in read(harness) if isinstance(c, Upsert)]
    assert upsert.document.content
    assert (upsert.document.content.filename, upsert.document.content.read()) == (
        "guide.pdf",
        b"%PDF-1.4",
    )


def test_a_site_that_stops_answering_is_read_on_later(
    harness: SiteHarness, monkeypatch: pytest.MonkeyPatch
) -> None:
    """From its last checkpoint, without a wrong deletion."""
    for number in range(120):
        harness.add(f"p{number}.html", f"La page {number} parle des régies.", ("everyone",))
    changes: list[Change] = []
    answer, asked = harness.site.answer, harness.site.asked
    stopped = ServedPage(b"", status=500)
    monkeypatch.setattr(
        harness.site, "answer", lambda path: answer(path) if len(asked) <= 52 else stopped
    )
    with pytest.raises(SourceUnreachable):
        changes.extend(harness.connector().changes(None))
    assert {len(c.document_ids) for c in changes if isinstance(c, Listing)} == {120}
    assert sum(isinstance(one, Upsert) for one in changes) == 50
    monkeypatch.undo()
    rest = read(harness, last_cursor(changes))
    assert len(apply(rest, apply(changes))) == 120


@pytest.mark.parametrize("url", ["ftp://x/", "https://a:b@x/", "notes"])
def test_an_address_that_is_none_is_refused(url: str) -> None:
    """With a sentence, before anything is asked."""
    with pytest.raises(ValueError, match="donnez une adresse"):
        SiteOptions(url=url)


def test_dates_are_http_dates(harness: SiteHarness) -> None:
    """The cursor keeps the site's own clock."""
    harness.add("p.html", "Les baux se renouvellent par écrit.", ("everyone",))
    assert format_datetime(datetime.now(UTC), usegmt=True)[:16] in last_cursor(read(harness))


def linking(*links: str, head: str = "") -> ServedPage:
    anchors = "".join(f"<a href='{one}'>là</a> " for one in links)
    page = html("Page", f"Un texte de la page. {anchors}", head)
    return ServedPage(page.split(b"<nav>")[0] + b"<main>" + page.split(b"<main>")[1])


def test_links_are_followed_where_no_map_is(harness: SiteHarness) -> None:
    """Below the root, at most so many, none that is forbidden; a fault deletes nothing."""
    site = harness.site
    harness.options = harness.options.model_copy(update={"follow": 5, "exclude": ["/non/"]})
    site.robots = "User-agent: *\nDisallow: /interdit/"
    site.pages = {
        "/": linking(
            "a.html", "/a.html#bas", "/non/x.html", "/interdit/x", "http://ailleurs.test/"
        ),
        "/a.html": linking("sous/b", "/", "plan.pdf", "mailto:x@y.fr", "http://[", "/absente"),
        "/sous/b": linking("c", head="<meta name='robots' content='nofollow'>"),
        "/sous/c": linking(),
        "/plan.pdf": ServedPage(b"%PDF-1.4", headers={"Content-Type": "application/pdf"}),
    }
    changes = read(harness)
    kept = apply(changes)
    assert sorted(kept) == ["t:/", "t:/a.html", "t:/plan.pdf", "t:/sous/b"]
    assert not [one for one in changes if isinstance(one, Malformed)]
    site.asked.clear()
    again = list(harness.connector().changes(last_cursor(changes)))
    assert not [one for one in again if isinstance(one, Upsert)]
    assert site.asked.count("/a.html") == 1
    site.pages["/sous/b"] = linking("c", "d", "e", "f")
    beyond = list(harness.connector().changes(last_cursor(again)))
    assert [one.where for one in beyond if isinstance(one, Malformed)] == ["follow"]
    site.pages["/a.html"].status = 503
    with pytest.raises(SourceUnreachable):
        list(harness.connector().changes(last_cursor(beyond)))
    site.pages["/"].status = 404
    with pytest.raises(SourceRefused):
        list(harness.connector().changes(last_cursor(beyond)))
