"""Access lists without documents are deleted, even during other writes; on both engines."""

import sqlite3
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import pytest

from connectors.values import Access
from indexer.values import PutAccess, Remove
from tests.builders import allowed, asking, put, reading
from tests.opensearch_index import client
from tests.service.index_places import IndexPlace, index_place

pytestmark = [pytest.mark.sources, pytest.mark.trust]

WRITTEN, TURNS = 12, 6


@pytest.fixture(params=["embedded", "opensearch"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[IndexPlace]:
    with index_place(request.param, tmp_path) as made:
        yield made


def lists_kept(place: IndexPlace) -> int:
    if place.engine == "opensearch":
        return int(client().count(index=f"{place.alias}-first-access")["count"])
    (path,) = (place.folder / "index").glob("*/index.sqlite")
    with closing(sqlite3.connect(path)) as connection:
        return int(connection.execute("SELECT count(*) FROM access").fetchone()[0])


def group(number: int) -> Access:
    return allowed(f"g:g:{number}")


def test_what_no_document_names_is_forgotten(place: IndexPlace) -> None:
    """A process that read them before goes on rightly, and no name means another list later."""
    other = place.live()
    live = place.live()
    live.write([put(f"s:{n}", "cadastre", access=group(n), space=str(n)) for n in range(WRITTEN)])
    assert other.search(asking(access=reading("g:g:3"))).total == 1
    live.write([PutAccess(f"s:{n}", group(0)) for n in range(1, WRITTEN - 1)])
    live.write([Remove(f"s:{WRITTEN - 1}")])
    live.write([put("s:new", "cadastre", access=group(0)), Remove("s:new")])
    before = lists_kept(place)
    live.flush()
    # On OpenSearch a list belongs to one space, too, and is rewritten where all of it changes.
    most = WRITTEN - 1 if place.engine == "opensearch" else 2
    assert lists_kept(place) <= most < before
    live.write([put("s:late", "cadastre", access=group(99))])
    for reader in (live, other, place.live()):
        assert reader.search(asking(access=reading("g:g:0"))).total == WRITTEN - 1
        assert reader.search(asking(access=reading("g:g:99"))).total == 1
        assert reader.search(asking(access=reading("g:g:3"))).total == 0


def test_a_list_that_is_joined_meanwhile_stays(place: IndexPlace) -> None:
    """One writer lets lists go and joins them again, another forgets what nobody names."""
    live = place.live()
    live.write([put("s:first", "cadastre", access=group(0))])

    def write() -> None:
        writer = place.live()
        for number in range(TURNS):
            access = group(number % 3)
            writer.write([put(f"s:{number}", "cadastre", access=access), Remove("s:turn")])
            writer.write([put("s:turn", "cadastre", access=access)])

    with ThreadPoolExecutor(1) as pool:
        writing = pool.submit(write)
        while not writing.done():
            live.flush()
        writing.result()
    kept = live.kept([f"s:{number}" for number in range(TURNS)])
    assert [kept[f"s:{n}"].access for n in range(TURNS)] == [group(n % 3) for n in range(TURNS)]
    found = [live.search(asking(access=reading(f"g:g:{n}"))).total for n in range(3)]
    assert sum(found) == TURNS + 2
