"""A topic and a reader become candidates with their evidence. Read `find_experts` first."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date

from connectors.areas import region_of
from connectors.values import Agent
from expertise.ports import AgentBook, DocumentRanker
from expertise.values import Candidate, Evidence, ScoreParts, Window
from expertise.votes import Vote, cast, discounted_sum
from expertise.walk import walk
from expertise.weights import counting_rows
from indexer.access import Reader

WALK_WEIGHT = 0.1
"""How much the walk says beside the votes."""

EVIDENCE_SHARE = 0.5
"""A document is shown as evidence if it says at least this share of the candidate's best."""


@dataclass(frozen=True, slots=True)
class Experts:
    """The candidates, best first; `beyond` counts those that the limit leaves out."""

    candidates: tuple[Candidate, ...]
    beyond: int


def find_experts(
    topic: str,
    reader: Reader,
    ranker: DocumentRanker,
    book: AgentBook,
    today: date,
    *,
    area: str = "",
    limit: int = 10,
) -> Experts:
    """Who may know, as far as the reader's documents tell.

    `area` narrows to agents whose present post is there (see `in_area`). Nobody who
    has departed or asked not to be listed is proposed, nobody without evidence, and
    not the one who asks. Raises `IndexUnreachable`.
    """
    window = ranker.window(topic, reader)
    agents = _proposable(window, book, reader, today)
    votes = cast(window, today, {account: agent.id for account, agent in agents.items()})
    scores = _scored(window, votes)
    there = {agent.id: agent for agent in agents.values() if in_area(agent, area)}
    ranked = sorted(there.keys() & scores.keys(), key=lambda id_: (-scores[id_].score, id_))
    evidence = _EvidenceOf(window, agents, votes)
    candidates = tuple(
        Candidate(there[id_], scores[id_].score, scores[id_].parts, evidence.of(id_))
        for id_ in ranked[:limit]
    )
    return Experts(candidates, beyond=max(0, len(ranked) - limit))


def in_area(agent: Agent, area: str) -> bool:
    """Whether the present post is in a département (`22`) or a region (`r53`); all are in ``."""
    if not area:
        return True
    if area.startswith("r"):
        return region_of(agent.departement) == area[1:]
    return agent.departement == area


def _proposable(window: Window, book: AgentBook, reader: Reader, today: date) -> dict[str, Agent]:
    """The agent of each account that contributed, as far as they may be proposed."""
    accounts = {row.account for ranked in window.documents for row in counting_rows(ranked.card)}
    return {
        account: agent
        for account, agent in book.by_account(accounts).items()
        if agent.listed and not agent.departed(today) and agent.id != reader.agent_id
    }


@dataclass(frozen=True, slots=True)
class _Scored:
    score: float
    parts: ScoreParts


def _scored(window: Window, votes: Mapping[str, tuple[Vote, ...]]) -> dict[str, _Scored]:
    """Score and parts of each agent with a vote; both parts are relative to the best."""
    sums = {agent_id: discounted_sum(cast_) for agent_id, cast_ in votes.items()}
    most = max(sums.values(), default=0.0)
    visits = walk(window, votes)
    scored = {}
    for agent_id, total in sums.items():
        if total > 0:
            supporting = len(_supporting(votes[agent_id]))
            parts = ScoreParts(total / most, visits.get(agent_id, 0.0), supporting)
            score = (1 - WALK_WEIGHT) * parts.votes + WALK_WEIGHT * parts.walk
            scored[agent_id] = _Scored(score, parts)
    return scored


def _supporting(votes: Sequence[Vote]) -> tuple[Vote, ...]:
    """The votes to show, strongest first: what says far less than the best is no evidence."""
    enough = EVIDENCE_SHARE * max((vote.weight for vote in votes), default=0.0)
    return tuple(vote for vote in votes if vote.weight > 0 and vote.weight >= enough)


class _EvidenceOf:
    """The documents that support each agent, with what any of their accounts did to them."""

    def __init__(
        self,
        window: Window,
        agents: Mapping[str, Agent],
        votes: Mapping[str, tuple[Vote, ...]],
    ) -> None:
        self._cards = {ranked.card.document_id: ranked.card for ranked in window.documents}
        self._agents, self._votes = agents, votes

    def of(self, agent_id: str) -> tuple[Evidence, ...]:
        """Strongest first."""
        return tuple(self._evidence(agent_id, vote) for vote in _supporting(self._votes[agent_id]))

    def _evidence(self, agent_id: str, vote: Vote) -> Evidence:
        card = self._cards[vote.document_id]
        rows = [row for row in counting_rows(card) if self._is(row.account, agent_id)]
        return Evidence(
            document_id=card.document_id,
            title=card.title,
            url=card.url,
            roles=tuple(dict.fromkeys(row.role for row in rows)),
            first=min((row.first for row in rows if row.first), default=None),
            last=max((row.last for row in rows if row.last), default=None),
            weight=vote.weight,
        )

    def _is(self, account: str, agent_id: str) -> bool:
        agent = self._agents.get(account)
        return agent is not None and agent.id == agent_id
