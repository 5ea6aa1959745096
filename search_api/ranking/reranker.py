"""Port: what may reorder the first hits of a search after reading them; by default nothing does."""

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Protocol

from search_api.ranking.fusion import FusedHit

if TYPE_CHECKING:
    from prometheus_client.metrics_core import Metric


class Reranker(Protocol):
    """Port: a model that reads a passage of the first `documents` hits, and may reorder them."""

    @property
    def name(self) -> str:
        """Model and precision, separated by a slash."""

    @property
    def documents(self) -> int:
        """Number of first hits that are read."""

    def reordered(
        self,
        hits: Sequence[FusedHit],
        question: str,
        passages: Mapping[str, str],
        *,
        first_page: bool,
    ) -> tuple[FusedHit, ...]:
        """Return all hits. `passages` are the texts of the first ones that have any, by id."""

    def collect(self) -> Iterator["Metric"]:
        """Yield the metrics of this process."""


class KeptOrder:
    """Reads nothing and keeps the order of the hits."""

    name = ""
    documents = 0

    def reordered(
        self,
        hits: Sequence[FusedHit],
        question: str,
        passages: Mapping[str, str],
        *,
        first_page: bool,
    ) -> tuple[FusedHit, ...]:
        """Return the hits unchanged."""
        return tuple(hits)

    def collect(self) -> Iterator["Metric"]:
        """Yield nothing."""
        return iter(())
