"""How much a contribution counts.

Role, age, and the votes that documents give their contributors.
"""

import math
import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
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
    # Asking, uploading and forwarding show no knowledge, nor does a bot.
    ContributorRole.ASKER: 0.0,
    ContributorRole.UPLOADER: 0.0,
    ContributorRole.FORWARDER: 0.0,
    ContributorRole.BOT: 0.0,
}

THANKS_HALFWAY = 3
"""This many thanks raise an answer's weight half of the way to its limit."""

THANKS_LIMIT = 0.5
"""How far thanks can raise an answer, of the way to an accepted one. On expert_meta, the one judged
set that has thanks, they change nothing beyond chance, doubled or left out: they may decide
between equals, no more (decision 3)."""

_MOST_THANKS = 1_000_000
"""The limit of the export's schema; other connectors set none."""

WRITERS = frozenset({ContributorRole.AUTHOR, ContributorRole.EDITOR})
"""Roles of who wrote a document's present text, as far as the source counts whose it is."""

VOLUME_EXPONENT = 0.5
"""Whoever wrote a part of a text counts by this power of it beside whoever wrote most."""

VOLUME_FLOOR = 0.1
"""The least that a writer counts, of whom little or nothing stands."""

_MOST_VOLUME = 10**12
"""More than any text has."""

OTHER_PARTS = frozenset({ContributorRole.AUTHOR, ContributorRole.ANSWERER})
"""Roles that count less where another account wrote the passage that answers. An accepted
answer does not: whoever asked said that it answers."""

WHOLE_PARTS = OTHER_PARTS | {ContributorRole.ACCEPTED_ANSWERER}
"""Accounts with one of these roles wrote passages of a document."""

ANSWERS = frozenset({ContributorRole.ANSWERER, ContributorRole.ACCEPTED_ANSWERER})
"""Roles of who answered a question that somebody asked."""

OTHER_PART_WEIGHT = 0.5
"""The factor for having written another passage than the one that answers. It recovers most of
what joining unrelated documents into one costs (`python -m benchmarks.section_authors`); a
smaller one would discard a handbook's other authors, who know its subject too."""

HALF_LIFE_DAYS = 5 * 365
"""A contribution counts half after five years: a métier lasts longer than a post."""

_DAYS_OF_NO_DECAY = 365
"""No decay within a year, the cycle of the administration's campaigns."""


def is_open_question(contributions: Iterable[Contribution]) -> bool:
    """Whether somebody asked in a document, and nobody answered."""
    roles = {row.role for row in contributions}
    return ContributorRole.ASKER in roles and roles.isdisjoint(ANSWERS)


def only_asks(card: Card) -> bool:
    """Whether a document is an unanswered question, and nothing that somebody wrote to be read."""
    wrote = any(row.role is ContributorRole.AUTHOR for row in card.contributions)
    return not wrote and is_open_question(card.contributions)


@lru_cache(maxsize=1024)  # the same days come back in one window after another
def recency(last: date | None, today: date) -> float:
    """From 0 to 1, halved every `HALF_LIFE_DAYS` beyond the first year; 1 without a date."""
    if last is None:
        return 1.0
    age_days = max(0, (today - last).days - _DAYS_OF_NO_DECAY)
    return float(0.5 ** (age_days / HALF_LIFE_DAYS))


def contribution_weight(row: Contribution, today: date, share: float | None = None) -> float:
    """From 0 to 1: role, endorsed by thanks, times recency.

    Where it is known how much of the text is theirs, their `share` of it (`shares_of_text`) takes
    the place of a writer's role: who began a page is not always who wrote it.
    """
    weight = _endorsed(row) if share is None or row.role not in WRITERS else share
    return weight * recency(row.last, today)


def share_of_text(part: float) -> float:
    """What a writer counts, from `VOLUME_FLOOR` to 1.

    `part`, from 0 to 1, is how much is theirs beside whoever wrote most.
    """
    return max(VOLUME_FLOOR, float(part**VOLUME_EXPONENT))


