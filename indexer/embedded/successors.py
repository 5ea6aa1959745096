"""What replaces the documents of a page, read under the page's own access filter."""

from collections.abc import Sequence

from indexer.access import AccessFilter
from indexer.cards import card_of
from indexer.embedded.catalogue import Catalogue
from indexer.embedded.readable_rows import readable_rows
from indexer.embedded.store import Store
from indexer.values import Card


def successors(
    store: Store, catalogue: Catalogue, access: AccessFilter, document_ids: Sequence[str]
) -> dict[str, tuple[Card, ...]]:
    """For each document the cards of what replaces it, by id, as the store has them now."""
    wanted = {one: catalogue.successors(one) for one in document_ids}
    ids = dict.fromkeys(heir for heirs in wanted.values() for heir in heirs)
    if not ids:
        return {}
    rows = readable_rows(store, "card", access, ids)
    cards = {document_id: card_of(card) for document_id, card in rows}
    # Put again meanwhile, it may replace another one.
    return {
        one: tuple(cards[heir] for heir in heirs if heir in cards and one in cards[heir].replaces)
        for one, heirs in wanted.items()
    }
