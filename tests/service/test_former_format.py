"""An index that another version made is not searched; the sentence says what to run."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from indexer.errors import IndexRefused
from indexer.reindex import begin, reindex
from indexer.values import Remove
from tests.builders import asking, put
from tests.opensearch_index import client
from tests.service.index_places import IndexPlace, index_place

pytestmark = [pytest.mark.sources, pytest.mark.trust]


@pytest.fixture(params=["embedded", "opensearch"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[IndexPlace]:
    with index_place(request.param, tmp_path) as made:
        made.live().write([put("wiki:1", "Le cadastre")])
        of_another_format(made)
        yield made


def of_another_format(place: IndexPlace) -> None:
    """The live index says that another version made it."""
    if place.engine == "opensearch":
        index = f"{place.alias}-000001"
        meta = client().indices.get_mapping(index=index)[index]["mappings"]["_meta"]
        client().indices.put_mapping(index=index, body={"_meta": {**meta, "format": 5}})
    else:
        file = place.folder / "index" / "generations.json"
        told = json.loads(file.read_text("utf-8"))
        told["live"]["made"]["format"] = "0"
        file.write_text(json.dumps(told), "utf-8")


def test_one_sentence_says_what_to_run(place: IndexPlace) -> None:
    """Whatever is asked of it or written to it; nothing of it is changed."""
    live = place.live()
    for ask in (
        lambda: live.search(asking()),
        lambda: live.kept(["wiki:1"]),
        lambda: live.write([Remove("wiki:1")]),
        lambda: live.flush(),
        lambda: live.expunge(),
    ):
        with pytest.raises(IndexRefused, match="lancez « quisait reindex »"):
            ask()
    before = place.held()
    with pytest.raises(IndexRefused, match="format"):
        reindex(place.parts(), place.spec())
    assert place.held() == before


def test_another_index_is_begun_beside_it(place: IndexPlace) -> None:
    """It stays as it is until the other one is promoted; then nothing is left of it."""
    before, parts = place.held(), place.parts()
    beside, resumed = begin(parts, place.spec())
    assert not resumed
    parts.storage.index(beside).write([put("wiki:2", "Le bornage")])
    assert before < place.held()
    with pytest.raises(IndexRefused, match="lancez « quisait reindex »"):
        place.live().search(asking())
    assert begin(parts, place.spec()) == (beside, True)
    parts.storage.promote()
    assert place.held().isdisjoint(before)
    assert [hit.document_id for hit in place.live().search(asking()).lexical] == ["wiki:2"]
