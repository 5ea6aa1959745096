"""The cost of a change of access on OpenSearch; no optimisation widens a right."""

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import uuid4

import pytest
from opensearchpy import Transport

from connectors.values import Access
from indexer.access import AccessFilter
from indexer.errors import IndexRefused
from indexer.opensearch import access_changes
from indexer.opensearch.index import OpenSearchIndex
from indexer.values import PutAccess, Question, ShownDocument, ShowRequest
from tests.builders import ANYONE, ENCODER, OPEN, allowed, asking, put, reading
from tests.opensearch_index import client, fresh_index

pytestmark = pytest.mark.trust

CLOSED = allowed("ldap:group:x")
MEMBER = reading("ldap:group:x")
FOLDER = [f"wiki:{n}" for n in range(20)]


@pytest.fixture
def alias() -> str:
    return f"test-{uuid4().hex}"


def fill(index: OpenSearchIndex) -> None:
    index.write([put(document_id, "Le cadastre", space="folder") for document_id in FOLDER])
    index.write([put("wiki:elsewhere", "Le cadastre", space="other")])


def change(index: OpenSearchIndex, document_ids: Sequence[str], access: Access) -> None:
    assert index.write([PutAccess(id_, access) for id_ in document_ids]).failed == ()


def documents(alias: str) -> Mapping[str, tuple[int, str]]:
    """Version and list of each document, by id."""
    body = {"size": 1000, "version": True, "_source": ["id", "access_list"]}
    hits = client().search(index=alias, body=body)["hits"]["hits"]
    return {hit["_source"]["id"]: (hit["_version"], hit["_source"]["access_list"]) for hit in hits}


def versions_of_lists(alias: str) -> dict[str, int]:
    body = {"size": 1000, "version": True}
    hits = client().search(index=f"{alias}-access", body=body)["hits"]["hits"]
    return {hit["_id"]: hit["_version"] for hit in hits}


def ids(index: OpenSearchIndex, access: AccessFilter) -> set[str]:
    return {hit.document_id for hit in index.search(asking("cadastre", access=access)).lexical}


def test_a_whole_folder_is_one_write_of_its_list(alias: str) -> None:
    """No document is written, none is in another list, and other folders' lists stay."""
    with fresh_index(ENCODER.dimension, alias) as index:
        fill(index)
        before, lists = documents(alias), versions_of_lists(alias)
        change(index, FOLDER, CLOSED)
        assert documents(alias) == before
        rewritten = before[FOLDER[0]][1]
        assert versions_of_lists(alias) == lists | {rewritten: lists[rewritten] + 1}
        assert (ids(index, ANYONE), len(ids(index, MEMBER))) == ({"wiki:elsewhere"}, 21)


def test_a_part_of_a_folder_moves_to_another_list(alias: str) -> None:
    """The others are not written; a second part joins the list of the first."""
    with fresh_index(ENCODER.dimension, alias) as index:
        fill(index)
        before = documents(alias)
        change(index, FOLDER[:3], CLOSED)
        change(index, FOLDER[3:5], CLOSED)
        after = documents(alias)
        moved = {after[id_][1] for id_ in FOLDER[:5]}
        assert len(moved) == 1
        assert moved.isdisjoint(name for _, name in before.values())
        assert {id_: after[id_] for id_ in FOLDER[5:]} == {id_: before[id_] for id_ in FOLDER[5:]}
        assert ids(index, ANYONE) == {*FOLDER[5:], "wiki:elsewhere"}


def test_the_same_change_again_writes_nothing(alias: str) -> None:
    """What a crawl that broke off applies once more is free."""
    with fresh_index(ENCODER.dimension, alias) as index:
        fill(index)
        change(index, FOLDER, CLOSED)
        before = documents(alias), versions_of_lists(alias)
        change(index, FOLDER, CLOSED)
        assert (documents(alias), versions_of_lists(alias)) == before


