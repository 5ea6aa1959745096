"""The tokenizer of the bundled model: SentencePiece's unigram pieces, in plain Python.

It gives the ids of the library `tokenizers` (`tests/property/test_unigram.py` compares them), and
loads the pieces faster.
"""

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import orjson

UNKNOWN_PENALTY = 10.0
"""How far the log probability of an unknown character is below that of the rarest piece.

The value is that of SentencePiece.
"""

_SPACES = re.compile(r"[^\S\x1c-\x1f]+")
"""One or more white-space characters of Unicode.

Python's `\\s` also matches the control characters U+001C to U+001F, which are not white space.
"""

_WORD_START = "▁"
_WORD = re.compile(f"{_WORD_START}[^{_WORD_START}]*")
_KEPT_WORDS, _KEPT_LENGTH = 20_000, 32
"""Maximum number of words whose ids are cached, and the length of the longest such word."""


@dataclass(frozen=True, slots=True)
class UnigramVocabulary:
    """A SentencePiece unigram vocabulary: pieces, their log probabilities, and special ids."""

    pieces: Sequence[str]
    scores: Sequence[float]
    bos: int
    eos: int
    pad: int
    unk: int


def _words(text: str) -> list[str]:
    """Return the normalised words of a text, each after `_WORD_START`, which stands for a space."""
    text = (
        _SPACES.sub(" ", unicodedata.normalize("NFKC", text)).strip(" ").replace(" ", _WORD_START)
    )
    if text and not text.startswith(_WORD_START):
        text = _WORD_START + text
    return _WORD.findall(text)


def write_vocabulary(path: Path, vocabulary: UnigramVocabulary) -> None:
    """Write the vocabulary for `read_vocabulary`; the same vocabulary gives the same bytes."""
    path.write_bytes(orjson.dumps(vocabulary))


def read_vocabulary(path: Path) -> UnigramVocabulary:
    """Return the vocabulary in a file that `write_vocabulary` wrote."""
    return UnigramVocabulary(**orjson.loads(path.read_bytes()))


class UnigramTokenizer:
    """Splits texts into the pieces of greatest total probability.

    `most` is the maximum number of ids of a text. A text is normalised (NFKC, single spaces) and
    split at spaces; each word is split alone. Special pieces (`<s>`, `</s>`…) in a text get their
    own ids. Calls from several threads are safe.
    """

    def __init__(self, vocabulary: UnigramVocabulary, most: int) -> None:
        self._vocabulary, self._most = vocabulary, most
        self._ids = dict(zip(vocabulary.pieces, range(len(vocabulary.pieces)), strict=True))
        self._longest = max(map(len, vocabulary.pieces))
        self._unknown_score = min(vocabulary.scores) - UNKNOWN_PENALTY
        special = (vocabulary.bos, vocabulary.pad, vocabulary.eos, vocabulary.unk)
        names = "|".join(re.escape(vocabulary.pieces[piece]) for piece in special)
        self._special = re.compile(f"({names})")
        self._kept_word = lru_cache(_KEPT_WORDS)(self._word)

    def ids(self, text: str) -> list[int]:
        """Return the ids of a text's beginning, between the ids of start and end."""
        return [self._vocabulary.bos, *self._pieces(text)[: self._most - 2], self._vocabulary.eos]

    def count(self, text: str) -> int:
        """Return the number of ids of the whole text, including the ids of start and end."""
        return len(self._pieces(text)) + 2

    def _pieces(self, text: str) -> list[int]:
        ids: list[int] = []
        for place, part in enumerate(self._special.split(text)):
            if place % 2:  # `split` puts what it split at between the parts
                ids.append(self._ids[part])
                continue
            for word in _words(part):
                read = self._kept_word if len(word) <= _KEPT_LENGTH else self._word
                ids += read(word)
        return ids

    def _word(self, word: str) -> Sequence[int]:
        """Return the ids of a word: Viterbi's algorithm over the places between its characters."""
        ids, scores, unknown = self._ids, self._vocabulary.scores, self._vocabulary.unk
        best = [float("-inf")] * (len(word) + 1)
        best[0] = 0.0
        last = [(0, unknown)] * (len(word) + 1)
        """For each position, the start of the best piece that ends there, and its id."""
        for start in range(len(word)):
            if word[start] not in ids and best[start] + self._unknown_score > best[start + 1]:
                best[start + 1] = best[start] + self._unknown_score
                last[start + 1] = start, unknown
            for end in range(start + 1, min(start + self._longest, len(word)) + 1):
                piece = ids.get(word[start:end])
                if piece is not None and best[start] + scores[piece] > best[end]:
                    best[end] = best[start] + scores[piece]
                    last[end] = start, piece
        word_ids: list[int] = []
        end = len(word)
        while end:
            end, piece = last[end]
            if piece != unknown or word_ids[-1:] != [unknown]:  # unknown neighbours share one id
                word_ids.append(piece)
        return word_ids[::-1]
