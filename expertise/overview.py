"""Isolation, coverage, peers and topics, as the last build and the present have them.

Read `Overview.reading` first: every answer is of one build, and each name and count of it
is held against the index and the directory before it is given (`expertise.standing`).
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date

from connectors.areas import DEPARTEMENTS, REGIONS, region_of
from connectors.centroids import distance_km
from connectors.values import Agent
from expertise.build import Rules
from expertise.builds import AloneQuery, SqlBuilds
from expertise.counting import area_counts, counted
from expertise.holders import Basis, topics_by_name
from expertise.overview_values import (
    Alone,
    AlonePage,
    AreaCount,
    Dated,
    Shown,
    TopicCount,
    TopicCounts,
)
from expertise.ports import DirectoryBook, KeptNow, TopicsOf
from expertise.records import BuildStamp, TopicRecord
from expertise.standing import Holder, Standing
from expertise.topics import by_letters

MOST_COUNTED = 10
"""Beyond so many holders of a topic in an area nobody is alone, and counting would cost."""


@dataclass(slots=True)
class Overview:
    """Opens the current build for one answer."""

    builds: SqlBuilds
    index: KeptNow
    book: DirectoryBook
    rules: Rules
    # The topics of one build never change; the key is its id.
    _topics: dict[str, dict[str, TopicRecord]] = field(default_factory=dict)

    def reading(self, today: date) -> "Reading | Dated":
        """The build to answer from, or why there is none: not made yet, or too old."""
        stamp = self._stamp(today)
        if isinstance(stamp, Dated):
            return stamp
        topics = self._topics.get(stamp.id)
        if topics is None:
            topics = {one.topic.id: one for one in self.builds.topics(stamp.id)}
            self._topics = {stamp.id: topics}
        named = topics_by_name([one.topic for one in topics.values()])
        standing = Standing(
            self.index, self.book, self.rules.universal, stamp.least_strength, named, today
        )
        return Reading(self.builds, self.book, stamp, topics, standing)

    def topics_of(self, document_ids: Collection[str], today: date) -> TopicsOf:
        """What the build that is read found these documents to be about, if one may be read.

        It says nothing of who may read them: ask about documents that the reader may read.
        """
        stamp = self._stamp(today)
        return {} if isinstance(stamp, Dated) else self.builds.topics_of(stamp.id, document_ids)

    def _stamp(self, today: date) -> BuildStamp | Dated:
        stamp = self.builds.current()
        if stamp is None:
            return Dated(Shown.NONE)
        too_old = (today - stamp.day).days > self.rules.oldest_days
        return Dated(Shown.TOO_OLD, stamp.day) if too_old else stamp


@dataclass(frozen=True, slots=True)
class Reading:
    """One build, for one answer."""

    builds: SqlBuilds
    book: DirectoryBook
    stamp: BuildStamp
    topics: Mapping[str, TopicRecord]
    standing: Standing

    @property
    def dated(self) -> Dated:
        """Of which day the answer is."""
        return Dated(Shown.YES, self.stamp.day)

    def alone(self, asked: AloneQuery) -> AlonePage:
        """Isolated holders by area, topic and name; who moved, left or fell is not among them."""
        found = self.builds.alone(self.stamp.id, asked)
        there = [one for one in self.standing.of(found) if _in_post(one)]
        following = asked.offset + asked.limit if len(found) == asked.limit else None
        return AlonePage(self._with_next(there), following)

    def _with_next(self, holders: Sequence[Holder]) -> tuple[Alone, ...]:
        names = {name for one in holders for name in one.cell.nearest}
        topic_ids = {one.cell.topic_id for one in holders if one.cell.nearest}
        cells = self.builds.cells_between(self.stamp.id, names, topic_ids)
        wanted = {(one.cell.topic_id, name) for one in holders for name in one.cell.nearest}
        near = self.standing.of([c for c in cells if (c.topic_id, c.agent_id) in wanted])
        standing = {(one.cell.topic_id, one.agent.id): one.agent for one in near}
        rows = []
        for one in holders:
            following = [
                standing[one.cell.topic_id, name]
                for name in one.cell.nearest
                if (one.cell.topic_id, name) in standing
            ]
            nearest = min(following, key=lambda agent: _far(one.agent, agent), default=None)
            km = distance_km(one.agent.departement, nearest.departement) if nearest else None
            topic = self.topics[one.cell.topic_id].topic
            rows.append(Alone(topic, one.agent, one.cell.basis, one.cell.scope, nearest, km))
        return tuple(sorted(rows, key=_by_area_topic_name))

    def areas_of(self, topic_id: str) -> tuple[tuple[Holder, ...], tuple[AreaCount, ...]]:
        """Who holds or declares a topic, and how many in each area."""
        cells = self.builds.sample(self.stamp.id, [topic_id], MOST_COUNTED + 1)
        standing = self.standing.of(cells)
        return standing, area_counts(standing, MOST_COUNTED)

    def coverage(self, area: str, offset: int = 0, limit: int = 50) -> TopicCounts:
        """Every topic by label, and how many hold it in an area (`22`, `r53`, `` everywhere)."""
        return self.counted_page(area, offset, limit)[0]

    def counted_page(
        self, area: str, offset: int, limit: int
    ) -> tuple[TopicCounts, tuple[Holder, ...]]:
        """The same, with the holders that were counted."""
        ordered = sorted(
            self.topics.values(), key=lambda one: (by_letters(one.topic.label), one.topic.id)
        )
        page = ordered[offset : offset + limit]
        cells = self.builds.sample(
            self.stamp.id,
            [one.topic.id for one in page],
            MOST_COUNTED + 1,
            departements_of(area) if area else None,
            each_departement=bool(area),
        )
        standing = self.standing.of(cells)
        questions = self.standing.still_open(id_ for one in page for id_ in one.questions)
        begun = self.standing.still_open(id_ for one in page for id_ in one.documents[:3])
        still = frozenset((*questions, *begun))
        rows = tuple(self._topic_count(one, standing, area, still) for one in page)
        following = offset + limit if offset + limit < len(ordered) else None
        return TopicCounts(rows, following), standing

    def _topic_count(
        self,
        record: TopicRecord,
        standing: Sequence[Holder],
        area: str,
        still_open: frozenset[str],
    ) -> TopicCount:
        there = [
            one
            for one in standing
            if one.cell.topic_id == record.topic.id
            and (not area or one.agent.departement in departements_of(area))
        ]
        return TopicCount(
            record.topic,
            counted([one for one in there if one.cell.basis != Basis.DECLARED], MOST_COUNTED),
            counted([one for one in there if one.cell.basis == Basis.DECLARED], MOST_COUNTED),
            documented=not still_open.isdisjoint(record.documents),
            open_questions=len(still_open.intersection(record.questions)),
        )


def is_area(area: str) -> bool:
    """Whether `22` or `r53` is one of the official code's."""
    return area[1:] in REGIONS if area.startswith("r") else area in DEPARTEMENTS


def departements_of(area: str) -> tuple[str, ...]:
    """The départements of `22` (itself) or `r53` (a region's)."""
    if not area.startswith("r"):
        return (area,)
    return tuple(code for code in DEPARTEMENTS if region_of(code) == area[1:])


def _in_post(one: Holder) -> bool:
    """Whether the agent is still where they were found to be alone."""
    return one.agent.departement == one.cell.departement


def _far(one: Agent, other: Agent) -> tuple[float, str]:
    km = distance_km(one.departement, other.departement)
    return (float("inf") if km is None else km, other.id)


def _by_area_topic_name(row: Alone) -> tuple[str, str, str, str]:
    agent = row.agent
    return (agent.departement, by_letters(row.topic.label), agent.family_name, agent.given_name)
