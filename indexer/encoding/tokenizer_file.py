"""Tokenizers of other models: a `tokenizer.json`, read by the library `tokenizers`.

The library is in the extra `models`, because the bundled model does not need it.
"""

from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from indexer.encoding.model_files import ModelUnusable

if TYPE_CHECKING:
    from tokenizers import Tokenizer


def require_tokenizers() -> None:
    """Raise `ModelUnusable` if the library `tokenizers` is not installed."""
    if find_spec("tokenizers") is None:
        raise ModelUnusable(
            "Il faut la bibliothèque tokenizers pour ce modèle : « pip install tokenizers », dans "
            "l'environnement de quisait."
        )


def open_tokenizer(path: Path, most: int) -> "Tokenizer":
    """Return the tokenizer in a `tokenizer.json`; texts are cut after `most` tokens.

    Raises `ModelUnusable` if the library `tokenizers` is not installed.
    """
    require_tokenizers()
    from tokenizers import Tokenizer  # the bundled model needs no such library

    tokenizer: Tokenizer = Tokenizer.from_file(str(path))
    tokenizer.no_padding()
    tokenizer.enable_truncation(most)
    return tokenizer


class FileTokenizer:
    """Counts and numbers tokens like `UnigramTokenizer`, by the `tokenizer.json` of a model."""

    def __init__(self, path: Path, most: int) -> None:
        self._tokenizer = open_tokenizer(path, most)

    def ids(self, text: str) -> list[int]:
        """Return the ids of a text's beginning, with the special ids that the model adds."""
        return list(self._tokenizer.encode(text).ids)

    def count(self, text: str) -> int:
        """Return the number of ids of a text, or a number above the limit if it was cut."""
        encoding = self._tokenizer.encode(text)
        return len(encoding.ids) + bool(encoding.overflowing)
