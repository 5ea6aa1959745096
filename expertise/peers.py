"""An agent's topics with evidence, peers and profile; a topic's holders and communities."""

from collections import Counter, defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta

from connectors.geography import distance_km
from connectors.values import Agent
from expertise.answer_values import (
    BuildStatus,
    CommunityView,
    OwnTopic,
    Peer,
    Peers,
    Proof,
    TopicHolder,
    TopicView,
)
from expertise.build_tables import CommunityRecord
from expertise.clustering import LEAST_MEMBERS, LEAST_TOPICS, CommunityKind
from expertise.current_build import MOST_PLACES, OpenBuild
from expertise.decisions import Verdict
from expertise.holders import Basis, IsolationScope
from expertise.names import SKILL_DAYS
from expertise.revalidation import CurrentHolder
from expertise.topics import Topic, TopicKind, label_key, label_order
from expertise.values import Evidence
from expertise.visibility import may_be_shown
from expertise.votes import counting_contributions, evidence_of
from indexer.access import AccessFilter
from indexer.values import Question, ShowRequest

EVIDENCE_SHOWN = 5
"""Number of documents that a profile shows for one topic."""
_EVIDENCE_READ = 2 * EVIDENCE_SHOWN


def evidence_of_topics(
    reading: OpenBuild, agent: Agent, held: Sequence[CurrentHolder], access: AccessFilter
) -> Mapping[str, tuple[Evidence, ...]]:
    """Return the agent's evidence by topic id, newest first, from the documents as they are now.

    Every agent, and `access`, may still read each document, and a contribution of the agent to it
    counts.
    """
    weights = {
        holder.cell.topic_id: {
            proof.document_id: proof.weight for proof in holder.cell.evidence[:_EVIDENCE_READ]
        }
        for holder in held
        if holder.cell.basis == Basis.DEMONSTRATED and holder.agent.id == agent.id
    }
    ids = reading.revalidation.readable_by_all(
        id_ for by_document in weights.values() for id_ in by_document
    )
    if not ids:
        return {}
    shown = reading.revalidation.index.show(ShowRequest(access, ids, Question()))
    cards = {document.card.document_id: document.card for document in shown}
    accounts = {row.account for card in cards.values() for row in counting_contributions(card)}
    owners = reading.book.by_account(accounts)
    own = {account for account, owner in owners.items() if owner.id == agent.id}
    evidence = {}
    for topic_id, by_document in weights.items():
        counting = cards.keys() - agent.disowned
        pairs = [(cards[id_], weight) for id_, weight in by_document.items() if id_ in counting]
        proofs = [evidence_of(card, own.__contains__, agent, weight) for card, weight in pairs]
        newest = sorted((proof for proof in proofs if proof.roles), key=_newest_first)
        evidence[topic_id] = tuple(newest[:EVIDENCE_SHOWN])
    return evidence


def _newest_first(proof: Evidence) -> tuple[int, str]:
    return -(proof.last or date.min).toordinal(), proof.document_id


PEERS = 20
"""Number of peers on one page."""
_MEMBERS = 30
RELATED = 6
_RELATED_HOLDERS_READ = 50
"""Number of holders that are read to find related topics."""


def peers_of(
    reading: OpenBuild,
    agent: Agent,
    access: AccessFilter | None = None,
    *,
    to_self: bool,
    offset: int = 0,
) -> Peers:
    """Return the agent's topics and their peers; the strength is given only `to_self`.

    The topics are those with evidence, the métier and the declared skills, so that newcomers find
    peers too. Two agents are peers if one of them holds a topic that the other holds or declares:
    each then appears on some page of the other's peers. Evidence contains the documents that
    `access` may read; without `access` it is empty.
    """
    cells, own = _own_cells(reading, agent)
    evidence = evidence_of_topics(reading, agent, cells, access) if access else {}
    topics = tuple(
        OwnTopic(
            reading.topics[id_].topic,
            basis,
            round(strength, 2) if to_self else None,
            evidence.get(id_, ()),
            reading.mission_since(agent, id_),
        )
        for id_, (basis, strength) in own.items()
    )
    by_label = tuple(sorted(topics, key=lambda held: label_order(held.topic.label)))
    peers, following = _peers_from(reading, agent, cells, offset) if cells else ((), None)
    return Peers(agent, by_label, peers, communities_of(reading, agent), following)


