"""An operator's index template beside what quisait sets when it makes an index: who wins."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from indexer.opensearch.schema import index_body
from tests.builders import asking, put
from tests.opensearch_index import client
from tests.service.index_places import OLD, IndexPlace, index_place

pytestmark = pytest.mark.search

PAGE = Path(__file__).resolve().parents[2] / "docs" / "dimensionner.md"
CONTRARY = {
    "index.number_of_shards": "4",
    "index.auto_expand_replicas": "0-all",
    "index.knn": True,
    "index.knn.derived_source.enabled": True,
}
"""What quisait sets itself; with derived source, documents would get others' vectors."""
FIELDS = {"dynamic": True, "properties": {"source": {"type": "text"}}}


def template(alias: str) -> dict[str, Any]:
    """The one that the administrators' page shows, for these names, and contrary to quisait."""
    shown = re.search(r"PUT _index_template/\S+\n(\{.*?\n\})\n", PAGE.read_text("utf-8"), re.DOTALL)
    assert shown
    body: dict[str, Any] = json.loads(shown[1].replace("quisait-*", f"{alias}-*"))
    body["template"]["settings"] |= CONTRARY
    body["template"]["mappings"] = FIELDS
    return body


@pytest.fixture
def place(tmp_path: Path) -> Iterator[IndexPlace]:
    """Indexes that are yet to be made, under a template for their names."""
    with index_place("opensearch", tmp_path) as place:
        name = f"{place.alias}-operator"
        client().indices.put_index_template(name=name, body=template(place.alias))
        try:
            yield place
        finally:
            client().indices.delete_index_template(name=name)


def test_an_operators_template_sets_what_quisait_does_not(place: IndexPlace) -> None:
    """Of documents and of lists; what quisait sets stays as it is, and the index answers."""
    place.live().write([put(f"wiki:{n}", "Le cadastre") for n in range(3)])
    kept = client().indices.get(index=f"{place.alias}-*")
    assert len(kept) == 2
    for one in kept.values():
        settings = one["settings"]["index"]
        assert settings["refresh_interval"] == "30s"
        assert settings["search"]["slowlog"]["threshold"]["query"]["warn"] == "2s"
        assert settings["indexing"]["slowlog"]["threshold"]["index"]["warn"] == "5s"
        assert settings["number_of_shards"] == "1"
        assert settings["auto_expand_replicas"] == "0-1"
        assert one["mappings"]["dynamic"] == "strict"
        assert one["mappings"]["properties"]["source"]["type"] == "keyword"
    (documents,) = client().indices.get(index=place.alias).values()
    assert documents["settings"]["index"]["knn"] == "true"
    assert documents["settings"]["index"]["knn.derived_source"]["enabled"] == "false"
    declared = index_body(OLD.dimension)["mappings"]["properties"]
    assert documents["mappings"]["properties"].keys() == declared.keys()
    # Seen at once, however late the engine would refresh by itself.
    assert place.live().search(asking("cadastre")).total == 3
