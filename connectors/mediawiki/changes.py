"""What changed on a wiki since a cursor: its recent changes and its logs.

Both are queried again from a while before the cursor's point, because a row carries the time
at which its edit began and becomes visible when it is written, on each replica at its own time.
"""

import json
from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

from connectors.mediawiki.client import WikiClient
from connectors.mediawiki.models import LogEvent, RecentChange
from connectors.mediawiki.pages import NamespaceAccess
from connectors.ports import SourceUnreachable
from connectors.values import Access


@dataclass(frozen=True, slots=True)
class CrawlPoint:
    """A moment by the wiki's own clock, and the newest rows that were known by then.

    Rows are asked for again from a while before `moment`; those in `changes` and
    `events` (ids) were already read. `newest` is the highest id of a recent change.
    """

    moment: datetime
    changes: frozenset[int] = frozenset()
    events: frozenset[int] = frozenset()
    newest: int = 0


@dataclass(frozen=True, slots=True)
class FullCrawl:
    """A full listing under way: the pages of `namespace` from `title` on are still to come.

    Of the namespaces in `kept` only pages that the wiki touched since `since` are read;
    None: all.
    """

    since: datetime | None = None
    kept: frozenset[int] = frozenset()
    namespace: int = 0
    title: str = ""

    def reads(self, namespace: int, touched: datetime | None) -> bool:
        """Whether a page has to be read, or is known as it is."""
        if self.since is None or namespace not in self.kept or touched is None:
            return True
        return touched >= self.since


@dataclass(frozen=True, slots=True)
class WikiCursor:
    """All that is kept between two readings.

    `rules` are those under which everything before was given; `listed` is when the last
    full listing began, `pending` the changed pages that are still to be read, `failed` those
    that the wiki could not show: they are asked for again.
    """

    wiki: str
    rules: NamespaceAccess
    point: CrawlPoint
    listed: datetime
    walk: FullCrawl | None = None
    pending: tuple[int, ...] = ()
    failed: tuple[int, ...] = ()

    def at(self, namespace: int, title: str) -> "WikiCursor":
        """The same, with the walk further on."""
        return replace(
            self, walk=replace(self.walk or FullCrawl(), namespace=namespace, title=title)
        )

    def written(self) -> str:
        """The cursor as text."""
        walk = self.walk
        return json.dumps(
            {
                "v": 1,
                "wiki": self.wiki,
                "rules": {n: sorted(access.allowed) for n, access in self.rules.items()},
                "moment": _format_time(self.point.moment),
                "changes": sorted(self.point.changes),
                "events": sorted(self.point.events),
                "newest": self.point.newest,
                "listed": _format_time(self.listed),
                "pending": self.pending,
                "failed": self.failed,
                "walk": walk
                and {
                    "since": walk.since and _format_time(walk.since),
                    "kept": sorted(walk.kept),
                    "at": [walk.namespace, walk.title],
                },
            },
            ensure_ascii=False,
        )


def read_cursor(text: str | None, wiki: str) -> WikiCursor | None:
    """The cursor of that wiki; None where it is not understood, or another wiki's."""
    try:
        said = json.loads(text or "")
        if said["v"] != 1 or said["wiki"] != wiki:
            return None
        walk = said["walk"]
        return WikiCursor(
            wiki=wiki,
            rules={int(n): Access(frozenset(map(str, p))) for n, p in said["rules"].items()},
            point=CrawlPoint(
                moment=_parse_time(said["moment"]),
                changes=frozenset(map(int, said["changes"])),
                events=frozenset(map(int, said["events"])),
                newest=int(said["newest"]),
            ),
            listed=_parse_time(said["listed"]),
            pending=tuple(map(int, said["pending"])),
            failed=tuple(map(int, said["failed"])),
            walk=walk
            and FullCrawl(
                since=walk["since"] and _parse_time(walk["since"]),
                kept=frozenset(map(int, walk["kept"])),
                namespace=int(walk["at"][0]),
                title=str(walk["at"][1]),
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
    "contentmodel",
    "create",
    "delete",
    "import",
    "merge",
    "move",
    "suppress",
    "upload",
}
"""The logs that tell of what a page is, where it stands, or whether there is one."""


@dataclass(frozen=True, slots=True)
class WikiChanges:
    """What a point missed: pages by id and by title.

    `complete` is false where changes may be missing: recent changes have expired, a log
    entry hides its page, or the wiki's clock went back.
    """

    point: CrawlPoint
    pages: frozenset[int]
    titles: frozenset[str]
    complete: bool
    clock_went_back: bool = False


def current_point(wiki: WikiClient) -> CrawlPoint:
    """The present point: whatever is read of the wiki after this holds all rows before it."""
    moment, newest = _time_and_edge(wiki, "older")
    changes, events = _recent_rows(wiki, moment - OVERLAP)
    return _point(moment, changes, events, newest.rcid if newest else 0)


def changes_since(wiki: WikiClient, since: CrawlPoint) -> WikiChanges:
    """What changed since a point. Raises `SourceUnreachable` or `SourceRefused`."""
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
    """Whether the event may be of a page; one that hides its kind or title may be of any."""
    return event.type in PAGE_LOG_TYPES or not event.type


def _page_ids(changes: Iterable[RecentChange], events: Iterable[LogEvent]) -> frozenset[int]:
    named = {change.pageid for change in changes}
    named |= {page for event in events for page in (event.logpage, event.pageid)}
    return frozenset(named - {0})


def _history_reaches(oldest: RecentChange | None, start: datetime, since: CrawlPoint) -> bool:
    """Whether the wiki still keeps the changes that follow the point.

    It does where an older one is left, or where the next one after the last known is.
    """
    if oldest is None:
        return since.newest == 0
    return oldest.timestamp <= start or oldest.rcid <= since.newest + 1


def _point(
    moment: datetime,
    changes: list[RecentChange],
    events: list[LogEvent],
    newest: int,
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
    """The time by the wiki's clock, and a row of the recent changes.

    That is the oldest that is left (`newer`), or the newest (`older`).
    """
    answer = wiki.api.ask(
        "query",
        list="recentchanges",
        rcdir=direction,
        rclimit=1,
        rcprop="ids|timestamp",
        curtimestamp=1,
    )
    rows = wiki.api.understood(RecentChange, answer, "recentchanges")
    try:
        return datetime.fromisoformat(answer["curtimestamp"]), rows[0] if rows else None
    except (KeyError, TypeError, ValueError) as error:
        raise SourceUnreachable(
            "Le wiki ne dit pas l'heure qu'il est : il sera relu plus tard."
        ) from error
