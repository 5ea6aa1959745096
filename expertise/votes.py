"""Documents vote for those who contributed to them."""

import math
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date

from expertise.values import Window
from expertise.weights import contribution_weight, counting_rows

VOTERS = 200
"""How many of the window's documents vote: all of it (`quisait evaluate experts`).

50 lose a quarter of the AP on expert_dblp; on expert_vdd_contacts 50 to 200 are a plateau.
"""

VOLUME_DISCOUNT = 0.8
"""How much less each further document says: without it, who wrote much outranks who wrote
the right thing. From .7 to .9 the development sets are on a plateau; 1 costs
expert_vdd_contacts two points of AP, and exponential votes cost it one."""


@dataclass(frozen=True, slots=True)
class Vote:
    """What one document says for one voter's key (an agent, or an account nobody claims)."""

    document_id: str
    weight: float


def cast(
    window: Window, today: date, owner_of: Mapping[str, str], voters: int = VOTERS
) -> dict[str, tuple[Vote, ...]]:
    """The votes for each owner of an account, strongest first.

    `owner_of` maps accounts to owners; other accounts get no vote. A document votes
    once for an owner: with its score times the best weight among their roles in it.
    """
    votes: dict[str, list[Vote]] = defaultdict(list)
    for ranked in window.documents[:voters]:
        best: dict[str, float] = {}
        for row in counting_rows(ranked.card):
            owner = owner_of.get(row.account)
            if owner is not None:
                weight = contribution_weight(row, today)
                best[owner] = max(best.get(owner, 0.0), weight)
        for owner, weight in best.items():
            votes[owner].append(Vote(ranked.card.document_id, ranked.score * weight))
    return {owner: _strongest_first(cast_) for owner, cast_ in votes.items()}


def _strongest_first(votes: Sequence[Vote]) -> tuple[Vote, ...]:
    return tuple(sorted(votes, key=lambda vote: (-vote.weight, vote.document_id)))


def discounted_sum(votes: Sequence[Vote]) -> float:
    """The votes' weights, the i-th strongest (from 0) times `VOLUME_DISCOUNT` to the i.

    CombSUM of Macdonald & Ounis, "Voting for candidates" (CIKM 2006), with the
    geometric discount of Moffat & Zobel, "Rank-biased precision" (TOIS 2008): any
    number of documents that hardly answer is worth less than a few that do.
    """
    return math.fsum(
        vote.weight * VOLUME_DISCOUNT**rank for rank, vote in enumerate(_strongest_first(votes))
    )