def shares_of_text(
    rows: Iterable[Contribution], share_of: Callable[[float], float] = share_of_text
) -> dict[str, float]:
    """By account, what they would count as writers of one document, from 0 to 1.

    All of an account's rows are theirs, whatever the role, and a robot may have written most. Only
    accounts whose volume is known; nobody where nothing stands.
    """
    volumes: dict[str, int] = defaultdict(int)
    for row in rows:
        if row.volume is not None:
            volumes[row.account] += min(max(row.volume, 0), _MOST_VOLUME)
    most = max(volumes.values(), default=0)
    return {name: share_of(volume / most) for name, volume in volumes.items()} if most else {}


def _endorsed(row: Contribution) -> float:
    """The role's weight; an answer's grows with its thanks, towards that of an accepted answer."""
    weight = ROLE_WEIGHTS[row.role]
    if row.role is not ContributorRole.ANSWERER:
        return weight
    most = THANKS_LIMIT * (ROLE_WEIGHTS[ContributorRole.ACCEPTED_ANSWERER] - weight)
    thanks = min(max(row.thanks, 0), _MOST_THANKS)
    return weight + most * thanks / (thanks + THANKS_HALFWAY)


FORWARDED = re.compile(r"\s*(?:TR|FW|FWD)\s?:", re.IGNORECASE)
"""How the title of a forwarded mail begins."""


def known_contributions(title: str, rows: Iterable[Contribution]) -> tuple[Contribution, ...]:
    """The contributions with a weight above 0; who sends a forwarded mail did not write it."""
    forwarded = FORWARDED.match(title) is not None
    return tuple(
        row
        for row in rows
        if ROLE_WEIGHTS[row.role] > 0 and not (forwarded and row.role is ContributorRole.AUTHOR)
    )


def counting_contributions(card: Card) -> tuple[Contribution, ...]:
    """The contributions with a weight above 0, under the document's evidence policy.

    None for an unanswered question: what was asked or remarked there shows no knowledge.
    """
    if card.evidence == EvidencePolicy.NONE or only_asks(card):
        return ()
    return known_contributions(card.title, card.contributions)


RANKING_DEPTH = 1000
"""Hits of each ranking that are fused: min-max normalised scores depend on the last of them."""

VOTERS = 700
"""How many of the fused documents vote: expertise shows in more documents than a page has.

Broad questions (expert_dblp) lose with 200, and hardly with 700 beside 1000; on
expert_vdd_contacts 200 to 1000 are a plateau for votes as sharp as the served ones.
Tried by hand on these very sets (decision 3).
"""

VOLUME_DISCOUNT = 0.8
"""The factor from each document of a candidate to their next: without it, many weak documents
outrank one that answers. From .8 to .9 the development sets are on a plateau; 1 costs
expert_vdd_contacts a point or two of AP."""

SHARPNESS = 2.0
"""The power of a document's score in its vote: with so many voters, the many that hardly answer
would outvote the few that do. From 1.5 to 2.5 a plateau."""

EDITS_EXPONENT = 0.3
"""Pages are worth that much less to who changed many of the window's: their votes are divided by
this power of one more than the number of pages changed. Who keeps a site in order touches every
subject. On expert_beta, the one set that tells authors from editors, questions on products and
those on themes both gain up to .5 (decision 3)."""

CONTRIBUTORS_ROOT = 4
"""A document's vote is divided by this root of the number of its contributors."""


class Vote(NamedTuple):
    """One document's vote for one agent.

    `weight` is the document's score times `share`, from 0 to 1: the best role's weight and age,
    divided by the root of the number of contributors. `rank` counts from 1. `answers`: what
    counts is an answer of theirs. `edited`: how far they changed the document without having
    written it, from 0 to 1.
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
        """The document's own score."""
        return self.weight / self.share if self.share > 0 else 0.0

    @property
    def smoothed(self) -> "Vote":
        """The vote of its document as the documents near it place it."""
        if not self.near_hits:
            return self
        return self._replace(weight=self.weight + self.share * self.near_hits, near_hits=0.0)


