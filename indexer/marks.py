"""What of a hit arranges a page, without its text: dates, validity, succession, twins."""

from datetime import UTC, date
from typing import NamedTuple

from connectors.values import Document


class Mark(NamedTuple):
    """`dated`: seconds since the epoch, as the facet `year` sees it. Days are ISO texts.

    `twins` is the signature of `indexer.twins`, empty where there is none.
    """

    source: str
    dated: float | None = None
    valid_from: str | None = None
    valid_until: str | None = None
    replaces: tuple[str, ...] = ()
    twins: bytes = b""

    def begun(self, today: date) -> bool:
        """Whether its validity has begun."""
        return self.valid_from is None or self.valid_from <= today.isoformat()

    def past(self, today: date) -> bool:
        """Whether the last day of its validity is over."""
        return self.valid_until is not None and self.valid_until < today.isoformat()


def dated_of(document: Document) -> float | None:
    """When a document was last changed, or else made, in seconds since the epoch.

    A time without a zone is read as UTC, here and everywhere.
    """
    shown = document.modified or document.created
    if shown is None:
        return None
    return (shown if shown.tzinfo else shown.replace(tzinfo=UTC)).timestamp()
