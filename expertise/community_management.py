"""Topics and communities that a build proposes, and the decisions of community managers on them."""

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta

from connectors.values import Agent
from expertise.answer_values import CommunityView, TopicCount
from expertise.build_tables import HASH_PREFIX_CHARS, CommunityRecord, ProposalRecord
from expertise.clustering import LEAST_DOCUMENTS, LEAST_MEMBERS, LEAST_WITH_TERM, CommunityKind
from expertise.corpus import is_universal
from expertise.current_build import OpenBuild
from expertise.decisions import CommunityDecision, SqlTopicDecisions, TopicDecision, Verdict
from expertise.peers import by_area_then_name, community_view
from expertise.revalidation import CurrentHolder
from expertise.topics import TopicKind, label_key
from expertise.visibility import may_be_shown, refuses_document
from expertise.votes import counting_contributions
from indexer.values import Card

MOST_PEOPLE = 10
"""Number of contributors shown with a proposal."""
MOST_CITED = 5
"""Number of documents shown with a proposal."""


@dataclass(frozen=True, slots=True)
class Proposal:
    """A proposed topic: its `terms`, the most distinctive first.

    `documents` is the number of its documents, `cited` are some of them; every agent may read all
    of them. `people` contributed to them and may be shown, sorted by area and name. `communities`
    are the spaces of all its documents, with an empty one for documents without a space.
    """

    id: str
    terms: tuple[str, ...]
    documents: int
    cited: tuple[Card, ...]
    people: tuple[Agent, ...]
    communities: frozenset[str]


def open_proposals(reading: OpenBuild, made: Sequence[TopicDecision]) -> tuple[Proposal, ...]:
    """Return the proposals without a decision, largest first. Raises `IndexUnreachable`."""
    waiting = [
        record
        for record in reading.builds.proposals(reading.stamp.id)
        if not _is_decided(record, made)
    ]
    open_now = unchanged_documents(
        reading, {pair for record in waiting for pair in record.documents}
    )
    proposals = [_proposal(reading, record, open_now) for record in waiting]
    return tuple(proposal for proposal in proposals if proposal is not None)


def find_proposal_record(reading: OpenBuild, proposal_id: str) -> ProposalRecord | None:
    """Return the build's record of a proposal, or None."""
    records = reading.builds.proposals(reading.stamp.id)
    return next((record for record in records if record.id == proposal_id), None)


def _is_decided(record: ProposalRecord, made: Sequence[TopicDecision]) -> bool:
    documents, terms = frozenset(id_ for id_, _ in record.documents), terms_of(record)
    return any(decision.is_about(documents, terms) for decision in made)


def terms_of(record: ProposalRecord) -> frozenset[str]:
    """Return all terms of a proposal."""
    return frozenset(written for written, _ in record.terms)


def unchanged_documents(
    reading: OpenBuild, pairs: Collection[tuple[str, str]]
) -> frozenset[tuple[str, str]]:
    """Return the (id, mark) pairs of unchanged documents that every agent may still read."""
    entries = reading.revalidation.index.kept({id_ for id_, _ in pairs}) if pairs else {}
    universal = reading.revalidation.universal
    return frozenset(
        (id_, mark)
        for id_, mark in pairs
        if id_ in entries
        and is_universal(entries[id_].access, universal)
        and entries[id_].record_hash[:HASH_PREFIX_CHARS] == mark
    )


def _proposal(
    reading: OpenBuild, record: ProposalRecord, open_now: frozenset[tuple[str, str]]
) -> Proposal | None:
    """Return the proposal with its unchanged documents, or None if too few are left.

    A term is kept if enough of these documents contain it.
    """
    places = {n for n, pair in enumerate(record.documents) if pair in open_now}
    terms = tuple(
        written for written, where in record.terms if len(places & set(where)) >= LEAST_WITH_TERM
    )
    if len(places) < LEAST_DOCUMENTS or not terms:
        return None
    ids = tuple(record.documents[n][0] for n in sorted(places))
    cards = reading.revalidation.open_cards(ids)
    communities = frozenset(card.space for card in cards)
    people = _people(reading, cards)
    return Proposal(record.id, terms, len(ids), tuple(cards[:MOST_CITED]), people, communities)


def _people(reading: OpenBuild, cards: Sequence[Card]) -> tuple[Agent, ...]:
    accounts = {row.account for card in cards for row in counting_contributions(card)}
    owners = {agent.id: agent for agent in reading.book.by_account(accounts).values()}
    today = reading.revalidation.today
    shown = [
        agent
        for agent in owners.values()
        if may_be_shown(agent, today)
        and not any(refuses_document(agent, card.document_id, card.title) for card in cards)
    ]
    return tuple(sorted(shown, key=by_area_then_name)[:MOST_PEOPLE])


