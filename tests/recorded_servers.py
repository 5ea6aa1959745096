"""The contract of connectors whose servers start slowly, on what those servers answered once.

`make soak` runs a check on the real server and keeps, in their order, the acts of the harness on
the server and each answer to the connector (`Tape.recording`); it compares the kinds of acts, of
requests and of answers with the kept ones. `make test` runs the same check on the kept answers
(`Tape.playing`). With `TESTS_KEEP_RECORDINGS=1` the soak writes what it recorded.
"""

import gzip
import json
import os
import re
from base64 import b64decode, b64encode
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import requests
from quisait_connector_kit.connector_contract import ConnectorHarness
from requests.structures import CaseInsensitiveDict

from connectors.http_host import HttpHost, HttpResponse, RetryLater

KEEP = "TESTS_KEEP_RECORDINGS"
READ_HEADERS = ("Content-Type", "Date", "Location", "X-Robots-Tag", "X-WP-Total")
"""Headers that connectors read; the others are not kept."""
_DRAWN = re.compile(r"quisait\.[0-9a-f]{16}")
"""In a request to Matrix, so that its server answers anew."""
_FIELD = re.compile(r"<input[^>]*>")
"""Of a page a connector reads the fields of its form at most."""
_KEY = re.compile(r'(?<="api_key":")\w+')
Check = Callable[[ConnectorHarness], None]
Event = list[Any]
"""An act and what it gave (`["act", name, value]`), or a request and its answer (`["ask", …]`)."""


@dataclass(frozen=True, slots=True)
class Seam:
    """The method by which a connector asks: `key` names a request, answers are written as JSON."""

    owner: type
    method: str
    key: Callable[..., str]
    written: Callable[[Any], Any]
    read: Callable[[Any, str], Any]


@dataclass(frozen=True, slots=True)
class Tape:
    """A file with the events of each check. `acts` are the methods by which a harness acts.

    `kept` are the fields of what acts give that the harness reads; the others are left out.
    Without `seams`, the connector asks by HTTP.
    """

    file: Path
    acts: tuple[tuple[type, str], ...]
    kept: frozenset[str] | None = None
    seams: tuple[Seam, ...] = ()

    @contextmanager
    def recording(self, check: Check, *ports: int) -> Iterator[None]:
        """Record a check on the server at these ports and compare it with what is kept."""
        events: list[Event] = []
        with pytest.MonkeyPatch.context() as patch:
            self._record(patch, events)
            yield
        found = json.loads(_without_ports(json.dumps(events), ports))
        name = check.__name__
        if os.environ.get(KEEP):
            self.file.write_bytes(_packed(self._checks() | {name: found}))
        now, kept = _kinds(found), _kinds(self._checks().get(name, []))
        assert now == kept, (
            f"{self.file.name}: the server answers otherwise than recorded; if that is right, run "
            f"this test again with {KEEP}=1"
        )

    @contextmanager
    def playing(self, check: Check) -> Iterator[None]:
        """Answer as recorded for this check; no server is asked."""
        played = _Played(self.file.name, self._checks()[check.__name__])
        with pytest.MonkeyPatch.context() as patch:
            for owner, name in self.acts:
                patch.setattr(owner, name, played.act(name))
            for seam in self.seams or (HTTP,):
                patch.setattr(seam.owner, seam.method, played.answering(seam))
            yield

    def _checks(self) -> dict[str, list[Event]]:
        if not self.file.exists():
            return {}
        kept = json.loads(gzip.decompress(self.file.read_bytes()))
        answers = kept["answers"]
        return {
            name: [[*event[:2], answers[event[2]]] for event in events]
            for name, events in kept["checks"].items()
        }

    def _record(self, patch: pytest.MonkeyPatch, events: list[Event]) -> None:
        for owner, name in self.acts:
            patch.setattr(owner, name, self._recorded(getattr(owner, name), name, events))
        for seam in self.seams or (HTTP,):
            method = getattr(seam.owner, seam.method)
            patch.setattr(seam.owner, seam.method, self._asked(method, seam, events))

    def _asked(self, method: Callable[..., Any], seam: Seam, events: list[Event]) -> Any:
        def asked(owner: Any, *given: Any, **named: Any) -> Any:
            answer = method(owner, *given, **named)
            events.append(["ask", seam.key(*given, **named), seam.written(answer)])
            return answer

        return asked

    def _recorded(self, method: Callable[..., Any], name: str, events: list[Event]) -> Any:
        def act(*given: Any, **named: Any) -> Any:
            before = len(events)
            done = method(*given, **named)
            del events[before:]  # acts of which this one is made
            events.append(["act", name, self._kept(done)])
            return done

        return act

    def _kept(self, done: Any) -> Any:
        if isinstance(done, list):
            return [self._kept(one) for one in done]
        if self.kept is None or not isinstance(done, dict):
            return done
        return {name: value for name, value in done.items() if name in self.kept}


