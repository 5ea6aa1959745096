"""Contract of extractors for hostile files: only the hostile file itself may fail."""

import time
from pathlib import Path

from indexer.errors import ExtractionFailed
from indexer.extraction.files import ExtractionLimits
from indexer.ports import Extractor
from indexer.values import Extracted, Failure
from tests.contract import extractor_contract as contract

LIMITS = ExtractionLimits(
    timeout_s=30.0,
    max_bytes=20_000_000,
    max_characters=200_000,
    max_parts=100,
    max_memory_bytes=1_000_000_000,
)
_AFTERWARDS_S = 30.0
"""Sending, starting a child anew, reading the answer on a busy machine."""
_MOST_MEMORY = 250_000_000
_STATUS = Path("/proc/self/status")


def costs_itself_alone(extractor: Extractor, content: bytes, filename: str) -> Extracted | Failure:
    """Text or a named failure, in bounded time, text and memory; the next file is read."""
    Path("/proc/self/clear_refs").write_text("5")  # the peak begins here
    before, began = _memory("VmRSS"), time.monotonic()
    ended, reason = _ended(extractor, content, filename)
    assert reason
    assert time.monotonic() - began < LIMITS.timeout_s + _AFTERWARDS_S
    assert _memory("VmHWM") - before < _MOST_MEMORY
    if isinstance(ended, Extracted):
        _is_bounded(ended)
    contract.reads(extractor, contract.READABLE[1])
    return ended


def _ended(extractor: Extractor, content: bytes, filename: str) -> tuple[Extracted | Failure, str]:
    try:
        return extractor.extract(content, filename, None), "read"
    except ExtractionFailed as failed:
        return failed.failure, str(failed)


def _is_bounded(extracted: Extracted) -> None:
    text = sum(len(section.text) for section in extracted.sections)
    assert 0 < text <= LIMITS.max_characters
    paths = {section.path for section in extracted.sections}
    assert len(paths) <= LIMITS.max_parts + 1
    named = [part.path for part in extracted.unread]
    assert len(named) == len(set(named)) <= LIMITS.max_parts + 1
    for path in (*paths, *named):
        assert path.isprintable()
        assert ".." not in path.split("/")
        assert path.count("/") <= 2 * LIMITS.max_depth + 2
    assert not any("root:" in section.text for section in extracted.sections)


def names_what_it_leaves_out(
    extractor: Extractor, content: bytes, filename: str, missing: dict[str, Failure], words: str
) -> None:
    """The readable part is text; each part that is not is named by its path and why."""
    extracted = extractor.extract(content, filename, None)
    assert words in " ".join(section.text for section in extracted.sections)
    assert {part.path: part.failure for part in extracted.unread} == missing
    assert all(part.reason for part in extracted.unread)


def _memory(field: str) -> int:
    """Bytes of this process, resident now (`VmRSS`) or at most (`VmHWM`)."""
    for line in _STATUS.read_text().splitlines():
        if line.startswith(f"{field}:"):
            return int(line.split()[1]) * 1024
    raise LookupError(field)
