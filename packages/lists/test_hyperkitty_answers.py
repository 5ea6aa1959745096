"""Possible answers of HyperKitty and Mailman, without a real server."""

import gzip
import json
import tracemalloc
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from quisait_connector_kit.connector_contract import apply, last_cursor
from quisait_connector_kit.memory_seen import MemorySeen
from quisait_lists.archives import split_mbox
from quisait_lists.hyperkitty import open_hyperkitty
from quisait_lists.hyperkitty_options import HyperkittyOptions
from quisait_mailbox.documents import link_of

from connectors.http_host import HttpHost, HttpResponse
from connectors.installed import SourcePlace
from connectors.ports import Malformed, SourceUnreachable, SubtreeHidden
from connectors.snapshot import Snapshot
from connectors.values import Access

pytestmark = pytest.mark.sources

NAME = "cadastre@exemple.fr"
EVERYONE = Access(frozenset({"everyone"}))


def digest(name: str) -> str:
    return link_of("{hash}", "", f"{name}@exemple.fr", None)


@dataclass
class Answers:
    """A list's threads with their mails, and replaced answers by the end of a path."""

    threads: dict[str, list[str]]
    failing: set[str] = field(default_factory=set)
    instead: dict[str, Any] = field(default_factory=dict)
    asked: int = 0

    def request(
        self, host: HttpHost, method: str, url: str, params: Any = None, **_: Any
    ) -> HttpResponse:
        self.asked += 1
        assert self.asked < 500, "it ends"
        path, params = urlsplit(url).path, params or {}
        if "/export/" in path:
            return self._exported(**params)
        for ends, said in self.instead.items():
            if path.endswith(ends):
                return answer(said)
        if path.endswith(("archive_policy", f"/{NAME}/")):
            return answer({"archive_policy": "public"})
        found: list[Any] = []
        if path.endswith("/emails/"):
            found = [
                {"message_id_hash": digest(one), "thread": f"http://x/{digest(first)}/"}
                for first, mails in self.threads.items()
                for one in mails
            ]
        return answer({"count": len(found), "results": found[params.get("offset", 0) :]})

    def _exported(self, thread: str = "", message: str = "") -> HttpResponse:
        wanted = [
            one
            for first, mails in self.threads.items()
            for one in mails
            if thread == digest(first) or message == digest(one)
        ]
        if self.failing.intersection(wanted):
            raise SourceUnreachable("en panne")
        text = "".join(
            f"From a@x Mon Mar  2 10:00:00 2026\nMessage-ID: <{one}@exemple.fr>\n"
            f"From: a@x\nSubject: S\n\nLe texte {one}.\n\n"
            for one in wanted
        )
        return HttpResponse(200, {}, gzip.compress(text.encode()))


def answer(said: Any) -> HttpResponse:
    return HttpResponse(200, {}, json.dumps(said).encode())


def connector(answers: Answers, folder: Path, monkeypatch: pytest.MonkeyPatch) -> Snapshot:
    monkeypatch.setattr(HttpHost, "request", lambda host, *a, **k: answers.request(host, *a, **k))
    (folder / "core").write_text("x", "utf-8")
    options = HyperkittyOptions.model_validate(
        {
            "url": "https://x/archives/",
            "core_url": "https://x/3.1/",
            "core_password_file": "core",
            "lists": {NAME: {}},
        }
    )
    place = SourcePlace("t", folder, EVERYONE, lambda: "")
    return Snapshot(open_hyperkitty(place, options), MemorySeen())


@pytest.mark.parametrize("mails", [1, 6])
def test_mails_that_are_not_given_are_asked_for_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, mails: int
) -> None:
    """Other threads are read; the missing mails are read once HyperKitty gives them."""
    broken = [f"q{number}" for number in range(mails)]
    answers = Answers({"q0": broken, "p": ["p"], "r": ["r"]}, failing=set(broken))
    reading = connector(answers, tmp_path, monkeypatch)
    first = list(reading.changes(None))
    kept = apply(first)
    assert sorted(one.sections[0].text for one in kept.values()) == ["Le texte p.", "Le texte r."]
    assert sum(isinstance(one, Malformed) for one in first) == mails
    answers.failing.clear()
    kept = apply(reading.changes(last_cursor(first)), kept)
    texts = {section.text for one in kept.values() for section in one.sections}
    assert texts == {f"Le texte {one}." for one in (*broken, "p", "r")}


def test_exports_that_all_fail_end_the_reading(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Thread after thread: nothing is deleted, nor taken for read."""
    names = [f"q{number}" for number in range(9)]
    answers = Answers({one: [one] for one in names}, failing=set(names))
    with pytest.raises(SourceUnreachable, match="en panne"):
        list(connector(answers, tmp_path, monkeypatch).changes(None))


@pytest.mark.parametrize(
    "said",
    [
        {"count": 1, "results": "abc"},
        {"count": 1, "results": {"a": 1}},
        {"count": 1, "results": [1]},
        {"count": 10**9, "results": [{"message_id_hash": "A", "thread": "/A/"}]},
    ],
)
def test_a_listing_that_is_none_or_never_ends_closes_the_list(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, said: dict[str, Any]
) -> None:
    """Nobody reads it until it is understood again."""
    answers = Answers({"q": ["q"]}, instead={"/emails/": said})
    changes = list(connector(answers, tmp_path, monkeypatch).changes(None))
    assert SubtreeHidden(f"t:{NAME}") in changes
    assert any(isinstance(one, Malformed) for one in changes)


def test_members_that_are_named_without_end_are_nobody(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In bounded time."""
    roster = {"total_size": 10**9, "entries": [{"email": "ana@exemple.fr"}] * 50}
    private = {"archive_policy": "private"}
    answers = Answers({"q": ["q"]}, instead={"archive_policy": private, "/member": roster})
    kept = apply(connector(answers, tmp_path, monkeypatch).changes(None))
    assert {one.access for one in kept.values()} == {Access()}


def test_a_mail_of_short_lines_is_held_in_its_own_size() -> None:
    """A line costs no more than its bytes: an archive is unpacked as it is read."""

    class Lines:
        def __init__(self) -> None:
            self._lines: Iterator[bytes] = iter(
                [b"From a@x Mon Mar  2 10:00:00 2026\n", *[b"a\n"] * 20_000]
            )

        def readline(self, size: int, /) -> bytes:
            return bytes(bytearray(next(self._lines, b"")))

    lines = Lines()
    tracemalloc.start()
    try:
        (mail,) = split_mbox(lines)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert mail.length == 40_000
    assert peak < 4 * mail.length
