"""What an exported model directory says of itself, beside the model."""

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

CARD = "quisait-model.json"
ONNX_FILE = "onnx/model_int8.onnx"

GRAPH = "onnx-int8-fused"
"""The form of the ONNX file that `export_model` writes; another form gives other vectors."""

FORMER_GRAPH = "onnx-int8-alone"
"""That of directories whose card names none: they stay usable, and their indexes with them."""


@dataclass(frozen=True, slots=True)
class ModelCard:
    """Name, dimension, longest text in tokens, the prompts, sha256 of the source weights.

    `graph`: the form of the ONNX file.
    """

    model: str
    dimension: int
    max_tokens: int
    prompts: dict[str, str]
    weights_sha256: str
    graph: str = FORMER_GRAPH

    def as_json(self) -> dict[str, Any]:
        """What the file holds."""
        return asdict(self)


def read_card(directory: Path) -> ModelCard:
    """Raises `FileNotFoundError` where the directory was not written by `export_model`."""
    return ModelCard(**json.loads((directory / CARD).read_text("utf-8")))