LONGEST_LABEL = 120


class NoSuchProposal(Exception):
    """The proposal, topic or decision does not exist (any more). The text is French."""


class Undecidable(Exception):
    """The decision is not possible; the text gives the reason in French."""


@dataclass(frozen=True, slots=True)
class ProposalDecisions:
    """Decisions on what one build proposes. Methods raise `NoSuchProposal` or `Undecidable`.

    `may` returns whether the community manager manages these spaces; they do not see proposals of
    other spaces. It is called without spaces if all documents of a decision are gone.
    """

    reading: OpenBuild
    decisions: SqlTopicDecisions
    may: Callable[[frozenset[str]], bool]

    def pending(self) -> tuple[Proposal, ...]:
        """Return the proposals without a decision. Raises `IndexUnreachable`."""
        proposals = open_proposals(self.reading, self.decisions.all())
        return tuple(proposal for proposal in proposals if self.may(proposal.communities))

    def decided(self) -> tuple[TopicDecision, ...]:
        """Return the decisions.

        Their terms are shown only while every agent may read all their documents.
        """
        made = [decision for decision in self.decisions.all() if self._is_theirs(decision)]
        still = unchanged_documents(
            self.reading, {pair for decision in made for pair in decision.marked}
        )
        return tuple(
            decision if decision.marked <= still else replace(decision, terms=frozenset())
            for decision in made
        )

    def accept(self, proposal_id: str, label: str) -> TopicDecision:
        """Accept the proposal as a topic with this label."""
        named = _valid_label(label)
        other = next(
            (
                record.topic.label
                for record in self.reading.topics.values()
                if record.topic.kind == TopicKind.TOPIC
                and label_key(named) in map(label_key, record.topic.labels)
            ),
            None,
        )
        taken = other or next(
            (
                decision.label
                for decision in self.decisions.all()
                if decision.verdict is not Verdict.REFUSED
                and label_key(decision.label) == label_key(named)
            ),
            None,
        )
        if taken:
            raise Undecidable(
                f"« {taken} » est déjà un sujet, ou un autre nom d'un sujet : réunissez-les, ou "
                "choisissez un autre nom."
            )
        return self._keep(Verdict.ACCEPTED, self._record(proposal_id), label=named)

    def merge(self, proposal_id: str, topic_id: str, label: str = "") -> TopicDecision:
        """Merge the proposal into a topic as another label.

        The label is `label`, or else the proposal's most distinctive term.
        """
        if topic_id not in self.reading.topics:
            raise NoSuchProposal("Ce sujet n'est pas dans la liste.")
        record = self._record(proposal_id)
        named = _valid_label(label or record.terms[0][0])
        return self._keep(Verdict.MERGED, record, label=named, topic_id=topic_id)

    def refuse(self, proposal_id: str) -> TopicDecision:
        """Refuse the proposal: the same documents or terms are not proposed again."""
        return self._keep(Verdict.REFUSED, self._record(proposal_id))

    def forget(self, decision_id: str) -> None:
        """Delete a decision."""
        theirs = {decision.id for decision in self.decisions.all() if self._is_theirs(decision)}
        if decision_id not in theirs or not self.decisions.forget(decision_id):
            raise NoSuchProposal("Cette décision n'existe pas, ou plus.")

    def _is_theirs(self, decision: TopicDecision) -> bool:
        if self.may(frozenset()):
            return True
        cards = self.reading.revalidation.open_cards(sorted(decision.documents))
        return self.may(frozenset(card.space for card in cards))

    def _record(self, proposal_id: str) -> ProposalRecord:
        shown = {proposal.id for proposal in self.pending()}
        record = find_proposal_record(self.reading, proposal_id) if proposal_id in shown else None
        if record is None:
            raise NoSuchProposal("Ce sujet n'est pas, ou n'est plus, proposé.")
        return record

    def _keep(
        self, verdict: Verdict, record: ProposalRecord, *, label: str = "", topic_id: str = ""
    ) -> TopicDecision:
        return self.decisions.keep(
            verdict,
            frozenset(record.documents),
            terms_of(record),
            self.reading.revalidation.today,
            label=label,
            topic_id=topic_id,
        )


def _valid_label(label: str) -> str:
    named = " ".join(label.split())
    if not label_key(named) or len(named) > LONGEST_LABEL or not named.isprintable():
        raise Undecidable(
            "Donnez un nom d'un mot porteur de sens au moins, de "
            f"{LONGEST_LABEL} caractères au plus."
        )
    return named


