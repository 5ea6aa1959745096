"""The tokenizer of the bundled model gives the ids of the library `tokenizers`."""

import random
import unicodedata
from functools import cache
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from tokenizers import Tokenizer

from indexer.encoding.onnx_encoder import VOCABULARY_FILE
from indexer.encoding.unigram import UnigramTokenizer, read_vocabulary
from tests.model_export import library_tokenizer, prepared_model

pytestmark = pytest.mark.search

MOST = 512
DEMO = Path(__file__).parents[2] / "demo"

_KNOWN = st.characters(exclude_categories=["Cs", "Cn"]).filter(
    # The library normalises like Unicode 11; characters that came later are not compared.
    lambda one: unicodedata.normalize("NFKC", one) == one or unicodedata.ucd_3_2_0.name(one, "")
)
_SPOKEN = st.sampled_from(
    [
        "a",
        "é",
        "É",
        "mot ",
        "l’",
        "ﬁ",
        "½",
        "\u0301",
        "\u0323",
        "\ufdfa",
        "\u2581",
        "稣",
        "𠀀",
        "🤗",
        "-",
    ]
)
_SPACES = st.sampled_from(
    [" ", "\t", "\n", "\r", "\x0b", "\x1c", "\x1f", "\x85", "\xa0", "\u200b", "\u2028"]
)
_SPECIAL = st.sampled_from(["<s>", "</s>", "<pad>", "<unk>", "<mask>", "＜s＞", "<s", "</s"])
TEXTS = st.lists(st.one_of(_SPOKEN, _SPACES, _SPECIAL, _KNOWN), max_size=40).map("".join)


@cache
def _both() -> tuple[UnigramTokenizer, Tokenizer]:
    vocabulary = read_vocabulary(prepared_model() / VOCABULARY_FILE)
    library = library_tokenizer(vocabulary)
    library.enable_truncation(MOST)
    return UnigramTokenizer(vocabulary, MOST), library


def _check_same(text: str) -> None:
    own, library = _both()
    encoding = library.encode(text)
    assert own.ids(text) == encoding.ids
    assert min(own.count(text), MOST + 1) == len(encoding.ids) + bool(encoding.overflowing)


@given(TEXTS)
@example("")
@example(" \n ")
@example("<s></s>")
@example("a" * 5_000)
@example("\U00020000" * 700)
@example("mot " * 600)
def test_any_text_has_the_ids_that_the_library_gives(text: str) -> None:
    """White space, unknown characters, special pieces within a text, and texts that are cut."""
    _check_same(text)


def test_the_texts_of_the_demonstration_have_the_ids_that_the_library_gives() -> None:
    """Each file of it, and windows that begin within a word."""
    drawn = random.Random(1)
    files = [path for path in sorted(DEMO.rglob("*")) if path.is_file()]
    assert len(files) > 50
    for path in files:
        text = path.read_bytes().decode("utf-8", "replace")
        start = 0
        while start < len(text):
            end = start + drawn.randint(100, 3_000)
            _check_same(text[start:end])
            start = end
