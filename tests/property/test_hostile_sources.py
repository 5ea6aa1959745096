"""Whatever a source holds, what is sound arrives and nothing opens by mistake."""

import contextlib
import json
import tempfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from quisait_connector_kit.memory_seen import MemorySeen
from quisait_export.connector import ExportSource

from connectors.folder.rules import RuleTable, parse_table, rule_and_ignored
from connectors.ports import Change, Checkpoint, SourceError, Upsert
from connectors.snapshot import Snapshot
from tests.selection import examples

pytestmark = [pytest.mark.sources, pytest.mark.trust]

HEADER = b'{"type":"header","version":1}'
json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3)
    ),
    max_leaves=8,
)
OPTIONAL = (
    "id title author text readers created answers attachments contributors sections space replaces"
)
TYPES = ("post", "thread", "page", "access", "deleted", "space", "account")
record_like = st.fixed_dictionaries(
    {"type": st.sampled_from(TYPES)}, optional=dict.fromkeys(OPTIONAL.split(), json_values)
)
hostile = st.one_of(
    st.binary(max_size=200).map(lambda raw: raw.replace(b"\n", b" ")),
    json_values.map(lambda value: json.dumps(value).encode()),
    record_like.map(lambda value: json.dumps(value).encode()),
)


@examples(80, 400)
@given(st.lists(hostile, max_size=8), st.booleans())
def test_sound_records_arrive_among_any_others(noise: list[bytes], ended: bool) -> None:
    """Any bytes between sound records raise nothing and take nothing along."""
    lines = [HEADER]
    for number, raw in enumerate(noise):
        sound = {"type": "post", "id": f"sound {number}", "title": "t", "text": "x"}
        lines += [raw, json.dumps(sound).encode()]
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "e.jsonl"
        path.write_bytes(b"\n".join(lines) + b"\n" * ended)
        reading = Snapshot(ExportSource("w", path), MemorySeen())
        changes = list(reading.changes(None))
        rest = list(reading.changes(_cursor(changes)))
    arrived = {c.document.id for c in changes if isinstance(c, Upsert)}
    assert {f"w:sound {number}" for number in range(len(noise))} <= arrived
    assert not [c for c in rest if isinstance(c, Upsert)]


def _cursor(changes: list[Change]) -> str:
    last = changes[-1]
    assert isinstance(last, Checkpoint)
    return last.cursor


@examples(40, 300)
@given(st.lists(hostile, max_size=4))
def test_only_source_errors_are_raised(noise: list[bytes]) -> None:
    """Without a header, the only errors are those that say what to do."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "e.jsonl"
        path.write_bytes(b"\n".join(noise))
        with contextlib.suppress(SourceError):
            list(Snapshot(ExportSource("w", path)).changes("cursor"))


sound_rows = st.sampled_from(
    ["**,g:g:a,", "*,g:g:b,", "x.txt,nobody,", "**,,g:g:d", "a/*,everyone,", "**/x.txt,g:g:c,"]
)
cells = st.text(st.characters(exclude_characters='\n\r\0"', codec="utf-8"), max_size=12)
any_rows = st.tuples(cells, cells, cells).map(",".join)


@examples(100, 600)
@given(st.lists(sound_rows, max_size=4), any_rows, st.lists(sound_rows, max_size=4))
def test_a_broken_row_never_widens(before: list[str], odd: str, after: list[str]) -> None:
    """A row that is not understood leaves each file as it was without it, or to nobody."""
    with_it, problems = parse_table(_table([*before, odd, *after]), (), trusted=True)
    without, _ = parse_table(_table([*before, *after]), (), trusted=True)
    for path in (("x.txt",), ("a", "x.txt"), ("a", "b", "y")):
        if problems:
            assert rule_and_ignored(path, [with_it])[0] in (
                None,
                rule_and_ignored(path, [without])[0],
            )


@examples(80, 400)
@given(st.binary(max_size=300))
def test_any_bytes_as_table_open_nothing(content: bytes) -> None:
    """Bytes that are no table leave all that lies below to nobody; nothing is raised."""
    table, problems = parse_table(content, (), trusted=True)
    assert isinstance(table, RuleTable)
    if b"pattern" not in content.lower():
        assert problems
        assert rule_and_ignored(("any", "file"), [table])[0] is None


def _table(rows: list[str]) -> bytes:
    return "\n".join(["pattern,allowed,denied", *rows]).encode()