@dataclass(frozen=True, slots=True)
class CommunityProposals:
    """Decisions of one community manager; `animated` returns whether they manage a topic."""

    reading: OpenBuild
    animated: Callable[[str], bool]

    def pending(self) -> tuple[CommunityView, ...]:
        """Return undecided proposals on topics they manage, with at least three valid members.

        Agents who are alone on two topics are proposed as one community: on the topic, not on the
        métier that names the same agents; and not at all if a proposal of them was decided.
        """
        decided = self.reading.builds.community_decisions.all()
        records = self.reading.builds.communities(
            self.reading.stamp.id, kind=CommunityKind.PROPOSED, most=None
        )
        groups = {
            frozenset(record.members) for record in records if decided.keys() & set(record.topics)
        }
        views = []
        for record in sorted(records, key=self._is_of_metier):
            members = frozenset(record.members)
            if members not in groups and all(map(self.animated, record.topics)):
                groups.add(members)
                views.append(community_view(self.reading, record, all_shown=True))
        return tuple(view for view in views if len(view.members) >= LEAST_MEMBERS)

    def _is_of_metier(self, record: CommunityRecord) -> bool:
        return any(self.reading.topics[id_].topic.kind is TopicKind.METIER for id_ in record.topics)

    def decided(self) -> tuple[CommunityDecision, ...]:
        """Return the decisions on topics they manage, newest first."""
        mine = [
            decision
            for decision in self.reading.builds.community_decisions.all().values()
            if self.animated(decision.topic_id)
        ]
        return tuple(
            sorted(mine, key=lambda decision: (-decision.day.toordinal(), decision.topic_id))
        )

    def decide(self, topic_id: str, verdict: Verdict) -> CommunityDecision:
        """Accept the proposal, which invites its members, or refuse it for good.

        Raises `NoSuchProposal` if it is not pending for this community manager.
        """
        if topic_id not in {topic.id for view in self.pending() for topic in view.topics}:
            raise NoSuchProposal("Cette communauté n'est pas, ou n'est plus, proposée.")
        made = CommunityDecision(topic_id, verdict, self.reading.revalidation.today)
        self.reading.builds.community_decisions.keep(made)
        return made

    def forget(self, topic_id: str) -> None:
        """Delete a decision. Raises `NoSuchProposal`."""
        mine = self.animated(topic_id)
        if not (mine and self.reading.builds.community_decisions.forget(topic_id)):
            raise NoSuchProposal("Cette décision n'existe pas, ou plus.")


LEAVING_DAYS = 180
"""An agent who leaves within this number of days can still hand over."""
FEW_HOLDERS = 3
"""With more holders than this, a departure puts no topic at risk."""
_TOPICS_READ_AT_ONCE = 50


@dataclass(frozen=True, slots=True)
class AtRisk:
    """A topic's counts, its `holders` if they are few, and the holders `leaving` soon."""

    count: TopicCount
    holders: tuple[Agent, ...]
    leaving: tuple[Agent, ...]

    @property
    def risks(self) -> list[str]:
        """The topic's risks, with `one_holder` and `leaving`, which only animators see."""
        alone = self.count.holders.agents == 1 and not self.count.holders.more
        return [
            *(["one_holder"] if alone else []),
            *self.count.risks,
            *(["leaving"] if self.leaving else []),
        ]


def topics_at_risk(
    reading: OpenBuild,
    animated: Callable[[str], bool],
    with_questions: Callable[[TopicCount], TopicCount] = lambda count: count,
) -> tuple[AtRisk, ...]:
    """Return the topics to watch, by label, among those that `animated` accepts.

    `with_questions` replaces the unanswered questions of a topic, which are those of the index.
    A topic is at risk if it has only one holder, if it has documents but no holder, if it has
    unanswered questions, or if one of few holders leaves soon. Raises `IndexUnreachable`.
    """
    at_risk: list[AtRisk] = []
    offset: int | None = 0
    while offset is not None:
        page, standing = reading.counted_page("", offset, _TOPICS_READ_AT_ONCE)
        rows = (with_questions(count) for count in page.rows if animated(count.topic.id))
        at_risk += [_at_risk(reading, count, standing) for count in rows]
        offset = page.following
    return tuple(topic for topic in at_risk if topic.risks)


def _at_risk(reading: OpenBuild, count: TopicCount, standing: tuple[CurrentHolder, ...]) -> AtRisk:
    holders = {
        holder.agent.id: holder.agent
        for holder in standing
        if holder.cell.topic_id == count.topic.id and holder.holds
    }
    few = (
        tuple(sorted(holders.values(), key=by_area_then_name))
        if len(holders) <= FEW_HOLDERS
        else ()
    )
    last = reading.revalidation.today + timedelta(days=LEAVING_DAYS)
    return AtRisk(
        count, few, tuple(agent for agent in few if agent.departure and agent.departure <= last)
    )
