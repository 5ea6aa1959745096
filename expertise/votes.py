"""Weight of contributions: role, age, and the votes that documents give to their contributors."""

import math
import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import date
from functools import lru_cache
from types import MappingProxyType
from typing import NamedTuple

from connectors.values import Agent, Contribution, ContributorRole, EvidencePolicy
from expertise.values import Evidence, Window
from indexer.values import Card

ROLE_WEIGHTS: dict[ContributorRole, float] = {
    ContributorRole.AUTHOR: 1.0,
    ContributorRole.ACCEPTED_ANSWERER: 1.0,
    ContributorRole.ANSWERER: 0.7,
    ContributorRole.EDITOR: 0.6,
    ContributorRole.REVIEWER: 0.5,
    ContributorRole.COMMENTER: 0.2,
    # Asking, uploading and forwarding show no knowledge, nor does a bot.
    ContributorRole.ASKER: 0.0,
    ContributorRole.UPLOADER: 0.0,
    ContributorRole.FORWARDER: 0.0,
    ContributorRole.BOT: 0.0,
}

THANKS_HALFWAY = 3
"""Number of thanks that raises an answer's weight half of the way to its limit."""

THANKS_LIMIT = 0.5
"""Limit of the raise by thanks, as a share of the way to an accepted answer. On expert_meta, the
one judged set with thanks, doubling or dropping it changes nothing beyond chance: thanks may decide
between equals, no more (decision 3).
"""

_MOST_THANKS = 1_000_000
"""The limit of the export's schema; other connectors set none."""

WRITERS = frozenset({ContributorRole.AUTHOR, ContributorRole.EDITOR})
"""Roles of the writers of a document's present text, if the source counts authorship by volume."""

VOLUME_EXPONENT = 0.5
"""A writer's volume relative to the largest is raised to this power."""

VOLUME_FLOOR = 0.1
"""Least weight of a writer of whose text little or nothing is left."""

_MOST_VOLUME = 10**12
"""Larger than the volume of any text."""

OTHER_PARTS = frozenset({ContributorRole.AUTHOR, ContributorRole.ANSWERER})
"""Roles that count less if another account wrote the passage that answers. An accepted answer is
not among them: the asker said that it answers.
"""

WHOLE_PARTS = OTHER_PARTS | {ContributorRole.ACCEPTED_ANSWERER}
"""Accounts with one of these roles wrote passages of a document."""

ANSWERS = frozenset({ContributorRole.ANSWERER, ContributorRole.ACCEPTED_ANSWERER})
"""Roles of agents who answered a question."""

OTHER_PART_WEIGHT = 0.5
"""Factor for the authors of passages other than the one that answers. It recovers most of the loss
of joining unrelated documents into one (`fe65daca:benchmarks/section_authors.py`); a smaller factor
would discard a handbook's other authors, who know its subject too.
"""

HALF_LIFE_DAYS = 5 * 365
"""A contribution counts half after five years: an agent keeps a métier longer than a post."""

_DAYS_OF_NO_DECAY = 365
"""No decay within a year, the cycle of the administration's campaigns."""


def is_open_question(contributions: Iterable[Contribution]) -> bool:
    """Return whether a document is a question without an answer."""
    roles = {row.role for row in contributions}
    return ContributorRole.ASKER in roles and roles.isdisjoint(ANSWERS)


def only_asks(card: Card) -> bool:
    """Return whether a document is an unanswered question without any text written to inform."""
    wrote = any(row.role is ContributorRole.AUTHOR for row in card.contributions)
    return not wrote and is_open_question(card.contributions)


@lru_cache(maxsize=1024)  # many windows contain the same dates
def recency(last: date | None, today: date) -> float:
    """Return a weight from 0 to 1, halved every `HALF_LIFE_DAYS` after the first year.

    The weight is 1 without a date. It is rounded, like every power here: last digits differ
    between processors.
    """
    if last is None:
        return 1.0
    age_days = max(0, (today - last).days - _DAYS_OF_NO_DECAY)
    return round(float(0.5 ** (age_days / HALF_LIFE_DAYS)), 6)


def contribution_weight(row: Contribution, today: date, share: float | None = None) -> float:
    """Return a weight from 0 to 1: role, raised by thanks, times recency.

    If the writer's `share` of the text is known (`shares_of_text`), it replaces the role of a
    writer: the author who began a page did not always write most of it.
    """
    weight = _endorsed(row) if share is None or row.role not in WRITERS else share
    return weight * recency(row.last, today)


def share_of_text(part: float) -> float:
    """Return the weight of a writer, from `VOLUME_FLOOR` to 1.

    `part`, from 0 to 1, is the writer's volume relative to the largest.
    """
    return max(VOLUME_FLOOR, round(float(part**VOLUME_EXPONENT), 6))


