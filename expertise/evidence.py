"""The documents that support a candidate, and what any of their accounts did to them."""

from collections.abc import Mapping, Sequence
from datetime import date

from connectors.values import Agent
from expertise.values import Evidence, Window
from expertise.votes import Vote
from expertise.weights import counting_rows

EVIDENCE_SHARE = 0.5
"""A document is shown as evidence if it says at least this share of the candidate's best."""


def supporting(votes: Sequence[Vote]) -> tuple[Vote, ...]:
    """The votes to show, strongest first: what says far less than the best is no evidence."""
    enough = EVIDENCE_SHARE * max((vote.weight for vote in votes), default=0.0)
    return tuple(vote for vote in votes if vote.weight > 0 and vote.weight >= enough)


class EvidenceOf:
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
            self._evidence(agent, vote) for vote in supporting(self._votes.get(agent.id, ()))
        )

    def _evidence(self, agent: Agent, vote: Vote) -> Evidence:
        ranked = self._ranked[vote.document_id]
        card = ranked.card
        rows = [row for row in counting_rows(card) if self._is(row.account, agent.id)]
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
