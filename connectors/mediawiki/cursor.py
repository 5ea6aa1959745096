"""Where the reading of a wiki stands, as a cursor carries it."""

import json
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from connectors.mediawiki.rules import Rules
from connectors.values import Access


@dataclass(frozen=True, slots=True)
class Point:
    """A moment by the wiki's own clock, and the newest rows that were known by then.

    Rows are asked for again from a while before `moment`; those in `changes` and
    `events` (ids) were already read. `newest` is the highest id of a recent change.
    """

    moment: datetime
    changes: frozenset[int] = frozenset()
    events: frozenset[int] = frozenset()
    newest: int = 0


@dataclass(frozen=True, slots=True)
class Walk:
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
class Cursor:
    """All that is kept between two readings.

    `rules` are those under which everything before was given; `listed` is when the last
    full listing began, `pending` the changed pages that are still to be read, `failed` those
    that the wiki could not show: they are asked for again.
    """

    wiki: str
    rules: Rules
    point: Point
    listed: datetime
    walk: Walk | None = None
    pending: tuple[int, ...] = ()
    failed: tuple[int, ...] = ()

    def at(self, namespace: int, title: str) -> "Cursor":
        """The same, with the walk further on."""
        return replace(self, walk=replace(self.walk or Walk(), namespace=namespace, title=title))

    def written(self) -> str:
        """The cursor as text."""
        walk = self.walk
        return json.dumps(
            {
                "v": 1,
                "wiki": self.wiki,
                "rules": {n: sorted(access.allowed) for n, access in self.rules.items()},
                "moment": _said(self.point.moment),
                "changes": sorted(self.point.changes),
                "events": sorted(self.point.events),
                "newest": self.point.newest,
                "listed": _said(self.listed),
                "pending": self.pending,
                "failed": self.failed,
                "walk": walk
                and {
                    "since": walk.since and _said(walk.since),
                    "kept": sorted(walk.kept),
                    "at": [walk.namespace, walk.title],
                },
            },
            ensure_ascii=False,
        )


def read_cursor(text: str | None, wiki: str) -> Cursor | None:
    """The cursor of that wiki; None where it is not understood, or another wiki's."""
    try:
        said = json.loads(text or "")
        if said["v"] != 1 or said["wiki"] != wiki:
            return None
        walk = said["walk"]
        return Cursor(
            wiki=wiki,
            rules={int(n): Access(frozenset(map(str, p))) for n, p in said["rules"].items()},
            point=Point(
                moment=_moment(said["moment"]),
                changes=frozenset(map(int, said["changes"])),
                events=frozenset(map(int, said["events"])),
                newest=int(said["newest"]),
            ),
            listed=_moment(said["listed"]),
            pending=tuple(map(int, said["pending"])),
            failed=tuple(map(int, said["failed"])),
            walk=walk
            and Walk(
                since=walk["since"] and _moment(walk["since"]),
                kept=frozenset(map(int, walk["kept"])),
                namespace=int(walk["at"][0]),
                title=str(walk["at"][1]),
            ),
        )
    except (ValueError, TypeError, KeyError, IndexError, AttributeError):
        return None


def _said(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _moment(text: str) -> datetime:
    return datetime.strptime(text, "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC)
