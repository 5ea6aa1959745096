"""Answer from the current build: isolation, coverage, and the topic nearest to a question.

Read `BuildReader.reading` first: every answer comes from one build, and each name and count is
checked against the index and the directory before it is given (`expertise.revalidation`).
"""

from collections import Counter, defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date

from connectors.batches import batches
from connectors.geography import DEPARTEMENTS, REGIONS, distance_km, region_of
from connectors.values import Agent, ContributorRole
from expertise.answer_values import (
    AloneDegree,
    AreaCount,
    BuildState,
    BuildStatus,
    CappedCount,
    IsolatedHolder,
    IsolationPage,
    TopicCount,
    TopicCounts,
    Unclaimed,
)
from expertise.build_rules import BuildRules
from expertise.build_tables import BuildStamp, TopicRecord
from expertise.builds import IsolationQuery, SqlBuilds
from expertise.holders import (
    Basis,
    TopicNames,
    missions_in_force,
    stated_topics,
    topics_of_ended_missions,
)
from expertise.names import Reason
from expertise.places import departements_of
from expertise.revalidation import CurrentHolder, Revalidation
from expertise.topics import Topic, TopicKind, label_key, label_order
from expertise.values import AgentDirectory, DocumentLookup, RankedDocument, TopicHolders, TopicsOf
from expertise.visibility import may_be_named
from expertise.votes import counting_contributions, is_open_question
from indexer.french.analysis import terms
from indexer.moment import once


def capped_count(holders: Sequence[CurrentHolder], most: int) -> CappedCount:
    """Return the number of different agents, capped at `most`."""
    agents = len({holder.agent.id for holder in holders})
    return CappedCount(min(agents, most), agents > most)


def area_counts(standing: Sequence[CurrentHolder], most: int) -> tuple[AreaCount, ...]:
    """Return counts for the country, regions, then départements, without empty areas."""
    by_area: dict[str, list[CurrentHolder]] = defaultdict(list)
    for holder in standing:
        by_area[""].append(holder)
        code = holder.agent.departement
        if code:
            by_area[code].append(holder)
            if region := region_of(code):
                by_area[f"r{region}"].append(holder)
    ordered = sorted(by_area, key=lambda area: (area != "", not area.startswith("r"), area))
    return tuple(
        AreaCount(
            area,
            capped_count([holder for holder in by_area[area] if holder.holds], most),
            capped_count([holder for holder in by_area[area] if not holder.holds], most),
        )
        for area in ordered
    )


MOST_COUNTED = 10
"""A topic's holders in an area are counted up to this number, to bound the cost."""


MOST_PLACES = 20_000
"""Number of a topic's holders among whom the nearest are searched."""
_CHECKED_AT_ONCE = 20


_DEGREES = {Basis.METIER: AloneDegree.METIER, Basis.MISSION: AloneDegree.MISSION}
"""The degree of the claim «alone» for topics that the directory gives on this basis."""


_REASONS = {
    Basis.METIER: Reason.METIER,
    Basis.MISSION: Reason.MISSION,
    Basis.CONFIRMED: Reason.CONFIRMED,
    Basis.DECLARED: Reason.DECLARED,
}


MOST_ASSIGNED_CACHED = 50_000
"""Number of documents whose topics a `BuildReader` caches."""