@dataclass(slots=True)
class _Played:
    """The events of a check. Between two acts, requests are answered whatever their order."""

    name: str
    events: list[Event]
    at: int = 0
    given: dict[str, int] = field(default_factory=dict)

    def act(self, name: str) -> Callable[..., Any]:
        """Return what gives what this act gave; later requests have the answers from then on."""

        def gave(*given: object, **named: object) -> Any:
            while self.at < len(self.events) and self.events[self.at][0] != "act":
                self.at += 1
            if self.at == len(self.events) or self.events[self.at][1] != name:
                self._unknown(f"the act {name}")
            self.at += 1
            self.given.clear()
            return self.events[self.at - 1][2]

        return gave

    def answering(self, seam: Seam) -> Callable[..., Any]:
        """Return what gives the next answer to a request, the last one again and again."""

        def gave(owner: object, *given: Any, **named: Any) -> Any:
            asked = seam.key(*given, **named)
            answers = []
            for kind, key, answer in self.events[self.at :]:
                if kind == "act":
                    break
                if key == asked:
                    answers.append(answer)
            if not answers:
                self._unknown(asked)
            number = self.given[asked] = self.given.get(asked, -1) + 1
            return seam.read(answers[min(number, len(answers) - 1)], asked)

        return gave

    def _unknown(self, what: str) -> None:
        raise AssertionError(
            f"{self.name} has no answer to {what}: if the connector is right to ask, record again "
            f"by `make soak ARGS='sources -k contract'` with {KEEP}=1"
        )


def _request(url: str, params: Any, asked: Any) -> str:
    address = str(requests.Request("GET", url, params=params).prepare().url)
    return f"{asked.method} {_DRAWN.sub('quisait.', address)}"


def _written(answer: HttpResponse | RetryLater) -> Any:
    if isinstance(answer, RetryLater):
        return {"later": answer.reason, "wait_s": answer.wait_s, "responded": answer.responded}
    body = answer.content
    said: dict[str, Any] = {
        "status": answer.status_code,
        "headers": {one: answer.headers[one] for one in READ_HEADERS if one in answer.headers},
    }
    try:
        text = body.decode()
    except UnicodeDecodeError:
        return said | {"bytes": b64encode(body).decode()}
    if answer.headers.get("Content-Type", "").startswith("text/html"):
        text = "".join(_FIELD.findall(text))
    return said | {"text": _KEY.sub("", text)}


def _read(said: Mapping[str, Any], asked: str) -> HttpResponse | RetryLater:
    if "later" in said:
        return RetryLater(said["later"], said["wait_s"], said["responded"])
    body = said["text"].encode() if "text" in said else b64decode(said["bytes"])
    headers = CaseInsensitiveDict(said["headers"])
    return HttpResponse(said["status"], headers, body, asked.partition(" ")[2])


HTTP: Seam = Seam(HttpHost, "_send", _request, _written, _read)
"""Through which every connector of the repository asks by HTTP."""


def _without_ports(text: str, ports: tuple[int, ...]) -> str:
    """Put 1, 2… for the ports of the server."""
    for number, port in enumerate(ports, 1):
        text = re.sub(rf"(127\.0\.0\.1(?::|%3A)){port}\b", rf"\g<1>{number}", text)
    return text


def _packed(checks: Mapping[str, list[Event]]) -> bytes:
    """Write what several events answer once; nothing of the moment of writing."""
    numbers: dict[str, int] = {}
    written = {
        name: [
            [kind, key, numbers.setdefault(json.dumps(answer, sort_keys=True), len(numbers))]
            for kind, key, answer in events
        ]
        for name, events in sorted(checks.items())
    }
    kept = {"checks": written, "answers": [json.loads(one) for one in numbers]}
    return gzip.compress(json.dumps(kept, ensure_ascii=False, sort_keys=True).encode(), mtime=0)


def _kinds(events: list[Event]) -> set[str]:
    """Return what acts, requests and answers are of, without the values in them."""
    return {
        f"{kind} {_plain(key)}: {json.dumps(_shape(answer), sort_keys=True)}"
        for kind, key, answer in events
    }


def _plain(key: str) -> str:
    """A request without its numbers, names and values: its path's fixed words and parameters."""
    method, _, address = key.partition(" ")
    if not address:
        return key
    split = urlsplit(address)
    names = sorted({one.partition("=")[0] for one in split.query.split("&")})
    return f"{method} {'&'.join(names)}"


def _shape(value: Any) -> Any:
    if isinstance(value, dict):
        if "text" in value and "headers" in value:
            try:
                said = _shape(json.loads(value["text"]))
            except ValueError:
                said = "text"
            return {"status": value["status"], "headers": sorted(value["headers"]), "said": said}
        # An id that is a name, like a room's, is no name of a field.
        named = [(name if name[:1].isalpha() else "*", one) for name, one in value.items()]
        return {name: _shape([one for other, one in named if other == name]) for name, _ in named}
    if isinstance(value, list):
        return sorted({json.dumps(_shape(one), sort_keys=True) for one in value})
    return "" if value is None else type(value).__name__
