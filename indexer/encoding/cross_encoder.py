"""Cross-encoders: a model's directory that scores a question and a passage read together."""

import os
from pathlib import Path
from typing import Any

import numpy as np
from tokenizers import Tokenizer

from indexer.encoding.model_files import (
    GRAPHS,
    ModelUnusable,
    max_tokens,
    read_json,
)
from indexer.encoding.onnx_encoder import TOKENIZER_FILE, TorchMissing, encodable, open_session

_GRAPHS = ("onnx/model_int8.onnx", "onnx/model_quantized.onnx", *GRAPHS)
"""Where a directory has its graph; the first one found is read."""

_INPUTS = ("input_ids", "attention_mask", "token_type_ids")


class OnnxCrossEncoder:
    """A directory with an ONNX file, `tokenizer.json` and `config.json`; no torch.

    Raises `ModelUnusable` where something is missing, or the model gives other than one number.
    """

    def __init__(self, directory: Path, threads: int = 0) -> None:
        graph = graph_of(directory)
        if graph is None:
            raise ModelUnusable(f"{directory} n'a pas de fichier ONNX ({', '.join(_GRAPHS)}).")
        for name in (TOKENIZER_FILE, "config.json"):
            if not (directory / name).is_file():
                raise ModelUnusable(f"{directory / name} manque : le second modèle en a besoin.")
        self._name = f"{directory.resolve().name}/{graph.stem}"
        self._tokenizer: Tokenizer = Tokenizer.from_file(str(directory / TOKENIZER_FILE))
        self._tokenizer.no_padding()
        self._tokenizer.enable_truncation(
            max_tokens(directory, read_json(directory / "config.json"))
        )
        self._session = open_session(graph, threads or os.cpu_count() or 1)
        asked = {one.name for one in self._session.get_inputs()}
        if unknown := sorted(asked - set(_INPUTS)):
            raise ModelUnusable(
                f"Le graphe du second modèle demande {', '.join(unknown)}, qui n'est pas pris en "
                "charge."
            )
        self._inputs = [name for name in _INPUTS if name in asked]
        _check_single(self._logits("essai", "essai").size, directory)

    @property
    def name(self) -> str:
        """The directory's name and the graph's."""
        return self._name

    def score(self, question: str, passage: str) -> float:
        """The logit of one pair."""
        return float(self._logits(question, passage)[0])

    def _logits(self, question: str, passage: str) -> Any:
        encoding = self._tokenizer.encode(encodable(question), encodable(passage))
        rows = (encoding.ids, encoding.attention_mask, encoding.type_ids)
        given = dict(zip(_INPUTS, rows, strict=True))
        asked = {name: np.array([given[name]], np.int64) for name in self._inputs}
        return np.ravel(self._session.run(None, asked)[0])


class SentenceCrossEncoder:
    """A directory as sentence-transformers' `CrossEncoder` reads it; nothing is downloaded.

    Raises `TorchMissing`, or `ModelUnusable` where it cannot be loaded or gives other than one
    number.
    """

    def __init__(self, directory: Path) -> None:
        try:
            from sentence_transformers import CrossEncoder
        except ImportError as missing:
            raise TorchMissing("This second model has no ONNX file; torch reads it.") from missing
        try:
            self._model = CrossEncoder(str(directory), device="cpu", local_files_only=True)
        except (ValueError, OSError, KeyError) as error:
            raise ModelUnusable(
                f"sentence-transformers ne charge pas {directory} ({type(error).__name__})."
            ) from error
        _check_single(self._model.num_labels, directory)
        self._name = f"{directory.resolve().name}/sentence-transformers"

    @property
    def name(self) -> str:
        """The directory's name."""
        return self._name

    def score(self, question: str, passage: str) -> float:
        """What the model gives for one pair."""
        pair = [(encodable(question), encodable(passage))]
        return float(self._model.predict(pair, show_progress_bar=False)[0])


def open_cross_encoder(directory: Path) -> OnnxCrossEncoder | SentenceCrossEncoder:
    """By its ONNX file where it has one, else by torch. Raises as these do."""
    if not directory.is_dir():
        raise ModelUnusable(f"{directory} n'est pas un dossier : réglez [reranker] model.")
    if graph_of(directory):
        return OnnxCrossEncoder(directory)
    return SentenceCrossEncoder(directory)


def graph_of(directory: Path) -> Path | None:
    """The ONNX file of a directory, None where it has none."""
    return next((file for name in _GRAPHS if (file := directory / name).is_file()), None)


def _check_single(numbers: int, directory: Path) -> None:
    if numbers != 1:
        raise ModelUnusable(
            f"{directory} rend {numbers} nombres pour une question et un passage : il faut un "
            "modèle qui n'en rend qu'un (num_labels 1)."
        )
