"""What a search can be narrowed to besides facets: who contributed, and when."""

from dataclasses import dataclass
from datetime import date


@dataclass(frozen=True, slots=True)
class Byline:
    """Somebody who contributed: by one of these accounts, or under a name with all these words.

    `words` as `indexer.french.folded_words` gives them. Both empty: nobody.
    """

    accounts: tuple[str, ...] = ()
    words: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Period:
    """Documents dated from the day `since` on and before the day `before` (UTC).

    The date is that of the facet `year`; without one a document is in no period.
    """

    since: date | None = None
    before: date | None = None
