"""Find the pages of a site: by sitemaps (sitemaps.org) or links, and robots.txt (RFC 9309)."""

import gzip
import io
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from hashlib import sha256
from http import HTTPStatus
from pathlib import PurePosixPath
from urllib.parse import urljoin, urlsplit
from urllib.robotparser import RobotFileParser

import trafilatura
from lxml import etree

from connectors.http_host import USER_AGENT, HttpHost, HttpResponse, host_of, joined
from connectors.ports import SourceRefused, SourceUnreachable
from quisait_sites.pages import plain_path
from quisait_sites.sections import is_in_a_section

MOST_PAGES = 200_000
MOST_SITEMAPS = 1_000
_OF_PAGES = ("", ".html", ".htm", ".xhtml", ".php", ".asp", ".aspx", ".jsp")
"""Endings of addresses that may be pages with links."""
_MOST_BYTES = 100 * 1024 * 1024
"""Maximum size of one unpacked sitemap: twice what sitemaps.org allows."""


@dataclass(frozen=True, slots=True)
class SiteScope:
    """The addresses of a site that the settings and robots.txt let be requested."""

    host: HttpHost
    excluded: Sequence[str]
    robots: RobotFileParser

    def contains(self, address: str) -> bool:
        """Return whether the address is on this site, at or below its root, and not excluded."""
        return (
            self.host.same_host(address)
            and plain_path(address).startswith(urlsplit(self.host.root).path)
            and not is_in_a_section(plain_path(address), dict.fromkeys(self.excluded, ()))
        )

    def admits(self, address: str) -> bool:
        """Return whether the address may be requested, also by a redirect."""
        return self.contains(address) and self.robots.can_fetch(USER_AGENT, address)


@dataclass(frozen=True, slots=True)
class SiteMap:
    """The pages by address.

    Each has its `lastmod` as written, a mark of its content, or an empty text. `refused` is the
    number of pages that robots.txt forbids. `elsewhere` are other hosts, whose sitemaps are not
    read. `now` is the time of the site's clock as an HTTP date, or empty. `more` is true if links
    lead to more pages than may be followed. `scope` has the addresses that may be requested.
    """

    scope: SiteScope
    pages: dict[str, str]
    refused: int
    elsewhere: tuple[str, ...]
    now: str
    more: bool = False


def follow_links(host: HttpHost, most: int, excluded: Sequence[str]) -> SiteMap:
    """Return the pages that links lead to from the root, the nearest first, at most `most`.

    Raises `SourceUnreachable` if one page fails: without its links, others would seem deleted;
    `SourceRefused` if the root is not a page.
    """
    robots, now = robots_of(host)
    scope = SiteScope(host, excluded, robots)
    pages: dict[str, str] = {host.root: ""}
    forbidden: set[str] = set()
    for address in (waiting := [host.root]):  # it grows on the way
        if PurePosixPath(urlsplit(address).path).suffix.lower() not in _OF_PAGES:
            continue  # a file, which has no links
        if (answer := _followed(scope, address)) is None:
            continue
        if answer.status_code in (HTTPStatus.NOT_FOUND, HTTPStatus.GONE):
            del pages[address]
            continue
        pages[address] = f"#{sha256(answer.content).hexdigest()}"
        for found in _links(answer, address) if answer.status_code == HTTPStatus.OK else ():
            if found in pages or found in forbidden or not scope.contains(found):
                continue
            if not scope.admits(found):
                forbidden.add(found)
            elif len(waiting) < most:
                pages[found] = ""
                waiting.append(found)
            else:
                return SiteMap(scope, pages, len(forbidden), (), now, more=True)
    return SiteMap(scope, pages, len(forbidden), (), now)


def _followed(scope: SiteScope, address: str) -> HttpResponse | None:
    """Return the answer of a page, or None if it leads to another host or to what is not read.

    Raises `SourceRefused` if the root has no answer: all pages would count as deleted.
    """
    host = scope.host
    try:
        answer = host.request("GET", address, admits=scope.admits)
    except SourceRefused:
        if address == host.root:
            raise
        return None
    if address == host.root and answer.status_code != HTTPStatus.OK:
        raise SourceRefused(f"{host.host} : « url » répond {answer.status_code} ; corrigez-la.")
    return answer