def own_topics(reading: OpenBuild, agent: Agent) -> tuple[Topic, ...]:
    """Return the topics of the agent, those with the strongest evidence first."""
    _, own = _own_cells(reading, agent)
    ordered = sorted(
        own, key=lambda id_: (-own[id_][1], label_order(reading.topics[id_].topic.label))
    )
    return tuple(reading.topics[id_].topic for id_ in ordered)


def _own_cells(
    reading: OpenBuild, agent: Agent
) -> tuple[Sequence[CurrentHolder], Mapping[str, tuple[Basis, float]]]:
    """Return (the agent's cells that are still valid, (basis, strength) by topic id)."""
    stored = reading.builds.cells_of(reading.stamp.id, [agent.id])
    cells = reading.revalidation.current_holders(stored)
    own = {holder.cell.topic_id: (holder.cell.basis, holder.cell.strength) for holder in cells}
    return cells, own


def _peers_from(
    reading: OpenBuild, agent: Agent, own: Sequence[CurrentHolder], offset: int
) -> tuple[tuple[Peer, ...], int | None]:
    """Return the peers from `offset` on, in the order of the build, and the next offset."""
    held = {holder.cell.topic_id: holder.holds for holder in own}
    shared: dict[str, set[str]] = defaultdict(set)
    place: dict[str, str] = {}
    for row in reading.builds.places(reading.stamp.id, sorted(held), MOST_PLACES):
        if row.agent_id != agent.id and (held[row.topic_id] or not row.declared):
            shared[row.agent_id].add(row.topic_id)
            place[row.agent_id] = row.departement

    def near(other: str) -> tuple[int, float, str]:
        km = distance_km(agent.departement, place[other])
        return -len(shared[other]), float("inf") if km is None else km, other

    ordered = sorted(shared, key=near)
    peers: list[Peer] = []
    while offset < len(ordered) and len(peers) < PEERS:
        page = ordered[offset : offset + PEERS - len(peers)]
        offset += len(page)
        cells = reading.builds.cells_between(reading.stamp.id, page, held)
        current = reading.revalidation.current_holders(
            [cell for cell in cells if cell.topic_id in shared[cell.agent_id]]
        )
        both = [holder for holder in current if holder.holds or held[holder.cell.topic_id]]
        peers += _as_peers(reading, agent, both)
    following = offset if offset < len(ordered) else None
    return tuple(sorted(peers, key=_by_nearness)), following


def _as_peers(reading: OpenBuild, agent: Agent, current: Sequence[CurrentHolder]) -> list[Peer]:
    by_agent: dict[str, list[CurrentHolder]] = defaultdict(list)
    for holder in current:
        by_agent[holder.agent.id].append(holder)
    peers = []
    for holders in by_agent.values():
        other = holders[0].agent
        labelled = sorted(
            ((reading.topics[holder.cell.topic_id].topic, holder.holds) for holder in holders),
            key=lambda pair: label_order(pair[0].label),
        )
        peers.append(
            Peer(
                other,
                tuple(topic for topic, holds in labelled if holds),
                distance_km(agent.departement, other.departement),
                tuple(topic for topic, holds in labelled if not holds),
            )
        )
    return peers


def _by_nearness(peer: Peer) -> tuple[int, float, str, str]:
    km = float("inf") if peer.distance_km is None else peer.distance_km
    return -len(peer.topics + peer.declares), km, peer.agent.family_name, peer.agent.id


def accepted_communities(reading: OpenBuild) -> tuple[CommunityView, ...]:
    """Return accepted communities that still have three members, invited ones included."""
    records = reading.builds.communities(reading.stamp.id, kind=CommunityKind.PROPOSED, most=None)
    views = (community_view(reading, record) for record in _keep_accepted(reading, records))
    return tuple(view for view in views if len(view.members) + len(view.invited) >= LEAST_MEMBERS)


