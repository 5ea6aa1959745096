"""Read a build's tables as records: topics, cells, communities, proposed topics, documents.

Only small results, by topic or by topic and area, are computed here. Everything else is read in
order from the tables, a few rows at a time.
"""

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from itertools import groupby, pairwise
from operator import itemgetter
from types import TracebackType
from typing import Any, Self

import numpy as np

from expertise.build_files import BuildFiles
from expertise.build_input import Read
from expertise.build_rules import BuildRules
from expertise.build_tables import (
    HASH_PREFIX_CHARS,
    NO_EVIDENCE,
    BuildRecord,
    CellRecord,
    CommunityRecord,
    EvidenceColumns,
    ProposalRecord,
    SkippedRecord,
    TopicRecord,
    TopicSight,
    assigned_records,
    compact_json,
)
from expertise.clustering import LEAST_MEMBERS, LEAST_TOPICS, Cluster, CommunityKind, linked_topics
from expertise.corpus import IntArray, SkippedItem
from expertise.holders import BASES, MILLION, SCOPES, Basis, IsolationScope
from expertise.isolation import (
    HeldRows,
    SightCounts,
    SightShares,
    alone_probability,
    department_places,
    enough_in_sight,
    nearest_holders,
    topic_shares,
)
from expertise.topics import Topic

TABLES_READ = frozenset(
    {"holdings", "evidence", "strengths", "shown_documents", "questions", "assigned"}
)
"""The tables that a build's records are read from."""
ROWS_AT_ONCE = 100_000
"""Rows of evidence, or of documents' topics, that are in memory at once."""

_DEMONSTRATED, _METIER, _DECLARED = map(
    BASES.index, (Basis.DEMONSTRATED, Basis.METIER, Basis.DECLARED)
)


@dataclass(frozen=True, slots=True)
class Alone:
    """The widest area in which a holder is alone, and the ids of the nearest other holders.

    `listed` is true if the holder's département is known.
    """

    agent_id: str
    scope: IsolationScope
    nearest: tuple[str, ...]
    listed: bool


