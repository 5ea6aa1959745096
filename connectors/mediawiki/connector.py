"""A MediaWiki as a source: its pages with history and files, and the groups of its accounts.

`_WikiCrawl.changes` shows the flow. `changes` finds changes since a cursor, `pages` decides the
readers and converts pages to documents, `client` talks to the wiki.
"""

import unicodedata
from collections.abc import Generator, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import timedelta
from queue import Empty, LifoQueue
from typing import Self

from connectors.mediawiki.changes import (
    OVERLAP,
    FullCrawl,
    WikiChanges,
    WikiCursor,
    changes_since,
    current_point,
    read_cursor,
)
from connectors.mediawiki.client import PAGES_PER_QUERY, PageError, WikiApi, WikiClient, wiki_api
from connectors.mediawiki.config import WikiConfig
from connectors.mediawiki.pages import (
    NamespaceAccess,
    PageConverter,
    Rendering,
    SiteInfo,
    UserGroups,
    WikiPage,
    namespace_access,
)
from connectors.parts import WHOLE, Part
from connectors.ports import (
    AccessNarrowed,
    Change,
    Checkpoint,
    ContentStale,
    Delete,
    Listing,
    Malformed,
    RecordVanished,
    SourceUnreachable,
    Upsert,
)
from connectors.values import Access

NOT_IN_NAMES = frozenset("#<>[]|{}/\x1f\0")
"""Characters that no account's name contains; a `|` would query several accounts."""


class WikiGroups:
    """Returns the principals `name:group:…` of agents with accounts in the wiki `name`."""

    def __init__(self, name: str, config: WikiConfig) -> None:
        self._name, self._config = name, config
        self._idle: LifoQueue[WikiApi] = LifoQueue()

    @property
    def name(self) -> str:
        """The source's name, with which its principals start."""
        return self._name

    def principals(self, agent_id: str, accounts: frozenset[str]) -> frozenset[str]:
        """Return the groups of an agent's accounts in this wiki; without any, sends no request.

        Raises `SourceUnreachable` or `SourceRefused`.
        """
        pairs = (account.partition(":") for account in accounts)
        own = {_normalize_account(name) for source, _, name in pairs if source == self._name}
        names = sorted(name for name in own if name and not NOT_IN_NAMES.intersection(name))
        if not names:
            return frozenset()
        with self._api() as api:
            users = "|".join(names)
            rows = list(api.rows(UserGroups, "users", list="users", ususers=users, usprop="groups"))
        # Other accounts in the response are ignored.
        own_rows = [row for row in rows if _normalize_account(row.name) in names]
        return frozenset(f"{self._name}:group:{group}" for row in own_rows for group in row.groups)

    @contextmanager
    def _api(self) -> Iterator[WikiApi]:
        """Lend a session for one query; if the query fails, the session is not used again."""
        try:
            api = self._idle.get_nowait()
        except Empty:
            api = wiki_api(self._config)
        try:
            yield api
        except PageError as error:
            raise SourceUnreachable(
                f"Le wiki {api.transport.host} ne dit pas les groupes d'un compte ({error.code})."
            ) from error
        self._idle.put(api)


def _normalize_account(name: str) -> str:
    """Return the name as the wiki writes it: spaces, a capital first letter, NFC.

    In any other form, groups would be attributed to the wrong account.
    """
    plain = " ".join(unicodedata.normalize("NFC", name).replace("_", " ").split())
    return plain[:1].upper() + plain[1:]


FULL_CRAWL_EVERY = timedelta(days=1)
"""All pages are listed this often, whatever the recent changes say: to find deletions that the wiki
hides, pages that scripts add, and templates that change.
"""
LISTING_BATCH = 500
MAX_READS = 3
"""Maximum number of times that a page is read if it changes meanwhile; then it waits for a later
crawl.
"""

CrawlSteps = Generator[Change, None, WikiCursor]
"""Yields changes and returns the cursor after them."""