def _links(answer: HttpResponse, address: str) -> Iterator[str]:
    """Yield the addresses that a page links to, unless it asks that they are not followed."""
    tree = trafilatura.load_html(answer.content)
    if tree is None or "nofollow" in " ".join(tree.xpath("//meta[@name='robots']/@content")):
        return
    base = (answer.url or address, *tree.xpath("//base/@href"))
    for link in tree.xpath("//a[not(contains(@rel, 'nofollow'))]/@href"):
        with suppress(ValueError):  # not a valid URL
            yield joined(joined(base[0], base[-1]), link.strip()).partition("#")[0]


def read_site_map(host: HttpHost, named: Sequence[str], excluded: Sequence[str]) -> SiteMap:
    """Return every page that may be read. Raises `SourceUnreachable`, `SourceRefused`.

    An unreadable sitemap is an error, because otherwise its pages would count as deleted.
    """
    robots, now = robots_of(host)
    scope = SiteScope(host, excluded, robots)
    pages: dict[str, str] = {}
    refused = 0
    waiting = [*named] or robots.site_maps() or [urljoin(host.root, "sitemap.xml")]
    seen: set[str] = set()
    elsewhere: set[str] = set()
    while waiting:
        address = joined(host.root, waiting.pop())
        if address in seen:
            continue
        seen.add(address)
        if not host.same_host(address):
            elsewhere.add(host_of(address))
            continue
        if len(seen) > MOST_SITEMAPS:
            raise SourceRefused(f"{host.host} : plus de {MOST_SITEMAPS} plans de site.")
        for found, lastmod, is_page in _entries(scope, address):
            if not is_page:
                waiting.append(found)
            elif scope.contains(found):
                allowed = scope.admits(found)
                refused += not allowed
                if allowed:
                    pages[found] = lastmod
        if len(pages) > MOST_PAGES:
            raise SourceRefused(
                f"{host.host} : plus de {MOST_PAGES} pages ; partagez le site en sources, une par "
                "section (« url »)."
            )
    return SiteMap(scope, pages, refused, tuple(sorted(elsewhere)), now)


def robots_of(host: HttpHost) -> tuple[RobotFileParser, str]:
    """Return the site's rules for robots, and its clock's time as an HTTP date, or empty."""
    parser = RobotFileParser()
    answer = host.request("GET", urljoin(host.root, "/robots.txt"))
    lines = answer.content.decode("utf-8", "replace").splitlines()
    parser.parse(lines if answer.status_code == HTTPStatus.OK else [])
    return parser, answer.headers.get("Date", "")


def _entries(scope: SiteScope, address: str) -> Iterator[tuple[str, str, bool]]:
    """Yield (address, lastmod, whether it is a page and not a sitemap) of each entry."""
    host = scope.host
    answer = host.request("GET", address, admits=scope.admits)
    if answer.status_code != HTTPStatus.OK:
        raise SourceRefused(
            f"{host.host} : le plan du site ({urlsplit(address).path}) répond "
            f"{answer.status_code} ; nommez le bon par « sitemaps », ou réglez « follow » pour "
            "suivre les liens."
        )
    try:
        # Without entities or network access, since the content is not trusted.
        parser = etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False)
        root = etree.parse(io.BytesIO(_unpacked(answer)), parser).getroot()
    except (etree.XMLSyntaxError, OSError, EOFError) as error:
        raise SourceUnreachable(
            f"{host.host} : le plan du site ({urlsplit(address).path}) ne se lit pas : rien n'a "
            "été supprimé, il sera relu plus tard."
        ) from error
    for entry in root:
        name = etree.QName(entry).localname if isinstance(entry.tag, str) else ""
        if name in ("url", "sitemap"):
            loc = (entry.findtext("{*}loc") or "").strip()
            if loc:
                yield (
                    joined(address, loc).partition("#")[0],
                    (entry.findtext("{*}lastmod") or "").strip(),
                    name == "url",
                )


def _unpacked(answer: HttpResponse) -> bytes:
    if not answer.content.startswith(b"\x1f\x8b"):
        return answer.content
    with gzip.GzipFile(fileobj=io.BytesIO(answer.content)) as file:
        content = file.read(_MOST_BYTES + 1)
    if len(content) > _MOST_BYTES:
        raise OSError("too large")
    return content