@dataclass(frozen=True, slots=True, eq=False)
class Build:
    """One day's build, in files. It owns a folder: close it, or use it in a `with` block.

    `alone` is indexed by (topic number, agent number), `sights` by topic number; `groups` are
    topics that the same agents hold. `BuildStamp` explains the counts.
    """

    day: date
    rules: BuildRules
    topics: Sequence[Topic]
    files: BuildFiles
    read: Read
    sights: Sequence[TopicSight]
    alone: Mapping[tuple[int, int], Alone]
    groups: Sequence[tuple[int, ...]]
    clusters: Sequence[Cluster] = ()
    skipped: Sequence[SkippedItem] = ()

    @property
    def documents(self) -> int:
        """Number of documents that every agent may read."""
        return self.read.documents

    @property
    def contributions(self) -> int:
        """Number of contributions to these documents that count."""
        return self.read.contributions

    @property
    def contributions_seen(self) -> int:
        """Number of contributions to all documents."""
        return self.read.contributions_seen

    @property
    def engine(self) -> str:
        """Name of the engine that computed the build, such as `DuckDB`."""
        return self.files.engine.name

    def close(self) -> None:
        """Delete the build's files."""
        self.files.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        at: TracebackType | None,
    ) -> None:
        self.close()

    def records(self) -> Iterator[BuildRecord]:
        """Yield topics, cells, communities, proposals, documents, then skipped items."""
        yield from self._topics()
        yield from self._cells()
        yield from self._communities()
        yield from proposal_records(self.clusters)
        yield from assigned_records(self._assigned())
        yield from skipped_records(self.skipped)

    def _topics(self) -> Iterator[TopicRecord]:
        documents, questions = (self._ids(table) for table in ("shown_documents", "questions"))
        for number, topic in enumerate(self.topics):
            yield TopicRecord(
                topic, tuple(documents[number]), tuple(questions[number]), self.sights[number]
            )

    def _ids(self, table: str) -> Mapping[int, list[str]]:
        by_topic: Mapping[int, list[str]] = defaultdict(list)
        for topic, id_ in self.files.rows(f"SELECT topic, id FROM {table} ORDER BY topic, place"):
            by_topic[topic].append(id_)
        return by_topic

    def _cells(self) -> Iterator[CellRecord]:
        """Read holdings and their evidence side by side, both sorted by topic and agent."""
        held = self.files.rows(
            "SELECT topic, agent, basis, strength, id, departement FROM holdings "
            "ORDER BY topic, agent"
        )
        evidence = self._evidence()
        for topic, agent, basis, strength, id_, departement in held:
            alone = self.alone.get((topic, agent))
            yield CellRecord(
                self.topics[topic].id,
                id_,
                departement,
                BASES[basis],
                strength / MILLION,
                alone.scope if alone else IsolationScope.NONE,
                alone.nearest if alone else (),
                # Both queries return the same pairs: those of `strengths`.
                next(evidence) if basis == _DEMONSTRATED else NO_EVIDENCE,
            )

    def _evidence(self) -> Iterator[EvidenceColumns]:
        """Yield the evidence of each cell by topic and agent, reading several cells at once."""
        self.files.rearrange(
            "weighed",
            "SELECT topic, agent, "
            f"CAST(sum(many) OVER (ORDER BY topic, agent) // {ROWS_AT_ONCE} AS BIGINT) AS part "
            "FROM (SELECT e.topic, e.agent, count(*) AS many FROM evidence e "
            "JOIN strengths s ON s.topic = e.topic AND s.agent = e.agent "
            "GROUP BY e.topic, e.agent)",
        )
        self.files.rearrange(
            "proofs",
            "SELECT w.part, e.* FROM evidence e "
            "JOIN weighed w ON w.topic = e.topic AND w.agent = e.agent "
            "ORDER BY w.part, e.topic, e.agent, e.place",
        )
        ((last,),) = self.files.rows("SELECT coalesce(max(part), -1) FROM weighed")
        for part in range(last + 1):
            arrays = self.files.arrays(
                f"SELECT id, account, said, substr(mark, 1, {HASH_PREFIX_CHARS}) AS mark, place "
                f"FROM proofs WHERE part = {part} ORDER BY topic, agent, place"
            )
            columns = (
                arrays["id"].tolist(),
                arrays["account"].tolist(),
                (arrays["said"] / MILLION).tolist(),
                arrays["mark"].tolist(),
            )
            bounds = [*np.flatnonzero(arrays["place"] == 0).tolist(), len(arrays["place"])]
            for first, end in pairwise(bounds):
                yield EvidenceColumns(*(tuple(column[first:end]) for column in columns))

    def _communities(self) -> Iterator[CommunityRecord]:
        number = 0
        for group in self.groups:
            members = self._holding_several(group)
            if len(members) >= LEAST_MEMBERS:
                yield self._community(number, CommunityKind.DETECTED, group, members)
                number += 1
        proposed: Mapping[int, list[str]] = defaultdict(list)
        for (topic, _), holder in sorted(self.alone.items()):
            if holder.listed and holder.scope in (IsolationScope.REGION, IsolationScope.COUNTRY):
                proposed[topic].append(holder.agent_id)
        for topic, ids in proposed.items():
            if len(ids) >= LEAST_MEMBERS:
                yield self._community(number, CommunityKind.PROPOSED, (topic,), tuple(ids))
                number += 1

    def _community(
        self, number: int, kind: CommunityKind, topics: Sequence[int], members: tuple[str, ...]
    ) -> CommunityRecord:
        return CommunityRecord(number, kind, tuple(self.topics[n].id for n in topics), members)

    def _holding_several(self, topics: Sequence[int]) -> tuple[str, ...]:
        listed = ", ".join(map(str, topics))
        rows = self.files.rows(
            f"SELECT id FROM holdings WHERE topic IN ({listed}) AND basis <> {_DECLARED} "
            f"GROUP BY agent, id HAVING count(*) >= {LEAST_TOPICS} ORDER BY agent"
        )
        return tuple(id_ for (id_,) in rows)

    def _assigned(self) -> Iterator[tuple[str, str]]:
        """Yield (document key, its topics as JSON), by key, several documents at once.

        The order of keys is the fastest order to write a table in. Keys are digests, so that their
        first characters divide them evenly. A hundred times a float32 is exact in a double, so that
        the nearest whole number is the number that `round` finds.
        """
        heads = [f"[{compact_json(topic.id)}," for topic in self.topics]
        tails = [f"{compact_json(hundredths / 100)}]" for hundredths in range(101)]
        self.files.rearrange("filed", "SELECT * FROM assigned ORDER BY document_key, topic")
        ((many,),) = self.files.rows("SELECT count(*) FROM filed")
        parts = many // ROWS_AT_ONCE + 1
        bounds = [f"{part * 16**4 // parts:04x}" for part in range(parts)]
        for first, end in pairwise([*bounds, "g"]):
            columns = self.files.arrays(
                "SELECT document_key, topic, CAST(confidence AS DOUBLE) AS confidence FROM filed "
                f"WHERE document_key >= '{first}' AND document_key < '{end}' "
                "ORDER BY document_key, topic"
            )
            sure = np.rint(columns["confidence"] * 100).astype(np.int64)
            encoded = [
                heads[topic] + tails[hundredths]
                for topic, hundredths in zip(columns["topic"].tolist(), sure.tolist(), strict=True)
            ]
            keys = columns["document_key"]
            begun = np.flatnonzero(np.append(True, keys[1:] != keys[:-1])[: len(keys)]).tolist()
            texts = [
                f"[{','.join(encoded[place:after])}]"
                for place, after in pairwise([*begun, len(keys)])
            ]
            yield from zip(keys[begun].tolist(), texts, strict=True)


