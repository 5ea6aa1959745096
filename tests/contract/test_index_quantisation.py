"""An index that compares small vectors (`[index] quantisation`) ranks by the whole ones.

The checks here are those that small vectors may break: order, scores, ties, totals and facets. The
whole contract holds too: `TESTS_QUANTISATION="7 bits"` runs `test_index_opensearch.py` so.
"""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from indexer.opensearch.index import OpenSearchIndex
from indexer.opensearch.storage import OpenSearchStorage
from indexer.quantisation import SEVEN_BITS, Quantisation
from indexer.reindex import reindex
from indexer.values import Put
from tests.builders import ENCODER, asking, put
from tests.contract.index_ranking_checks import RankingChecks
from tests.opensearch_index import client, fresh_index
from tests.service.index_places import OLD, index_place, recorded

pytestmark = pytest.mark.search


class TestSmallVectors(RankingChecks):
    """Rankings, ties and counts of the contract."""

    @pytest.fixture
    def index(self) -> Iterator[OpenSearchIndex]:
        with fresh_index(ENCODER.dimension, quantisation=SEVEN_BITS) as index:
            yield index


def library() -> list[Put]:
    """Documents of several passages whose vectors lie close together: small ones mix them up."""
    draw = np.random.default_rng(3)
    middle = draw.standard_normal(ENCODER.dimension)
    writes = []
    for number in range(120):
        written = put(f"wiki:{number:03}", "un", "deux", "trois", kind=f"k{number % 7}")
        vectors = middle + 0.05 * draw.standard_normal((3, ENCODER.dimension))
        vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
        own = replace(written.indexed, vectors=vectors.astype(np.float32))
        writes.append(replace(written, indexed=own))
    return writes


def test_what_small_vectors_find_is_ranked_and_counted_by_whole_ones() -> None:
    """Exact cosines, those of each document's nearest passage, in their order.

    Total and facets count the W that stand in the ranking, also where small vectors alone would
    have found others.
    """
    writes = library()
    question = writes[0].indexed.vectors[1]
    cosines = {one.indexed.document.id: one.indexed.vectors @ question for one in writes}
    expected = sorted(cosines, key=lambda id_: (-cosines[id_].max(), id_))[:20]
    with fresh_index(ENCODER.dimension, quantisation=SEVEN_BITS) as index:
        index.write(writes)
        asked = asking(vector=question, lexical=False, window=20, facets=("kind",))
        answer = index.search(asked)
    assert [hit.document_id for hit in answer.vector] == expected
    assert [hit.score for hit in answer.vector] == pytest.approx(
        [cosines[id_].max() for id_ in expected], abs=1e-6
    )
    kinds = [one.indexed.document.kind for one in writes if one.indexed.document.id in expected]
    counted = {value.value: value.count for value in answer.facets["kind"]}
    assert (answer.total, counted) == (20, {kind: kinds.count(kind) for kind in kinds})


def test_a_reindex_makes_vectors_small_and_whole_again(tmp_path: Path) -> None:
    """Settings that say otherwise ask for a reindex; it copies every vector as it was, both ways.

    An index that was made before there was such a setting has whole vectors.
    """
    with index_place("opensearch", tmp_path) as place:
        place.live().write([put(f"wiki:{n}", f"acte {n}") for n in range(7)])
        before = {one.document.id: one.vectors for one in place.live().documents(["wiki:3"])}

        def made(quantisation: Quantisation) -> str:
            storage = OpenSearchStorage(client(), place.alias, quantisation=quantisation)
            wanted = storage.spec(recorded(OLD))
            assert not place.pointers().live.spec.serves(wanted)
            reindex(replace(place.parts(), storage=storage), wanted)
            assert place.pointers().live.spec == wanted
            kept = {one.document.id: one.vectors for one in place.live().documents(["wiki:3"])}
            np.testing.assert_array_equal(kept["wiki:3"], before["wiki:3"])
            (mapping,) = client().indices.get_mapping(index=place.alias).values()
            passages = mapping["mappings"]["properties"]["passages"]["properties"]
            return str(passages["vector"]["method"].get("parameters"))

        assert "'bits': 7" in made(SEVEN_BITS)
        assert "encoder" not in made("none")
