"""How much a candidate's evidence can bear: each stands on their own, whoever comes first."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from expertise.values import Window
from expertise.votes import Vote
from expertise.voting import discounted

VOTES_WEIGHT, NEARNESS_WEIGHT = 2.0, 0.4
"""Of the logarithm of the summed votes, and of the nearness of the best document: as a
logistic regression weighs them on expert_vdd_contacts (decision 8)."""

FEWEST_COMPARED = 50
"""With fewer documents nothing can be said of how near is near, and nobody is held back."""

_FAINTEST = 1e-9


@dataclass(frozen=True, slots=True)
class Bar:
    """What a candidate must pass to be shown.

    A confidence of their own, and a share, from 0 to 1, of the votes of whoever has most.
    """

    confidence: float
    share: float


SERVED = Bar(confidence=0.5, share=0.4)
"""By `quisait evaluate nobody` (decision 8): the highest confidence, in steps of a quarter,
that leaves nine answerable questions of ten their answer on both sets."""
SURE = 2.0
"""By the same command: the first confidence of its table at which most of the names that are
shown are right on both sets. Below it a name is only where one may ask (decision 24)."""
NO_BAR = Bar(-math.inf, 0.0)
"""Everybody with a vote."""


class Confidences:
    """Of the candidates of one window.

    They can be compared across questions, encoders and organisations, as the scores of one
    answer cannot: their best is always 1.
    """

    def __init__(self, window: Window, votes: Mapping[str, Sequence[Vote]]) -> None:
        self._near = {ranked.card.document_id: ranked.nearness for ranked in window.documents}
        self._votes = votes
        self._compared, self._far = window.compared, window.far
        self.sums = {id_: discounted(cast) for id_, cast in votes.items()}
        """By agent, as the served model of voting has them."""

    def of(self, agent_id: str) -> float:
        """Log-odds, up to a constant: summed votes, and how near the nearest document stands.

        Further documents only add to it: one that fits very well is enough.
        """
        cast = [vote for vote in self._votes[agent_id] if vote.weight > 0]
        near = max((self._near[vote.document_id] for vote in cast), default=0.0)
        votes = math.log(max(self.sums[agent_id], _FAINTEST))
        return VOTES_WEIGHT * votes + NEARNESS_WEIGHT * near

    def sure(self, agent_id: str) -> bool:
        """Whether their evidence bears being called an expert's; among few, nothing is said."""
        return self._compared < FEWEST_COMPARED or self.of(agent_id) >= SURE

    def bearing(self, agent_ids: Sequence[str], bar: Bar = SERVED) -> list[str]:
        """Those whose evidence bears being shown, in their order."""
        if self._compared < FEWEST_COMPARED:
            return list(agent_ids)
        if self._far and bar != NO_BAR:
            return []
        least = bar.share * max((self.sums[one] for one in agent_ids), default=0.0)
        return [
            id_ for id_ in agent_ids if self.sums[id_] >= least and self.of(id_) >= bar.confidence
        ]