def proposal_records(clusters: Sequence[Cluster]) -> Iterator[ProposalRecord]:
    """Yield the proposed topics as records, numbered in their order."""
    for number, cluster in enumerate(clusters):
        yield ProposalRecord(
            number,
            tuple(
                (document.document_id, document.mark[:HASH_PREFIX_CHARS])
                for document in cluster.documents
            ),
            tuple((term.written, term.places) for term in cluster.terms),
        )


def skipped_records(skipped: Sequence[SkippedItem]) -> Iterator[SkippedRecord]:
    """Yield the skipped items as records, sorted by kind and id."""
    ordered = sorted(skipped, key=lambda item: (item.part, item.id, item.reason))
    for number, item in enumerate(ordered):
        yield SkippedRecord(number, item)


@dataclass(frozen=True, slots=True, eq=False)
class _Sights:
    shares: SightShares
    shown: IntArray
    missions: IntArray
    areas: Mapping[str, Counter[str]]
    people: int


def sights_and_isolation(
    files: BuildFiles, least_known: float
) -> tuple[list[TopicSight], dict[tuple[int, int], Alone]]:
    """Return what the build sees of each topic, and the holders who may be called alone.

    The holders are keyed by (topic number, agent number).
    """
    counts = files.arrays("SELECT * FROM topic_counts ORDER BY topic")
    ((people, metiers, with_mission),) = files.rows(
        "SELECT count(*), count(*) FILTER (metier <> ''), count(*) FILTER (told) FROM agents"
    )
    ((wrote,),) = files.rows(
        "SELECT count(DISTINCT o.agent) FROM contributions c JOIN owners o ON o.account = c.account"
    )
    named = _whole(counts["stated"]) * counts["is_topic"]
    known, known_on = _whole(counts["known"]), _whole(counts["known_on_mission"])
    if not with_mission:  # nobody has a mission in force
        known, known_on = np.zeros_like(known), np.zeros_like(known_on)
    shares = topic_shares(
        SightCounts(
            counts["is_topic"].astype(np.bool_),
            named.astype(np.float64),
            _whole(counts["also"]).astype(np.float64),
            known.astype(np.float64),
            known_on.astype(np.float64),
            people=people,
            wrote=wrote,
            metiers=metiers,
            with_mission=with_mission,
            demonstrated=int(_whole(counts["demonstrated"])[named > 0].sum()),
            borne_out=int(_whole(counts["borne_out"])[named > 0].sum()),
        )
    )
    areas = {
        name: Counter(dict(files.rows(f"SELECT {name}, count(*) FROM agents GROUP BY {name}")))
        for name in ("departement", "region")
    }
    sights = _Sights(shares, _whole(counts["shown"]), _whole(counts["missions"]), areas, people)
    enough = enough_in_sight(
        shares,
        sights.shown,
        sights.missions,
        _whole(counts["both_own"]) > 0,
        len(areas["departement"].keys() - {""}),
        least_known,
    )
    largest = np.maximum(shares.share, shares.mission_share)
    told_of = [
        TopicSight(float(share), bool(is_enough))
        for share, is_enough in zip(largest.tolist(), enough.tolist(), strict=True)
    ]
    return told_of, _isolation(files, sights, least_known)


