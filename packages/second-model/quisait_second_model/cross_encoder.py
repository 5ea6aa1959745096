"""Cross-encoders: models that score a question and a passage read together."""

import os
from pathlib import Path
from typing import Any

import numpy as np
from quisait_models.description import GRAPHS, max_tokens, read_json

from indexer.encoding.model_files import ModelUnusable
from indexer.encoding.onnx_encoder import TOKENIZER_FILE, TorchMissing, encodable, open_session
from indexer.encoding.tokenizer_file import open_tokenizer

_GRAPHS = ("onnx/model_int8.onnx", "onnx/model_quantized.onnx", *GRAPHS)
"""Paths of the graph in a model's directory; the first one found is used."""

_INPUTS = ("input_ids", "attention_mask", "token_type_ids")


class OnnxCrossEncoder:
    """A cross-encoder from an ONNX file, `tokenizer.json` and `config.json`; without torch.

    Raises `ModelUnusable` if a file is missing, or if the model does not return one number.
    """

    def __init__(self, directory: Path) -> None:
        graph = graph_of(directory)
        if graph is None:
            raise ModelUnusable(f"{directory} n'a pas de fichier ONNX ({', '.join(_GRAPHS)}).")
        for name in (TOKENIZER_FILE, "config.json"):
            if not (directory / name).is_file():
                raise ModelUnusable(f"{directory / name} manque : le second modèle en a besoin.")
        self.name = f"{directory.resolve().name}/{graph.stem}"
        most = max_tokens(directory, read_json(directory / "config.json"))
        self._tokenizer = open_tokenizer(directory / TOKENIZER_FILE, most)
        self._session = open_session(graph, os.cpu_count() or 1)
        asked = {one.name for one in self._session.get_inputs()}
        if unknown := sorted(asked - set(_INPUTS)):
            raise ModelUnusable(
                f"Le graphe du second modèle demande {', '.join(unknown)}, qui n'est pas pris en "
                "charge."
            )
        self._inputs = [name for name in _INPUTS if name in asked]
        _check_single(self._logits("essai", "essai").size, directory)

    def score(self, question: str, passage: str) -> float:
        """Return the logit of a question and a passage."""
        return float(self._logits(question, passage)[0])

    def _logits(self, question: str, passage: str) -> Any:
        encoding = self._tokenizer.encode(encodable(question), encodable(passage))
        rows = (encoding.ids, encoding.attention_mask, encoding.type_ids)
        given = dict(zip(_INPUTS, rows, strict=True))
        asked = {name: np.array([given[name]], np.int64) for name in self._inputs}
        return np.ravel(self._session.run(None, asked)[0])


class SentenceCrossEncoder:
    """A cross-encoder loaded by sentence-transformers; nothing is downloaded.

    Raises `TorchMissing`, or `ModelUnusable` if the model cannot be loaded or does not return one
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
        self.name = f"{directory.resolve().name}/sentence-transformers"

    def score(self, question: str, passage: str) -> float:
        """Return the model's score of a question and a passage."""
        pair = [(encodable(question), encodable(passage))]
        return float(self._model.predict(pair, show_progress_bar=False)[0])


def open_cross_encoder(directory: Path) -> OnnxCrossEncoder | SentenceCrossEncoder:
    """Open a directory: by its ONNX file if it has one, else with torch.

    Raises `ModelUnusable` or `TorchMissing`.
    """
    if not directory.is_dir():
        raise ModelUnusable(f"{directory} n'est pas un dossier : réglez [reranker] model.")
    if graph_of(directory):
        return OnnxCrossEncoder(directory)
    return SentenceCrossEncoder(directory)


def graph_of(directory: Path) -> Path | None:
    """Return the ONNX file of a directory, or None."""
    return next((file for name in _GRAPHS if (file := directory / name).is_file()), None)


def _check_single(numbers: int, directory: Path) -> None:
    if numbers != 1:
        raise ModelUnusable(
            f"{directory} rend {numbers} nombres pour une question et un passage : il faut un "
            "modèle qui n'en rend qu'un (num_labels 1)."
        )