@dataclass(slots=True)
class BuildReader:
    """Opens the current build, for each answer separately."""

    builds: SqlBuilds
    index: DocumentLookup
    book: AgentDirectory
    rules: BuildRules
    # Topics by build id, and those assigned to documents; they never change in a build.
    _topics: dict[str, tuple[dict[str, TopicRecord], TopicNames]] = field(default_factory=dict)
    _assigned: tuple[str, dict[str, Sequence[tuple[str, float]]]] = ("", {})

    def reading(self, today: date) -> "OpenBuild | BuildStatus":
        """Return the build to answer from, or why there is none: not made yet, or too old."""
        stamp = self._stamp(today)
        if isinstance(stamp, BuildStatus):
            return stamp
        if stamp.id not in self._topics:
            listed = {record.topic.id: record for record in self.builds.topics(stamp.id)}
            names = TopicNames.of([record.topic for record in listed.values()])
            self._topics = {stamp.id: (listed, names)}
        topics, names = self._topics[stamp.id]
        standing = Revalidation(
            self.index,
            self.book,
            self.rules.universal,
            stamp.least_strength,
            names,
            today,
            self.rules.asking,
        )
        return OpenBuild(self.builds, self.book, stamp, topics, standing)

    def topics_of(self, document_ids: Collection[str], today: date) -> TopicsOf:
        """Return the topics that the current build assigned to these documents, if there is one.

        Rights are not checked: call it with documents that the reader may read.
        """
        stamp = self._stamp(today)
        if isinstance(stamp, BuildStatus):
            return {}
        build_id, known = self._assigned
        if build_id != stamp.id or len(known) + len(document_ids) > MOST_ASSIGNED_CACHED:
            # A new dictionary: another thread may still fill the former, which is not read again.
            self._assigned = (stamp.id, known := {})
        if unread := [id_ for id_ in document_ids if id_ not in known]:
            read = self.builds.topics_of(stamp.id, unread)
            known.update((id_, read.get(id_, [])) for id_ in unread)
        return {id_: topics for id_ in document_ids if (topics := known[id_])}

    def shown_on(self, topic_id: str, today: date) -> frozenset[str]:
        """Return ids of current holders by contributions, up to `MOST_COUNTED` in each area."""
        reading = self.reading(today)
        if isinstance(reading, BuildStatus) or topic_id not in reading.topics:
            return frozenset()
        standing, _ = reading.areas_of(topic_id)
        return frozenset(
            holder.agent.id for holder in standing if holder.cell.basis is Basis.DEMONSTRATED
        )

    def holders_of(self, topic_ids: Sequence[str], today: date) -> TopicHolders:
        """Return agents who hold or declare these topics; empty without a build."""
        subject = ("holders", tuple(topic_ids), today)
        return once(self, subject, lambda: self._holders_of(topic_ids, today))

    def _holders_of(self, topic_ids: Sequence[str], today: date) -> TopicHolders:
        reading = self.reading(today)
        if isinstance(reading, BuildStatus):
            return TopicHolders()
        listed = [id_ for id_ in topic_ids if id_ in reading.topics]
        cells = reading.builds.sample(reading.stamp.id, listed, MOST_COUNTED)
        standing = reading.revalidation.current_holders(cells)
        agents = {holder.agent.id: holder.agent for holder in standing}
        shown: dict[str, set[str]] = defaultdict(set)
        for holder in standing:
            if holder.cell.basis is Basis.DEMONSTRATED:
                shown[holder.agent.id].add(holder.cell.topic_id)
        names = reading.revalidation.names
        stated = {
            id_: {
                topic: _REASONS[basis]
                for topic, basis in stated_topics(agent, names, today).items()
                if topic in listed
            }
            for id_, agent in agents.items()
        }
        return TopicHolders(
            agents,
            {id_: frozenset(held) for id_, held in shown.items()},
            stated,
            {id_: reading.topics[id_].topic.labels for id_ in listed},
        )

    def _stamp(self, today: date) -> BuildStamp | BuildStatus:
        stamp = self.builds.current()
        if stamp is None:
            return BuildStatus(BuildState.NONE)
        too_old = (today - stamp.day).days > self.rules.oldest_days
        return BuildStatus(BuildState.TOO_OLD, stamp.day) if too_old else stamp


