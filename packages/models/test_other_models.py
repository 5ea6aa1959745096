"""A model of another family, exported, gives the vectors that sentence-transformers gives."""

import json
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from quisait_models.description import describe
from quisait_models.export_directory import FLOAT_FILE, SAMPLES, ExportReport, export_directory

from indexer.encoding.model_files import ModelUnusable, chosen_prompts
from indexer.encoding.onnx_encoder import CARD, OnnxEncoder, SentenceEncoder, is_whole, read_card
from indexer.encoding.sentence_head import ACTIVATIONS, POOLINGS, DenseWeights, SentenceHead
from indexer.values import Vectors
from tests.contract import encoder_contract as contract
from tests.made_models import HIDDEN, MAX_TOKENS, changed_json, sentence_model

pytestmark = pytest.mark.search

FLOAT_COSINE, INT8_COSINE = 0.9999, 0.98
PROMPTS = {"query": "question: ", "document": "texte: "}

MADE: dict[str, dict[str, Any]] = {
    "bert-mean-dense": {"family": "bert", "dense": 24, "prompts": PROMPTS},
    "bert-max-and-cls": {"family": "bert", "pooling": ("cls", "max"), "normalized": False},
    "xlmr-cls": {"family": "xlm-roberta", "pooling": "cls", "prompts": {"query": "cherche : "}},
    "modernbert-cls": {"family": "modernbert", "pooling": "cls"},
    "modernbert-last": {
        "family": "modernbert",
        "pooling": "lasttoken",
        "prompts": {"both": "lis : "},
        "default_prompt": "both",
    },
}
"""Families, prompts and modules; each of them in one model at least."""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("models")


@pytest.fixture(scope="module", params=MADE)
def source(request: pytest.FixtureRequest, folder: Path) -> Path:
    name = str(request.param)
    return sentence_model(folder / name, **MADE[name])


@pytest.fixture(scope="module")
def exported(source: Path) -> tuple[Path, ExportReport]:
    directory = source.parent / "exported" / source.name
    return directory, export_directory(source, directory, int8=False)


def reference(source: Path, prompt: str, texts: tuple[str, ...]) -> Vectors:
    from sentence_transformers import SentenceTransformer

    model = SentenceTransformer(str(source), device="cpu", local_files_only=True)
    found = model.encode(list(texts), prompt=prompt, normalize_embeddings=True)
    return np.asarray(found, np.float32)


def least(one: Vectors, other: Vectors) -> float:
    return float((one * other).sum(axis=1).min())


def test_the_vectors_are_those_of_sentence_transformers(
    source: Path, exported: tuple[Path, ExportReport]
) -> None:
    """Passages and questions, each behind its prompt; texts longer than the model reads too."""
    directory, report = exported
    encoder, prompts = OnnxEncoder(directory), report.card.prompts
    passages = reference(source, prompts["passage"], SAMPLES)
    read = tuple(encoder.beginning(text) for text in SAMPLES)
    questions = reference(source, prompts["query"], read)
    assert least(encoder.passages(SAMPLES), passages) >= FLOAT_COSINE
    assert least(encoder.queries(SAMPLES), questions) >= FLOAT_COSINE
    # Texts are told apart: another one's vector would not pass.
    assert least(encoder.passages(SAMPLES), np.roll(passages, 1, axis=0)) < FLOAT_COSINE
    assert report.traced is not None
    assert report.traced[0] >= FLOAT_COSINE


def test_eight_bits_are_near(exported: tuple[Path, ExportReport], source: Path) -> None:
    """From the graph that was written, and without torch."""
    directory, _ = exported
    beside = source.parent / "from-graph" / source.name
    shutil.copytree(source, beside)
    (beside / "model.safetensors").unlink()
    (beside / "onnx").mkdir()
    shutil.copyfile(directory / FLOAT_FILE, beside / FLOAT_FILE)
    quantised = source.parent / "int8" / source.name
    report = export_directory(beside, quantised)
    assert report.traced is None
    assert report.quantised is not None
    assert report.quantised[0] >= INT8_COSINE
    found = OnnxEncoder(quantised).passages(SAMPLES)
    assert least(found, OnnxEncoder(directory).passages(SAMPLES)) >= INT8_COSINE
    assert not (quantised / FLOAT_FILE).exists()
    assert is_whole(quantised)
    assert OnnxEncoder(quantised).name != OnnxEncoder(directory).name


FORMAL = [
    contract.gives_unit_rows,
    contract.takes_none_and_one,
    contract.keeps_order_in_any_batch,
    contract.gives_the_same_text_the_same_vector,
    contract.survives_hostile_texts,
    contract.has_a_name,
]
"""Weights at random know no answer, some models have no prompt, and to a vocabulary of words a
long one is a single token."""