def shares_of_text(rows: Iterable[Contribution]) -> dict[str, float]:
    """Return the weight of each account as a writer of one document, from 0 to 1.

    All rows of an account are summed, whatever the role; robots count among the writers. Accounts
    without a known volume are left out; empty if no text is left.
    """
    volumes: dict[str, int] = defaultdict(int)
    for row in rows:
        if row.volume is not None:
            volumes[row.account] += min(max(row.volume, 0), _MOST_VOLUME)
    most = max(volumes.values(), default=0)
    return {name: share_of_text(volume / most) for name, volume in volumes.items()} if most else {}


def _endorsed(row: Contribution) -> float:
    """Return the role's weight; thanks raise an answer towards an accepted one."""
    weight = ROLE_WEIGHTS[row.role]
    if row.role is not ContributorRole.ANSWERER:
        return weight
    most = THANKS_LIMIT * (ROLE_WEIGHTS[ContributorRole.ACCEPTED_ANSWERER] - weight)
    thanks = min(max(row.thanks, 0), _MOST_THANKS)
    return weight + most * thanks / (thanks + THANKS_HALFWAY)


FORWARDED = re.compile(r"\s*(?:TR|FW|FWD)\s?:", re.IGNORECASE)
"""Matches the beginning of a forwarded mail's title."""


def known_contributions(title: str, rows: Iterable[Contribution]) -> tuple[Contribution, ...]:
    """Return the contributions with a weight above 0.

    The sender of a forwarded mail did not write it.
    """
    forwarded = FORWARDED.match(title) is not None
    return tuple(
        row
        for row in rows
        if ROLE_WEIGHTS[row.role] > 0 and not (forwarded and row.role is ContributorRole.AUTHOR)
    )


def counting_contributions(card: Card) -> tuple[Contribution, ...]:
    """Return the contributions with a weight above 0 under the document's evidence policy.

    Empty for an unanswered question: its text and remarks show no knowledge.
    """
    if card.evidence == EvidencePolicy.NONE or only_asks(card):
        return ()
    return known_contributions(card.title, card.contributions)


def evidence_of(card: Card, is_own: Callable[[str], bool], agent: Agent, weight: float) -> Evidence:
    """Return a document as evidence for an agent; `is_own` tells which accounts are the agent's."""
    rows = [row for row in counting_contributions(card) if is_own(row.account)]
    last = max((row.last for row in rows if row.last), default=None)
    return Evidence(
        document_id=card.document_id,
        title=card.title,
        url=card.url,
        roles=tuple(dict.fromkeys(row.role for row in rows)),
        first=min((row.first for row in rows if row.first), default=None),
        last=last,
        weight=weight,
        former=last is not None and agent.arrival is not None and last < agent.arrival,
    )


RANKING_DEPTH = 1000
"""Number of hits of each ranking that are fused: min-max normalised scores depend on the last hit.
"""

VOTERS = 700
"""Number of fused documents that vote: expertise shows in more documents than a page has.

Broad questions (expert_dblp) lose with 200, and hardly with 700 instead of 1000;
expert_vdd_contacts is on a plateau from 200 to 1000 with the served sharpness. Tried by hand on
these sets (decision 3).
"""

VOLUME_DISCOUNT = 0.8
"""Factor from each document of a candidate to the next: without it, many weak documents outrank one
that answers. The development sets are on a plateau from .8 to .9; 1 costs expert_vdd_contacts one
or two points of AP.
"""

SHARPNESS = 2.0
"""Exponent of a document's score in its vote: with so many voters, the many that hardly answer
would outvote the few that do. A plateau from 1.5 to 2.5.
"""

EDITS_EXPONENT = 0.3
"""The votes of pages for an agent are divided by this power of one plus the number of the window's
pages that the agent changed: editors who maintain a site touch every subject. On expert_beta, the
one set that tells authors from editors, questions on products and on themes both gain up to .5
(decision 3).
"""

CONTRIBUTORS_ROOT = 4
"""A document's vote is divided by this root of the number of its contributors."""


class Vote(NamedTuple):
    """One document's vote for one agent.

    `weight` is the document's score times `share`, from 0 to 1: the weight of the agent's best role
    and its age, divided by the root of the number of contributors. `rank` counts from 1. `answers`:
    the agent's best role is an answer. `edited`: how far the agent changed the document without
    having written it, from 0 to 1.
    """

    document_id: str
    weight: float
    share: float = 1.0
    rank: int = 1
    answers: bool = False
    edited: float = 0.0
    near_hits: float = 0.0

    @property
    def score(self) -> float:
        """The document's score."""
        return self.weight / self.share if self.share > 0 else 0.0

    @property
    def smoothed(self) -> "Vote":
        """The vote with the document's score smoothed by its neighbours."""
        if not self.near_hits:
            return self
        return self._replace(weight=self.weight + self.share * self.near_hits, near_hits=0.0)


