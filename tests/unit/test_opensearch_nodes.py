"""Several addresses of OpenSearch: only reads go on to another node if one does not answer."""

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from opensearchpy.exceptions import ConnectionTimeout

from indexer.errors import IndexRefused, IndexUnreachable
from indexer.opensearch.client import connect, engine_faults
from tests.http_server import Handler, serving

HUNG_S = 20.0


class Node:
    """Answers every request, notes it, and may keep silent for a while."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.silent = threading.Event()
        self.ended = threading.Event()
        self.url = ""


@contextmanager
def node() -> Iterator[Node]:
    made = Node()

    class Answers(Handler):
        methods = ("GET", "PUT", "POST")

        def answer(self) -> None:
            self.read()
            made.asked.append(f"{self.command} {self.path}")
            if made.silent.is_set():
                made.ended.wait(HUNG_S)
                return
            self.say(200, b'{"tagline": "a node"}', {"Content-Type": "application/json"})

    with serving(Answers) as made.url:
        try:
            yield made
        finally:
            made.ended.set()


@pytest.fixture
def nodes() -> Iterator[list[Node]]:
    with node() as one, node() as other:
        yield [one, other]


def gone() -> str:
    """An address where nobody listens."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        return f"http://127.0.0.1:{free.getsockname()[1]}"


def test_nodes_are_asked_in_turn(nodes: list[Node]) -> None:
    """Each gets its share of the questions."""
    client = connect([one.url for one in nodes])
    for _ in range(6):
        client.search(index="a")
    assert [len(one.asked) for one in nodes] == [3, 3]
    client.close()


def test_a_node_that_is_gone_is_passed_over(nodes: list[Node]) -> None:
    """Reads and writes alike: nothing reached it."""
    client = connect([gone(), nodes[0].url, gone()])
    for _ in range(4):
        client.search(index="a")
        client.indices.put_settings(index="a", body={})
    assert len(nodes[0].asked) == 8
    client.close()


def test_a_node_that_hangs_is_passed_over_by_reads(nodes: list[Node]) -> None:
    """In the time that one request has; then it is left alone for a while."""
    nodes[0].silent.set()
    client = connect([one.url for one in nodes], timeout_s=2)
    for _ in range(8):
        client.search(index="a")
        client.msearch(body=[{}, {}])
    assert len(nodes[0].asked) == 1
    client.close()


def test_a_write_that_is_late_is_not_sent_twice(nodes: list[Node]) -> None:
    """It may have been done: whoever wrote it decides."""
    for one in nodes:
        one.silent.set()
    client = connect([one.url for one in nodes], timeout_s=0.3)
    with pytest.raises(ConnectionTimeout):
        client.indices.put_settings(index="a", body={})
    assert sorted(len(one.asked) for one in nodes) == [0, 1]
    client.close()


def test_where_no_node_answers_the_sentence_says_so() -> None:
    """In words that name the setting."""
    client = connect([gone(), gone()])
    with pytest.raises(IndexUnreachable, match="à aucune adresse"), engine_faults():
        client.search(index="a")
    client.close()


def test_a_password_crosses_no_network_in_clear() -> None:
    """One address that is not TLS is enough to refuse."""
    with pytest.raises(IndexRefused, match="en clair"):
        connect(["https://a.example", "http://b.example"], user="u", password="p")
