"""A topic and a reader become candidates with their evidence. Read `find_experts` first."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date

from connectors.areas import region_of
from connectors.values import Agent, Contribution
from expertise.ports import AgentBook, DocumentRanker
from expertise.values import Candidate, Evidence, RankedDocument, ScoreParts, Window
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
    has departed or asked not to be listed is proposed, and nobody without evidence.
    """
    window = ranker.window(topic, reader)
    agents = _proposable(window, book, today)
    votes = cast(window, today, {account: agent.id for account, agent in agents.items()})
    scores = _scored(window, votes)
    by_id = {agent.id: agent for agent in agents.values() if in_area(agent, area)}
    ranked = sorted(
        (agent_id for agent_id in scores if agent_id in by_id),
        key=lambda agent_id: (-scores[agent_id][0], agent_id),
    )
    documents = {ranked.card.document_id: ranked for ranked in window.documents}
    accounts = _accounts_of(agents)
    candidates = tuple(
        Candidate(
            agent=by_id[agent_id],
            score=scores[agent_id][0],
            parts=scores[agent_id][1],
            evidence=_evidence(votes[agent_id], documents, accounts[agent_id]),
        )
        for agent_id in ranked[:limit]
    )
    return Experts(candidates, beyond=max(0, len(ranked) - limit))


def in_area(agent: Agent, area: str) -> bool:
    """Whether the present post is in a département (`22`) or a region (`r53`); all are in ``."""
    if not area:
        return True
    if area.startswith("r"):
        return region_of(agent.departement) == area[1:]
    return agent.departement == area


def _proposable(window: Window, book: AgentBook, today: date) -> dict[str, Agent]:
    accounts = {row.account for ranked in window.documents for row in counting_rows(ranked.card)}
    return {
        account: agent
        for account, agent in book.by_account(accounts).items()
        if agent.listed and not agent.departed(today)
    }


def _accounts_of(agents: Mapping[str, Agent]) -> dict[str, frozenset[str]]:
    accounts: dict[str, set[str]] = {}
    for account, agent in agents.items():
        accounts.setdefault(agent.id, set()).add(account)
    return {agent_id: frozenset(names) for agent_id, names in accounts.items()}


def _scored(
    window: Window, votes: Mapping[str, tuple[Vote, ...]]
) -> dict[str, tuple[float, ScoreParts]]:
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
            scored[agent_id] = (score, parts)
    return scored


def _supporting(votes: Sequence[Vote]) -> tuple[Vote, ...]:
    """The votes to show, strongest first: what says far less than the best is no evidence."""
    enough = EVIDENCE_SHARE * max((vote.weight for vote in votes), default=0.0)
    return tuple(vote for vote in votes if vote.weight > 0 and vote.weight >= enough)


def _evidence(
    votes: Sequence[Vote], documents: Mapping[str, RankedDocument], accounts: frozenset[str]
) -> tuple[Evidence, ...]:
    evidence = []
    for vote in _supporting(votes):
        card = documents[vote.document_id].card
        rows = [row for row in counting_rows(card) if row.account in accounts]
        evidence.append(
            Evidence(
                document_id=card.document_id,
                title=card.title,
                url=card.url,
                roles=tuple(dict.fromkeys(row.role for row in rows)),
                first=min(_dates(rows, "first"), default=None),
                last=max(_dates(rows, "last"), default=None),
                weight=vote.weight,
            )
        )
    return tuple(evidence)


def _dates(rows: Sequence[Contribution], name: str) -> list[date]:
    return [day for row in rows if (day := getattr(row, name)) is not None]