def cast_votes(
    window: Window,
    today: date,
    owner_of: Mapping[str, str],
    voters: int = VOTERS,
    refused: Mapping[str, frozenset[str]] = MappingProxyType({}),
) -> dict[str, tuple[Vote, ...]]:
    """Return the votes for each owner of an account, strongest first.

    `owner_of` maps accounts to owners; other accounts get no vote, but count among a document's
    contributors. A document votes once for an owner, with the best weight of their roles, and not
    if the owner refused it (`refused`, by owner). If the author of the answering passage is known,
    authors of other passages have the factor `OTHER_PART_WEIGHT`.
    """
    votes: dict[str, list[Vote]] = defaultdict(list)
    for rank, ranked in enumerate(window.documents[:voters], 1):
        best: dict[str, tuple[float, bool]] = {}
        unclaimed: set[str] = set()
        editors: dict[str, float] = {}
        answered_by = owner_of.get(ranked.answered_by, ranked.answered_by)
        rows = counting_contributions(ranked.card)
        shares = shares_of_text(ranked.card.contributions)
        for row in rows:
            owner = owner_of.get(row.account)
            if owner is None:
                unclaimed.add(row.account)
                continue
            written = shares.get(row.account)
            weight = contribution_weight(row, today, written)
            if answered_by and owner != answered_by and row.role in OTHER_PARTS:
                weight *= OTHER_PART_WEIGHT
            if row.role is ContributorRole.EDITOR:
                editors[owner] = max(editors.get(owner, 0.0), 1.0 - (written or 0.0))
            if owner not in best or weight >= best[owner][0]:
                best[owner] = weight, row.role in ANSWERS
        softened = round(float((len(best) + len(unclaimed)) ** (1 / CONTRIBUTORS_ROOT)), 6)
        for owner, (weight, answers) in best.items():
            if ranked.card.document_id in refused.get(owner, ()):
                continue
            share = weight / softened
            weighed = ranked.score * share
            edited = editors.get(owner, 0.0)
            id_, near = ranked.card.document_id, ranked.near_hits
            votes[owner].append(Vote(id_, weighed, share, rank, answers, edited, near))
    return {
        owner: tuple(sorted(cast_, key=lambda vote: (-vote.weight, vote.document_id)))
        for owner, cast_ in votes.items()
    }


def discounted_sum(weights: Iterable[float]) -> float:
    """Sum the votes' weights, the i-th strongest (from 0) times `VOLUME_DISCOUNT` to the power i.

    CombSUM of Macdonald & Ounis, "Voting for candidates" (CIKM 2006), with the geometric discount
    of Moffat & Zobel, "Rank-biased precision" (TOIS 2008): many documents that hardly match are
    worth less than a few that match well.
    """
    strongest = sorted(weights, reverse=True)
    return math.fsum(weight * VOLUME_DISCOUNT**rank for rank, weight in enumerate(strongest))


def discounted_votes(votes: Sequence[Vote]) -> float:
    """Sum a candidate's sharpened votes by `discounted_sum`."""
    return discounted_sum(vote.share * vote.score**SHARPNESS for vote in votes)


def summed_by_kind(votes: Mapping[str, Sequence[Vote]]) -> dict[str, float]:
    """Return the value of each candidate's smoothed votes, relative to the other candidates.

    Pages: `discounted_votes`, reduced for agents who changed many of them (`EDITS_EXPONENT`).
    Answers: the plain sum, CombSUM of Macdonald & Ounis (2006), since an agent who answered many
    questions of a kind will answer the next; scaled so that the best of the answers is worth as
    much as `discounted_votes` makes it.
    """
    pages, answers, sharp = {}, {}, {}
    for owner, cast in votes.items():
        placed = [vote.smoothed for vote in cast]
        written = [vote for vote in placed if not vote.answers]
        changed = sum(vote.edited for vote in written)
        pages[owner] = discounted_votes(written) / (1 + changed) ** EDITS_EXPONENT
        given = [vote for vote in placed if vote.answers]
        answers[owner] = math.fsum(vote.weight for vote in given)
        sharp[owner] = discounted_votes(given)
    most = max(answers.values(), default=0.0)
    scale = max(sharp.values()) / most if most > 0 else 0.0
    return {owner: pages[owner] + scale * answers[owner] for owner in votes}
