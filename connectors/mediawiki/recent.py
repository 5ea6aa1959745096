"""What changed on a wiki since a point: its recent changes and its logs.

Both are asked for again from a while before the point, because a row is stamped when its
edit begins and seen when it is written, on each copy of the database at its own time.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from connectors.errors import SourceUnreachable
from connectors.mediawiki.answers import LogEvent, RecentChange
from connectors.mediawiki.cursor import Point
from connectors.mediawiki.wiki import Wiki

OVERLAP = timedelta(minutes=10)
CLOCK_TOLERANCE = timedelta(minutes=1)
EVENTS = {"contentmodel", "create", "delete", "import", "merge", "move", "suppress", "upload"}
"""The logs that tell of what a page is, where it stands, or whether there is one."""


@dataclass(frozen=True, slots=True)
class News:
    """What a point missed: pages by id and by title.

    `complete` is false where changes may be missing: recent changes have expired, a log
    entry hides its page, or the wiki's clock went back.
    """

    point: Point
    pages: frozenset[int]
    titles: frozenset[str]
    complete: bool
    clock_went_back: bool = False


def now(wiki: Wiki) -> Point:
    """The present point: whatever is read of the wiki after this holds all rows before it."""
    moment, newest = _edge(wiki, "older")
    changes, events = _rows(wiki, moment - OVERLAP)
    return _point(moment, changes, events, newest.rcid if newest else 0)


def news(wiki: Wiki, since: Point) -> News:
    """What changed since a point. Raises `SourceUnreachable` or `SourceRefused`."""
    moment, oldest = _edge(wiki, "newer")
    start = min(since.moment, moment) - OVERLAP
    changes, events = _rows(wiki, start)
    new_changes = [change for change in changes if change.rcid not in since.changes]
    new_events = [event for event in events if event.logid not in since.events and _tells(event)]
    back = moment < since.moment - CLOCK_TOLERANCE
    newest = max((change.rcid for change in changes), default=since.newest if oldest else 0)
    return News(
        point=_point(moment, changes, events, newest),
        pages=_ids(new_changes, new_events),
        titles=frozenset().union(*(event.titles for event in new_events)),
        complete=_reaches(oldest, start, since)
        and not back
        and all(event.title for event in new_events),
        clock_went_back=back,
    )


def _tells(event: LogEvent) -> bool:
    """Whether the event may be of a page; one that hides its kind or title may be of any."""
    return event.type in EVENTS or not event.type


def _ids(changes: Iterable[RecentChange], events: Iterable[LogEvent]) -> frozenset[int]:
    named = {change.pageid for change in changes}
    named |= {page for event in events for page in (event.logpage, event.pageid)}
    return frozenset(named - {0})


def _reaches(oldest: RecentChange | None, start: datetime, since: Point) -> bool:
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
) -> Point:
    return Point(
        moment=moment,
        changes=frozenset(c.rcid for c in changes if c.timestamp >= moment - OVERLAP),
        events=frozenset(e.logid for e in events if e.timestamp >= moment - OVERLAP),
        newest=newest,
    )


def _rows(wiki: Wiki, start: datetime) -> tuple[list[RecentChange], list[LogEvent]]:
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


def _edge(wiki: Wiki, direction: str) -> tuple[datetime, RecentChange | None]:
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
