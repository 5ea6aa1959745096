"""Find the pages that changed on a wiki since a cursor, from its recent changes and logs.

Both are queried again from a while before the cursor's point, because a row carries the time at
which its edit began and becomes visible only when it is written, later on some replicas.
"""

import json
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from connectors.mediawiki.client import WikiClient
from connectors.mediawiki.pages import LogEvent, NamespaceAccess, RecentChange
from connectors.ports import SourceUnreachable
from connectors.values import Access


@dataclass(frozen=True, slots=True)
class CrawlPoint:
    """A moment by the wiki's clock, and the newest rows that were known at that time.

    Rows are queried again from `OVERLAP` before `moment`; rows whose ids are in `changes` and
    `events` were already read. `newest` is the highest id of a recent change.
    """

    moment: datetime
    changes: frozenset[int] = frozenset()
    events: frozenset[int] = frozenset()
    newest: int = 0


@dataclass(frozen=True, slots=True)
class FullCrawl:
    """A full crawl in progress, which continues at `title` in `namespace`.

    In `known_namespaces` only pages that the wiki touched after `since` are read; if `since` is
    None, all pages are.
    """

    since: datetime | None = None
    known_namespaces: frozenset[int] = frozenset()
    namespace: int = 0
    title: str = ""

    def must_read(self, namespace: int, touched: datetime | None) -> bool:
        """Return whether a page has to be read again."""
        if self.since is None or namespace not in self.known_namespaces or touched is None:
            return True
        return touched >= self.since


@dataclass(frozen=True, slots=True)
class WikiCursor:
    """The state between two crawls of a wiki.

    `access` is the access of all pages yielded so far. `last_full_crawl` is when the last full
    crawl began. `pending` are changed pages to read, `failed` are pages that the wiki could not
    render; the next crawl reads both.
    """

    wiki: str
    access: NamespaceAccess
    point: CrawlPoint
    last_full_crawl: datetime
    full_crawl: FullCrawl | None = None
    pending: tuple[int, ...] = ()
    failed: tuple[int, ...] = ()

    def to_json(self) -> str:
        """Return the cursor as text."""
        crawl = self.full_crawl
        return json.dumps(
            {
                "v": 1,
                "wiki": self.wiki,
                "rules": {n: sorted(access.allowed) for n, access in self.access.items()},
                "moment": _format_time(self.point.moment),
                "changes": sorted(self.point.changes),
                "events": sorted(self.point.events),
                "newest": self.point.newest,
                "listed": _format_time(self.last_full_crawl),
                "pending": self.pending,
                "failed": self.failed,
                "walk": crawl
                and {
                    "since": crawl.since and _format_time(crawl.since),
                    "kept": sorted(crawl.known_namespaces),
                    "at": [crawl.namespace, crawl.title],
                },
            },
            ensure_ascii=False,
        )


def read_cursor(text: str | None, wiki: str) -> WikiCursor | None:
    """Return the cursor of that wiki, or None if it cannot be parsed or is another wiki's."""
    try:
        values = json.loads(text or "")
        if values["v"] != 1 or values["wiki"] != wiki:
            return None
        crawl = values["walk"]
        return WikiCursor(
            wiki=wiki,
            access={int(n): Access(frozenset(map(str, p))) for n, p in values["rules"].items()},
            point=CrawlPoint(
                moment=_parse_time(values["moment"]),
                changes=frozenset(map(int, values["changes"])),
                events=frozenset(map(int, values["events"])),
                newest=int(values["newest"]),
            ),
            last_full_crawl=_parse_time(values["listed"]),
            pending=tuple(map(int, values["pending"])),
            failed=tuple(map(int, values["failed"])),
            full_crawl=crawl
            and FullCrawl(
                since=crawl["since"] and _parse_time(crawl["since"]),
                known_namespaces=frozenset(map(int, crawl["kept"])),
                namespace=int(crawl["at"][0]),
                title=str(crawl["at"][1]),
            ),
        )
    except (ValueError, TypeError, KeyError, IndexError, AttributeError):
        return None


