"""Order results by the site's learned ranker, and say which ranker serves."""

from collections.abc import Callable

from quisait.application.plugins import OWN_ORDER, RankerKind
from quisait.settings import Settings
from quisait.settings.files import ranker_path
from quisait_tune.ranker import RankerFile, learned_order, ranking_said, read_ranker
from search_api.ranking.window import WindowOrder


def _order(settings: Settings) -> WindowOrder:
    return learned_order(RankerFile(ranker_path(settings)).ranker)


def _state(settings: Settings, encoder: Callable[[], str]) -> str:
    """Return in French which ranker serves. Raises `RankerIgnored` if its file cannot be used."""
    path = ranker_path(settings)
    ranker = read_ranker(path, encoder()) if path.exists() else None
    return ranking_said(ranker) if ranker else OWN_ORDER


KIND = RankerKind(_order, _state)