def cast_votes(
    window: Window,
    today: date,
    owner_of: Mapping[str, str],
    voters: int = VOTERS,
    refused: Mapping[str, frozenset[str]] = MappingProxyType({}),
    elsewhere: float = OTHER_PART_WEIGHT,
    share_of: Callable[[float], float] = share_of_text,
) -> dict[str, tuple[Vote, ...]]:
    """The votes for each owner of an account, strongest first.

    `owner_of` maps accounts to owners; other accounts get no vote, but count among a document's
    contributors. A document votes once for an owner, with the best weight of their roles, and not
    where they refused it (`refused`, by owner). Where the account that wrote the answering passage
    is known, the other passages' authors count `elsewhere`. `share_of` is what a part of the text
    counts, where volumes are known.
    """
    votes: dict[str, list[Vote]] = defaultdict(list)
    for rank, ranked in enumerate(window.documents[:voters], 1):
        best: dict[str, tuple[float, bool]] = {}
        unclaimed: set[str] = set()
        editors: dict[str, float] = {}
        answered_by = owner_of.get(ranked.answered_by, ranked.answered_by)
        rows = counting_contributions(ranked.card)
        shares = shares_of_text(ranked.card.contributions, share_of)
        for row in rows:
            owner = owner_of.get(row.account)
            if owner is None:
                unclaimed.add(row.account)
                continue
            written = shares.get(row.account)
            weight = contribution_weight(row, today, written)
            if answered_by and owner != answered_by and row.role in OTHER_PARTS:
                weight *= elsewhere
            if row.role is ContributorRole.EDITOR:
                editors[owner] = max(editors.get(owner, 0.0), 1.0 - (written or 0.0))
            if owner not in best or weight >= best[owner][0]:
                best[owner] = weight, row.role in ANSWERS
        softened = float((len(best) + len(unclaimed)) ** (1 / CONTRIBUTORS_ROOT))
        for owner, (weight, answers) in best.items():
            if ranked.card.document_id in refused.get(owner, ()):
                continue
            share = weight / softened
            weighed = ranked.score * share
            edited = editors.get(owner, 0.0)
            id_, near = ranked.card.document_id, ranked.near_hits
            votes[owner].append(Vote(id_, weighed, share, rank, answers, edited, near))
    return {owner: strongest_first(cast_) for owner, cast_ in votes.items()}


def strongest_first(votes: Sequence[Vote]) -> tuple[Vote, ...]:
    """By weight, equals by document."""
    return tuple(sorted(votes, key=lambda vote: (-vote.weight, vote.document_id)))


def discounted_sum(weights: Iterable[float], discount: float = VOLUME_DISCOUNT) -> float:
    """Votes' weights, the i-th strongest (from 0) times `discount` to the i.

    CombSUM of Macdonald & Ounis, "Voting for candidates" (CIKM 2006), with the
    geometric discount of Moffat & Zobel, "Rank-biased precision" (TOIS 2008): many
    documents that hardly match are worth less than a few that match well.
    """
    strongest = sorted(weights, reverse=True)
    return math.fsum(weight * discount**rank for rank, weight in enumerate(strongest))


def discounted_votes(
    votes: Sequence[Vote], sharpness: float = SHARPNESS, discount: float = VOLUME_DISCOUNT
) -> float:
    """What a candidate's votes are worth together: `discounted_sum` of sharpened votes."""
    return discounted_sum((vote.share * vote.score**sharpness for vote in votes), discount)


def summed_by_kind(votes: Mapping[str, Sequence[Vote]]) -> dict[str, float]:
    """What each candidate's smoothed votes are worth beside the others', to rank them.

    Pages: `discounted_votes`, less for who changed many of them (`EDITS_EXPONENT`). Answers: the
    plain sum, CombSUM of Macdonald & Ounis (2006), since who answered many questions of a kind
    will answer the next; brought to the scale of pages, so that the best of the answers are
    worth as much as `discounted_votes` makes the best of them.
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
