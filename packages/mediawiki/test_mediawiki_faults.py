"""A real wiki behind a door that misbehaves: nothing is lost, nothing false is kept."""

import time
from collections.abc import Iterator
from dataclasses import replace

import pytest

from connectors.http_host import HttpHost
from connectors.http_limits import HttpLimits
from connectors.ports import (
    Change,
    Checkpoint,
    RecordVanished,
    SourceRefused,
    SourceUnreachable,
    Upsert,
)
from tests.wiki_proxy import Asked, Door, Fault, Said, door_before
from tests.wiki_reading import WikiReading
from tests.wiki_server import WikiServer, ensure_wiki

pytestmark = [pytest.mark.sources, pytest.mark.trust]

HURRIED = HttpLimits(rate_per_s=0, timeout_s=20, total_timeout_s=20, max_wait_s=3)


@pytest.fixture
def wiki() -> WikiServer:
    server = ensure_wiki()
    if not server.reset("behind a door"):
        server.reset()
        server.edit("Bornage", "La limite de deux parcelles.")
        server.edit("Régie", "Le régisseur de recettes.")
        server.upload("Note.txt", b"Le contenu de la note.", "Une note.")
        server.snapshot("behind a door")
    return server


@pytest.fixture
def door(wiki: WikiServer) -> Iterator[Door]:
    with door_before(wiki.url) as one:
        yield one


@pytest.fixture
def reading(wiki: WikiServer, door: Door) -> WikiReading:
    """The wiki's own addresses are those of the door, as behind any reverse proxy."""
    wiki.configure(f"$wgServer = '{door.url.rstrip('/')}';")
    return WikiReading(wiki, url=door.url, limits=HURRIED)


def once(fault: Fault) -> Fault:
    """The fault at the first request that it concerns, and never again."""
    happened: list[Said] = []

    def rarely(asked: Asked) -> Said | None:
        said = None if happened else fault(asked)
        if said is not None:
            happened.append(said)
        return said

    return rarely


def when_rendering(said: Said) -> Fault:
    return lambda asked: said if asked.get("action") == "parse" else None


def when_listing(said: Said) -> Fault:
    return lambda asked: said if asked.get("generator") == "allpages" else None


LATER = {
    "429": Said(b"doucement", 429, {"Retry-After": "1"}),
    "429 without a time": Said(b"doucement", 429),
    "503": Said(b"en maintenance", 503, {"Retry-After": "1"}),
    "500": Said(b"<html>panne</html>", 500),
    "maxlag": Said(
        b'{"error": {"code": "maxlag"}}', headers={"X-Database-Lag": "9", "Retry-After": "1"}
    ),
    "ratelimited": Said(b'{"error": {"code": "ratelimited", "info": ""}}'),
    "cut": Said(b'{"query"', promised=50),
}


@pytest.mark.parametrize("name", LATER)
def test_a_wiki_that_asks_to_wait_is_waited_for(
    reading: WikiReading, door: Door, name: str
) -> None:
    """Once: the reading goes on after the wait, and is whole."""
    door.fault = once(when_rendering(LATER[name]))
    began = time.monotonic()
    reading.read()
    assert reading.titles() == ["Bornage", "Note.txt", "Régie"]
    assert time.monotonic() - began >= 1


@pytest.mark.parametrize("name", LATER)
def test_a_wiki_that_only_asks_to_wait_is_left(reading: WikiReading, door: Door, name: str) -> None:
    """For ever: the reading ends as unreachable, within its patience, and deletes nothing."""
    seen: list[Change] = []
    door.fault = when_listing(LATER[name])
    with pytest.raises(SourceUnreachable, match="wiki"):
        seen.extend(reading.connector().changes(None))
    assert seen == []


GARBAGE = {
    "a page in its place": Said(b"<!DOCTYPE html><title>Portail</title>"),
    "half an answer": Said(b'{"batchcomplete": true, "query": {"pages": [{"pageid": 1,'),
    "a list": Said(b"[]"),
    "nothing": Said(b""),
    "other shapes": Said(b'{"batchcomplete": true, "query": {"pages": {"a": 1}}}'),
    "not text": Said(b"\xff\xfe\x00"),
    "an endless list": Said(b'{"continue": {"gapcontinue": "A"}, "query": {"pages": []}}'),
    "numbers that are none": Said(b'{"query": {"pages": [{"pageid": "x"}]}}'),
}