def test_a_question_is_read_as_far_as_the_model_reads(exported: tuple[Path, ExportReport]) -> None:
    """To the end of a word; what is beyond would be cut off silently."""
    encoder = OnnxEncoder(exported[0])
    long = contract.LONG[0]
    read = encoder.beginning(long)
    assert long.startswith(f"{read} ")
    assert encoder.beginning(read) == read
    assert np.array_equal(encoder.queries([long]), encoder.queries([read]))
    tokenizer = encoder._loaded.tokenizer
    assert tokenizer.count(read) <= MAX_TOKENS < len(long.split())


@pytest.mark.parametrize("check", FORMAL, ids=lambda check: check.__name__)
def test_an_exported_model_keeps_the_contract(
    check: Any, exported: tuple[Path, ExportReport]
) -> None:
    """As every encoder does."""
    check(OnnxEncoder(exported[0]))


def test_what_the_files_say_is_read(folder: Path) -> None:
    """Pooling in both forms, the longest text, the dimension after the dense layer."""
    source = sentence_model(folder / "read", "xlm-roberta", "cls", dense=24)
    described = describe(source)
    assert (described.pooling, described.max_tokens, len(described.dense)) == (
        ("cls",),
        MAX_TOKENS,
        1,
    )
    changed_json(
        source / "1_Pooling/config.json",
        pooling_mode=None,
        pooling_mode_cls_token=True,
        pooling_mode_mean_tokens=True,
        word_embedding_dimension=HIDDEN,
    )
    assert describe(source).pooling == ("cls", "mean")
    changed_json(source / "tokenizer_config.json", model_max_length=int(1e30))
    assert describe(source).max_tokens == 129  # positions begin behind that of the padding
    (source / "sentence_bert_config.json").write_text('{"max_seq_length": 40}', "utf-8")
    assert describe(source).max_tokens == 40


@pytest.mark.parametrize(
    ("stated", "query", "passage"),
    [
        ({}, "", ""),
        ({"prompts": {"query": "q: ", "passage": "p: "}}, "q: ", "p: "),
        ({"prompts": {"search_query": "q: ", "search_document": "p: "}}, "q: ", "p: "),
        ({"prompts": {"query": "q: "}, "default_prompt_name": "query"}, "q: ", ""),
        ({"prompts": {"s2s": "x: "}, "default_prompt_name": "s2s"}, "x: ", "x: "),
        ({"prompts": {"query": "", "document": ""}, "default_prompt_name": None}, "", ""),
    ],
)
def test_prompts_by_their_names(stated: Mapping[str, Any], query: str, passage: str) -> None:
    """Where neither side is named the default serves both; an unnamed side has none."""
    assert chosen_prompts(stated) == {"query": query, "passage": passage}


def test_prompts_of_the_operator_stand_in_place_of_the_files(folder: Path) -> None:
    """Given prompts replace those of the model's files, and change the encoder's name."""
    source = sentence_model(folder / "plain", "bert")
    plain = export_directory(source, folder / "without", int8=False).card
    told = export_directory(source, folder / "with", int8=False, prompts={"query": "q: "}).card
    assert told.prompts == {"query": "q: ", "passage": ""}
    assert OnnxEncoder(folder / "with").name.split("/")[2] != plain.weights_sha256[:8]


def test_torch_reads_the_same_prompts(folder: Path) -> None:
    """The slow encoder and the quick one read one directory alike."""
    source = sentence_model(folder / "both", "bert", prompts={"search_query": "q: "})
    export_directory(source, folder / "both-onnx", int8=False)
    slow, quick = SentenceEncoder(source), OnnxEncoder(folder / "both-onnx")
    assert least(slow.queries(SAMPLES[:3]), quick.queries(SAMPLES[:3])) >= FLOAT_COSINE
    assert least(slow.passages(SAMPLES), quick.passages(SAMPLES)) >= FLOAT_COSINE
    name = slow.name
    (source / "quisait-bars.json").write_text("{}", "utf-8")
    assert SentenceEncoder(source).name == name


_WITHOUT_TORCH = """
import sys
sys.modules["torch"] = None
from pathlib import Path
from quisait_models.export_directory import export_directory
export_directory(Path(sys.argv[1]), Path(sys.argv[2]))
"""