@dataclass(frozen=True, slots=True)
class OpenBuild:
    """One build, opened for one answer."""

    builds: SqlBuilds
    book: AgentDirectory
    stamp: BuildStamp
    topics: Mapping[str, TopicRecord]
    revalidation: Revalidation

    @property
    def status(self) -> BuildStatus:
        """The state of the build and its day."""
        return BuildStatus(BuildState.YES, self.stamp.day)

    def isolated_holders(self, request: IsolationQuery) -> IsolationPage:
        """Return isolated holders by area, topic and name, without those who moved or left."""
        cells = self.builds.isolated_cells(self.stamp.id, request)
        there = [
            holder
            for holder in self.revalidation.still_holding(cells)
            if _in_post(holder) and self._may_be_claimed(holder)
        ]
        following = request.offset + request.limit if len(cells) == request.limit else None
        return IsolationPage(self._with_next(there), following)

    def unclaimed(self, topic_ids: Sequence[str] | None = None) -> Unclaimed:
        """Return the topics on which the build sees too few people to call anybody alone.

        They are searched among `topic_ids`, or all topics. Métiers are never among them, since the
        directory names all people of a métier.
        """
        records = [
            self.topics[topic_id] for topic_id in (self.topics if topic_ids is None else topic_ids)
        ]
        unclaimed = [
            record
            for record in records
            if record.topic.kind == TopicKind.TOPIC and not (record.sight and record.sight.enough)
        ]
        share = max((record.sight.share for record in unclaimed if record.sight), default=0.0)
        ordered = sorted(
            (record.topic for record in unclaimed), key=lambda topic: label_order(topic.label)
        )
        return Unclaimed(tuple(ordered), len(records), share)

    def _degree(self, holder: CurrentHolder) -> AloneDegree:
        stated = stated_topics(holder.agent, self.revalidation.names, self.revalidation.today)
        by = stated.get(holder.cell.topic_id)
        return _DEGREES.get(by, AloneDegree.KNOWN) if by else AloneDegree.KNOWN

    def mission_since(self, agent: Agent, topic_id: str) -> date | None:
        """Return the first day of an agent's mission in force on a topic, or None."""
        names, today = self.revalidation.names, self.revalidation.today
        return missions_in_force(agent, names, today).get(topic_id) if agent.missions else None

    def _share(self, topic_id: str) -> float:
        sight = self.topics[topic_id].sight
        return sight.share if sight else 0.0

    def _may_be_claimed(self, holder: CurrentHolder) -> bool:
        """Return whether the agent may be called alone on the topic.

        The build must have estimated how many people are out of sight, except for métiers, whose
        people the directory names. Agents whose mission on the topic has ended since the build are
        excluded.
        """
        names, today = self.revalidation.names, self.revalidation.today
        topic_id = holder.cell.topic_id
        stated = stated_topics(holder.agent, names, today)
        if topic_id not in stated and topic_id in topics_of_ended_missions(
            holder.agent, names, today
        ):
            return False
        seen = self.topics[topic_id].sight is not None
        return seen or stated.get(topic_id) is Basis.METIER

    def _with_next(self, holders: Sequence[CurrentHolder]) -> tuple[IsolatedHolder, ...]:
        names = {name for holder in holders for name in holder.cell.nearest}
        topic_ids = {holder.cell.topic_id for holder in holders if holder.cell.nearest}
        cells = self.builds.cells_between(self.stamp.id, names, topic_ids)
        wanted = {
            (holder.cell.topic_id, name) for holder in holders for name in holder.cell.nearest
        }
        near = self.revalidation.still_holding(
            [c for c in cells if (c.topic_id, c.agent_id) in wanted]
        )
        standing = {(holder.cell.topic_id, holder.agent.id): holder for holder in near}
        rows = []
        for holder in holders:
            named = [standing.get((holder.cell.topic_id, name)) for name in holder.cell.nearest]
            following = [other for other in named if other is not None]
            if len(following) < len(named) or not all(map(_in_post, following)):
                following = self._other_holders(holder)
            nearest = min(
                (other.agent for other in following),
                key=lambda agent: _distance_order(holder.agent, agent),
                default=None,
            )
            km = distance_km(holder.agent.departement, nearest.departement) if nearest else None
            topic = self.topics[holder.cell.topic_id].topic
            rows.append(
                IsolatedHolder(
                    topic,
                    holder.agent,
                    holder.cell.basis,
                    holder.cell.scope,
                    nearest,
                    km,
                    self._degree(holder),
                    self._share(topic.id),
                    self.mission_since(holder.agent, topic.id),
                )
            )
        return tuple(sorted(rows, key=by_area_topic_name))

    def _other_holders(self, holder: CurrentHolder) -> list[CurrentHolder]:
        """Return the nearest current holders, if holders that the build stored left or moved."""
        places = self.builds.places(self.stamp.id, [holder.cell.topic_id], MOST_PLACES)
        others = [place.agent_id for place in places if place.agent_id != holder.agent.id]
        here = holder.agent
        agents = sorted(
            self.book.agents(others).values(), key=lambda agent: _distance_order(here, agent)
        )
        for names in batches((agent.id for agent in agents), _CHECKED_AT_ONCE):
            cells = self.builds.cells_between(self.stamp.id, names, [holder.cell.topic_id])
            if current := self.revalidation.still_holding(cells):
                return list(current)
        return []

    def areas_of(self, topic_id: str) -> tuple[tuple[CurrentHolder, ...], tuple[AreaCount, ...]]:
        """Return the agents who hold or declare a topic, and their numbers in each area."""
        cells = self.builds.sample(self.stamp.id, [topic_id], MOST_COUNTED + 1)
        standing = self.revalidation.current_holders(cells)
        return standing, area_counts(standing, MOST_COUNTED)

    def coverage(self, area: str, offset: int = 0, limit: int = 50) -> TopicCounts:
        """Return a page of topics by label, with counts in an area (`22`, `r53`, `` for all)."""
        return self.counted_page(area, offset, limit)[0]

    def counted_page(
        self, area: str, offset: int, limit: int, listed: Sequence[Topic] | None = None
    ) -> tuple[TopicCounts, tuple[CurrentHolder, ...]]:
        """Return the page of `coverage`, and the holders that were counted.

        `listed`: the topics to count, in this order; None counts all topics by label.
        """
        ordered = sorted(
            self.topics.values(),
            key=lambda record: (label_order(record.topic.label), record.topic.id),
        )
        if listed is not None:
            ordered = [self.topics[topic.id] for topic in listed]
        page = ordered[offset : offset + limit]
        cells = self.builds.sample(
            self.stamp.id,
            [record.topic.id for record in page],
            MOST_COUNTED + 1,
            departements_of(area) if area else None,
            each_departement=bool(area),
        )
        standing = self.revalidation.current_holders(cells)
        cards = self.revalidation.open_cards(id_ for record in page for id_ in record.questions)
        questions = [card.document_id for card in cards if is_open_question(card.contributions)]
        begun = self.revalidation.readable_by_all(
            id_ for record in page for id_ in record.documents[:3]
        )
        still = frozenset((*questions, *begun))
        counted = [self._topic_count(record, standing, area, still) for record in page]
        left = self._left(
            [count for count in counted if count.documented and not count.holders.agents]
        )
        rows = tuple(
            replace(count, left=_any_in(left.get(count.topic.id, ()), area)) for count in counted
        )
        following = offset + limit if offset + limit < len(ordered) else None
        return TopicCounts(rows, following), standing

    def _left(self, counts: Sequence[TopicCount]) -> dict[str, list[Agent]]:
        """Return, by topic, the agents who wrote about it and have left since.

        Only documents that every agent may read count, comments do not, and agents who asked not to
        be listed are left out.
        """
        documents = {count.topic.id: self.topics[count.topic.id].documents for count in counts}
        cards = self.revalidation.open_cards(id_ for ids in documents.values() for id_ in ids)
        rows = {
            card.document_id: {
                row.account
                for row in counting_contributions(card)
                if row.role is not ContributorRole.COMMENTER
            }
            for card in cards
        }
        owners = self.book.by_account(
            {account for accounts in rows.values() for account in accounts}
        )
        today = self.revalidation.today
        return {
            topic_id: [
                owners[account]
                for id_ in ids
                for account in rows.get(id_, ())
                if account in owners
                and owners[account].departed(today)
                and may_be_named(owners[account])
            ]
            for topic_id, ids in documents.items()
        }

    def _topic_count(
        self,
        record: TopicRecord,
        standing: Sequence[CurrentHolder],
        area: str,
        still_open: frozenset[str],
    ) -> TopicCount:
        there = [
            holder
            for holder in standing
            if holder.cell.topic_id == record.topic.id
            and (not area or holder.agent.departement in departements_of(area))
        ]
        return TopicCount(
            record.topic,
            capped_count([holder for holder in there if holder.holds], MOST_COUNTED),
            capped_count([holder for holder in there if not holder.holds], MOST_COUNTED),
            documented=not still_open.isdisjoint(record.documents),
            questions=tuple(id_ for id_ in record.questions if id_ in still_open),
        )


