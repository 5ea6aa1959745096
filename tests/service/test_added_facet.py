"""An index that was made before a facet was added serves without it, until a reindex."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from connectors.values import Document
from indexer.embedded import catalogue, rows
from indexer.embedded import storage as embedded_storage
from indexer.opensearch import index as opensearch_index
from indexer.opensearch import requests, schema
from indexer.reindex import reindex
from indexer.values import FACETS, FacetValue, facet_values
from quisait.work.reindexing import spec_differences
from tests.builders import asking, put
from tests.service.index_places import IndexPlace, index_place

pytestmark = [pytest.mark.search]

MORE = (*FACETS, "theme")


@pytest.fixture(params=["embedded", "opensearch"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[IndexPlace]:
    with index_place(request.param, tmp_path) as made:
        made.live().write([put("wiki:1", "Le cadastre")])
        yield made


def add_facet(monkeypatch: pytest.MonkeyPatch) -> None:
    """Go on with code that has the facet `theme`."""
    for module in (catalogue, embedded_storage, requests, schema, opensearch_index):
        monkeypatch.setattr(module, "FACETS", MORE)

    def values(document: Document) -> dict[str, str]:
        return {**facet_values(document), "theme": "foncier"}

    monkeypatch.setattr(rows, "facet_values", values)
    monkeypatch.setattr(schema, "facet_values", values)


def test_an_index_without_a_new_facet_still_answers(
    place: IndexPlace, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The facet is left out, even if newer documents have it; a reindex is due, and gives it."""
    made = place.pointers().live.spec
    assert spec_differences(made, place.spec()) == []
    add_facet(monkeypatch)
    live = place.live()
    assert live.write([put("wiki:2", "Le cadastre de demain")]).failed == ()
    found = live.search(asking("cadastre", facets=MORE))
    assert {hit.document_id for hit in found.lexical} == {"wiki:1", "wiki:2"}
    assert found.facets["source"] == (FacetValue("wiki", 2),)
    assert not found.facets.get("theme")
    narrowed = live.search(asking("cadastre", filters={"theme": ("foncier",)}, facets=MORE))
    assert (narrowed.lexical, narrowed.total) == ((), 0)

    assert len(spec_differences(made, place.spec())) == 1
    reindex(place.parts(), place.spec())
    again = place.live().search(asking("cadastre", facets=MORE))
    assert again.facets["theme"] == (FacetValue("foncier", 2),)