@pytest.mark.parametrize("name", GARBAGE)
def test_garbage_is_no_answer(reading: WikiReading, door: Door, name: str) -> None:
    """The source counts as unreachable; what is kept stays, and nothing is held for deleted."""
    seen: list[Change] = []
    door.fault = when_listing(GARBAGE[name])
    with pytest.raises(SourceUnreachable):
        seen.extend(reading.connector().changes(None))
    assert not [change for change in seen if not isinstance(change, Checkpoint)]


def test_no_other_host_is_ever_asked(reading: WikiReading, door: Door) -> None:
    """Neither by a redirect, nor for a file; another port is another host."""
    with door_before(reading.wiki.url) as elsewhere:
        away = Said(status=302, headers={"Location": f"{elsewhere.url}api.php"})
        door.fault = when_rendering(away)
        with pytest.raises(SourceRefused, match="renvoie vers"):
            reading.read()
        reading.wiki.configure(f"$wgServer = '{elsewhere.url.rstrip('/')}';")
        door.fault = lambda asked: None
        reading.read()
        assert reading.document("Note.txt").content is None
        assert elsewhere.asked == []


def test_a_redirect_on_the_host_is_followed(reading: WikiReading, door: Door) -> None:
    """As where api.php has moved to another folder."""
    moved = Said(status=301, headers={"Location": "/api.php?action=query&format=json"})
    door.fault = lambda asked: moved if asked["path"] == "/ancien/api.php" else None
    answer = HttpHost(door.url, HURRIED).request("GET", f"{door.url}ancien/api.php")
    assert answer.status_code == 200
    assert [asked["path"] for asked in door.asked] == ["/ancien/api.php", "/api.php"]


def test_a_file_that_is_not_the_announced_one_is_not_kept(reading: WikiReading, door: Door) -> None:
    """Its digest says that something else came: an error page, or another version."""
    (file,) = [
        c.document for c in reading.connector().changes(None)
        if isinstance(c, Upsert) and c.document.content
    ]  # fmt: skip
    assert file.content is not None
    assert file.content.read() == b"Le contenu de la note."
    door.fault = lambda asked: Said(b"<html>") if "img_auth" in asked["path"] else None
    with pytest.raises(RecordVanished, match="annonce"):
        file.content.read()


def test_a_lost_session_is_begun_again(reading: WikiReading, door: Door) -> None:
    """Where the wiki forgot the login, the account logs in again, and no page is missed."""
    forgotten = Said(b'{"error": {"code": "assertuserfailed", "info": ""}}')
    door.fault = once(when_listing(forgotten))
    reading.read()
    assert reading.titles() == ["Bornage", "Note.txt", "Régie"]


def test_a_wiki_that_lags_says_so_itself(
    reading: WikiReading, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The real wiki refuses a reading that bears no lag; the reading says why it ends."""
    monkeypatch.setattr("quisait_mediawiki.client.MAXLAG_S", -2)
    with pytest.raises(SourceUnreachable, match="retard"):
        reading.read()


def test_requests_are_as_far_apart_as_the_rate_says(reading: WikiReading, door: Door) -> None:
    """And every one says what lag it bears and that it is logged in."""
    waits: list[float] = []
    channel = HttpHost(door.url, replace(HURRIED, rate_per_s=20), sleep=waits.append)
    door.fault = lambda asked: Said(b"{}")
    for _ in range(5):
        channel.request("GET", f"{door.url}api.php")
    assert len(waits) == 4
    assert sum(waits) > 0
    door.asked.clear()
    door.fault = lambda asked: None
    reading.read()
    told = [a for a in door.asked if a.get("action") in ("query", "parse") and "type" not in a]
    assert {(a["maxlag"], a["assert"]) for a in told} == {("5", "user")}


def test_an_address_without_a_wiki_is_refused(wiki: WikiServer) -> None:
    """A wrong path, and a port where nobody answers, each have their own sentence."""
    with pytest.raises(SourceRefused, match="« url »"):
        WikiReading(wiki, url=f"{wiki.url}absent/", limits=HURRIED).read()
    with pytest.raises(SourceUnreachable):
        WikiReading(wiki, url="http://127.0.0.1:9/", limits=HURRIED).read()
