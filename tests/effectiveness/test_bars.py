"""The two bars of a model: how they are chosen, kept with it, and lost with a change of it."""

import json
import shutil
from pathlib import Path

import pytest

from evaluation.bars import BarQuestion, bars_text, chosen_bars, far_share, kept_share
from indexer.encoding.onnx_encoder import BARS_FILE, CARD, TOKENIZER_FILE, ModelCard, file_hash
from indexer.encoding.onnx_encoder import write_card as _write_card
from indexer.values import RelevanceCut
from quisait.application.model_bars import MeasuredBars, check_model, read_bars, write_bars
from search_api.ranking.fusion import ModelBars

pytestmark = pytest.mark.search

NAME = "modele/onnx/12345678"
MEASURED = MeasuredBars(ModelBars(0.41, RelevanceCut(0.2, 0.38)), "jeu", 200)


def own(closest: float, *by_sense: float, by_words: int = 0, words: bool = False) -> BarQuestion:
    return BarQuestion(False, closest, words, by_words, by_sense)


def foreign(closest: float) -> BarQuestion:
    return BarQuestion(True, closest, False, 0, ())


def test_a_bar_costs_no_more_than_it_may() -> None:
    """The far one one question in 200, the cut one relevant document in twenty, of any scale."""
    asked = [own(0.60, 0.60) for _ in range(198)]
    asked += [own(0.30, by_words=1), own(0.10, by_words=1, words=True), foreign(0.55), foreign(0.2)]
    chosen = chosen_bars(asked)
    assert chosen.far_cosine == pytest.approx(0.60)
    assert chosen.cut == RelevanceCut(0.2, 0.6)
    assert far_share(asked, 0.60) == pytest.approx(1 / 200)
    assert far_share(asked, 0.60, foreign=True) == 1.0
    more = [*asked, own(0.40, 0.40), own(0.40, 0.40)]
    assert chosen_bars(more) == ModelBars(0.4, RelevanceCut(0.2, 0.4))
    assert kept_share(more, 0.60) == pytest.approx(200 / 202)
    many = [*asked, *[own(0.45, 0.45)] * 20]
    assert chosen_bars(many).cut == RelevanceCut(0.2, 0.45)
    # Words keep everything: the cut is where the other bar is, and no higher.
    worded = [own(0.5, 0.9, by_words=9, words=False) for _ in range(10)]
    assert chosen_bars(worded) == ModelBars(0.5, RelevanceCut(0.2, 0.5))
    unseen = [own(0.5, -1.0) for _ in range(10)]
    assert chosen_bars(unseen) == ModelBars(0.5, None), "no cut keeps what is not near"
    assert "**0.600**" in bars_text("jeu", asked, chosen)


@pytest.fixture
def model(tmp_path: Path) -> Path:
    """A directory with a card and the files that it names."""
    directory = tmp_path / "model"
    (directory / "onnx").mkdir(parents=True)
    for name in (TOKENIZER_FILE, "onnx/model.onnx"):
        (directory / name).write_text(name, "utf-8")
    files = {name: file_hash(directory / name) for name in (TOKENIZER_FILE, "onnx/model.onnx")}
    card = ModelCard("modele", 3, 9, {"query": "", "passage": ""}, "12345678", "onnx", files)
    _write_card(directory, card)
    return directory


def test_bars_are_read_as_they_were_kept(model: Path) -> None:
    """Beside the model, for the encoder of that name."""
    assert read_bars(model, NAME) is None
    assert "non mesurés" in check_model(model, NAME)
    write_bars(model, NAME, MEASURED)
    assert read_bars(model, NAME) == MEASURED
    assert "mesurés sur jeu (200 questions)" in check_model(model, NAME)


def test_bars_move_with_the_model(model: Path, tmp_path: Path) -> None:
    """To another folder or machine."""
    write_bars(model, NAME, MEASURED)
    shutil.move(model, tmp_path / "elsewhere")
    assert read_bars(tmp_path / "elsewhere", NAME) == MEASURED


@pytest.mark.parametrize("changed", [TOKENIZER_FILE, "onnx/model.onnx"])
def test_of_a_changed_file_nothing_is_known(model: Path, changed: str) -> None:
    """Whatever the card still says; the check says what to do."""
    write_bars(model, NAME, MEASURED)
    (model / changed).write_text("autre", "utf-8")
    assert read_bars(model, NAME) is None
    with pytest.raises(ValueError, match="refaites-le"):
        check_model(model, NAME)


def test_of_a_new_export_nothing_is_known(model: Path) -> None:
    """Another name, or the same one with other files."""
    write_bars(model, NAME, MEASURED)
    assert read_bars(model, "modele/onnx/87654321") is None
    card = json.loads((model / CARD).read_text("utf-8"))
    (model / TOKENIZER_FILE).write_text("autre", "utf-8")
    card["files"][TOKENIZER_FILE] = file_hash(model / TOKENIZER_FILE)
    (model / CARD).write_text(json.dumps(card), "utf-8")
    assert read_bars(model, NAME) is None


@pytest.mark.parametrize("content", ["", "[]", "{}", '{"encoder": "modele/onnx/12345678"}', "\x00"])
def test_a_file_that_is_none_says_nothing(model: Path, content: str) -> None:
    """The model serves without bars, as one that was never measured."""
    (model / BARS_FILE).write_text(content, "utf-8")
    assert read_bars(model, NAME) is None
