"""Texts for people and for programs without characters that steer a terminal or turn a line."""

import json

import pytest

from search_api.plain_text import safe_json, safe_spans, safe_text

pytestmark = pytest.mark.trust

STEERING = "\u202e\u2066\u200f\u061c\x1b\x9b\x7f\u200b\U000e0041\ud800"


def test_what_steers_leaves_a_text_and_its_lines_stay() -> None:
    assert safe_text(f"une{STEERING}\n\tdeux") == "une\n\tdeux"


def test_a_program_reads_the_same_json_without_raw_steering() -> None:
    """A command's `--json` is also read in a terminal."""
    value = {"title": f"une{STEERING}\n"}
    written = safe_json(json.dumps(value, ensure_ascii=False, indent=2))
    assert safe_text(written) == written
    assert json.loads(written) == value


def test_offsets_enclose_the_same_words() -> None:
    text = f"{STEERING}une {STEERING}parcelle{STEERING} bornée"
    start = text.index("parcelle")
    ((begin, end),) = safe_spans(text, [(start, start + len("parcelle"))])
    assert safe_text(text)[begin:end] == "parcelle"