def invitations_of(reading: OpenBuild, agent: Agent) -> tuple[Topic, ...]:
    """Return the topics of accepted communities that invite the agent and have no answer yet."""
    records = reading.builds.communities(
        reading.stamp.id, agent_id=agent.id, kind=CommunityKind.PROPOSED
    )
    views = (
        community_view(reading, record, of=agent.id) for record in _keep_accepted(reading, records)
    )
    return tuple(
        topic
        for view in views
        if any(guest.id == agent.id for guest in view.invited)
        for topic in view.topics
    )


def communities_on(reading: OpenBuild, topic_ids: Sequence[str]) -> tuple[CommunityView, ...]:
    """Return communities on one of these topics that still have two valid members."""
    wanted = set(topic_ids)
    records = reading.builds.communities(reading.stamp.id, most=None)
    on = [record for record in records if not wanted.isdisjoint(record.topics)]
    views = (community_view(reading, record) for record in _keep_accepted(reading, on))
    return tuple(
        view
        for view in views
        if len(view.members) > 1 and not wanted.isdisjoint(topic.id for topic in view.topics)
    )


def members_on(reading: OpenBuild, topic_id: str) -> tuple[Agent, ...]:
    """Return every member of the accepted community of a topic; empty if there is none."""
    records = reading.builds.communities(reading.stamp.id, kind=CommunityKind.PROPOSED, most=None)
    on = [record for record in records if topic_id in record.topics]
    views = (community_view(reading, record, most=None) for record in _keep_accepted(reading, on))
    members = {agent.id: agent for view in views for agent in view.members}
    return tuple(sorted(members.values(), key=by_area_then_name))


def communities_of(reading: OpenBuild, agent: Agent) -> tuple[CommunityView, ...]:
    """Return the communities that the agent is still a member of, with topics they still hold.

    An agent whose evidence is gone, who withdrew or who refused the topics is in none.
    """
    records = reading.builds.communities(reading.stamp.id, agent_id=agent.id)
    if agent.communities_joined:
        known = {record.number for record in records}
        proposed = reading.builds.communities(
            reading.stamp.id, kind=CommunityKind.PROPOSED, most=None
        )
        records += tuple(
            record
            for record in proposed
            if record.number not in known and not agent.communities_joined.isdisjoint(record.topics)
        )
    views = (
        community_view(reading, record, of=agent.id) for record in _keep_accepted(reading, records)
    )
    return tuple(view for view in views if len(view.members) > 1)


def alone_in_region(reading: OpenBuild, agent_ids: Sequence[str]) -> frozenset[str]:
    """Return those of these agents who are the only holder of a topic in their region."""
    wide = {IsolationScope.REGION, IsolationScope.COUNTRY}
    cells = reading.builds.cells_of(reading.stamp.id, agent_ids)
    return frozenset(cell.agent_id for cell in cells if cell.scope in wide)


def _keep_accepted(reading: OpenBuild, records: Sequence[CommunityRecord]) -> list[CommunityRecord]:
    """Return the detected communities, and the proposed ones that were accepted."""
    if not any(record.kind is CommunityKind.PROPOSED for record in records):
        return list(records)
    made = reading.builds.community_decisions.all().values()
    accepted = {decision.topic_id for decision in made if decision.verdict is Verdict.ACCEPTED}
    return [
        record
        for record in records
        if record.kind is not CommunityKind.PROPOSED or accepted.issuperset(record.topics)
    ]


NOTICE_DAYS = 7
"""Days after which an agent who was told of an invitation, and did not refuse it, is shown."""


