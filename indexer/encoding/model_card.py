"""What an exported model directory says of itself, beside the model."""

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

CARD = "quisait-model.json"
ONNX_FILE = "onnx/model_int8.onnx"


@dataclass(frozen=True, slots=True)
class ModelCard:
    """Name, dimension, longest text in tokens, the prompts, sha256 of the source weights."""

    model: str
    dimension: int
    max_tokens: int
    prompts: dict[str, str]
    weights_sha256: str

    def as_json(self) -> dict[str, Any]:
        """What the file holds."""
        return asdict(self)


def read_card(directory: Path) -> ModelCard:
    """Raises `FileNotFoundError` where the directory was not written by `export_model`."""
    return ModelCard(**json.loads((directory / CARD).read_text("utf-8")))