def _whole(values: Any) -> IntArray:
    return np.asarray(values).astype(np.int64)


def _isolation(
    files: BuildFiles, sights: _Sights, least_known: float
) -> dict[tuple[int, int], Alone]:
    """Return the holders whose probability of being alone in an area reaches `least_known`."""
    lone = files.arrays("SELECT * FROM lone ORDER BY topic, agent")
    topic, agent = _whole(lone["topic"]), _whole(lone["agent"])
    if not len(topic):
        return {}
    stated = _whole(lone["stated"])
    own, on_mission, ended, arrived = (
        _whole(lone[name]) > 0 for name in ("own", "on_mission", "ended", "arrived")
    )
    rows = HeldRows(topic, stated == _METIER, stated >= 0, own, on_mission, ended, arrived)
    scope = np.zeros(len(topic), dtype=np.int64)
    for level, seen_alone, sizes in (
        (IsolationScope.DEPARTEMENT, "in_departement", _sizes(sights, lone, "departement")),
        (IsolationScope.REGION, "in_region", _sizes(sights, lone, "region")),
        (IsolationScope.COUNTRY, "in_country", np.full(len(topic), sights.people)),
    ):
        sure = alone_probability(
            sights.shares, sights.shown, sights.missions, rows, sizes / sights.people
        )
        scope[(sure >= least_known) & (_whole(lone[seen_alone]) > 0)] = SCOPES.index(level)
    near = _NearHolders(files)
    alone = {}
    for place in np.flatnonzero(scope).tolist():
        number, departement = int(topic[place]), str(lone["departement"][place])
        alone[number, int(agent[place])] = near.alone(
            number, int(agent[place]), departement, SCOPES[int(scope[place])]
        )
    return alone


def _sizes(sights: _Sights, lone: Mapping[str, Any], area: str) -> IntArray:
    return np.array([sights.areas[area][code] for code in lone[area].tolist()], dtype=np.int64)


class _NearHolders:
    """A few holders of each topic in each département; call `alone` with ascending topics."""

    def __init__(self, files: BuildFiles) -> None:
        rows = files.rows("SELECT topic, agent, id, departement FROM near ORDER BY topic, agent")
        self._groups = groupby(rows, key=itemgetter(0))
        self._topic = -1
        self._ids: dict[int, str] = {}
        self._places = self._agents = np.empty(0, dtype=np.int64)

    def alone(self, topic: int, agent: int, departement: str, scope: IsolationScope) -> Alone:
        while self._topic < topic:
            self._topic, rows = next(self._groups)
            holders = list(rows)
            self._ids = {number: id_ for _, number, id_, _ in holders}
            self._agents = np.array([number for _, number, _, _ in holders], dtype=np.int64)
            self._places = department_places([code for _, _, _, code in holders])
        others = nearest_holders(
            agent, department_places([departement])[0], self._agents, self._places
        )
        nearest = tuple(self._ids[number] for number in others.tolist())
        return Alone(self._ids[agent], scope, nearest, bool(departement))


def topic_groups(files: BuildFiles) -> list[tuple[int, ...]]:
    """Return groups of topics that the same agents hold; see `clustering.linked_topics`."""
    pairs = list(files.rows("SELECT topic, other, many FROM shared ORDER BY topic, other"))
    counts = {topic: many for topic, other, many in pairs if topic == other}
    return linked_topics([pair for pair in pairs if pair[0] < pair[1]], counts)
