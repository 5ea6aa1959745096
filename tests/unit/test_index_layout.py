"""What an administrator is told where the settings ask for another index than there is."""

from dataclasses import replace

import pytest

from indexer.live_index import EncoderRecord, IndexSpec
from indexer.quantisation import SEVEN_BITS
from quisait.checks import unused_quantisation
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
    assert ("« 7 bits » est sans effet" in told) is said
    assert unused_quantisation(IndexSettings.model_validate({"engine": engine})) == ""
