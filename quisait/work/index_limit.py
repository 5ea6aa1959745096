"""Warn when the embedded index comes near the size that it is designed for."""

import logging

from indexer.ports import Index
from indexer.values import IndexFill
from search_api.wording import number

log = logging.getLogger(__name__)

WARNED_SHARE = 0.8
"""Share of the limit from which a warning is shown, early enough for a move to another engine."""

MOVE = (
    'passez à OpenSearch : [index] engine = "opensearch", puis « quisait reindex --from embedded » '
    "(documents et vecteurs sont copiés : rien n'est relu ni encodé)"
)


def limit_warning(index: Index) -> str:
    """Return in French what to do about an index near or beyond its limit, else an empty text.

    Raises `IndexUnreachable` or `IndexRefused`.
    """
    filled = filled_beyond(index, WARNED_SHARE)
    if filled is None:
        return ""
    held = f"{number(filled.passages)} passages sur {number(filled.limit)}"
    if filled.share < 1:
        return f"l'index intégré est presque plein ({held}) : {MOVE}"
    return f"l'index intégré dépasse sa limite ({held}), les pages ralentissent : {MOVE}"


def log_limit(index: Index) -> None:
    """Log a warning with numbers if the index is near its limit. Raises like `limit_warning`."""
    if filled := filled_beyond(index, WARNED_SHARE):
        fields = {"passages": filled.passages, "limit": filled.limit}
        log.warning("index nears its limit", extra=fields)


def filled_beyond(index: Index, share: float) -> IndexFill | None:
    """Return how full the index is, or None if it is less full than `share` or has no limit."""
    filled = index.fill()
    return filled if filled and filled.share >= share else None
