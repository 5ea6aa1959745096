"""The settings open the second model, its checks and its metrics; without a model, nothing."""

from collections.abc import Callable
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry, generate_latest
from quisait_second_model import cross_encoder
from quisait_second_model.kind import KIND
from quisait_second_model.reading import SecondModel, SecondReading

from indexer.encoding.onnx_encoder import TorchMissing
from quisait.application.plugins import installed_reranker, open_reranker
from quisait.checks.attempt import attempt
from quisait.settings import Settings
from search_api.ranking.reranker import KeptOrder

pytestmark = pytest.mark.search


class Constant:
    """Gives every passage the same score."""

    name = "modele/essai"

    def __init__(self, score: float = 1.0) -> None:
        self._score = score

    def score(self, question: str, passage: str) -> float:
        return self._score


def settings(folder: Path, **stated: object) -> Settings:
    return Settings(folder=str(folder), reranker={"model": "modele", **stated})  # type: ignore[call-arg]


def opening(monkeypatch: pytest.MonkeyPatch, opened: Callable[[Path], object]) -> None:
    monkeypatch.setattr(cross_encoder, "open_cross_encoder", opened)


def test_the_package_is_what_the_core_opens() -> None:
    assert installed_reranker() is KIND


def test_without_a_model_nothing_is_read(tmp_path: Path) -> None:
    without = Settings(folder=str(tmp_path))
    assert isinstance(open_reranker(without), KeptOrder)
    assert KIND.checks(without) == {}
    registry = CollectorRegistry()
    registry.register(open_reranker(without))
    assert generate_latest(registry) == b""


def test_the_settings_reach_the_model(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An evaluation has no time limit; the metrics count the readings."""
    opening(monkeypatch, lambda _: Constant())
    stated = settings(tmp_path, documents=7, time_limit_ms=250, weight=0.25)
    served, evaluated = open_reranker(stated), open_reranker(stated, limited=False)
    assert isinstance(served, SecondModel)
    assert isinstance(evaluated, SecondModel)
    assert served.reading == SecondReading(7, 0.25, 0.25)
    assert evaluated.reading == SecondReading(7, None, 0.25)
    assert (served.name, served.documents) == ("modele/essai", 7)
    evaluated.scores("bornage", ["passage"])
    registry = CollectorRegistry()
    registry.register(evaluated)
    assert b'quisait_reranker_readings_total{outcome="read"} 1.0' in generate_latest(registry)


def test_the_check_reads_as_many_passages_as_a_question(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    opening(monkeypatch, lambda _: Constant())
    (check,) = KIND.checks(settings(tmp_path, documents=7, time_limit_ms=10_000)).values()
    assert check().startswith("modele/essai, 7 passages en ")


def test_the_check_names_the_setting_to_change(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """For a model that gives no number, one that is missing, and one that needs torch."""

    def needs_torch(_: Path) -> object:
        raise TorchMissing

    (check,) = KIND.checks(settings(tmp_path)).values()
    assert "réglez [reranker] model" in attempt("second modèle", check).detail
    opening(monkeypatch, lambda _: Constant(float("nan")))
    assert "ne rend pas de nombre" in attempt("second modèle", check).detail
    opening(monkeypatch, needs_torch)
    failed = attempt("second modèle", check)
    assert (failed.passed, "torch" in failed.detail) == (False, True)
