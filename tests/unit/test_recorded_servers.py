"""Recorded answers of servers are replayed; a change of the requests or answers is noticed."""

from collections.abc import Callable
from pathlib import Path

import pytest

from connectors.http_host import HttpHost
from connectors.http_limits import HttpLimits
from tests.recorded_servers import KEEP, Tape
from tests.served_folder import served_folder

pytestmark = pytest.mark.sources


class Shelf:
    """A folder that a harness fills."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def put(self, text: str) -> str:
        (self.folder / "a.json").write_text(text, "utf-8")
        return text


@pytest.fixture
def recorded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str, bool], Tape]:
    """Record how a file is read before and after it is filled with a text."""

    def record(text: str, keep: bool) -> Tape:
        tape = Tape(tmp_path / "tape.json.gz", ((Shelf, "put"),))
        monkeypatch.setenv(KEEP, "1" if keep else "")
        (folder := tmp_path / f"{len(list(tmp_path.iterdir()))}").mkdir()
        with served_folder(folder) as url, tape.recording(check, int(url.split(":")[2][:-1])):
            asked(url, Shelf(folder), text)
        return tape

    return record


def check(harness: object) -> None:
    """Stands for a check of the contract."""


def asked(url: str, shelf: Shelf, text: str) -> tuple[int, str, str]:
    host = HttpHost(url, HttpLimits(rate_per_s=0))
    before = host.request("GET", f"{url}a.json").status_code
    put = shelf.put(text)
    return before, put, host.request("GET", f"{url}a.json").text


def test_each_act_and_answer_comes_again(
    recorded: Callable[[str, bool], Tape], tmp_path: Path
) -> None:
    """In the order of the acts, without the server and whatever the harness gives."""
    tape = recorded('{"a": 1}', True)
    with tape.playing(check):
        again = asked("http://127.0.0.1:1/", Shelf(tmp_path), "un autre")
    assert again == (404, '{"a": 1}', '{"a": 1}')


def test_what_was_not_recorded_is_refused(
    recorded: Callable[[str, bool], Tape], tmp_path: Path
) -> None:
    """Another request, and another act."""
    tape = recorded('{"a": 1}', True)
    with tape.playing(check):
        host, shelf = HttpHost("http://127.0.0.1:1/"), Shelf(tmp_path)
        with pytest.raises(AssertionError, match=r"b\.json"):
            host.request("GET", "http://127.0.0.1:1/b.json")
        shelf.put("")
        with pytest.raises(AssertionError, match="put"):
            shelf.put("")


def test_a_server_that_answers_otherwise_is_noticed(
    recorded: Callable[[str, bool], Tape],
) -> None:
    """By the fields and kinds of its answers; their values may differ."""
    recorded('{"a": 1}', True)
    recorded('{"a": 2}', False)
    for other in ('{"a": "2"}', '{"b": 1}', "[]"):
        with pytest.raises(AssertionError, match=KEEP):
            recorded(other, False)
