"""A MediaWiki: its pages, their history and its files, through the wiki's own API.

`_Reading.changes` tells the flow. `mediawiki_recent` says what changed since a cursor,
`mediawiki_rules` who may read what, `mediawiki_pages` how a page becomes a document,
`mediawiki_wiki` what is asked of the wiki, `mediawiki_api` and `mediawiki_channel` how.
"""

from collections.abc import Generator, Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import timedelta

from connectors.changes import (
    Change,
    Checkpoint,
    Delete,
    Listing,
    Malformed,
    Narrowed,
    Stale,
    Upsert,
)
from connectors.errors import RecordVanished
from connectors.mediawiki.answers import Page, Rendering, Site
from connectors.mediawiki.api import Api, PageFault
from connectors.mediawiki.channel import Channel
from connectors.mediawiki.cursor import Cursor, Walk, read_cursor
from connectors.mediawiki.pages import Author
from connectors.mediawiki.place import WikiPlace
from connectors.mediawiki.recent import OVERLAP, News, news, now
from connectors.mediawiki.rules import Rules, rules_of
from connectors.mediawiki.wiki import BATCH, Wiki
from connectors.values import Access

RELIST = timedelta(days=1)
"""So often everything is listed, whatever the recent changes say: for deletions that the
wiki hides, pages that scripts brought, and templates that changed."""
LISTED_AT_ONCE = 500
READINGS = 3
"""So often a page that changes while it is read is read anew, before it waits for a later crawl."""

Going = Generator[Change, None, Cursor]
"""Changes, and then where the reading stands."""


@dataclass(frozen=True, slots=True)
class MediaWikiConnector:
    """The pages and files of the wiki at a place."""

    source: str
    place: WikiPlace

    def changes(self, since: str | None) -> Iterator[Change]:
        """Yield what changed. Raises `SourceUnreachable` or `SourceRefused`."""
        yield from self._reading().changes(read_cursor(since, self.place.root))

    def again(self, document_ids: frozenset[str]) -> Iterator[Change]:
        """Yield these pages as they are now. Raises `SourceUnreachable` or `SourceRefused`."""
        page_ids = {name.removeprefix(f"{self.source}:") for name in document_ids}
        reading = self._reading()
        for page_id in sorted(int(one) for one in page_ids if one.isascii() and one.isdigit()):
            yield from reading.page(page_id)

    def expected(self, since: str | None) -> int | None:
        """How many pages the wiki has, before a first reading: of a later one it cannot tell."""
        cursor = read_cursor(since, self.place.root)
        return self._wiki().site().statistics.pages if cursor is None else None

    def _reading(self) -> "_Reading":
        wiki = self._wiki()
        site = wiki.site()
        return _Reading(
            wiki=wiki,
            site=site,
            name=self.place.root,
            rules=rules_of(self.place, site),
            author=Author(self.source, wiki.bots(), lambda page: wiki.download(page.imageinfo[0])),
        )

    def _wiki(self) -> Wiki:
        place = self.place
        channel = Channel(place.root, place.manners, place.ca_file)
        return Wiki(Api(channel, place.user, place.password))


