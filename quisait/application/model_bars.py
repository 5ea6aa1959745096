"""Thresholds measured on a model's cosines, stored in a file beside the model.

`quisait evaluate bars` writes the file, and it is read when the encoder is opened. The file
contains the encoder's name and the hashes of the model's files, and is ignored if they do not
match.
"""

import json
import logging
from dataclasses import dataclass
from pathlib import Path

from indexer.encoding.onnx_encoder import BARS_FILE, CARD, is_whole, read_card
from indexer.values import RelevanceCut
from search_api.ranking.fusion import ModelBars

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class MeasuredBars:
    """Thresholds of a model, the set that they were measured on, and its number of questions."""

    bars: ModelBars
    measured_on: str
    questions: int


def write_bars(directory: Path, encoder: str, measured: MeasuredBars) -> Path:
    """Write the thresholds beside the model and return the file's path. Raises `OSError`."""
    cut = measured.bars.cut
    kept = {
        "encoder": encoder,
        "files": _hashes(directory),
        "far_cosine": measured.bars.far_cosine,
        "cut": {"information": cut.information, "cosine": cut.cosine} if cut else None,
        "measured_on": measured.measured_on,
        "questions": measured.questions,
    }
    path = directory / BARS_FILE
    path.write_text(json.dumps(kept, ensure_ascii=False, indent=2) + "\n", "utf-8")
    return path


def read_bars(directory: Path, encoder: str) -> MeasuredBars | None:
    """Return the thresholds of the model; None if they are missing, unreadable or outdated."""
    path = directory / BARS_FILE
    try:
        kept = json.loads(path.read_text("utf-8"))
        if kept["encoder"] != encoder or kept["files"] != _hashes(directory):
            log.warning("bars of another model are left aside", extra={"file": path.name})
            return None
        cut = kept["cut"] and RelevanceCut(
            float(kept["cut"]["information"]), float(kept["cut"]["cosine"])
        )
        bars = ModelBars(float(kept["far_cosine"]), cut)
        return MeasuredBars(bars, str(kept["measured_on"]), int(kept["questions"]))
    except FileNotFoundError:
        return None
    except (OSError, ValueError, KeyError, TypeError) as error:
        log.warning("bars unreadable", extra={"file": path.name, "error": type(error).__name__})
        return None


def check_model(directory: Path, encoder: str) -> str:
    """Return in French which thresholds the model has.

    Raises `ValueError` if the model's files differ from those that were exported.
    """
    if (directory / CARD).is_file() and not is_whole(directory):
        raise ValueError(
            f"{directory} : un fichier du modèle n'est plus celui qui a été exporté : refaites-le "
            "(« quisait model export »), ou remettez-le"
        )
    if measured := read_bars(directory, encoder):
        return f"seuils mesurés sur {measured.measured_on} ({measured.questions} questions)"
    return "seuils non mesurés : rien n'est écarté comme trop loin (« quisait evaluate bars »)"


def _hashes(directory: Path) -> dict[str, str]:
    """Return the hashes of an exported model's files, or a placeholder if a file changed since.

    A sentence-transformers directory has no card, and therefore no hashes here; the name of its
    encoder contains them.
    """
    try:
        card = read_card(directory)
    except FileNotFoundError:
        return {}
    return dict(card.files) if is_whole(directory) else {"changed": "since the export"}
