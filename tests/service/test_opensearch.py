"""Behaviour that only the OpenSearch index has, tested on the real engine."""

from uuid import uuid4

import numpy as np
import pytest
from opensearchpy import OpenSearch
from opensearchpy.exceptions import RequestError

from indexer.errors import IndexRefused, IndexUnreachable
from indexer.french.analysis import analyse, decoded, encoded
from indexer.opensearch.index import OpenSearchIndex
from indexer.opensearch.schema import engine_id
from indexer.values import Put, PutAccess, Remove
from tests.builders import ENCODER, allowed, asking, indexed, make_document, put, vector_of
from tests.opensearch_index import client, fresh_index

pytestmark = pytest.mark.search


def test_a_change_of_access_alone_keeps_every_vector() -> None:
    """`_source` of 300 passages holds the same vectors afterwards, and the same are found."""
    alias = f"test-{uuid4().hex}"
    texts = [f"passage numéro {n}" for n in range(300)]
    with fresh_index(ENCODER.dimension, alias) as index:
        index.write([put("wiki:long", *texts), put("wiki:other", "autre")])
        index.write([PutAccess("wiki:long", allowed("everyone", "ldap:group:x"))])
        kept = client().get(index=alias, id=engine_id("wiki:long"))["_source"]["passages"]
        vectors = np.array([passage["vector"] for passage in kept])
        np.testing.assert_allclose(vectors, ENCODER.passages(texts), atol=1e-6)
        for n in (0, 149, 150, 299):
            best = index.search(asking(vector=vector_of(texts[n]))).vector[0]
            assert (best.document_id, round(best.score, 4)) == ("wiki:long", 1.0)


def test_the_schema_is_strict() -> None:
    """A field that the schema does not declare is refused, not guessed at."""
    alias = f"test-{uuid4().hex}"
    with fresh_index(ENCODER.dimension, alias) as index:
        index.write([put("wiki:1", "a")])
        with pytest.raises(RequestError, match="strict_dynamic_mapping_exception"):
            client().index(index=alias, body={"id": "wiki:2", "surprise": 1})


def test_one_refused_document_does_not_hold_up_the_others() -> None:
    """Its reason comes back without its content."""
    with fresh_index(ENCODER.dimension) as index:
        report = index.write([put("wiki:1", "a"), put("wiki:2", "a", space="secret" * 9000)])
        assert (report.written, [failed for failed, _ in report.failed]) == (1, ["wiki:2"])
        assert "secret" not in report.failed[0][1]
        assert [hit.document_id for hit in index.search(asking()).lexical] == ["wiki:1"]


def test_an_index_of_another_dimension_is_refused() -> None:
    """Its vectors came from another encoder."""
    alias = f"test-{uuid4().hex}"
    with fresh_index(ENCODER.dimension, alias) as index:
        index.write([put("wiki:1", "a")])
        with pytest.raises(IndexRefused):
            OpenSearchIndex(client(), alias, ENCODER.dimension + 1).search(asking())


def test_an_engine_that_is_away_is_unreachable() -> None:
    """Nothing is acknowledged."""
    nowhere = OpenSearchIndex(
        OpenSearch("http://127.0.0.1:9", max_retries=0), "test", 16, back_off_s=0.01
    )
    for call in (lambda: nowhere.search(asking()), lambda: nowhere.write([put("wiki:1", "a")])):
        with pytest.raises(IndexUnreachable):
            call()


@pytest.mark.parametrize(
    "text",
    [
        "L’exonération de la taxe foncière",
        "Les inspectrices financières du PAS, de la TA et ES",
        "C.F.E et formulaire 2042-C-PRO",
        "agent·e·s d'accueil, œuvre",
        "fin.Début du 1er janvier, 3,5 % aujourd'hui",
    ],
)
def test_the_engine_reads_a_line_of_terms_as_the_embedded_index_does(text: str) -> None:
    """Same terms at the same places."""
    alias = f"test-{uuid4().hex}"
    with fresh_index(ENCODER.dimension, alias) as index:
        index.write([Put(indexed(make_document(), "a"))])
        line = encoded(analyse(text))
        body = {"analyzer": "terms", "text": line}
        found = client().indices.analyze(index=alias, body=body)["tokens"]
        assert [(token["position"], token["token"]) for token in found] == list(decoded(line))


def test_no_segment_keeps_what_was_removed() -> None:
    """Once expunged no deleted document is left to count, nor a write in the journal."""
    alias = f"test-{uuid4().hex}"
    with fresh_index(ENCODER.dimension, alias) as index:
        index.write([*(put(f"wiki:{n}", f"bonjour {n}") for n in range(40)), put("wiki:r", "rare")])
        index.write([Remove("wiki:r"), put("wiki:1", "autre")])
        engine = client()
        stats = engine.indices.stats(index=alias)["_all"]["primaries"]
        assert stats["docs"]["deleted"]
        assert stats["translog"]["operations"]
        before = index.search(asking())
        index.expunge()
        stats = engine.indices.stats(index=alias)["_all"]["primaries"]
        assert (stats["docs"]["deleted"], stats["translog"]["operations"]) == (0, 0)
        assert index.search(asking()).lexical == before.lexical
        engine.close()