def community_view(
    reading: OpenBuild,
    record: CommunityRecord,
    of: str | None = None,
    most: int | None = _MEMBERS,
    *,
    all_shown: bool = False,
) -> CommunityView:
    """Return the topics and members of a community that are still valid; both may be empty.

    A member still holds two topics of a detected community, or the topic of a proposed one. Agents
    may also leave or join a proposed one themselves; its holders are only invited until they accept
    or were told `NOTICE_DAYS` ago, unless `all_shown`. At most `most` holders and `most` agents who
    joined are considered, all for None. With `of`, an agent's id, only the topics that this agent
    still holds and the members who share one of them are returned; nothing if the agent is no
    longer a member.
    """
    least = LEAST_TOPICS if record.kind is CommunityKind.DETECTED else 1
    members = _members_to_show(record, of, most)
    cells = reading.builds.cells_between(reading.stamp.id, members, record.topics)
    held: dict[str, set[str]] = defaultdict(set)
    agents: dict[str, Agent] = {}
    for holder in reading.revalidation.still_holding(cells):
        held[holder.agent.id].add(holder.cell.topic_id)
        agents[holder.agent.id] = holder.agent
    still = {id_: topics for id_, topics in held.items() if len(topics) >= least}
    if record.kind is CommunityKind.PROPOSED:
        topics = frozenset(record.topics)
        still = {
            id_: topic_ids for id_, topic_ids in still.items() if not _left(agents[id_], topics)
        }
        for agent in _joiners(reading, record.topics, most):
            agents[agent.id] = agent
            still[agent.id] = set(topics)
    shown = set().union(*still.values()) if of is None else still.get(of, set())
    named = [agents[id_] for id_, topics in still.items() if topics & shown]
    proposed = record.kind is CommunityKind.PROPOSED
    today = reading.revalidation.today
    invited = {
        agent.id
        for agent in named
        if proposed and not all_shown and not _is_member(agent, record.topics, today)
    }
    visible = [agent for agent in named if agent.id not in invited and of not in invited]
    return CommunityView(
        tuple(reading.topics[id_].topic for id_ in record.topics if id_ in shown),
        tuple(sorted(visible, key=by_area_then_name)),
        proposed,
        tuple(agent for agent in named if agent.id in invited),
    )


def _is_member(agent: Agent, topic_ids: Collection[str], today: date) -> bool:
    """Return whether an agent accepted, or was told long enough ago and did not refuse."""
    days = (day for topic, day in agent.communities_invited if topic in topic_ids)
    in_time = any(day + timedelta(days=NOTICE_DAYS) <= today for day in days)
    return in_time or not agent.communities_joined.isdisjoint(topic_ids)


def _left(agent: Agent, topic_ids: frozenset[str]) -> bool:
    return not agent.communities_left.isdisjoint(topic_ids)


def _joiners(reading: OpenBuild, topic_ids: Sequence[str], most: int | None) -> list[Agent]:
    """Return at most `most` agents who joined and may be shown."""
    joined = reading.book.agents(reading.builds.joined(topic_ids)).values()
    today = reading.revalidation.today
    shown = (agent for agent in joined if may_be_shown(agent, today))
    return sorted(shown, key=by_area_then_name)[:most]


def _members_to_show(record: CommunityRecord, of: str | None, most: int | None) -> tuple[str, ...]:
    """Return the first `most` members; `of` is among them if they are a member."""
    others = [member for member in record.members if member != of]
    first = (of,) if of is not None and of in record.members else ()
    return (*first, *others)[:most]


def topic_view(reading: OpenBuild, topic_id: str) -> TopicView | None:
    """Return a topic as every agent may see it; None if the list has no such topic."""
    record = reading.topics.get(topic_id)
    if record is None:
        return None
    standing, areas = reading.areas_of(topic_id)
    holders = [
        TopicHolder(holder.agent, holder.cell.basis, reading.mission_since(holder.agent, topic_id))
        for holder in standing
    ]
    topics = {id_: entry.topic for id_, entry in reading.topics.items()}
    narrower = [topic for topic in topics.values() if topic_id in topic.broader]
    near = {topic_id, *record.topic.broader, *(topic.id for topic in narrower)}
    return TopicView(
        topic=record.topic,
        holders=tuple(sorted(holders, key=lambda holder: by_area_then_name(holder.agent))),
        areas=areas,
        documents=reading.revalidation.readable_by_all(record.documents),
        questions=reading.revalidation.readable_by_all(record.questions),
        broader=tuple(topics[id_] for id_ in record.topic.broader),
        narrower=tuple(sorted(narrower, key=lambda topic: label_order(topic.label))),
        related=tuple(topics[id_] for id_ in _related(reading, standing) if id_ not in near),
    )