@dataclass(frozen=True, slots=True)
class MediaWikiConnector:
    """Reads the pages and files of a wiki. Each `part` lists all pages, and reads only its own."""

    source: str
    config: WikiConfig
    part: Part = WHOLE

    def of_part(self, part: Part) -> Self:
        """Return the same wiki, limited to the pages of this part, in all namespaces."""
        return replace(self, part=part)

    def changes(self, since: str | None) -> Iterator[Change]:
        """Yield the changes since the cursor. Raises `SourceUnreachable` or `SourceRefused`."""
        yield from self._crawl().changes(read_cursor(since, self.config.root))

    def refetch(self, document_ids: frozenset[str]) -> Iterator[Change]:
        """Yield these pages as they are now. Raises `SourceUnreachable` or `SourceRefused`."""
        page_ids = {name.removeprefix(f"{self.source}:") for name in document_ids}
        crawl = self._crawl()
        for page_id in sorted(int(one) for one in page_ids if one.isascii() and one.isdigit()):
            yield from crawl.page(page_id)

    def count_pending(self, since: str | None) -> int | None:
        """Return the wiki's number of pages before the first crawl, None for later crawls."""
        cursor = read_cursor(since, self.config.root)
        if cursor is not None:
            return None
        return WikiClient(wiki_api(self.config)).site().statistics.pages

    def _crawl(self) -> "_WikiCrawl":
        wiki = WikiClient(wiki_api(self.config))
        site = wiki.site()
        return _WikiCrawl(
            wiki=wiki,
            site=site,
            name=self.config.root,
            access=namespace_access(self.config, site),
            part=self.part,
            converter=PageConverter(
                self.source, wiki.bots(), lambda page: wiki.download(page.imageinfo[0])
            ),
        )


