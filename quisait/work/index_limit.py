"""How near the embedded index is to the size that it is made for, and what to do then."""

import logging

from indexer.ports import Index, Limited
from indexer.values import IndexFill
from search_api.wording import number

log = logging.getLogger(__name__)

WARNED_SHARE = 0.8
"""From this share of the limit on it is told: a move takes as long as a whole reading."""

MOVE = (
    'passez à OpenSearch : [index] engine = "opensearch", puis « quisait reindex --from embedded » '
    "(documents et vecteurs sont copiés : rien n'est relu ni encodé)"
)


def limit_warning(index: Index) -> str:
    """What to say, and to do, of an index that nears its limit or is beyond; empty otherwise.

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
    """Say the same in the log, as numbers. Raises as `limit_warning` does."""
    if filled := filled_beyond(index, WARNED_SHARE):
        fields = {"passages": filled.passages, "limit": filled.limit}
        log.warning("index nears its limit", extra=fields)


def filled_beyond(index: Index, share: float) -> IndexFill | None:
    """How full the index is, where it is at least so full; None too where it has no limit."""
    filled = index.fill() if isinstance(index, Limited) else None
    return filled if filled and filled.share >= share else None
