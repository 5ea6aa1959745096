"""Files of a model's directory that encoders read: prompts and tensors."""

import json
import struct
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

QUERY_NAMES = ("query", "search_query", "retrieval.query", "question")
PASSAGE_NAMES = ("document", "passage", "corpus", "search_document", "retrieval.passage", "text")
"""Names of the query and passage prompts in models, in order of preference."""


class ModelUnusable(ValueError):
    """A model's directory lacks something, or needs something unsupported; the text is French."""


def chosen_prompts(stated: Mapping[str, Any]) -> dict[str, str]:
    """Return the query and passage prompts from `config_sentence_transformers.json`.

    The prompts are chosen by their usual names; if neither name exists, the default prompt is used
    for both.
    """
    prompts = {str(name): text for name, text in (stated.get("prompts") or {}).items() if text}
    query = next((prompts[name] for name in QUERY_NAMES if name in prompts), None)
    passage = next((prompts[name] for name in PASSAGE_NAMES if name in prompts), None)
    default = ""
    if query is None and passage is None:
        default = prompts.get(str(stated.get("default_prompt_name")), "")
    return {
        "query": default if query is None else query,
        "passage": default if passage is None else passage,
    }


def tensors_of(file: Path) -> dict[str, NDArray[np.float32]]:
    """Return the tensors of a safetensors file as float32. Raises `ModelUnusable`."""
    content = file.read_bytes()
    (length,) = struct.unpack_from("<Q", content)
    stated = json.loads(content[8 : 8 + length])
    stated.pop("__metadata__", None)
    tensors = {}
    for name, entry in stated.items():
        start, end = (8 + length + offset for offset in entry["data_offsets"])
        tensors[name] = _floats(content[start:end], entry["dtype"], file).reshape(entry["shape"])
    return tensors


def _floats(content: bytes, kind: str, file: Path) -> NDArray[np.float32]:
    if kind == "BF16":  # the upper half of a float32
        halves = np.frombuffer(content, "<u2").astype(np.uint32) << 16
        return halves.view(np.float32)
    if kind not in ("F16", "F32", "F64"):
        raise ModelUnusable(f"{file} : nombres d'une sorte non prise en charge ({kind}).")
    return np.frombuffer(content, f"<f{int(kind[1:]) // 8}").astype(np.float32)