def test_a_graph_is_taken_without_torch(folder: Path) -> None:
    """optimum's layout: `onnx/model.onnx`, `config.json`, `tokenizer.json`."""
    source = sentence_model(folder / "graph", "modernbert")
    exact = folder / "graph-float"
    export_directory(source, exact, int8=False)
    plain = folder / "optimum"
    (plain / "onnx").mkdir(parents=True)
    shutil.copyfile(exact / FLOAT_FILE, plain / FLOAT_FILE)
    for name in ("config.json", "tokenizer.json", "tokenizer_config.json"):
        shutil.copyfile(source / name, plain / name)
    command = [sys.executable, "-c", _WITHOUT_TORCH, str(plain), str(folder / "taken")]
    subprocess.run(command, check=True, capture_output=True)
    found = OnnxEncoder(folder / "taken").passages(SAMPLES)
    assert least(found, OnnxEncoder(exact).passages(SAMPLES)) >= INT8_COSINE


@pytest.mark.parametrize("pooling", POOLINGS)
@pytest.mark.parametrize("tokens", [1, 7])
def test_each_pooling_is_that_of_sentence_transformers(pooling: Any, tokens: int) -> None:
    """Of a text alone, and of one behind which a batch is padded."""
    import torch
    from sentence_transformers.sentence_transformer.modules import Pooling

    states = np.random.default_rng(tokens).standard_normal((tokens, HIDDEN)).astype(np.float32)
    padded = np.vstack([states, np.full((3, HIDDEN), 9, np.float32)])[None]
    mask = torch.tensor([[1] * tokens + [0] * 3])
    given = {"token_embeddings": torch.from_numpy(padded), "attention_mask": mask}
    expected = Pooling(HIDDEN, pooling)(given)["sentence_embedding"][0].numpy()
    assert SentenceHead([pooling])(states) == pytest.approx(
        expected / np.linalg.norm(expected), abs=1e-5
    )


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_each_activation_is_that_of_torch(name: str) -> None:
    """Of a dense layer, by its name there."""
    import torch

    drawn = np.random.default_rng(3)
    weight, bias, given = (
        drawn.standard_normal(shape).astype(np.float32) for shape in ((5, 4), 5, 4)
    )
    layer: Any = getattr(torch.nn, name)()
    expected = layer(torch.from_numpy(weight @ given + bias)).numpy()
    assert DenseWeights(weight, bias, name)(given) == pytest.approx(expected, abs=1e-6)


def _without(name: str) -> Any:
    return lambda folder: (folder / name).unlink()


def _other_module(folder: Path) -> None:
    rows = json.loads((folder / "modules.json").read_text("utf-8"))
    rows[1]["type"] = "sentence_transformers.models.LSTM"
    (folder / "modules.json").write_text(json.dumps(rows), "utf-8")


def _own_code(folder: Path) -> None:
    changed_json(folder / "config.json", model_type="nouveau-modele")


BROKEN = {
    "config.json": _without("config.json"),
    "tokenizer.json": _without("tokenizer.json"),
    "2_Dense": _without("2_Dense/model.safetensors"),
    "LSTM": _other_module,
    "transformers": _own_code,
    "include_prompt": lambda folder: changed_json(
        folder / "1_Pooling/config.json", include_prompt=False
    ),
    "pooling inconnu": lambda folder: changed_json(
        folder / "1_Pooling/config.json", pooling_mode="pooling inconnu"
    ),
    "ELU": lambda folder: changed_json(
        folder / "2_Dense/config.json", activation_function="torch.nn.ELU"
    ),
    "modules.json": lambda folder: (folder / "modules.json").write_text("{}", "utf-8"),
}
"""What is broken, by a word of the sentence that says so."""


@pytest.mark.parametrize("word", BROKEN)
def test_what_is_missing_is_said_and_nothing_is_written(
    word: str, folder: Path, tmp_path: Path
) -> None:
    """In a sentence that names it; the directory that was there stays as it was."""
    whole = folder / "whole"
    if not whole.is_dir():
        sentence_model(whole, "bert", dense=24)
    shutil.copytree(whole, tmp_path / "broken")
    BROKEN[word](tmp_path / "broken")
    with pytest.raises(ModelUnusable, match=word):
        export_directory(tmp_path / "broken", tmp_path / "out")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["broken"]


def test_the_card_names_what_makes_the_vectors(folder: Path) -> None:
    """Two exports of the same weights with different pooling have different names."""
    source = sentence_model(folder / "changing", "bert")
    first = export_directory(source, folder / "first", int8=False).card
    changed_json(source / "1_Pooling/config.json", pooling_mode="cls")
    second = export_directory(source, folder / "second", int8=False).card
    assert first.weights_sha256 != second.weights_sha256
    assert read_card(folder / "second").pooling == ["cls"]
    assert (folder / "second" / CARD).is_file()
