"""A topic and a reader become candidates with their evidence. Read `find_experts` first."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import NamedTuple

from connectors.geography import distance_km, region_of
from connectors.values import Agent
from expertise.names import DirectoryField, NamedAgent, reasons
from expertise.scoring import NO_TOPICS, SERVED_THRESHOLD, CandidateConfidences, Threshold, walk
from expertise.values import (
    AccountDirectory,
    AssignedTopics,
    Candidate,
    DocumentRanker,
    Evidence,
    NameMatcher,
    RankedDocument,
    ScoreParts,
    Window,
)
from expertise.visibility import may_be_shown, refused_documents, refuses
from expertise.votes import Vote, cast_votes, counting_contributions
from expertise.voting import VOTING, Voting
from indexer.access import Reader

EVIDENCE_SHARE = 0.5
"""A document is shown as evidence if it says at least this share of the candidate's best."""


def supporting_votes(votes: Sequence[Vote]) -> tuple[Vote, ...]:
    """The votes to show, strongest first: what says far less than the best is no evidence."""
    enough = EVIDENCE_SHARE * max((vote.weight for vote in votes), default=0.0)
    return tuple(vote for vote in votes if vote.weight > 0 and vote.weight >= enough)


class EvidenceFinder:
    """The evidence of each agent with votes. `agents` maps accounts to them."""

    def __init__(
        self,
        window: Window,
        agents: Mapping[str, Agent],
        votes: Mapping[str, tuple[Vote, ...]],
    ) -> None:
        self._ranked = {ranked.card.document_id: ranked for ranked in window.documents}
        self._agents, self._votes = agents, votes

    def of(self, agent: Agent) -> tuple[Evidence, ...]:
        """Strongest first; none without votes."""
        return tuple(
            self._evidence(agent, vote) for vote in supporting_votes(self._votes.get(agent.id, ()))
        )

    def _evidence(self, agent: Agent, vote: Vote) -> Evidence:
        ranked = self._ranked[vote.document_id]
        card = ranked.card
        rows = [row for row in counting_contributions(card) if self._is(row.account, agent.id)]
        last = max((row.last for row in rows if row.last), default=None)
        return Evidence(
            document_id=card.document_id,
            title=card.title,
            url=card.url,
            roles=tuple(dict.fromkeys(row.role for row in rows)),
            first=min((row.first for row in rows if row.first), default=None),
            last=last,
            weight=vote.weight,
            former=_before(last, agent.arrival),
            answers=self._is(ranked.answered_by, agent.id),
        )

    def _is(self, account: str, agent_id: str) -> bool:
        agent = self._agents.get(account)
        return agent is not None and agent.id == agent_id


def _before(last: date | None, arrival: date | None) -> bool:
    return last is not None and arrival is not None and last < arrival


WALK_WEIGHT = 0.2
"""How much the walk says beside the votes. From .1 to .3 a plateau of the development sets: more
gains on broad questions, and loses on those that one or two can answer."""

NEAREST_DOCUMENTS = 3
"""How many documents are named where nobody is known."""


@dataclass(frozen=True, slots=True)
class Experts:
    """Who may know: three lists that are three things, each person in one of them.

    `named` are meant by the question itself, by name or by métier and place, whatever
    they wrote. `candidates` have shown it, best first; `beyond` counts those that the
    limit leaves out. `stated` are those whose métier or skill the directory alone states:
    they stand below any evidence. Without a sure candidate, `nearest` are the documents that
    come nearest to the question, none where nothing comes near it (`far`); without any
    candidate, `nearest_area` is where somebody is known, if anywhere.
    """

    candidates: tuple[Candidate, ...]
    beyond: int
    named: tuple[Candidate, ...] = ()
    stated: tuple[Candidate, ...] = ()
    nearest: tuple[RankedDocument, ...] = ()
    nearest_area: str = ""
    far: bool = False


def find_experts(
    topic: str,
    reader: Reader,
    ranker: DocumentRanker,
    book: AccountDirectory,
    today: date,
    *,
    area: str = "",
    limit: int = 10,
    names: NameMatcher | None = None,
    assigned: AssignedTopics | None = None,
    voting: Voting = Voting.DISCOUNTED,
    bar: Threshold = SERVED_THRESHOLD,
) -> Experts:
    """Who may know, as far as the reader's documents and the directory tell.

    `area` narrows to agents whose present post is there (see `in_area`). Nobody who
    has departed or asked not to be listed is proposed, and not the one who asks, nor
    anybody whose evidence does not pass the `bar`; where nobody passes, nobody is known.
    The topics that documents share (`assigned`) take part in the walk.
    Raises `IndexUnreachable`.
    """
    window = ranker.window(topic, reader)
    proposable = _Eligibility(reader, today, topic)
    agents = proposable.among(book.by_account(_accounts(window)))
    owners = {account: agent.id for account, agent in agents.items()}
    votes = cast_votes(window, today, owners, refused=refused_documents(window, agents))
    confidences = CandidateConfidences(window, votes)
    sums = confidences.sums if voting is Voting.DISCOUNTED else _sum_votes(votes, voting)
    voting_ids = {vote.document_id for some in votes.values() for vote in some}
    topics = assigned.topics_of(voting_ids, today) if assigned else NO_TOPICS
    scores = combine_scores(sums, walk(window, votes, topics))
    known = {agent.id: agent for agent in agents.values() if agent.id in scores}
    there = sorted(
        (id_ for id_, agent in known.items() if in_area(agent, area)),
        key=lambda id_: (-scores[id_].score, id_),
    )
    shown = confidences.bearing(there, bar)
    make = _CandidateFactory(scores, EvidenceFinder(window, agents, votes), confidences, today)
    called = proposable.called(names, topic, area)
    named = {id_: one for id_, one in called.items() if one.pointed_at}
    voted = [id_ for id_ in shown if id_ not in named]
    sure = any(map(confidences.sure, shown))
    stated = called.keys() - named.keys() - set(shown)
    return Experts(
        candidates=tuple(make.shown(known[id_], called.get(id_)) for id_ in voted[:limit]),
        beyond=max(0, len(voted) - limit),
        named=tuple(make.shown(one.agent, one) for one in named.values()),
        stated=tuple(make.stated(one) for id_, one in called.items() if id_ in stated),
        nearest=() if sure or window.far else window.documents[:NEAREST_DOCUMENTS],
        nearest_area="" if shown else _nearest_area(confidences, known, area, bar),
        far=window.far,
    )


