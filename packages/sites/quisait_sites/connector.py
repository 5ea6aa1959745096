"""Read a site by its sitemaps or its links: `SiteSource.listing_since` shows the flow."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from http import HTTPStatus

from connectors.digests import digest_of
from connectors.http_failures import FailuresInARow
from connectors.http_host import HttpHost
from connectors.installed import ConnectorKind, SourcePlace
from connectors.ports import (
    Former,
    Listed,
    ListingItem,
    Malformed,
    Note,
    RecordKept,
    RecordUnreadable,
    RecordVanished,
    SourceRefused,
    SourceUnreachable,
)
from connectors.values import Access, Document
from quisait_sites.options import SiteOptions
from quisait_sites.pages import NoText, NotForSearch, page_document, page_id, plain_path
from quisait_sites.sections import readers_by_path
from quisait_sites.sitemap import SiteMap, SiteScope, follow_links, read_site_map

_MOST_BYTES = 50 * 1024 * 1024
FOLLOWED_BY_CHECK = 20
"""Number of pages whose links a check follows."""
_GONE = (HTTPStatus.NOT_FOUND, HTTPStatus.GONE)


@dataclass(slots=True)
class SiteSource:
    """Lists the pages of one site's sitemaps, or the pages that its links lead to.

    A page without a date in the sitemap is requested at each crawl, with `If-Modified-Since`.
    """

    source: str
    options: SiteOptions
    default_access: Access
    host: HttpHost
    _failures: FailuresInARow = field(init=False)
    _scope: SiteScope = field(init=False)

    def listing_since(self, former: Former) -> Iterator[ListingItem]:
        """Yield every page. The note is the server's time, for `If-Modified-Since`.

        Raises `SourceError`.
        """
        self._failures = FailuresInARow()
        site = self._pages(self.options.follow)
        self._scope = site.scope
        if site.more:
            yield Malformed("follow", _more(self.options.follow))
        readers = self._readers_digest()
        # A page that leads to another has the readers of both: other settings ask for it again.
        of_readers, _, moment = former.note.partition(" ")
        since = moment if of_readers == readers else ""
        listed = {}
        for address, lastmod in sorted(site.pages.items()):
            version = f"{lastmod} {readers}".encode() if lastmod else b""
            one = Listed(page_id(self.source, address), version, self.access(address))
            listed[one.id] = replace(one, place=(address, lastmod, ""))
        undated = [one for one in listed.values() if not one.version]
        for one_id in former.known(undated) if since else ():
            address, lastmod, _ = listed[one_id].place
            listed[one_id] = replace(listed[one_id], place=(address, lastmod, since))
        yield from (one for one in listed.values() if former.enters(one.id))
        yield Note(f"{readers} {site.now}")

    def read(self, listed: Listed) -> Document:
        """Return a page as it is now. Raises `SourceError`."""
        address, lastmod, since = listed.place
        headers = {"If-Modified-Since": since} if since else {}
        try:
            answer = self.host.request("GET", address, headers=headers, admits=self._scope.admits)
        except SourceRefused as error:
            raise RecordUnreadable("la page renvoie hors de ce qui est lu") from error
        except SourceUnreachable as error:
            self._failures.note(error)
            raise RecordKept(str(error)) from error
        self._failures.end()
        status = answer.status_code
        if status == HTTPStatus.NOT_MODIFIED and since:
            raise RecordKept
        if status in _GONE:
            raise RecordVanished("le site ne l'a plus")
        if status != HTTPStatus.OK:
            raise RecordUnreadable(f"la page répond {status}")
        access = self._access(address, answer.url)
        try:
            return page_document(
                self.source, address, lastmod, access, answer, self.options.evidence
            )
        except NotForSearch as error:
            raise RecordVanished("elle demande à n'être pas trouvée") from error
        except NoText as error:
            raise RecordUnreadable("la page n'a pas de texte à elle") from error

    def rights(self, items: Sequence[Listed]) -> Mapping[str, Access]:
        """Return the readers that the settings state; the site itself has none."""
        return {one.id: self.access(one.place[0]) for one in items}

    def check(self) -> Iterator[str]:
        """Yield a French sentence per problem: skipped or undated pages. Raises `SourceError`."""
        site = self._pages(min(self.options.follow, FOLLOWED_BY_CHECK))
        undated = sum(not lastmod for lastmod in site.pages.values())
        if site.refused:
            yield f"robots.txt interdit {site.refused} pages, qui ne sont pas lues"
        for other in site.elsewhere:
            yield f"un plan du site est sur {other}, qui n'est pas lu : ses pages manquent"
        if undated and not self.options.follow:
            yield f"{undated} pages sans date dans le plan du site, redemandées à chaque lecture"
        if not site.pages:
            yield "aucune page dans le plan du site"

    def _pages(self, follow: int) -> SiteMap:
        if follow:
            return follow_links(self.host, follow, self.options.exclude)
        return read_site_map(self.host, self.options.sitemaps, self.options.exclude)

    def _readers_digest(self) -> str:
        sections = sorted(self.options.sections.items())
        return digest_of([repr(sections), *sorted(self.default_access.allowed)], 8).hex()

    def access(self, address: str) -> Access:
        """Return a page's readers: of the longest section that matches, or of the source."""
        return readers_by_path(plain_path(address), self.options.sections, self.default_access)

    def _access(self, address: str, found_at: str) -> Access:
        """Return the page's readers; after a redirect, only readers of both pages."""
        access = self.access(address)
        return access.narrowed_to(self.access(found_at)) if found_at else access


def _more(most: int) -> str:
    return f"des liens mènent à plus de {most} pages : relevez « follow », ou laissez-en (exclude)"


def open_site(place: SourcePlace, options: SiteOptions) -> SiteSource:
    """Return the connector of one source; no request is sent yet."""
    host = place.http(options, max_bytes=_MOST_BYTES)
    return SiteSource(place.source, options, place.default_access, host)


KIND = ConnectorKind(
    "site web",
    SiteOptions,
    open_site,
    about="Les pages d'un site, trouvées par son plan (sitemap) ou ses liens. Une "
    "page est lue par ceux que vous dites, par section.",
    credential="",
)
