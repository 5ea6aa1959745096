"""The administrator's search settings: preferences, glossary, authors, order, pinned questions."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from expertise.values import AssignedTopics
from search_api.query.glossary import GlossaryFile
from search_api.query.parser import AccountsNamed
from search_api.ranking.fusion import ModelBars
from search_api.ranking.pinned import PinnedQuestion
from search_api.ranking.reranker import KeptOrder, Reranker
from search_api.ranking.reranking import RankingPreferences
from search_api.ranking.window import WindowOrder, fused_order


@dataclass(frozen=True, slots=True)
class SearchConfiguration:
    """Authors, glossary, preferences and order of a site; each has a default.

    `order` orders the fused window of a question that has a vector. `bars` are thresholds measured
    for the encoder on this site; with None, those known by its name are used. `reranker` rereads
    the first documents. `topics` are those of the last build, or None.
    `pinned` reads the pinned questions.
    """

    authors: AccountsNamed = lambda words: ()
    glossary: GlossaryFile = field(default_factory=GlossaryFile)
    preferences: RankingPreferences = field(default_factory=RankingPreferences)
    bars: ModelBars | None = None
    reranker: Reranker = field(default_factory=KeptOrder)
    topics: AssignedTopics | None = None
    order: WindowOrder = fused_order
    pinned: Callable[[], Iterable[PinnedQuestion]] = tuple
