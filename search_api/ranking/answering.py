"""Whose part of a document answers, where several wrote it."""

from collections.abc import Iterable, Mapping, Sequence

from expertise.weights import WHOLE_PARTS, counting_rows
from indexer.values import Card, Shown

READ = 50
"""Of so many first documents the passages are read."""

PARTS_READ = 3
"""A question resembles itself more than its answers: these stand behind it."""


def of_several(cards: Sequence[Card]) -> tuple[str, ...]:
    """The ids of the first documents that several accounts wrote parts of."""
    return tuple(
        card.document_id for card in cards[:READ] if card.signed and len(_writers(card)) > 1
    )


def answering(shown: Iterable[Shown]) -> Mapping[str, str]:
    """By document, the account that wrote the best of its passages that such an account wrote."""
    found = {}
    for one in shown:
        writers = _writers(one.card)
        named = (each.passage.author for each in one.passages)
        if account := next((author for author in named if author in writers), None):
            found[one.card.document_id] = account
    return found


def _writers(card: Card) -> set[str]:
    return {row.account for row in counting_rows(card) if row.role in WHOLE_PARTS}
