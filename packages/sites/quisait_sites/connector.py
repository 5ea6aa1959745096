"""Read a site by its sitemaps: `SiteConnector.changes` shows the flow."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from http import HTTPStatus

from connectors.digests import digest_of
from connectors.http_failures import FailuresInARow
from connectors.http_host import HttpHost
from connectors.http_limits import HttpLimits
from connectors.installed import ConnectorKind, SourcePlace
from connectors.ports import (
    AccessNarrowed,
    Change,
    Checkpoint,
    ContentStale,
    Delete,
    Listing,
    Malformed,
    SourceRefused,
    SourceUnreachable,
    Upsert,
)
from connectors.values import Access
from quisait_sites.cursor import SiteCursor, in_parts, read_cursor
from quisait_sites.options import SiteOptions
from quisait_sites.pages import NoText, NotForSearch, page_document, page_id, plain_path
from quisait_sites.sections import readers_by_path
from quisait_sites.sitemap import SiteMap, read_site_map

CHECKPOINT_PAGES = 50
_MOST_BYTES = 50 * 1024 * 1024
_GONE = (HTTPStatus.NOT_FOUND, HTTPStatus.GONE)


@dataclass(frozen=True, slots=True)
class SiteConnector:
    """Reads the pages of one site's sitemaps.

    They are divided into parts (`quisait_sites.cursor`): a part in which an address, a date or a
    reader changed is read again. A page without a date in the sitemap is requested at each reading,
    with `If-Modified-Since`.
    """

    source: str
    options: SiteOptions
    default_access: Access
    ca_file: str = ""
    limits: HttpLimits = field(default_factory=HttpLimits)

    def changes(self, since: str | None) -> Iterator[Change]:
        """Yield changes, removed readers first, then the listing. Raises `SourceError`."""
        host = self._host()
        site = read_site_map(host, self.options.sitemaps, self.options.exclude)
        parts = in_parts(site.pages)
        digests = {
            part: digest_of(
                f"{one} {site.pages[one]} {sorted(self.access(one).allowed)}" for one in addresses
            )
            for part, addresses in parts.items()
        }
        readers = digest_of(map(repr, sorted(self.options.sections.items()))).hex()
        readers += digest_of(sorted(self.default_access.allowed)).hex()
        before = read_cursor(since)
        # Forget changed parts first: a page that is removed now may come back unchanged.
        cursor = before.only({one for one in parts if digests[one] == before.digest(one)})
        yield Checkpoint(cursor.text())
        if before.readers != readers:
            yield from (AccessNarrowed(self._id(one), self.access(one)) for one in site.pages)
        reading = _Reading(self, host, site, before.moment)
        cursor = SiteCursor(cursor.digests, readers, before.moment)
        pages_since = 0
        for part, addresses in parts.items():
            changed = digests[part] != cursor.digest(part)
            whole = True
            for address in addresses:
                if changed or not site.pages[address]:
                    changes = list(reading.page(address, anew=changed))
                    if whole and any(isinstance(one, Malformed | Delete) for one in changes):
                        whole = False
                        if not changed:
                            cursor = cursor.without(part)
                            yield Checkpoint(cursor.text())
                    yield from changes
                    pages_since += 1
            if changed and whole:
                cursor = cursor.with_part(part, digests[part])
            if pages_since >= CHECKPOINT_PAGES:
                pages_since = 0
                yield Checkpoint(cursor.text())
        there = [self._id(one) for one in site.pages if one not in reading.gone]
        yield Listing(frozenset(there))
        yield Checkpoint(SiteCursor(cursor.digests, readers, site.now).text())

    def refetch(self, document_ids: frozenset[str]) -> Iterator[Change]:
        """Yield these pages as they are now. Raises `SourceError`."""
        host = self._host()
        site = read_site_map(host, self.options.sitemaps, self.options.exclude)
        reading = _Reading(self, host, site, "")
        for address in sorted(site.pages):
            if self._id(address) in document_ids:
                yield from reading.page(address, anew=True)

    def check(self) -> Iterator[str]:
        """Yield a French sentence per problem: skipped or undated pages. Raises `SourceError`."""
        site = read_site_map(self._host(), self.options.sitemaps, self.options.exclude)
        undated = sum(not lastmod for lastmod in site.pages.values())
        if site.refused:
            yield f"robots.txt interdit {site.refused} pages, qui ne sont pas lues"
        for other in site.elsewhere:
            yield f"un plan du site est sur {other}, qui n'est pas lu : ses pages manquent"
        if undated:
            yield f"{undated} pages sans date dans le plan du site, redemandées à chaque lecture"
        if not site.pages:
            yield "aucune page dans le plan du site"

    def _host(self) -> HttpHost:
        return HttpHost(self.options.url, self.limits, self.ca_file)

    def _id(self, address: str) -> str:
        return page_id(self.source, address)

    def access(self, address: str) -> Access:
        """Return a page's readers: those of the longest section that fits, or the source's."""
        return readers_by_path(plain_path(address), self.options.sections, self.default_access)


@dataclass(slots=True)
class _Reading:
    """One reading: requests pages, and notes pages that the site no longer has."""

    connector: SiteConnector
    host: HttpHost
    site: SiteMap
    since: str
    gone: set[str] = field(default_factory=set)
    failures: FailuresInARow = field(default_factory=FailuresInARow)

    def page(self, address: str, *, anew: bool) -> Iterator[Change]:
        """Yield the changes of one page; nothing if it did not change."""
        document_id = page_id(self.connector.source, address)
        headers = {} if anew or not self.since else {"If-Modified-Since": self.since}
        try:
            answer = self.host.request("GET", address, headers=headers)
        except SourceRefused:
            yield from self._closed(document_id, address, "la page renvoie hors du site")
            return
        except SourceUnreachable as error:
            self.failures.note(error)
            yield Malformed(address, str(error), document_id)
            return
        self.failures.end()
        status = answer.status_code
        if status == HTTPStatus.NOT_MODIFIED:
            return
        if status in _GONE:
            yield self._delete(document_id, address)
        elif status != HTTPStatus.OK:
            yield from self._closed(document_id, address, f"la page répond {status}")
        else:
            try:
                yield Upsert(
                    page_document(
                        self.connector.source,
                        address,
                        self.site.pages[address],
                        self._access(address, answer.url),
                        answer,
                        self.connector.options.evidence,
                    )
                )
            except NotForSearch:
                yield self._delete(document_id, address)
            except NoText:
                yield from self._closed(document_id, address, "la page n'a pas de texte à elle")

    def _access(self, address: str, found_at: str) -> Access:
        """Return the page's readers; after a redirect, only readers of both pages."""
        access = self.connector.access(address)
        return access.narrowed_to(self.connector.access(found_at)) if found_at else access

    def _delete(self, document_id: str, address: str) -> Change:
        self.gone.add(address)
        return Delete(document_id)

    def _closed(self, document_id: str, address: str, reason: str) -> Iterator[Change]:
        """Hide the text that was read before, and report why."""
        yield ContentStale(document_id)
        yield Malformed(address, reason, document_id)


def open_site(place: SourcePlace, options: SiteOptions) -> SiteConnector:
    """Return the connector of one source; no request is sent yet."""
    ca_file = str(place.folder / options.ca_file) if options.ca_file else ""
    limits = HttpLimits(rate_per_s=options.rate_per_s, max_bytes=_MOST_BYTES)
    return SiteConnector(place.source, options, place.default_access, ca_file, limits)


KIND = ConnectorKind(
    "site web",
    SiteOptions,
    open_site,
    about="Les pages d'un site, trouvées par son plan (sitemap). Une "
    "page est lue par ceux que vous dites, par section.",
    credential="",
)