def _related(reading: OpenBuild, standing: Sequence[CurrentHolder]) -> list[str]:
    """Return ids of other topics that the same agents hold, the most shared first.

    They are counted for each answer, since evidence may have been withdrawn since the build.
    """
    agents = [holder.agent.id for holder in standing if holder.holds]
    cells = reading.builds.cells_of(reading.stamp.id, agents[:_RELATED_HOLDERS_READ])
    held = reading.revalidation.still_holding(cells)
    shared = Counter(holder.cell.topic_id for holder in held)
    ordered = sorted(shared, key=lambda id_: (-shared[id_], id_))
    own = {holder.cell.topic_id for holder in standing}
    return [id_ for id_ in ordered if id_ not in own][:RELATED]


def by_area_then_name(agent: Agent) -> tuple[str, str, str, str]:
    """Return the sort key of all lists of a topic's agents, which never depends on strength."""
    return agent.departement, agent.family_name, agent.given_name, agent.id


@dataclass(frozen=True, slots=True)
class Skill:
    """A skill of an agent's directory entry.

    `renew` is true if it was declared long ago and has no evidence.
    """

    label: str
    confirmed: bool
    renew: bool = False


@dataclass(frozen=True, slots=True)
class AgentProfile:
    """An agent's profile: topics by documents, métier and missions, and skills.

    `shown` contains topics by label, each with its evidence newest first; `metier` is the métier as
    a topic of the list, `by_metier` are the topics held because of the métier, `by_mission` those
    held because of missions in force. Without a build only the directory's skills are shown.
    """

    agent: Agent
    build: BuildStatus
    shown: tuple[OwnTopic, ...]
    metier: OwnTopic | None
    confirmed: tuple[Skill, ...]
    declared: tuple[Skill, ...]
    peers: tuple[Peer, ...]
    communities: tuple[CommunityView, ...]
    by_metier: tuple[OwnTopic, ...] = ()
    by_mission: tuple[OwnTopic, ...] = ()

    @property
    def proofs(self) -> tuple[Proof, ...]:
        """Each document of `shown` once, with the topics that it shows; newest first."""
        topics: dict[str, list[Topic]] = defaultdict(list)
        evidence: dict[str, Evidence] = {}
        for held in self.shown:
            for one in held.evidence:
                topics[one.document_id].append(held.topic)
                evidence.setdefault(one.document_id, one)
        newest = sorted(evidence.values(), key=_newest_first)
        return tuple(Proof(one, tuple(topics[one.document_id])) for one in newest)


def profile_of(
    reading: OpenBuild | BuildStatus,
    agent: Agent,
    access: AccessFilter,
    today: date,
    *,
    to_self: bool,
) -> AgentProfile:
    """Return the part of an agent's profile that a reader may see.

    The agent must be one who may be shown to the reader. Evidence contains documents that every
    agent and `access` may read; the strength of a topic is given only `to_self`. Raises
    `IndexUnreachable`.
    """
    if isinstance(reading, BuildStatus):
        skills = _skills(agent, frozenset(), today)
        return AgentProfile(agent, reading, (), None, *skills, (), ())
    peers = peers_of(reading, agent, access, to_self=to_self)
    shown = tuple(held for held in peers.topics if held.basis == Basis.DEMONSTRATED)
    by_metier = tuple(held for held in peers.topics if held.basis == Basis.METIER)
    proven = frozenset(label_key(name) for held in shown for name in held.topic.labels)
    return AgentProfile(
        agent,
        reading.status,
        shown,
        next((held for held in by_metier if held.topic.kind == TopicKind.METIER), None),
        *_skills(agent, proven, today),
        peers.peers,
        peers.communities,
        tuple(held for held in by_metier if held.topic.kind == TopicKind.TOPIC),
        tuple(held for held in peers.topics if held.basis == Basis.MISSION),
    )


def _skills(
    agent: Agent, proven: frozenset[str], today: date
) -> tuple[tuple[Skill, ...], tuple[Skill, ...]]:
    """Return (confirmed, declared) skills, each by label.

    `proven` are the analysed labels of topics with evidence.
    """
    declared_on = agent.skills_declared
    old = declared_on is not None and (today - declared_on).days > SKILL_DAYS
    confirmed = sorted(set(agent.skills_confirmed), key=str.lower)
    declared = sorted(set(agent.skills) - set(confirmed), key=str.lower)
    return (
        tuple(Skill(label, confirmed=True) for label in confirmed),
        tuple(Skill(label, False, old and label_key(label) not in proven) for label in declared),
    )