@dataclass(frozen=True, slots=True)
class _WikiCrawl:
    """One crawl of a wiki with the current access of its namespaces."""

    wiki: WikiClient
    site: SiteInfo
    name: str
    access: NamespaceAccess
    part: Part
    converter: PageConverter

    def changes(self, cursor: WikiCursor | None) -> Iterator[Change]:
        """Yield changed readers, then changed pages, then a full crawl if one is due.

        Pages that change during the full crawl are read after it.
        """
        if cursor is None:
            point = current_point(self.wiki)
            cursor = WikiCursor(self.name, self.access, point, point.moment, FullCrawl())
        else:
            yield from self._narrow_access(cursor.access)
            pending = {*cursor.pending, *cursor.failed}
            cursor = self._advance(replace(cursor, pending=tuple(pending), failed=()))
            yield Checkpoint(cursor.to_json())
            cursor = yield from self._read_pending(cursor)
        if cursor.full_crawl is not None:
            cursor = yield from self._read_all(cursor, cursor.full_crawl)
            cursor = self._advance(cursor)
            yield Checkpoint(cursor.to_json())
            cursor = yield from self._read_pending(cursor)

    def _narrow_access(self, former: NamespaceAccess) -> Iterator[Change]:
        """Remove from pages the readers that their namespace no longer has.

        A page may have moved to the namespace since it was last read, so readers are added only
        when the page is read again (`_known_namespaces`).
        """
        for namespace, access in former.items():
            current = self.access.get(namespace, Access())
            if current != access and str(namespace) in self.site.namespaces:
                for page_id in self._ids(namespace):
                    yield AccessNarrowed(self._id(page_id), current)

    def _advance(self, cursor: WikiCursor) -> WikiCursor:
        """Return the cursor at the current point, with the pages that changed in `pending`."""
        found = changes_since(self.wiki, cursor.point)
        full_crawl = self._due_crawl(cursor, found)
        starts = full_crawl is not None and cursor.full_crawl is None
        return WikiCursor(
            wiki=cursor.wiki,
            access=self.access,
            point=found.point,
            last_full_crawl=found.point.moment if starts else cursor.last_full_crawl,
            full_crawl=full_crawl,
            pending=tuple(sorted({*cursor.pending, *self._changed_ids(found)})),
            failed=cursor.failed,
        )

    def _due_crawl(self, cursor: WikiCursor, found: WikiChanges) -> FullCrawl | None:
        """Return a new full crawl if one is needed, the full crawl in progress, or None."""
        if found.clock_went_back:
            return FullCrawl()
        uncertain = not found.complete or cursor.access != self.access
        known = self._known_namespaces(cursor.access)
        current = cursor.full_crawl
        if current is not None:
            restarted = FullCrawl(current.since, current.known_namespaces & known)
            return restarted if uncertain else current
        if uncertain or found.point.moment - cursor.last_full_crawl >= FULL_CRAWL_EVERY:
            return FullCrawl(cursor.last_full_crawl - OVERLAP, known)
        return None

    def _known_namespaces(self, former: NamespaceAccess) -> frozenset[int]:
        """Return namespaces that gained no reader: their unchanged pages need not be read again."""
        return frozenset(
            namespace
            for namespace, access in former.items()
            if (current := self.access.get(namespace)) is not None
            and access.narrowed_to(current) == current
        )

    def _changed_ids(self, found: WikiChanges) -> set[int]:
        """Return the ids of changed pages; for a redirect, also the id of its target."""
        titled = list(self.wiki.titled(found.titles))
        ids = {*found.pages, *(page.pageid for page in titled if page.pageid)}
        redirects = {page.pageid for page in self.wiki.pages(ids) if page.redirect}
        targets = self.wiki.pages(redirects, follow=True)
        ids |= {page.pageid for page in targets if page.pageid}
        return set(filter(self._holds, ids))

    def _read_pending(self, cursor: WikiCursor) -> CrawlSteps:
        while cursor.pending:
            cursor = yield from self._pages(cursor, cursor.pending[:PAGES_PER_QUERY])
            cursor = replace(cursor, pending=cursor.pending[PAGES_PER_QUERY:])
            yield Checkpoint(cursor.to_json())
        return cursor

    def _pages(self, cursor: WikiCursor, page_ids: Iterable[int]) -> CrawlSteps:
        """Read pages; the returned cursor notes pages that the wiki could not render."""
        failed = set(cursor.failed)
        for page_id in page_ids:
            kinds = set()
            for change in self.page(page_id):
                kinds.add(type(change))
                yield change
            if Malformed in kinds and Upsert not in kinds:
                failed.add(page_id)
            else:
                failed.discard(page_id)
        return replace(cursor, failed=tuple(sorted(failed)))

    def _read_all(self, cursor: WikiCursor, crawl: FullCrawl) -> CrawlSteps:
        """Continue a full crawl, then list all pages."""
        size = PAGES_PER_QUERY if crawl.since is None else LISTING_BATCH
        for namespace in [n for n in sorted(self.access) if n >= crawl.namespace]:
            title = crawl.title if namespace == crawl.namespace else ""
            for pages, next_title in self.wiki.listed(namespace, title, size):
                due = [
                    page.pageid
                    for page in pages
                    if self._holds(page.pageid) and crawl.must_read(namespace, page.touched)
                ]
                cursor = yield from self._pages(cursor, due)
                next_namespace = namespace if next_title else namespace + 1
                crawl = replace(crawl, namespace=next_namespace, title=next_title)
                cursor = replace(cursor, full_crawl=crawl)
                yield Checkpoint(cursor.to_json())
        page_ids = (page_id for namespace in self.access for page_id in self._ids(namespace))
        yield Listing(frozenset(map(self._id, page_ids)))
        return replace(cursor, full_crawl=None)

    def page(self, page_id: int) -> Iterator[Change]:
        """Yield a page as it is now: a document, or its deletion.

        Its readers are its namespace's readers: if it changed between the queries for the page and
        for its text, it is read again.
        """
        for _ in range(MAX_READS):
            page = self.wiki.page(page_id)
            if page is None or page.redirect or page.ns not in self.access:
                yield Delete(self._id(page_id))
                return
            try:
                rendering = self.wiki.rendering(page_id)
            except RecordVanished:
                yield Delete(self._id(page_id))
                return
            except PageError as error:
                reason = f"le wiki ne rend pas cette page ({error.code}) : voyez-la dans le wiki"
                yield from self._unread(page_id, reason)
                return
            if page.lastrevid in (0, rendering.revid):
                yield from self._document(page, rendering)
                return
        yield from self._unread(page_id, "la page change sans cesse : elle sera relue")

    def _unread(self, page_id: int, reason: str) -> Iterator[Change]:
        yield Malformed(f"page {page_id}", reason, self._id(page_id))
        yield ContentStale(self._id(page_id))

    def _document(self, page: WikiPage, rendering: Rendering) -> Iterator[Change]:
        """Yield the page's document; its file is left out if it is on another host."""
        other_host = page.imageinfo and not self.wiki.api.transport.same_host(page.imageinfo[0].url)
        if other_host:
            page = page.model_copy(update={"imageinfo": ()})
        yield Upsert(self.converter.document(page, rendering, self.access[page.ns]))
        if other_host:
            reason = "le fichier est sur un autre hôte que celui de « url » : seule sa page est lue"
            yield Malformed(f"page {page.pageid}", reason, self._id(page.pageid))

    def _ids(self, namespace: int) -> Iterator[int]:
        return filter(self._holds, self.wiki.ids(namespace))

    def _holds(self, page_id: int) -> bool:
        return self.part.holds(self._id(page_id))

    def _id(self, page_id: int) -> str:
        return f"{self.converter.source}:{page_id}"
