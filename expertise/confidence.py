"""Whether anybody is known: how much the best candidate's evidence can bear."""

from collections.abc import Sequence

from expertise.values import Window
from expertise.votes import Vote
from expertise.voting import discounted

DOCUMENTS_LOOKED_AT = 3
"""The strongest votes of a candidate: one document alone may be near by chance."""

VOTES_WEIGHT = 2.0
"""What a vote in full counts, in standard deviations of nearness."""

FEWEST_COMPARED = 50
"""With fewer documents nothing can be said of how near is near, and nobody is held back."""

LEAST_CONFIDENCE = 3.5
"""Below, nobody is known. Chosen on the demo, not calibrated (decision 8)."""


def confidence(window: Window, votes: Sequence[Vote]) -> float:
    """How well a candidate's evidence answers: nearness of their best documents, and votes.

    In standard deviations of the window's nearness, so that it can be compared across
    questions and organisations, as the scores of one answer cannot: their best is always 1.
    """
    near = {ranked.card.document_id: ranked.nearness for ranked in window.documents}
    best = [near[vote.document_id] for vote in votes[:DOCUMENTS_LOOKED_AT]]
    return (sum(best) / len(best) if best else 0.0) + VOTES_WEIGHT * discounted(votes)


def bears(window: Window, votes: Sequence[Vote], least: float = LEAST_CONFIDENCE) -> bool:
    """Whether a candidate's evidence bears being shown."""
    return window.compared < FEWEST_COMPARED or confidence(window, votes) >= least
