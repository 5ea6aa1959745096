"""A MediaWiki as a source: its pages with history and files, and the groups of its accounts.

`_WikiCrawl.changes` shows the flow. `changes` says what changed since a cursor, `pages` who may
read what and how a page becomes a document, `client` and `transport` talk to the wiki.
"""

import unicodedata
from collections.abc import Generator, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import timedelta
from queue import Empty, LifoQueue

from connectors.mediawiki.changes import (
    OVERLAP,
    FullCrawl,
    WikiChanges,
    WikiCursor,
    changes_since,
    current_point,
    read_cursor,
)
from connectors.mediawiki.client import PAGES_PER_QUERY, PageError, WikiApi, WikiClient
from connectors.mediawiki.models import Rendering, SiteInfo, UserGroups, WikiPage
from connectors.mediawiki.pages import NamespaceAccess, PageConverter, namespace_access
from connectors.mediawiki.transport import WikiConfig, WikiTransport
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
"""What no account's name holds; the bar would ask for several."""


class WikiGroups:
    """The principals `name:group:…` of who holds accounts in the wiki of that name."""

    def __init__(self, name: str, config: WikiConfig) -> None:
        self._name, self._config = name, config
        self._idle: LifoQueue[WikiApi] = LifoQueue()

    @property
    def name(self) -> str:
        """The source's name, with which its principals begin."""
        return self._name

    def principals(self, agent_id: str, accounts: frozenset[str]) -> frozenset[str]:
        """The groups of all their accounts in this wiki; without an account, none, unasked.

        Raises `SourceUnreachable` or `SourceRefused`.
        """
        pairs = (account.partition(":") for account in accounts)
        own = {_normalize_account(name) for source, _, name in pairs if source == self._name}
        names = sorted(name for name in own if name and not NOT_IN_NAMES.intersection(name))
        if not names:
            return frozenset()
        with self._api() as api:
            rows = list(
                api.rows(
                    UserGroups, "users", list="users", ususers="|".join(names), usprop="groups"
                )
            )
        # Only of whom was asked about, whatever the answer says besides.
        found = {
            group for row in rows if _normalize_account(row.name) in names for group in row.groups
        }
        return frozenset(f"{self._name}:group:{group}" for group in found)

    @contextmanager
    def _api(self) -> Iterator[WikiApi]:
        """A session for one question; one that failed is not used again."""
        config = self._config
        try:
            api = self._idle.get_nowait()
        except Empty:
            transport = WikiTransport(config.root, config.limits, config.ca_file)
            api = WikiApi(transport, config.user, config.password)
        try:
            yield api
        except PageError as fault:
            raise SourceUnreachable(
                f"Le wiki {api.transport.host} ne dit pas les groupes d'un compte ({fault.code})."
            ) from fault
        self._idle.put(api)


def _normalize_account(name: str) -> str:
    """As the wiki writes it: spaces, a large first letter, NFC.

    Groups of a name that is written otherwise would be taken for somebody else's.
    """
    plain = " ".join(unicodedata.normalize("NFC", name).replace("_", " ").split())
    return plain[:1].upper() + plain[1:]


RELIST_EVERY = timedelta(days=1)
"""So often everything is listed, whatever the recent changes say: for deletions that the
wiki hides, pages that scripts brought, and templates that changed."""
LISTING_BATCH = 500
MAX_READS = 3
"""So often a page that changes while it is read is read anew, before it waits for a later crawl."""

CrawlSteps = Generator[Change, None, WikiCursor]
"""Changes, and then where the reading stands."""


@dataclass(frozen=True, slots=True)
class MediaWikiConnector:
    """The pages and files of the wiki at a place."""

    source: str
    config: WikiConfig

    def changes(self, since: str | None) -> Iterator[Change]:
        """Yield what changed. Raises `SourceUnreachable` or `SourceRefused`."""
        yield from self._reading().changes(read_cursor(since, self.config.root))

    def refetch(self, document_ids: frozenset[str]) -> Iterator[Change]:
        """Yield these pages as they are now. Raises `SourceUnreachable` or `SourceRefused`."""
        page_ids = {name.removeprefix(f"{self.source}:") for name in document_ids}
        reading = self._reading()
        for page_id in sorted(int(one) for one in page_ids if one.isascii() and one.isdigit()):
            yield from reading.page(page_id)

    def count_pending(self, since: str | None) -> int | None:
        """How many pages the wiki has, before a first reading: of a later one it cannot tell."""
        cursor = read_cursor(since, self.config.root)
        return self._wiki().site().statistics.pages if cursor is None else None

    def _reading(self) -> "_WikiCrawl":
        wiki = self._wiki()
        site = wiki.site()
        return _WikiCrawl(
            wiki=wiki,
            site=site,
            name=self.config.root,
            rules=namespace_access(self.config, site),
            author=PageConverter(
                self.source, wiki.bots(), lambda page: wiki.download(page.imageinfo[0])
            ),
        )

    def _wiki(self) -> WikiClient:
        config = self.config
        transport = WikiTransport(config.root, config.limits, config.ca_file)
        return WikiClient(WikiApi(transport, config.user, config.password))