def is_area(area: str) -> bool:
    """Return whether a code (`22`, `r53`) is a département or a region."""
    return area[1:] in REGIONS if area.startswith("r") else area in DEPARTEMENTS


def _any_in(agents: Sequence[Agent], area: str) -> bool:
    return any(not area or agent.departement in departements_of(area) for agent in agents)


def _in_post(holder: CurrentHolder) -> bool:
    """Return whether the agent is still in the département where they were found alone."""
    return holder.agent.departement == holder.cell.departement


def _distance_order(agent: Agent, other: Agent) -> tuple[float, str]:
    km = distance_km(agent.departement, other.departement)
    return (float("inf") if km is None else km, other.id)


def by_area_topic_name(row: IsolatedHolder) -> tuple[str, str, str, str]:
    """Return the sort key of all lists of isolated holders."""
    agent = row.agent
    return (agent.departement, label_order(row.topic.label), agent.family_name, agent.given_name)


LEAST_SHARED = 0.5
"""The share of a label's words that a question must have if only words decide."""


def nearest_topic(
    reading: OpenBuild, question: str, nearest: Sequence[RankedDocument]
) -> Topic | None:
    """Return the topic with a label in the question, else the topic of all `nearest` documents.

    Else return a topic of most of these documents that shares a word with the question: each of the
    two signs alone gives wrong topics. `nearest` are documents that the reader may read; without
    any, only a topic with a label in the question is returned. Topics are public to every agent.
    """
    question_words = set(terms(question))
    topics = sorted(
        (record.topic for record in reading.topics.values()), key=lambda topic: topic.id
    )
    overlap = {topic.id: _label_overlap(topic, question_words) for topic in topics}
    whole = [topic for topic in topics if overlap[topic.id][0] == 1.0]
    if whole:
        return max(whole, key=lambda topic: overlap[topic.id])
    ids = {document.card.document_id for document in nearest}
    spoken = Counter(
        {id_: len(ids.intersection(record.documents)) for id_, record in reading.topics.items()}
    )
    near = [
        topic
        for topic in topics
        if ids
        and (
            spoken[topic.id] == len(ids)
            or (spoken[topic.id] * 2 > len(ids) and overlap[topic.id][1])
        )
    ]
    return max(near, key=lambda topic: (spoken[topic.id], overlap[topic.id]), default=None)


def _label_overlap(topic: Topic, question_words: set[str]) -> tuple[float, int]:
    """Return (share of the best label's words in the question, their number)."""
    labels = [set(label_key(label).split()) for label in topic.labels]
    return max(
        (len(words & question_words) / len(words), len(words & question_words))
        for words in labels
        if words
    )


def by_label(build: OpenBuild) -> tuple[Topic, ...]:
    """Return every topic of a build, by label."""
    listed = (one.topic for one in build.topics.values())
    return tuple(sorted(listed, key=lambda one: (label_order(one.label), one.id)))
