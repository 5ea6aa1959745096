"""How much a contribution counts: by role and by age. Constants come with their figures."""

from datetime import date
from functools import lru_cache

from connectors.values import Contribution, EvidencePolicy, Role
from indexer.values import Card

ROLE_WEIGHTS: dict[Role, float] = {
    Role.AUTHOR: 1.0,
    Role.ACCEPTED_ANSWERER: 1.0,
    Role.ANSWERER: 0.7,
    Role.EDITOR: 0.6,
    Role.REVIEWER: 0.5,
    Role.COMMENTER: 0.2,
    # To ask, to upload, to forward or to be a program shows no knowledge.
    Role.ASKER: 0.0,
    Role.UPLOADER: 0.0,
    Role.FORWARDER: 0.0,
    Role.BOT: 0.0,
}

THANKS_HALFWAY = 3
"""So many thanks raise an answer half of the way to an accepted one, which none passes.
Stated, not measured: no judged set has thanks, so that without them nothing changes."""

_MOST_THANKS = 1_000_000
"""As the export's schema has it; other ways in have no limit of their own."""

OTHER_PARTS = frozenset({Role.AUTHOR, Role.ANSWERER})
"""Roles that count less where another one's part of the document answers. An accepted answer
does not: who asked has said that it answers."""

WHOLE_PARTS = OTHER_PARTS | {Role.ACCEPTED_ANSWERER}
"""Whoever has one of these roles wrote a part of a document."""

ELSEWHERE = 0.5
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
    if row.role is not Role.ANSWERER:
        return weight
    most = ROLE_WEIGHTS[Role.ACCEPTED_ANSWERER]
    thanks = min(max(row.thanks, 0), _MOST_THANKS)
    return weight + (most - weight) * thanks / (thanks + THANKS_HALFWAY)


def counting_rows(card: Card) -> tuple[Contribution, ...]:
    """The contributions that may count at all, under the document's evidence policy."""
    if card.evidence == EvidencePolicy.NONE:
        return ()
    return tuple(row for row in card.contributions if ROLE_WEIGHTS[row.role] > 0)
