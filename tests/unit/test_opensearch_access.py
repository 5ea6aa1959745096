"""Which lists a change of access rewrites, and which documents change lists."""

import pytest

from connectors.values import Access
from indexer.opensearch.access_changes import (
    AccessChangePlan,
    DocumentPlacement,
    placements_of,
    plan,
    sizes_of,
)
from indexer.opensearch.access_lists import ListKey, new_list, rewritten_list
from indexer.opensearch.schema import engine_id
from tests.builders import OPEN, allowed

pytestmark = pytest.mark.trust

CLOSED = allowed("ldap:group:x")
A, B, C = (DocumentPlacement("wiki", space, f"l-{space}") for space in "abc")


def key(space: str, access: Access) -> ListKey:
    return ListKey("wiki", space, access)


def test_a_whole_list_is_rewritten() -> None:
    """All of its documents get the same readers."""
    standing = {"wiki:1": A, "wiki:2": A, "wiki:3": B}
    made = plan(dict.fromkeys(standing, CLOSED), standing, {"l-a": 2, "l-b": 1}, {"l-a": OPEN})
    assert made == AccessChangePlan({"l-a": key("a", CLOSED), "l-b": key("b", CLOSED)}, {})


def test_a_part_of_a_list_moves() -> None:
    """The others keep their readers; so do all, where not all get the same."""
    standing = {"wiki:1": A, "wiki:2": B, "wiki:3": B}
    changes = {"wiki:1": CLOSED, "wiki:2": CLOSED, "wiki:3": allowed("agent:a")}
    made = plan(changes, standing, {"l-a": 2, "l-b": 2}, {"l-a": OPEN, "l-b": OPEN})
    assert made.rewritten == {}
    assert made.moved == {
        "wiki:1": key("a", CLOSED),
        "wiki:2": key("b", CLOSED),
        "wiki:3": key("b", allowed("agent:a")),
    }


def test_what_changes_nothing_is_not_written() -> None:
    """The readers are those already, or the document is not kept."""
    changes = {"wiki:1": OPEN, "wiki:none": OPEN}
    assert plan(changes, {"wiki:1": A}, {"l-a": 1}, {"l-a": OPEN}) == AccessChangePlan({}, {})


def test_a_missing_list_is_written_anew() -> None:
    """Also where nobody reads its documents: then that is said."""
    made = plan({"wiki:1": Access()}, {"wiki:1": C}, {"l-c": 1}, {})
    assert made == AccessChangePlan({"l-c": key("c", Access())}, {})


def test_a_list_whose_size_is_not_known_is_not_rewritten() -> None:
    """Its documents move one by one."""
    assert plan({"wiki:1": CLOSED}, {"wiki:1": A}, {}, {}).moved == {"wiki:1": key("a", CLOSED)}


def test_a_rewritten_list_cannot_be_joined() -> None:
    """It no longer carries what documents are matched with."""
    access = Access(frozenset({"wiki:b", "wiki:a"}), frozenset({"ldap:d", "wiki:c"}))
    rights = {
        "name": "l1",
        "source": "wiki",
        "allowed": ["wiki:a", "wiki:b"],
        "denied": ["ldap:d", "wiki:c"],
        "denied_authorities": ["ldap", "wiki"],
    }
    assert rewritten_list("l1", "wiki", access) == rights
    joined_by = key("a", access).digest
    assert new_list("l1", key("a", access)) == {**rights, "joined_by": joined_by}


def test_a_list_is_shared_by_one_source_one_space_and_one_access() -> None:
    """What differs anywhere has another digest."""
    keys = [
        ListKey("wiki", "a", OPEN),
        ListKey("mail", "a", OPEN),
        ListKey("wiki", "b", OPEN),
        ListKey("wiki", "a", Access()),
        ListKey("wiki", "a", Access(denied=OPEN.allowed)),
    ]
    assert len({one.digest for one in keys}) == len(keys)
    assert key("a", allowed("x", "y")).digest == key("a", allowed("y", "x")).digest


def test_where_documents_stand_is_read_from_columns() -> None:
    """And every document of a list is counted."""
    assert placements_of(["wiki:1"]) == {
        "size": 1,
        "stored_fields": "_none_",
        "docvalue_fields": ["source", "space", "access_list"],
        "query": {"ids": {"values": [engine_id("wiki:1")]}},
        "sort": [{"id": "asc"}],
    }
    assert sizes_of(["l1", "l2"]) == {
        "size": 0,
        "query": {"terms": {"access_list": ["l1", "l2"]}},
        "aggs": {"lists": {"terms": {"field": "access_list", "size": 2}}},
    }
