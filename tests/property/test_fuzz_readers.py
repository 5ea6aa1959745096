"""Parsers of foreign bytes: any input is parsed, refused or skipped, and every parser ends."""

import json
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from quisait_export.connector import ExportSource
from quisait_lasuite.documents import SuiteRules, parse_find_item
from quisait_push.items import parse_item
from quisait_push.routes import parsed

from connectors.ports import SourceError
from connectors.snapshot import Snapshot
from expertise.topics import read_topics
from search_api.problems import Problem
from search_api.query.query import operators_in, read_day

pytestmark = [pytest.mark.sources, pytest.mark.trust]

BOUNDED = settings(
    max_examples=150, derandomize=True, database=None, deadline=60_000,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)  # fmt: skip
"""A minute for a text of a few characters: it hangs, however busy the machine is."""
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3)
    | st.dictionaries(
        st.sampled_from(
            ["type", "id", "title", "text", "author", "created", "readers", "allowed", "denied",
             "attachments", "name", "base64", "path", "version", "sections", "space", "kind",
             "users", "groups", "reach", "is_active", "content", "complete", "answers"]
        ),
        inner,
        max_size=6,
    ),
    max_leaves=15,
)  # fmt: skip
TYPES = ["header", "account", "space", "post", "thread", "page", "message", "deleted", "access"]
RECORDS = st.builds(
    lambda body, kind: {**body, "type": kind} if isinstance(body, dict) else body,
    JSON,
    st.sampled_from(TYPES),
)
PIECES = st.lists(
    st.sampled_from(
        ["(", ")", '"', "«", "»", "-", "OU", "auteur:", "avant:", "après:", "entité:", "type:",
         " ", "\u202f", "\x00", "12/13/2024", "9999", "mars", "taxe", "é", ":", "\ud800", "'"]
    ),
    max_size=60,
).map("".join)  # fmt: skip


@BOUNDED
@given(lines=st.lists(st.binary(max_size=200) | RECORDS.map(lambda r: _line(r)), max_size=8))
@example(lines=[b'{"type":"post","id":' + b"[" * 5000])
def test_an_export(tmp_path: Path, lines: list[bytes]) -> None:
    """It yields changes or says that it cannot be read; never anything else, twice the same."""
    path = tmp_path / "export.jsonl"
    path.write_bytes(b"\n".join(lines))

    def read() -> list[str]:
        try:
            return [repr(type(one)) for one in Snapshot(ExportSource("x", path)).changes(None)]
        except SourceError as error:
            return [type(error).__name__]

    assert read() == read()


def _line(record: object) -> bytes:
    return json.dumps(record).encode()


@BOUNDED
@given(item=JSON | RECORDS)
def test_what_is_pushed(item: object) -> None:
    """Every item has its answer, in both ways of pushing."""
    assert parse_item(item, 10_000) is not None
    assert parse_find_item(item, "docs", SuiteRules(), 10_000) is not None


@BOUNDED
@given(body=st.binary(max_size=300) | JSON.map(lambda one: _line(one)))
@example(body=b"[" * 100_000)
@example(body=b"9" * 10_000)
def test_the_body_of_a_push(body: bytes) -> None:
    """JSON, or a problem 400."""
    try:
        parsed(body)
    except Problem as problem:
        if problem.status != 400:
            raise


@BOUNDED
@given(typed=PIECES | st.text(max_size=80))
@example(typed="(" * 20_000)
@example(typed='"' * 20_000)
@example(typed="a OU " * 20_000)
@example(typed="auteur:" * 5_000)
def test_the_query_language(typed: str) -> None:
    """Whatever is typed is read, in time."""
    assert all(one is not None for one in operators_in(typed))
    read_day(typed)


LAUGHS = (
    b'<!DOCTYPE x [<!ENTITY a0 "ha">'
    + b"".join(b'<!ENTITY a%d "%s">' % (n, b"&a%d;" % (n - 1) * 20) for n in range(1, 12))
    + b"]><x>&a11;</x>"
)
"""A billion laughs."""

TEXT_BYTES = st.text(max_size=200).map(lambda text: text.encode("utf-8", "replace"))
SKOS = st.sampled_from([".csv", ".ttl", ".rdf", ".xml"])


@BOUNDED
@given(
    ending=SKOS,
    content=st.binary(max_size=300) | TEXT_BYTES,
)
@example(ending=".rdf", content=b'<!DOCTYPE x [<!ENTITY e SYSTEM "file:///etc/passwd">]><x>&e;</x>')
@example(ending=".rdf", content=LAUGHS)
def test_a_list_of_topics(tmp_path: Path, ending: str, content: bytes) -> None:
    """Topics and malformed lines, or a sentence."""
    path = tmp_path / f"sujets{ending}"
    path.write_bytes(content)
    with suppress(SourceError):
        assert "root:" not in repr(read_topics(path))
