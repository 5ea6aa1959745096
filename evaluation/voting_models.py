"""Alternatives to the served way to sum a candidate's votes.

`quisait evaluate experts --voting all` compares them. From Macdonald & Ounis, "Voting for
candidates: adapting data fusion techniques for an expert search task" (CIKM 2006), with each vote
multiplied by its share (role, age, contributors).
"""

import math
from collections.abc import Callable, Mapping, Sequence
from enum import StrEnum
from types import MappingProxyType

from expertise.votes import VOTERS, Vote, discounted_votes


class VotingModel(StrEnum):
    """The models, with their names in the literature.

    `served` is the one in use; `discounted` treats answers like pages.
    """

    SERVED = "served"
    DISCOUNTED = "discounted"
    COMB_SUM = "CombSUM"
    COMB_MNZ = "CombMNZ"
    COMB_MAX = "CombMAX"
    EXP_COMB_SUM = "expCombSUM"
    EXP_COMB_MNZ = "expCombMNZ"
    RECIPROCAL_RANK = "RR"
    BORDA_FUSE = "BordaFuse"


def comb_sum(votes: Sequence[Vote]) -> float:
    """Return the sum of the votes' weights."""
    return math.fsum(vote.weight for vote in votes)


def comb_mnz(votes: Sequence[Vote]) -> float:
    """Return the sum times the number of votes."""
    return len(votes) * comb_sum(votes)


def comb_max(votes: Sequence[Vote]) -> float:
    """Return the weight of the strongest vote."""
    return max((vote.weight for vote in votes), default=0.0)


def exp_comb_sum(votes: Sequence[Vote]) -> float:
    """Return the sum of the exponentials of the documents' scores, times the votes' shares."""
    return math.fsum(vote.share * math.exp(vote.score) for vote in votes)


def exp_comb_mnz(votes: Sequence[Vote]) -> float:
    """Return the exponential sum times the number of votes."""
    return len(votes) * exp_comb_sum(votes)


def reciprocal_rank(votes: Sequence[Vote]) -> float:
    """Return the sum of the reciprocals of the documents' ranks, times the votes' shares."""
    return math.fsum(vote.share / vote.rank for vote in votes)


def borda_fuse(votes: Sequence[Vote]) -> float:
    """Return the sum of `VOTERS` + 1 - rank (at least 0) over the votes, times their shares."""
    return math.fsum(vote.share * max(0, VOTERS + 1 - vote.rank) for vote in votes)


VOTING_MODELS: Mapping[VotingModel, Callable[[Sequence[Vote]], float]] = MappingProxyType(
    {
        VotingModel.DISCOUNTED: discounted_votes,
        VotingModel.COMB_SUM: comb_sum,
        VotingModel.COMB_MNZ: comb_mnz,
        VotingModel.COMB_MAX: comb_max,
        VotingModel.EXP_COMB_SUM: exp_comb_sum,
        VotingModel.EXP_COMB_MNZ: exp_comb_mnz,
        VotingModel.RECIPROCAL_RANK: reciprocal_rank,
        VotingModel.BORDA_FUSE: borda_fuse,
    }
)
