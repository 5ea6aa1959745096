"""Cross-encoders score a question and a passage alike by onnxruntime and by torch."""

import shutil
from itertools import product
from pathlib import Path

import pytest
from quisait_second_model.cross_encoder import (
    OnnxCrossEncoder,
    SentenceCrossEncoder,
    open_cross_encoder,
)

from indexer.encoding.model_files import ModelUnusable
from tests.contract.encoder_contract import HOSTILE, TEXTS
from tests.made_models import cross_encoder, with_graph

pytestmark = pytest.mark.search

QUESTIONS = ("Qui tient le cadastre ?", TEXTS[4])


@pytest.fixture(scope="module")
def torch_directory(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return cross_encoder(tmp_path_factory.mktemp("cross") / "made")


@pytest.fixture(scope="module")
def onnx_directory(torch_directory: Path) -> Path:
    return with_graph(torch_directory, torch_directory.parent / "graph")


def test_both_readings_give_the_same_order(torch_directory: Path, onnx_directory: Path) -> None:
    """torch gives the sigmoid of the number that the graph gives; long pairs are cut alike."""
    import math

    slow, quick = open_cross_encoder(torch_directory), open_cross_encoder(onnx_directory)
    assert isinstance(slow, SentenceCrossEncoder)
    assert isinstance(quick, OnnxCrossEncoder)
    for question, passage in product(QUESTIONS, TEXTS):
        number = quick.score(question, passage)
        expected = 1 / (1 + math.exp(-number))
        assert slow.score(question, passage) == pytest.approx(expected, abs=1e-5)


def test_question_and_passage_are_told_apart(onnx_directory: Path) -> None:
    """As two kinds of tokens: the other way round is another number."""
    quick = open_cross_encoder(onnx_directory)
    assert quick.score(TEXTS[0], TEXTS[1]) != quick.score(TEXTS[1], TEXTS[0])
    assert quick.score(TEXTS[0], TEXTS[1]) == quick.score(TEXTS[0], TEXTS[1])


def test_no_text_breaks_it(onnx_directory: Path) -> None:
    """On either side."""
    quick = open_cross_encoder(onnx_directory)
    for text in HOSTILE:
        assert quick.score(text, TEXTS[0]) == quick.score(text, TEXTS[0])
        assert quick.score(TEXTS[0], text) == quick.score(TEXTS[0], text)


def test_what_is_no_cross_encoder_is_refused(
    torch_directory: Path, onnx_directory: Path, tmp_path: Path
) -> None:
    """In a sentence that says what is missing."""
    several = cross_encoder(tmp_path / "several", labels=3)
    with pytest.raises(ModelUnusable, match="3 nombres"):
        open_cross_encoder(several)
    with pytest.raises(ModelUnusable, match="3 nombres"):
        open_cross_encoder(with_graph(several, tmp_path / "several-graph"))
    with pytest.raises(ModelUnusable):
        open_cross_encoder(tmp_path / "nowhere")
    (tmp_path / "empty").mkdir()
    with pytest.raises(ModelUnusable):
        open_cross_encoder(tmp_path / "empty")
    shutil.copytree(onnx_directory, tmp_path / "graph")
    (tmp_path / "graph/tokenizer.json").unlink()
    with pytest.raises(ModelUnusable, match=r"tokenizer\.json manque"):
        open_cross_encoder(tmp_path / "graph")