def test_a_document_never_joins_a_list_that_was_rewritten(alias: str) -> None:
    """Neither by its former readers nor by its present ones: a search may be under way."""
    with fresh_index(ENCODER.dimension, alias) as index:
        fill(index)
        former = documents(alias)[FOLDER[0]][1]
        change(index, FOLDER, CLOSED)
        index.write([put("wiki:open", "Le cadastre", space="folder")])
        index.write([put("wiki:closed", "Le cadastre", space="folder", access=CLOSED)])
        lists = {id_: name for id_, (_, name) in documents(alias).items()}
        assert len({former, lists["wiki:open"], lists["wiki:closed"]}) == 3
        assert ids(index, ANYONE) == {"wiki:elsewhere", "wiki:open"}


def test_a_missing_list_reads_as_nobody_until_it_is_said_again(alias: str) -> None:
    """In searches and in the scan, which lets the next full crawl mend it."""
    with fresh_index(ENCODER.dimension, alias) as index:
        fill(index)
        missing = documents(alias)[FOLDER[0]][1]
        client().delete(index=f"{alias}-access", id=missing, params={"refresh": "true"})
        assert ids(index, ANYONE) == {"wiki:elsewhere"}
        kept = {found.document_id: found.access for found in index.scan("wiki")}
        assert kept == dict.fromkeys(FOLDER, Access()) | {"wiki:elsewhere": OPEN}
        change(index, FOLDER, OPEN)
        assert ids(index, ANYONE) == {*FOLDER, "wiki:elsewhere"}


def test_a_list_that_the_engine_refuses_fails_its_documents_alone(alias: str) -> None:
    """They keep the readers that they had, and the others get theirs."""
    endless = allowed("ldap:group:" + "x" * 40_000)
    with fresh_index(ENCODER.dimension, alias) as index:
        fill(index)
        report = index.write(
            [
                put("wiki:new", "Le cadastre", access=endless),
                PutAccess("wiki:0", endless),
                PutAccess("wiki:elsewhere", endless),
                PutAccess("wiki:1", CLOSED),
            ]
        )
        assert {failed for failed, _ in report.failed} == {"wiki:new", "wiki:0", "wiki:elsewhere"}
        assert report.written == 1
        assert ids(index, ANYONE) == {*FOLDER, "wiki:elsewhere"} - {"wiki:1"}


def test_more_lists_than_the_engine_takes_are_refused(
    alias: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No list is left out silently."""
    with fresh_index(ENCODER.dimension, alias) as index:
        fill(index)
        monkeypatch.setattr(access_changes, "MOST_READABLE", 1)
        with pytest.raises(IndexRefused):
            index.search(asking())


def shown(index: OpenSearchIndex) -> tuple[ShownDocument, ...]:
    return index.show(ShowRequest(ANYONE, tuple(FOLDER), Question("cadastre")))


@pytest.fixture
def sent(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The paths of the requests to the engine."""
    paths: list[str] = []
    perform = Transport.perform_request

    def noted(self: Transport, method: str, url: str, *rest: Any, **named: Any) -> object:
        paths.append(url)
        return perform(self, method, url, *rest, **named)

    monkeypatch.setattr(Transport, "perform_request", noted)
    return paths


def test_a_reader_is_answered_in_one_round_trip_and_their_lists_are_read_in_it(
    alias: str, sent: list[str]
) -> None:
    with fresh_index(ENCODER.dimension, alias) as index:
        fill(index)
        ids(index, ANYONE)
        sent.clear()
        assert len(ids(index, ANYONE)) == 21
        assert len(shown(index)) == 20
        assert sent == ["/_msearch"] * 2


def test_what_a_reader_lost_since_their_last_request_is_in_no_answer(alias: str) -> None:
    """Another process writes: nothing tells this one that its lists have changed."""
    with fresh_index(ENCODER.dimension, alias) as writer:
        fill(writer)
        served = OpenSearchIndex(client(), alias, ENCODER.dimension)
        assert len(ids(served, ANYONE)) == 21
        change(writer, FOLDER, CLOSED)
        assert shown(served) == ()
        assert served.read(ANYONE, FOLDER[0]) is None
        assert ids(served, ANYONE) == {"wiki:elsewhere"}
        change(writer, FOLDER, OPEN)
        assert len(shown(served)) == 20
        change(writer, FOLDER[:3], CLOSED)
        assert len(ids(served, ANYONE)) == 18
        assert len(shown(served)) == 17