@dataclass(frozen=True, slots=True)
class _Reading:
    """One reading of a wiki under the present rules."""

    wiki: Wiki
    site: Site
    name: str
    rules: Rules
    author: Author

    def changes(self, cursor: Cursor | None) -> Iterator[Change]:
        """Readers that changed, then pages that did, then a full listing where one is due.

        What changes during the listing is read after it: the point stands before it.
        """
        if cursor is None:
            point = now(self.wiki)
            cursor = Cursor(self.name, self.rules, point, point.moment, Walk())
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

    def _other_readers(self, former: Rules) -> Iterator[Change]:
        """Take from the pages of a namespace the readers whom the rules no longer give it.

        A page may stand there since it was last read: its text is read anew before anybody
        is added (`_same_readers`).
        """
        for namespace, access in former.items():
            present = self.rules.get(namespace, Access())
            if present != access and str(namespace) in self.site.namespaces:
                for page_id in self.wiki.ids(namespace):
                    yield Narrowed(self._id(page_id), present)

    def _told(self, cursor: Cursor) -> Cursor:
        """The cursor with what the wiki tells since its point still to be read."""
        found = news(self.wiki, cursor.point)
        walk = self._due(cursor, found)
        began = walk is not None and cursor.walk is None
        return Cursor(
            wiki=cursor.wiki,
            rules=self.rules,
            point=found.point,
            listed=found.point.moment if began else cursor.listed,
            walk=walk,
            pending=tuple(sorted({*cursor.pending, *self._named(found)})),
            failed=cursor.failed,
        )

    def _due(self, cursor: Cursor, found: News) -> Walk | None:
        """The listing that is needed, from its beginning, or the one under way, or none."""
        if found.clock_went_back:
            return Walk()
        uncertain = not found.complete or cursor.rules != self.rules
        known = self._same_readers(cursor.rules)
        if cursor.walk is not None:
            return Walk(cursor.walk.since, cursor.walk.kept & known) if uncertain else cursor.walk
        if uncertain or found.point.moment - cursor.listed >= RELIST:
            return Walk(cursor.listed - OVERLAP, known)
        return None

    def _same_readers(self, former: Rules) -> frozenset[int]:
        """The namespaces whose pages need not be read anew: their readers are as narrowed."""
        return frozenset(
            namespace
            for namespace, access in former.items()
            if (present := self.rules.get(namespace)) is not None
            and access.narrowed_to(present) == present
        )

    def _named(self, found: News) -> set[int]:
        """The ids of what the news names; with a redirect the page that it leads to."""
        named = list(self.wiki.titled(found.titles))
        ids = {*found.pages, *(page.pageid for page in named if page.pageid)}
        told = self.wiki.pages(ids)
        leading = {page.pageid for page in told if page.redirect}
        led_to = self.wiki.pages(leading, follow=True)
        return ids | {page.pageid for page in led_to if page.pageid}

    def _pending(self, cursor: Cursor) -> Going:
        while cursor.pending:
            cursor = yield from self._pages(cursor, cursor.pending[:BATCH])
            cursor = replace(cursor, pending=cursor.pending[BATCH:])
            yield Checkpoint(cursor.written())
        return cursor

    def _pages(self, cursor: Cursor, page_ids: Iterable[int]) -> Going:
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

    def _walk(self, cursor: Cursor, walk: Walk) -> Going:
        """Read what the walk has to, from where it stands, and list what there is."""
        size = BATCH if walk.since is None else LISTED_AT_ONCE
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
        for _ in range(READINGS):
            page = self.wiki.page(page_id)
            if page is None or page.redirect or page.ns not in self.rules:
                yield Delete(self._id(page_id))
                return
            try:
                rendering = self.wiki.rendering(page_id)
            except RecordVanished:
                yield Delete(self._id(page_id))
                return
            except PageFault as fault:
                reason = f"le wiki ne rend pas cette page ({fault.code}) : voyez-la dans le wiki"
                yield from self._unread(page_id, reason)
                return
            if page.lastrevid in (0, rendering.revid):
                yield from self._document(page, rendering)
                return
        yield from self._unread(page_id, "la page change sans cesse : elle sera relue")

    def _unread(self, page_id: int, reason: str) -> Iterator[Change]:
        yield Malformed(f"page {page_id}", reason, self._id(page_id))
        yield Stale(self._id(page_id))

    def _document(self, page: Page, rendering: Rendering) -> Iterator[Change]:
        elsewhere = self._file_elsewhere(page)
        if elsewhere:
            page = page.model_copy(update={"imageinfo": ()})
        yield Upsert(self.author.document(page, rendering, self.rules[page.ns]))
        if elsewhere:
            yield Malformed(f"page {page.pageid}", elsewhere, self._id(page.pageid))

    def _file_elsewhere(self, page: Page) -> str:
        """Why the page's file is not read, where it does not stand on the wiki's own host."""
        if not page.imageinfo or self.wiki.api.channel.same_host(page.imageinfo[0].url):
            return ""
        return "le fichier est sur un autre hôte que celui de « url » : seule sa page est lue"

    def _id(self, page_id: int) -> str:
        return f"{self.author.source}:{page_id}"
