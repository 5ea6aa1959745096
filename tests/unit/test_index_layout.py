"""The layout of an index: messages about an index of another layout, and the rows' format."""

import hashlib
import json
from dataclasses import fields, replace

import pytest

from connectors.values import Contribution
from indexer.embedded.rows import PLACED_FACETS
from indexer.embedded.store import _SCHEMA, FORMAT
from indexer.live_index import EncoderRecord, IndexSpec
from indexer.quantisation import SEVEN_BITS
from indexer.values import Card, HitAttributes, Passage
from quisait.checks.index import unused_quantisation
from quisait.settings import IndexSettings
from quisait.work.reindexing import spec_differences

pytestmark = pytest.mark.search

MADE = IndexSpec(EncoderRecord("e", 8), "analysis", "9")


def test_other_vectors_ask_for_a_reindex_in_words() -> None:
    """Either way; the same ones say nothing."""
    small = replace(MADE, quantisation=SEVEN_BITS)
    told = "vecteurs de l'index : entiers, les réglages disent comparés sur 7 bits"
    assert spec_differences(MADE, small) == [told]
    told = "vecteurs de l'index : comparés sur 7 bits, les réglages disent entiers"
    assert spec_differences(small, MADE) == [told]
    assert spec_differences(small, small) == []
    assert not MADE.serves(small)


@pytest.mark.parametrize(("engine", "said"), [("embedded", True), ("opensearch", False)])
def test_the_embedded_engine_says_that_it_compares_whole_vectors(engine: str, said: bool) -> None:
    """The setting is not refused: it stays in a file from which one tries both engines."""
    asked = {"engine": engine, "quantisation": SEVEN_BITS}
    told = unused_quantisation(IndexSettings.model_validate(asked))
    assert ("« 7 bits »" in told) is said
    assert unused_quantisation(IndexSettings.model_validate({"engine": engine})) == ""


def test_rows_of_another_layout_have_another_format() -> None:
    """Raise `FORMAT` where rows of before are read no more; then change this line."""
    named = [[field.name for field in fields(kind)] for kind in (Card, Passage, Contribution)]
    layout = json.dumps([_SCHEMA, PLACED_FACETS, HitAttributes._fields, named])
    digest = hashlib.sha256(layout.encode()).hexdigest()[:12]
    assert (FORMAT, digest) == ("1", "76c16e2174e9")
