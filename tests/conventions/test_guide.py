"""The agents' guide and its pictures belong together, and stay light."""

import re
from pathlib import Path

import pytest

from benchmarks.guide import MOST_BYTES, PICTURES

pytestmark = pytest.mark.pages

DOCS = Path(__file__).resolve().parents[2] / "docs"


def test_each_picture_is_taken_by_the_command_and_shown() -> None:
    """What the guide shows, what `make guide` takes and what is kept are the same."""
    shown = set(re.findall(r"\(images/([\w-]+)\.png\)", (DOCS / "guide.md").read_text("utf-8")))
    kept = {one.stem for one in (DOCS / "images").glob("*")}
    assert shown == kept == {one.name for one in PICTURES}


def test_pictures_are_light_and_say_nothing_of_a_machine() -> None:
    """Together under their limit; each holds its image alone, without a text of its maker."""
    pictures = [one.read_bytes() for one in (DOCS / "images").glob("*.png")]
    assert sum(map(len, pictures)) <= MOST_BYTES
    for one in pictures:
        assert one.startswith(b"\x89PNG")
        assert not any(chunk in one for chunk in (b"tEXt", b"iTXt", b"eXIf"))
