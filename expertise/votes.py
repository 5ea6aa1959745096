"""Documents vote for those who contributed to them."""

import math
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from types import MappingProxyType
from typing import NamedTuple

from expertise.values import Window
from expertise.weights import ELSEWHERE, OTHER_PARTS, contribution_weight, counting_rows

RANKED = 1000
"""How many documents of each ranking are fused: a score is relative to the last of them."""

VOTERS = 700
"""How many of these vote: more than a page shows, for who knows shows in many documents.

Broad questions (expert_dblp) lose with 200, and hardly with 700 beside 1000; on
expert_vdd_contacts 200 to 1000 are a plateau for votes as sharp as the served ones.
Tried by hand on these very sets (decision 3).
"""

VOLUME_DISCOUNT = 0.8
"""How much less each further document says: without it, who wrote much outranks who wrote
the right thing. From .8 to .9 the development sets are on a plateau; 1 costs
expert_vdd_contacts a point or two of AP."""

CONTRIBUTORS_ROOT = 4
"""A document shared by n contributors says the n-th part, softened by this root."""


class Vote(NamedTuple):
    """What one document says for one voter's key (an agent, or an account nobody claims).

    `weight` is the document's score times `share`: what the best role in it, its age and
    the number of its contributors leave of it, from 0 to 1. `rank` counts from 1.
    """

    document_id: str
    weight: float
    share: float = 1.0
    rank: int = 1

    @property
    def score(self) -> float:
        """The document's own."""
        return self.weight / self.share if self.share > 0 else 0.0


def cast(
    window: Window,
    today: date,
    owner_of: Mapping[str, str],
    voters: int = VOTERS,
    refused: Mapping[str, frozenset[str]] = MappingProxyType({}),
    elsewhere: float = ELSEWHERE,
) -> dict[str, tuple[Vote, ...]]:
    """The votes for each owner of an account, strongest first.

    `owner_of` maps accounts to owners; other accounts get no vote, though they count
    among a document's contributors. A document votes once for an owner, by the best
    weight among their roles in it, and not where they refused it (`refused`, by owner).
    Where it is known whose part of a document answers, the other parts count `elsewhere`.
    """
    votes: dict[str, list[Vote]] = defaultdict(list)
    for rank, ranked in enumerate(window.documents[:voters], 1):
        best: dict[str, float] = {}
        unclaimed = set()
        answered_by = owner_of.get(ranked.answered_by, ranked.answered_by)
        for row in counting_rows(ranked.card):
            owner = owner_of.get(row.account)
            if owner is None:
                unclaimed.add(row.account)
                continue
            weight = contribution_weight(row, today)
            if answered_by and owner != answered_by and row.role in OTHER_PARTS:
                weight *= elsewhere
            if weight >= best.get(owner, 0.0):
                best[owner] = weight
        softened = float((len(best) + len(unclaimed)) ** (1 / CONTRIBUTORS_ROOT))
        for owner, weight in best.items():
            if ranked.card.document_id in refused.get(owner, ()):
                continue
            share = weight / softened
            votes[owner].append(Vote(ranked.card.document_id, ranked.score * share, share, rank))
    return {owner: strongest_first(cast_) for owner, cast_ in votes.items()}


def strongest_first(votes: Sequence[Vote]) -> tuple[Vote, ...]:
    """By weight, equals by document."""
    return tuple(sorted(votes, key=lambda vote: (-vote.weight, vote.document_id)))


def discounted_sum(weights: Iterable[float], discount: float = VOLUME_DISCOUNT) -> float:
    """Votes' weights, the i-th strongest (from 0) times `discount` to the i.

    CombSUM of Macdonald & Ounis, "Voting for candidates" (CIKM 2006), with the
    geometric discount of Moffat & Zobel, "Rank-biased precision" (TOIS 2008): any
    number of documents that hardly answer is worth less than a few that do.
    """
    strongest = sorted(weights, reverse=True)
    return math.fsum(weight * discount**rank for rank, weight in enumerate(strongest))
