"""How much a contribution counts.

Role, age, and the votes that documents give their contributors.
"""

import math
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from functools import lru_cache
from types import MappingProxyType
from typing import NamedTuple

from connectors.values import Contribution, ContributorRole, EvidencePolicy
from expertise.values import Window
from indexer.values import Card

ROLE_WEIGHTS: dict[ContributorRole, float] = {
    ContributorRole.AUTHOR: 1.0,
    ContributorRole.ACCEPTED_ANSWERER: 1.0,
    ContributorRole.ANSWERER: 0.7,
    ContributorRole.EDITOR: 0.6,
    ContributorRole.REVIEWER: 0.5,
    ContributorRole.COMMENTER: 0.2,
    # To ask, to upload, to forward or to be a program shows no knowledge.
    ContributorRole.ASKER: 0.0,
    ContributorRole.UPLOADER: 0.0,
    ContributorRole.FORWARDER: 0.0,
    ContributorRole.BOT: 0.0,
}

THANKS_HALFWAY = 3
"""So many thanks raise an answer half of the way to an accepted one, which none passes.
Stated, not measured: no judged set has thanks, so that without them nothing changes."""

_MOST_THANKS = 1_000_000
"""As the export's schema has it; other ways in have no limit of their own."""

OTHER_PARTS = frozenset({ContributorRole.AUTHOR, ContributorRole.ANSWERER})
"""Roles that count less where another one's part of the document answers. An accepted answer
does not: who asked has said that it answers."""

WHOLE_PARTS = OTHER_PARTS | {ContributorRole.ACCEPTED_ANSWERER}
"""Whoever has one of these roles wrote a part of a document."""

OTHER_PART_WEIGHT = 0.5
"""What it counts to have written another part than the one that answers: gives back most of
what binding documents by chance costs (`python -m benchmarks.section_authors`); less would take
a handbook's other authors, who know its subject, for strangers."""

HALF_LIFE_DAYS = 5 * 365
"""What was shown five years ago counts half: trades last longer than posts."""

_DAYS_OF_NO_DECAY = 365
"""A year's cycle of campaigns: within it nothing has aged."""


@lru_cache(maxsize=1024)  # the same days come back in one window after another
def recency(last: date | None, today: date) -> float:
    """From 0 to 1, halved every `HALF_LIFE_DAYS` beyond the first year; 1 without a date."""
    if last is None:
        return 1.0
    age_days = max(0, (today - last).days - _DAYS_OF_NO_DECAY)
    return float(0.5 ** (age_days / HALF_LIFE_DAYS))


def contribution_weight(row: Contribution, today: date) -> float:
    """From 0 to 1: role, endorsed by thanks, times recency."""
    return _endorsed(row) * recency(row.last, today)


def _endorsed(row: Contribution) -> float:
    """An answer's weight grows with its thanks, to at most that of an accepted one."""
    weight = ROLE_WEIGHTS[row.role]
    if row.role is not ContributorRole.ANSWERER:
        return weight
    most = ROLE_WEIGHTS[ContributorRole.ACCEPTED_ANSWERER]
    thanks = min(max(row.thanks, 0), _MOST_THANKS)
    return weight + (most - weight) * thanks / (thanks + THANKS_HALFWAY)


def counting_contributions(card: Card) -> tuple[Contribution, ...]:
    """The contributions that may count at all, under the document's evidence policy."""
    if card.evidence == EvidencePolicy.NONE:
        return ()
    return tuple(row for row in card.contributions if ROLE_WEIGHTS[row.role] > 0)


RANKING_DEPTH = 1000
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

SHARPNESS = 2.0
"""The power of a document's score in its vote: with so many voters, the many that hardly answer
would outvote the few that do. From 1.5 to 2.5 a plateau."""

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


def cast_votes(
    window: Window,
    today: date,
    owner_of: Mapping[str, str],
    voters: int = VOTERS,
    refused: Mapping[str, frozenset[str]] = MappingProxyType({}),
    elsewhere: float = OTHER_PART_WEIGHT,
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
        for row in counting_contributions(ranked.card):
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


def discounted_votes(
    votes: Sequence[Vote], sharpness: float = SHARPNESS, discount: float = VOLUME_DISCOUNT
) -> float:
    """What a candidate's votes are worth together: `discounted_sum` of sharpened votes."""
    return discounted_sum((vote.share * vote.score**sharpness for vote in votes), discount)