@dataclass(frozen=True, slots=True)
class _WikiCrawl:
    """One reading of a wiki under the present rules."""

    wiki: WikiClient
    site: SiteInfo
    name: str
    rules: NamespaceAccess
    author: PageConverter

    def changes(self, cursor: WikiCursor | None) -> Iterator[Change]:
        """Readers that changed, then pages that did, then a full listing where one is due.

        What changes during the listing is read after it: the point stands before it.
        """
        if cursor is None:
            point = current_point(self.wiki)
            cursor = WikiCursor(self.name, self.rules, point, point.moment, FullCrawl())
        else:
            yield from self._other_readers(cursor.rules)
            again = {*cursor.pending, *cursor.failed}
            cursor = self._told(replace(cursor, pending=tuple(again), failed=()))
            yield Checkpoint(cursor.written())
            cursor = yield from self._pending(cursor)
        if cursor.walk is not None:
            cursor = yield from self._walk(cursor, cursor.walk)
            cursor = self._told(cursor)
            yield Checkpoint(cursor.written())
            cursor = yield from self._pending(cursor)

    def _other_readers(self, former: NamespaceAccess) -> Iterator[Change]:
        """Take from the pages of a namespace the readers whom the rules no longer give it.

        A page may stand there since it was last read: its text is read anew before anybody
        is added (`_same_readers`).
        """
        for namespace, access in former.items():
            present = self.rules.get(namespace, Access())
            if present != access and str(namespace) in self.site.namespaces:
                for page_id in self.wiki.ids(namespace):
                    yield AccessNarrowed(self._id(page_id), present)

    def _told(self, cursor: WikiCursor) -> WikiCursor:
        """The cursor with what the wiki tells since its point still to be read."""
        found = changes_since(self.wiki, cursor.point)
        walk = self._due(cursor, found)
        began = walk is not None and cursor.walk is None
        return WikiCursor(
            wiki=cursor.wiki,
            rules=self.rules,
            point=found.point,
            listed=found.point.moment if began else cursor.listed,
            walk=walk,
            pending=tuple(sorted({*cursor.pending, *self._named(found)})),
            failed=cursor.failed,
        )

    def _due(self, cursor: WikiCursor, found: WikiChanges) -> FullCrawl | None:
        """The listing that is needed, from its beginning, or the one under way, or none."""
        if found.clock_went_back:
            return FullCrawl()
        uncertain = not found.complete or cursor.rules != self.rules
        known = self._same_readers(cursor.rules)
        if cursor.walk is not None:
            return (
                FullCrawl(cursor.walk.since, cursor.walk.kept & known) if uncertain else cursor.walk
            )
        if uncertain or found.point.moment - cursor.listed >= RELIST_EVERY:
            return FullCrawl(cursor.listed - OVERLAP, known)
        return None

    def _same_readers(self, former: NamespaceAccess) -> frozenset[int]:
        """The namespaces whose pages need not be read anew: their readers are as narrowed."""
        return frozenset(
            namespace
            for namespace, access in former.items()
            if (present := self.rules.get(namespace)) is not None
            and access.narrowed_to(present) == present
        )

    def _named(self, found: WikiChanges) -> set[int]:
        """The ids of what the news names; with a redirect the page that it leads to."""
        named = list(self.wiki.titled(found.titles))
        ids = {*found.pages, *(page.pageid for page in named if page.pageid)}
        told = self.wiki.pages(ids)
        leading = {page.pageid for page in told if page.redirect}
        led_to = self.wiki.pages(leading, follow=True)
        return ids | {page.pageid for page in led_to if page.pageid}

    def _pending(self, cursor: WikiCursor) -> CrawlSteps:
        while cursor.pending:
            cursor = yield from self._pages(cursor, cursor.pending[:PAGES_PER_QUERY])
            cursor = replace(cursor, pending=cursor.pending[PAGES_PER_QUERY:])
            yield Checkpoint(cursor.written())
        return cursor

    def _pages(self, cursor: WikiCursor, page_ids: Iterable[int]) -> CrawlSteps:
        """Pages as they are now, and which of them the wiki could not show."""
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

    def _walk(self, cursor: WikiCursor, walk: FullCrawl) -> CrawlSteps:
        """Read what the walk has to, from where it stands, and list what there is."""
        size = PAGES_PER_QUERY if walk.since is None else LISTING_BATCH
        for namespace in (n for n in sorted(self.rules) if n >= walk.namespace):
            title = walk.title if namespace == walk.namespace else ""
            for pages, following in self.wiki.listed(namespace, title, size):
                due = [page.pageid for page in pages if walk.reads(namespace, page.touched)]
                cursor = yield from self._pages(cursor, due)
                cursor = cursor.at(*((namespace, following) if following else (namespace + 1, "")))
                yield Checkpoint(cursor.written())
        present = (page_id for namespace in self.rules for page_id in self.wiki.ids(namespace))
        yield Listing(frozenset(map(self._id, present)))
        return replace(cursor, walk=None)

    def page(self, page_id: int) -> Iterator[Change]:
        """A page as it is now: a document, or none.

        Its readers are those of the namespace where it stands, so it must not have moved
        between the question about the page and the one about its text.
        """
        for _ in range(MAX_READS):
            page = self.wiki.page(page_id)
            if page is None or page.redirect or page.ns not in self.rules:
                yield Delete(self._id(page_id))
                return
            try:
                rendering = self.wiki.rendering(page_id)
            except RecordVanished:
                yield Delete(self._id(page_id))
                return
            except PageError as fault:
                reason = f"le wiki ne rend pas cette page ({fault.code}) : voyez-la dans le wiki"
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
        elsewhere = self._file_elsewhere(page)
        if elsewhere:
            page = page.model_copy(update={"imageinfo": ()})
        yield Upsert(self.author.document(page, rendering, self.rules[page.ns]))
        if elsewhere:
            yield Malformed(f"page {page.pageid}", elsewhere, self._id(page.pageid))

    def _file_elsewhere(self, page: WikiPage) -> str:
        """Why the page's file is not read, where it does not stand on the wiki's own host."""
        if not page.imageinfo or self.wiki.api.transport.same_host(page.imageinfo[0].url):
            return ""
        return "le fichier est sur un autre hôte que celui de « url » : seule sa page est lue"

    def _id(self, page_id: int) -> str:
        return f"{self.author.source}:{page_id}"
