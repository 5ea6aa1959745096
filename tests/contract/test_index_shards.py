"""An index of several shards gives the same answers as an index of a single shard.

The checks here are those that several shards may break: rankings are merged, `k` nearest are found
in each, words are rare in one and not in another, facets are counted in parts. The whole contract
holds too: `TESTS_SHARDS=3 pytest tests/contract/test_index_opensearch.py` runs it.
"""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from uuid import uuid4

import pytest

from indexer.opensearch.index import OpenSearchIndex
from indexer.opensearch.storage import OpenSearchStorage
from indexer.reindex import reindex
from indexer.values import Put, SearchRequest
from tests.builders import ENCODER, asking, put, vector_of
from tests.contract.index_ranking_checks import RankingChecks
from tests.opensearch_index import client, fresh_index
from tests.service.index_places import OLD, index_place, recorded

pytestmark = pytest.mark.search

SHARDS = 3


class TestSeveralShards(RankingChecks):
    """Rankings, ties and counts of the contract."""

    @pytest.fixture
    def index(self) -> Iterator[OpenSearchIndex]:
        with fresh_index(ENCODER.dimension, shards=SHARDS) as index:
            yield index


@pytest.fixture(scope="module")
def indexes() -> Iterator[list[OpenSearchIndex]]:
    """The same documents in one shard and in several."""
    with (
        fresh_index(ENCODER.dimension) as one,
        fresh_index(ENCODER.dimension, shards=SHARDS) as several,
    ):
        for index in (one, several):
            index.write(library())
        yield [one, several]


def library() -> list[Put]:
    """Words as rare as uneven: one stands in a single document, one in all."""
    words = ["cadastre", "bornage", "régie", "octroi"]
    return [
        put(f"wiki:{n:02}", f"mairie {' '.join(words[: n % 5])} acte {n}", kind=f"k{n % 7}")
        for n in range(40)
    ]


@pytest.mark.parametrize("words", ["mairie octroi", "bornage cadastre", "acte 17", "absent"])
@pytest.mark.parametrize("window", [1, 5, 40])
def test_several_shards_answer_as_one(
    indexes: list[OpenSearchIndex], words: str, window: int
) -> None:
    """The same documents, order, scores, total and facets: words weigh what they do in all."""
    vector = vector_of("mairie cadastre acte 21")
    wanted: SearchRequest = asking(words, vector=vector, window=window, facets=("kind",))
    one, several = (index.search(wanted) for index in indexes)
    for ranking in ("lexical", "vector"):
        here, there = getattr(one, ranking), getattr(several, ranking)
        assert [hit.document_id for hit in here] == [hit.document_id for hit in there]
        assert [hit.score for hit in here] == pytest.approx([hit.score for hit in there], rel=1e-5)
    assert (one.total, one.facets) == (several.total, several.facets)


def test_all_that_was_deleted_is_merged_away() -> None:
    """Shards have each their own numbers of writes; none waits for those of another."""
    alias = f"test-{uuid4().hex}"
    with fresh_index(ENCODER.dimension, alias, shards=SHARDS) as index:
        index.write([put(f"wiki:{n}", "Le cadastre") for n in range(7)])
        index.write([put("wiki:0", "La régie")])
        index.expunge()
        docs = client().indices.stats(index=alias, metric="docs")["_all"]["primaries"]["docs"]
        assert (index.count("wiki"), docs["deleted"]) == (7, 0)


def test_a_reindex_makes_other_shards(tmp_path: Path) -> None:
    """Settings that ask for more shards ask for a reindex, which copies every document."""
    with index_place("opensearch", tmp_path) as place:
        writes = [put(f"wiki:{n}", "Le cadastre") for n in range(7)]
        place.live().write(writes)
        storage = OpenSearchStorage(client(), place.alias, shards=SHARDS, replicas=0)
        wanted = storage.spec(recorded(OLD))
        assert not place.pointers().live.spec.serves(wanted)
        reindex(replace(place.parts(), storage=storage), wanted)
        assert place.pointers().live.spec == wanted
        made = client().indices.get_settings(index=place.alias).values()
        assert [one["settings"]["index"]["number_of_shards"] for one in made] == [str(SHARDS)]
        assert place.live().count("wiki") == len(writes)


def test_copies_change_without_a_reindex() -> None:
    """The next write of a process whose settings say so puts them in place, of documents and lists.

    An index that nobody said anything of is left as it is.
    """
    alias = f"test-{uuid4().hex}"
    with fresh_index(ENCODER.dimension, alias) as index:
        index.write([put("wiki:0", "Le cadastre")])

        def asked_for() -> set[tuple[str, str]]:
            found = client().indices.get_settings(index=f"{alias}-*").values()
            kept = [one["settings"]["index"] for one in found]
            return {(one["number_of_replicas"], one["auto_expand_replicas"]) for one in kept}

        assert asked_for() == {("0", "0-1")}
        for replicas in (2, None, 0):
            other = OpenSearchIndex(client(), alias, ENCODER.dimension, replicas=replicas)
            other.write([put("wiki:0", "Le bornage")])
            wanted = "2" if replicas is None else str(replicas)
            assert asked_for() == {(wanted, "false")}