def _format_time(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _parse_time(text: str) -> datetime:
    return datetime.strptime(text, "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC)


OVERLAP = timedelta(minutes=10)
CLOCK_TOLERANCE = timedelta(minutes=1)
PAGE_LOG_TYPES = {
    "contentmodel", "create", "delete", "import", "merge", "move", "suppress", "upload",
}  # fmt: skip
"""Types of log events that concern a page's content model, title, namespace or existence."""


@dataclass(frozen=True, slots=True)
class WikiChanges:
    """Pages that changed since a point, by id and by title.

    `complete` is false if changes may be missing: recent changes have expired, a log entry
    hides its page, or the wiki's clock went back.
    """

    point: CrawlPoint
    pages: frozenset[int]
    titles: frozenset[str]
    complete: bool
    clock_went_back: bool = False


def current_point(wiki: WikiClient) -> CrawlPoint:
    """Return the current point: pages that are read later contain all changes before it."""
    moment, newest = _time_and_edge(wiki, "older")
    changes, events = _recent_rows(wiki, moment - OVERLAP)
    return _point(moment, changes, events, newest.rcid if newest else 0)


def changes_since(wiki: WikiClient, since: CrawlPoint) -> WikiChanges:
    """Return the changes since a point. Raises `SourceUnreachable` or `SourceRefused`."""
    moment, oldest = _time_and_edge(wiki, "newer")
    start = min(since.moment, moment) - OVERLAP
    changes, events = _recent_rows(wiki, start)
    new_changes = [change for change in changes if change.rcid not in since.changes]
    new_events = [
        event for event in events if event.logid not in since.events and _concerns_pages(event)
    ]
    back = moment < since.moment - CLOCK_TOLERANCE
    newest = max((change.rcid for change in changes), default=since.newest if oldest else 0)
    return WikiChanges(
        point=_point(moment, changes, events, newest),
        pages=_page_ids(new_changes, new_events),
        titles=frozenset().union(*(event.titles for event in new_events)),
        complete=_history_reaches(oldest, start, since)
        and not back
        and all(event.title for event in new_events),
        clock_went_back=back,
    )


def _concerns_pages(event: LogEvent) -> bool:
    """Return whether the event may be about a page; an event with a hidden type may be."""
    return event.type in PAGE_LOG_TYPES or not event.type


def _page_ids(changes: Iterable[RecentChange], events: Iterable[LogEvent]) -> frozenset[int]:
    ids = {change.pageid for change in changes}
    ids |= {page_id for event in events for page_id in (event.logpage, event.pageid)}
    return frozenset(ids - {0})


def _history_reaches(oldest: RecentChange | None, start: datetime, since: CrawlPoint) -> bool:
    """Return whether the wiki still has all changes after the point.

    It does if it has a change before `start`, or the change that follows the last known one.
    """
    if oldest is None:
        return since.newest == 0
    return oldest.timestamp <= start or oldest.rcid <= since.newest + 1


def _point(
    moment: datetime, changes: list[RecentChange], events: list[LogEvent], newest: int
) -> CrawlPoint:
    return CrawlPoint(
        moment=moment,
        changes=frozenset(c.rcid for c in changes if c.timestamp >= moment - OVERLAP),
        events=frozenset(e.logid for e in events if e.timestamp >= moment - OVERLAP),
        newest=newest,
    )


def _recent_rows(wiki: WikiClient, start: datetime) -> tuple[list[RecentChange], list[LogEvent]]:
    begin = start.strftime("%Y-%m-%dT%H:%M:%SZ")
    changes = wiki.api.rows(
        RecentChange,
        "recentchanges",
        list="recentchanges",
        rcdir="newer",
        rcstart=begin,
        rcprop="ids|timestamp",
        rclimit="max",
    )
    events = wiki.api.rows(
        LogEvent,
        "logevents",
        list="logevents",
        ledir="newer",
        lestart=begin,
        leprop="ids|title|type|timestamp|details",
        lelimit="max",
    )
    return list(changes), list(events)


def _time_and_edge(wiki: WikiClient, direction: str) -> tuple[datetime, RecentChange | None]:
    """Return the time by the wiki's clock, and the first recent change in that direction.

    It is the oldest change that the wiki still has (`newer`), or the newest (`older`).
    """
    answer = wiki.api.ask(
        "query",
        list="recentchanges",
        rcdir=direction,
        rclimit=1,
        rcprop="ids|timestamp",
        curtimestamp=1,
    )
    rows = wiki.api.parse_list(RecentChange, answer, "recentchanges")
    try:
        return datetime.fromisoformat(answer["curtimestamp"]), rows[0] if rows else None
    except (KeyError, TypeError, ValueError) as error:
        raise SourceUnreachable(
            "Le wiki ne dit pas l'heure qu'il est : il sera relu plus tard."
        ) from error
