"""Open and check the second model of the settings."""

import time
from collections.abc import Callable, Mapping
from functools import partial

from indexer.encoding.onnx_encoder import TorchMissing
from quisait.application.engines import TORCH_MISSING
from quisait.application.plugins import RerankerKind
from quisait.settings import Settings, beside_file
from quisait_second_model.reading import SecondModel, SecondReading
from quisait_second_model.settings import RerankerSettings
from search_api.ranking.reranker import KeptOrder, Reranker


def open_second_model(stated: RerankerSettings, *, limited: bool) -> SecondModel:
    """Return the model of the settings, with its time limit unless `limited` is false.

    Raises `ValueError` if the model cannot be opened or torch is missing.
    """
    # Imported here: loaded only if the settings ask for it.
    from quisait_second_model.cross_encoder import open_cross_encoder

    try:
        scorer = open_cross_encoder(beside_file(stated.model))
    except TorchMissing as error:
        raise ValueError(TORCH_MISSING) from error
    limit_s = stated.time_limit_ms / 1000 if limited else None
    return SecondModel(scorer, SecondReading(stated.documents, limit_s, stated.weight))


def _open(settings: Settings, limited: bool) -> Reranker:
    stated = settings.table(RerankerSettings)
    return open_second_model(stated, limited=limited) if stated.model else KeptOrder()


def _checks(settings: Settings) -> Mapping[str, Callable[[], str]]:
    model = settings.table(RerankerSettings).model
    return {"second modèle": partial(_check, settings)} if model else {}


def _check(settings: Settings) -> str:
    """Score as many passages of the usual length as for a question, within its time limit."""
    stated = settings.table(RerankerSettings)
    model = open_second_model(stated, limited=False)
    text = "Le conseil municipal délibère sur le budget primitif avant le 15 avril. " * 15
    passages = [text] * stated.documents
    begun = time.perf_counter()
    if model.scores("essai", passages) is None:
        raise ValueError(f"{model.name} ne rend pas de nombre : réglez [reranker] model")
    taken_ms, most = (time.perf_counter() - begun) * 1000, stated.time_limit_ms
    seen = f"{model.name}, {len(passages)} passages en {taken_ms:.0f} ms"
    if taken_ms > most:
        raise ValueError(
            f"{seen}, plus que les {most} ms de [reranker] time_limit_ms : la page vient sans "
            "lui ; prenez un modèle plus petit, moins de « documents » ou plus de temps"
        )
    return seen


KIND = RerankerKind(_open, _checks)
