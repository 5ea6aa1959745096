"""Reads the description in a model's directory without torch: modules, pooling, prompts, length.

Supports the layouts of sentence-transformers (`modules.json`) and of plain transformers or ONNX
directories (`config.json`, `tokenizer.json`, `model.onnx` or `onnx/model.onnx`).
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from indexer.encoding.model_files import ModelUnusable, chosen_prompts
from indexer.encoding.sentence_head import ACTIVATIONS, POOLINGS

_FORMER_POOLINGS = {
    "pooling_mode_cls_token": "cls",
    "pooling_mode_max_tokens": "max",
    "pooling_mode_mean_tokens": "mean",
    "pooling_mode_mean_sqrt_len_tokens": "mean_sqrt_len_tokens",
    "pooling_mode_weightedmean_tokens": "weightedmean",
    "pooling_mode_lasttoken": "lasttoken",
}


MOST_TOKENS = 8_192
"""Maximum number of tokens, also for directories that state a higher limit or none."""
_UNSTATED_TOKENS = 100_000
_ROBERTA = ("roberta", "camembert", "xlm-roberta", "xlm-roberta-xl", "mpnet")
"""Families of models whose positions start after the padding's position."""

GRAPHS = ("model.onnx", "onnx/model.onnx")


@dataclass(frozen=True, slots=True)
class DenseLayer:
    """A dense layer: `file` has its weights (safetensors); `activation` is one of `ACTIVATIONS`."""

    file: Path
    activation: str


@dataclass(frozen=True, slots=True)
class ModelDescription:
    """The description in a model's directory.

    `transformer`: folder of configuration, weights and tokenizer. `graph`: its ONNX file, or None.
    `pooling`: one or more of `POOLINGS`, concatenated. `prompts` has `query` and `passage`, empty
    strings if the model has none. `lowercase`: whether texts must be put in lower case first.
    """

    name: str
    transformer: Path
    graph: Path | None
    pooling: tuple[str, ...]
    dense: tuple[DenseLayer, ...]
    prompts: Mapping[str, str]
    max_tokens: int
    lowercase: bool


def describe(directory: Path) -> ModelDescription:
    """Return the description of a directory.

    Raises `ModelUnusable` if something is missing or not supported.
    """
    if not directory.is_dir():
        raise ModelUnusable(f"{directory} n'est pas un dossier.")
    modules = _modules(directory)
    transformer = modules["Transformer"][0] if modules else directory
    if not (transformer / "config.json").is_file():
        raise ModelUnusable(
            f"{transformer / 'config.json'} manque : il faut un dossier sentence-transformers, "
            "transformers ou ONNX complet."
        )
    config = read_json(transformer / "config.json")
    poolings = modules.get("Pooling", [])
    if not poolings and (directory / "1_Pooling" / "config.json").is_file():
        poolings = [directory / "1_Pooling"]  # beside a graph, without modules.json
    graphs = [folder / name for folder in (directory, transformer) for name in GRAPHS]
    return ModelDescription(
        name=directory.resolve().name,
        transformer=transformer,
        graph=next((graph for graph in graphs if graph.is_file()), None),
        pooling=_pooling(poolings[0]) if poolings else ("mean",),
        dense=tuple(_dense(folder) for folder in modules.get("Dense", [])),
        prompts=chosen_prompts(optional_json(directory / "config_sentence_transformers.json")),
        max_tokens=max_tokens(transformer, config),
        lowercase=bool(
            optional_json(transformer / "sentence_bert_config.json").get("do_lower_case")
        ),
    )


_MODULES = ("Transformer", "Pooling", "Dense", "Normalize")


def _modules(directory: Path) -> dict[str, list[Path]]:
    """Return the folders of `modules.json` by kind, in order; empty without that file."""
    path = directory / "modules.json"
    if not path.is_file():
        return {}
    try:
        rows = json.loads(path.read_text("utf-8"))
        stated = [(str(row["type"]).rpartition(".")[2], str(row["path"])) for row in rows]
    except (ValueError, KeyError, TypeError):
        raise ModelUnusable(f"{path} n'est pas une liste de modules.") from None
    kinds = [kind for kind, _ in stated]
    if unknown := sorted(set(kinds) - set(_MODULES)):
        raise ModelUnusable(f"{path} : module non pris en charge ({', '.join(unknown)}).")
    if kinds[:2] != ["Transformer", "Pooling"] or kinds.count("Pooling") > 1:
        raise ModelUnusable(f"{path} : il faut un module Transformer, puis un module Pooling.")
    found: dict[str, list[Path]] = {}
    for kind, folder in stated:
        found.setdefault(kind, []).append(directory / folder)
    return found


def _pooling(folder: Path) -> tuple[str, ...]:
    path = folder / "config.json"
    if not path.is_file():
        raise ModelUnusable(f"{path} manque : il dit comment un texte devient un vecteur.")
    stated = read_json(path)
    modes = stated.get("pooling_mode") or [
        mode for key, mode in _FORMER_POOLINGS.items() if stated.get(key)
    ]
    modes = (modes,) if isinstance(modes, str) else tuple(map(str, modes))
    if not modes or set(modes) - POOLINGS.keys():
        raise ModelUnusable(f"{path} : réduction non prise en charge ({', '.join(modes)}).")
    if not stated.get("include_prompt", True):
        raise ModelUnusable(f"{path} : « include_prompt » à faux n'est pas pris en charge.")
    return modes


def _dense(folder: Path) -> DenseLayer:
    stated = optional_json(folder / "config.json")
    activation = str(stated.get("activation_function", "Identity")).rpartition(".")[2]
    if activation not in ACTIVATIONS:
        raise ModelUnusable(f"{folder} : activation non prise en charge ({activation}).")
    file = folder / "model.safetensors"
    if not file.is_file():
        raise ModelUnusable(f"{file} manque : la couche « Dense » y a ses poids.")
    return DenseLayer(file, activation)


def read_json(path: Path) -> dict[str, Any]:
    """Return the JSON object in a file. Raises `ModelUnusable` without an object, and `OSError`."""
    try:
        found = json.loads(path.read_text("utf-8"))
    except ValueError:
        found = None
    if not isinstance(found, dict):
        raise ModelUnusable(f"{path} n'est pas un objet JSON.")
    return found


def optional_json(path: Path) -> dict[str, Any]:
    """Return the JSON object in a file, empty if there is no such file."""
    return read_json(path) if path.is_file() else {}


def max_tokens(transformer: Path, config: Mapping[str, Any]) -> int:
    """Return the smallest limit of tokens that the files state, at most `MOST_TOKENS`."""
    stated: Sequence[Any] = (
        optional_json(transformer / "sentence_bert_config.json").get("max_seq_length"),
        optional_json(transformer / "tokenizer_config.json").get("model_max_length"),
        positions(config),
    )
    known = [int(one) for one in stated if one and 0 < int(one) < _UNSTATED_TOKENS]
    return min([*known, MOST_TOKENS])


def positions(config: Mapping[str, Any]) -> int | None:
    """Return the maximum number of tokens of the model's positions; None if not stated."""
    stated = config.get("max_position_embeddings")
    if stated is None or int(stated) <= 0:
        return None
    if config.get("model_type") in _ROBERTA:
        return int(stated) - int(config.get("pad_token_id") or 0) - 1
    return int(stated)