def in_area(agent: Agent, area: str) -> bool:
    """Whether the present post is in a département (`22`) or a region (`r53`); all are in ``."""
    if not area:
        return True
    if area.startswith("r"):
        return region_of(agent.departement) == area[1:]
    return agent.departement == area


def _accounts(window: Window) -> set[str]:
    return {
        row.account for ranked in window.documents for row in counting_contributions(ranked.card)
    }


@dataclass(frozen=True, slots=True)
class _Eligibility:
    """Who may be proposed: not who has left, nor who asked not to be, nor the one who asks.

    Nor who refused a topic that the question names, unless it names them.
    """

    reader: Reader
    today: date
    topic: str

    def among(self, agents: Mapping[str, Agent]) -> dict[str, Agent]:
        """The agents of these accounts, as far as they may be proposed."""
        return {
            account: agent
            for account, agent in agents.items()
            if self._may_be(agent) and not refuses(agent, self.topic)
        }

    def called(self, names: NameMatcher | None, topic: str, area: str) -> dict[str, NamedAgent]:
        """By id, those whom the question itself names, in the book's order."""
        found = names.named(topic) if names else ()
        return {
            one.agent.id: one
            for one in found
            if self._may_be(one.agent)
            and in_area(one.agent, area)
            and (DirectoryField.NAME in one.fields or not refuses(one.agent, self.topic))
        }

    def _may_be(self, agent: Agent) -> bool:
        return may_be_shown(agent, self.today) and agent.id != self.reader.agent_id


class ScoredCandidate(NamedTuple):
    """Both parts are relative to the best candidate's."""

    score: float
    votes: float
    walk: float


def _sum_votes(votes: Mapping[str, tuple[Vote, ...]], voting: Voting) -> dict[str, float]:
    model = VOTING[voting]
    return {id_: model([v for v in cast_ if v.weight > 0]) for id_, cast_ in votes.items()}


def combine_scores(
    sums: Mapping[str, float], visits: Mapping[str, float]
) -> dict[str, ScoredCandidate]:
    """Score and parts of each agent whose votes say something, by id."""
    most = max(sums.values(), default=0.0)
    found = {}
    for agent_id, total in sums.items():
        if total > 0:
            part, visited = total / most, visits.get(agent_id, 0.0)
            score = (1 - WALK_WEIGHT) * part + WALK_WEIGHT * visited
            found[agent_id] = ScoredCandidate(score, part, visited)
    return found


def _nearest_area(
    confidences: CandidateConfidences, known: Mapping[str, Agent], area: str, bar: Threshold
) -> str:
    """The département nearest to the one asked for in which somebody is known, if any.

    Of a region, or overseas, no distance is known: then that of the best evidence.
    """
    somewhere = [
        (distance_km(area, known[id_].departement) or 0.0, -confidences.of(id_), id_)
        for id_ in confidences.bearing(sorted(known), bar)
        if known[id_].departement
    ]
    return known[min(somewhere)[-1]].departement if somewhere else ""


class _CandidateFactory:
    """Makes what an answer shows of each agent."""

    def __init__(
        self,
        scores: Mapping[str, ScoredCandidate],
        evidence: EvidenceFinder,
        confidences: CandidateConfidences,
        today: date,
    ) -> None:
        self._scores, self._evidence, self._today = scores, evidence, today
        self._confidences = confidences

    def shown(self, agent: Agent, named: NamedAgent | None) -> Candidate:
        """With their evidence, and what the directory says of them that the question says."""
        scored = self._scores.get(agent.id, _NO_SCORE)
        confidence = self._confidences.of(agent.id) if agent.id in self._scores else 0.0
        evidence = self._evidence.of(agent)
        why = reasons(named, self._today, evidence=bool(evidence)) if named else ()
        sure = agent.id not in self._scores or self._confidences.sure(agent.id)
        parts = ScoreParts(scored.votes, scored.walk, len(evidence))
        return Candidate(agent, scored.score, parts, evidence, why, confidence, sure)

    def stated(self, named: NamedAgent) -> Candidate:
        """By the directory alone: a thin document beside it would look like evidence."""
        why = reasons(named, self._today, evidence=False)
        return Candidate(named.agent, 0.0, ScoreParts(0.0, 0.0, 0), (), why)


_NO_SCORE = ScoredCandidate(0.0, 0.0, 0.0)
